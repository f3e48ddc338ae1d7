"""Outgoing and incoming lanes and the quarantine, as an operation needs them stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from foedus.model.identifiers import ItemKey, MemberId, ObjectId, TreatyId

__all__ = [
    "AwaitingBatch",
    "BatchRow",
    "FeedRow",
    "FeedStore",
    "InCursor",
    "InboxStore",
    "NewBatch",
    "NewQuarantine",
    "OutLane",
    "QuarantineRow",
    "QuarantineStore",
    "Receipted",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutLane:
    """A recipient's lane as it stands.

    Attributes:
        count: Rows so far; the next position is ``count + 1``.
        digest: 32 bytes, folded over the rows' commitments.
    """

    recipient: MemberId
    lane: str
    count: int
    digest: bytes


class CommittedRow(Protocol):
    """What a lane keeps of one item given: its handle, its salt, its commitment (32 bytes each)."""

    @property
    def handle(self) -> int:
        """Handle of the version, or of the variant, that is given."""
        ...

    @property
    def salt(self) -> bytes:
        """Salt of its commitment; b"" where it was erased."""
        ...

    @property
    def commitment(self) -> bytes:
        """Its commitment."""
        ...


class BatchRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of a batch: the item's handle, its salt and its commitment (32 bytes each).

    The salt is b"" where it was erased. A struct, since a batch makes a thousand of them.
    """

    handle: int
    salt: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A sealed batch to append to a lane: the disclosure document first, then its items in order.

    Attributes:
        document: Handle of the stored disclosure document.
        entry_index: Its log entry.
        entry: The 32-byte log entry, the commitment of the disclosure's own row.
        decided: Per row of ``rows``: the verdict as text (kept for the holder's view).
        digest_after: The lane's digest after the last row.
    """

    recipient: MemberId
    lane: str
    treaty: TreatyId | None
    article: str
    document: int
    entry_index: int
    entry: bytes
    rows: Sequence[CommittedRow]
    digest_after: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """One row of a lane as served: exact bytes and its ``date_added``.

    Attributes:
        raw: b"" where there are none to serve, or nothing would prove them any more.
        commitment: Then, and only then, the commitment of the row.
    """

    position: int
    handle: int
    object_id: ObjectId
    type: str
    version: str
    raw: bytes
    added: datetime
    commitment: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipted:
    """One disclosure of one item version: who got it, where it is logged.

    Attributes:
        document: Handle of the disclosure document.
        position: The item's position in the lane.
        offset: The item's index within its batch, from 0.
        handle: The handle that was sent (the variant's, if redacted).
    """

    recipient: MemberId
    lane: str
    treaty: TreatyId | None
    article: str
    document: int
    entry_index: int
    position: int
    offset: int
    handle: int
    at: datetime


class FeedStore(Protocol):
    """Outgoing lanes: what each recipient is given, in order."""

    def lane(self, recipient: MemberId, lane: str) -> OutLane:
        """Return a lane, empty if nothing was ever put in it."""
        ...

    def append(self, batch: NewBatch) -> None:
        """Append a batch; the rows must continue the lane exactly."""
        ...

    def page(
        self, recipient: MemberId, lane: str, *, after: datetime | None, limit: int
    ) -> Sequence[FeedRow]:
        """Return rows in lane order whose ``added`` is later than ``after``."""
        ...

    def batch_at(self, recipient: MemberId, lane: str, first: int) -> NewBatch | None:
        """Return the batch whose disclosure row stands at a position, with its rows."""
        ...

    def without_bytes(
        self, recipient: MemberId, lane: str, *, after: int, limit: int
    ) -> Sequence[FeedRow]:
        """Return the rows of a lane that have no bytes to serve, by position."""
        ...

    def treaties(
        self, recipient: MemberId, lane: str, *, first: int, last: int
    ) -> Sequence[tuple[int, TreatyId | None]]:
        """Return (position of its last row, treaty) of each batch over a range of positions."""
        ...

    def digest_at(self, recipient: MemberId, lane: str, count: int) -> bytes | None:
        """Return a lane's digest after its first rows; None where no batch ends there."""
        ...

    def added_at(self, recipient: MemberId, lane: str, position: int) -> datetime | None:
        """Return the ``added`` instant of a row of a lane; None where there is no such row."""
        ...

    def stands(self, recipient: MemberId, lane: str, object_id: ObjectId) -> bool:
        """Say whether a row of a recipient's lane is an object of this id, and has not gone."""
        ...

    def instants(self, recipient: MemberId, lane: str, object_id: ObjectId) -> Sequence[datetime]:
        """Return when each version of an object that stands in a lane was made."""
        ...

    def given(
        self, recipient: MemberId, object_ids: Sequence[ObjectId]
    ) -> Mapping[ObjectId, ObjectId]:
        """Map original object ids to the id under which the recipient was given them."""
        ...

    def holds(self, recipient: MemberId, handles: Sequence[int]) -> frozenset[int]:
        """Return which of these versions (or a variant of them) the recipient was given."""
        ...

    def keeps(self, recipient: MemberId, handles: Sequence[int]) -> frozenset[int]:
        """Return which of these versions the recipient was given and may still have.

        Left out is what it said of the newest row it was given that it does not keep; it can be
        given that anew.
        """
        ...

    def kept_of(self, recipient: MemberId, given: Collection[int]) -> frozenset[int]:
        """Return which of these versions, all given to the recipient, it may still have."""
        ...

    def standing(self, recipient: MemberId) -> tuple[int, int]:
        """Return what changes whenever :meth:`holds` or :meth:`keeps` of a recipient could.

        Equal before and after means that nothing was given to it meanwhile, by any process, and
        that nothing was said of what it keeps.
        """
        ...

    def note_kept(
        self,
        recipient: MemberId,
        entry_index: int,
        object_ids: Sequence[ObjectId],
        *,
        code: str,
    ) -> int:
        """Keep a recipient's word on items of one disclosure to it.

        Args:
            recipient: Who says so.
            entry_index: Our log entry of the disclosure.
            object_ids: The ids under which the items were sent; others mark nothing.
            code: Why it does not keep them; "" if it does after all.

        Returns:
            How many rows it concerns.
        """
        ...

    def disclosures(self, handle: int) -> Sequence[Receipted]:
        """Return every disclosure of one version (or of variants of it), oldest first."""
        ...

    def batches(self, *, after: int | None, limit: int) -> Sequence[NewBatch]:
        """Return batches in order of log entry, entry index greater than ``after``; rows empty.

        Those of closed logs have entries below zero; None begins with the first of all.
        """
        ...

    def items_given(self, entry_index: int) -> Sequence[ItemKey]:
        """Return which items a batch gave, in its order, from what outlives its document.

        A variant stands under its own name as an item of its original's originator. What was erased
        by order has no name any more and is left out.
        """
        ...

    def counts(self) -> Mapping[tuple[MemberId, str], int]:
        """Return items (without disclosure rows) per recipient and lane."""
        ...

    def lengths(self) -> Mapping[MemberId, int]:
        """Return rows of all lanes to each recipient, disclosure rows included."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InCursor:
    """How far this node has taken a sender's lane.

    Attributes:
        count: Rows processed (disclosure rows included).
        digest: 32 bytes over their commitments.
        added_after: The sender's own ``date_added`` text at the end of the last page before which
            every row is processed; "" at the start.
        anchor: How many rows come before ``added_after``; rows from there to ``count`` are skipped
            when the page is read again.
        halted: Why the lane stands still; "" when it does not.
    """

    sender: MemberId
    lane: str
    count: int
    digest: bytes
    added_after: str
    anchor: int
    halted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitingBatch:
    """A received batch with rows of one outcome that is not final.

    Attributes:
        first: Position of its disclosure row.
        document: Handle of the disclosure document.
        rows: (position, handle) of the rows with that outcome, in order.
    """

    sender: MemberId
    lane: str
    first: int
    document: int
    rows: tuple[tuple[int, int], ...]


class InboxStore(Protocol):
    """Incoming lanes: durable cursors and what became of each row."""

    def cursor(self, sender: MemberId, lane: str) -> InCursor:
        """Return a cursor, at the start if the lane was never read."""
        ...

    def advance(self, cursor: InCursor) -> None:
        """Keep a cursor; the same transaction stores what was received."""
        ...

    def received(self, sender: MemberId, lane: str, rows: Sequence[tuple[int, int, str]]) -> None:
        """Note (position, handle, outcome code) of processed rows; idempotent by position."""
        ...

    def resettle(self, sender: MemberId, lane: str, rows: Sequence[tuple[int, int, str]]) -> None:
        """Change what became of rows that were noted: (position, handle, outcome code)."""
        ...

    def awaiting(self, code: str, *, opening: str) -> Sequence[AwaitingBatch]:
        """Return the batches with rows of an outcome, by sender, lane and position.

        Args:
            code: The outcome.
            opening: The outcome under which disclosure rows are noted.
        """
        ...

    def openings(self, sender: MemberId, lane: str, *, opening: str) -> Sequence[tuple[int, int]]:
        """Return (position, handle) of the disclosure rows of a lane, in order.

        Args:
            sender: Whose lane.
            lane: Its name.
            opening: The outcome under which disclosure rows are noted.
        """
        ...

    def counts(self) -> Mapping[tuple[MemberId, str, str], int]:
        """Return rows per (sender, lane, outcome code), disclosure rows left out."""
        ...

    def cursors(self) -> Sequence[InCursor]:
        """Return every cursor."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQuarantine:
    """Something received and refused; ``raw`` is kept for the officer."""

    sender: MemberId
    lane: str
    position: int
    object_id: str
    raw: bytes
    code: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """A quarantined row with its handle."""

    handle: int
    entry: NewQuarantine


class QuarantineStore(Protocol):
    """What was refused on arrival, with its reason; apart from everything else."""

    def add(self, entry: NewQuarantine) -> bool:
        """Keep it; False if the same bytes stand there for the same place and code."""
        ...

    def page(self, *, after: int, limit: int) -> Sequence[QuarantineRow]:
        """Return rows by handle."""
        ...
