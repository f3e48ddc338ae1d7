"""A serving node publishes at fixed instants; a reader waits for one."""

from __future__ import annotations

import threading

import pytest

from foedus.cli.cadence import Cadence
from foedus.errors import FoedusError


@pytest.mark.parametrize(
    ("now", "wait"), [(0.0, 0.25), (0.125, 0.125), (7.5, 0.25), (7.625, 0.125), (1000.0625, 0.1875)]
)
def test_the_instants_do_not_depend_on_how_long_publishing_took(now: float, wait: float) -> None:
    cadence = Cadence(lambda: None, period_s=0.25, clock=lambda: now)
    assert cadence.until_next() == wait


def test_without_a_thread_a_reader_has_it_published_at_once() -> None:
    published: list[int] = []
    cadence = Cadence(lambda: published.append(1))
    cadence.await_head(lambda: False)
    assert published == [1]
    cadence.await_head(lambda: True)
    assert published == [1]


def test_a_reader_waits_for_the_instant_and_publishes_nothing_itself() -> None:
    by: list[str] = []
    cadence = Cadence(lambda: by.append(threading.current_thread().name), period_s=0.01)
    cadence.start()
    try:
        cadence.await_head(lambda: bool(by))
    finally:
        cadence.stop()
    assert set(by) == {"foedus-publish"}
    assert not cadence.running


def test_where_publishing_fails_the_reader_is_told_why() -> None:
    def fail() -> None:
        raise FoedusError("the disk is full")

    cadence = Cadence(fail, period_s=0.001)
    cadence.start()
    try:
        with pytest.raises(FoedusError, match="disk"):
            cadence.await_head(lambda: False)
    finally:
        cadence.stop()


def test_beside_a_leader_a_reader_waits_for_its_head_and_publishes_nothing() -> None:
    published: list[int] = []
    looks = iter([False, False, True])
    cadence = Cadence(lambda: published.append(1), elsewhere=lambda: True)
    cadence.await_head(lambda: next(looks))
    assert not published


def test_a_leader_that_publishes_nothing_is_not_waited_for_for_ever() -> None:
    published: list[int] = []
    cadence = Cadence(lambda: published.append(1), elsewhere=lambda: True, period_s=0.001)
    cadence.await_head(lambda: False)
    assert published == [1]


def test_it_runs_again_when_this_process_leads_again() -> None:
    published = threading.Event()
    cadence = Cadence(published.set, period_s=0.001)
    for _ in range(2):
        published.clear()
        cadence.start()
        assert published.wait(10)
        cadence.stop()
        assert not cadence.running
