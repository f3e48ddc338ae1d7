"""When each witness is asked again: as soon as there is something new, unless it failed of late.

With many witnesses each is asked at most once in an interval that grows with their number
(:func:`least_interval_s`). A node publishes whenever it receives, so without it the askings would
grow with the witnesses and with how often each is asked: with members squared. What is held back is
asked about the newest head when the next interval begins, with the same one for all, so that a
quorum stands beneath one head. Nobody waits for it: orders, receipts and disclosures go on, and the
shortest limit a treaty can set for entries that go unwitnessed is a minute.

A witness that fails is left alone for a while that doubles with every failure. One that hangs
occupies its own place only: while it is asked it is not asked again, and nobody waits for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from typing import Final, Protocol

from foedus.ledger.errors import LedgerError
from foedus.ledger.tiles import TileSource
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.peer_ports import WitnessClient
from foedus.node.witness_round import (
    Asked,
    PublishedHead,
    ask,
    keep_answers,
    published_head,
    witnesses_to_ask,
)

__all__ = [
    "FIRST_PAUSE_S",
    "FREE_WITNESSES",
    "INTERVAL_A_WITNESS_S",
    "LONGEST_PAUSE_S",
    "ROUND_S",
    "BackOff",
    "Intervals",
    "WitnessSchedule",
    "least_interval_s",
]

FIRST_PAUSE_S: Final = 1.0
"""How long a witness is left alone after its first failure, in seconds."""

LONGEST_PAUSE_S: Final = 120.0
"""The longest it is left alone, in seconds."""

ROUND_S: Final = 0.5
"""How long the witnesses asked together are waited for before their answers are kept."""

FREE_WITNESSES: Final = 12
"""So many witnesses are asked in every round; each of more waits for its interval."""

INTERVAL_A_WITNESS_S: Final = 0.025
"""What each further witness adds to the interval in which all are asked once, in seconds."""


def least_interval_s(witnesses: int) -> float:
    """Return in what time each of so many witnesses is asked at most once, in seconds; 0 for any.

    With heads at most every 0.15 s that makes at most 120 askings a second (18 witnesses), and
    fewer with more: 43 with 200, never fewer than 40, so that the interval is no longer than that
    bound needs. A minute, the shortest limit of a treaty, would be reached with 2 412 witnesses.
    """
    return max(0, witnesses - FREE_WITNESSES) * INTERVAL_A_WITNESS_S


class _Shows(Protocol):
    def __call__(self, note: bytes, /) -> object: ...


@dataclass(slots=True)
class BackOff:
    """Who is left alone until when; instants are seconds of a clock that never goes back."""

    _failures: dict[MemberId, int] = field(default_factory=dict)
    _until: dict[MemberId, float] = field(default_factory=dict)

    def due(self, member: MemberId, now: float) -> bool:
        """Say whether a member may be asked."""
        return now >= self._until.get(member, now)

    def failed(self, member: MemberId, now: float) -> None:
        """Note a failure."""
        count = self._failures[member] = self._failures.get(member, 0) + 1
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(count - 1, 16))
        self._until[member] = now + pause

    def answered(self, member: MemberId) -> None:
        """Forget the failures of a member."""
        self._failures.pop(member, None)
        self._until.pop(member, None)


@dataclass(slots=True)
class Intervals:
    """Who was asked in which interval. They begin at the same instants for all."""

    _asked: dict[MemberId, float] = field(default_factory=dict)

    def due(self, member: MemberId, now: float, interval_s: float) -> bool:
        """Say whether a member was not asked yet in the present interval; 0 for no bound."""
        if interval_s == 0 or member not in self._asked:
            return True
        return math.floor(self._asked[member] / interval_s) < math.floor(now / interval_s)

    def asked(self, member: MemberId, now: float) -> None:
        """Note that a member is asked now."""
        self._asked[member] = now


class WitnessSchedule:
    """Asks every witness that is due about the newest head. Used by one thread."""

    def __init__(
        self,
        node: Node,
        client: WitnessClient,
        ledger: TileSource,
        *,
        show: _Shows,
        pool: Executor,
    ) -> None:
        """Prepare.

        Args:
            node: The node.
            client: Speaks to peers, from several threads.
            ledger: Our published log.
            show: Puts a head with its lines where the published one is, if it is the same.
            pool: Runs the asking; bounded.
        """
        self._node = node
        self._client = client
        self._ledger = ledger
        self._show = show
        self._pool = pool
        self._back_off = BackOff()
        self._intervals = Intervals()
        self._asking: dict[Future[Asked], MemberId] = {}

    def step(self, now: float) -> Sequence[Asked]:
        """Ask who is due, wait a little, keep what came; returns it.

        Args:
            now: Seconds of a clock that never goes back.

        Raises:
            FoedusError: Storage failed; the next step asks again.
        """
        published = self._published()
        fresh = {
            self._pool.submit(
                ask, self._node, self._client, self._ledger, member, published=published
            ): member
            for member in self._due(published, now)
        }
        self._asking.update(fresh)
        for member in fresh.values():
            self._intervals.asked(member, now)
        wait(fresh, timeout=ROUND_S)
        done = [future for future in self._asking if future.done()]
        answers = [self._settled(future, now) for future in done]
        note = keep_answers(self._node, answers)
        if note is not None:
            self._show(note)
        return answers

    def _settled(self, future: Future[Asked], now: float) -> Asked:
        member = self._asking.pop(future)
        answer = future.result()
        if answer.problem:
            self._back_off.failed(member, now)
        else:
            self._back_off.answered(member)
        return answer

    def _published(self) -> PublishedHead | None:
        try:
            return published_head(self._node, self._ledger)
        except LedgerError:
            return None  # the publisher says what is wrong with it

    def _due(self, published: PublishedHead | None, now: float) -> list[MemberId]:
        if published is None:
            return []
        with self._node.database.read() as tx:
            witnesses = witnesses_to_ask(tx, self._node)
            sizes: Mapping[MemberId, int] = {
                member: row.size for member, row in tx.witness.witnesses().items()
            }
        busy = set(self._asking.values())
        interval_s = least_interval_s(len(witnesses))
        return [
            member
            for member in witnesses
            if member not in busy
            and sizes.get(member, 0) < published.head.size
            and self._back_off.due(member, now)
            and self._intervals.due(member, now, interval_s)
        ]
