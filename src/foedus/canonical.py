"""Canonical JSON bytes, the form in which Foedus hashes and signs what it makes itself.

The output is that of RFC 8785 (JCS) for the subset Foedus uses: objects with ASCII keys, arrays,
strings, booleans, null and integers within ±(2^53 - 1). Floats are refused, since no Foedus
document needs one and their text form is where implementations differ. What others made is never
rebuilt with this: received bytes are kept and hashed as they came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

import msgspec

from foedus.errors import FoedusError

__all__ = ["MAX_SAFE_INTEGER", "CanonicalError", "JSONValue", "canonical_bytes", "parse_json"]

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer every JSON reader keeps exactly (RFC 8785 §3.2.2.3, I-JSON)."""

JSONValue: TypeAlias = (
    "bool | int | float | str | Sequence[JSONValue] | Mapping[str, JSONValue] | None"
)

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()


class CanonicalError(FoedusError):
    """A value has no canonical form, or bytes are not JSON."""

    code: ClassVar[str] = "canonical"


def canonical_bytes(value: JSONValue) -> bytes:
    """Return the canonical bytes of a value.

    Args:
        value: Mappings with ASCII string keys, sequences, strings without lone surrogates,
            booleans, None, integers of at most ``MAX_SAFE_INTEGER`` in size.

    Returns:
        UTF-8 bytes without white space, keys in code-point order.

    Raises:
        CanonicalError: The value holds something outside that subset.

    Spec: RFC 8785 §3.2.
    """
    _check(value)
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise CanonicalError(f"no canonical form: {error}") from error


def parse_json(data: bytes | str) -> JSONValue:
    """Decode one JSON text of bounded origin.

    Raises:
        CanonicalError: The bytes are not one well-formed JSON text in UTF-8.
    """
    try:
        value: JSONValue = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CanonicalError(f"not JSON: {error}") from error
    return value


def _check(value: object) -> None:
    """Refuse what is outside the subset. Texts inside containers are passed without a call."""
    match value:
        case None | bool() | str():
            return
        case int():
            if abs(value) > MAX_SAFE_INTEGER:
                raise CanonicalError(f"integer {value} is larger than JSON readers agree on")
        case dict() | Mapping():
            _check_members(value)
        case list() | tuple():
            for item in value:
                if type(item) is not str:
                    _check(item)
        case _:
            raise CanonicalError(f"{type(value).__name__} has no canonical form")


def _check_members(members: Mapping[object, object]) -> None:
    for key, item in members.items():
        if not (isinstance(key, str) and key.isascii()):
            raise CanonicalError(f"key {key!r} is not ASCII text")
        if type(item) is not str:
            _check(item)
