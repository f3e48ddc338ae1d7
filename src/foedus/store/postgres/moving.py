"""A PostgreSQL store as one side of a move, and read out into a file for a backup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from foedus.ledger.checkpoint import Checkpoint
from foedus.model.identifiers import MemberId
from foedus.store.errors import StoreLockedError, StoreMemberError, StoreMissingError
from foedus.store.move import Shape
from foedus.store.postgres.connecting import Connection, connect
from foedus.store.postgres.full_text import hashes
from foedus.store.postgres.migrate import migrate, migrations, present
from foedus.store.postgres.refusals import translated

__all__ = ["PostgresSide", "SnapshotSide", "look_at"]

_WORDS: Final = ("apart_text", "draft_text", "item_text")
_NOT_CARRIED: Final = ("node", "foedus_shape", "lease", "shared_head", "nonce")
"""The node's row is made anew; the others are of this database and end with it."""

_COLUMNS: Final = (
    "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum), ("
    "  SELECT array_agg(k.attname::text ORDER BY array_position(i.indkey::int2[], k.attnum))"
    "  FROM pg_index i JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = ANY (i.indkey)"
    "  WHERE i.indrelid = c.oid AND i.indisprimary)"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
    "  AND NOT a.attisdropped"
    " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
    " GROUP BY c.oid, c.relname ORDER BY c.relname"
)
_NAMED: Final = (
    "SELECT c.conrelid::regclass::text, c.confrelid::regclass::text FROM pg_constraint c"
    " WHERE c.contype = 'f' AND c.conrelid <> c.confrelid"
    " AND c.connamespace = current_schema()::regnamespace"
)


class ReadSide:
    """The reading half of :class:`foedus.store.move.Side`, on a connection in a transaction."""

    def __init__(self, connection: Connection) -> None:
        """Read over a connection."""
        self._connection = connection

    def shapes(self) -> Sequence[Shape]:
        """Return the tables that are carried, each after those it names."""
        with _told():
            tables = self._connection.execute(_COLUMNS).fetchall()
            pairs = self._connection.execute(_NAMED).fetchall()
        found = {
            name: Shape(
                name=name,
                columns=tuple(each for each in columns if name not in _WORDS or each != "words"),
                key=tuple(key or ()),
            )
            for name, columns, key in tables
            if name not in _NOT_CARRIED
        }
        named: dict[str, set[str]] = {}
        for of, to in pairs:
            named.setdefault(of.strip('"'), set()).add(to.strip('"'))
        return [found[name] for name in _sorted(found, named)]

    def close(self) -> None:
        """Close it; an old store stays as it was if it was not marked."""
        self._connection.close()

    def rows(self, shape: Shape, after: tuple[Any, ...] | None, limit: int) -> list[Any]:
        """Return rows in the order of their key, after one key."""
        key = ", ".join(f'"{name}"' for name in shape.key)
        places = [f"${number}" for number in range(1, len(after or ()) + 1)]
        where = "" if after is None else f"WHERE ({key}) > ({', '.join(places)})"
        columns = ", ".join(f'"{name}"' for name in shape.columns)
        # Names are those of our own tables; every value is bound.
        sql = f'SELECT {columns} FROM "{shape.name}" {where} ORDER BY {key} LIMIT {limit:d}'  # noqa: S608
        with _told():
            cursor = self._connection.cursor(binary=True)
            return cursor.execute(sql.encode(), after).fetchall()


class SnapshotSide(ReadSide):
    """A store as of one moment, for a copy; it is never changed."""

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        """Open a database and its snapshot.

        Raises:
            StoreError: It cannot be opened.
        """
        super().__init__(connect(url, lock_timeout_s=timeout_s))
        with _told():
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")


class PostgresSide(ReadSide):
    """Implements :class:`foedus.store.move.Side` on a database."""

    def __init__(
        self, url: str, *, member: MemberId, old: bool = False, timeout_s: float = 10.0
    ) -> None:
        """Open a database.

        Args:
            url: Where it is; it may hold a password and is never told.
            member: Whose store it is, or is to be.
            old: Whether its writers are kept out until it is marked; else it is to be filled.
            timeout_s: How long to wait for another writer.

        Raises:
            StoreError: It cannot be opened, belongs to another, or another process writes.
        """
        super().__init__(connect(url, lock_timeout_s=timeout_s))
        self._late: list[tuple[int, int]] = []
        try:
            self._begin(member, old=old)
        except BaseException:
            self._connection.close()
            raise

    def _begin(self, member: MemberId, *, old: bool) -> None:
        with _told():
            migrate(self._connection)
            if old:
                self._connection.execute("BEGIN")
                row = self._connection.execute("SELECT member FROM node FOR UPDATE").fetchone()
                if row is None:
                    raise StoreMissingError("the database holds no node's store")
                _refuse_served(self._connection)
            else:
                # What is filled needs no sync before the mark that follows it.
                self._connection.execute("SET synchronous_commit = off")
                row = self._connection.execute("SELECT member FROM node").fetchone()
        if row is not None and row[0] != member:
            raise StoreMemberError(f"the database belongs to {row[0]}, not to {member}")

    def holds_store(self) -> bool:
        """Return whether it is a node's store, or is to be."""
        with _told():
            return self._connection.execute("SELECT 1 FROM node").fetchone() is not None

    def empty(self, member: MemberId, mark: str) -> None:
        """Empty every table and mark the store."""
        names = ", ".join(f'"{shape.name}"' for shape in self.shapes())
        with _told(), self._connection.transaction():
            self._connection.execute(f"TRUNCATE {names}, node, lease, shared_head, nonce".encode())
            self._connection.execute(
                "INSERT INTO node (only_row, member, moved) VALUES (1, $1, $2)", (member, mark)
            )

    def add(self, shape: Shape, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows."""
        columns = shape.columns
        if shape.name in _WORDS:
            columns = (*columns, "words")
            rows = [(*row, hashes(row[1], row[2])) for row in rows]
        elif shape.name == "item":
            rows = self._without_originals(shape, rows)
        target = ", ".join(f'"{name}"' for name in columns)
        with (
            _told(),
            self._connection.cursor() as cursor,
            cursor.copy(f'COPY "{shape.name}" ({target}) FROM STDIN (FORMAT BINARY)') as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def shared_heads(self) -> list[Checkpoint]:
        """Return the newest head of each log that may have been signed; of an old store only.

        Nobody moves one from here to the end of the transaction.
        """
        with _told():
            self._connection.execute("LOCK TABLE shared_head IN SHARE MODE")
            rows = self._connection.execute("SELECT origin, size, root FROM shared_head").fetchall()
        return [Checkpoint(origin, size, bytes(root)) for origin, size, root in rows]

    def settle(self) -> None:
        """Say of variants what they were made of, and let the planner know what is here."""
        with _told():
            self._connection.execute(
                "UPDATE item SET variant_of = o.value FROM ROWS FROM"
                " (unnest($1::bigint[]), unnest($2::bigint[])) o (handle, value)"
                " WHERE item.handle = o.handle",
                ([handle for handle, _ in self._late], [value for _, value in self._late]),
            )
            self._connection.execute("ANALYZE")
        self._late.clear()

    def mark(self) -> str:
        """Return the mark of the store."""
        with _told():
            row = self._connection.execute("SELECT moved FROM node").fetchone()
        return "" if row is None else str(row[0])

    def set_mark(self, mark: str) -> None:
        """Mark the store, durably; ends the transaction of an old one."""
        with _told():
            self._connection.execute("SET synchronous_commit = on")
            self._connection.execute("UPDATE node SET moved = $1", (mark,))
            if self._connection.info.transaction_status != TransactionStatus.IDLE:
                self._connection.execute("COMMIT")

    def _without_originals(
        self, shape: Shape, rows: Sequence[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        """Return rows that name no other row of their table, which may come later."""
        handle, original = shape.columns.index("handle"), shape.columns.index("variant_of")
        self._late += [(row[handle], row[original]) for row in rows if row[original] is not None]
        return [(*row[:original], None, *row[original + 1 :]) for row in rows]


def _refuse_served(connection: Connection) -> None:
    """Refuse while a process, on whatever machine, leads this node."""
    row = connection.execute("SELECT 1 FROM lease WHERE expires > clock_timestamp()").fetchone()
    if row is not None:
        raise StoreLockedError("a process serves this node; stop every `foedus serve` first")


def _sorted(found: dict[str, Shape], named: dict[str, set[str]]) -> list[str]:
    done: dict[str, None] = {}

    def put(name: str) -> None:
        if name not in done:
            for other in sorted(named.get(name, set()) & found.keys()):
                put(other)
            done[name] = None

    for name in sorted(found):
        put(name)
    return list(done)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise translated(error) from error


def look_at(url: str) -> tuple[str, int, int, str | None]:
    """Return version, shape, bytes and mark of a database; no mark where there is no store.

    Raises:
        StoreError: It cannot be reached, or holds tables of another program.
    """
    with closing(connect(url, lock_timeout_s=10.0)) as connection, _told():
        row = connection.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()),"
            " to_regclass('node') IS NOT NULL"
        ).fetchone()
        version, size, ours = row or ("", 0, False)
        shape = present(connection, migrations()[-1].number)
        if not ours:
            return version, shape, size, None
        # The mark came with a later shape.
        mark = connection.execute("SELECT coalesce(to_jsonb(node) ->> 'moved', '') FROM node")
        found = mark.fetchone()
    return version, shape, size, None if found is None else found[0]
