"""Nonces of signed requests, remembered by all processes of one data directory.

A small database file of its own: it holds nothing but what was seen in the last minutes, is written
with every signed request, and is not worth a synchronised disk. After a loss of power it may be
gone, and is then begun anew: what it would have refused is safe to repeat.
"""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from foedus.clock import to_micros
from foedus.store.errors import StoreBrokenError, StoreLockedError
from foedus.store.locks import exclusive

__all__ = ["NonceFile", "Nonces"]

_TIMEOUT_S: Final = 5.0
_TIDY_EVERY: Final = 512
"""After so many nonces those out of the window are forgotten."""

_SHAPE: Final = """
CREATE TABLE IF NOT EXISTS nonce (
  key_id TEXT NOT NULL, nonce TEXT NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY (key_id, nonce)
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS nonce_seen ON nonce (seen);
"""


class Nonces(Protocol):
    """Nonces that the processes of a node saw."""

    def admit(self, key_id: str, nonce: str, now: datetime) -> bool:
        """Remember a nonce of a key; False if it was seen within the window."""
        ...

    def close(self) -> None:
        """Close what was opened; safe to repeat."""
        ...


class NonceFile:
    """Remembers nonces in a file; safe for several threads and processes."""

    def __init__(self, path: Path, *, kept: timedelta) -> None:
        """Prepare; the file is made with the first nonce.

        Args:
            path: The file; a lock file lies beside it.
            kept: How long a nonce is remembered at least.
        """
        self._path = path
        self._kept = kept
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._count = 0

    def admit(self, key_id: str, nonce: str, now: datetime) -> bool:
        """Remember a nonce of a key.

        Returns:
            Whether it is new; False if any process saw it within the window.

        Raises:
            StoreError: It cannot be remembered, so nothing may be let in by it.
        """
        with self._lock:
            try:
                return self._admitted(key_id, nonce, to_micros(now))
            except sqlite3.OperationalError as error:
                raise StoreLockedError(f"nonces cannot be remembered now: {error}") from error
            except sqlite3.Error as error:
                raise StoreBrokenError(f"nonces cannot be remembered: {error}") from error

    def close(self) -> None:
        """Close the file; safe to repeat."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _admitted(self, key_id: str, nonce: str, now: int) -> bool:
        if self._connection is None:
            self._connection = self._opened()
        done = self._connection.execute(
            "INSERT INTO nonce (key_id, nonce, seen) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (key_id, nonce, now),
        )
        self._count += 1
        if self._count % _TIDY_EVERY == 0:
            self._connection.execute(
                "DELETE FROM nonce WHERE seen < ?", (now - int(self._kept.total_seconds() * 1e6),)
            )
        return done.rowcount == 1

    def _opened(self) -> sqlite3.Connection:
        with exclusive(self._path.with_name(self._path.name + ".lock")):
            try:
                return self._connected()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # damaged
                for suffix in ("", "-wal", "-shm"):
                    self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
                return self._connected()

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(_SHAPE)
            connection.execute("SELECT count(*) FROM nonce").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
        return connection
