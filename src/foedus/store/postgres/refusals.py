"""PostgreSQL's errors in the store's own words, none of which holds an address or a password."""

from __future__ import annotations

import psycopg

from foedus.store.errors import (
    StoreAwayError,
    StoreBrokenError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreMissingError,
    StoreReadOnlyError,
)

__all__ = ["translated"]

_LOCKED = {"55P03", "40P01", "40001", "57014"}
_CORRUPT = {"XX001", "XX002"}
_READ_ONLY = {"25006"}
_FULL = {"53100"}
_MISSING = {"23503"}
_AWAY = {"57P01", "57P02", "57P03", "57P05", "25P03", "53300"}


def translated(error: psycopg.Error) -> StoreError:
    """Return the store's error for one of PostgreSQL's; the caller raises it from the other."""
    code = error.sqlstate or ""
    if code in _LOCKED:
        return StoreLockedError("another process is writing to the store; try again")
    if code in _FULL:
        return StoreFullError(
            "no room is left for the database: nothing of this act was kept; free space on the "
            "disk of the database server, then repeat it"
        )
    if code in _CORRUPT:
        return StoreCorruptError("the database is damaged; restore a backup")
    if code in _READ_ONLY:
        return StoreReadOnlyError("a reading transaction or a read-only server cannot be changed")
    if code in _MISSING:
        return StoreMissingError("a row names another that is not stored")
    return _otherwise(code, error)


def _otherwise(code: str, error: psycopg.Error) -> StoreError:
    if code in _AWAY or code.startswith("08"):
        return StoreAwayError("the database server ended the connection or takes no new one")
    if isinstance(error, psycopg.InterfaceError):
        return StoreClosedError("the store is not open")
    if not code and isinstance(error, psycopg.OperationalError):
        return StoreAwayError("the connection to the database server was lost")
    told = error.diag.message_primary or type(error).__name__
    return StoreBrokenError(f"the database refused: {told}")
