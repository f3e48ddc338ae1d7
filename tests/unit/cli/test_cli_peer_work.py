"""Work with many peers of which some hang: nobody waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from foedus.cli.peer_work import PeerWork
from foedus.model.identifiers import MemberId
from foedus.node.peer_ports import PeerError

QUICK = [MemberId(f"Q{letter}") for letter in "ABCDEF"]
HANGING = [MemberId(f"H{letter}") for letter in "ABC"]


class World:
    """Peers that answer at once, and peers that answer when they are let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.begun: list[MemberId] = []
        self.done: list[MemberId] = []

    def work(self, member: MemberId) -> bool:
        self.begun.append(member)
        if member in HANGING:
            self.let.wait(30)
        self.done.append(member)
        return member not in HANGING


def await_true(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not found():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.005)


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    made = World()
    yield made
    made.let.set()


def test_who_hangs_delays_nobody(world: World) -> None:
    peers = PeerWork("test", world.work, at_once=4, late_at_once=1, late_s=0)
    assert peers.offer([*HANGING, *QUICK]) == set()
    await_true(lambda: set(world.done) == set(QUICK))
    assert peers.offer([*HANGING, *QUICK]) == set(HANGING), "one at a time for each peer"
    await_true(lambda: sorted(world.done) == sorted(QUICK * 2))


def test_however_many_hang_they_hold_every_place_but_once(world: World) -> None:
    peers = PeerWork("test", world.work, at_once=2, late_at_once=1, late_s=0)
    peers.offer(HANGING)
    world.let.set()
    peers.join(10)
    world.let.clear()
    world.done.clear()
    world.begun.clear()
    peers.offer(HANGING)
    await_true(lambda: len(world.begun) == 1)
    peers.offer(QUICK)
    await_true(lambda: set(world.done) == set(QUICK))
    assert len([each for each in world.begun if each in HANGING]) == 1


def test_who_answers_again_is_late_no_more() -> None:
    late, held = HANGING[0], threading.Event()
    gives: set[MemberId] = set()

    def work(member: MemberId) -> bool:
        if member == HANGING[1]:
            held.wait(30)
        return member in gives

    peers = PeerWork("test", work, at_once=2, late_at_once=1, late_s=0)
    peers.offer([late])
    peers.join(10)
    gives.add(late)
    peers.offer([late])  # from the place for late ones
    peers.join(10)
    held.set()
    peers.offer([HANGING[1]])
    peers.join(10)
    held.clear()
    peers.offer([HANGING[1]])  # late, and holds the one place there is for such
    for _ in range(3):
        await_true(lambda: late not in peers.offer([late]))
    held.set()
    peers.join(10)


def test_a_failure_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(member: MemberId) -> bool:
        raise PeerError(f"{member} is down")

    peers = PeerWork("test", fail, at_once=1, late_at_once=1)
    for _ in range(2):
        assert peers.offer(QUICK[:2]) == set()
        peers.join(10)
    assert caplog.text.count("code=node.peer QA is down") == 2


def test_nothing_is_begun_once_it_stops(world: World) -> None:
    stopping = threading.Event()
    stopping.set()
    peers = PeerWork("test", world.work, stopping, at_once=1, late_at_once=1)
    peers.offer(QUICK)
    peers.join(10)
    assert world.begun == []
