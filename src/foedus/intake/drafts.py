"""What intake gives back: drafts, what was refused, and how the two add up to the source.

A draft is the exact bytes of one STIX 2.1 object: nothing is decided about it and nothing stored.

The count reconciles, or there is no result: every entry of the source is *taken* (a draft was made
of it, or it was carried inside another), or is a *duplicate*, or was *refused* with its reason::

    read == taken + len(duplicates) + len(refused)        taken == len(drafts) + len(carried)

Drafts that our side adds beside the entries (the report that ties them together, a note with their
comments) are counted apart, as ``added``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from foedus.intake.limits import DEFAULT_LIMITS, IntakeError, IntakeLimits
from foedus.model.identifiers import MemberId, ObjectId

__all__ = [
    "Draft",
    "Edition",
    "Format",
    "IntakeContext",
    "IntakeResult",
    "Refusal",
    "SourceNote",
]

Edition = Mapping[ObjectId, tuple[str, str]]
"""What is held of earlier editions: object id → (SHA-256 of its bytes in hex, version)."""


class Format(StrEnum):
    """A foreign format that is read. The values are stable; stored sources name them."""

    BUNDLE = "bundle"
    MISP = "misp"
    UN_LIST = "un-list"
    REPORT = "report"
    TABLE = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One STIX object, ready for a person to vouch for.

    Attributes:
        raw: The exact bytes the item will have; as received, or canonical where we made them.
        place: Where in the source it came from, for people: ``attribute 17``, ``line 4``.
    """

    raw: bytes
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One entry of the source that became no draft of its own, and why.

    Attributes:
        place: Where it stands, for people: ``attribute 17 (type 'yara')``.
        reason: Why, in words for the person who chose the file.
    """

    place: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNote:
    """What the source says of itself.

    Attributes:
        format: How it was read.
        name: The file's name.
        title: Its own title, or the file's name.
        published: When it says it was published; aware UTC; None if it does not say.
        url: Where it says it was published, if it does.
        language: Language tag (RFC 5646) it gives for itself, if it does.
        grade_hint: Evaluation code it suggests, source then information (``A1``), or None. A
            person grades; this only fills the form.
    """

    format: Format
    name: str
    title: str
    published: datetime | None = None
    url: str | None = None
    language: str | None = None
    grade_hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeContext:
    """Who reads a file, when, and what is held already.

    Ids are derived, never drawn: reading the same source again gives the same ids, and an
    unchanged entry identical bytes.

    Attributes:
        member: Whose node reads; its entries' ids differ from those of other members.
        member_identity: STIX id of the member's own identity, named as creator of what we make.
        now: The instant of reading, aware UTC; used only where the source has no date.
        limits: How much one file may hold.
        edition: For a list that appears in editions, what is held of earlier ones.
    """

    member: MemberId
    member_identity: ObjectId
    now: datetime
    limits: IntakeLimits = DEFAULT_LIMITS
    edition: Edition = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeResult:
    """What one file gave.

    Attributes:
        source: What the file says of itself.
        drafts: One for each entry taken, in the order of the source.
        duplicates: Entries that repeat another of this file, or are unchanged since an edition.
        refused: Entries that could not be taken, each with its reason.
        read: Entries found in the source.
        added: Drafts our side made beside the entries.
        carried: Entries kept inside another draft: a link as an external reference, a comment in
            the note, a hash beside others of the same file.
        delisted: Objects of the earlier edition that this one no longer holds.
        suggestions: Hints for the terms found in the source, by name (``tlp``, ``offence``,
            ``person``, ``left out``); a person decides.

    Raises:
        IntakeError: The counts do not reconcile; an entry would have been lost silently.
    """

    source: SourceNote
    drafts: tuple[Draft, ...]
    duplicates: tuple[Refusal, ...]
    refused: tuple[Refusal, ...]
    read: int
    added: tuple[Draft, ...] = ()
    carried: tuple[Refusal, ...] = ()
    delisted: tuple[ObjectId, ...] = ()
    suggestions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.read != self.taken + len(self.duplicates) + len(self.refused):
            reason = (
                f"{self.read} entries read, but {self.taken} taken, {len(self.duplicates)} "
                f"duplicates and {len(self.refused)} refused: the counts do not reconcile"
            )
            raise IntakeError(name=self.source.name, place="file", reason=reason)

    @property
    def taken(self) -> int:
        """Entries that became a draft or part of one."""
        return len(self.drafts) + len(self.carried)

    @property
    def all_drafts(self) -> tuple[Draft, ...]:
        """Drafts of entries, then those our side added."""
        return self.drafts + self.added
