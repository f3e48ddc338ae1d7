"""What is to be settled when a member leaves: every item between it and us, and our signed orders.

1. The residual clause says by when, and what binds until then (:mod:`foedus.treaty.residual`).
2. What we were given and still hold under the treaty, and what we gave under it, stand in the
   disclosures: which item, whose it is, and how long it may be kept.
   Where a disclosure that we made was erased by retention, the lane still says which items it gave;
   then the deadline of the notice alone counts.
3. For each there is one order. Those on items of our own are ours to sign, and travel in the order
   lane of the holder; those on another's are awaited from it, and fall due all the same.
   What becomes of one received is in :mod:`foedus.node.take_residual`.

Only items between the member that leaves and this node are told: nobody knows those of third
parties, and none is told of them.

Spec: design §2 rule 5, §5; VCLT Art. 70.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import ItemKey, MemberId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.model.objects import StixObject
from foedus.node.context import Node, note_act
from foedus.node.dispatch import LANE_BULK, LANE_ORDERS, send_documents
from foedus.node.errors import ErasedError, NotFoundError
from foedus.node.own_log import enter_bytes
from foedus.node.ports import ItemFilter, ItemRow, ItemState, NewBatch, Transaction
from foedus.node.prove import payload_of
from foedus.release.gate import Gate
from foedus.release.record import PROTOCOL, DisclosurePayload
from foedus.signing import Envelope
from foedus.treaty.orders import SignedOrder, sign_order
from foedus.treaty.residual import Holding, Residual, ResidualOrder, orders_of, residual

__all__ = ["ResidualList", "residual_list", "sign_residual_orders"]

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualList:
    """What is to be settled between a member that leaves and this node.

    Attributes:
        residual: What binds on, and the deadline.
        ours: Orders on items of our own, which this node signs.
        awaited: Orders on items we hold, which their originator signs.
    """

    residual: Residual
    ours: tuple[ResidualOrder, ...]
    awaited: tuple[ResidualOrder, ...]


def residual_list(
    tx: Transaction, node: Node, treaty: TreatyId, member: MemberId, at: datetime
) -> ResidualList | None:
    """Return what is to be settled with a member that denounced; None while no notice runs.

    Args:
        tx: Any transaction.
        node: The node.
        treaty: Under which treaty.
        member: Who leaves; this node's own member settles with every other.
        at: The instant asked about; the items are those of now.
    """
    view = node.law.view(tx)
    text = view.treaty(treaty).treaty
    left = residual(text, view.instruments, at, member)
    if left is None:
        return None
    held = [*_given(tx, node, treaty, member), *_received(tx, node, treaty, member)]
    orders = orders_of(left, held, {})
    own = node.identity.member
    return ResidualList(
        residual=left,
        ours=tuple(each for each in orders if each.item.originator == own),
        awaited=tuple(each for each in orders if each.item.originator != own),
    )


def sign_residual_orders(
    node: Node, actor: Actor, gate: Gate, treaty: TreatyId, member: MemberId
) -> tuple[Envelope, ...]:
    """Sign the orders on every item of our own that is to be settled, and send them.

    Each is entered in the log and goes to its holder by the order lane, which stays open after the
    treaty ended. One that was signed before is signed again: a holder keeps the earlier day.

    Raises:
        AccessDeniedError: The actor is no legal officer.
        NotFoundError: No notice runs for the member, or nothing of ours is to be settled.
    """
    require_role(actor, Role.LEGAL)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        found = residual_list(tx, node, treaty, member, now)
        if found is None or not found.ours:
            raise NotFoundError(f"there is nothing of ours to be settled with {member}")
        signed = tuple(
            sign_order(
                SignedOrder(
                    exercise=node.identity.exercise,
                    treaty=treaty,
                    left=member,
                    order=each,
                    at=now,
                ),
                node.identity.node,
            )
            for each in found.ours
        )
        for envelope in signed:
            enter_bytes(tx, node, envelope.payload, at=now)
        _send(tx, node, gate, treaty, list(zip(found.ours, signed, strict=True)), now)
        note_act(tx, node, actor, "residual.orders", f"{treaty} {member}: {len(signed)}")
    node.settle()
    return signed


def _send(
    tx: Transaction,
    node: Node,
    gate: Gate,
    treaty: TreatyId,
    signed: Sequence[tuple[ResidualOrder, Envelope]],
    at: datetime,
) -> None:
    """Put signed orders into the order lanes of their holders."""
    documents: defaultdict[MemberId, list[StixObject]] = defaultdict(list)
    for order, envelope in signed:
        documents[order.holder].append(
            wrap_object(FoedusKind.ORDER, envelope.document(), payload=envelope.payload, issued=at)
        )
    for holder, of_it in sorted(documents.items()):
        for start in range(0, len(of_it), _PAGE):
            send_documents(
                tx,
                node.identity,
                gate,
                of_it[start : start + _PAGE],
                recipients=[holder],
                lane=LANE_ORDERS,
                treaty=treaty,
                at=at,
            )


def _given(tx: Transaction, node: Node, treaty: TreatyId, member: MemberId) -> Iterator[Holding]:
    """Items of this node in the hands of others, by our own disclosures."""
    after = None
    while batches := tx.feeds.batches(after=after, limit=_PAGE):
        for batch in batches:
            concerns = member in (batch.recipient, node.identity.member)
            if batch.lane == LANE_BULK and batch.treaty == treaty and concerns:
                yield from _given_by(tx, batch)
        after = batches[-1].entry_index


def _given_by(tx: Transaction, batch: NewBatch) -> Iterator[Holding]:
    try:
        yield from _of(payload_of(tx, batch.document))
    except ErasedError:
        # Retention ends what is said of a disclosure, and nobody's duty. What was erased by order
        # is named no more, and binds nobody.
        for key in tx.feeds.items_given(batch.entry_index):
            yield Holding(item=key, holder=batch.recipient)


def _received(tx: Transaction, node: Node, treaty: TreatyId, member: MemberId) -> Iterator[Holding]:
    """Items of others that this node still holds, by their disclosures to it."""
    senders = frozenset() if member == node.identity.member else frozenset({member})
    kept = {
        row.key
        for row in _rows(tx, ItemFilter(received_from=senders, unheard=True))
        if row.received_under == treaty
    }
    documents = ItemFilter(
        states=frozenset({ItemState.PROTOCOL}),
        types=frozenset({FoedusKind.DISCLOSURE.value, FoedusKind.WITHHELD.value}),
        received_from=senders,
    )
    for row in _rows(tx, documents):
        if row.received_from is None:
            continue  # a disclosure of our own
        try:
            payload = payload_of(tx, row.handle)
        except ErasedError:
            continue
        if payload.article != PROTOCOL and payload.treaty == treaty:
            yield from (each for each in _of(payload) if each.item in kept)


def _rows(tx: Transaction, which: ItemFilter) -> Iterator[ItemRow]:
    after = None
    while rows := tx.items.page(which, after=after, limit=_PAGE):
        yield from rows
        after = rows[-1].added


def _of(payload: DisclosurePayload) -> Iterator[Holding]:
    retain = payload.obligations.retain
    until = None if retain is None else payload.instant + retain
    for item in payload.items:
        key = ItemKey(originator=item.originator, object_id=item.id, version=item.version)
        yield Holding(item=key, holder=payload.recipient, keep_until=until)
