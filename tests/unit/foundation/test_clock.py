"""Instants: one text form out, every RFC 3339 form in UTC in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.clock import (
    FixedClock,
    InstantError,
    SystemClock,
    from_micros,
    instant_text,
    parse_instant,
    to_micros,
)

INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(INSTANTS)
def test_text_and_micros_keep_the_instant(instant: datetime) -> None:
    assert parse_instant(instant_text(instant)) == instant
    assert from_micros(to_micros(instant)) == instant


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-11-24T10:00:00Z", 0),
        ("2026-11-24T10:00:00.5Z", 500_000),
        ("2026-11-24T10:00:00.123456Z", 123_456),
        ("2026-11-24T10:00:00.123456789Z", 123_456),
        ("2026-11-24t10:00:00.100z", 100_000),
    ],
)
def test_reads_zero_to_many_fraction_digits(text: str, micros: int) -> None:
    assert parse_instant(text) == datetime(2026, 11, 24, 10, 0, 0, micros, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-24", "2026-11-24T10:00:00", "2026-11-24T10:00:00+00:00", "2026-02-30T00:00:00Z",
     "2026-13-01T00:00:00Z", "2026-11-24T25:00:00Z", "٢٠٢٦-11-24T10:00:00Z", "x" * 1000],
)  # fmt: skip
def test_refuses_what_is_no_instant_in_utc(text: str) -> None:
    with pytest.raises(InstantError):
        parse_instant(text)


def test_a_naive_instant_has_no_text() -> None:
    with pytest.raises(InstantError):
        instant_text(datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test


def test_another_zone_is_written_in_utc() -> None:
    there = datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=5)))
    assert instant_text(there) == "2026-01-01T00:00:00.000000Z"


def test_clocks_are_aware() -> None:
    assert SystemClock().now().tzinfo is UTC
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
