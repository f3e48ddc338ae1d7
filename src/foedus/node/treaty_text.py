"""A treaty's text as a document of the instrument lane.

Whoever adopts a text offers it to every introduced member. It is signed by the node for transport
only; what makes it the text is its id, the hash of its manifest. Payload type
``application/vnd.foedus.treaty-text+json;v=1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from foedus.canonical import CanonicalError, canonical_bytes, parse_json
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.node.errors import RefusedError
from foedus.signing import (
    Envelope,
    EnvelopeError,
    PublicKey,
    SigningKey,
    sign_envelope,
    verify_envelope,
)

__all__ = ["MAX_TEXT_BYTES", "TREATY_TEXT_TYPE", "open_treaty_text", "wrap_treaty_text"]

TREATY_TEXT_TYPE: Final = "application/vnd.foedus.treaty-text+json;v=1"

MAX_TEXT_BYTES: Final = 512 * 1024
"""Longest treaty text that can travel, in bytes."""


def wrap_treaty_text(raw: bytes, *, member: MemberId, at: datetime, key: SigningKey) -> StixObject:
    """Return a treaty's text as a document.

    Raises:
        RefusedError: The text is too long to travel or no UTF-8.
    """
    if len(raw) > MAX_TEXT_BYTES:
        raise RefusedError(f"the treaty text has {len(raw)} bytes; {MAX_TEXT_BYTES} can travel")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise RefusedError("a treaty text is UTF-8") from error
    payload = canonical_bytes(
        {"v": 1, "kind": "text", "member": member, "issued": instant_text(at), "text": text}
    )
    envelope = sign_envelope(payload, TREATY_TEXT_TYPE, key)
    return parse_object(
        wrap_document(FoedusKind.INSTRUMENT, envelope.document(), payload=payload, issued=at)
    )


def open_treaty_text(envelope: Envelope, keys: Sequence[PublicKey]) -> bytes:
    """Return the text of a document of this type; its id is for the caller to compute.

    Raises:
        RefusedError: It is not signed by one of the keys, or is malformed.
    """
    try:
        body = parse_json(verify_envelope(envelope, keys, payload_type=TREATY_TEXT_TYPE))
    except (EnvelopeError, CanonicalError) as error:
        raise RefusedError(f"no treaty text: {error}") from error
    text = body.get("text") if isinstance(body, dict) and body.get("v") == 1 else None
    if not isinstance(text, str):
        raise RefusedError("no treaty text: it has no text, or another version")
    raw = text.encode()
    if len(raw) > MAX_TEXT_BYTES:
        raise RefusedError("no treaty text: it is too long")
    return raw
