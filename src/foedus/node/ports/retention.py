"""Until when each item is kept here, and when it is looked at again, as it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.ports.items import ItemState

__all__ = [
    "Dated",
    "EndCause",
    "RetainedBatch",
    "RetentionFigures",
    "RetentionStore",
    "TermsDates",
    "Undated",
]


class EndCause(StrEnum):
    """What sets the end of an item."""

    EXPIRY = "expiry"
    """Its terms say when it expires."""
    RETAIN = "retain"
    """The disclosure by which it came says how long it may be kept."""
    ORDERED = "ordered"
    """An order, or a duty that outlives a treaty, sets a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undated:
    """An item version whose dates are to be read from its terms.

    Attributes:
        added: When it entered its state; what was dated is remembered by this.
        kept_here: Whether it stands here with its bytes, so that it can end.
    """

    handle: int
    terms_id: ObjectId | None
    added: datetime
    kept_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsDates:
    """What an item's terms say of time; None for nothing."""

    handle: int
    review: datetime | None
    expiry: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainedBatch:
    """A batch received that may be kept until a day only.

    Attributes:
        duty: Number of the duty that says so.
        released: The instant of its release.
        handles: Its items that stood here when it was taken.
    """

    duty: int
    member: MemberId
    released: datetime
    due: datetime
    handles: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """One item version with its dates.

    Attributes:
        review: When need and accuracy are looked at again.
        ends: When it is purged: the earliest of what sets an end; None for never.
        cause: What sets that end; None without one.
        why: Which order or duty, where the cause is that.
        kept: The reserved ground on which it is kept past its end; "" for none.
        state: The state of its row now.
    """

    handle: int
    review: datetime | None
    expiry: datetime | None
    retain: datetime | None
    ordered: datetime | None
    why: str
    kept: str
    ends: datetime | None
    cause: EndCause | None
    state: ItemState


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionFigures:
    """How many item versions, each figure counted up to a bound.

    Attributes:
        due: Past their end, and still here.
        ending: That end by the instant asked about, without those due.
        reviews: Whose review came or comes by the instant asked about.
        kept: Kept past their end on a reserved ground.
        first_end: The earliest end that lies ahead.
        first_review: The earliest review among those counted.
    """

    due: int
    ending: int
    reviews: int
    kept: int
    first_end: datetime | None
    first_review: datetime | None


class RetentionStore(Protocol):
    """Dates of items. An item without any date has no row.

    Dates are filled by going through what entered a state since the last time, by its ``added``
    instant, so that intake pays nothing.
    """

    def set_end(self, handles: Sequence[int], at: datetime | None, why: str) -> None:
        """Let items end by a day because an order or duty says so.

        Each reason has a day of its own, which it may move; the earliest of them stands. None takes
        the day of that reason away, and then the next stands.

        Args:
            handles: Item versions.
            at: When they end.
            why: The order or duty, as people name it (``XA-O-2026-00007``).
        """
        ...

    def undated(self, *, limit: int) -> Sequence[Undated]:
        """Return what entered a state since the last dated row, in order of ``added``."""
        ...

    def put_dates(self, dates: Sequence[TermsDates], *, upto: datetime | None) -> None:
        """Keep what terms say, and that everything up to an ``added`` instant is dated."""
        ...

    def retained(self, *, limit: int) -> Sequence[RetainedBatch]:
        """Return batches with a limit of keeping that were taken since the last one dated."""
        ...

    def put_retained(self, batches: Sequence[RetainedBatch]) -> None:
        """Keep limits of batches; of two for one item that of the newer release stands."""
        ...

    def due(self, at: datetime, *, limit: int) -> Sequence[Dated]:
        """Return what ended by an instant, the earliest first; rows of purged items included."""
        ...

    def ending(
        self, until: datetime, *, after: tuple[datetime, int] | None, limit: int
    ) -> Sequence[Dated]:
        """Return what ends by an instant, by (end, handle), later than ``after``."""
        ...

    def reviewing(
        self, until: datetime, *, after: tuple[datetime, int] | None, limit: int
    ) -> Sequence[Dated]:
        """Return whose review comes by an instant, by (review, handle), later than ``after``."""
        ...

    def kept(self, *, after: int, limit: int) -> Sequence[Dated]:
        """Return what is kept past its end on a reserved ground, by handle."""
        ...

    def of(self, handles: Sequence[int]) -> Sequence[Dated]:
        """Return the dates of items that have any, by handle."""
        ...

    def keep(self, handles: Sequence[int], ground: str) -> None:
        """Note that items are kept past their end; "" for the ground lets them end again."""
        ...

    def drop(self, handles: Sequence[int]) -> None:
        """Forget the dates of items that are no more."""
        ...

    def ended_duties(self, at: datetime, *, limit: int) -> Sequence[tuple[int, MemberId]]:
        """Return duties of retention past their day that are not done: (number, member)."""
        ...

    def figures(self, at: datetime, *, until: datetime, most: int) -> RetentionFigures:
        """Return how many items are due, end or are reviewed by an instant, counted to ``most``."""
        ...
