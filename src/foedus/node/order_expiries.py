"""Items given, or passed on, after a day was set for them: who has them now is told the day too.

An order of expiry goes to those who hold its items when it is given, and keeps nothing from being
given until its day. So whoever gets one of them meanwhile is sent the same order, in the unit of
work in which the item is given or its being passed on becomes known.

Spec: design §2 rules 4 and 5.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from foedus.casework.order import Order, OrderLine
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.context import Node
from foedus.node.order_documents import send_order
from foedus.node.ports import Transaction
from foedus.release.gate import Gate

__all__ = ["tell_expiries"]


def tell_expiries(
    tx: Transaction,
    node: Node,
    gate: Gate,
    member: MemberId,
    handles: Sequence[int],
    *,
    at: datetime,
    via: str = "",
) -> int:
    """Send a member every order of expiry on items it has just got; returns how many.

    Args:
        tx: A writing transaction, in which the member is known to have them.
        node: The node of their originator.
        gate: The node's gate.
        member: Who has them now.
        handles: Versions of ours or of others, redacted forms included.
        at: Now.
        via: Who passed them on; "" where we gave them.
    """
    names = tx.orders.expiring(handles, member)
    for name in names:
        issued = tx.orders.issued(name)
        if issued is None:
            continue
        told = issued.order
        lines = _lines(tx, issued.order.handles, member, told.expiry)
        if not lines:
            continue
        order = Order(
            exercise=node.identity.exercise,
            name=name,
            action=told.action,
            originator=node.identity.member,
            holder=member,
            treaty=told.treaty,
            article=told.article,
            at=told.at,
            # Whoever is told later has as long for it as those who were told first.
            due=max(told.due, at + (told.due - told.at)),
            life=told.life,
            reason=told.reason,
            lines=lines,
        )
        send_order(tx, node, gate, issued.number, order, via=via)
    return len(names)


def _lines(
    tx: Transaction, handles: Sequence[int], member: MemberId, expiry: datetime | None
) -> tuple[OrderLine, ...]:
    """Return what a member has of these items, under the names it was given."""
    every = tx.orders.versions(handles)
    versions: defaultdict[ObjectId, set[str]] = defaultdict(set)
    for given in tx.orders.given(every):
        if given.member == member:
            versions[given.object_id].add(given.version)
    for holder, name, version in tx.onward.holders([*every, *tx.erasure.variants(list(every))]):
        if holder == member:
            versions[name].add(version)
    return tuple(
        OrderLine(object_id=name, versions=tuple(sorted(of_it)), expiry=expiry)
        for name, of_it in sorted(versions.items())
    )
