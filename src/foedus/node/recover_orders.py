"""Rebuild the orders this node gave since its backup from the order lanes that members return.

1. Each order document of ours in a rebuilt lane that the store does not know is an order of ours
   again, under its name, with its holder and its place in the holder's lane. It was believed with
   its batch, for our own log (:mod:`foedus.node.recover_batches`).
2. Its items are found by the ids and versions it names; a redacted form leads to its original.
3. How far the holder has come follows as ever: from its signed head of the lane, and from its
   attestations, which are pulled again.
4. An item of ours that was recalled or restricted by such an order is restricted here at once: it
   is neither shown nor given. Whether it was erased here nobody else knows, so an alarm asks for
   it. A lifting ends what was ordered before it, whoever returns which first, and no recall.

Who gave an order, and whose breach records were closed, is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.casework.errors import OrderError
from foedus.casework.order import ORDER_TYPE, Order, OrderAction, digest_of, read_order
from foedus.model.identifiers import ItemKey, MemberId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import parse_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_ORDERS
from foedus.node.ports import Alarm, FeedRow, ItemRow, ItemState, Transaction
from foedus.node.ports.orders import NewHolder, NewIssued
from foedus.node.purge import restrict
from foedus.signing import Envelope, parse_envelope

__all__ = ["ALARM_RECALLED", "rebuild_orders"]

ALARM_RECALLED: Final = "recovery.recalled"
"""Items of ours that were recalled since the backup stand here with it."""

_PAGE: Final = 500
_UNKNOWN_USER: Final = "(restored)"
_BLOCKS: Final = frozenset({OrderAction.RESTRICT, OrderAction.RECALL})
_ENDS: Final = (OrderAction.RESTRICT, OrderAction.NARROW)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Returned:
    """An order document of ours and where it stands.

    Attributes:
        entry_index: Log entry of the disclosure that carried it.
    """

    order: Order
    envelope: Envelope
    row: FeedRow
    entry_index: int


def rebuild_orders(tx: Transaction, node: Node, member: MemberId) -> int:
    """Put back the orders of ours that stand in the rebuilt lane to a member.

    Args:
        tx: A writing transaction; the lanes to the member are rebuilt.
        node: The node.
        member: Who returned them.

    Returns:
        How many were not known. Safe to repeat.
    """
    found = sorted(_unknown(tx, node, member), key=lambda each: each.order.at)
    for each in found:
        _put_back(tx, node, each)
    return len(found)


def _unknown(tx: Transaction, node: Node, member: MemberId) -> Iterator[_Returned]:
    after: datetime | None = None
    opened = 0
    while rows := tx.feeds.page(member, LANE_ORDERS, after=after, limit=_PAGE):
        for row in rows:
            if row.type == FoedusKind.DISCLOSURE or not row.raw:
                batch = tx.feeds.batch_at(member, LANE_ORDERS, row.position)
                opened = opened if batch is None else batch.entry_index
            elif row.type == FoedusKind.ORDER:
                order = _order_of(row, node.identity.member, member)
                if order is not None and tx.orders.by_digest(digest_of(order[1])) is None:
                    yield _Returned(order=order[0], envelope=order[1], row=row, entry_index=opened)
        after = rows[-1].added


def _order_of(row: FeedRow, own: MemberId, holder: MemberId) -> tuple[Order, Envelope] | None:
    """Return the order of ours in a row; None for another document, or one we relayed."""
    envelope = parse_envelope(unwrap_document(parse_object(row.raw)))
    if envelope.payload_type != ORDER_TYPE:
        return None
    try:
        order = read_order(envelope.payload)
    except OrderError:
        return None
    return (order, envelope) if (order.originator, order.holder) == (own, holder) else None


def _put_back(tx: Transaction, node: Node, each: _Returned) -> None:
    order = each.order
    rows = _items(tx, node, order)
    handles = tuple(sorted(row.handle for row in rows))
    known = tx.orders.issued(order.name)
    if known is None:
        number = tx.orders.issue(
            NewIssued(
                name=order.name,
                action=order.action,
                reason=order.reason,
                treaty=order.treaty,
                article=order.article,
                at=order.at,
                due=order.due,
                life=order.life,
                user=_UNKNOWN_USER,
                entry_index=each.entry_index,
                handles=handles,
                expiry=max((line.expiry for line in order.lines if line.expiry), default=None),
            ),
            sequence=int(order.name.rpartition("-")[2]),
        )
    else:
        number = known.number
        tx.orders.widen(number, handles)
    tx.orders.address(
        number,
        [
            NewHolder(
                member=order.holder,
                digest=digest_of(each.envelope),
                document=each.row.handle,
                position=each.row.position,
                items=len(order.lines),
                via="",
                ordered=order.at,
                due=order.due,
            )
        ],
    )
    _here(tx, node, order, rows)


def _items(tx: Transaction, node: Node, order: Order) -> list[ItemRow]:
    """Rule 2."""
    handles: set[int] = set()
    for line in order.lines:
        for version in line.versions:
            key = ItemKey(
                originator=node.identity.member, object_id=line.object_id, version=version
            )
            row = tx.items.by_key(key)
            if row is not None:
                handles.add(row.handle if row.variant_of is None else row.variant_of)
    # Every version of an item is meant that the order found here.
    return list(tx.items.rows(tx.orders.versions(sorted(handles)))) if handles else []


def _here(tx: Transaction, node: Node, order: Order, rows: Sequence[ItemRow]) -> None:
    """Rule 4."""
    now = node.clock.now()
    held = [row for row in rows if row.state is ItemState.HELD]
    if order.action is OrderAction.LIFT:
        tx.orders.end([row.handle for row in rows], _ENDS, at=order.at)
        blocked = [row.handle for row in rows if row.state is ItemState.RESTRICTED]
        still = {
            *tx.orders.barred(order.holder, blocked, at=now),
            *tx.challenges.blocking(blocked),
            *tx.erasure.reserved(blocked, at=now),
        }
        free = [handle for handle in blocked if handle not in still]
        if free:
            tx.items.move(free, state=ItemState.HELD, at=now)
    elif order.action in _BLOCKS and held:
        restrict(tx, held, at=now)
        if order.action is OrderAction.RECALL:
            tx.alarms.set(
                Alarm(
                    code=ALARM_RECALLED,
                    subject=order.name,
                    text=f"{len(held)} item versions that {order.name} recalled are back with the "
                    "backup; they are restricted: erase them again if they were erased "
                    "(`foedus erase`)",
                    since=now,
                )
            )
