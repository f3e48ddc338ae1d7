from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.treaty.durations import LONGEST, DurationError, duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P180D", timedelta(days=180)),
        ("P2W", timedelta(weeks=2)),
        ("PT24H", timedelta(days=1)),
        ("P1DT12H", timedelta(hours=36)),
        ("PT5M", timedelta(minutes=5)),
        ("P0D", timedelta(0)),
        ("P1DT2H3M", timedelta(days=1, hours=2, minutes=3)),
    ],
)
def test_read(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length
    assert parse_duration(duration_text(length)) == length


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1",
        "1D",
        "P1Y",
        "P6M",
        "PT5S",
        "P1.5D",
        "-P1D",
        "P1DT",
        "P1W2D",
        "p1d",
        "P٣D",
        "P1D ",
        "P1D\n",
        "180d",
        "P9999999D",
        "P999999D",
        "PT1M1H",
        "P" + "1" * 99 + "D",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(DurationError):
        parse_duration(text)


@pytest.mark.parametrize(
    "length", [timedelta(seconds=1), timedelta(days=-1), LONGEST + timedelta(days=1)]
)
def test_not_written(length: timedelta) -> None:
    with pytest.raises(DurationError):
        duration_text(length)


@settings(max_examples=60)
@given(st.integers(0, 36_500 * 24 * 60))
def test_round_trip(minutes: int) -> None:
    length = timedelta(minutes=minutes)
    assert parse_duration(duration_text(length)) == length
