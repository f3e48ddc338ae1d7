"""Steps 5 to 7 of receiving a batch: decide again, hold or quarantine, attest. One unit of work.

Protocol documents are read by their kind: instruments and treaty texts become law only through
their authors' signatures; a discrepancy is kept as an alarm for people. Items are judged one by one
with the law known here (:mod:`foedus.node.judgements`). Each ends in one of these ways:

1. *accepted*: held, visible, matched;
2. *known*: the same bytes are held already;
3. *held-for-law*: kept apart until both sides know the same law (:mod:`foedus.node.law_holds`);
4. *quarantined:CODE*: kept apart with its reason.

What is neither accepted nor known is told to the sender in one signed note for the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.terms import terms_document, terms_id
from foedus.node.context import Node
from foedus.node.discrepancy import Finding, send_findings
from foedus.node.duties import note_received
from foedus.node.errors import ConflictError
from foedus.node.judgements import Judged, Placed, Sorting, sort_items
from foedus.node.lacking import what_the_sender_lacked
from foedus.node.law_exchange import offer_law
from foedus.node.match import match_visible
from foedus.node.own_log import enter
from foedus.node.ports import (
    Alarm,
    InCursor,
    ItemState,
    NewHit,
    NewItem,
    NewQuarantine,
    Stored,
    StoredOutcome,
    Transaction,
)
from foedus.node.protocol_documents import take_documents
from foedus.node.receive import Batch
from foedus.node.webhooks import tell_accepted, tell_hits
from foedus.release.gate import Gate
from foedus.release.receive import Judgement, JudgementKind
from foedus.release.record import PROTOCOL, DisclosurePayload
from foedus.treaty.instrument import Instrument

__all__ = [
    "ACCEPTED",
    "DISCLOSURE",
    "HELD_FOR_LAW",
    "KNOWN",
    "Accepted",
    "accept_batch",
    "attest",
    "finding_of",
    "quarantine_items",
    "take_sorted",
]

ACCEPTED: Final = "accepted"
DISCLOSURE: Final = "disclosure"
HELD_FOR_LAW: Final = "held-for-law"
KNOWN: Final = "known"
_NAMED: Final = 5
_GIVEN_STATES: Final = frozenset({ItemState.HELD, ItemState.VARIANT})
_APART: Final = frozenset({ItemState.QUARANTINED, ItemState.AWAITING})
"""States in which an item stands here without being held; given anew it may become so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of one batch.

    Attributes:
        accepted: Items now held (for protocol batches: documents taken).
        known: Items that stood here already with the same bytes.
        quarantined: Items refused.
        hits: New questions.
        awaiting: Items held for law.
    """

    accepted: int
    known: int
    quarantined: int
    hits: int
    awaiting: int = 0


def accept_batch(
    node: Node,
    gate: Gate,
    sender: MemberId,
    batch: Batch,
    *,
    cursor: InCursor,
    checkpoint: bytes | None,
) -> Accepted:
    """Take a batch whose integrity is proved.

    Args:
        node: The node.
        gate: For what may go back: discrepancies, instruments.
        sender: Whose lane it is.
        batch: The batch.
        cursor: Where the lane stands after it; kept in the same unit of work.
        checkpoint: The sender's newest verified log head, kept likewise.

    Raises:
        ConflictError: Another pull took the batch meanwhile.
    """
    now = node.clock.now()
    with node.database.write() as tx:
        if tx.inbox.cursor(sender, cursor.lane).count != batch.first - 1:
            raise ConflictError(f"another pull is taking the lane {sender}/{cursor.lane}")
        stored = tx.items.add(
            [
                NewItem(
                    obj=batch.document,
                    originator=sender,
                    state=ItemState.PROTOCOL,
                    received_from=sender,
                    numbered=False,
                )
            ],
            at=now,
        )
        if batch.payload.article == PROTOCOL:
            outcome = take_documents(tx, node, gate, sender, batch, at=now)
            result = Accepted(accepted=outcome.taken, known=0, quarantined=outcome.refused, hits=0)
            rows = outcome.rows
        else:
            placed = [
                Placed(position=batch.first + 1 + offset, offset=offset, obj=obj)
                for offset, obj in enumerate(batch.objects)
            ]
            sorting = sort_items(tx, node, batch.payload, placed)
            result, rows = take_sorted(tx, node, gate, batch.payload, sorting, at=now)
        tx.inbox.received(sender, cursor.lane, [(batch.first, stored[0].handle, DISCLOSURE), *rows])
        tx.inbox.advance(cursor)
        if checkpoint is not None:
            tx.peers.set_checkpoint(sender, checkpoint)
        attest(tx, node, batch.payload, result, at=now)
        kept = result.accepted + result.known + result.awaiting
        note_received(tx, batch.payload, kept=kept)
        tell_accepted(
            tx, batch.payload, taken=kept, refused=result.quarantined, hits=result.hits, at=now
        )
    return result


def take_sorted(
    tx: Transaction,
    node: Node,
    gate: Gate,
    payload: DisclosurePayload,
    sorting: Sorting,
    *,
    at: datetime,
) -> tuple[Accepted, list[tuple[int, int, str]]]:
    """Store items as they were sorted, match what became visible, and tell the sender the rest.

    Returns:
        What became of the items, and (position, handle, outcome code) of each.
    """
    for terms in sorting.terms.values():
        tx.items.put_terms(terms_id(terms), terms_document(terms))
    rows: list[tuple[int, int, str]] = []
    conflicts: list[Judged] = []
    held = _hold(tx, sorting.taken, rows, conflicts, at)
    new = list(held)
    awaiting = _set_aside(tx, sorting.awaiting, rows, conflicts, at)
    known = sum(code == KNOWN for _, _, code in rows)
    refused = [*sorting.refused, *conflicts]
    rows.extend(quarantine_items(tx, payload, refused, at=at))
    arrived = {handle: (item.originator, item.selectors) for handle, item in held.items()}
    hits = match_visible(tx, node, new, at=at, arrived=arrived)
    hits += _sightings(tx, payload.sender, held, at)
    tell_hits(tx, hits, at, member=payload.sender)
    findings = [finding_of(each.item, each.judgement) for each in refused]
    if awaiting:
        findings.extend(_await_law(tx, node, gate, payload, awaiting, at))
    send_findings(
        tx,
        node,
        gate,
        payload.sender,
        payload.treaty,
        findings,
        entry_index=payload.log_index,
        log=payload.log_origin,
    )
    result = Accepted(
        accepted=len(new),
        known=known,
        quarantined=len(refused),
        hits=hits,
        awaiting=len(awaiting),
    )
    return result, rows


def _hold(
    tx: Transaction,
    taken: Sequence[Judged],
    rows: list[tuple[int, int, str]],
    conflicts: list[Judged],
    at: datetime,
) -> dict[int, NewItem]:
    """Store what is accepted; return what became visible by it, by handle."""
    outcomes = tx.items.add([each.item for each in taken], at=at)
    apart = _apart(tx, outcomes)
    new: dict[int, NewItem] = {}
    for each, outcome in zip(taken, outcomes, strict=True):
        match outcome.outcome:
            case Stored.NEW:
                new[outcome.handle] = each.item
                rows.append((each.position, outcome.handle, ACCEPTED))
            case Stored.DUPLICATE if outcome.handle in apart:
                # Not held before, by the law known then; accepted now.
                tx.items.settle(
                    [outcome.handle], state=ItemState.HELD, terms_id=each.item.terms_id, at=at
                )
                new[outcome.handle] = each.item
                rows.append((each.position, outcome.handle, ACCEPTED))
            case Stored.DUPLICATE:
                rows.append((each.position, outcome.handle, KNOWN))
            case Stored.CONFLICT:
                conflicts.append(_conflicting(each))
    return new


def _set_aside(
    tx: Transaction,
    awaiting: Sequence[Judged],
    rows: list[tuple[int, int, str]],
    conflicts: list[Judged],
    at: datetime,
) -> list[Judged]:
    """Store what awaits law; return what does: not what is held here already."""
    outcomes = tx.items.add([each.item for each in awaiting], at=at)
    apart = _apart(tx, outcomes)
    left: list[Judged] = []
    for each, outcome in zip(awaiting, outcomes, strict=True):
        match outcome.outcome:
            case Stored.CONFLICT:
                conflicts.append(_conflicting(each))
            case Stored.DUPLICATE if outcome.handle not in apart:
                rows.append((each.position, outcome.handle, KNOWN))
            case _:
                left.append(each)
                rows.append((each.position, outcome.handle, HELD_FOR_LAW))
    return left


def _apart(tx: Transaction, outcomes: Sequence[StoredOutcome]) -> frozenset[int]:
    known = [each.handle for each in outcomes if each.outcome is Stored.DUPLICATE]
    rows = tx.items.rows(known) if known else ()
    return frozenset(row.handle for row in rows if row.state in _APART)


_CONFLICT: Final = Judgement(
    kind=JudgementKind.BYTES_DIFFER, reason="the same version was given with other bytes before"
)


def _conflicting(each: Judged) -> Judged:
    return Judged(position=each.position, item=each.item, judgement=_CONFLICT)


def _await_law(
    tx: Transaction,
    node: Node,
    gate: Gate,
    payload: DisclosurePayload,
    awaiting: Sequence[Judged],
    at: datetime,
) -> list[Finding]:
    """Say to our people and to the sender that items wait; give the sender the law it may lack."""
    lacked = what_the_sender_lacked(node.law.view(tx), payload)
    tx.alarms.set(
        Alarm(
            code=HELD_FOR_LAW,
            subject=f"{payload.sender}/{payload.lane}",
            text=f"items of {payload.sender} wait, since they were sent under a law that is not "
            "the law known here: pull from every member",
            since=at,
        )
    )
    offer_law(tx, node, gate, payload.sender, payload.treaty)
    return [
        finding_of(each.item, each.judgement, reason=_lag(each.judgement.reason, lacked))
        for each in awaiting
    ]


def _lag(reason: str, lacked: Sequence[Instrument]) -> str:
    if not lacked:
        return f"held for law: {reason}"
    named = ", ".join(f"{each.member} no. {each.serial}" for each in lacked[:_NAMED])
    more = f" and {len(lacked) - _NAMED} more" if len(lacked) > _NAMED else ""
    return f"held for law: it was decided without an instrument known here: {named}{more}"


def finding_of(item: NewItem, judgement: Judgement, *, reason: str | None = None) -> Finding:
    """Return what may be told to the sender of one of its items."""
    return Finding(
        object_id=item.obj.id,
        version=item.obj.version,
        sha256=item.obj.content_hash,
        code=judgement.kind.value,
        reason=judgement.reason if reason is None else reason,
    )


def quarantine_items(
    tx: Transaction, payload: DisclosurePayload, refused: Sequence[Judged], *, at: datetime
) -> list[tuple[int, int, str]]:
    """Keep refused items apart with their reasons; return (position, handle, outcome code)."""
    rows = []
    for each in refused:
        handle = 0
        # Under a member's key stands only what it sent itself: a refused item of another's name
        # would keep the genuine one out.
        if each.judgement is not _CONFLICT and each.item.originator == payload.sender:
            handle = _kept_apart(tx, each.item, at)
        tx.quarantine.add(
            NewQuarantine(
                sender=payload.sender,
                lane=payload.lane,
                position=each.position,
                object_id=each.item.obj.id,
                raw=each.item.obj.raw,
                code=each.judgement.kind.value,
                reason=each.judgement.reason,
                at=at,
            )
        )
        rows.append((each.position, handle, f"quarantined:{each.judgement.kind.value}"))
    return rows


def _kept_apart(tx: Transaction, item: NewItem, at: datetime) -> int:
    """Store an item as quarantined; one that awaited law becomes so."""
    [stored] = tx.items.add([item], at=at)
    if stored.outcome is Stored.DUPLICATE:
        [row] = tx.items.rows([stored.handle])
        if row.state is ItemState.AWAITING:
            tx.items.settle(
                [stored.handle], state=ItemState.QUARANTINED, terms_id=row.terms_id, at=at
            )
    return stored.handle


def _sightings(tx: Transaction, sender: MemberId, new: Mapping[int, NewItem], now: datetime) -> int:
    """A sighting of an item of ours is an answer to a question we may not have had: show it."""
    hits: list[NewHit] = []
    for handle, item in new.items():
        if item.obj.type != "sighting":
            continue
        sighted = item.obj.document().get("sighting_of_ref")
        if not isinstance(sighted, str):
            continue
        for row in tx.items.by_object_id(ObjectId(sighted)):
            ours = row.handle if row.variant_of is None else row.variant_of
            if row.state not in _GIVEN_STATES or row.key.originator == sender:
                continue
            carried = tx.items.selectors([ours]).get(ours, frozenset())
            if not carried:
                continue
            hits.append(
                NewHit(
                    arrived=handle,
                    held=ours,
                    selector=min(carried, key=lambda each: (each.kind, each.value)),
                    how="sighting",
                    frequency=1,
                    at=now,
                )
            )
    return tx.hits.add(hits) if hits else 0


def attest(
    tx: Transaction,
    node: Node,
    payload: DisclosurePayload,
    result: Accepted,
    *,
    at: datetime,
) -> None:
    """Step 7: what was received stands in our own log; a log cannot prove what it never held.

    An entry is made when a batch is taken, and again each time items that waited are settled.
    """
    waiting = {"awaiting": result.awaiting} if result.awaiting else {}
    enter(
        tx,
        node,
        {
            "kind": "receipt",
            "recipient": node.identity.member,
            "sender": payload.sender,
            "lane": payload.lane,
            "lane_count": payload.lane_count,
            "lane_digest": payload.lane_digest,
            "disclosure": payload.entry().hex(),
            "accepted": result.accepted,
            "known": result.known,
            "quarantined": result.quarantined,
            **waiting,
        },
        at=at,
    )
