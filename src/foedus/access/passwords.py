"""Passwords: which may be chosen, and how they are kept.

Rules for choosing, in the order they are applied:

1. Unicode is normalised (NFC), so that one password typed on two machines is one.
2. At least :data:`MIN_CHARS` and at most :data:`MAX_CHARS` characters, none of them a control.
3. Without the words anybody would try (the user's name, the member's, ours) it must still hold
   :data:`MIN_REST` characters. Nothing is asked about kinds of characters, and nothing expires.

Kept is an argon2id hash with a salt of its own, in the PHC form that names its parameters. One made
with others than those in use is made anew when its owner signs on.

Spec: RFC 9106 §4 (second recommended option: 64 MiB, 3 passes, 4 lanes); NIST SP 800-63B-4 §3.1.1.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from foedus.access.errors import PasswordRuleError

__all__ = [
    "HASHING",
    "MAX_CHARS",
    "MIN_CHARS",
    "MIN_REST",
    "PasswordHashing",
    "checked_password",
]

MIN_CHARS: Final = 15
"""Fewest characters of a password, since it may be the only factor."""

MAX_CHARS: Final = 256
"""Most characters of a password."""

MIN_REST: Final = 8
"""Fewest characters besides the words anybody would try."""

_AT_ONCE: Final = 4
_NOBODY: Final = "nobody has this password"


def checked_password(text: str, *, words: Collection[str] = ()) -> str:
    """Return a password as it is hashed, or raise.

    Args:
        text: What was typed; it never appears in an error.
        words: What anybody would try: the names of the user and of the member.

    Raises:
        PasswordRuleError: It breaks a rule; see the module.
    """
    password = unicodedata.normalize("NFC", text)
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise PasswordRuleError(
            f"a password has from {MIN_CHARS} to {MAX_CHARS} characters: a few words, say"
        )
    if any(unicodedata.category(each) == "Cc" for each in password):
        raise PasswordRuleError("a password holds no control characters")
    rest = password.casefold()
    for word in sorted({"foedus", "password", *map(str.casefold, words)}, key=len, reverse=True):
        rest = rest.replace(word, "") if word else rest
    if len(rest) < MIN_REST:
        raise PasswordRuleError("that is a name anybody would try, and little more")
    return password


@dataclass(kw_only=True, eq=False)
class PasswordHashing:
    """Makes and checks hashes; safe for several threads, a few at once.

    Attributes:
        memory_kib: Memory of one hash, in KiB.
        passes: Passes over it.
        lanes: Lanes.
    """

    memory_kib: int
    passes: int
    lanes: int
    _slots: BoundedSemaphore = field(
        default_factory=lambda: BoundedSemaphore(_AT_ONCE), init=False, repr=False
    )

    @cached_property
    def _hasher(self) -> PasswordHasher:
        return PasswordHasher(
            time_cost=self.passes,
            memory_cost=self.memory_kib,
            parallelism=self.lanes,
            hash_len=32,
            salt_len=16,
            type=Type.ID,
        )

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash(_NOBODY)

    def hashed(self, password: str) -> str:
        """Return what is kept of a password that was checked, with a new salt."""
        with self._slots:
            return self._hasher.hash(password)

    def matches(self, kept: str | None, text: str) -> bool:
        """Say whether a text is the password of which this was kept.

        It costs the same where nothing is kept, as for a user nobody knows; the answer is then no.

        Args:
            kept: What is kept; None or "" for nothing.
            text: What was typed; a text no password can be is compared with nothing, at that cost.
        """
        usable = len(text) <= MAX_CHARS
        password = unicodedata.normalize("NFC", text) if usable else ""
        with self._slots:
            try:
                self._hasher.verify(kept or self._nobody, password)
            except (VerificationError, InvalidHashError):
                return False
        return bool(kept) and usable

    def is_outdated(self, kept: str) -> bool:
        """Say whether a hash was made with other parameters than these."""
        return self._hasher.check_needs_rehash(kept)


HASHING: Final = PasswordHashing(memory_kib=64 * 1024, passes=3, lanes=4)
"""The parameters in use (RFC 9106 §4, second recommended option)."""
