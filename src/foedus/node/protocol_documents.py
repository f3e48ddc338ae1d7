"""What members say to each other besides items: instruments, treaty texts, discrepancies.

Each is believed only for its own signature. What does not verify is quarantined; the lane goes on,
since the batch itself was proved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.casework.attestation import ATTESTATION_TYPE
from foedus.casework.onward_notice import NOTICE_TYPE
from foedus.casework.request_status import STATUS_TYPE
from foedus.errors import FoedusError
from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import StixObject
from foedus.node.challenge_take import CHALLENGE_ACTS, take_challenge_act
from foedus.node.consent_words import CONSENT_WORDS, take_word
from foedus.node.context import Node
from foedus.node.discrepancy import Finding, open_note
from foedus.node.errors import NotReadyError, RefusedError
from foedus.node.journal_place import place_in_journal
from foedus.node.law_exchange import offer_law
from foedus.node.onward import take_notice
from foedus.node.ports import Alarm, ItemState, NewItem, NewQuarantine, Transaction
from foedus.node.ratify import check_text
from foedus.node.receive import Batch
from foedus.node.requests_take import take_request_status
from foedus.node.take_attestations import take_attestation
from foedus.node.take_orders import take_order
from foedus.node.take_residual import take_residual_order
from foedus.node.treaty_text import TREATY_TEXT_TYPE, open_treaty_text
from foedus.release.gate import Gate
from foedus.release.receive import JudgementKind, judge_protocol
from foedus.signing import Envelope, KeyPurpose, parse_envelope
from foedus.treaty.instrument import claimed_member, open_instrument
from foedus.treaty.orders import ORDER_TYPE as RESIDUAL_TYPE

__all__ = ["DocumentsTaken", "take_documents"]

_DISCREPANCY: Final = "discrepancy"
_MAX_REASON: Final = 8_000
_CODES_TOLD: Final = 8
_CODE_CHARS: Final = 40
_SHOWN: Final = 400
_DISCLOSED_ANEW: Final = (
    JudgementKind.STALE_LAW,
    JudgementKind.CONSENT_UNPROVED,
    JudgementKind.ACCEPTED,
)
"""What a recipient may say that decides whether an item can be disclosed to it anew: these depend
on what either side knows, and not on the item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsTaken:
    """What became of a batch of protocol documents.

    Attributes:
        rows: (position, handle, outcome code) of each.
    """

    taken: int
    refused: int
    rows: list[tuple[int, int, str]]


def take_documents(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, batch: Batch, *, at: datetime
) -> DocumentsTaken:
    """Read each document of a batch by its kind and keep it, or quarantine it with its reason."""
    taken, refused = 0, 0
    rows: list[tuple[int, int, str]] = []
    for position, offset, document in batch.given():
        try:
            judgement = judge_protocol(batch.payload, document, offset)
            if not judgement.accepted:
                raise RefusedError(judgement.reason)
            _take(tx, node, gate, sender, document, at)
        except FoedusError as error:
            refused += 1
            _refuse(tx, sender, batch.payload.lane, position, document, error, at)
            rows.append((position, 0, f"quarantined:{error.code}"))
            continue
        taken += 1
        stored = tx.items.add(
            [
                NewItem(
                    obj=document,
                    originator=sender,
                    state=ItemState.PROTOCOL,
                    received_from=sender,
                    numbered=False,
                )
            ],
            at=at,
        )
        rows.append((position, stored[0].handle, "document"))
    return DocumentsTaken(taken=taken, refused=refused, rows=rows)


def _refuse(
    tx: Transaction,
    sender: MemberId,
    lane: str,
    position: int,
    document: StixObject,
    error: FoedusError,
    at: datetime,
) -> None:
    """Keep a refused document apart with every reason; it is stored nowhere in the law."""
    reason = _bounded(str(error))
    tx.quarantine.add(
        NewQuarantine(
            sender=sender,
            lane=lane,
            position=position,
            object_id=document.id,
            raw=document.raw,
            code=error.code,
            reason=reason,
            at=at,
        )
    )
    if isinstance(error, NotReadyError):
        return  # its author has yet to be introduced; nothing is wrong with it
    tx.alarms.set(
        Alarm(
            code="document.refused",
            subject=f"{sender}/{lane}",
            text=f"{sender} sent a document that is refused: {reason[:_SHOWN]}",
            since=at,
        )
    )


def _bounded(text: str) -> str:
    """Return a reason no longer than people read; a hostile text has as many faults as it likes."""
    return text if len(text) <= _MAX_REASON else f"{text[:_MAX_REASON]} … and more"


def _take(
    tx: Transaction,
    node: Node,
    gate: Gate,
    sender: MemberId,
    document: StixObject,
    at: datetime,
) -> None:
    envelope = parse_envelope(unwrap_document(document))
    match document.type:
        case FoedusKind.INSTRUMENT if envelope.payload_type == TREATY_TEXT_TYPE:
            _take_text(tx, node, sender, envelope, at)
        case FoedusKind.INSTRUMENT:
            _take_instrument(tx, node, document, envelope, at)
        case FoedusKind.DISCREPANCY:
            _take_discrepancy(tx, node, gate, sender, envelope, at)
        case FoedusKind.ORDER if envelope.payload_type == RESIDUAL_TYPE:
            take_residual_order(tx, node, sender, envelope, at)
        case FoedusKind.ORDER:
            take_order(tx, node, gate, sender, envelope, at)
        case FoedusKind.ATTESTATION if envelope.payload_type == ATTESTATION_TYPE:
            take_attestation(tx, node, gate, sender, envelope, at)
        case FoedusKind.ATTESTATION if envelope.payload_type == NOTICE_TYPE:
            take_notice(tx, node, gate, sender, envelope, at)
        case FoedusKind.REQUEST | FoedusKind.ANSWER:
            _take_word(tx, node, gate, sender, envelope, at)
        case _:
            raise RefusedError(f"{document.type} is not understood by this version")


def _take_word(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take a request or an answer about items already given."""
    match envelope.payload_type:
        case kind if kind == STATUS_TYPE:
            take_request_status(tx, node, gate, sender, envelope, at)
        case kind if kind in CONSENT_WORDS:
            take_word(tx, node, sender, envelope, at)
        case kind if kind in CHALLENGE_ACTS:
            take_challenge_act(tx, node, gate, sender, envelope, at)
        case kind:
            raise RefusedError(f"{kind[:80]!r} is not understood by this version")


def _take_text(
    tx: Transaction, node: Node, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    keys = node.law.view(tx).keys(sender, KeyPurpose.NODE, at)
    raw = open_treaty_text(envelope, keys)
    treaty = check_text(raw)
    if treaty.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix: the treaty says the other of the two")
    tx.law.put_treaty(treaty.id, raw, at=at)


def _take_instrument(
    tx: Transaction, node: Node, document: StixObject, envelope: Envelope, at: datetime
) -> None:
    member = claimed_member(envelope)
    credence = node.law.view(tx).credences.get(member)
    if credence is None:
        raise NotReadyError(f"an instrument of {member}, who was never introduced here")
    instrument = open_instrument(envelope, credence.authority)
    tx.law.put_instrument(document, member=instrument.member, treaty=instrument.treaty, at=at)


def _take_discrepancy(
    tx: Transaction,
    node: Node,
    gate: Gate,
    sender: MemberId,
    envelope: Envelope,
    at: datetime,
) -> None:
    """Keep a recipient's word on one of our disclosures; where law differs, give it what we know.

    What it says of items we never gave it under that entry marks nothing.
    """
    keys = node.law.view(tx).keys(sender, KeyPurpose.NODE, at)
    note = open_note(envelope, keys, speaker=sender, to=node.identity.member)
    accepted = [each for each in note.findings if each.code == JudgementKind.ACCEPTED]
    refused = [each for each in note.findings if each.code != JudgementKind.ACCEPTED]
    if any(each.code == JudgementKind.STALE_LAW for each in refused):
        offer_law(tx, node, gate, sender, note.treaty)
    entry = place_in_journal(tx, node, note.log or node.identity.log_origin, note.entry)
    for code in _DISCLOSED_ANEW:
        if entry is None:
            break  # a disclosure of no log of ours
        ids = [ObjectId(each.object_id) for each in note.findings if each.code == code]
        tx.feeds.note_kept(sender, entry, ids, code="" if code == JudgementKind.ACCEPTED else code)
    for each in accepted:
        tx.alarms.clear(_DISCREPANCY, f"{sender}/{each.object_id}")
    if refused or not accepted:
        tx.alarms.set(
            Alarm(
                code=_DISCREPANCY,
                subject=f"{sender}/{refused[0].object_id if refused else ''}",
                text=_told(sender, refused),
                since=at,
            )
        )


def _told(sender: MemberId, refused: Sequence[Finding]) -> str:
    codes = sorted({each.code for each in refused})
    named = ", ".join(each[:_CODE_CHARS] for each in codes[:_CODES_TOLD])
    text = f"{sender} did not accept {len(refused)} of our items: {named}"
    if codes == [JudgementKind.STALE_LAW]:
        text += "; they wait there for law: pull from it, and disclose them anew if they are not "
        text += "accepted then"
    return text
