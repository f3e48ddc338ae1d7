"""The treaty as a value: articles, members, figures. The parser makes it; nothing changes it.

The text of a machine rule stays opaque here. Only :mod:`foedus.release.cedar` runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.treaty.clocks import CaseClocks
from foedus.treaty.errors import TreatyError

__all__ = [
    "Article",
    "EntryCondition",
    "FinalClauses",
    "Limits",
    "NoSuchArticleError",
    "NoSuchPartyError",
    "Party",
    "Share",
    "Treaty",
    "Witnessing",
]


class NoSuchArticleError(TreatyError):
    """The treaty has no article of that number."""

    code: ClassVar[str] = "treaty.no-such-article"


class NoSuchPartyError(TreatyError):
    """The annex of the treaty does not list that member."""

    code: ClassVar[str] = "treaty.no-such-party"


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One article.

    Attributes:
        id: Its number as printed, for example ``7`` or ``7bis``.
        title: The words after the dash of its heading.
        text: Its Markdown, without heading and machine rules; never empty where ``blocks`` is not.
        blocks: The text of its Cedar blocks in order, ASCII, not yet validated as Cedar.
        reservable: Whether a member may reserve it.
        block_lines: Line in the file of the first line of each block, from 1; empty for an article
            not read from a file.
        line: Line in the file of its heading; 0 for an article not read from a file.
    """

    id: ArticleId
    title: str
    text: str
    blocks: tuple[str, ...]
    reservable: bool
    block_lines: tuple[int, ...] = field(default=(), compare=False, repr=False)
    line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCondition:
    """When the treaty enters into force.

    Attributes:
        ratifications: How many members must have ratified, at least 1.
        delay: How long after the last of them it takes effect.
    """

    ratifications: int
    delay: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits the members agreed.

    Attributes:
        freshness_online: How old the picture of a member may be on an online link.
        freshness_pouch: The same for a member reached by pouch only.
        clock_tolerance: How far ahead of the clock a dated thing is still applied at once.
        clock_hard_limit: Known skew beyond which a node signs nothing.
        denunciation_notice: From notice to effect of a denunciation.
    """

    freshness_online: timedelta
    freshness_pouch: timedelta
    clock_tolerance: timedelta
    clock_hard_limit: timedelta
    denunciation_notice: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessing:
    """How far the members rely on one another as witnesses of their logs.

    The witnesses of a member's log are the other members bound at the time, never itself. A head is
    relied on once more than half of their number and of the liars' together have cosigned it
    (:func:`foedus.signing.enough`).

    Attributes:
        liars: How many of the witnesses may lie.
        unwitnessed: How old the oldest entry of a log that no quorum has cosigned may be; past it
            its owner releases nothing new.
    """

    liars: int
    unwitnessed: timedelta


class Share(StrEnum):
    """How many of the parties must agree."""

    ALL = "all"
    TWO_THIRDS = "two-thirds"
    MAJORITY = "majority"
    AS_ENTRY = "as-entry"
    """As many as had to ratify for the treaty to enter into force."""
    NONE = "none"
    """It cannot be done under this treaty."""

    def reached(self, agreeing: int, voices: int, entry: EntryCondition) -> bool:
        """Say whether enough agree.

        Args:
            agreeing: How many parties agree.
            voices: How many are asked; nothing is agreed where nobody is.
            entry: The condition of entry into force, for :attr:`AS_ENTRY`.
        """
        enough = {
            Share.ALL: agreeing >= voices,
            Share.TWO_THIRDS: 3 * agreeing >= 2 * voices,
            Share.MAJORITY: 2 * agreeing > voices,
            Share.AS_ENTRY: agreeing >= entry.ratifications,
            Share.NONE: False,
        }
        return voices > 0 and enough[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalClauses:
    """What the members agreed about changes among them. The defaults are the strictest.

    Attributes:
        accession: Which share of the parties admits a State that is not listed (VCLT Art. 15).
        amendment: Which share of the parties adopts an amendment (VCLT Art. 39, 40).
        suspension: Which share of the other parties suspends (VCLT Art. 57, 60).
        late_reservations: Whether a member may reserve after it consented (VCLT Art. 19).
        objection_period: For how long a reservation may be objected to (VCLT Art. 20(5)).
        definitions_required: Whether an offence is recognised only once it was defined.
        residual: Articles that bind a former member while it holds an item; None for every article
            that admits no reservation (VCLT Art. 70(1)).
    """

    accession: Share = Share.NONE
    amendment: Share = Share.AS_ENTRY
    suspension: Share = Share.ALL
    late_reservations: bool = False
    objection_period: timedelta = timedelta(days=365)
    definitions_required: bool = False
    residual: tuple[ArticleId, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """An original member, as the annex lists it.

    Attributes:
        member: Its id.
        name: Its name, for people.
        authority: Fingerprint of the key of its competent authority
            (:attr:`foedus.signing.keys.PublicKey.fingerprint`): the root of trust.
    """

    member: MemberId
    name: str
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Treaty:
    """A treaty as parsed from its authentic text.

    Attributes:
        id: SHA-256 of the manifest of its authentic texts, 64 hex digits.
        title: Full title.
        short_title: A short one, for tables.
        exercise: Whether everything under it is an exercise.
        languages: The authentic languages, BCP 47 tags; the first is that of ``raw``.
        depositary: The member that is depositary; one of ``parties``.
        parties: The original members, in the order of the annex.
        entry: Condition of entry into force.
        limits: Time limits.
        purposes: Purpose id to its definition.
        offences: Offence id to its definition.
        articles: In ascending order of number.
        raw: The exact bytes of the authentic text that holds the machine rules.
        clauses: What was agreed about changes among the members.
        witnessing: What was agreed about witnessing logs; None where nothing was, so that no quorum
            is asked for and nothing stops.
        clocks: What was agreed about the time and the bounds of casework.
    """

    id: TreatyId
    title: str
    short_title: str
    exercise: bool
    languages: tuple[str, ...]
    depositary: MemberId
    parties: tuple[Party, ...]
    entry: EntryCondition
    limits: Limits
    purposes: Mapping[str, str]
    offences: Mapping[str, str]
    articles: tuple[Article, ...]
    raw: bytes
    clauses: FinalClauses = field(default_factory=FinalClauses)
    witnessing: Witnessing | None = None
    clocks: CaseClocks = field(default_factory=CaseClocks)

    def article(self, number: ArticleId) -> Article:
        """Return the article of that number, or raise :class:`NoSuchArticleError`."""
        for article in self.articles:
            if article.id == number:
                return article
        raise NoSuchArticleError(f"{self.short_title} has no Article {number[:20]!r}")

    def party(self, member: MemberId) -> Party:
        """Return the original member of that id, or raise :class:`NoSuchPartyError`."""
        for party in self.parties:
            if party.member == member:
                return party
        raise NoSuchPartyError(f"{member[:20]!r} is not an original member of {self.short_title}")
