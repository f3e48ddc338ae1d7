"""Opens the database and hands out transactions.

Rules of concurrency:

1. A transaction has a connection to itself while it is open; connections are pooled.
2. One writer at a time over all processes on all machines: each first locks the one row of
   ``node`` until its commit is durable and seen. So order of visibility is order of position: who
   took a later position, log index or ``added`` instant began after the earlier one could be read.
3. Readers see the snapshot of the moment they began and never wait for the writer.
4. A transaction is dead after its block; using it raises.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, Protocol

import psycopg
from psycopg.pq import TransactionStatus

from foedus.model.identifiers import MemberId
from foedus.store.errors import (
    StoreAwayError,
    StoreBrokenError,
    StoreClosedError,
    StoreLockedError,
    StoreMemberError,
    StoreMissingError,
)
from foedus.store.postgres.connecting import Connection, connect
from foedus.store.postgres.full_text import Words
from foedus.store.postgres.migrate import migrate, migrations, present
from foedus.store.postgres.refusals import translated
from foedus.store.postgres.session import PostgresSession
from foedus.store.sql.moved import refuse_moved
from foedus.store.sql.session import Row
from foedus.store.sql.transaction import StoredTransaction

__all__ = ["BEGIN_READ", "PostgresDatabase", "PostgresReader", "holds_store", "roll_back"]

LOCK_TIMEOUT_S = 10.0
"""How long a writer waits for another before it gives up, in seconds."""

_MAX_IDLE: Final = 8
_POLL_S: Final = 0.05

BEGIN_READ: Final = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT member, moved FROM node"
)
"""Begins a snapshot, which starts with the first read, and says whose store it is."""

_BEGIN_WRITE: Final = "BEGIN; SELECT member, moved FROM node FOR UPDATE"
_ERASED_FROM: Final = (
    "item", "item_bytes", "item_text", "draft_text", "apart_text", "selector", "posting",
    "quarantine", "hit",
    "approval", "consent", "feed_row", "ledger_entry", "opened_disclosure", "opened_item", "alarm",
    "act", "terms", "source", "in_lane", "webhook_event", "collection_object", "post_status",
    "reserved_item", "item_hand", "request", "request_answer", "request_early", "residual_duty",
    "reading", "export", "challenge_words", "challenge_breach", "access_request", "erasure", "duty",
    "order_breach", "consent_request", "copy_condition", "feedback", "retention", "retention_day",
)  # fmt: skip
_WORD_INDEXES: Final = ("item_text_words", "draft_text_words", "apart_text_words")


class _Pool:
    """Connections at rest; safe to share between threads."""

    def __init__(self, url: str, *, lock_timeout_s: float) -> None:
        self._url = url
        self._lock_timeout_s = lock_timeout_s
        self._turn = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False

    def take(self) -> tuple[Connection, bool]:
        """Return a connection, and whether it was at rest (and may have been lost since)."""
        with self._turn:
            if self._closed:
                raise StoreClosedError("the store was closed")
            if self._idle:
                return self._idle.pop(), True
        return self.fresh(), False

    def fresh(self) -> Connection:
        """Return a new connection."""
        return connect(self._url, lock_timeout_s=self._lock_timeout_s)

    def give_back(self, connection: Connection) -> None:
        """Let a connection rest, if it is whole."""
        whole = connection.info.transaction_status == TransactionStatus.IDLE
        with self._turn:
            if whole and not self._closed and len(self._idle) < _MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def drop(self) -> None:
        """Close what rests: the server they were connected to went away."""
        with self._turn:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Take and give no more."""
        self._closed = True
        self.drop()


class Peeked(Protocol):
    """A replica that may be away."""

    def peek(self) -> AbstractContextManager[StoredTransaction | None]:
        """Open a consistent snapshot; gives None while it is away."""
        ...

    def close(self) -> None:
        """Close every idle connection."""
        ...


class PostgresReader:
    """Reads a node's store, on its server or on a replica of it; never changes it.

    Args:
        url: Where the database is; it may hold a password and is never told.
        member: The member the data belongs to; a database of another member is refused.
        lock_timeout_s: How long to wait for another writer, in seconds.
    """

    at_hand = False

    def __init__(
        self, url: str, *, member: MemberId, lock_timeout_s: float = LOCK_TIMEOUT_S
    ) -> None:
        self._member = member
        self._lock_timeout_s = lock_timeout_s
        self._pool = _Pool(url, lock_timeout_s=lock_timeout_s)
        self._words = Words()

    @contextmanager
    def read(self) -> Iterator[StoredTransaction]:
        """Open a consistent snapshot; it never waits for a writer.

        Raises:
            StoreAwayError: The server cannot be reached.
        """
        connection = self._begun(BEGIN_READ)
        session = PostgresSession(connection, self._words)
        try:
            yield StoredTransaction(session, self._member)
        finally:
            session.close()
            roll_back(connection)
            self._pool.give_back(connection)

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their block ends."""
        self._pool.close()

    def _begun(self, begin: str) -> Connection:
        """Return a connection in a transaction, begun anew where the one at rest was lost."""
        connection, rested = self._pool.take()
        try:
            self._enter(connection, begin)
        except StoreAwayError:
            connection.close()
            if not rested:
                raise
            # Nothing was asked of the lost one yet, so that asking another repeats nothing.
            self._pool.drop()
            connection = self._pool.fresh()
            self._enter(connection, begin)
        return connection

    def _enter(self, connection: Connection, begin: str) -> None:
        try:
            cursor = connection.execute(begin)
            cursor.nextset()
            _check_owner(cursor.fetchone(), self._member)
        except psycopg.Error as error:
            roll_back(connection)
            self._pool.give_back(connection)
            raise translated(error) from error
        except BaseException:
            roll_back(connection)
            self._pool.give_back(connection)
            raise


class PostgresDatabase(PostgresReader):
    """A node's store in one PostgreSQL database; safe to share between threads and processes.

    Implements :class:`foedus.node.ports.Database`.

    Args:
        url: Where the database is; it may hold a password and is never told.
        member: The member the data belongs to; a database of another member is refused.
        lock_timeout_s: How long to wait for another writer, in seconds.
        create: Whether to begin a store in an empty database.
        replica: A replica of it, closed with it; see
            :class:`foedus.store.postgres.replica.Replica`.

    Raises:
        StoreError: The database cannot be reached, belongs to another program or member, was
            written by a newer version, holds no store, or was moved.
    """

    def __init__(
        self,
        url: str,
        *,
        member: MemberId,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        create: bool = True,
        replica: Peeked | None = None,
    ) -> None:
        super().__init__(url, member=member, lock_timeout_s=lock_timeout_s)
        self._url = url
        self._replica = replica
        self._turn = threading.Lock()
        self._writing_thread: int | None = None
        self._prepare(create=create)

    @contextmanager
    def write(self) -> Iterator[StoredTransaction]:
        """Open the exclusive unit of work; commits durably on leaving, or rolls back.

        Raises:
            StoreLockedError: Another writer held the store too long, or this thread is writing
                already.
            StoreFullError: No room is left; nothing was kept.
            StoreAwayError: The server was lost; if that was at the commit, it is not known whether
                the act was kept.
        """
        with self._my_turn():
            connection = self._begun(_BEGIN_WRITE)
            session = PostgresSession(connection, self._words)
            try:
                yield StoredTransaction(session, self._member)
                session.close()
                _commit(connection)
            except BaseException:
                session.close()
                roll_back(connection)
                raise
            finally:
                self._pool.give_back(connection)

    def replica(self) -> AbstractContextManager[StoredTransaction | None]:
        """Open a consistent snapshot of a replica; gives None where there is none."""
        return nullcontext() if self._replica is None else self._replica.peek()

    def close(self) -> None:
        """Close every idle connection, those to the replica too."""
        super().close()
        if self._replica is not None:
            self._replica.close()

    def forget(self) -> bool:
        """Free the rows that erased content stood in, and write the indexes of words anew.

        What PostgreSQL keeps beside its tables is not in its reach: the write-ahead log until it is
        recycled, archives of it, replicas behind, and the bytes of freed rows until a page is used
        again (``VACUUM FULL`` ends the last).

        Returns:
            Whether it was done for all; False if another snapshot stood open all the while.
        """
        with self._my_turn():
            connection = self._pool.fresh()
            with closing(connection):
                try:
                    alone = _alone(connection, self._lock_timeout_s)
                    connection.execute(f"VACUUM {', '.join(_ERASED_FROM)}")
                    return alone and _rewritten(connection, self._lock_timeout_s)
                except psycopg.Error as error:
                    raise translated(error) from error

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the store, as of one moment, into a new SQLite file.

        Args:
            target: A file that does not exist.

        Raises:
            StoreError: It cannot be read or written, or the copy is not the same.
        """
        from foedus.store.postgres.moving import SnapshotSide  # noqa: PLC0415  # a copy is rare
        from foedus.store.relocate import copy_out  # noqa: PLC0415  # as above

        copy_out(lambda: SnapshotSide(self._url), target, member=self._member)

    def _prepare(self, *, create: bool) -> None:
        """Bring the database to the newest shape, check whose it is."""
        with closing(self._pool.fresh()) as connection:
            try:
                if not create and not _holds_store(connection):
                    raise StoreMissingError(
                        "the database that FOEDUS_DATABASE_URL names holds no node's store: "
                        "`foedus db move` carries this node's store there"
                    )
                migrate(connection)
                if create:
                    connection.execute(
                        "INSERT INTO node (only_row, member) VALUES (1, $1) ON CONFLICT DO NOTHING",
                        (self._member,),
                    )
                row = connection.execute("SELECT member, moved FROM node").fetchone()
            except psycopg.Error as error:
                raise translated(error) from error
        _check_owner(row, self._member)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """Queue with the other threads of this process, so that they take one connection."""
        if self._writing_thread == threading.get_ident():
            raise StoreLockedError("this thread has a writing transaction open already")
        if not self._turn.acquire(timeout=self._lock_timeout_s):
            raise StoreLockedError("another thread is writing to the store; try again")
        self._writing_thread = threading.get_ident()
        try:
            yield
        finally:
            self._writing_thread = None
            self._turn.release()


def _check_owner(row: Row | None, member: MemberId) -> None:
    """Refuse a store of nobody, of another member, or that its node does not run on."""
    if row is None:
        raise StoreMissingError("the database holds no node's store")
    if row[0] != member:
        raise StoreMemberError(f"the database belongs to {row[0]}, not to {member}")
    refuse_moved(row[1])


def _commit(connection: Connection) -> None:
    if connection.info.transaction_status == TransactionStatus.INERROR:
        # The server would roll back and report no error.
        raise StoreBrokenError("a statement of this act failed: nothing of it was kept")
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        if connection.closed:
            raise StoreAwayError(
                "the database server was lost at the commit: whether this act was kept is not "
                "known; look before you repeat it"
            ) from error
        raise translated(error) from error


def roll_back(connection: Connection) -> None:
    """Undo what is open, if anything is."""
    with suppress(psycopg.Error):
        if connection.info.transaction_status != TransactionStatus.IDLE:
            connection.execute("ROLLBACK")


def holds_store(url: str) -> bool:
    """Return whether a database holds a node's store.

    Raises:
        StoreError: It cannot be reached, or holds tables of another program.
    """
    with closing(connect(url, lock_timeout_s=LOCK_TIMEOUT_S)) as connection:
        try:
            present(connection, migrations()[-1].number)
            return _holds_store(connection)
        except psycopg.Error as error:
            raise translated(error) from error


def _holds_store(connection: Connection) -> bool:
    row = connection.execute("SELECT to_regclass('node') IS NOT NULL").fetchone()
    if not row or not row[0]:
        return False
    return connection.execute("SELECT 1 FROM node").fetchone() is not None


def _rewritten(connection: Connection, timeout_s: float) -> bool:
    """Write the indexes of words anew beside their use; False if a snapshot kept it waiting."""
    connection.execute(f"SET lock_timeout = {int(timeout_s * 1000):d}")
    for index in _WORD_INDEXES:
        try:
            connection.execute(f"REINDEX INDEX CONCURRENTLY {index}")
        except psycopg.errors.LockNotAvailable:
            connection.execute(f"DROP INDEX IF EXISTS {index}_ccnew, {index}_ccold")
            return False
    return True


def _alone(connection: Connection, timeout_s: float) -> bool:
    """Wait until no snapshot of before stands open, which would keep erased rows in place."""
    row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    began = row[0] if row else "0"
    until = time.monotonic() + timeout_s
    while True:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL"
            " AND backend_xmin::text::bigint < $1::text::bigint",
            (began,),
        ).fetchone()
        if not row or not row[0]:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_S)
