"""Put a released batch into its recipient's lane: ledger entry, documents and feed in one act.

The caller holds the writing transaction, so the lane's head and the log's head stay locked until
commit: order of visibility is order of position, and no release exists without its record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.objects import StixObject
from foedus.node.duties import note_sent
from foedus.node.errors import ConflictError
from foedus.node.identity import NodeIdentity
from foedus.node.ports import BatchRow, ItemState, NewBatch, NewItem, Stored, Transaction
from foedus.node.ports.lanes import CommittedRow
from foedus.node.recovering import refuse_closed_log, refuse_lane
from foedus.node.webhooks import tell_disclosed
from foedus.release.gate import Gate, LaneState, Released, ReleasedBatch

__all__ = ["LANES", "LANE_BULK", "LANE_INSTRUMENTS", "LANE_ORDERS", "Sent", "commit_batch",
           "send_documents"]  # fmt: skip

LANE_INSTRUMENTS: Final = "instruments"
LANE_ORDERS: Final = "orders"
LANE_BULK: Final = "bulk"
LANES: Final = (LANE_INSTRUMENTS, LANE_ORDERS, LANE_BULK)
"""In the order in which a follower drains them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one committed batch was.

    Attributes:
        document: Handle of the disclosure document.
        entry_index: Its log entry.
        items: How many items it carries.
    """

    recipient: MemberId
    lane: str
    article: str
    document: int
    entry_index: int
    items: int


def commit_batch(
    tx: Transaction, identity: NodeIdentity, batch: ReleasedBatch, *, lane: str, at: datetime
) -> Sent:
    """Append a batch to a lane within the caller's unit of work.

    Args:
        tx: A writing transaction.
        identity: The node's own names and keys.
        batch: What the gate released; every item already stands in the store under its handle,
            except redacted variants, which are stored here.
        lane: Lane to append to.
        at: Instant of the act.

    Raises:
        ConflictError: A redacted variant stands in the store with other content.
        RecoveringError: This node was restored and the recipient's lanes are not rebuilt yet, or
            its log was closed since this process opened it.
    """
    refuse_lane(tx, batch.recipient)
    refuse_closed_log(tx, identity.log_origin)
    before = tx.feeds.lane(batch.recipient, lane)
    sealed = batch.seal(
        LaneState(name=lane, count=before.count, digest=before.digest),
        log_origin=identity.log_origin,
        log_index=tx.ledger.count(),
        signer=identity.node,
    )
    index = tx.ledger.append(sealed.entry, salt=batch.salt, record=sealed.record, at=at)
    document = tx.items.add(
        [
            NewItem(
                obj=sealed.document,
                originator=identity.member,
                state=ItemState.PROTOCOL,
                numbered=False,
            )
        ],
        at=at,
    )[0].handle
    tx.feeds.append(
        NewBatch(
            recipient=batch.recipient,
            lane=lane,
            treaty=batch.treaty,
            article=batch.article,
            document=document,
            entry_index=index,
            entry=sealed.entry,
            rows=_rows(tx, identity, batch.items, at=at),
            digest_after=sealed.lane_after.digest,
            at=at,
        )
    )
    note_sent(
        tx,
        batch.obligations,
        recipient=batch.recipient,
        treaty=batch.treaty,
        article=batch.article,
        lane=lane,
        lane_count=sealed.lane_after.count,
        entry_index=index,
        items=len(batch.items),
        at=batch.at,
    )
    if lane == LANE_BULK:
        tell_disclosed(tx, batch, entry_index=index, at=at)
    return Sent(
        recipient=batch.recipient,
        lane=lane,
        article=batch.article,
        document=document,
        entry_index=index,
        items=len(batch.items),
    )


def _rows(
    tx: Transaction, identity: NodeIdentity, items: Sequence[Released], *, at: datetime
) -> Sequence[CommittedRow]:
    """Return the rows with the handle each points to, storing redacted variants on the way."""
    variants = [item for item in items if item.variant]
    if not variants:
        return items
    stored = tx.items.add(
        [
            NewItem(
                obj=item.obj,
                originator=identity.member,
                state=ItemState.VARIANT,
                variant_of=item.handle,
                numbered=False,
            )
            for item in variants
        ],
        at=at,
    )
    if any(outcome.outcome is Stored.CONFLICT for outcome in stored):
        # Never a row that points to other bytes than its commitment: the lane would stand there.
        raise ConflictError("another redacted form of the same version was given before")
    of_variant = {
        item.handle: outcome.handle for item, outcome in zip(variants, stored, strict=True)
    }
    return [
        BatchRow(
            handle=of_variant[item.handle] if item.variant else item.handle,
            salt=item.salt,
            commitment=item.commitment,
        )
        for item in items
    ]


def send_documents(
    tx: Transaction,
    identity: NodeIdentity,
    gate: Gate,
    documents: Sequence[StixObject],
    *,
    recipients: Sequence[MemberId],
    lane: str,
    treaty: TreatyId | None,
    at: datetime,
) -> list[Sent]:
    """Send protocol documents to members through a lane, recorded like every disclosure.

    Args:
        tx: A writing transaction.
        identity: The node's own names and keys.
        gate: The node's gate; it refuses kinds a lane may not carry.
        documents: Foedus documents of this node's making.
        recipients: Introduced members.
        lane: Lane to use.
        treaty: The treaty they belong to, if any.
        at: Instant of the act.
    """
    if not documents:
        return []
    outcomes = tx.items.add(
        [
            NewItem(
                obj=document,
                originator=identity.member,
                state=ItemState.PROTOCOL,
                numbered=False,
            )
            for document in documents
        ],
        at=at,
    )
    handles = [outcome.handle for outcome in outcomes]
    sent = []
    # Who is left out is given what it lacks when its lanes are rebuilt and law is compared.
    away = tx.recovery.pending()
    for recipient in (each for each in recipients if each not in away):
        given = tx.feeds.holds(recipient, handles)
        fresh = [
            (handle, document)
            for handle, document in zip(handles, documents, strict=True)
            if handle not in given
        ]
        if fresh:
            batch = gate.protocol(fresh, recipient=recipient, lane=lane, treaty=treaty, at=at)
            sent.append(commit_batch(tx, identity, batch, lane=lane, at=at))
    return sent
