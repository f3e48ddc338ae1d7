"""Bring a database file to the shape this version of the software expects.

Numbered files, forward only, each applied in one transaction together with its number: a crash
leaves the database before or after a step, never inside one. Two processes may start at once; the
second waits for the first and then finds the work done.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from foedus.store.errors import StoreForeignError, StoreTooNewError
from foedus.store.numbering import in_order

__all__ = ["APPLICATION_ID", "Migration", "migrate", "migrations", "statements"]

APPLICATION_ID = 0x464F4544
"""Marks a SQLite file as a Foedus store (``FOED``)."""

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step.

    Attributes:
        number: From 1, without gaps.
        name: File name.
        sql: Statements, each ended by a semicolon.
    """

    number: int
    name: str
    sql: str


def migrations() -> tuple[Migration, ...]:
    """Return every step that ships with this version, in order.

    Raises:
        StoreBrokenError: Two have one number, or one is missing.
    """
    folder = resources.files("foedus.store.sqlite") / "migrations"
    found = []
    for file in folder.iterdir():
        match = _NAME.fullmatch(file.name)
        if match is not None:
            sql = file.read_text(encoding="utf-8")
            found.append(Migration(number=int(match[1]), name=file.name, sql=sql))
    return in_order(found)


def statements(sql: str) -> Iterator[str]:
    """Split a script into statements; ``executescript`` would commit before it starts."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def migrate(connection: sqlite3.Connection, steps: tuple[Migration, ...] | None = None) -> int:
    """Apply what is missing and return the number of the last step.

    Args:
        connection: In autocommit mode, with no transaction open.
        steps: The steps to know; those that ship when None.

    Raises:
        StoreForeignError: The file belongs to another program.
        StoreTooNewError: A newer version of the software wrote it.
        sqlite3.Error: The database refused; nothing of the failing step is kept.
    """
    known = migrations() if steps is None else steps
    newest = known[-1].number
    while (present := _present(connection, newest)) < newest:
        _apply(connection, known[present], newest)
    return newest


def _present(connection: sqlite3.Connection, newest: int) -> int:
    """Return the number of the last step applied, having checked whose file it is."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (present,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise StoreForeignError("this file is a database of another program, not a Foedus store")
    if present > newest:
        raise StoreTooNewError(
            f"the database has shape {present}, but this version knows shapes up to {newest} only: "
            "it was written by a newer version; upgrade this one"
        )
    return int(present)


def _apply(connection: sqlite3.Connection, step: Migration, newest: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have applied it while this one waited for the lock.
        if _present(connection, newest) == step.number - 1:
            for statement in statements(step.sql):
                connection.execute(statement)
            # Pragmas take no bound parameters; both values are whole numbers of our own.
            connection.execute(f"PRAGMA user_version = {step.number:d}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
