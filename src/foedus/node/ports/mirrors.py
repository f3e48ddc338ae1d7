"""Copies of other members' logs, as an operation needs them stored."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.tiles import TileSink, TileSource

__all__ = ["Mirror", "Mirrors"]


class Mirror(TileSource, TileSink, Protocol):
    """The copy of one log. Its files are derived here and never taken from a peer as they are.

    Reading answers for every size up to the one reached: where a partial tile of a width was never
    written, a wider one begins with the same hashes.
    """

    def reached(self) -> Checkpoint | None:
        """Return how far the copy goes: a size and root, proved but perhaps never signed.

        None where there is no copy, or what was kept of its state is unusable.
        """
        ...

    def reach(self, state: Checkpoint) -> None:
        """Keep durably how far the copy goes.

        Raises:
            TileError: It is not known to be stored.
        """
        ...

    def drop_partials(self, size: int, *, since: int = 0) -> int:
        """Remove partial files whose full ones are part of a size; see ``TileDirectory``."""
        ...


class Mirrors(Protocol):
    """The copies this node keeps, by origin."""

    def of(self, origin: str) -> Mirror:
        """Return the copy of a log, empty if there is none yet."""
        ...

    def updating(self, origin: str) -> AbstractContextManager[bool]:
        """Take the one right to write a copy; gives False, at once, when another holds it."""
        ...
