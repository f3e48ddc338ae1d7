"""Steps 5 to 7 of receiving a batch: decide again, hold or quarantine, attest. One unit of work.

Protocol documents are read by their kind: instruments and treaty texts become law only through
their authors' signatures; a discrepancy is kept as an alarm for people. Items are judged one by one
with the law known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from foedus.canonical import canonical_bytes
from foedus.clock import instant_text
from foedus.ledger import commit_record
from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.objects import StixObject
from foedus.model.observables import selectors_of
from foedus.model.terms import Terms, terms_document, terms_id
from foedus.node.candidates import concerns_given, known_markings
from foedus.node.context import Node
from foedus.node.discrepancy import Finding, send_findings
from foedus.node.display import display_text
from foedus.node.match import match_visible
from foedus.node.ports import (
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
from foedus.release.decide import Law
from foedus.release.evaluation import Evaluator
from foedus.release.facts import ItemFacts, derive_facts
from foedus.release.gate import Gate
from foedus.release.receive import Judgement, JudgementKind, judge
from foedus.release.record import PROTOCOL, DisclosurePayload

__all__ = ["ACCEPTED", "KNOWN", "Accepted", "accept_batch"]

ACCEPTED: Final = "accepted"
KNOWN: Final = "known"
_SALT_BYTES: Final = 32
_GIVEN_STATES: Final = frozenset({ItemState.HELD, ItemState.VARIANT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of one batch.

    Attributes:
        accepted: Items now held (for protocol batches: documents taken).
        known: Items that stood here already with the same bytes.
        quarantined: Items refused.
        hits: New questions.
    """

    accepted: int
    known: int
    quarantined: int
    hits: int


@dataclass(slots=True)
class _Sorting:
    """Items of one batch, sorted by what becomes of them."""

    held: list[tuple[int, NewItem]] = field(default_factory=list)
    refused: list[tuple[int, NewItem, Judgement]] = field(default_factory=list)
    terms: dict[ObjectId, Terms] = field(default_factory=dict)


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
        gate: For the discrepancies that may go back.
        sender: Whose lane it is.
        batch: The batch.
        cursor: Where the lane stands after it; kept in the same unit of work.
        checkpoint: The sender's newest verified log head, kept likewise.
    """
    now = node.clock.now()
    with node.database.write() as tx:
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
            outcome = take_documents(tx, node, sender, batch, at=now)
            result = Accepted(accepted=outcome.taken, known=0, quarantined=outcome.refused, hits=0)
            rows = outcome.rows
        else:
            result, rows = _items(tx, node, gate, sender, batch, now)
        tx.inbox.received(
            sender, cursor.lane, [(batch.first, stored[0].handle, "disclosure"), *rows]
        )
        tx.inbox.advance(cursor)
        if checkpoint is not None:
            tx.peers.set_checkpoint(sender, checkpoint)
        _attest(tx, node, sender, batch, result, now)
    return result


def _items(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, batch: Batch, now: datetime
) -> tuple[Accepted, list[tuple[int, int, str]]]:
    sorting = _sort(tx, node, sender, batch)
    for terms in sorting.terms.values():
        tx.items.put_terms(terms_id(terms), terms_document(terms))
    rows: list[tuple[int, int, str]] = []
    outcomes = tx.items.add([item for _, item in sorting.held], at=now)
    refused_before = _refused_before(tx, outcomes)
    new: list[int] = []
    conflicts: list[tuple[int, NewItem, Judgement]] = []
    known = 0
    for (position, item), outcome in zip(sorting.held, outcomes, strict=True):
        match outcome.outcome:
            case Stored.NEW:
                new.append(outcome.handle)
                rows.append((position, outcome.handle, ACCEPTED))
            case Stored.DUPLICATE if outcome.handle in refused_before:
                # Refused here once, by the law known then; accepted now.
                tx.items.settle(
                    [outcome.handle], state=ItemState.HELD, terms_id=item.terms_id, at=now
                )
                new.append(outcome.handle)
                rows.append((position, outcome.handle, ACCEPTED))
            case Stored.DUPLICATE:
                known += 1
                rows.append((position, outcome.handle, KNOWN))
            case Stored.CONFLICT:
                conflicts.append((position, item, _CONFLICT))
    refused = [*sorting.refused, *conflicts]
    rows.extend(_quarantine(tx, sender, batch, refused, now))
    hits = match_visible(tx, node, new, at=now) + _sightings(tx, sender, sorting, new, now)
    send_findings(
        tx,
        node,
        gate,
        sender,
        batch.payload.treaty,
        [
            Finding(
                object_id=item.obj.id,
                version=item.obj.version,
                sha256=item.obj.content_hash,
                code=judgement.kind.value,
                reason=judgement.reason,
            )
            for _, item, judgement in refused
        ],
        entry_index=batch.payload.log_index,
    )
    result = Accepted(accepted=len(new), known=known, quarantined=len(refused), hits=hits)
    return result, rows


def _refused_before(tx: Transaction, outcomes: Sequence[StoredOutcome]) -> frozenset[int]:
    known = [each.handle for each in outcomes if each.outcome is Stored.DUPLICATE]
    rows = tx.items.rows(known) if known else ()
    return frozenset(row.handle for row in rows if row.state is ItemState.QUARANTINED)


_CONFLICT: Final = Judgement(
    kind=JudgementKind.BYTES_DIFFER, reason="the same version was given with other bytes before"
)
_NOT_ITS_OWN: Final = Judgement(
    # A consent the originator signed has no place on the wire of version 1, and a sender's word for
    # it is not enough: it could put words into another member's mouth.
    kind=JudgementKind.VERDICT_DIFFERS,
    reason="it is another member's item, and no consent signed by that member came with it",
)
_UNKNOWN_TREATY: Final = Judgement(
    kind=JudgementKind.STALE_LAW, reason="the treaty relied on is not known here"
)


def _sort(tx: Transaction, node: Node, sender: MemberId, batch: Batch) -> _Sorting:
    """Step 5: decide again, item by item."""
    payload = batch.payload
    view = node.law.view(tx)
    law = (
        view.law(payload.treaty, sender, node.identity.member, payload.instant)
        if payload.treaty in view.treaties
        else None
    )
    markings = known_markings(tx, batch.objects)
    # A marking definition given in the same batch is known by the time its users are judged.
    given = {str(obj.id): obj for obj in batch.objects if obj.type == "marking-definition"}
    markings = {**markings, **given}
    sorting = _Sorting()
    terms_of = [payload.terms_of_class(index) for index in range(len(payload.classes))]
    judged = _Judge(payload, law, node.clock.now())
    for offset, obj in enumerate(batch.objects):
        position = batch.first + 1 + offset
        item = payload.items[offset]
        terms = terms_of[item.class_index]
        selectors = selectors_of(obj)
        facts: ItemFacts = derive_facts(
            obj,
            terms,
            ObjectId(payload.classes[item.class_index].terms),
            originator=item.originator,
            sender=sender,
            known_markings=markings,
            concerns_recipient=concerns_given(tx, obj, sender, originator=node.identity.member),
            received_under=None if item.originator == sender else payload.treaty,
            selectors=selectors,
        )
        judgement = judged(obj, offset, facts)
        title, text = display_text(obj)
        new = NewItem(
            obj=obj,
            originator=item.originator,
            state=ItemState.HELD if judgement.accepted else ItemState.QUARANTINED,
            terms_id=facts.terms_id,
            received_from=sender,
            received_under=payload.treaty,
            selectors=selectors,
            title=title,
            text=text,
        )
        sorting.terms[facts.terms_id] = terms
        if judgement.accepted:
            sorting.held.append((position, new))
        else:
            sorting.refused.append((position, new, judgement))
    return sorting


class _Judge:
    """Judges the items of one batch; items of one class with equal facts are judged once.

    Items are judged one by one where something had to be removed, since that is looked for in
    each. That the bytes are those disclosed was checked for every item before.
    """

    def __init__(self, payload: DisclosurePayload, law: Law | None, now: datetime) -> None:
        self._payload = payload
        self._law = law
        self._now = now
        self._evaluator = Evaluator()
        self._known: dict[tuple[int, str, MemberId], Judgement] = {}

    def __call__(self, obj: StixObject, offset: int, facts: ItemFacts) -> Judgement:
        if facts.onward:
            return _NOT_ITS_OWN
        if self._law is None:
            return _UNKNOWN_TREATY
        item = self._payload.items[offset]
        place = (item.class_index, facts.key, item.originator)
        known = None if self._payload.obligations.redact else self._known.get(place)
        if known is None:
            known = self._known[place] = judge(
                self._payload,
                obj,
                offset,
                self._law,
                facts,
                now=self._now,
                evaluator=self._evaluator,
            )
        return known


def _quarantine(
    tx: Transaction,
    sender: MemberId,
    batch: Batch,
    refused: Sequence[tuple[int, NewItem, Judgement]],
    now: datetime,
) -> list[tuple[int, int, str]]:
    rows = []
    for position, item, judgement in refused:
        handle = 0
        if judgement is not _CONFLICT:
            handle = tx.items.add([item], at=now)[0].handle
        tx.quarantine.add(
            NewQuarantine(
                sender=sender,
                lane=batch.payload.lane,
                position=position,
                object_id=item.obj.id,
                raw=item.obj.raw,
                code=judgement.kind.value,
                reason=judgement.reason,
                at=now,
            )
        )
        rows.append((position, handle, f"quarantined:{judgement.kind.value}"))
    return rows


def _sightings(
    tx: Transaction, sender: MemberId, sorting: _Sorting, new: Sequence[int], now: datetime
) -> int:
    """A sighting of an item of ours is an answer to a question we may not have had: show it."""
    fresh = {row.key.object_id: row.handle for row in tx.items.rows(new) if row.type == "sighting"}
    hits: list[NewHit] = []
    for _, item in sorting.held:
        handle = fresh.get(item.obj.id)
        if handle is None:
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


def _attest(
    tx: Transaction,
    node: Node,
    sender: MemberId,
    batch: Batch,
    result: Accepted,
    now: datetime,
) -> None:
    """Step 7: what was received stands in our own log; a log cannot prove what it never held."""
    record = canonical_bytes(
        {
            "v": 1,
            "kind": "receipt",
            "exercise": node.identity.exercise,
            "recipient": node.identity.member,
            "sender": sender,
            "lane": batch.payload.lane,
            "lane_count": batch.payload.lane_count,
            "lane_digest": batch.digest.hex(),
            "disclosure": batch.payload.entry().hex(),
            "accepted": result.accepted,
            "known": result.known,
            "quarantined": result.quarantined,
            "instant": instant_text(now),
        }
    )
    salt = node.random(_SALT_BYTES)
    tx.ledger.append(commit_record(salt, record), salt=salt, record=record, at=now)
