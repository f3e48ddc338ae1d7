"""Challenges of persons, and their requests to see what is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct

from foedus.client.case_call import CaseCall, Instant, Page, segment
from foedus.client.case_keeping import Finding

__all__ = [
    "Access",
    "AccessRequest",
    "AccessSearch",
    "Challenge",
    "ChallengeFigures",
    "ChallengeItem",
    "ChallengeView",
    "Challenges",
    "Decision",
    "Forgotten",
    "LateCase",
    "Letter",
    "Referral",
    "YearFigures",
]


class Challenge(Struct, frozen=True, kw_only=True):
    """A challenge and its deadlines; ``orders`` where some were just given."""

    number: int
    name: str
    side: str
    sender: str
    reference: str
    state: str
    outcome: str | None
    received: datetime
    block_due: datetime
    decide_due: datetime
    blocked: datetime | None
    decided: datetime | None
    decided_by: str
    closed: datetime | None
    orders: list[str] = []


class ChallengeItem(Struct, frozen=True, kw_only=True):
    """An item that a challenge concerns."""

    number: str
    id: str
    version: str
    originator: str
    title: str
    state: str
    blocked: bool


class Referral(Struct, frozen=True, kw_only=True):
    """A challenge sent on to the originator of items, and its word so far."""

    member: str
    items: int
    word: str | None


class ChallengeView(Challenge, frozen=True, kw_only=True):
    """A challenge with what it concerns."""

    items: list[ChallengeItem]
    referrals: list[Referral]
    intake: str | None
    reason: str | None


class Decision(Challenge, frozen=True, kw_only=True):
    """A challenge after a finding.

    Attributes:
        unknown: Items of which nothing tells whose hands they went through: then nothing is decided
            until a second person finds the same.
    """

    unknown: list[str]


class Letter(Struct, frozen=True, kw_only=True):
    """A letter to a person."""

    letter: str


class Forgotten(Struct, frozen=True, kw_only=True):
    """Whether what was written of a case still lies in the database's journal."""

    lingering: bool


class LateCase(Struct, frozen=True, kw_only=True):
    """The record of a deadline that passed."""

    number: int
    case: str
    what: str
    member: str
    due: datetime
    noted: datetime
    made_good: datetime | None
    closed: datetime | None
    closed_by: str
    reason: str


class ChallengeFigures(Struct, frozen=True, kw_only=True):
    """Challenges of a year."""

    received: int
    upheld: int
    corrected: int
    restricted: int
    rejected: int
    withdrawn: int
    open: int
    median_days: float | None
    late: int
    referred: int


class AccessFigures(Struct, frozen=True, kw_only=True):
    """Requests of a year to see what is held."""

    received: int
    answered: int
    withdrawn: int
    open: int
    median_days: float | None
    late: int


class YearFigures(Struct, frozen=True, kw_only=True):
    """The figures of a year."""

    year: int
    challenges: ChallengeFigures
    access: AccessFigures


class AccessRequest(Struct, frozen=True, kw_only=True):
    """A person's request to see what is held."""

    number: int
    name: str
    reference: str
    state: str
    received: datetime
    due: datetime
    ended: datetime | None
    ended_by: str


class AccessSearch(AccessRequest, frozen=True, kw_only=True):
    """What was found for it; the search is a reading of that number."""

    reading: int
    at: datetime
    items: int
    complete: bool
    found: dict[str, list[Finding]]


class _Challenges(Struct):
    challenges: list[Challenge]
    next: str


class _Lates(Struct):
    breaches: list[LateCase]
    next: str


class _Accesses(Struct):
    requests: list[AccessRequest]
    next: str


@dataclass(frozen=True, slots=True)
class Challenges:
    """Challenges: block, examine, decide."""

    call: CaseCall = field(repr=False)

    def list(
        self, *, everything: bool = False, after: str = "", limit: int = 50
    ) -> Page[Challenge]:
        """Return challenges; those closed too, if everything is asked for."""
        found = self.call.get("challenges", _Challenges, all=everything, after=after, limit=limit)
        return Page(rows=found.challenges, next=found.next)

    def show(self, number: int) -> ChallengeView:
        """Return a challenge with what it concerns; looking is noted."""
        return self.call.get(f"challenges/{segment(number)}", ChallengeView)

    def open(
        self,
        reference: str,
        *,
        items: Iterable[str] = (),
        values: Iterable[str] = (),
        received: Instant | None = None,
        words: str = "",
    ) -> Challenge:
        """Take a challenge in under a local reference that names nobody, and block."""
        body = {
            "reference": reference,
            "items": tuple(items),
            "values": tuple(values),
            "received": received,
            "words": words,
        }
        return self.call.post("challenges", Challenge, body)

    def block(self, number: int, items: Iterable[str]) -> Challenge:
        """Add items, and block them."""
        return self.call.post(
            f"challenges/{segment(number)}/block", Challenge, {"items": tuple(items)}
        )

    def decide(
        self,
        number: int,
        outcome: str,
        reason: str,
        *,
        replacements: Mapping[str, str] | None = None,
    ) -> Decision:
        """Decide: ``uphold``, ``correct``, ``restrict`` or ``reject``.

        Args:
            number: Of the challenge.
            outcome: What was found.
            reason: Why; kept with the case.
            replacements: For ``correct``: item → what is right; "" for the only item.
        """
        pairs = [{"item": old, "right": new} for old, new in (replacements or {}).items()]
        body = {"outcome": outcome, "reason": reason, "replacements": pairs}
        return self.call.post(f"challenges/{segment(number)}/decide", Decision, body)

    def withdraw(self, number: int) -> Challenge:
        """Record that the person took it back."""
        return self.call.post(f"challenges/{segment(number)}/withdraw", Challenge)

    def letter(self, number: int, *, outcome: bool = False) -> str:
        """Return the letter of receipt, or of the outcome."""
        path = f"challenges/{segment(number)}/letter"
        return self.call.get(path, Letter, outcome=outcome).letter

    def forget(self, number: int) -> Forgotten:
        """Erase what was written of a closed challenge."""
        return self.call.post(f"challenges/{segment(number)}/forget", Forgotten)

    def figures(self, year: int) -> YearFigures:
        """Return the figures of a year."""
        return self.call.get("challenges/figures", YearFigures, year=year)

    def breaches(
        self, *, everything: bool = False, after: str = "", limit: int = 50
    ) -> Page[LateCase]:
        """Return the records of deadlines that passed."""
        found = self.call.get(
            "challenges/breaches", _Lates, all=everything, after=after, limit=limit
        )
        return Page(rows=found.breaches, next=found.next)

    def close_breach(self, number: int, reason: str) -> LateCase:
        """Close such a record."""
        path = f"challenges/breaches/{segment(number)}/close"
        return self.call.post(path, LateCase, {"reason": reason})


@dataclass(frozen=True, slots=True)
class Access:
    """Requests of persons to see what is held."""

    call: CaseCall = field(repr=False)

    def list(
        self, *, everything: bool = False, after: str = "", limit: int = 50
    ) -> Page[AccessRequest]:
        """Return requests; those that ended too, if everything is asked for."""
        found = self.call.get("access", _Accesses, all=everything, after=after, limit=limit)
        return Page(rows=found.requests, next=found.next)

    def open(
        self,
        reference: str,
        values: Iterable[str],
        *,
        received: Instant | None = None,
        words: str = "",
    ) -> AccessRequest:
        """Take a request in under a local reference that names nobody."""
        body = {
            "reference": reference,
            "values": tuple(values),
            "received": received,
            "words": words,
        }
        return self.call.post("access", AccessRequest, body)

    def search(self, number: int, values: Iterable[str]) -> AccessSearch:
        """Look for all that is held of the person, by what it gave at intake."""
        return self.call.post(
            f"access/{segment(number)}/search", AccessSearch, {"values": tuple(values)}
        )

    def letter(self, number: int, *, answer: bool = False) -> str:
        """Return the letter of receipt, or of the answer."""
        path = f"access/{segment(number)}/letter"
        return self.call.get(path, Letter, outcome=answer).letter

    def answer(self, number: int) -> AccessRequest:
        """Record that the person is answered."""
        return self.call.post(f"access/{segment(number)}/answer", AccessRequest)

    def withdraw(self, number: int) -> AccessRequest:
        """Record that the person took it back."""
        return self.call.post(f"access/{segment(number)}/withdraw", AccessRequest)

    def forget(self, number: int) -> Forgotten:
        """Erase what was written of a request that ended."""
        return self.call.post(f"access/{segment(number)}/forget", Forgotten)
