"""The second factor: codes that change every half minute, and codes for when the device is lost.

A code counts in its own step and in the one before and after, and each step once: a code that was
used, or one older than it, is refused. Recovery codes are random, kept as hashes, and used once.

Spec: RFC 6238 (SHA-1, six digits, 30 seconds: what every authenticator knows), §5.2; RFC 4226 §7.2.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

__all__ = [
    "CODE_DIGITS",
    "KEY_BYTES",
    "RECOVERY_CODES",
    "STEP",
    "enrolment_uri",
    "key_text",
    "new_recovery_codes",
    "recovery_digest",
    "step_of",
    "totp_code",
    "totp_step",
]

STEP: Final = timedelta(seconds=30)
CODE_DIGITS: Final = 6
KEY_BYTES: Final = 20
"""Length of a key: that of the hash (RFC 4226 §4, R6)."""

RECOVERY_CODES: Final = 10
"""How many recovery codes a user is given at a time."""

_AROUND: Final = (0, -1, 1)
_RECOVERY_BYTES: Final = 10
_CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)
_MAX_TYPED: Final = 64


def step_of(at: datetime) -> int:
    """Return the number of the step an instant lies in."""
    return int(at.timestamp()) // int(STEP.total_seconds())


def totp_code(key: bytes, step: int) -> str:
    """Return the code of a step.

    Args:
        key: :data:`KEY_BYTES` secret bytes.
        step: Its number; not negative.
    """
    return HOTP(key, CODE_DIGITS, SHA1()).generate(step).decode("ascii")  # noqa: S303  # RFC 6238


def totp_step(key: bytes, typed: str, *, at: datetime, after: int) -> int | None:
    """Return the step whose code was typed, or None.

    Args:
        key: The user's key.
        typed: What was typed; spaces count for nothing.
        at: Now.
        after: The last step whose code was used; only later ones count.
    """
    code = re.sub(r"\s", "", typed[:_MAX_TYPED])
    if not _CODE.fullmatch(code):
        return None
    now = step_of(at)
    found = None
    for each in _AROUND:
        right = hmac.compare_digest(totp_code(key, now + each).encode(), code.encode())
        if right and now + each > after and found is None:
            found = now + each
    return found


def key_text(key: bytes) -> str:
    """Return a key as a person types it: base 32, without padding."""
    return base64.b32encode(key).decode("ascii").rstrip("=")


def enrolment_uri(key: bytes, *, user: str, node: str) -> str:
    """Return the address that an authenticator reads from a picture.

    Args:
        key: The key.
        user: Whose.
        node: What the person shall see as the place where it signs on.
    """
    label = f"{quote(node, safe='')}:{quote(user, safe='')}"
    query = urlencode({"secret": key_text(key), "issuer": node}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"


def new_recovery_codes(random: Callable[[int], bytes]) -> tuple[str, ...]:
    """Return new recovery codes, 80 random bits each, in groups of four.

    Args:
        random: Returns that many random bytes; cryptographic.
    """
    codes = []
    for _ in range(RECOVERY_CODES):
        text = base64.b32encode(random(_RECOVERY_BYTES)).decode("ascii").lower()
        codes.append("-".join(text[at : at + 4] for at in range(0, len(text), 4)))
    return tuple(codes)


def recovery_digest(user: str, typed: str) -> bytes:
    """Return what is kept of a recovery code: too long to guess, so a plain hash is enough.

    Args:
        user: Whose.
        typed: The code; case, spaces and dashes count for nothing.
    """
    code = re.sub(r"[\s-]", "", typed[:_MAX_TYPED]).lower()
    return hashlib.sha256(b"foedus recovery code\n" + f"{user}\n{code}".encode()).digest()
