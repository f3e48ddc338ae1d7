"""Consents asked for, who passed what on to whom, feedback and deconfliction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foedus.casework.consent_course import ConsentState
from foedus.casework.feedback import Stance
from foedus.model.identifiers import MemberId, ObjectId, TreatyId

__all__ = [
    "ConsentRequestRow",
    "CopyCondition",
    "FeedbackRow",
    "NewConsentRequest",
    "OnwardStore",
    "SharedMatter",
    "Untold",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsentRequest:
    """A consent asked for, by us or of us.

    Attributes:
        digest: SHA-256 of what was signed, 64 hex digits; names the request between the two.
        ours: Whether we asked; otherwise we are the originator.
        member: The other side: the originator, or who asks.
        item: Handle of the item version here; of the redacted form, if that was given.
        recipient: To whom the asker wishes to pass it on.
        life: Whether a life is in danger.
        until: Until when the asker needs the consent.
        due: By when the originator answers; silence is no.
    """

    digest: str
    ours: bool
    member: MemberId
    item: int
    recipient: MemberId
    treaty: TreatyId
    purpose: str
    life: bool
    until: datetime
    at: datetime
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequestRow:
    """A stored request with what became of it.

    Attributes:
        answered: When it was answered, or ran into silence; None while it waits.
        answered_by: Who answered here; "" at the asker.
        ground: Why it was refused: a word of the closed list; "" otherwise.
        consent: Number of the consent that was given; None without one.
    """

    number: int
    request: NewConsentRequest
    state: ConsentState
    answered: datetime | None
    answered_by: str
    ground: str
    consent: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """An item passed on of which its originator was not told yet."""

    item: int
    recipient: MemberId
    treaty: TreatyId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyCondition:
    """On what condition an item was passed on to us.

    Attributes:
        item: Handle of the item.
        digest: Digest of the consent that says so.
        words: The conditions, closed words, in their order.
        keep_until: When the copy ends; None if the consent does not say.
    """

    item: int
    digest: str
    words: tuple[str, ...]
    keep_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRow:
    """What a member says of an item version.

    Attributes:
        item: Handle of the opinion or note.
        about: Handle of the version it speaks of.
        author: Whose word it is.
        stance: What it says.
    """

    item: int
    about: int
    author: MemberId
    stance: Stance
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedMatter:
    """A hit of which another member is known to have the same question."""

    hit: int
    member: MemberId
    at: datetime


class OnwardStore(Protocol):
    """Consents asked for, who passed what on to whom, feedback and deconfliction."""

    def note_passed_on(
        self,
        items: Sequence[int],
        recipient: MemberId,
        treaty: TreatyId,
        *,
        at: datetime,
        told: bool,
    ) -> None:
        """Note that items of other members were passed on; idempotent by item and recipient."""
        ...

    def untold(self, *, limit: int) -> Sequence[Untold]:
        """Return what was passed on and not told to its originator, oldest first."""
        ...

    def told(self, items: Sequence[int], recipient: MemberId, *, at: datetime) -> None:
        """Note that the originator was told."""
        ...

    def recipients_of(self, items: Sequence[int]) -> Sequence[tuple[int, MemberId, TreatyId]]:
        """Return (item, member, treaty) of each member to whom these items were ever given.

        One statement, from the outgoing lanes themselves, which a restored node rebuilds.
        """
        ...

    def add_holders(
        self, items: Sequence[int], holder: MemberId, via: MemberId, *, at: datetime
    ) -> int:
        """Note who was passed items of ours, and by whom; idempotent. Returns how many were new."""
        ...

    def holders(self, handles: Sequence[int]) -> Sequence[tuple[MemberId, ObjectId, str]]:
        """Return (holder, id, version) of each onward holder of these item versions.

        Args:
            handles: Versions of ours, and the redacted variants made of them; one statement asks
                for all. Id and version are those under which the item was given.
        """
        ...

    def onward_of(self, handle: int) -> Sequence[tuple[MemberId, MemberId, datetime]]:
        """Return (holder, by whom, when) of the onward holders of one item version."""
        ...

    def ask(self, request: NewConsentRequest) -> int | None:
        """Keep a request and return its number; None if that very request is kept already."""
        ...

    def request(self, number: int) -> ConsentRequestRow | None:
        """Return one request."""
        ...

    def request_by_digest(self, digest: str) -> ConsentRequestRow | None:
        """Return the request with this digest."""
        ...

    def requests_for(self, consent: str) -> Sequence[ConsentRequestRow]:
        """Return the requests that were answered by the consent with this digest."""
        ...

    def requests(
        self, *, ours: bool | None, waiting: bool, after: int, limit: int
    ) -> Sequence[ConsentRequestRow]:
        """Return requests by number, greater than ``after``.

        Args:
            ours: Only those we made, or only those made of us; None for both.
            waiting: Only those without an answer.
            after: A number.
            limit: Rows at most.
        """
        ...

    def waiting_of(self, asker: MemberId) -> int:
        """Return how many requests of a member wait for an answer here."""
        ...

    def overdue_requests(self, at: datetime, *, limit: int) -> Sequence[ConsentRequestRow]:
        """Return requests without an answer that were due by an instant, by deadline."""
        ...

    def lapsed_requests(self, at: datetime, *, limit: int) -> Sequence[ConsentRequestRow]:
        """Return requests that were granted and whose consent has run out by an instant."""
        ...

    def settle_request(
        self,
        number: int,
        state: ConsentState,
        *,
        at: datetime,
        by: str,
        ground: str = "",
        consent: tuple[int, str] | None = None,
    ) -> None:
        """Keep what became of a request.

        Args:
            number: Its number.
            state: Its state now.
            at: When.
            by: Who answered here; "" for the other side or the clock.
            ground: Why it was refused.
            consent: Number and digest of the consent; None leaves them as they are.
        """
        ...

    def note_withdrawn(self, digest: str, originator: MemberId, *, at: datetime) -> bool:
        """Note that an originator took a consent back; False if that was noted before."""
        ...

    def is_withdrawn(self, digest: str, originator: MemberId) -> bool:
        """Return whether an originator took a consent back."""
        ...

    def attach(self, conditions: Sequence[CopyCondition]) -> None:
        """Attach conditions to copies; idempotent by item and consent."""
        ...

    def conditions(self, items: Sequence[int]) -> Mapping[int, Sequence[CopyCondition]]:
        """Return the conditions of copies, in one statement; items without are left out."""
        ...

    def detach(self, items: Sequence[int]) -> None:
        """Take all conditions off copies: their originator gave them to us itself."""
        ...

    def add_feedback(self, rows: Sequence[FeedbackRow]) -> None:
        """Keep what members say of items; idempotent by opinion and item."""
        ...

    def feedback_on(
        self, items: Sequence[int], *, drafts: bool = False
    ) -> Mapping[int, Sequence[FeedbackRow]]:
        """Return the standing feedback on items, in one statement; items without are left out.

        Standing is what is held here. What its author withdrew or replaced is not.

        Args:
            items: Handles of what it may be about.
            drafts: Whether our own drafts count too.
        """
        ...

    def feedback(self, *, after: int, limit: int) -> Sequence[FeedbackRow]:
        """Return feedback by the handle of the opinion or note, drafts included."""
        ...

    def shared_hits(self, items: Sequence[int], *, own: MemberId) -> Sequence[SharedMatter]:
        """Return the live hits on items of which the other side shares the question.

        That is a hit between an item of our own that was given to the other item's originator, and
        an item which that originator itself gave us. One or the other is among those named.
        ``at`` is that of the hit.
        """
        ...

    def add_shared(self, matters: Sequence[SharedMatter]) -> int:
        """Keep them; idempotent. Returns how many were new."""
        ...

    def shared_of(self, hits: Sequence[int]) -> Mapping[int, Sequence[MemberId]]:
        """Return the members known to share the question of hits; one statement."""
        ...

    def shared_counts(self) -> Mapping[MemberId, int]:
        """Return how many live hits are shared with each member."""
        ...
