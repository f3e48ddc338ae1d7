"""Erasure, as an operation needs it stored: what was erased by order, and what is left to prove."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foedus.model.identifiers import ObjectId
from foedus.node.ports.lanes import Receipted

__all__ = [
    "CopyRow",
    "ErasureRow",
    "ErasureStore",
    "NewErasure",
    "NewTombstone",
    "OpenedItem",
    "ReceivedPlace",
    "ReservedRow",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewErasure:
    """One act of erasing.

    Attributes:
        reference: The order it carries out, as its author numbers it.
        reason: Why; for people.
        user: Who did it.
        items: How many item versions.
        entry_index: The log entry of the act itself.
    """

    reference: str
    reason: str
    user: str
    at: datetime
    items: int
    entry_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRow:
    """A stored act of erasing with its number."""

    number: int
    erasure: NewErasure


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedItem:
    """One item of a disclosure that is kept item by item.

    Attributes:
        commitment: 32 bytes; stays for ever.
        salt: 32 bytes; None once erased.
        record: Canonical bytes of the item record; None once erased.
    """

    commitment: bytes
    salt: bytes | None
    record: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedPlace:
    """Where an item stands among what was received.

    Attributes:
        document: Handle of the disclosure document of its batch.
        place: Its index in the batch, from 0.
        settled: Whether no item of that batch awaits anything.
    """

    document: int
    place: int
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTombstone:
    """What keeps out an item that is erased.

    Attributes:
        mark: 32 bytes.
        kind: What kind of act sets it.
        item: Handle of what was erased; None where it had not come yet.
    """

    mark: bytes
    kind: str
    item: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedRow:
    """An item kept against an order.

    Attributes:
        item: Its handle.
        ground: One of the reserved grounds.
        reason: Why; for people.
        user: Who keeps it.
        until: When the ground ends; None where no day is set.
    """

    item: int
    ground: str
    reason: str
    user: str
    at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRow:
    """A copy of an object in a named collection.

    Attributes:
        collection: Its number.
        version: Its instant, in microseconds.
        raw: Its exact bytes.
    """

    collection: int
    object_id: ObjectId
    version: int
    raw: bytes


class ErasureStore(Protocol):
    """Erases for good; what it overwrites is gone from the files once the journal is emptied."""

    def add(self, erasure: NewErasure) -> int:
        """Keep an act of erasing and return its number."""
        ...

    def removals(self) -> int:
        """Return a number that rises whenever served bytes are taken away or changed.

        Kept only where there are replicas, which serve nothing before they have seen it rise.
        """
        ...

    def bury(self, items: Sequence[tuple[int, bytes]], *, erasure: int) -> None:
        """Note under which act items (handle, tombstone of its name) were erased."""
        ...

    def any_tombstone(self) -> bool:
        """Return whether anything is kept out at all."""
        ...

    def tombstones(self, marks: Sequence[bytes]) -> frozenset[bytes]:
        """Return which of these keep something out; one statement."""
        ...

    def set_tombstones(self, stones: Sequence[NewTombstone], *, erasure: int | None) -> None:
        """Keep something out from now on; ``erasure`` is the act, None where nothing was here."""
        ...

    def lift_tombstones(self, marks: Collection[bytes], *, kind: str) -> int:
        """Take away all tombstones of a kind of the items that these marks are of."""
        ...

    def reserve(self, rows: Sequence[ReservedRow]) -> None:
        """Keep items against orders, each on its ground."""
        ...

    def reserved(self, handles: Sequence[int], *, at: datetime) -> Mapping[int, ReservedRow]:
        """Return which of these items are kept at an instant."""
        ...

    def release(self, handles: Sequence[int]) -> int:
        """End the grounds on which items are kept; returns how many had one."""
        ...

    def given(self, handles: Sequence[int]) -> Sequence[Receipted]:
        """Return every disclosure of these very versions or variants, oldest first; one statement.

        Variants of them are not looked for.
        """
        ...

    def namesakes(self, handles: Sequence[int]) -> Mapping[int, frozenset[int]]:
        """Return for each item the others that stand here under its id.

        They are drafts of any version, and what another originator has; not what was discarded.
        """
        ...

    def copies(self, names: Sequence[ObjectId]) -> Sequence[CopyRow]:
        """Return what stands in named collections under these ids."""
        ...

    def erase_copies(self, copies: Sequence[CopyRow]) -> None:
        """Erase these from their collections, with what became of the posts that brought them."""
        ...

    def of_item(self, handle: int) -> ErasureRow | None:
        """Return the act that erased an item."""
        ...

    def of_tombstone(self, tombstone: bytes) -> ErasureRow | None:
        """Return the newest act that erased something of this name."""
        ...

    def buried(self, tombstone: bytes) -> Sequence[int]:
        """Return what was erased of this name, by handle."""
        ...

    def all(self, *, after: int, limit: int) -> Sequence[ErasureRow]:
        """Return acts by number, greater than ``after``."""
        ...

    def variants(self, handles: Sequence[int]) -> Sequence[int]:
        """Return the redacted variants made of these items."""
        ...

    def open_document(self, document: int, header: bytes, items: Sequence[OpenedItem]) -> None:
        """Keep a disclosure item by item instead of as one document; its bytes are erased."""
        ...

    def opened(self, document: int) -> tuple[bytes, Sequence[OpenedItem]] | None:
        """Return header and items of a disclosure kept item by item; None if it is not."""
        ...

    def erase_places(self, document: int, header: bytes, places: Sequence[int]) -> None:
        """Erase salt and record of items of a disclosure kept item by item; the header changes.

        What was quarantined with the disclosure's own bytes loses them.
        """
        ...

    def erase_items(self, handles: Sequence[int], names: Sequence[ObjectId]) -> Mapping[str, int]:
        """Erase bytes, selectors, text, title, name and hash of items, and all that names them.

        Hits, approvals and consents on them go, with the records of those in the log's journal;
        what was quarantined under their names, from their originators or senders, loses its bytes;
        alarms about them are closed; the salts of their rows in feeds go; terms that nothing else
        is under go; what is told of in acts, outboxes and reports loses their ids.

        Args:
            handles: The items.
            names: A made-up name for each, which tells nothing.

        Returns:
            What went, by store; at least 1 each.
        """
        ...

    def erase_entries(self, indices: Sequence[int]) -> None:
        """Erase salt and record of log entries; the entries stay."""
        ...

    def erase_entries_before(self, at: datetime) -> int:
        """Erase salts and records of entries older than an instant, with what else opens them.

        Left out are disclosures whose recipient has not confirmed them. Returns how many.
        """
        ...
