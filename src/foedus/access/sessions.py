"""Sessions: a random token, of which only the hash is kept, and when it opens nothing any more.

A session ends :data:`IDLE` after it was last used, and :data:`LONGEST` after it began whatever is
done. Its token is made anew at every sign-on and when the user's roles change.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

__all__ = [
    "IDLE",
    "LONGEST",
    "MAX_TOKEN_CHARS",
    "SEEN_EVERY",
    "TOKEN_BYTES",
    "SignedOnBy",
    "new_token",
    "session_digest",
    "still_open",
]

IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=12)
SEEN_EVERY: Final = timedelta(minutes=1)
"""How often the last use is written, at most."""

TOKEN_BYTES: Final = 32
MAX_TOKEN_CHARS: Final = 128
_PREFIX: Final = "fdss_"


class SignedOnBy(StrEnum):
    """How somebody signed on."""

    PASSWORD = "password"  # noqa: S105  # the name of a way, no secret
    TOTP = "totp"
    RECOVERY = "recovery"
    PROVIDER = "provider"


def new_token(random: Callable[[int], bytes]) -> str:
    """Return a new session token.

    Args:
        random: Returns that many random bytes; cryptographic.
    """
    return _PREFIX + base64.urlsafe_b64encode(random(TOKEN_BYTES)).decode("ascii").rstrip("=")


def session_digest(token: str) -> bytes:
    """Return what is kept of a token: its SHA-256. It is too long to guess."""
    return hashlib.sha256(token[:MAX_TOKEN_CHARS].encode("utf-8", "surrogatepass")).digest()


def still_open(*, created: datetime, seen: datetime, at: datetime) -> bool:
    """Say whether a session begun and last used at these instants is open now."""
    return at < seen + IDLE and at < created + LONGEST
