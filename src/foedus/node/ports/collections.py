"""Collections of a member's own tools, as an operation needs them stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias

__all__ = [
    "CollectionRow",
    "CollectionStore",
    "ObjectRow",
    "ObjectVersion",
    "PageRow",
    "Selection",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRow:
    """One collection.

    Attributes:
        number: Given by the store; 0 for one not stored yet.
        id: Random UUID (version 4), as TAXII names it.
        name: Unique on this node; the alias in paths.
        last_added: Instant of its newest object, in microseconds since 1970; it never goes back.
        objects: Object versions that stand in it.
        size: Their bytes.
        largest: Bytes of the largest object that ever stood in it.
        submitted: Everything added up to here was taken into drafts; microseconds, 0 for nothing.
    """

    number: int
    id: str
    name: str
    title: str
    description: str
    created: datetime
    created_by: str
    last_added: int = 0
    objects: int = 0
    size: int = 0
    largest: int = 0
    submitted: int = 0


class ObjectRow(NamedTuple):
    """One object version as it is stored. A plain tuple, since a thousand are made for each post.

    Attributes:
        added: Microseconds since 1970; unique and increasing in its collection.
        version: Its version instant in microseconds.
        version_text: The sender's own text of it.
        first: 1 for the earliest version of its object, else 0.
        last: 1 for the latest, else 0.
        raw: The exact bytes.
    """

    added: int
    object_id: str
    type: str
    version: int
    version_text: str
    first: int
    last: int
    raw: bytes


PageRow: TypeAlias = tuple[int, str, str, bytes]
"""One object version as it is served: added, object id, version text, raw; see above."""


class ObjectVersion(NamedTuple):
    """One version of one object; see :class:`ObjectRow`."""

    version: int
    added: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which object versions of a collection.

    Attributes:
        after: Only what was added later than this; microseconds.
        ids: Of these objects; empty for any.
        types: Of these types; empty for any.
        every: Every version; the rest says nothing then.
        first: The earliest version of each object.
        last: The latest.
        versions: These version instants, in microseconds.
    """

    after: int = 0
    ids: Sequence[str] = ()
    types: Sequence[str] = ()
    every: bool = False
    first: bool = False
    last: bool = False
    versions: Sequence[int] = field(default=())


class CollectionStore(Protocol):
    """Collections, what stands in them, and what became of posts to them."""

    def put(self, row: CollectionRow) -> CollectionRow:
        """Store a new collection and return it with its number.

        Raises:
            StoreError: Its name is taken.
        """
        ...

    def remove(self, number: int) -> None:
        """Delete a collection, all that stands in it and every grant to it."""
        ...

    def all(self) -> Sequence[CollectionRow]:
        """Return every collection by name."""
        ...

    def get(self, number: int) -> CollectionRow | None:
        """Return one collection as it is now."""
        ...

    def set_figures(self, row: CollectionRow) -> None:
        """Store what changes of a collection: its newest instant, figures and cursor."""
        ...

    def page(self, number: int, selection: Selection, *, limit: int) -> list[PageRow]:
        """Return selected versions in order of ``added``, at most so many."""
        ...

    def sizes(self, number: int, selection: Selection, *, limit: int) -> list[tuple[int, int]]:
        """Return ``added`` and bytes of what :meth:`page` returns, without reading the bytes."""
        ...

    def holds(self, number: int, object_id: str) -> bool:
        """Say whether any version of an object stands in a collection."""
        ...

    def ends(self, number: int, ids: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Return earliest and latest version of each object that stands there."""
        ...

    def find(self, number: int, object_id: str, version: int) -> PageRow | None:
        """Return one version of one object."""
        ...

    def versions(self, number: int, object_id: str) -> Sequence[ObjectVersion]:
        """Return every version of an object, earliest first."""
        ...

    def add(self, number: int, rows: Iterable[ObjectRow]) -> None:
        """Insert object versions."""
        ...

    def delete(self, number: int, object_id: str, versions: Sequence[int]) -> None:
        """Delete versions of an object."""
        ...

    def flag(self, number: int, ends: Iterable[tuple[str, int]], *, which: str, value: int) -> None:
        """Set ``first`` or ``last`` of object versions, named by object and version instant."""
        ...

    def note_deleted(self, number: int, marks: Iterable[bytes]) -> None:
        """Remember what was deleted."""
        ...

    def drop_deleted(self, number: int, marks: Iterable[bytes]) -> None:
        """Forget that something was deleted: it stands there again."""
        ...

    def was_deleted(self, number: int, marks: Sequence[bytes]) -> bool:
        """Say whether any of these was deleted and stands there no more."""
        ...

    def keep_status(
        self, identifier: str, owner: str, body: bytes, *, at: datetime, expired: datetime
    ) -> None:
        """Store what became of a post, and drop the statuses that expired before an instant."""
        ...

    def drop_status(self, identifier: str, owner: str) -> None:
        """Drop a status, if it is kept."""
        ...

    def status(self, identifier: str, owner: str, *, since: datetime) -> bytes | None:
        """Return the status of a post that its owner made not before an instant."""
        ...
