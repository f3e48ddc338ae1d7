"""Hits, people, acts and alarms: what persons see and do, as an operation needs it stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from foedus.model.selectors import Selector

__all__ = [
    "Act",
    "ActStore",
    "Alarm",
    "AlarmStore",
    "HitRow",
    "HitState",
    "HitStore",
    "NewHit",
    "PeopleStore",
    "TokenGrant",
    "TokenRow",
    "UserRow",
]


class HitState(StrEnum):
    """What a person made of a hit."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHit:
    """A question for a person: two items of different originators share a selector.

    Attributes:
        arrived: Handle of the item that caused the look-up.
        held: Handle of the item that was there.
        how: ``exact`` or ``sighting``.
        frequency: How many visible items carry the selector.
    """

    arrived: int
    held: int
    selector: Selector
    how: str
    frequency: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HitRow:
    """A stored hit."""

    number: int
    hit: NewHit
    state: HitState
    by: str
    reason: str


class HitStore(Protocol):
    """Hits and what people made of them."""

    def add(self, hits: Sequence[NewHit]) -> int:
        """Store hits not there yet (arrived, held, selector); returns how many were new."""
        ...

    def page(self, *, states: frozenset[HitState], after: int, limit: int) -> Sequence[HitRow]:
        """Return hits by number; no states means all."""
        ...

    def get(self, number: int) -> HitRow | None:
        """Return one hit."""
        ...

    def set_state(self, number: int, state: HitState, *, by: str, reason: str) -> None:
        """Record a person's answer."""
        ...

    def counts(self) -> Mapping[HitState, int]:
        """Return hits per state."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """A person of this node.

    Attributes:
        disabled: Since when nothing is done in the person's name; None while it acts.
    """

    name: str
    roles: frozenset[str]
    created: datetime
    disabled: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGrant:
    """What a token may do in one named collection, by its number."""

    collection: int
    can_read: bool
    can_write: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A tool's token; only its SHA-256 is kept.

    Attributes:
        scope: What it may do with what is held and with drafts: ``read``, ``write``, or "".
        expires: From when on it opens nothing; None for never.
        used: When it was last used, to the minute; None for never.
        certificate: SHA-256 of the one client certificate it may be used with, 64 lower-case hex
            digits; None for any or none.
        grants: What it may do in named collections.
        purpose: What it reads personal data for, in its user's words; "" for none stated.
    """

    token_id: str
    user: str
    digest: bytes
    scope: str
    created: datetime
    revoked: datetime | None
    expires: datetime | None = None
    used: datetime | None = None
    certificate: str | None = None
    grants: tuple[TokenGrant, ...] = ()
    purpose: str = ""


class PeopleStore(Protocol):
    """Users and tokens."""

    def put_user(self, user: UserRow) -> None:
        """Add a user, or replace the roles and whether it is disabled."""
        ...

    def user(self, name: str) -> UserRow | None:
        """Return one user."""
        ...

    def users(self) -> Sequence[UserRow]:
        """Return all users by name."""
        ...

    def put_token(self, token: TokenRow) -> None:
        """Add a token or replace its row (to revoke it)."""
        ...

    def token_by_digest(self, digest: bytes) -> TokenRow | None:
        """Return the token with this digest."""
        ...

    def tokens(self) -> Sequence[TokenRow]:
        """Return all tokens, oldest first."""
        ...

    def note_use(self, token_id: str, at: datetime) -> None:
        """Store when a token was last used; it never goes back."""
        ...

    def access_revision(self) -> int:
        """Return a number that grows with each change of users, tokens, grants and collections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing a person did here: ids and digests only, never content."""

    at: datetime
    user: str
    act: str
    subject: str


class ActStore(Protocol):
    """The journal of acts: every act carries a user."""

    def record(self, act: Act) -> None:
        """Append one act."""
        ...

    def page(self, *, after: int, limit: int) -> Sequence[tuple[int, Act]]:
        """Return acts by number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person must know: a halted lane, a mismatch, a conflict.

    Attributes:
        code: Stable dotted name.
        subject: What it concerns, for example ``XB/bulk``; one open alarm per (code, subject).
    """

    code: str
    subject: str
    text: str
    since: datetime


class AlarmStore(Protocol):
    """Open alarms."""

    def set(self, alarm: Alarm) -> None:
        """Open an alarm, or refresh its text keeping its first instant."""
        ...

    def clear(self, code: str, subject: str) -> None:
        """Close an alarm that no longer holds."""
        ...

    def open(self) -> Sequence[Alarm]:
        """Return open alarms, oldest first."""
        ...
