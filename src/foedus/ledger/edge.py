"""The right edge of a tiled tree: the partial tile of each level, which is all that still changes.

Appending a bundle of leaves completes at most one tile a level. Publishing writes what gets
completed; an audit compares it with what was published. Neither holds more than 255 hashes a
level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from foedus.ledger.errors import TreeError
from foedus.ledger.tiles import TILE_HEIGHT, TILE_WIDTH, TileSource, read_tile, split_hashes
from foedus.ledger.tree import EMPTY_ROOT, root_of_hashes

__all__ = ["RightEdge", "Tile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A tile of hashes with its place.

    Attributes:
        level: 0 for leaf hashes.
        index: Place within the level.
        hashes: 1 to 256 hashes of 32 bytes.
    """

    level: int
    index: int
    hashes: Sequence[bytes]

    @property
    def width(self) -> int:
        """Number of hashes."""
        return len(self.hashes)


class RightEdge:
    """The partial tiles of a tree of some size."""

    __slots__ = ("_levels", "size")

    size: int

    def __init__(self) -> None:
        """Start with the empty tree."""
        self.size = 0
        self._levels: list[list[bytes]] = []

    @classmethod
    def from_tiles(cls, source: TileSource, size: int) -> RightEdge:
        """Read the edge of a published tree: one tile a level.

        Args:
            source: Untrusted; compare ``root`` with a head before going on.
            size: The tree's size.

        Raises:
            TileError: A tile is absent or malformed.
        """
        edge = cls()
        edge.size = size
        level, count = 0, size
        while count:
            index, width = divmod(count, TILE_WIDTH)
            tile = read_tile(source, level=level, index=index, size=size) if width else b""
            edge._levels.append(split_hashes(tile))
            level, count = level + 1, index
        return edge

    @property
    def root(self) -> bytes:
        """Root of the whole tree, 32 bytes."""
        # What a level holds past its last full tile, with the incomplete subtree below it, makes
        # the incomplete subtree of the level above.
        below: list[bytes] = []
        for hashes in self._levels:
            part = [*hashes, *below]
            below = [root_of_hashes(part)] if part else []
        return below[0] if below else EMPTY_ROOT

    def room(self) -> int:
        """Return how many leaves the current bundle still takes: 1 to 256."""
        return TILE_WIDTH - self.size % TILE_WIDTH

    def add(self, leaves: Sequence[bytes]) -> list[Tile]:
        """Append leaves.

        Args:
            leaves: Leaf hashes of 32 bytes; at most as many as there is ``room`` for.

        Returns:
            The tiles this completes, from level 0 upwards.

        Raises:
            TreeError: More leaves than there is room for.
        """
        if len(leaves) > self.room():
            raise TreeError("leaves are added bundle by bundle")
        if not leaves:
            return []
        self.size += len(leaves)
        completed: list[Tile] = []
        level, arriving = 0, leaves
        while True:
            if level == len(self._levels):
                self._levels.append([])
            hashes = self._levels[level]
            hashes.extend(arriving)
            if len(hashes) < TILE_WIDTH:
                return completed
            index = (self.size >> TILE_HEIGHT * (level + 1)) - 1
            completed.append(Tile(level=level, index=index, hashes=hashes))
            self._levels[level] = []
            level, arriving = level + 1, [root_of_hashes(hashes)]

    def partials(self) -> Iterator[Tile]:
        """Yield the partial tiles, from level 0 upwards; none is empty."""
        for level, hashes in enumerate(self._levels):
            if hashes:
                index = self.size >> TILE_HEIGHT * (level + 1)
                yield Tile(level=level, index=index, hashes=tuple(hashes))
