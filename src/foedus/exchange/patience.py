"""How long a peer may keep this node waiting in all, for one piece of work.

One answer ends at its deadline (:mod:`foedus.connecting.deadlines`). An :class:`Allowance` adds up
what the answers of one piece of work took. Only waiting is counted: what this node does with an
answer takes nothing from the peer.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from foedus.model.identifiers import MemberId
from foedus.node.peer_ports import PeerError

__all__ = ["OTHERS_IN_ALL_S", "OTHER_S", "Allowance"]

OTHER_S: Final = 5.0
"""Longest wait for a member that is asked on the way, while working with another, in seconds."""

OTHERS_IN_ALL_S: Final = 20.0
"""Longest wait for all of these members together, in seconds."""


class Allowance:
    """What one piece of work with a peer may still wait for answers; for one thread."""

    __slots__ = ("_member", "_seconds", "_spent")

    def __init__(self, member: MemberId, seconds: float) -> None:
        """Allow a time.

        Args:
            member: Whom the work is with.
            seconds: How long it may keep us waiting in all. Others that are asked on the way have
                :data:`OTHER_S` each and :data:`OTHERS_IN_ALL_S` together, so that a member that
                hangs costs those it is no part of little.
        """
        self._member = member
        self._seconds = seconds
        self._spent: defaultdict[MemberId, float] = defaultdict(float)

    @contextmanager
    def asking(self, member: MemberId) -> Iterator[float]:
        """Count the time of one answer; yields how long it may take.

        Raises:
            PeerError: The member has no time left.
        """
        left = self._left(member)
        if left <= 0:
            raise PeerError(f"{member} took longer to answer than is allowed for this")
        begun = time.monotonic()
        try:
            yield left
        finally:
            self._spent[member] += time.monotonic() - begun

    def _left(self, member: MemberId) -> float:
        if member == self._member:
            return self._seconds - self._spent[member]
        others = sum(each for name, each in self._spent.items() if name != self._member)
        return min(OTHER_S - self._spent[member], OTHERS_IN_ALL_S - others)
