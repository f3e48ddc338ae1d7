"""How people of this node sign on: secrets as hashes, second factors, sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

__all__ = [
    "AccountRow",
    "AccountStore",
    "BindingRow",
    "FailureRow",
    "HandRow",
    "SessionRow",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """What one user signs on with.

    Attributes:
        password: argon2id hash in PHC form; "" for none.
        password_set: When it was set.
        temporary: Whether somebody else gave it, so that its owner chooses another one first.
        totp_salt: What the key of the second factor is derived from, with the node's secret; None
            where none is enrolled.
        totp_confirmed: When its owner showed a code; until then it is not asked for.
        totp_step: The last step whose code was used.
    """

    user: str
    password: str = field(default="", repr=False)
    password_set: datetime | None = None
    temporary: bool = False
    totp_salt: bytes | None = field(default=None, repr=False)
    totp_confirmed: datetime | None = None
    totp_step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """Failed attempts to sign on.

    Attributes:
        key: Whose: a user, a bucket of names nobody has, or a device.
    """

    key: str
    count: int
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session; only the SHA-256 of its token is kept.

    Attributes:
        session_id: What people call it by; opens nothing.
        how: ``password``, ``totp``, ``recovery`` or ``provider``.
        created: When its user signed on.
        seen: When it was last used, to the minute.
        stale: Whether the user's roles changed since its token was made.
    """

    digest: bytes = field(repr=False)
    session_id: str
    user: str
    how: str
    created: datetime
    seen: datetime
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingRow:
    """Who of a provider's people is which user here.

    Attributes:
        by_group: Whether the user's roles follow its groups there.
    """

    issuer: str
    subject: str
    user: str
    created: datetime
    by_group: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HandRow:
    """What somebody did with an item before its release.

    Attributes:
        item: Its handle.
        part: ``drafted``, ``vouched`` or what else a folder notes.
    """

    item: int
    user: str
    part: str


class AccountStore(Protocol):
    """How people of this node sign on, and who had a hand in which item."""

    def account(self, user: str) -> AccountRow | None:
        """Return what a user signs on with; None where nothing was ever set."""
        ...

    def put_account(self, account: AccountRow) -> None:
        """Add it or replace it."""
        ...

    def failure(self, key: str) -> FailureRow | None:
        """Return the failed attempts under a key."""
        ...

    def put_failure(self, failure: FailureRow) -> None:
        """Add or replace them."""
        ...

    def clear_failure(self, key: str) -> None:
        """Forget them."""
        ...

    def prune(self, *, failures: datetime, begun: datetime, seen: datetime) -> None:
        """Forget failures last made before an instant, and sessions begun or last used before."""
        ...

    def recovery_left(self, user: str) -> int:
        """Return how many recovery codes a user has left."""
        ...

    def put_recovery(self, user: str, digests: Sequence[bytes]) -> None:
        """Replace a user's recovery codes."""
        ...

    def use_recovery(self, user: str, digest: bytes) -> bool:
        """Take a recovery code away; returns whether it was there."""
        ...

    def put_session(self, session: SessionRow) -> None:
        """Add a session, or give one a new token."""
        ...

    def session_by_digest(self, digest: bytes) -> SessionRow | None:
        """Return the session with this token."""
        ...

    def sessions(self, user: str = "") -> Sequence[SessionRow]:
        """Return a user's sessions, or everybody's; oldest first."""
        ...

    def note_seen(self, session_id: str, at: datetime) -> None:
        """Store when a session was last used; it never goes back."""
        ...

    def make_stale(self, user: str) -> None:
        """Have a user's sessions go on under new tokens only."""
        ...

    def end_session(self, session_id: str) -> bool:
        """End a session; returns whether there was one."""
        ...

    def end_sessions(self, user: str, *, but: str = "") -> int:
        """End a user's sessions, but one; returns how many."""
        ...

    def binding(self, issuer: str, subject: str) -> BindingRow | None:
        """Return who somebody of a provider is here."""
        ...

    def bindings(self, user: str = "") -> Sequence[BindingRow]:
        """Return a user's bindings, or everybody's."""
        ...

    def put_binding(self, binding: BindingRow) -> None:
        """Add a binding or replace it."""
        ...

    def drop_bindings(self, user: str) -> int:
        """Remove a user's bindings; returns how many."""
        ...

    def note_hands(self, items: Sequence[int], user: str, part: str) -> None:
        """Store that somebody had a hand in items; once for each."""
        ...

    def hands(self, items: Sequence[int]) -> Sequence[HandRow]:
        """Return who had a hand in these items."""
        ...

    def submitters(self, items: Sequence[int]) -> Sequence[HandRow]:
        """Return who submitted the sources of these items, as the part ``submitted``."""
        ...
