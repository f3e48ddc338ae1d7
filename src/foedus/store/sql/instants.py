"""``added`` instants: unique and strictly increasing in one database, whatever the clock does."""

from __future__ import annotations

from datetime import datetime
from typing import overload

from foedus.clock import from_micros, to_micros
from foedus.store.sql.session import Session

__all__ = ["instant", "micros", "reserve"]


def reserve(session: Session, *, at: datetime, count: int) -> int:
    """Take ``count`` consecutive instants, a microsecond apart, and return the first.

    The first is the later of ``at`` and the last one given plus one: two rows never share an
    instant, and a clock that was put back cannot place a row behind what a reader has seen.
    """
    last = session.number("SELECT value FROM counter WHERE name = 'last_added'")
    first = max(to_micros(at), last + 1)
    session.run("UPDATE counter SET value = ? WHERE name = 'last_added'", (first + count - 1,))
    return first


@overload
def micros(at: datetime) -> int: ...
@overload
def micros(at: datetime | None) -> int | None: ...
def micros(at: datetime | None) -> int | None:
    """Return the stored form of an instant."""
    return None if at is None else to_micros(at)


def instant(stored: int | None) -> datetime | None:
    """Return the instant of its stored form."""
    return None if stored is None else from_micros(stored)
