"""How long a peer that fails is left alone, and what two nodes tell each other of their lanes."""

from __future__ import annotations

import pytest

from foedus.node.backoff import CAP_S, MAX_RETRY_AFTER_S, Backoff
from foedus.node.lane_counts import format_counts, parse_counts


def test_the_longest_pause_doubles_up_to_the_cap() -> None:
    backoff = Backoff(lambda: 0.999999)
    pauses = [round(backoff.failed()) for _ in range(12)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_pause_is_drawn_evenly_below_that() -> None:
    drawn = iter([0.0, 0.5, 0.25])
    backoff = Backoff(lambda: next(drawn))
    assert [backoff.failed() for _ in range(3)] == [0.0, 1.0, 1.0]


def test_a_success_begins_anew() -> None:
    backoff = Backoff(lambda: 0.5)
    for _ in range(5):
        backoff.failed()
    backoff.succeeded()
    assert (backoff.failures, backoff.failed()) == (0, 0.5)


def test_a_week_of_failures_stays_at_the_cap() -> None:
    backoff = Backoff(lambda: 0.999)
    pauses = [backoff.failed() for _ in range(5_000)]
    assert max(pauses) <= CAP_S


def test_a_peer_is_not_asked_before_it_says_but_cannot_put_it_off_for_ever() -> None:
    assert Backoff(lambda: 0.0).failed(30.0) == 30.0
    assert Backoff(lambda: 0.0).failed(10.0**6) == MAX_RETRY_AFTER_S


def test_counts_are_read_as_they_are_written() -> None:
    counts = {"instruments": 3, "orders": 0, "bulk": 1200}
    assert format_counts(counts) == "instruments=3, orders=0, bulk=1200"
    assert parse_counts(format_counts(counts)) == counts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bulk=1",
        "instruments=1, orders=2, bulk=-3",
        "instruments=1, orders=2, bulk=3, bulk=4",
        "instruments=1; orders=2; bulk=3",
        "instruments=1, orders=2, bulk=" + "9" * 20,
        "x=1, " * 100,
    ],
)
def test_counts_of_another_form_say_nothing(text: str) -> None:
    assert parse_counts(text) is None
