"""Until when what is kept, what is known of a person, who read what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Struct

from foedus.client.case_call import CaseCall, Page

__all__ = [
    "DatedItem",
    "Finding",
    "PurgePage",
    "Reading",
    "Readings",
    "Retention",
    "RetentionPage",
    "SubjectReport",
    "Subjects",
]

Finding = dict[str, Any]
"""What was found in one place: ``what``, ``item``, ``member``, ``at`` and more of that place."""


class DatedItem(Struct, frozen=True, kw_only=True):
    """Until when an item is kept, and why.

    Attributes:
        given_to: In a dry run: who was given it.
        stays: In a dry run: whether a reserved ground keeps it.
    """

    number: str
    id: str
    version: str
    type: str
    originator: str
    state: str
    ends: datetime | None
    cause: str
    why: str
    expiry: datetime | None
    retain: datetime | None
    ordered: datetime | None
    review: datetime | None
    kept: str
    given_to: list[str] = []
    stays: bool = False


class RetentionPage(Struct, frozen=True, kw_only=True):
    """Items by their end or review, and figures over all of them."""

    items: list[DatedItem]
    due: int
    ending: int
    reviews: int
    kept_on_grounds: int
    next: str


class PurgePage(RetentionPage, frozen=True, kw_only=True):
    """What a purge would take now, and exports of it that are out of reach."""

    exports_handed_out: list[str]


class SubjectReport(Struct, frozen=True, kw_only=True):
    """What is known of a person, place by place; the search is a reading of that number."""

    reading: int
    at: datetime
    items: int
    complete: bool
    found: dict[str, list[Finding]]


class Reading(Struct, frozen=True, kw_only=True):
    """Who read how much personal data, by which way, what for."""

    number: int
    at: datetime
    user: str
    token: str
    what: str
    items: int
    purpose: str
    mark: str


class _Readings(Struct):
    readings: list[Reading]
    next: str


@dataclass(frozen=True, slots=True)
class Retention:
    """Until when what is kept."""

    call: CaseCall = field(repr=False)

    def list(
        self, *, which: str = "ending", days: int = 30, after: str = "", limit: int = 100
    ) -> RetentionPage:
        """Return what is ``ending``, comes to its ``reviews``, or is ``kept`` past its end."""
        return self.call.get(
            "retention", RetentionPage, which=which, days=days, after=after, limit=limit
        )

    def purge_dry_run(self, *, after: str = "", limit: int = 100) -> PurgePage:
        """Return what a purge would take now; nothing is purged."""
        return self.call.get("retention/purge", PurgePage, after=after, limit=limit)


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is known here of one person."""

    call: CaseCall = field(repr=False)

    def find(self, values: Iterable[str], *, purpose: str = "", case: str = "") -> SubjectReport:
        """Find everything known of the person of these values and names; it is noted."""
        body = {"values": tuple(values), "purpose": purpose, "case": case}
        return self.call.post("subjects/find", SubjectReport, body)


@dataclass(frozen=True, slots=True)
class Readings:
    """Who read personal data."""

    call: CaseCall = field(repr=False)

    def list(
        self, *, items: Iterable[str] = (), after: str = "", limit: int = 100
    ) -> Page[Reading]:
        """Return readings, the newest first; of some items, if any is named."""
        found = self.call.get("readings", _Readings, item=tuple(items), after=after, limit=limit)
        return Page(rows=found.readings, next=found.next)
