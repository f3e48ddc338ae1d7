"""With which peers log heads are compared in a period: a few at a time, everybody in turn.

A node pulls everything from every peer at least once in a period, and a full comparison reads the
heads of every log there: with every peer in every period, a node's work would grow with members
squared. So:

1. Periods are numbered. The peers are shared out over as many of them as it takes for at most
   :data:`COMPARED_A_PERIOD` to have their turn in each: n peers over ceil(n / 8), and then anew.
2. A peer is compared with at the first whole pull since its turn came. One that could not be asked
   then keeps its turn, but never has two.
3. Up to so many peers there is one share: every peer is compared with at every whole pull.
4. Who shares a period with whom is drawn by lot, by each node for itself: were it the same
   everywhere, what only the last of the order know would reach all others last.

So each peer is reached within ceil(n / 8) periods, and whoever lost its own turn at its next whole
pull. Members meanwhile learn what others compared: with 200 of them a head that one was shown has
reached all in three to four periods. Proofs of forks wait for no turn: whoever finds one hands it
to all. Nor does a peer whose own log is at fault (:mod:`foedus.node.pull`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final

from foedus.model.identifiers import MemberId

__all__ = ["COMPARED_A_PERIOD", "HeadTurns", "periods_to_reach_all"]

COMPARED_A_PERIOD: Final = 8
"""Most peers whose turn comes in one period; blocs of nine members are compared as a whole."""


def periods_to_reach_all(peers: int) -> int:
    """Return over how many periods the turns of so many peers are spread; at least one."""
    return max(1, math.ceil(peers / COMPARED_A_PERIOD))


class HeadTurns:
    """The turns of one node's peers. Safe for several threads; forgotten with the process."""

    def __init__(self, period_s: float, *, lot: Callable[[], float]) -> None:
        """Prepare; no peer is known yet.

        Args:
            period_s: Length of a period: seconds between two whole pulls from a peer.
            lot: Returns a number from 0 up to 1, evenly.
        """
        self._period_s = period_s
        self._lot = lot
        self._lock = Lock()
        self._places: dict[MemberId, int] = {}
        self._taken: dict[MemberId, int] = {}

    def add(self, members: Iterable[MemberId], now: float) -> None:
        """Give places to the peers that have none; the others keep theirs.

        Args:
            members: Peers to be pulled from.
            now: Seconds of a clock that never goes back.
        """
        with self._lock:
            fresh = [each for each in members if each not in self._places]
            for member in sorted(fresh, key=lambda _: self._lot()):
                self._places[member] = len(self._places)
                self._taken[member] = self._period(now) - 1

    def take(self, member: MemberId, now: float) -> bool:
        """Say whether heads are to be compared with a peer now, and take its turn if so.

        Args:
            member: A peer with a place.
            now: Seconds of the clock of :meth:`add`.
        """
        with self._lock:
            periods = periods_to_reach_all(len(self._places))
            if periods == 1:
                return True
            present = self._period(now)
            turn = present - (present - self._places[member]) % periods
            if turn <= self._taken[member]:
                return False
            self._taken[member] = present
            return True

    def _period(self, now: float) -> int:
        return int(now // self._period_s)
