"""Orders to erase, for those who were given an item: signed documents, as residual orders are.

A receipt or a disclosure that somebody holds proves an item for as long as it lasts; the duty to
erase covers it. The originator signs one order of kind ``erase-receipts`` for each holder; what the
holder does under it is ``foedus erase`` at its own node, which erases the item and every salt and
record of it there. The orders name the item, so they are signed before it is erased here, and are
not kept: the log keeps that they were given, without the name.

The record is canonical JSON, ``v kind exercise order originator id versions holder instant``, in an
envelope signed by the node key of the item's originator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.canonical import canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.context import Node, note_act
from foedus.node.erase import order_reference, versions_of
from foedus.node.errors import RefusedError
from foedus.node.own_log import enter
from foedus.node.ports import ItemRow, Transaction
from foedus.signing import Envelope, sign_envelope

__all__ = ["ERASE_RECEIPTS", "ERASURE_ORDER_TYPE", "ErasureOrder", "sign_erasure_orders"]

ERASURE_ORDER_TYPE: Final = "application/vnd.foedus.erasure-order+json;v=1"
"""Payload type of the envelope of an order to erase."""

ERASE_RECEIPTS: Final = "erase-receipts"
"""The kind of order: the item, its disclosures' salts and records, and receipts of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureOrder:
    """One order, for one holder."""

    holder: MemberId
    envelope: Envelope


def sign_erasure_orders(
    node: Node, actor: Actor, reference: str, *, order: str
) -> tuple[ErasureOrder, ...]:
    """Sign the orders to all who were given an item of our own. Nothing is sent.

    Args:
        node: The node.
        actor: The data-protection officer.
        reference: The item; every version of it is meant.
        order: The order's own number or name.

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        NotFoundError: Nothing here has that name.
        RefusedError: No order is named, or it is another originator's item: only the originator
            orders.
    """
    require_role(actor, Role.OFFICER)
    order = order_reference(order)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        rows = versions_of(tx, reference)
        if rows[0].key.originator != node.identity.member:
            raise RefusedError(
                f"the item is {rows[0].key.originator}'s: only its originator orders its erasure"
            )
        orders = tuple(
            _order(node, holder, name, sorted(versions), order, now)
            for (holder, name), versions in sorted(_holdings(tx, rows).items())
        )
        for each in orders:
            enter(
                tx,
                node,
                {"kind": ERASE_RECEIPTS, "order": order, "recipient": each.holder},
                at=now,
            )
        if orders:
            note_act(tx, node, actor, "erase.orders", f"order {order}: {len(orders)}")
    node.settle()
    return orders


def _holdings(
    tx: Transaction, rows: Sequence[ItemRow]
) -> Mapping[tuple[MemberId, ObjectId], set[str]]:
    """Return the versions by holder and by the name each was given under, redacted or not."""
    found: defaultdict[tuple[MemberId, ObjectId], set[str]] = defaultdict(set)
    for row in rows:
        for each in tx.feeds.disclosures(row.handle):
            [sent] = tx.items.rows([each.handle])
            found[each.recipient, sent.key.object_id].add(sent.key.version)
    return found


def _order(
    node: Node,
    holder: MemberId,
    name: ObjectId,
    versions: list[str],
    order: str,
    at: datetime,
) -> ErasureOrder:
    payload = canonical_bytes(
        {
            "v": 1,
            "kind": ERASE_RECEIPTS,
            "exercise": node.identity.exercise,
            "order": order,
            "originator": node.identity.member,
            "id": name,
            "versions": versions,
            "holder": holder,
            "instant": instant_text(at),
        }
    )
    envelope = sign_envelope(payload, ERASURE_ORDER_TYPE, node.identity.node)
    return ErasureOrder(holder=holder, envelope=envelope)
