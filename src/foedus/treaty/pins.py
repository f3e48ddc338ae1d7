"""The field ``tls`` of full powers and of letters of credence: pins (:mod:`foedus.signing.pins`).

It is left out where there is none, so that a document without pins is byte for byte what it was
before there were any.
"""

from __future__ import annotations

from collections.abc import Sequence

from foedus.canonical import JSONValue
from foedus.clock import instant_text
from foedus.signing.errors import KeyringError
from foedus.signing.pins import MAX_PINS, TLSPin, is_pin
from foedus.treaty.payload import Fields, PayloadError

__all__ = ["pin_documents", "read_pin_texts", "read_pins"]


def pin_documents(pins: Sequence[TLSPin]) -> dict[str, JSONValue]:
    """Return the field ``tls`` of full powers; no field at all where there is no pin."""
    documents: list[JSONValue] = [
        {
            "spki_sha256": pin.spki,
            "valid_from": instant_text(pin.valid_from),
            "valid_until": None if pin.valid_until is None else instant_text(pin.valid_until),
        }
        for pin in sorted(pins, key=lambda pin: pin.spki)
    ]
    return {"tls": documents} if documents else {}


def read_pins(fields: Fields) -> tuple[TLSPin, ...]:
    """Read the field ``tls`` of full powers; empty where it is absent.

    Raises:
        PayloadError: It is empty, too long, not in order, or names one pin twice or for no time.
    """
    if not fields.has("tls"):
        return ()
    pins = tuple(_read_pin(each) for each in fields.objects("tls"))
    _check([pin.spki for pin in pins])
    return pins


def read_pin_texts(fields: Fields) -> tuple[str, ...]:
    """Read the field ``tls`` of a letter of credence; empty where it is absent.

    Raises:
        PayloadError: As :func:`read_pins`.
    """
    if not fields.has("tls"):
        return ()
    pins = fields.rising_texts("tls")
    _check(pins)
    return pins


def _read_pin(fields: Fields) -> TLSPin:
    try:
        return TLSPin(
            spki=fields.text("spki_sha256"),
            valid_from=fields.instant("valid_from"),
            valid_until=fields.optional_instant("valid_until"),
        )
    except KeyringError as error:
        raise PayloadError(f"tls: {error}") from error


def _check(pins: Sequence[str]) -> None:
    if not 1 <= len(pins) <= MAX_PINS or not all(map(is_pin, pins)):
        raise PayloadError(f"tls names 1 to {MAX_PINS} pins of 64 hex digits, or is not there")
    if list(pins) != sorted(set(pins)):
        raise PayloadError("tls is sorted and names nothing twice")
