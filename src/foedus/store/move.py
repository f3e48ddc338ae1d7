"""Carry a whole store from one engine to the other, and compare it before anything depends on it.

Both sides show the same tables with the same columns, and rows in the same form, whatever stores
them: whole numbers, text, bytes. So a digest of a table is one number on both.

Order, so that a crash at any point leaves one store that runs, and never two:

1. The writers of the old store are kept out, from the first row read to the end.
2. The new one is marked as arriving, which every transaction refuses; then it is filled, table by
   table, in chunks by key. What an interrupted move left there is emptied first.
3. Every table of the new one is read again; count and digest must be those of the old.
4. The new one is marked as whole, durably; then the old one as moved; then the new one is opened.
   Repeating the command finishes what was interrupted here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from foedus.model.identifiers import MemberId
from foedus.store.errors import StoreBrokenError, StoreMovedError
from foedus.store.sql.moved import ARRIVED, ARRIVING

__all__ = [
    "Carried",
    "Progress",
    "Shape",
    "Side",
    "Source",
    "TableCarried",
    "carry",
    "measured",
    "move",
]

Row = tuple[Any, ...]
Progress = Callable[[str, int], None]
"""Told the table at work and how many rows of it are done."""

_CHUNK_BYTES: Final = 4 * 1024 * 1024
_FIRST_CHUNK: Final = 100
_MOST_ROWS: Final = 5_000
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table.

    Attributes:
        name: Its name.
        columns: In order.
        key: The columns of its primary key, by which it is read.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCarried:
    """What was carried of one table, and compared.

    Attributes:
        name: Of the table.
        count: Its rows.
        digest: SHA-256 over its rows in the order of their key, each as MessagePack.
    """

    name: str
    count: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A move that is done.

    Attributes:
        tables: What was carried, in order; empty where an interrupted move was only finished.
    """

    tables: tuple[TableCarried, ...]


class Source(Protocol):
    """A store while it is read whole."""

    def shapes(self) -> Sequence[Shape]:
        """Return the tables that are carried, each after those it names."""
        ...

    def rows(self, shape: Shape, after: Row | None, limit: int) -> list[Row]:
        """Return rows in the order of their key, after one key."""
        ...

    def close(self) -> None:
        """Close it; an old store stays as it was if it was not marked."""
        ...


class Side(Source, Protocol):
    """A store while it is moved; its own connection, in a transaction where it is the old one."""

    def holds_store(self) -> bool:
        """Return whether it is a node's store, or is to be."""
        ...

    def empty(self, member: MemberId, mark: str) -> None:
        """Empty every table and mark the store; durable."""
        ...

    def add(self, shape: Shape, rows: Sequence[Row]) -> None:
        """Add rows."""
        ...

    def settle(self) -> None:
        """Make what was added durable, with every rule between tables kept."""
        ...

    def mark(self) -> str:
        """Return the mark of the store; see :mod:`foedus.store.sql.moved`."""
        ...

    def set_mark(self, mark: str) -> None:
        """Mark the store, durably; ends the transaction of an old one."""
        ...


def move(
    old: Side, new: Side, *, member: MemberId, whereto: str, progress: Progress = lambda *_: None
) -> Carried:
    """Carry a store over and make the new one the node's.

    Args:
        old: The store that the node runs on, its writers kept out.
        new: Where it is to run.
        member: Whose node it is.
        whereto: What the old one says of where it went: no address, which may hold a password.
        progress: Told how far it is.

    Raises:
        StoreMovedError: The old one is not what the node runs on.
        StoreBrokenError: What arrived is not what was there; the old one stays the node's.
        StoreError: One of the two refused; the old one stays the node's.
    """
    if old.mark():
        if new.mark() != ARRIVED:
            raise StoreMovedError("this store was moved already; the node does not run on it")
        # The last step of a move that was interrupted; or what an earlier one left elsewhere.
        for shape in old.shapes():
            if measured(old, shape, progress) != measured(new, shape, progress):
                raise StoreMovedError(
                    "this store was moved already, and not there: what an earlier move left there "
                    "is older"
                )
        new.set_mark("")
        return Carried(tables=())
    new.empty(member, ARRIVING)
    carried = carry(old, new, progress=progress)
    new.set_mark(ARRIVED)
    old.set_mark(whereto)
    new.set_mark("")
    return carried


def carry(old: Source, new: Side, *, progress: Progress = lambda *_: None) -> Carried:
    """Fill an emptied store with what another holds, and compare.

    Raises:
        StoreBrokenError: The tables differ, or what arrived is not what was there.
    """
    shapes, known = old.shapes(), {shape.name: shape for shape in new.shapes()}
    if {shape.name: set(shape.columns) for shape in shapes} != {
        name: set(shape.columns) for name, shape in known.items()
    }:
        raise StoreBrokenError("the two stores have different tables; bring both to one version")
    given = [_copied(old, new, shape, progress) for shape in _in_order(shapes, new)]
    new.settle()
    for each in given:
        found = measured(new, next(one for one in shapes if one.name == each.name), progress)
        if found != each:
            raise StoreBrokenError(
                f"of {each.name} arrived {found.count} rows with the digest {found.digest[:16]}, "
                f"not {each.count} with {each.digest[:16]}: the old store stays the node's"
            )
    return Carried(tables=tuple(given))


def _copied(old: Source, new: Side, shape: Shape, progress: Progress) -> TableCarried:
    """Copy a table and return what was read of it."""
    digest, count = hashlib.sha256(), 0
    for rows in _chunks(old, shape):
        new.add(shape, rows)
        digest.update(b"".join(map(_encode, rows)))
        count += len(rows)
        progress(shape.name, count)
    return TableCarried(name=shape.name, count=count, digest=digest.hexdigest())


def measured(side: Source, shape: Shape, progress: Progress = lambda *_: None) -> TableCarried:
    """Return count and digest of a table."""
    digest, count = hashlib.sha256(), 0
    for rows in _chunks(side, shape):
        digest.update(b"".join(map(_encode, rows)))
        count += len(rows)
        progress(f"{shape.name}, compared", count)
    return TableCarried(name=shape.name, count=count, digest=digest.hexdigest())


def _chunks(side: Source, shape: Shape) -> Iterator[list[Row]]:
    """Yield a table in chunks of some size, whatever its rows weigh."""
    places = [shape.columns.index(name) for name in shape.key]
    after: Row | None = None
    limit = _FIRST_CHUNK
    while rows := side.rows(shape, after, limit):
        yield rows
        if len(rows) < limit:
            return
        after = tuple(rows[-1][place] for place in places)
        weight = sum(map(_weight, rows)) // len(rows) + 1
        limit = max(1, min(_MOST_ROWS, _CHUNK_BYTES // weight, 4 * limit))


def _weight(row: Row) -> int:
    return 16 + sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)


def _in_order(shapes: Sequence[Shape], new: Side) -> list[Shape]:
    """Return tables in the order in which the new store takes them."""
    by_name: Mapping[str, Shape] = {shape.name: shape for shape in shapes}
    return [by_name[shape.name] for shape in new.shapes()]
