"""Statements of one transaction on SQLite, with its errors in the store's own words."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from functools import lru_cache

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
from foedus.store.sql.session import Parameters, Row, json_list
from foedus.store.sqlite.full_text import FullText

__all__ = ["SQLiteSession", "translated"]

_PRIMARY = 0xFF
_WORDS = FullText()
_LISTS = re.compile(r"\b(?:integers|texts)(?=\([?:])")


@lru_cache(maxsize=1024)
def _rewritten(sql: str) -> tuple[str, bool]:
    """Return a statement as SQLite takes it, and whether a parameter of it is a list."""
    own, lists = _LISTS.subn("json_each", sql.replace(" joined(", " group_concat("))
    return own, lists > 0


def _bound(parameters: Parameters) -> Parameters:
    """Return parameters with each list as one text."""
    if isinstance(parameters, Mapping):
        return {
            name: json_list(value) if isinstance(value, list) else value
            for name, value in parameters.items()
        }
    return [json_list(value) if isinstance(value, list) else value for value in parameters]


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


class SQLiteSession:
    """Implements :class:`foedus.store.sql.session.Session` on one connection."""

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
        """Run an INSERT that ends in RETURNING and return the id it gives."""
        # Fetched whole: the statement is done only when its last row was.
        return int(self.rows(sql, parameters)[0][0])

    def run_many(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run a statement once per row of parameters; returns how many rows changed in all."""
        self._check()
        own, lists = _rewritten(sql)
        try:
            return self._connection.executemany(own, map(_bound, rows) if lists else rows).rowcount
        except sqlite3.Error as error:
            raise translated(error) from error

    @property
    def words(self) -> FullText:
        """The full-text index."""
        return _WORDS

    def defer_names(self) -> None:
        """Check only at the commit that rows name what is stored, until this transaction ends."""
        self.run("PRAGMA defer_foreign_keys = ON")

    def records_with(self, part: bytes) -> list[tuple[int, bytes]]:
        """Return position and record of every log entry whose record holds these bytes."""
        return self.rows(
            "SELECT position, record FROM ledger_entry"
            " WHERE record IS NOT NULL AND instr(record, ?) > 0",
            (part,),
        )

    def _execute(self, sql: str, parameters: Parameters) -> sqlite3.Cursor:
        self._check()
        own, lists = _rewritten(sql)
        return self._connection.execute(own, _bound(parameters) if lists else parameters)

    def _check(self) -> None:
        if not self._open:
            raise StoreClosedError("the transaction is over: use it only inside its block")
