"""Requests for information, asked and received, and their clocks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from foedus.casework.request import ItemName, Urgency
from foedus.casework.request_course import RequestEvent, RequestState
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId

__all__ = ["RequestNote", "RequestRow", "RequestSide", "RequestStore", "RequestTemplate"]


class RequestSide(StrEnum):
    """Which desk this node is."""

    ASKED = "asked"
    """This member asked."""
    RECEIVED = "received"
    """This member is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request as it stands. What it says stands in its item.

    Attributes:
        number: Its number here; 0 for one not stored yet.
        name: As the member that asks numbers it.
        member: The other member.
        object_id: Id of its object; of its draft while it is one.
        item: Handle of its item.
        article: The article it is to be disclosed under, or "".
        offence: Offence of the treaty, or "".
        selectors: How many selectors it asks about.
        hit: Number of the hit it follows, here; None if it follows none.
        at: When it was signed.
        due: By when an answer is needed, an extension counted.
        extended: Whether the answer was put off already.
        look: When the clock looks at it next; None for no more.
        author: The user who drafted it; "" for one received.
        approved_by: The user who approved it, or "".
        ground: On what it was refused, or "".
        usefulness: 1 to 5 once it is closed so, or 0.
        feedback: What an answer came to, or "".
    """

    number: int = 0
    side: RequestSide
    name: str
    member: MemberId
    object_id: ObjectId
    item: int
    treaty: TreatyId
    article: ArticleId
    purpose: str
    offence: str
    urgency: Urgency
    selectors: int
    hit: int | None = None
    state: RequestState
    at: datetime
    due: datetime
    extended: bool = False
    look: datetime | None = None
    author: str = ""
    approved_by: str = ""
    ground: str = ""
    usefulness: int = 0
    feedback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestNote:
    """Something that happened to a request.

    Attributes:
        state: The state after it.
        by: The user, or the member, or "clock".
        digest: Of the document that said so; "" for what happened here.
    """

    at: datetime
    event: RequestEvent
    state: RequestState
    by: str
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTemplate:
    """What drafts of one sort have in common: figures and words by the name of the option."""

    name: str
    values: Mapping[str, str]
    by: str
    at: datetime


class RequestStore(Protocol):
    """Requests for information, asked and received, and their clocks."""

    def next_sequence(self, year: int) -> int:
        """Take the next number of a year for a name of our own."""
        ...

    def add(self, row: RequestRow) -> int:
        """Keep a request (its ``number`` is ignored) and return the number given."""
        ...

    def save(self, row: RequestRow) -> None:
        """Store how a request stands now, by its number."""
        ...

    def get(self, number: int) -> RequestRow | None:
        """Return one request."""
        ...

    def named(self, name: str) -> Sequence[RequestRow]:
        """Return the requests of a name, by number."""
        ...

    def by_object(self, side: RequestSide, object_id: ObjectId) -> RequestRow | None:
        """Return the request with that object."""
        ...

    def of_items(self, handles: Sequence[int]) -> Sequence[RequestRow]:
        """Return the requests whose items these are, by number."""
        ...

    def page(
        self,
        *,
        sides: Collection[RequestSide],
        states: Collection[RequestState],
        after: int,
        limit: int,
    ) -> Sequence[RequestRow]:
        """Return requests by number, greater than ``after``; no states means all."""
        ...

    def counts(self) -> Mapping[tuple[RequestSide, RequestState], int]:
        """Return how many requests stand in each state."""
        ...

    def to_look_at(self, at: datetime, *, limit: int) -> Sequence[RequestRow]:
        """Return the requests the clock is to look at by an instant, what is due longest first."""
        ...

    def note(self, number: int, note: RequestNote) -> None:
        """Add to the history of a request."""
        ...

    def notes(self, number: int) -> Sequence[RequestNote]:
        """Return the history of a request, oldest first."""
        ...

    def noted(self, number: int, digest: str) -> bool:
        """Return whether a document was taken already."""
        ...

    def answered(self, number: int, items: Sequence[ItemName]) -> None:
        """Keep which items were given in answer, as the member that asked was given them."""
        ...

    def answers(self, number: int) -> Sequence[ItemName]:
        """Return them, rising."""
        ...

    def answered_with(self, object_ids: Sequence[ObjectId]) -> Sequence[int]:
        """Return the numbers of requests that were answered with items of these ids."""
        ...

    def newest(
        self, side: RequestSide, member: MemberId, event: RequestEvent, count: int
    ) -> datetime | None:
        """Return when an event happened to requests between us and a member, counted back.

        Args:
            side: Whose requests.
            member: The other member.
            event: Which event.
            count: 1 for the newest; None is returned where there are fewer.
        """
        ...

    def asked_since(self, author: str, member: MemberId, since: datetime, most: int) -> int:
        """Return how many selectors an author's approved requests to a member hold.

        Args:
            author: The user who drafted them.
            member: The member asked.
            since: Of requests signed after this instant.
            most: Requests with more are left out.
        """
        ...

    def keep_early(
        self, sender: MemberId, object_id: ObjectId, digest: str, raw: bytes, *, at: datetime
    ) -> bool:
        """Keep a word on a request that is not here yet; at most a thousand of one sender.

        Returns:
            Whether there was room for it.
        """
        ...

    def take_early(self, sender: MemberId, object_id: ObjectId) -> Sequence[bytes]:
        """Return and forget the early words on a request, oldest first."""
        ...

    def put_template(self, template: RequestTemplate) -> None:
        """Keep a template, in place of one of that name."""
        ...

    def template(self, name: str) -> RequestTemplate | None:
        """Return one template."""
        ...

    def templates(self) -> Sequence[RequestTemplate]:
        """Return every template by name."""
        ...

    def remove_template(self, name: str) -> bool:
        """Forget a template; returns whether there was one."""
        ...
