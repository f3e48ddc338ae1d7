"""Requests that wait for something to arrive: ``Prefer: wait=N`` on a page of a lane.

An empty page is held back until the member's lanes have something it does not have, for at most the
seconds it asks for and :data:`MAX_WAIT_S`. No thread is held meanwhile: one task looks into the
store every :data:`POLL_S` while anybody waits, once for all, and so sees what any process of this
node committed. Whoever waits learns by that when its own lanes grew, which it may know
(:mod:`foedus.cli.cadence`), and of nobody else's: only its own count ends its wait.

A wait ends early, with the empty page, when the node stops and when a later request of the member
takes its place; and with whatever the request deserves by then, when the key that signed it is no
longer one of the member's. So many wait at once and no more: others are answered at once, as a
server that does not know the preference answers (RFC 7240 §2), without ``Preference-Applied``.

Spec: RFC 7240 §4.3.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.to_thread

from foedus.errors import FoedusError
from foedus.model.identifiers import MemberId
from foedus.node.ports import Database, Transaction

__all__ = [
    "MAX_WAITING",
    "MAX_WAITING_OF_ONE",
    "MAX_WAIT_S",
    "POLL_S",
    "LaneWait",
    "WaitingRoom",
    "seconds_preferred",
]

MAX_WAIT_S: Final = 25
"""Longest wait, in seconds: less than a client's patience with silence."""

POLL_S: Final = 0.05
"""Time between two looks into the store while anybody waits, in seconds."""

MAX_WAITING: Final = 256
"""Requests that wait at a time, in all."""

MAX_WAITING_OF_ONE: Final = 2
"""Requests of one member that wait at a time; a further one ends the oldest."""

_RECHECK_S: Final = 1.0
"""How often it is asked whether who waits is still let in, in seconds."""

_WAIT: Final = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?([0-9]{1,6})"?\s*(?:$|[,;])', re.ASCII | re.I)


def seconds_preferred(header: str | None) -> int:
    """Return the seconds of a ``Prefer`` header, at most :data:`MAX_WAIT_S`; 0 for none."""
    found = _WAIT.search(header or "")
    return min(int(found[1]), MAX_WAIT_S) if found else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneWait:
    """What one request waits for.

    Attributes:
        member: Who asks.
        rows: Rows of all lanes to it as of its empty page.
        seconds: How long at most.
        admitted: Says within a transaction whether it is still let in.
    """

    member: MemberId
    rows: int
    seconds: int
    admitted: Callable[[Transaction], bool]


@dataclass(slots=True, kw_only=True, eq=False)
class _Seat:
    wait: LaneWait
    over: asyncio.Event = field(default_factory=asyncio.Event)


class WaitingRoom:
    """Where the requests of one server wait; used from its event loop, closed from any thread."""

    def __init__(
        self, database: Database, *, most: int = MAX_WAITING, most_of_one: int = MAX_WAITING_OF_ONE
    ) -> None:
        """Prepare; nothing runs until somebody waits.

        Args:
            database: Looked into while anybody waits.
            most: How many wait at once.
            most_of_one: How many of one member.
        """
        self._database = database
        self._most = most
        self._most_of_one = most_of_one
        self._seats: list[_Seat] = []
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limiter: anyio.CapacityLimiter | None = None
        self._poked: asyncio.Event | None = None

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._seats)

    async def wait(self, wait: LaneWait) -> bool:
        """Return once the wait is over.

        Returns:
            Whether it waited at all; False where there is no room or the server ends.
        """
        if self._closed or wait.seconds <= 0:
            return False
        same = [each for each in self._seats if each.wait.member == wait.member]
        if len(same) >= self._most_of_one:
            same[0].over.set()
            self._seats.remove(same[0])
        elif len(self._seats) >= self._most:
            return False
        seat = _Seat(wait=wait)
        self._seats.append(seat)
        self._begin()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait.seconds):
                    await seat.over.wait()
        finally:
            if seat in self._seats:
                self._seats.remove(seat)
        return True

    def close(self) -> None:
        """End every wait and admit no more. From any thread; safe to repeat."""
        self._closed = True
        self._in_loop(self._end_all)

    def _in_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and every wait with it
                self._loop.call_soon_threadsafe(call)

    def _poke(self) -> None:
        if self._poked is not None:
            self._poked.set()

    def _end_all(self) -> None:
        for seat in self._seats:
            seat.over.set()
        self._poke()

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._loop = asyncio.get_running_loop()
            self._limiter = anyio.CapacityLimiter(1)
            self._poked = asyncio.Event()
            self._task = self._loop.create_task(self._look_on(self._poked))

    async def _look_on(self, poked: asyncio.Event) -> None:
        """Look into the store while anybody waits."""
        rechecked = anyio.current_time()
        while self._seats and not self._closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await poked.wait()
            poked.clear()
            now = anyio.current_time()
            recheck = now - rechecked >= _RECHECK_S
            rechecked = now if recheck else rechecked
            seats = list(self._seats)
            waits = [each.wait for each in seats]
            over = await anyio.to_thread.run_sync(self._over, waits, recheck, limiter=self._limiter)
            for seat, ended in zip(seats, over, strict=True):
                if ended:
                    seat.over.set()

    def _over(self, waits: Sequence[LaneWait], recheck: bool) -> Sequence[bool]:  # noqa: FBT001
        """Say of each wait whether it is over; runs in a worker thread."""
        try:
            with self._database.read() as tx:
                rows = tx.feeds.lengths()
                return [_ended(tx, each, rows, recheck=recheck) for each in waits]
        except FoedusError:
            return [False] * len(waits)  # looked at again; each ends with its time at the latest


def _ended(tx: Transaction, wait: LaneWait, rows: Mapping[MemberId, int], *, recheck: bool) -> bool:
    return rows.get(wait.member, 0) != wait.rows or (recheck and not wait.admitted(tx))
