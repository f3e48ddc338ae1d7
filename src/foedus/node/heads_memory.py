"""What was worked out of log heads and need not be again while nothing about them has changed.

It is forgotten when the process ends, which only repeats a look.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

__all__ = ["HeadsMark", "HeadsMemory"]

MAX_REMEMBERED: Final = 4_096
"""Pairs of heads remembered; the oldest are forgotten."""

HeadsMark = tuple[int, int, int, int]
"""Changes whenever the heads or forks known could; see ``WitnessStore.mark``."""

_Head = tuple[bytes, ...]


class HeadsMemory:
    """Safe for several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._digest: tuple[HeadsMark, str] | None = None
        self._contained: OrderedDict[tuple[_Head, _Head], None] = OrderedDict()

    def digest(self, mark: HeadsMark, work_out: Callable[[], str]) -> str:
        """Return the digest of what is known at a mark, worked out once for each."""
        with self._lock:
            if self._digest is None or self._digest[0] != mark:
                self._digest = mark, work_out()
            return self._digest[1]

    def contains(self, newer: _Head, older: _Head) -> bool:
        """Whether tiles once showed that one head's history holds the other's."""
        with self._lock:
            return (newer, older) in self._contained

    def shown(self, newer: _Head, older: _Head) -> None:
        """Note that tiles showed it."""
        with self._lock:
            self._contained[newer, older] = None
            while len(self._contained) > MAX_REMEMBERED:
                self._contained.popitem(last=False)
