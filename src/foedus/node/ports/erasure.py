"""Erasure, as an operation needs it stored: what was erased by order, and what is left to prove."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foedus.model.identifiers import ObjectId

__all__ = ["ErasureRow", "ErasureStore", "NewErasure", "OpenedItem", "ReceivedPlace"]


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

    def bury(self, handle: int, tombstone: bytes, erasure: int) -> None:
        """Note under which act an item was erased; the tombstone recognises its name."""
        ...

    def of_item(self, handle: int) -> ErasureRow | None:
        """Return the act that erased an item."""
        ...

    def of_tombstone(self, tombstone: bytes) -> ErasureRow | None:
        """Return the newest act that erased something of this name."""
        ...

    def all(self, *, after: int, limit: int) -> Sequence[ErasureRow]:
        """Return acts by number, greater than ``after``."""
        ...

    def received(
        self, handle: int, *, opening: str, awaiting: Collection[str]
    ) -> Sequence[ReceivedPlace]:
        """Return where an item stands in the disclosures received.

        Args:
            handle: The item.
            opening: The outcome under which disclosure rows are noted.
            awaiting: The outcomes that are not final.
        """
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

    def erase_items(self, handles: Sequence[int], names: Sequence[ObjectId]) -> None:
        """Erase bytes, selectors, text, title, name and hash of items, and all that names them.

        Hits, approvals and consents on them go, with the records of those in the log's journal;
        what was quarantined under their names, from their originators or senders, loses its bytes;
        alarms about them are closed; the salts of their rows in feeds go.
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
