"""Opens the file and hands out transactions.

Rules of concurrency:

1. A transaction has a connection to itself while it is open; connections are pooled.
2. One writer at a time: threads of this process queue at a lock, processes at SQLite's own.
3. Readers see the snapshot of the moment they began and never wait for the writer.
4. A transaction is dead after its block; using it raises.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from foedus.model.identifiers import MemberId
from foedus.store.errors import (
    StoreBrokenError,
    StoreClosedError,
    StoreCorruptError,
    StoreLockedError,
    StoreMemberError,
)
from foedus.store.sql.moved import refuse_moved
from foedus.store.sql.transaction import StoredTransaction
from foedus.store.sqlite.erasure import empty_journal
from foedus.store.sqlite.full_text import merge
from foedus.store.sqlite.migrate import migrate
from foedus.store.sqlite.session import SQLiteSession, translated

__all__ = ["SQLiteDatabase"]

LOCK_TIMEOUT_S = 10.0
"""How long a writer waits for another before it gives up, in seconds."""

_WRITER_CACHE_KIB = 48 * 1024
_READER_CACHE_KIB = 8 * 1024
_CHECKPOINT_PAGES = 4000
_JOURNAL_BYTES = 64 * 1024 * 1024
_PAGE_BYTES = 8192
_MAX_IDLE_READERS = 8


class SQLiteDatabase:
    """A node's store in one SQLite file; safe to share between threads and processes.

    Implements :class:`foedus.node.ports.Database`.

    Args:
        path: The database file; made with permissions for its owner only if absent. Its directory
            must exist.
        member: The member the data belongs to; a file of another member is refused.
        lock_timeout_s: How long to wait for another writer, in seconds.
        max_bytes: The size past which the file may not grow; None for no limit but the disk's.

    Raises:
        StoreError: The file cannot be opened, is damaged, belongs to another program or member, or
            was written by a newer version.
    """

    at_hand = True

    def __init__(
        self,
        path: Path,
        *,
        member: MemberId,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        max_bytes: int | None = None,
    ) -> None:
        self._path = path
        self._member = member
        self._lock_timeout_s = lock_timeout_s
        self._max_bytes = max_bytes
        self._turn = threading.Lock()
        self._writing_thread: int | None = None
        self._writer: sqlite3.Connection | None = None
        self._idle_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._prepare()

    @contextmanager
    def write(self) -> Iterator[StoredTransaction]:
        """Open the exclusive unit of work; commits durably on leaving, or rolls back.

        Raises:
            StoreLockedError: Another writer held the store too long, or this thread is writing
                already.
            StoreFullError: No room is left; nothing was kept.
        """
        with self._my_turn():
            connection = self._writing_connection()
            _run(connection, "BEGIN IMMEDIATE")
            session = SQLiteSession(connection)
            try:
                _check_place(session)
                yield StoredTransaction(session, self._member)
                session.close()
                _run(connection, "COMMIT")
            except BaseException:
                session.close()
                _roll_back(connection)
                raise

    @contextmanager
    def read(self) -> Iterator[StoredTransaction]:
        """Open a consistent snapshot; it never waits for a writer."""
        connection = self._reading_connection()
        session = SQLiteSession(connection)
        try:
            _run(connection, "BEGIN")
            # A snapshot starts with the first read, so read now.
            _check_place(session)
            yield StoredTransaction(session, self._member)
        finally:
            session.close()
            _roll_back(connection)
            self._give_back(connection)

    @contextmanager
    def replica(self) -> Iterator[None]:
        """Give None: one file has no replica."""
        yield None

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the store while it is in use; durable on return.

        The copy is of one moment, checked whole, and stands alone: it has no journal beside it.

        Args:
            target: A file that does not exist.

        Raises:
            StoreBrokenError: There is such a file, or it cannot be written.
            StoreCorruptError: What was copied is damaged.
            StoreFullError: No room is left for it.
        """
        try:
            descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        except OSError as error:
            raise StoreBrokenError(f"cannot write {target}: {error.strerror}") from error
        try:
            with closing(self._connect()) as source, closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                [(fault,)] = copy.execute("PRAGMA integrity_check(1)").fetchall()
            os.fsync(descriptor)
        except sqlite3.Error as error:
            raise translated(error) from error
        except OSError as error:
            raise StoreBrokenError(f"cannot write {target}: {error.strerror}") from error
        finally:
            os.close(descriptor)
        if fault != "ok":
            raise StoreCorruptError(f"the store is damaged: {fault}; restore an earlier backup")

    def forget(self) -> bool:
        """Merge the indexes of words and empty the write-ahead journal: nothing erased lingers.

        The indexes are merged only where something was erased from them since.

        Returns:
            Whether it is empty; False if another process read or wrote all the while.
        """
        with self._my_turn():
            self._merge_words()
            return empty_journal(self._path, timeout_s=self._lock_timeout_s)

    def _merge_words(self) -> None:
        connection = self._writing_connection()
        _run(connection, "BEGIN IMMEDIATE")
        session = SQLiteSession(connection)
        try:
            merge(session)
            _run(connection, "COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
        finally:
            session.close()

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their block ends."""
        with self._idle_lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        with self._my_turn():
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _prepare(self) -> None:
        """Create the file if absent, bring it to the newest shape, check whose it is."""
        try:
            # The journal files inherit these permissions.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreBrokenError(f"cannot open {self._path}: {error.strerror}") from error
        with closing(self._connect()) as connection:
            try:
                migrate(connection)
                connection.execute(
                    "INSERT INTO node (only_row, member) VALUES (1, ?) ON CONFLICT DO NOTHING",
                    (self._member,),
                )
                owner, mark = connection.execute("SELECT member, moved FROM node").fetchone()
            except sqlite3.Error as error:
                raise translated(error) from error
        if owner != self._member:
            raise StoreMemberError(f"the database belongs to {owner}, not to {self._member}")
        refuse_moved(mark)

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._path,
                timeout=self._lock_timeout_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
        except sqlite3.Error as error:
            raise translated(error) from error
        try:
            # Pragmas take no bound parameters; every value is a number of our own.
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES:d}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            # What is erased is overwritten in the file too.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
            # Nothing is mapped: a crawl of a large collection would keep all of it in memory.
            connection.execute("PRAGMA mmap_size = 0")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES:d}")
            connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES:d}")
            if self._max_bytes is not None:
                (page,) = connection.execute("PRAGMA page_size").fetchone()
                connection.execute(f"PRAGMA max_page_count = {self._max_bytes // page:d}")
        except sqlite3.Error as error:
            connection.close()
            raise translated(error) from error
        return connection

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """Queue with the other threads: SQLite would poll, and starve some."""
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

    def _writing_connection(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreClosedError("the store was closed")
        if self._writer is None:
            # The one writer keeps the indexes that it changes at random places in memory; readers
            # share what the system keeps of the file.
            self._writer = self._connect()
            _run(self._writer, f"PRAGMA cache_size = -{_WRITER_CACHE_KIB:d}")
        return self._writer

    def _reading_connection(self) -> sqlite3.Connection:
        with self._idle_lock:
            if self._closed:
                raise StoreClosedError("the store was closed")
            if self._idle:
                return self._idle.pop()
        connection = self._connect()
        _run(connection, "PRAGMA query_only = ON")
        _run(connection, f"PRAGMA cache_size = -{_READER_CACHE_KIB:d}")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._idle_lock:
            if not self._closed and len(self._idle) < _MAX_IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()


def _check_place(session: SQLiteSession) -> None:
    """Refuse a store that its node does not run on any more, or not yet."""
    row = session.row("SELECT moved FROM node")
    refuse_moved("" if row is None else row[0])


def _run(connection: sqlite3.Connection, sql: str) -> None:
    try:
        connection.execute(sql)
    except sqlite3.Error as error:
        raise translated(error) from error


def _roll_back(connection: sqlite3.Connection) -> None:
    """Undo what is open; SQLite has done so itself after some errors."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
