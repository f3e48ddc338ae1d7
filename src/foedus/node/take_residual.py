"""Residual orders of others: taken once, and carried out by the day they name.

1. An order is believed for the signature of the originator of its item, which sends it itself: a
   node key of it that was in force at the instant stated.
2. Whatever it says (delete, return, keep until), the item ends here on that day: a return is an
   erasure, for its originator has what it gave. The day is set as the item's end, and the purge by
   retention does the rest; an earlier end of the item stands.
3. An order that comes before its item waits for it: the clock looks (:func:`settle_residuals`).
4. When its day has come and the item is no more here, or never came, it is done, and the log says
   so.

Spec: design §2 rule 5, §5; VCLT Art. 70.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from foedus.canonical import CanonicalError, parse_json
from foedus.clock import InstantError, parse_instant
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.own_log import enter
from foedus.node.ports import Transaction
from foedus.node.ports.withheld import NewResidual, ResidualRow
from foedus.release.gate import Gate
from foedus.signing import Envelope, KeyPurpose
from foedus.treaty.orders import open_order

__all__ = ["settle_residuals", "take_residual_order"]

_AHEAD: Final = timedelta(hours=1)
_AT_ONCE: Final = 500


def take_residual_order(
    tx: Transaction, node: Node, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take a residual order from its originator's lane; the same document again changes nothing.

    Raises:
        OrderError: It is no residual order, or not signed by the sender.
        RefusedError: It is of another originator or holder, of the other of exercise and real, or
            dated too far ahead.
    """
    given = _instant(envelope.payload, at)
    order = open_order(envelope, node.law.view(tx).keys(sender, KeyPurpose.NODE, given))
    told = order.order
    if told.item.originator != sender or told.holder != node.identity.member:
        raise RefusedError("a residual order between other members")
    if order.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix: the order says the other of the two")
    if order.at > at + _AHEAD:
        raise RefusedError("an order that is dated further ahead than any clock may err")
    tx.withheld.take_residual(
        NewResidual(
            digest=hashlib.sha256(envelope.payload).hexdigest(),
            item=told.item,
            kind=told.kind.value,
            treaty=order.treaty,
            left=order.left,
            due=told.due,
            received=at,
        )
    )
    # What it names is mostly here already: its end is set in the same unit of work.
    row = tx.items.by_key(told.item)
    if row is not None:
        _set_ends(tx, tx.withheld.residuals_arrived(limit=_AT_ONCE))


def settle_residuals(node: Node, gate: Gate) -> None:  # noqa: ARG001  # a step of the case clock
    """Set the ends of what has come since, and note what is carried out."""
    now = node.clock.now()
    with node.database.read() as tx:
        arrived = tx.withheld.residuals_arrived(limit=_AT_ONCE)
        done = tx.withheld.residuals_due(now, limit=_AT_ONCE)
    if not arrived and not done:
        return
    with node.database.write() as tx:
        _set_ends(tx, tx.withheld.residuals_arrived(limit=_AT_ONCE))
        done = tx.withheld.residuals_due(now, limit=_AT_ONCE)
        if done:
            tx.withheld.residual_done([each.number for each in done], at=now)
            erased = sum(each.handle > 0 for each in done)
            enter(tx, node, {"kind": "residual-orders", "done": len(done), "held": erased}, at=now)
    node.settle()


def _set_ends(tx: Transaction, arrived: Sequence[ResidualRow]) -> None:
    for each in arrived:
        order = each.order
        tx.retention.set_end([each.handle], order.due, f"residual {order.left} {order.treaty[:8]}")
        tx.withheld.residual_here(each.number, each.handle)


def _instant(unverified: bytes, otherwise: datetime) -> datetime:
    """Return the instant an order states, by which its key is looked up."""
    try:
        body = parse_json(unverified)
        text = body.get("instant", "") if isinstance(body, dict) else ""
        return parse_instant(text if isinstance(text, str) else "")
    except (CanonicalError, InstantError):
        return otherwise
