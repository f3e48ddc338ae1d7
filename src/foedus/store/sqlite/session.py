"""Statements of one transaction, with the database's errors in the store's own words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from foedus.store.errors import (
    StoreBrokenError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreMissingError,
    StoreReadOnlyError,
)

__all__ = ["Parameters", "Row", "Session", "json_list", "translated"]

Row: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]

_PRIMARY = 0xFF
_encode = msgspec.json.Encoder().encode


def json_list(values: Iterable[object]) -> str:
    """Return a JSON array to bind where a statement reads ``json_each(?)``.

    One parameter stands for any number of values, so that a statement's text never depends on
    them.
    """
    return _encode(list(values)).decode()


def translated(error: sqlite3.Error) -> StoreError:
    """Return the store's error for one of SQLite's; the caller raises it from the other."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return StoreClosedError(f"the store is not open: {error}")
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return StoreMissingError("a row names another that is not stored")
    return _by_primary_code(code & _PRIMARY, error)


def _by_primary_code(code: int, error: sqlite3.Error) -> StoreError:
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreLockedError("another process is writing to the store; try again")
        case sqlite3.SQLITE_FULL:
            return StoreFullError(
                "no room is left for the database: nothing of this act was kept; free space on "
                "the disk of the data directory, then repeat it"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreCorruptError(
                f"the database file is damaged or is no database ({error}); restore a backup"
            )
        case sqlite3.SQLITE_READONLY:
            return StoreReadOnlyError("a reading transaction or a read-only file cannot be changed")
        case _:
            return StoreBrokenError(f"the database refused: {error}")


class Session:
    """Runs statements on one connection while its transaction is open.

    Rows are fetched whole, so that every error arises inside the call.
    """

    __slots__ = ("_connection", "_open")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._open = True

    def close(self) -> None:
        """Refuse every further statement: outside its block nothing would be rolled back."""
        self._open = False

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows of a query."""
        try:
            return self._execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from error

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row of a query, or None."""
        try:
            row: Row | None = self._execute(sql, parameters).fetchone()
        except sqlite3.Error as error:
            raise translated(error) from error
        return row

    def number(self, sql: str, parameters: Parameters = ()) -> int:
        """Return the one whole number a query yields; 0 when it yields none."""
        row = self.row(sql, parameters)
        return 0 if row is None or row[0] is None else int(row[0])

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement that changes rows; returns how many it changed."""
        try:
            return self._execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            raise translated(error) from error

    def insert(self, sql: str, parameters: Parameters = ()) -> int:
        """Run an INSERT and return the row id given."""
        try:
            return self._execute(sql, parameters).lastrowid or 0
        except sqlite3.Error as error:
            raise translated(error) from error

    def run_many(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run a statement once per row of parameters; returns how many rows changed in all."""
        self._check()
        try:
            return self._connection.executemany(sql, rows).rowcount
        except sqlite3.Error as error:
            raise translated(error) from error

    def _execute(self, sql: str, parameters: Parameters) -> sqlite3.Cursor:
        self._check()
        return self._connection.execute(sql, parameters)

    def _check(self) -> None:
        if not self._open:
            raise StoreClosedError("the transaction is over: use it only inside its block")
