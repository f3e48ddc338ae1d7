"""A log as a set of small immutable files: tiles of 256 hashes and bundles of 256 entries.

Level 0 tiles hold leaf hashes; a tile above holds the roots of full tiles below. Rightmost tiles
are partial and their path says how wide they are, so no path ever changes its content. Whoever
reads tiles trusts none of them: every proof made here is checked against a signed root by its
verifier.

Spec: C2SP tlog-tiles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from foedus.ledger.consistency import ConsistencyProof, consistency_proof
from foedus.ledger.errors import TileAbsentError, TileError, TreeError
from foedus.ledger.inclusion import InclusionProof, inclusion_proof
from foedus.ledger.tree import HASH_BYTES, MAX_SIZE, StoredTree, range_root

__all__ = [
    "CHECKPOINT_PATH",
    "MAX_BUNDLE_BYTES",
    "MAX_ENTRY_BYTES",
    "TILE_HEIGHT",
    "TILE_WIDTH",
    "TileAddress",
    "TileSink",
    "TileSource",
    "TileTree",
    "consistency_from_tiles",
    "entries_path",
    "format_bundle",
    "inclusion_from_tiles",
    "parse_bundle",
    "parse_tile_path",
    "read_entries",
    "read_tile",
    "root_from_tiles",
    "split_hashes",
    "tile_path",
]

CHECKPOINT_PATH: Final = "checkpoint"
"""Where the signed tree head is kept, beside the tiles; the only path whose content changes."""

TILE_HEIGHT: Final = 8
"""Levels of the tree a tile spans."""

TILE_WIDTH: Final = 1 << TILE_HEIGHT
"""Hashes in a full tile, entries in a full bundle."""

MAX_LEVEL: Final = 63
"""Highest level a path may name."""

MAX_ENTRY_BYTES: Final = 0xFFFF
"""Longest entry; its length travels in two bytes."""

MAX_BUNDLE_BYTES: Final = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
"""Longest entry bundle."""

MAX_TILES_KEPT: Final = 512
"""Most tiles above the leaves that a :class:`TileTree` keeps: 34 million leaves' worth, 20 MB."""

_LEAF_TILES_KEPT: Final = 16
_LENGTH_BYTES: Final = 2
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)
_MAX_PATH_CHARACTERS: Final = 64


class TileSource(Protocol):
    """Reads what a log published. Nothing it returns is trusted."""

    def read(self, path: str) -> bytes:
        """Return the whole content under a path such as ``checkpoint`` or ``tile/0/x001/234``.

        Raises:
            TileAbsentError: There is nothing under this path.
            TileError: It could not be read, or is longer than any tile may be.
        """
        ...


class TileSink(Protocol):
    """Stores what a log publishes.

    Promises:
        Atomicity: a reader finds under a path the old content, the new, or nothing; never a part.
        Durability: when ``flush`` returns, everything written before survives loss of power. Before
        that, any of it may be lost, in any order.
        Idempotence: writing the same again changes nothing; writing something else replaces it.
    """

    def write(self, path: str, data: bytes) -> None:
        """Store content under a path.

        Raises:
            TileError: It was not stored, or it is not known whether it was.
        """
        ...

    def flush(self) -> None:
        """Return when everything written so far is durable.

        Raises:
            TileError: It is not known to be.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TileAddress:
    """What a path names.

    Attributes:
        level: Level of a tile, 0 to 63; None for an entry bundle.
        index: Place of the tile or bundle within its level.
        width: 1 to 255 for a partial one, 256 for a full one.
    """

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The path, relative to the log's prefix.

        Raises:
            TileError: A part is out of bounds.

        Spec: C2SP tlog-tiles, "Merkle Tree" and "Log entries".
        """
        if self.level is not None and not 0 <= self.level <= MAX_LEVEL:
            raise TileError(f"a tile level lies between 0 and {MAX_LEVEL}")
        if not (0 <= self.index <= MAX_SIZE and 1 <= self.width <= TILE_WIDTH):
            raise TileError(f"no tile {self.index} of width {self.width}")
        digits = f"{self.index:d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        place = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{place}{partial}"


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile, for example ``tile/0/x001/234.p/56``.

    Raises:
        TileError: A part is out of bounds.
    """
    return TileAddress(level=level, index=index, width=width).path


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of an entry bundle, for example ``tile/entries/x001/234.p/56``.

    Raises:
        TileError: A part is out of bounds.
    """
    return TileAddress(level=None, index=index, width=width).path


def parse_tile_path(path: str) -> TileAddress:
    """Read a path back; every address has exactly one.

    Args:
        path: Untrusted, for example from a request.

    Raises:
        TileError: It names no tile and no bundle.
    """
    match = _PATH.fullmatch(path) if len(path) <= _MAX_PATH_CHARACTERS else None
    if match is None:
        raise TileError("not the path of a tile or bundle")
    address = TileAddress(
        level=None if match["level"] == "entries" else int(match["level"]),
        index=int(match["index"].replace("x", "").replace("/", "")),
        width=int(match["width"] or TILE_WIDTH),
    )
    if address.path != path:
        raise TileError("not the path of a tile or bundle in its one form")
    return address


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the bundle of up to 256 entries: each after its length in two bytes, big-endian.

    Raises:
        TileError: Too many entries, or one is too long.

    Spec: C2SP tlog-tiles, "Log entries".
    """
    if len(entries) > TILE_WIDTH:
        raise TileError(f"a bundle has at most {TILE_WIDTH} entries")
    try:
        return b"".join(
            [part for one in entries for part in (len(one).to_bytes(_LENGTH_BYTES, "big"), one)]
        )
    except OverflowError as error:
        raise TileError(f"an entry has at most {MAX_ENTRY_BYTES} bytes") from error


def parse_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle, in order.

    Args:
        data: Untrusted.

    Raises:
        TileError: It ends within an entry, or has more than 256.
    """
    stride = _LENGTH_BYTES + HASH_BYTES
    count, rest = divmod(len(data), stride)
    # Foedus entries are all 32 bytes long; reading such a bundle column by column is far faster.
    if (
        not rest
        and data[::stride] == b"\x00" * count
        and data[1::stride] == bytes((HASH_BYTES,)) * count
    ):
        entries = [data[at : at + HASH_BYTES] for at in range(_LENGTH_BYTES, len(data), stride)]
    else:
        entries = _parse_any_bundle(data)
    if len(entries) > TILE_WIDTH:
        raise TileError(f"a bundle has at most {TILE_WIDTH} entries")
    return entries


def split_hashes(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile, in order.

    Args:
        tile: A multiple of 32 bytes.
    """
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def read_tile(source: TileSource, *, level: int, index: int, size: int) -> bytes:
    """Return the hashes a tile has in a tree of a size.

    Args:
        source: Untrusted.
        level: Level of the tile.
        index: Its place; the tree has at least one hash there.
        size: Leaves of a tree whose head was verified; no other partial tile may be asked for.

    Returns:
        1 to 256 hashes of 32 bytes, joined.

    Raises:
        TileAbsentError: Neither this tile nor the full one is there.
        TileError: It has another length, or the tree has no such tile.

    Spec: C2SP tlog-tiles, "Partial Tiles".
    """
    width = _width(size >> TILE_HEIGHT * level, index)
    found, data = _read_widest(source, TileAddress(level=level, index=index, width=width))
    if len(data) != found.width * HASH_BYTES:
        raise TileError(f"{found.path} has {len(data)} bytes instead of {found.width * HASH_BYTES}")
    return data[: width * HASH_BYTES]


def read_entries(source: TileSource, *, index: int, size: int) -> list[bytes]:
    """Return the entries a bundle has in a tree of a size.

    Args:
        source: Untrusted.
        index: Place of the bundle; the tree has at least one entry there.
        size: Leaves of a tree whose head was verified.

    Raises:
        TileAbsentError: Neither this bundle nor the full one is there.
        TileError: It is malformed or has another number of entries.
    """
    width = _width(size, index)
    found, data = _read_widest(source, TileAddress(level=None, index=index, width=width))
    try:
        entries = parse_bundle(data)
    except TileError as error:
        raise TileError(f"{found.path}: {error}") from error
    if len(entries) != found.width:
        raise TileError(f"{found.path} has {len(entries)} entries instead of {found.width}")
    return entries[:width]


class TileTree:
    """Reads complete subtrees of one tree out of its tiles.

    A tile is read once and its subtrees are hashed once, as far up as they are asked for; so many
    proofs of one tree are cut fastest from one of these. At most :data:`MAX_TILES_KEPT` tiles are
    kept, of those at the leaves, which proofs seldom share, a few.
    """

    __slots__ = ("_leaves", "_size", "_source", "_upper")

    def __init__(self, source: TileSource, size: int) -> None:
        """Read from a source.

        Args:
            source: Untrusted.
            size: Leaves of a tree whose head was verified.
        """
        self._source = source
        self._size = size
        self._leaves: dict[tuple[int, int], StoredTree] = {}
        self._upper: dict[tuple[int, int], StoredTree] = {}

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of the ``index``-th complete subtree of ``2 ** height`` leaves.

        Raises:
            TreeError: The tree has no such subtree.
            TileError: A tile is absent or malformed.
        """
        if height < 0 or index < 0 or (index + 1) << height > self._size:
            raise TreeError(f"no complete subtree {index} of height {height}")
        level, spare = divmod(height, TILE_HEIGHT)
        tile_index, offset = divmod(index << spare, TILE_WIDTH)
        kept, most = (self._upper, MAX_TILES_KEPT) if level else (self._leaves, _LEAF_TILES_KEPT)
        tile = kept.get((level, tile_index))
        if tile is None:
            hashes = read_tile(self._source, level=level, index=tile_index, size=self._size)
            tile = StoredTree(split_hashes(hashes))
            while len(kept) >= most:
                del kept[next(iter(kept))]  # the one kept longest
            kept[level, tile_index] = tile
        return tile.node(spare, offset >> spare)


def inclusion_from_tiles(source: TileSource, index: int, size: int) -> InclusionProof:
    """Cut the proof for one entry out of tiles.

    Args:
        source: Untrusted; what it returns makes at worst a proof that does not verify.
        index: The entry.
        size: The tree the proof is for, from a verified checkpoint.

    Raises:
        TreeError: There is no such entry.
        TileError: A tile is absent or malformed.
    """
    return inclusion_proof(TileTree(source, size), index=index, size=size)


def consistency_from_tiles(source: TileSource, old: int, new: int) -> ConsistencyProof:
    """Cut the proof between two sizes out of tiles.

    Args:
        source: Untrusted; what it returns makes at worst a proof that does not verify.
        old: The earlier size.
        new: The later size, from a verified checkpoint.

    Raises:
        TreeError: The earlier size is larger than the later.
        TileError: A tile is absent or malformed.
    """
    return consistency_proof(TileTree(source, new), old_size=old, new_size=new)


def root_from_tiles(source: TileSource, size: int) -> bytes:
    """Return the root the tiles lead to; it proves nothing until compared with a signed one.

    Raises:
        TileError: A tile is absent or malformed.
    """
    return range_root(TileTree(source, size), 0, size)


def _read_widest(source: TileSource, wanted: TileAddress) -> tuple[TileAddress, bytes]:
    """Return a tile or bundle, or the full one if it is partial and gone."""
    try:
        return wanted, source.read(wanted.path)
    except TileAbsentError as absent:
        full = TileAddress(level=wanted.level, index=wanted.index)
        if wanted == full:
            raise
        try:
            return full, source.read(full.path)
        except TileAbsentError:
            raise absent from None


def _width(count: int, index: int) -> int:
    """Return how much of the ``index``-th tile a level of ``count`` hashes fills."""
    width = min(count - index * TILE_WIDTH, TILE_WIDTH)
    if width < 1 or index < 0:
        raise TileError(f"a level of {count} has no tile {index}")
    return width


def _parse_any_bundle(data: bytes) -> list[bytes]:
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise TileError("a bundle ends within an entry")
        entries.append(data[start:at])
        if len(entries) > TILE_WIDTH:
            break
    return entries
