"""Signed lane heads: what a node says of a lane at an instant.

The sender signs one with every page it serves, so that a page cut short is noticed and silence is
told apart from a stale copy. The recipient returns one after processing: it acknowledges every row
before it. Heads are never themselves acknowledged. Wire version 1, payload type
``application/vnd.foedus.head+json;v=1``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from foedus.canonical import MAX_SAFE_INTEGER, CanonicalError, canonical_bytes, parse_json
from foedus.clock import InstantError, instant_text, parse_instant
from foedus.model.identifiers import IdentifierError, MemberId, member_id
from foedus.node.errors import NodeError
from foedus.signing import (
    Envelope,
    EnvelopeError,
    PublicKey,
    SigningKey,
    parse_envelope,
    sign_envelope,
    verify_envelope,
)

__all__ = ["HEAD_TYPE", "HeadError", "LaneHead", "open_head", "sign_head"]

HEAD_TYPE: Final = "application/vnd.foedus.head+json;v=1"
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class HeadError(NodeError):
    """A lane head is malformed or not signed by whom it names."""

    code: ClassVar[str] = "node.head"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneHead:
    """The state of one lane as one side sees it.

    Attributes:
        speaker: Who signs.
        sender: Whose lane it is.
        recipient: Who pulls it.
        lane: ``instruments``, ``orders`` or ``bulk``.
        count: Rows, disclosure rows included.
        digest: Hex of the 32-byte digest folded over the rows' commitments.
        instruments: Digest of the speaker's instrument set; differing sets show here.
        instant: When it was said.
    """

    speaker: MemberId
    sender: MemberId
    recipient: MemberId
    lane: str
    count: int
    digest: str
    instruments: str
    instant: datetime


def sign_head(head: LaneHead, key: SigningKey) -> bytes:
    """Return the signed head as bytes of its envelope (canonical JSON)."""
    payload = canonical_bytes(
        {
            "v": 1,
            "kind": "head",
            "speaker": head.speaker,
            "sender": head.sender,
            "recipient": head.recipient,
            "lane": head.lane,
            "count": head.count,
            "digest": head.digest,
            "instruments": head.instruments,
            "instant": instant_text(head.instant),
        }
    )
    return canonical_bytes(sign_envelope(payload, HEAD_TYPE, key).document())


def open_head(document: bytes, keys: Sequence[PublicKey]) -> LaneHead:
    """Verify and read a head.

    Args:
        document: Untrusted bytes of an envelope.
        keys: Node keys of the member it should come from.

    Raises:
        HeadError: Malformed, of another version, or signed by none of the keys.
    """
    try:
        parsed = parse_json(document)
        if not isinstance(parsed, Mapping):
            raise HeadError("a lane head is not a JSON object")
        envelope: Envelope = parse_envelope(parsed)
        body = parse_json(verify_envelope(envelope, keys, payload_type=HEAD_TYPE))
        if not isinstance(body, Mapping):
            raise HeadError("a lane head is not a JSON object")
        return _read(body)
    except (EnvelopeError, CanonicalError, IdentifierError, InstantError) as error:
        raise HeadError(f"lane head refused: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise HeadError("a lane head lacks a field or has one of another kind") from error


def _read(body: Mapping[str, object]) -> LaneHead:
    if body.get("v") != 1 or body.get("kind") != "head":
        raise HeadError("a lane head of another version")
    count = body["count"]
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAX_SAFE_INTEGER:
        raise HeadError("a lane head with an impossible count")
    return LaneHead(
        speaker=member_id(_text(body, "speaker")),
        sender=member_id(_text(body, "sender")),
        recipient=member_id(_text(body, "recipient")),
        lane=_text(body, "lane"),
        count=count,
        digest=_digest(body, "digest"),
        instruments=_digest(body, "instruments"),
        instant=parse_instant(_text(body, "instant")),
    )


def _digest(body: Mapping[str, object], name: str) -> str:
    text = _text(body, name)
    if not _DIGEST.fullmatch(text):
        raise HeadError(f"a lane head whose {name} is no digest")
    return text


def _text(body: Mapping[str, object], name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise HeadError(f"a lane head whose {name} is not a text")
    return value
