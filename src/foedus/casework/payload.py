"""Payloads of casework documents: canonical JSON objects of version 1, larger than instruments are.

The readers of single fields are those of treaty statements; only the bound on length differs, since
an order names up to a thousand items.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from foedus.canonical import CanonicalError, canonical_bytes, parse_json
from foedus.clock import InstantError, parse_instant
from foedus.treaty.payload import Fields, PayloadError

__all__ = ["MAX_CASE_BYTES", "Fields", "PayloadError", "claimed_instant", "read_case_payload"]

MAX_CASE_BYTES: Final = 512 * 1024
"""Longest payload of an order, an attestation, a request or an answer, bytes."""


def claimed_instant(payload: bytes, otherwise: datetime) -> datetime:
    """Return the instant a payload states, before anything is verified, by which a key is found.

    What lay in a lane while its sender's key was made anew is signed by the key of its own time. A
    key that was revoked speaks for nobody at any time.

    Args:
        payload: Untrusted.
        otherwise: Where it states none, or a later one than this.
    """
    if len(payload) > MAX_CASE_BYTES:
        return otherwise
    try:
        body = parse_json(payload)
        text = body.get("instant") if isinstance(body, dict) else None
        return min(parse_instant(text), otherwise) if isinstance(text, str) else otherwise
    except (CanonicalError, InstantError, RecursionError):
        return otherwise


def read_case_payload(payload: bytes, *, kind: str) -> Fields:
    """Read a payload of version 1 and check its kind.

    Args:
        payload: The bytes that were signed; untrusted.
        kind: What its ``kind`` must say.

    Raises:
        PayloadError: It is too long, not canonical JSON, no object, of another version or kind.
    """
    if len(payload) > MAX_CASE_BYTES:
        raise PayloadError(f"longer than {MAX_CASE_BYTES} bytes")
    try:
        value = parse_json(payload)
        canonical = canonical_bytes(value)
    except (CanonicalError, RecursionError) as error:
        raise PayloadError("not canonical JSON") from error
    if canonical != payload:
        raise PayloadError("not in canonical form")
    if not isinstance(value, dict):
        raise PayloadError("not a JSON object")
    fields = Fields(value)
    if fields.integer("v", least=1) != 1:
        raise PayloadError("of a version this node does not know")
    if fields.text("kind") != kind:
        raise PayloadError(f"not of the kind {kind}")
    return fields
