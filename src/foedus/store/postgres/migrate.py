"""Bring a PostgreSQL database to the shape this version of the software expects.

The steps have the numbers of SQLite's: a shape is one thing on both engines. Each is applied in one
transaction together with its number. Two processes may start at once; the second waits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

from foedus.store.errors import StoreForeignError, StoreTooNewError
from foedus.store.numbering import in_order
from foedus.store.postgres.connecting import Connection

__all__ = ["Migration", "migrate", "migrations", "present"]

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_TURN = 0x464F4544
"""The advisory lock of who migrates (``FOED``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step.

    Attributes:
        number: From 1, without gaps.
        name: File name.
        sql: Statements.
    """

    number: int
    name: str
    sql: str


def migrations() -> tuple[Migration, ...]:
    """Return every step that ships with this version, in order.

    Raises:
        StoreBrokenError: Two have one number, or one is missing.
    """
    folder = resources.files("foedus.store.postgres") / "migrations"
    found = []
    for file in folder.iterdir():
        match = _NAME.fullmatch(file.name)
        if match is not None:
            sql = file.read_text(encoding="utf-8")
            found.append(Migration(number=int(match[1]), name=file.name, sql=sql))
    return in_order(found)


def migrate(connection: Connection, steps: tuple[Migration, ...] | None = None) -> int:
    """Apply what is missing and return the number of the last step.

    Args:
        connection: In autocommit mode, with no transaction open.
        steps: The steps to know; those that ship when None.

    Raises:
        StoreForeignError: The database holds tables of another program.
        StoreTooNewError: A newer version of the software wrote it.
        psycopg.Error: The database refused; nothing of the failing step is kept.
    """
    known = migrations() if steps is None else steps
    newest = known[-1].number
    while (reached := present(connection, newest)) < newest:
        _apply(connection, known[reached], newest)
    return newest


def present(connection: Connection, newest: int) -> int:
    """Return the number of the last step applied, having checked whose database it is.

    Raises:
        StoreForeignError: The database holds tables of another program.
        StoreTooNewError: A newer version of the software wrote it.
    """
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE tablename = 'foedus_shape')"
        " FROM pg_tables WHERE schemaname = current_schema()"
    ).fetchone()
    tables, ours = row or (0, 0)
    if not ours and tables:
        raise StoreForeignError("this database holds tables of another program; give an empty one")
    if not ours:
        return 0
    row = connection.execute("SELECT shape FROM foedus_shape").fetchone()
    reached = 0 if row is None else int(row[0])
    if reached > newest:
        raise StoreTooNewError(
            f"the database has shape {reached}, but this version knows shapes up to {newest} only: "
            "it was written by a newer version; upgrade this one"
        )
    return reached


def _apply(connection: Connection, step: Migration, newest: int) -> None:
    with connection.transaction():
        connection.execute(f"SELECT pg_advisory_xact_lock({_TURN:d})")
        # Another process may have applied it while this one waited for the lock.
        if present(connection, newest) != step.number - 1:
            return
        if step.number == 1:
            connection.execute("CREATE TABLE foedus_shape (shape bigint NOT NULL)")
            connection.execute("INSERT INTO foedus_shape (shape) VALUES (0)")
        connection.execute(step.sql.encode())
        connection.execute("UPDATE foedus_shape SET shape = $1", (step.number,))
