"""What members say to each other besides items: instruments, treaty texts, discrepancies.

Each is believed only for its own signature. What does not verify is quarantined; the lane goes on,
since the batch itself was proved.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foedus.errors import FoedusError
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import StixObject
from foedus.node.context import Node
from foedus.node.discrepancy import open_findings
from foedus.node.errors import RefusedError
from foedus.node.ports import Alarm, ItemState, NewItem, NewQuarantine, Transaction
from foedus.node.ratify import check_text
from foedus.node.receive import Batch
from foedus.node.treaty_text import TREATY_TEXT_TYPE, open_treaty_text
from foedus.release.receive import judge_protocol
from foedus.signing import Envelope, KeyPurpose, parse_envelope
from foedus.treaty.instrument import claimed_member, open_instrument

__all__ = ["DocumentsTaken", "take_documents"]


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
    tx: Transaction, node: Node, sender: MemberId, batch: Batch, *, at: datetime
) -> DocumentsTaken:
    """Read each document of a batch by its kind and keep it, or quarantine it with its reason."""
    taken, refused = 0, 0
    rows: list[tuple[int, int, str]] = []
    for offset, document in enumerate(batch.objects):
        position = batch.first + 1 + offset
        try:
            judgement = judge_protocol(batch.payload, document, offset)
            if not judgement.accepted:
                raise RefusedError(judgement.reason)
            _take(tx, node, sender, document, at)
        except FoedusError as error:
            refused += 1
            tx.quarantine.add(
                NewQuarantine(
                    sender=sender,
                    lane=batch.payload.lane,
                    position=position,
                    object_id=document.id,
                    raw=document.raw,
                    code=error.code,
                    reason=str(error),
                    at=at,
                )
            )
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


def _take(
    tx: Transaction, node: Node, sender: MemberId, document: StixObject, at: datetime
) -> None:
    envelope = parse_envelope(unwrap_document(document))
    match document.type:
        case FoedusKind.INSTRUMENT if envelope.payload_type == TREATY_TEXT_TYPE:
            _take_text(tx, node, sender, envelope, at)
        case FoedusKind.INSTRUMENT:
            _take_instrument(tx, node, document, envelope, at)
        case FoedusKind.DISCREPANCY:
            _take_discrepancy(tx, node, sender, envelope, at)
        case _:
            raise RefusedError(f"{document.type} is not understood by this version")


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
        raise RefusedError(f"an instrument of {member}, who was never introduced here")
    instrument = open_instrument(envelope, credence.authority)
    tx.law.put_instrument(document, member=instrument.member, treaty=instrument.treaty, at=at)


def _take_discrepancy(
    tx: Transaction, node: Node, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    keys = node.law.view(tx).keys(sender, KeyPurpose.NODE, at)
    findings = open_findings(envelope, keys, speaker=sender, to=node.identity.member)
    codes = sorted({each.code for each in findings})
    tx.alarms.set(
        Alarm(
            code="discrepancy",
            subject=f"{sender}/{findings[0].object_id if findings else ''}",
            text=f"{sender} did not accept {len(findings)} of our items: {', '.join(codes)}",
            since=at,
        )
    )
