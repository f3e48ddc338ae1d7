"""Challenges of persons against what is held on them, and their requests to see it.

No row holds the name of a person: a case has a local reference, and HMACs of what was given. What
people wrote stands in one row of each case, which can be erased.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from foedus.casework.access_course import AccessState
from foedus.casework.challenge import StatusWord
from foedus.casework.challenge_course import ChallengeState, Outcome
from foedus.casework.challenge_figures import CaseSpan
from foedus.model.identifiers import MemberId
from foedus.model.selectors import Selector

__all__ = [
    "AccessRow",
    "CaseKind",
    "CaseSide",
    "ChallengeRow",
    "ChallengeStore",
    "Concerned",
    "LateRow",
    "NewAccess",
    "NewChallenge",
    "NewLate",
    "OrderPurpose",
    "Proposal",
    "Referral",
    "Words",
]


class CaseKind(StrEnum):
    """What a person asked for."""

    CHALLENGE = "challenge"
    ACCESS = "access"


class CaseSide(StrEnum):
    """To whom the person turned."""

    OWN = "own"
    REFERRED = "referred"
    """To another member, which sent it on since the items are ours."""


class OrderPurpose(StrEnum):
    """What an order does for a challenge."""

    BLOCK = "block"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChallenge:
    """A challenge taken in.

    Attributes:
        name: ``XB-C-2026-00003``, as the member numbers it to which the person turned.
        sequence: Its number within the year of the name.
        sender: Who sent it on; "" where the person turned to this member.
        treaty: Under which treaty it was sent on; "" otherwise.
        reference: The local reference of the case; "" where it was sent on.
        received: When the person turned to that member. Instants are aware UTC.
        opened: When it was entered here.
        opened_by: By whom; "" where it was taken from a lane.
        entry_index: Its entry in our log.
    """

    name: str
    year: int
    sequence: int
    side: CaseSide
    sender: str
    treaty: str
    reference: str
    received: datetime
    block_due: datetime
    decide_due: datetime
    opened: datetime
    opened_by: str
    entry_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What one person found, where a second one has to find the same."""

    outcome: Outcome
    user: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRow:
    """A stored challenge.

    Attributes:
        outcome: The state in which it ended; None while it is examined.
        blocked: When all that is concerned was blocked here.
        decided_by: Who decided; "" before.
        done: The letters that were written and the steps that were taken, by name.
        wake: When the clock next has to look at it; None never again.
    """

    number: int
    challenge: NewChallenge
    state: ChallengeState
    outcome: ChallengeState | None = None
    blocked: datetime | None = None
    decided: datetime | None = None
    decided_by: str = ""
    closed: datetime | None = None
    proposal: Proposal | None = None
    done: frozenset[str] = frozenset()
    wake: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What people wrote of a challenge: at intake, and as the reason of its outcome."""

    intake: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """One item version that a challenge concerns.

    Attributes:
        blocked: When it ceased to be visible for it; None if it was not visible.
        blocking: Whether this challenge keeps it blocked.
    """

    handle: int
    blocked: datetime | None
    blocking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """What was sent on to an originator.

    Attributes:
        items: How many items of its were named.
        word: The last word it sent; None before any.
        blocked: When it said that they are blocked, or decided.
        answered: When it said how it decided.
    """

    member: MemberId
    sent: datetime
    items: int
    word: StatusWord | None = None
    blocked: datetime | None = None
    answered: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLate:
    """A deadline that passed.

    Attributes:
        kind: Of which kind of case.
        number: The case.
        what: ``block``, ``decide`` or ``answer``.
        member: Whose doing is late: this member, or an originator it was sent on to.
    """

    kind: CaseKind
    number: int
    what: str
    member: MemberId
    due: datetime
    noted: datetime
    entry_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRow:
    """A stored breach record.

    Attributes:
        name: Of the case.
        made_good: When what was late was done after all.
        closed: When an officer closed the record; None while it is open.
    """

    record: int
    name: str
    late: NewLate
    made_good: datetime | None
    closed: datetime | None
    closed_by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccess:
    """A request to see what is held, taken in; attributes as those of a challenge.

    Attributes:
        due: By when the person is answered.
    """

    name: str
    year: int
    sequence: int
    reference: str
    received: datetime
    due: datetime
    opened: datetime
    opened_by: str
    entry_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRow:
    """A stored request to see what is held.

    Attributes:
        ended: When it was answered or taken back.
        words: What was written at intake; "" once erased.
    """

    number: int
    access: NewAccess
    state: AccessState
    ended: datetime | None = None
    ended_by: str = ""
    words: str = ""
    done: frozenset[str] = frozenset()
    wake: datetime | None = None


class ChallengeStore(Protocol):
    """Challenges of persons against what is held on them."""

    def next_sequence(self, kind: CaseKind, year: int) -> int:
        """Return the number, from 1, that the next case of this member's in a year is given."""
        ...

    def mark(self, kind: CaseKind, number: int, marks: Collection[bytes]) -> None:
        """Keep the HMACs of what a person gave."""
        ...

    def marked(self, marks: Collection[bytes]) -> Sequence[tuple[CaseKind, int]]:
        """Return the cases of persons who gave one of these, by kind and number."""
        ...

    # Challenges.

    def add(self, challenge: NewChallenge, *, words: str, wake: datetime | None) -> int:
        """Keep a challenge in state received and return its number; names are unique."""
        ...

    def get(self, number: int) -> ChallengeRow | None:
        """Return one challenge."""
        ...

    def by_name(self, name: str) -> ChallengeRow | None:
        """Return a challenge by its name."""
        ...

    def sent_since(self, sender: MemberId, since: datetime) -> int:
        """Return how many challenges a member sent on to us that were kept after an instant."""
        ...

    def page(self, *, open_only: bool, after: int, limit: int) -> Sequence[ChallengeRow]:
        """Return challenges by number, greater than ``after``."""
        ...

    def keep(self, row: ChallengeRow) -> None:
        """Keep how far a challenge has come; what was taken in stays as it is."""
        ...

    def awake(self, now: datetime, *, limit: int) -> Sequence[ChallengeRow]:
        """Return challenges that the clock has to look at by now, first due first."""
        ...

    def words(self, number: int) -> Words | None:
        """Return what people wrote of a challenge; None once it was erased."""
        ...

    def put_reason(self, number: int, reason: str) -> None:
        """Keep the reason of the outcome beside what was written at intake."""
        ...

    def erase_words(self, number: int) -> bool:
        """Erase what people wrote of a challenge; whether there was anything."""
        ...

    def spans(self, year: int) -> Sequence[CaseSpan]:
        """Return what the figures of a year need of its challenges, by number."""
        ...

    # What a challenge concerns.

    def concern(self, number: int, handles: Collection[int]) -> None:
        """Note that a challenge concerns item versions; what it concerns already stays as it is."""
        ...

    def concerned(self, number: int) -> Sequence[Concerned]:
        """Return the item versions a challenge concerns, by handle."""
        ...

    def block(self, number: int, handles: Collection[int], *, moved: datetime | None) -> None:
        """Note that a challenge keeps these blocked.

        Args:
            number: The challenge.
            handles: Among what it concerns.
            moved: When they ceased to be visible for it; None where they were not visible.
        """
        ...

    def release(self, number: int, handles: Collection[int]) -> None:
        """Note that a challenge keeps these blocked no longer."""
        ...

    def blocking(self, handles: Collection[int]) -> Mapping[int, str]:
        """Return which item versions a challenge keeps blocked, with the name of the first."""
        ...

    def examined(self, handles: Collection[int]) -> Mapping[int, str]:
        """Return which of these a challenge that is still examined keeps blocked, with its name."""
        ...

    def blocked_by_other(self, number: int, handle: int) -> bool:
        """Say whether another challenge than this one keeps an item version blocked."""
        ...

    def carriers(self, selectors: Collection[Selector], *, limit: int) -> Sequence[int]:
        """Return the item versions, in whatever state, that carry one of these, newest first."""
        ...

    def versions(self, handles: Collection[int]) -> Sequence[int]:
        """Return every version of the items of these handles, save redacted variants."""
        ...

    def unblocked(self, *, limit: int) -> Sequence[tuple[int, int]]:
        """Return (challenge, handle) of what became visible though a challenge blocks its item."""
        ...

    def note_order(self, number: int, name: str, purpose: OrderPurpose) -> None:
        """Note an order that carries a challenge out; idempotent."""
        ...

    def orders(self, number: int) -> Sequence[tuple[str, OrderPurpose]]:
        """Return the orders that carry a challenge out, by name."""
        ...

    # What was sent on.

    def refer(self, number: int, referral: Referral) -> None:
        """Keep what was sent to an originator; more items for the same one are added up."""
        ...

    def referrals(self, number: int) -> Sequence[Referral]:
        """Return what was sent on, by member."""
        ...

    def note_word(self, number: int, referral: Referral) -> None:
        """Keep an originator's word; idempotent."""
        ...

    # Requests to see what is held.

    def add_access(self, access: NewAccess, *, words: str, wake: datetime | None) -> int:
        """Keep a request in state received and return its number."""
        ...

    def access(self, number: int) -> AccessRow | None:
        """Return one request."""
        ...

    def accesses(self, *, open_only: bool, after: int, limit: int) -> Sequence[AccessRow]:
        """Return requests by number, greater than ``after``."""
        ...

    def keep_access(self, row: AccessRow) -> None:
        """Keep how far a request has come, and its words or what is left of them."""
        ...

    def awake_accesses(self, now: datetime, *, limit: int) -> Sequence[AccessRow]:
        """Return requests that the clock has to look at by now, first due first."""
        ...

    def access_spans(self, year: int) -> Sequence[CaseSpan]:
        """Return what the figures of a year need of its requests, by number."""
        ...

    # Deadlines that passed.

    def add_late(self, late: NewLate) -> int:
        """Keep a breach record and return its number; 0 if the same stands already."""
        ...

    def late(self, record: int) -> LateRow | None:
        """Return a breach record."""
        ...

    def lates_of(self, kind: CaseKind, number: int) -> Sequence[LateRow]:
        """Return the breach records of one case, by number."""
        ...

    def lates(self, *, open_only: bool, after: int, limit: int) -> Sequence[LateRow]:
        """Return breach records by number, greater than ``after``."""
        ...

    def make_good(
        self, kind: CaseKind, number: int, what: str, member: MemberId, *, at: datetime
    ) -> Sequence[int]:
        """Note that what was late was done after all; returns the records it concerns."""
        ...

    def close_late(self, record: int, *, user: str, reason: str, at: datetime) -> None:
        """Close an open breach record."""
        ...

    # Whose hands an item went through.

    def moved(self, handles: Collection[int]) -> frozenset[int]:
        """Return which of these were visible until a challenge blocked them."""
        ...

    def approvers(self, handles: Collection[int]) -> Sequence[str]:
        """Return who approved a release of one of these, each once; withdrawn ones included."""
        ...

    def releasers(self, entries: Collection[tuple[MemberId, int]]) -> Sequence[str]:
        """Return who made the disclosures of these (recipient, log entry), each once."""
        ...
