"""Pins: which keys a member's node may show when others open a TLS connection to it.

A pin is the SHA-256 of a certificate's public key (its SubjectPublicKeyInfo), so that a certificate
may be issued anew for the same key. It has a validity of its own, as every key in full powers; two
pins whose periods overlap are a rotation.

Spec: RFC 7469 §2.4 for what is hashed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.signing.errors import KeyringError

__all__ = ["MAX_PINS", "TLSPin", "is_pin"]

MAX_PINS: Final = 8
"""Pins that one document names at most."""

_PIN = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSPin:
    """One key a node may show over TLS.

    Attributes:
        spki: SHA-256 of the SubjectPublicKeyInfo, 64 hex digits.
        valid_from: First instant of validity; aware UTC.
        valid_until: First instant after it; None while open.

    Raises:
        KeyringError: The hash is none, or the period is empty.
    """

    spki: str
    valid_from: datetime
    valid_until: datetime | None = None

    def __post_init__(self) -> None:
        if not is_pin(self.spki):
            raise KeyringError("a pin is 64 hex digits")
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise KeyringError(f"the pin {self.spki[:16]} is never valid")

    def covers(self, at: datetime) -> bool:
        """Say whether an aware instant lies in the period."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)


def is_pin(text: str) -> bool:
    """Say whether a text is written as a pin: 64 hex digits in lower case."""
    return _PIN.fullmatch(text) is not None
