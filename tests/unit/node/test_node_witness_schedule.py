"""When a witness is asked again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from foedus.model.identifiers import MemberId
from foedus.node import witness_schedule
from foedus.node.witness_round import Asked
from foedus.node.witness_schedule import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    BackOff,
    Intervals,
    WitnessSchedule,
    least_interval_s,
)
from foedus.treaty import DurationError, parse_duration

XB, XC = MemberId("XB"), MemberId("XC")


def test_a_witness_that_fails_is_left_alone_for_longer_each_time() -> None:
    back_off = BackOff()
    now, pauses = 0.0, []
    for _ in range(12):
        assert back_off.due(XB, now)
        back_off.failed(XB, now)
        pause = 0.0
        while not back_off.due(XB, now + pause):
            pause += 0.5
        pauses.append(pause)
        now += pause
    assert pauses[:4] == [FIRST_PAUSE_S * 2**each for each in range(4)]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert back_off.due(XC, 0.0)


def test_one_answer_makes_up_for_all_failures() -> None:
    back_off = BackOff()
    for at in range(5):
        back_off.failed(XB, float(at))
    assert not back_off.due(XB, 5.0)
    back_off.answered(XB)
    assert back_off.due(XB, 5.0)
    back_off.failed(XB, 5.0)
    assert back_off.due(XB, 5.0 + FIRST_PAUSE_S)


@pytest.mark.parametrize("witnesses", [0, 1, 5, 11, 12])
def test_up_to_twelve_witnesses_are_asked_about_every_head(witnesses: int) -> None:
    assert least_interval_s(witnesses) == 0
    intervals = Intervals()
    for now in (0.0, 0.0, 0.15, 0.15):
        assert intervals.due(XB, now, 0)
        intervals.asked(XB, now)


@pytest.mark.parametrize(("witnesses", "seconds"), [(13, 0.025), (52, 1.0), (199, 4.675)])
def test_the_interval_grows_with_the_witnesses(witnesses: int, seconds: float) -> None:
    assert least_interval_s(witnesses) == pytest.approx(seconds)


def test_the_shortest_limit_of_a_treaty_stays_far_above_the_interval() -> None:
    shortest = parse_duration("PT1M").total_seconds()
    assert least_interval_s(199) < shortest / 10
    assert least_interval_s(1_000) < shortest / 2
    with pytest.raises(DurationError):
        parse_duration("PT59S")


def test_one_asked_late_is_asked_with_all_others_from_the_next_interval_on() -> None:
    intervals = Intervals()
    intervals.asked(XB, 20.0)
    intervals.asked(XC, 23.9)
    assert [intervals.due(each, 23.95, 4.0) for each in (XB, XC)] == [False, False]
    assert [intervals.due(each, 24.0, 4.0) for each in (XB, XC)] == [True, True]


@dataclass
class World:
    """What a schedule sees of a node whose log grows with every step, and whom it asks."""

    count: int
    size: int = 0
    asked: list[tuple[MemberId, int]] = field(default_factory=list)
    cosigned: dict[MemberId, SimpleNamespace] = field(default_factory=dict)

    @property
    def members(self) -> tuple[MemberId, ...]:
        return tuple(MemberId(f"M{chr(65 + n // 26)}{chr(65 + n % 26)}") for n in range(self.count))

    @contextmanager
    def read(self) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(witness=SimpleNamespace(witnesses=lambda: dict(self.cosigned)))

    def head(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(head=SimpleNamespace(size=self.size))

    def ask(self, *given: object, published: SimpleNamespace) -> Asked:
        member = given[-1]
        assert isinstance(member, str)
        self.asked.append((MemberId(member), published.head.size))
        self.cosigned[MemberId(member)] = SimpleNamespace(size=published.head.size)
        return Asked(member=MemberId(member), size=published.head.size)


class AtOnce(Executor):
    """Runs what it is given on the spot."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.fixture(name="made")
def _made(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], tuple[World, WitnessSchedule]]:
    def made(count: int) -> tuple[World, WitnessSchedule]:
        world = World(count)
        monkeypatch.setattr(witness_schedule, "witnesses_to_ask", lambda *_: world.members)
        monkeypatch.setattr(witness_schedule, "published_head", world.head)
        monkeypatch.setattr(witness_schedule, "ask", world.ask)
        monkeypatch.setattr(witness_schedule, "keep_answers", lambda *_: None)
        unused: Any = None
        node: Any = SimpleNamespace(database=world)
        schedule = WitnessSchedule(node, unused, unused, show=bool, pool=AtOnce())
        return world, schedule

    return made


Made = Callable[[int], tuple[World, WitnessSchedule]]


@pytest.mark.parametrize("count", [1, 5, 12])
def test_a_small_bloc_sees_every_head_at_every_instant(made: Made, count: int) -> None:
    world, schedule = made(count)
    for step in range(40):
        world.size += 1
        schedule.step(step * 0.15)
    assert len(world.asked) == 40 * count


@pytest.mark.parametrize(
    ("count", "a_second"), [(13, 87), (18, 120), (24, 80), (48, 54), (100, 46), (199, 43)]
)
def test_a_log_that_always_grows_asks_so_many_a_second_and_no_more(
    made: Made, count: int, a_second: int
) -> None:
    world, schedule = made(count)
    seconds = 120
    steps = int(seconds / 0.15)
    for step in range(steps):
        world.size += 1
        schedule.step(1_000 + step * 0.15)
    assert len(world.asked) <= a_second * seconds + 2 * count, "one interval begun on each side"
    assert len(world.asked) >= 0.7 * a_second * seconds, "the bound is no excuse to ask less"
    heads = Counter(size for _, size in world.asked)
    assert set(heads.values()) == {count}, "all cosign the same heads"


def test_what_was_held_back_is_asked_about_although_nothing_more_is_published(made: Made) -> None:
    world, schedule = made(199)
    world.size = 1
    schedule.step(100.0)
    world.size = 2
    schedule.step(100.1)
    assert {size for _, size in world.asked} == {1}
    for step in range(1, 33):
        schedule.step(100.1 + step * 0.15)
    assert Counter(size for _, size in world.asked) == {1: 199, 2: 199}
