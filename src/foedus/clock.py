"""Instants: always aware, always UTC, always from an injected clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol

from foedus.errors import FoedusError

__all__ = [
    "Clock",
    "FixedClock",
    "InstantError",
    "SystemClock",
    "from_micros",
    "instant_text",
    "parse_instant",
    "to_micros",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?[Zz]", re.ASCII
)


class InstantError(FoedusError):
    """A text is not an RFC 3339 instant in UTC."""

    code: ClassVar[str] = "clock.instant"


class Clock(Protocol):
    """Tells the time. Implementations return aware UTC datetimes and never go below year 1970."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's present instant in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until moved; for tests and for what-if questions.

    Attributes:
        instant: What ``now`` returns; aware UTC.
    """

    instant: datetime

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self.instant


def instant_text(instant: datetime) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, exactly six fraction digits.

    Raises:
        InstantError: The datetime is naive.

    Spec: RFC 3339 §5.6; TAXII 2.1 §1.6.3 (timestamps of the server carry microseconds).
    """
    if instant.tzinfo is None:
        raise InstantError("an instant without a time zone has no meaning between members")
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 instant that ends in ``Z``; digits past the microsecond are cut off.

    Raises:
        InstantError: The text has another form or names an instant that does not exist.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise InstantError(f"not an RFC 3339 instant in UTC: {text[:40]!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    micros = int((match[7] or "0")[:6].ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), micros, tzinfo=UTC)
    except ValueError as error:
        raise InstantError(f"no such instant: {text[:40]!r}") from error


def to_micros(instant: datetime) -> int:
    """Return whole microseconds since 1970-01-01T00:00:00Z."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the instant that many microseconds after 1970-01-01T00:00:00Z."""
    return _EPOCH + timedelta(microseconds=micros)
