"""What a restored node must make good, as an operation needs it stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foedus.model.identifiers import ItemKey, MemberId, ObjectId
from foedus.node.ports.lanes import NewBatch

__all__ = ["ClosedLog", "LostItem", "ReceivedRow", "Recovering", "RecoveryStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovering:
    """Why a node signs and releases nothing, and since when."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LostItem:
    """An item version that others hold and whose bytes are not here.

    Attributes:
        content_hash: SHA-256 of its bytes, hex.
    """

    key: ItemKey
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRow:
    """A row of a member's lane to us, as it was received.

    Attributes:
        handle: Of what it is here; 0 where it was never kept.
        raw: Its exact bytes; None where they were erased or never kept.
    """

    position: int
    handle: int
    raw: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLog:
    """A log of ours that was closed.

    Attributes:
        moved: By how many places its journal was moved below zero; more than it had entries.
        statement: The signed closing statement.
    """

    origin: str
    moved: int
    statement: bytes


class RecoveryStore(Protocol):
    """The state of a recovery; empty in a node that was never restored."""

    def state(self) -> Recovering | None:
        """Return why the node signs and releases nothing; None when it may."""
        ...

    def refuse(self) -> None:
        """Return when the node may sign and release.

        Raises:
            RecoveringError: It may not; the message says why and names what helps.
        """
        ...

    def begin(self, reason: str, *, at: datetime) -> None:
        """Let the node sign and release nothing from the commit on; keeps an earlier reason."""
        ...

    def end(self) -> None:
        """Let the node sign and release again."""
        ...

    def pending(self) -> frozenset[MemberId]:
        """Return the members whose lanes are not rebuilt yet."""
        ...

    def await_lanes(self, members: Sequence[MemberId], *, at: datetime) -> None:
        """Close the lanes to members until they are rebuilt."""
        ...

    def lanes_rebuilt(self, member: MemberId) -> None:
        """Open the lanes to a member again."""
        ...

    def append_rebuilt(self, entries: Sequence[bytes], *, at: datetime) -> None:
        """Append log entries whose salts and records are lost, and note that they are."""
        ...

    def rebuilt_without_batch(self) -> int:
        """Return how many of the entries put back are not those of a batch in a lane."""
        ...

    def skip_serials(self, last: int) -> None:
        """Let no instrument of ours take a serial up to this one; keeps a higher one."""
        ...

    def serials_skipped(self) -> int:
        """Return the highest serial that no instrument of ours may take; 0 for none."""
        ...

    def closed(self) -> Sequence[ClosedLog]:
        """Return every log of ours that was closed, in order."""
        ...

    def close_log(self, log: ClosedLog, *, at: datetime) -> None:
        """Move the journal below zero, so that a new log begins at 0."""
        ...

    def put_closed_entry(
        self, position: int, entry: bytes, *, salt: bytes, record: bytes, at: datetime
    ) -> None:
        """Put an entry of a closed log back in its place below zero, if it is not there."""
        ...

    def restore_record(self, index: int, *, salt: bytes, record: bytes) -> None:
        """Give an entry back what it commits to, where that is lost."""
        ...

    def append_batch(self, batch: NewBatch, *, added: datetime) -> None:
        """Append a batch to a lane as :class:`FeedStore` does, at a given ``added`` instant."""
        ...

    def last_added(self, recipient: MemberId, lane: str) -> datetime | None:
        """Return the ``added`` instant of a lane's last row; None when it is empty."""
        ...

    def lost(self, items: Sequence[LostItem], *, at: datetime) -> Sequence[int]:
        """Return a handle for each item, making a row without bytes where there is none.

        Such a row stands as discarded: offered again, the item is taken up under its handle.
        """
        ...

    def unlinked_variants(self) -> Sequence[tuple[int, ObjectId, str]]:
        """Return (handle, object id, version) of variants whose original is not known."""
        ...

    def link_variant(self, handle: int, original: int) -> None:
        """Say of which item a variant is the redacted form."""
        ...

    def received(
        self, sender: MemberId, lane: str, *, after: int, limit: int
    ) -> Sequence[ReceivedRow]:
        """Return rows of a member's lane to us, in order, from after a position on."""
        ...
