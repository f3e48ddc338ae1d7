"""Statements of one transaction on PostgreSQL.

Round trips cost most here: many rows go in one ``COPY`` or one pipeline, lists in one array, and a
statement is prepared the second time it runs on a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg

from foedus.store.errors import StoreClosedError
from foedus.store.postgres.connecting import Connection
from foedus.store.postgres.full_text import Words
from foedus.store.postgres.refusals import translated
from foedus.store.postgres.rewriting import PlainInsert, bound, plain_insert, rewritten
from foedus.store.sql.session import Parameters, Row

__all__ = ["PostgresSession"]

_FEW = 8
"""So many rows are sent as statements; more are copied."""


class PostgresSession:
    """Implements :class:`foedus.store.sql.session.Session` on one connection."""

    __slots__ = ("_connection", "_cursor", "_open", "words")

    def __init__(self, connection: Connection, words: Words) -> None:
        self._connection = connection
        self._cursor = connection.cursor(binary=True)
        self._open = True
        self.words = words

    def close(self) -> None:
        """Refuse every further statement: outside its block nothing would be rolled back."""
        self._open = False

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows of a query."""
        try:
            return self._execute(sql, parameters).fetchall()
        except psycopg.Error as error:
            raise translated(error) from error

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row of a query, or None."""
        try:
            return self._execute(sql, parameters).fetchone()
        except psycopg.Error as error:
            raise translated(error) from error

    def number(self, sql: str, parameters: Parameters = ()) -> int:
        """Return the one whole number a query yields; 0 when it yields none."""
        row = self.row(sql, parameters)
        return 0 if row is None or row[0] is None else int(row[0])

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement that changes rows; returns how many it changed."""
        try:
            return self._execute(sql, parameters).rowcount
        except psycopg.Error as error:
            raise translated(error) from error

    def insert(self, sql: str, parameters: Parameters = ()) -> int:
        """Run an INSERT that ends in RETURNING and return the id it gives."""
        return int(self.rows(sql, parameters)[0][0])

    def run_many(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run a statement once per row of parameters; returns how many rows changed in all."""
        self._check()
        many = rows if isinstance(rows, list) else list(rows)
        if not many:
            return 0
        insert = plain_insert(sql) if len(many) > _FEW else None
        try:
            if insert is not None:
                return self._copy(insert, many)
            if len(many) == 1:
                return self._execute(sql, many[0]).rowcount
            statement = rewritten(sql)
            self._cursor.executemany(
                statement.sql, [bound(statement, parameters) for parameters in many]
            )
        except psycopg.Error as error:
            raise translated(error) from error
        return self._cursor.rowcount

    def defer_names(self) -> None:
        """Check only at the commit that rows name what is stored, until this transaction ends."""
        self.run("SET CONSTRAINTS ALL DEFERRED")

    def records_with(self, part: bytes) -> list[tuple[int, bytes]]:
        """Return position and record of every log entry whose record holds these bytes."""
        return self.rows(
            "SELECT position, record FROM ledger_entry"
            " WHERE record IS NOT NULL AND position(? IN record) > 0",
            (part,),
        )

    def _copy(self, insert: PlainInsert, rows: Sequence[Parameters]) -> int:
        # Names are those of our own statements.
        with self._cursor.copy(
            f"COPY {insert.table} ({insert.columns}) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            write = copy.write_row
            for row in rows:
                write(row)  # type: ignore[arg-type]  # such a statement is given sequences
        return len(rows)

    def _execute(self, sql: str, parameters: Parameters) -> psycopg.Cursor[Row]:
        self._check()
        statement = rewritten(sql)
        values = bound(statement, parameters)
        return self._cursor.execute(statement.sql, values or None)

    def _check(self) -> None:
        if not self._open:
            raise StoreClosedError("the transaction is over: use it only inside its block")
