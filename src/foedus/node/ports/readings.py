"""Readings of personal data and exports, as an operation needs them stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

__all__ = [
    "ExportKind",
    "ExportRow",
    "ExportState",
    "NewExport",
    "NewReading",
    "ReadingRow",
    "ReadingStore",
    "ToolReading",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReading:
    """One act of reading.

    Attributes:
        user: Who read; "" where nobody was named.
        token: The tool's token; "" for a person.
        what: By which way: ``show``, ``search``, ``export``, ``tools held`` …
        purpose: For what, in the reader's words; "" where none was given.
        count: How many items (of tools: objects served).
        mark: HMAC of what was looked for, in hex, for a search about a person; "" otherwise.
        handles: The items, where they are noted one by one.
    """

    at: datetime
    user: str
    token: str
    what: str
    purpose: str
    count: int
    mark: str = ""
    handles: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """A stored reading; its items stand apart (:meth:`ReadingStore.items_of`)."""

    number: int
    reading: NewReading


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReading:
    """What one token was served of one collection within one minute.

    Attributes:
        minute: The minute's first instant.
        count: Objects served.
    """

    minute: datetime
    user: str
    token: str
    what: str
    purpose: str
    count: int


class ExportKind(StrEnum):
    """What was written to a file."""

    BUNDLE = "bundle"
    DOSSIER = "dossier"
    RECEIPT = "receipt"


class ExportState(StrEnum):
    """Where an export stands."""

    WRITING = "writing"
    """Named before its file is written, so that no file is ever without its row."""
    HERE = "here"
    """In the data directory, under this node's control."""
    HANDED_OUT = "handed-out"
    """Written elsewhere: beyond this node's reach."""
    QUEUED = "queued"
    """To be deleted: something in it was purged."""
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExport:
    """One export.

    Attributes:
        place: Its file's name below the folder of exports; where it was handed out, the path given.
        sha256: Of the file, hex; "" for a folder.
        count: How many item versions are in it.
        handles: Which.
    """

    at: datetime
    user: str
    purpose: str
    kind: ExportKind
    state: ExportState
    place: str
    sha256: str
    count: int
    handles: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """A stored export; its items stand apart.

    Attributes:
        deleted: When its file was deleted.
    """

    number: int
    export: NewExport
    deleted: datetime | None


class ReadingStore(Protocol):
    """Who read personal data, and what was exported. Nothing here is content."""

    def add(self, reading: NewReading) -> int:
        """Keep a reading and return its number."""
        ...

    def add_tools(self, readings: Sequence[ToolReading]) -> None:
        """Keep what tools read; counts of one minute, token, way and purpose are added up."""
        ...

    def page(self, *, before: int | None, limit: int) -> Sequence[ReadingRow]:
        """Return readings, the newest first, by numbers lower than ``before``."""
        ...

    def of_items(
        self, handles: Sequence[int], *, before: int | None, limit: int
    ) -> Sequence[ReadingRow]:
        """Return the readings that name one of these items, the newest first."""
        ...

    def items_of(self, number: int, *, limit: int) -> Sequence[int]:
        """Return the items of a reading, by handle."""
        ...

    def tokens_since(self, at: datetime | None) -> Sequence[str]:
        """Return the tokens that read anything in a minute that ends after an instant, or ever."""
        ...

    def add_export(self, export: NewExport) -> int:
        """Keep an export and return its number."""
        ...

    def set_export(
        self,
        number: int,
        state: ExportState,
        *,
        was: frozenset[ExportState],
        at: datetime,
        sha256: str | None = None,
    ) -> bool:
        """Change where an export stands, if it stands in one of some states; says whether it did.

        ``sha256`` None leaves the digest as it is.
        """
        ...

    def exports_of(self, handles: Sequence[int]) -> Sequence[ExportRow]:
        """Return the exports that hold one of these items, oldest first; deleted ones too."""
        ...

    def exports(self, *, states: frozenset[ExportState], limit: int) -> Sequence[ExportRow]:
        """Return exports in some states, oldest first; no states means all."""
        ...

    def queue_exports(self, handles: Sequence[int]) -> int:
        """Queue for deletion what lies here and holds one of these items; returns how many."""
        ...
