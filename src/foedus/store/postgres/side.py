"""A connection beside those of transactions, for what must never wait for a writer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from foedus.store.errors import StoreBrokenError, StoreClosedError, StoreError, StoreLockedError
from foedus.store.postgres.connecting import mortal

__all__ = ["SideConnection"]

T = TypeVar("T")

_CONNECT_S: Final = 3
_STATEMENT_MS: Final = 3000


class SideConnection:
    """One connection, opened when needed and again after it broke; one call at a time.

    The address, which may hold a password, appears in no error and no ``repr``.
    """

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """Prepare.

        Args:
            url: Address of the database.
            durable: Whether a commit waits until it is on disk.
        """
        options = f"-c statement_timeout={_STATEMENT_MS} -c lock_timeout={_STATEMENT_MS}"
        if not durable:
            options += " -c synchronous_commit=off"
        # What the address asks for, such as a schema, stands before what is ours.
        given = conninfo_to_dict(url).get("options") or ""
        options = f"{given} {options}".strip()
        own = {"connect_timeout": _CONNECT_S, "application_name": "foedus", "options": options}
        self._conninfo = make_conninfo("", **mortal({**conninfo_to_dict(url), **own}))
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._closed = False

    def run(self, work: Callable[[psycopg.Connection[Any]], T], *, together: bool = False) -> T:
        """Do something; it is done again once if the connection was dead.

        Args:
            work: Safe to repeat.
            together: Whether it is one transaction; else each statement is one, at a third of the
                cost.

        Raises:
            StoreError: The database does not answer, or refuses.
        """
        with self._lock, _translated():
            stale = self._connection is not None
            try:
                return self._done(work, together=together)
            except psycopg.OperationalError:
                broken = self._connection is None or self._connection.broken
                self._drop()
                if not (stale and broken):
                    raise
            return self._done(work, together=together)

    def close(self) -> None:
        """Close it for good; safe to repeat."""
        with self._lock:
            self._closed = True
            self._drop()

    def _done(self, work: Callable[[psycopg.Connection[Any]], T], *, together: bool) -> T:
        if self._closed:
            raise StoreClosedError("the store was closed")
        if self._connection is None:
            self._connection = psycopg.connect(self._conninfo, autocommit=True)
        with self._connection.transaction() if together else nullcontext():
            return work(self._connection)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
        raise StoreLockedError("the database is busy; try again") from error
    except psycopg.OperationalError:
        # What the driver says may name the address.
        raise StoreBrokenError("the database does not answer; is it running?") from None
    except psycopg.Error as error:
        raise StoreBrokenError(f"the database refused: {error.sqlstate}") from error
