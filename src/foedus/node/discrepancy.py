"""Tell a sender that its disclosure was not accepted here: a signed note, in the order lane.

The note names the sender's own item and a stable code; it says nothing of what we hold. It is never
itself acknowledged by another note. Code ``accepted`` takes an earlier word back: the item waited
for law, and is held now. Payload type ``application/vnd.foedus.discrepancy+json;v=1``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.canonical import MAX_SAFE_INTEGER, CanonicalError, canonical_bytes, parse_json
from foedus.clock import instant_text
from foedus.model.identifiers import IdentifierError, MemberId, TreatyId, treaty_id
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_ORDERS, send_documents
from foedus.node.errors import RefusedError
from foedus.node.ports import Transaction
from foedus.release.gate import Gate
from foedus.signing import Envelope, EnvelopeError, PublicKey, sign_envelope, verify_envelope

__all__ = ["DISCREPANCY_TYPE", "Finding", "Note", "open_note", "send_findings"]

DISCREPANCY_TYPE: Final = "application/vnd.foedus.discrepancy+json;v=1"
_MAX_FINDINGS = 1_000
_MAX_REASONS_BYTES: Final = 120_000
"""What all reasons of a note take together at most, so that it fits one object."""
_MAX_REASON_BYTES: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One item that was not accepted.

    Attributes:
        sha256: Hex SHA-256 of the bytes received.
        code: Stable short name of the reason.
        reason: What may be said to the sender.
    """

    object_id: str
    version: str
    sha256: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note as it was received and verified.

    Attributes:
        treaty: Under which treaty the disclosure was made.
        entry: Log entry of the disclosure, in the log of who disclosed.
        findings: What was not accepted, or is now.
        log: Name of that log; "" in a note that does not say: it means the present one.
    """

    treaty: TreatyId
    entry: int
    findings: tuple[Finding, ...]
    log: str = ""


def send_findings(
    tx: Transaction,
    node: Node,
    gate: Gate,
    sender: MemberId,
    treaty: TreatyId,
    findings: Sequence[Finding],
    *,
    entry_index: int,
    log: str = "",
) -> None:
    """Put one signed note about a batch into the sender's order lane; nothing if all was well.

    Args:
        tx: A writing transaction.
        node: The node.
        gate: The node's gate.
        sender: Who disclosed.
        treaty: Under which treaty.
        findings: What was not accepted.
        entry_index: Log entry of the disclosure in the sender's log.
        log: Name of that log, as the disclosure gives it; "" leaves it unsaid.
    """
    if not findings:
        return
    now = node.clock.now()
    room = min(_MAX_REASON_BYTES, _MAX_REASONS_BYTES // len(findings))
    payload = canonical_bytes(
        {
            "v": 1,
            "kind": "discrepancy",
            "exercise": node.identity.exercise,
            "speaker": node.identity.member,
            "to": sender,
            "treaty": treaty,
            "entry": entry_index,
            **({"log": log} if log else {}),
            "instant": instant_text(now),
            "findings": [
                {
                    "id": each.object_id,
                    "version": each.version,
                    "sha256": each.sha256,
                    "code": each.code,
                    "reason": _shortened(each.reason, room),
                }
                for each in findings
            ],
        }
    )
    envelope = sign_envelope(payload, DISCREPANCY_TYPE, node.identity.node)
    document = _wrapped(envelope, payload, now)
    send_documents(
        tx,
        node.identity,
        gate,
        [document],
        recipients=[sender],
        lane=LANE_ORDERS,
        treaty=treaty,
        at=now,
    )


def _shortened(reason: str, room: int) -> str:
    """Return a reason that takes at most so many bytes; what it names is the sender's to choose."""
    raw = "".join(each if each.isprintable() else " " for each in reason).encode()
    return raw.decode() if len(raw) <= room else raw[: room - 3].decode(errors="ignore") + "…"


def _wrapped(envelope: Envelope, payload: bytes, at: datetime) -> StixObject:
    return parse_object(
        wrap_document(FoedusKind.DISCREPANCY, envelope.document(), payload=payload, issued=at)
    )


def open_note(
    envelope: Envelope, keys: Sequence[PublicKey], *, speaker: MemberId, to: MemberId
) -> Note:
    """Verify and read a discrepancy note.

    Raises:
        RefusedError: It is malformed, signed by none of the keys, or between other members.
    """
    try:
        body = parse_json(verify_envelope(envelope, keys, payload_type=DISCREPANCY_TYPE))
        if not isinstance(body, Mapping) or (body.get("speaker"), body.get("to")) != (speaker, to):
            raise RefusedError("a discrepancy note between other members")
        if body.get("v") != 1 or body.get("kind") != "discrepancy":
            raise RefusedError("a discrepancy note of another version")
        found = body.get("findings")
        if not isinstance(found, list) or len(found) > _MAX_FINDINGS:
            raise RefusedError("a discrepancy note without findings")
        return Note(
            treaty=treaty_id(str(body.get("treaty"))),
            entry=_entry(body.get("entry")),
            findings=tuple(_finding(each) for each in found),
            log=_log(body.get("log", "")),
        )
    except (EnvelopeError, CanonicalError, IdentifierError) as error:
        raise RefusedError(f"no discrepancy note: {error}") from error


def _entry(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_SAFE_INTEGER:
        raise RefusedError("a discrepancy note about no log entry")
    return value


def _log(value: object) -> str:
    if not isinstance(value, str):
        raise RefusedError("a discrepancy note about no log")
    return value


def _finding(value: object) -> Finding:
    if not isinstance(value, Mapping):
        raise RefusedError("a finding is an object")
    texts = {}
    for ours, theirs in (
        ("object_id", "id"),
        ("version", "version"),
        ("sha256", "sha256"),
        ("code", "code"),
        ("reason", "reason"),
    ):
        text = value.get(theirs)
        if not isinstance(text, str):
            raise RefusedError(f"a finding without {theirs}")
        texts[ours] = text
    return Finding(**texts)
