"""Durations as treaties write them: whole weeks, days, hours and minutes, and nothing else.

Months and years have no fixed length, so two members could compute different deadlines from them;
seconds and fractions are finer than any duty among states. All are refused, as is a zero count of a
unit's digits beyond six and a total beyond :data:`LONGEST`. Spec: ISO 8601-1 §5.5.2.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar, Final

from foedus.treaty.errors import TreatyError

__all__ = ["LONGEST", "DurationError", "duration_text", "length_text", "parse_duration"]

LONGEST: Final = timedelta(days=36_500)
"""The longest duration accepted, about a century; it keeps every sum with an instant in range."""

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,6})W"
    r"|(?=\d|T\d)(?:(?P<days>\d{1,6})D)?(?:T(?=\d)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?)?)",
    re.ASCII,
)


class DurationError(TreatyError):
    """A text is not a duration in whole weeks, days, hours or minutes."""

    code: ClassVar[str] = "treaty.duration"


def parse_duration(text: str) -> timedelta:
    """Read ``P180D``, ``P2W``, ``PT24H``, ``P1DT12H`` or ``PT5M``.

    Args:
        text: The duration, ASCII, without sign, fraction, months, years or seconds; untrusted.

    Returns:
        Its fixed length, from zero to :data:`LONGEST`.

    Raises:
        DurationError: The text has another form or names too long a time.

    Spec: ISO 8601-1 §5.5.2.
    """
    match = _DURATION.fullmatch(text) if len(text) <= 32 else None  # noqa: PLR2004 - 4 parts of 7
    if match is None:
        raise DurationError(
            f"not a duration in whole weeks, days, hours or minutes (P180D, PT24H): {text[:32]!r}"
        )
    length = timedelta(**{unit: int(digits or 0) for unit, digits in match.groupdict().items()})
    if length > LONGEST:
        raise DurationError(f"longer than {LONGEST.days} days: {text[:32]!r}")
    return length


def duration_text(length: timedelta) -> str:
    """Return the shortest form in days, hours and minutes, ``P0D`` for none.

    Args:
        length: Whole minutes, from zero to :data:`LONGEST`.

    Raises:
        DurationError: It is negative, too long or holds a part of a minute.
    """
    minutes, rest = divmod(length, timedelta(minutes=1))
    if rest or not timedelta(0) <= length <= LONGEST:
        raise DurationError(f"no treaty duration: {length}")
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    day_part = f"{days}D" if days else ""
    time_part = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    if not day_part and not time_part:
        return "P0D"
    return "P" + day_part + (f"T{time_part}" if time_part else "")


def length_text(length: timedelta) -> str:
    """Return a length of time in words: "365 days", "1 day 12 hours", "no time"."""
    minutes = int(length.total_seconds()) // 60
    parts = []
    for unit, size in (("day", 24 * 60), ("hour", 60), ("minute", 1)):
        count, minutes = divmod(minutes, size)
        if count:
            parts.append(f"{count} {unit}{'s' * (count > 1)}")
    return " ".join(parts) or "no time"
