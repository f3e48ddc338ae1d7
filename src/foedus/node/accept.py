"""Steps 5 to 7 of receiving a batch: decide again, hold or quarantine, attest. One unit of work.

Protocol documents are read by their kind: instruments and treaty texts become law only through
their authors' signatures; a discrepancy is kept as an alarm for people. Items are judged one by one
with the law known here (:mod:`foedus.node.judgements`). Each ends in one of these ways:

1. *accepted*: held, visible, matched;
2. *known*: the same bytes are held already;
3. *held-for-law*: kept apart until both sides know the same law (:mod:`foedus.node.law_holds`);
4. *quarantined:CODE*: kept apart with its reason;
5. *recalled*: it was erased here under an order and stays out, or was recalled before it came:
   nothing of it is kept, what the disclosure says of it goes too, and the sender is told nothing;
6. *withheld*: the sender had erased it before it was taken here; only its commitment came, and what
   the disclosure says of it is erased here too.

What is neither accepted nor known is told to the sender in one signed note for the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind
from foedus.model.terms import terms_document, terms_id
from foedus.node.accept_codes import (
    ACCEPTED,
    DISCLOSURE,
    HELD_FOR_LAW,
    KNOWN,
    RECALLED,
    WITHHELD,
)
from foedus.node.apply_orders import take_arrived
from foedus.node.challenge_block import block_arrived
from foedus.node.context import Node
from foedus.node.deconflict import note_shared
from foedus.node.discrepancy import Finding, send_findings
from foedus.node.dispatch import LANE_BULK
from foedus.node.duties import note_received
from foedus.node.errors import ConflictError
from foedus.node.feedback import note_feedback
from foedus.node.judgements import Judged, Placed, Sorting, sort_items
from foedus.node.lacking import what_the_sender_lacked
from foedus.node.law_exchange import offer_law
from foedus.node.match import match_visible
from foedus.node.onward import attach_conditions
from foedus.node.own_log import enter
from foedus.node.ports import (
    Alarm,
    InCursor,
    ItemState,
    NewItem,
    NewQuarantine,
    Stored,
    StoredOutcome,
    Transaction,
)
from foedus.node.protocol_documents import take_documents
from foedus.node.receive import Batch
from foedus.node.renewed import take_renewed
from foedus.node.requests_take import take_requests
from foedus.node.sightings import note_sightings
from foedus.node.tombstones import Offered, barred
from foedus.node.webhooks import tell_accepted, tell_hits
from foedus.node.withheld import settle_places
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

_NAMED: Final = 5
_WITHHELD: Final = "document.withheld"
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
        withheld: Items of which only the commitment came.
    """

    accepted: int
    known: int
    quarantined: int
    hits: int
    awaiting: int = 0
    withheld: int = 0


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
        document = _document(tx, sender, batch, at=now)
        if batch.payload.article == PROTOCOL:
            outcome = take_documents(tx, node, gate, sender, batch, at=now)
            result = Accepted(accepted=outcome.taken, known=0, quarantined=outcome.refused, hits=0)
            rows = outcome.rows
        else:
            placed = [
                Placed(position=position, offset=offset, obj=obj)
                for position, offset, obj in batch.given()
            ]
            sorting = sort_items(tx, node, batch.payload, placed)
            result, rows = take_sorted(tx, node, gate, batch.payload, sorting, at=now)
        withheld = batch.withheld()
        result = replace(result, withheld=len(withheld))
        if withheld and cursor.lane != LANE_BULK:
            _tell_withheld(tx, sender, cursor.lane, len(withheld), now)
        rows += [(batch.first + 1 + place, 0, WITHHELD) for place in withheld]
        tx.inbox.received(sender, cursor.lane, [(batch.first, document, DISCLOSURE), *rows])
        gone = [place - batch.first - 1 for place, _, code in rows if code in {RECALLED, WITHHELD}]
        settle_places(tx, document, gone, settled=not result.awaiting)
        tx.inbox.advance(cursor)
        if checkpoint is not None:
            tx.peers.set_checkpoint(sender, checkpoint)
        attest(tx, node, batch.payload, batch.entry, result, at=now)
        kept = result.accepted + result.known + result.awaiting
        note_received(tx, batch.payload, kept=kept)
        tell_accepted(
            tx, batch.payload, taken=kept, refused=result.quarantined, hits=result.hits, at=now
        )
    return result


def _tell_withheld(tx: Transaction, sender: MemberId, lane: str, count: int, at: datetime) -> None:
    """Tell of documents that only their sender can have read: what they ordered binds nobody."""
    tx.alarms.set(
        Alarm(
            code=_WITHHELD,
            subject=f"{sender}/{lane}",
            text=f"{sender} does not show {count} documents of its lane {lane}, which no erasure "
            "asks for: ask it what they said; our log has it that they did not come",
            since=at,
        )
    )


def _document(tx: Transaction, sender: MemberId, batch: Batch, *, at: datetime) -> int:
    """Keep the disclosure: as its sender signed it, or what is left of it, item by item."""
    [stored] = tx.items.add(
        [
            NewItem(
                obj=batch.document,
                originator=sender,
                state=ItemState.PROTOCOL,
                received_from=sender,
                numbered=False,
            )
        ],
        at=at,
    )
    if batch.document.type != FoedusKind.DISCLOSURE and tx.erasure.opened(stored.handle) is None:
        tx.erasure.open_document(stored.handle, batch.header, batch.items)
    return stored.handle


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

    What a tombstone keeps out is left aside first; orders that came before their items are applied
    before anything is matched. The caller erases what the disclosure says of recalled rows.

    Returns:
        What became of the items, and (position, handle, outcome code) of each.
    """
    for terms in sorting.terms.values():
        tx.items.put_terms(terms_id(terms), terms_document(terms))
    rows: list[tuple[int, int, str]] = []
    conflicts: list[Judged] = []
    sorting = _without_barred(tx, node, sorting, rows)
    taken = _hold(tx, sorting.taken, rows, conflicts, at)
    blocked = take_arrived(tx, node, taken, at=at) | block_arrived(tx, taken.keys(), at=at)
    held = {handle: item for handle, item in taken.items() if handle not in blocked}
    new = list(held)
    awaiting = _set_aside(tx, sorting.awaiting, rows, conflicts, at)
    known = sum(code == KNOWN for _, _, code in rows)
    refused = [*sorting.refused, *conflicts]
    rows.extend(quarantine_items(tx, payload, refused, at=at))
    arrived = {handle: (item.originator, item.selectors) for handle, item in held.items()}
    hits = match_visible(tx, node, new, at=at, arrived=arrived)
    hits += note_sightings(tx, payload.sender, held, at)
    take_requests(tx, node, gate, payload.sender, payload.treaty, held, at=at)
    tell_hits(tx, hits, at, member=payload.sender)
    note_feedback(tx, node, held, at=at)
    note_shared(tx, node, new if hits else (), at=at)
    same = [handle for _, handle, code in rows if code == KNOWN]
    attach_conditions(tx, node, payload, new=held, known=same)
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
        accepted=len(taken),
        known=known,
        quarantined=len(refused),
        hits=hits,
        awaiting=len(awaiting),
    )
    return result, rows


def _without_barred(
    tx: Transaction, node: Node, sorting: Sorting, rows: list[tuple[int, int, str]]
) -> Sorting:
    """Leave out what a tombstone keeps out, with its outcome noted."""
    every = [*sorting.taken, *sorting.awaiting, *sorting.refused]
    offered = [
        Offered(
            originator=each.item.originator,
            object_id=each.item.obj.id,
            version=each.item.obj.version,
            content_hash=each.item.obj.content_hash,
        )
        for each in every
    ]
    found = {every[place].position for place in barred(tx, node.identity.secret, offered)}
    if not found:
        return sorting
    rows.extend((position, 0, RECALLED) for position in sorted(found))
    return replace(
        sorting,
        taken=[each for each in sorting.taken if each.position not in found],
        awaiting=[each for each in sorting.awaiting if each.position not in found],
        refused=[each for each in sorting.refused if each.position not in found],
    )


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
    take_renewed(tx, taken, outcomes, at=at)
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


def attest(
    tx: Transaction,
    node: Node,
    payload: DisclosurePayload,
    entry: bytes,
    result: Accepted,
    *,
    at: datetime,
) -> None:
    """Step 7: what was received stands in our own log; a log cannot prove what it never held.

    An entry is made when a batch is taken, and again each time items that waited are settled.
    """
    waiting = {"awaiting": result.awaiting} if result.awaiting else {}
    if result.withheld:
        waiting["withheld"] = result.withheld
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
            "disclosure": entry.hex(),
            "accepted": result.accepted,
            "known": result.known,
            "quarantined": result.quarantined,
            **waiting,
        },
        at=at,
    )
