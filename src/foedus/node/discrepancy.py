"""Tell a sender that its disclosure was not accepted here: a signed note, in the order lane.

The note names the sender's own item and a stable code; it says nothing of what we hold. It is never
itself acknowledged by another note. Payload type ``application/vnd.foedus.discrepancy+json;v=1``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.canonical import CanonicalError, canonical_bytes, parse_json
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_ORDERS, send_documents
from foedus.node.errors import RefusedError
from foedus.node.ports import Transaction
from foedus.release.gate import Gate
from foedus.signing import Envelope, EnvelopeError, PublicKey, sign_envelope, verify_envelope

__all__ = ["DISCREPANCY_TYPE", "Finding", "open_findings", "send_findings"]

DISCREPANCY_TYPE: Final = "application/vnd.foedus.discrepancy+json;v=1"
_MAX_FINDINGS = 1_000


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


def send_findings(
    tx: Transaction,
    node: Node,
    gate: Gate,
    sender: MemberId,
    treaty: TreatyId,
    findings: Sequence[Finding],
    *,
    entry_index: int,
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
    """
    if not findings:
        return
    now = node.clock.now()
    payload = canonical_bytes(
        {
            "v": 1,
            "kind": "discrepancy",
            "exercise": node.identity.exercise,
            "speaker": node.identity.member,
            "to": sender,
            "treaty": treaty,
            "entry": entry_index,
            "instant": instant_text(now),
            "findings": [
                {
                    "id": each.object_id,
                    "version": each.version,
                    "sha256": each.sha256,
                    "code": each.code,
                    "reason": each.reason,
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


def _wrapped(envelope: Envelope, payload: bytes, at: datetime) -> StixObject:
    return parse_object(
        wrap_document(FoedusKind.DISCREPANCY, envelope.document(), payload=payload, issued=at)
    )


def open_findings(
    envelope: Envelope, keys: Sequence[PublicKey], *, speaker: MemberId, to: MemberId
) -> list[Finding]:
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
        return [_finding(each) for each in found]
    except (EnvelopeError, CanonicalError) as error:
        raise RefusedError(f"no discrepancy note: {error}") from error


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
