"""Dates on the command line: a day, or a full instant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

__all__ = ["INSTANT"]


class _Instant(click.ParamType[datetime]):
    """A day (its first instant, UTC) or an instant: 2027-01-31 or 2027-01-31T12:00:00Z."""

    name = "date"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value).strip().replace("Z", "+00:00"))
        except ValueError:
            self.fail(
                f"{str(value)[:40]!r} is no date; give 2027-01-31 or 2027-01-31T12:00:00Z",
                param,
                ctx,
            )
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


INSTANT = _Instant()
"""Type of an option that takes a date; without a time zone it is UTC."""
