"""A SQLite store as one side of a move."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from foedus.model.identifiers import MemberId
from foedus.store.errors import StoreBrokenError
from foedus.store.move import Shape
from foedus.store.sql.words import folded
from foedus.store.sqlite.migrate import migrate
from foedus.store.sqlite.session import translated

__all__ = ["SQLiteSide"]

_WORDS: Final = ("apart_text", "draft_text", "item_text")
_NOT_CARRIED: Final = ("node",)
_NO_NUL: Final = "\ufffd"
_FEW_BYTES: Final = 64 * 1024 * 1024


class SQLiteSide:
    """Implements :class:`foedus.store.move.Side` on a file."""

    def __init__(self, path: Path, *, new: bool, timeout_s: float = 10.0) -> None:
        """Open a file.

        Args:
            path: The file; made if it is to be filled.
            new: Whether it is to be filled; else its writers are kept out until it is marked.
            timeout_s: How long to wait for another writer.

        Raises:
            StoreError: It cannot be opened, or another process writes.
        """
        with _told():
            self._connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None)
        self._new = new
        try:
            self._begin()
        except BaseException:
            self._connection.close()
            raise

    def _begin(self) -> None:
        with _told():
            self._connection.execute("PRAGMA page_size = 8192")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.execute(f"PRAGMA journal_size_limit = {_FEW_BYTES:d}")
            # What is added is checked whole at the end.
            self._connection.execute("PRAGMA foreign_keys = OFF")
            migrate(self._connection)
            if not self._new:
                self._connection.execute("BEGIN IMMEDIATE")

    def shapes(self) -> Sequence[Shape]:
        """Return the tables that are carried, each after those it names."""
        with _told():
            tables = self._connection.execute(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
                " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            ).fetchall()
            found = {name: self._shape(name) for (name,) in tables if name not in _NOT_CARRIED}
            named = {
                name: {
                    row[2]
                    for row in self._connection.execute(f'PRAGMA foreign_key_list("{name}")')
                    if row[2] != name
                }
                for name in found
            }
        for name in _WORDS:
            found[name] = Shape(name=name, columns=("added", "title", "text"), key=("added",))
        return [found[name] for name in _sorted(found, named)]

    def rows(self, shape: Shape, after: tuple[Any, ...] | None, limit: int) -> list[Any]:
        """Return rows in the order of their key, after one key."""
        words = shape.name in _WORDS
        quoted = ["rowid" if words and name == "added" else f'"{name}"' for name in shape.columns]
        key = ", ".join("rowid" if words else f'"{name}"' for name in shape.key)
        where = "" if after is None else f"WHERE ({key}) > ({', '.join('?' * len(after))})"
        # Names are those of our own tables; every value is bound.
        sql = f'SELECT {", ".join(quoted)} FROM "{shape.name}" {where} ORDER BY {key} LIMIT ?'  # noqa: S608
        with _told():
            rows = self._connection.execute(sql, (*(after or ()), limit)).fetchall()
        if words:
            return [(added, folded(title), folded(text)) for added, title, text in rows]
        return [_canonical(row) for row in rows]

    def empty(self, member: MemberId, mark: str) -> None:
        """Empty every table and mark the store."""
        with _told():
            self._connection.execute("BEGIN IMMEDIATE")
            for shape in self.shapes():
                self._connection.execute(f'DELETE FROM "{shape.name}"')  # noqa: S608
            self._connection.execute("DELETE FROM node")
            self._connection.execute(
                "INSERT INTO node (only_row, member, moved) VALUES (1, ?, ?)", (member, mark)
            )
            self._connection.execute("COMMIT")

    def add(self, shape: Shape, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows."""
        words = shape.name in _WORDS
        quoted = ["rowid" if words and name == "added" else f'"{name}"' for name in shape.columns]
        places = ", ".join("?" * len(quoted))
        with _told():
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                f'INSERT INTO "{shape.name}" ({", ".join(quoted)}) VALUES ({places})',  # noqa: S608
                rows,
            )
            self._connection.execute("COMMIT")

    def settle(self) -> None:
        """Check what was added as a whole.

        Raises:
            StoreBrokenError: A row names another that is not there.
        """
        with _told():
            fault = self._connection.execute("PRAGMA foreign_key_check").fetchone()
            self._connection.execute("PRAGMA optimize")
        if fault is not None:
            raise StoreBrokenError(f"a row of {fault[0]} names one of {fault[2]} that is not there")

    def mark(self) -> str:
        """Return the mark of the store."""
        with _told():
            row = self._connection.execute("SELECT moved FROM node").fetchone()
        return "" if row is None else str(row[0])

    def set_mark(self, mark: str) -> None:
        """Mark the store, durably; ends the transaction of an old one."""
        with _told():
            self._connection.execute("UPDATE node SET moved = ?", (mark,))
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def holds_store(self) -> bool:
        """Return whether it is a node's store, or is to be."""
        with _told():
            return self._connection.execute("SELECT 1 FROM node").fetchone() is not None

    def stand_alone(self) -> None:
        """Leave no journal beside the file."""
        with _told():
            self._connection.execute("PRAGMA journal_mode = DELETE")

    def close(self) -> None:
        """Close it, with its journal copied over; an old store stays as it was if not marked."""
        with _told():
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if self._new:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()

    def _shape(self, name: str) -> Shape:
        columns = self._connection.execute(f'PRAGMA table_info("{name}")').fetchall()
        keyed = sorted((row[5], row[1]) for row in columns if row[5])
        return Shape(
            name=name,
            columns=tuple(row[1] for row in columns),
            key=tuple(column for _, column in keyed),
        )


def _canonical(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row as PostgreSQL can keep it: text without NUL."""
    if any(isinstance(value, str) and "\0" in value for value in row):
        return tuple(
            value.replace("\0", _NO_NUL) if isinstance(value, str) else value for value in row
        )
    return row


def _sorted(found: Mapping[str, Shape], named: Mapping[str, set[str]]) -> list[str]:
    """Return names with each after those it names."""
    done: dict[str, None] = {}

    def put(name: str) -> None:
        if name not in done:
            for other in sorted(named.get(name, ())):
                put(other)
            done[name] = None

    for name in sorted(found):
        put(name)
    return list(done)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error) from error
