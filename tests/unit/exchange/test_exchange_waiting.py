"""The room where requests wait: who waits, for how long, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from foedus.exchange.server.waiting import (
    MAX_WAIT_S,
    LaneWait,
    WaitingRoom,
    seconds_preferred,
)
from foedus.model.identifiers import MemberId
from foedus.node.ports import Database, Transaction

XA, XB = MemberId("XA"), MemberId("XB")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("wait=10", 10),
        ("respond-async, wait=3", 3),
        ('wait="7"', 7),
        ("Wait = 5", 5),
        ("wait=99999", MAX_WAIT_S),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("wait=12345678", 0),
        ("await=9", 0),
    ],
)
def test_what_a_client_prefers(header: str | None, seconds: int) -> None:
    assert seconds_preferred(header) == seconds


@dataclass
class Rows:
    """A store of which only the lengths of lanes are read."""

    rows: dict[MemberId, int] = field(default_factory=dict)
    reads: int = 0

    @property
    def feeds(self) -> Rows:
        return self

    def lengths(self) -> Mapping[MemberId, int]:
        self.reads += 1
        return dict(self.rows)

    @contextmanager
    def read(self) -> Iterator[Rows]:
        yield self


def _room(rows: Rows, **limits: int) -> WaitingRoom:
    return WaitingRoom(cast("Database", rows), **limits)


def _wait(
    member: MemberId, *, seconds: int = 20, admitted: Callable[[Transaction], bool] | None = None
) -> LaneWait:
    return LaneWait(member=member, rows=0, seconds=seconds, admitted=admitted or (lambda _tx: True))


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  it may be anything
            await asyncio.sleep(0.005)


def test_a_wait_ends_when_the_members_own_lanes_grow_and_not_for_anothers() -> None:
    rows = Rows()

    async def play() -> None:
        room = _room(rows)
        one = asyncio.create_task(room.wait(_wait(XA)))
        other = asyncio.create_task(room.wait(_wait(XB)))
        await _until(lambda: room.waiting == 2 and rows.reads > 0)
        rows.rows[XA] = 2
        assert await asyncio.wait_for(one, 10)
        seen = rows.reads
        await _until(lambda: rows.reads > seen + 1)
        assert not other.done()
        room.close()
        assert await asyncio.wait_for(other, 10)

    asyncio.run(play())


def test_nothing_is_looked_at_while_nobody_waits() -> None:
    rows = Rows()

    async def play() -> None:
        room = _room(rows)
        task = asyncio.create_task(room.wait(_wait(XA)))
        await _until(lambda: rows.reads > 0)
        rows.rows[XA] = 1
        await task
        await asyncio.sleep(0.15)
        seen = rows.reads
        await asyncio.sleep(0.2)
        assert rows.reads == seen

    asyncio.run(play())


def test_the_time_ends_a_wait() -> None:
    async def play() -> bool:
        return await _room(Rows()).wait(_wait(XA, seconds=1))

    assert asyncio.run(play())


def test_whose_key_ends_waits_no_longer() -> None:
    speaks = [True]

    async def play() -> None:
        room = _room(Rows())
        task = asyncio.create_task(room.wait(_wait(XA, admitted=lambda _tx: speaks[0])))
        await _until(lambda: room.waiting == 1)
        speaks[0] = False
        assert await asyncio.wait_for(task, 10)

    asyncio.run(play())


def test_there_are_so_many_places_and_no_more() -> None:
    async def play() -> None:
        room = _room(Rows(), most=2, most_of_one=1)
        first = asyncio.create_task(room.wait(_wait(XA)))
        await _until(lambda: room.waiting == 1)
        again = asyncio.create_task(room.wait(_wait(XA)))
        assert await asyncio.wait_for(first, 10), "a later one of the same member takes its place"
        other = asyncio.create_task(room.wait(_wait(XB)))
        await _until(lambda: room.waiting == 2)
        assert not await room.wait(_wait(MemberId("XC"))), "no room: it is answered at once"
        room.close()
        assert await again
        assert await other
        assert not await room.wait(_wait(XA)), "the server ends"

    asyncio.run(play())


def test_who_leaves_gives_its_place_free() -> None:
    async def play() -> None:
        room = _room(Rows())
        task = asyncio.create_task(room.wait(_wait(XA)))
        await _until(lambda: room.waiting == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert room.waiting == 0

    asyncio.run(play())
