"""Reading a published log again, as anyone may: does it say what it signed?

Checks, in order: the checkpoint is signed by the log, and under a policy cosigned by its quorum; it
is not smaller than a head known before; every bundle holds the entries its tile says; every tile
holds the roots of the tiles below; the leaves up to the head known before lead to that head; all of
them lead to the signed root; and where it is known which files there are, every other partial tile
and bundle is the beginning of the one that stands, and no file is of another kind.

A whole audit reads everything. One that starts *at* a head audited before reads only what came
after it: the tiles on the edge of the old tree must lead to the old root, and the rest is read and
checked as above. What it skips is what was found in order then.

What no audit can show is that the log shows everyone the same: that takes witnesses.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from foedus.ledger.checkpoint import Checkpoint, open_head
from foedus.ledger.cosignature import Cosignature, MLDSACosignatureVerifier
from foedus.ledger.edge import RightEdge, Tile
from foedus.ledger.errors import AuditError, CheckpointError, TileAbsentError, TileError
from foedus.ledger.policy import Policy, open_under_policy
from foedus.ledger.tiles import (
    CHECKPOINT_PATH,
    TILE_HEIGHT,
    TILE_WIDTH,
    TileAddress,
    TileSource,
    format_bundle,
    parse_tile_path,
    read_entries,
    read_tile,
    split_hashes,
    tile_path,
)
from foedus.ledger.tree import HASH_BYTES, root_of_hashes
from foedus.signing.note import NoteKey, NoteVerifier, split_note

__all__ = ["AuditResult", "Block", "Spread", "audit", "block_root"]

_begin_leaf = hashlib.sha256(b"\x00").copy

Spread: TypeAlias = Callable[[Callable[["Block"], bytes], Iterable["Block"]], Iterable[bytes]]
"""Applies a function to blocks, in order: ``map``, or one over several processes."""

_BLOCK_TILES: Final = TILE_WIDTH
_BLOCK_LEVEL: Final = 2

_Stale: TypeAlias = dict[tuple[int | None, int], list[int]]
"""Widths of partial files by (level, or None for a bundle; index)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The 65 536 entries under one full tile of level 1, to be audited on their own.

    Attributes:
        source: The published log.
        index: Place of the tile in its level.
        size: Leaves of the signed head.
        stale: Partial files below it, as the audit sorted them.
    """

    source: TileSource
    index: int
    size: int
    stale: _Stale


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """What an audit found in order.

    Attributes:
        size: Number of leaves of the signed head.
        root: Its root hash, 32 bytes.
        entries: How many entries were read and hashed again: all of them, or those that are new.
        witnessed: Who of a policy's witnesses cosigned the head, and when.
        unread: Names in signature lines of keys that are not known, which nobody checked.
        ahead: Files past the signed head, which nothing is said about yet.
        note: The exact bytes of the head, for auditing only what is new the next time.
    """

    size: int
    root: bytes
    entries: int
    witnessed: tuple[Cosignature, ...] = ()
    unread: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    note: bytes = field(default=b"", compare=False, repr=False)


def audit(
    source: TileSource,
    verifier: NoteVerifier | Iterable[NoteKey],
    *,
    since: Checkpoint | None = None,
    only_new: bool = False,
    policy: Policy | None = None,
    files: Iterable[str] | None = None,
    spread: Spread = map,
) -> AuditResult:
    """Read the entries and tiles of a published log and compare them with its signed head.

    Args:
        source: The published log; untrusted.
        verifier: The log's key, or the keys of all logs that it may be.
        since: A head of the same log verified before, which the present one must contain.
        only_new: Whether to read only what came after ``since``, which was audited then.
        policy: Which witnesses must have cosigned the present head; None asks for none.
        files: The paths of all files there are, where they can be listed; None if they cannot.
        spread: Applies a function to many arguments, in order; may do so in other processes, to
            which function and arguments can be sent if ``source`` can.

    Raises:
        AuditError: The first fault found; its message names the tile or entry.

    Spec: C2SP tlog-tiles, tlog-checkpoint, tlog-policy; RFC 9162 §2.1.
    """
    keys = (verifier,) if isinstance(verifier, NoteVerifier) else tuple(verifier)
    note, head, witnessed, unread = _head(source, keys, policy)
    known = _known(head, since)
    stale, ahead = _other_files(files, head.size)
    if only_new and known is not None:
        edge = _edge_at(source, head, known)
        start = edge.size
    else:
        edge = _whole_blocks(source, head, known, stale, spread)
        start = 0
    while edge.size < head.size:
        _take_bundle(source, edge, head, known, stale)
    _compare(source, edge.partials(), head.size, stale)
    if edge.root != head.root:
        raise AuditError(f"the tiles do not lead to the signed root of {head.size} entries")
    return AuditResult(
        size=head.size,
        root=head.root,
        entries=edge.size - start,
        witnessed=witnessed,
        unread=unread,
        ahead=ahead,
        note=note,
    )


def _head(
    source: TileSource, keys: tuple[NoteKey, ...], policy: Policy | None
) -> tuple[bytes, Checkpoint, tuple[Cosignature, ...], tuple[str, ...]]:
    """Return the signed head and its bytes, who witnessed it, and whose lines nobody checked."""
    known: tuple[NoteKey, ...] = keys
    witnessed: tuple[Cosignature, ...] = ()
    try:
        note = source.read(CHECKPOINT_PATH)
        head, _ = open_head(note, logs=keys, witnesses=())
        if policy is not None:
            present = [one.verifier for one in policy.logs]
            logs = [
                one
                for one in keys
                if isinstance(one, NoteVerifier | MLDSACosignatureVerifier) and one not in present
            ]
            _, witnessed = open_under_policy(note, policy, logs=logs)
            known += policy.verifiers()
    except (TileError, CheckpointError) as error:
        raise AuditError(f"{CHECKPOINT_PATH}: {error}") from error
    _, lines = split_note(note)
    names = {(one.name, one.key_hash) for one in known}
    unread = tuple(one.name for one in lines if (one.name, one.key_hash) not in names)
    return note, head, witnessed, unread


def _known(head: Checkpoint, since: Checkpoint | None) -> Checkpoint | None:
    if since is None:
        return None
    if since.origin != head.origin:
        raise AuditError(f"a head of {since.origin!r} says nothing about {head.origin!r}")
    if head.size < since.size:
        raise AuditError(f"the log shrank from {since.size} to {head.size} entries")
    return since


def _edge_at(source: TileSource, head: Checkpoint, known: Checkpoint) -> RightEdge:
    """Return the edge of the tree audited before, found again in the present tiles."""
    edge = _edge_of(source, head, known.size)
    _compare_known(edge, known)
    return edge


def _edge_of(source: TileSource, head: Checkpoint, size: int) -> RightEdge:
    """Return the edge a smaller tree had, by the tiles of the present one."""
    try:
        return RightEdge.from_tiles(_Beginnings(source, head.size), size)
    except TileError as error:
        raise AuditError(str(error)) from error


class _Beginnings:
    """Shows partial tiles of earlier trees as the beginnings of those that stand now."""

    def __init__(self, source: TileSource, size: int) -> None:
        self._source = source
        self._size = size

    def read(self, path: str) -> bytes:
        address = parse_tile_path(path)
        level = address.level or 0
        tile = read_tile(self._source, level=level, index=address.index, size=self._size)
        return tile[: address.width * HASH_BYTES]


def _compare_known(edge: RightEdge, known: Checkpoint) -> None:
    if edge.root != known.root:
        raise AuditError(f"the first {known.size} entries are not those of the head known before")


def _whole_blocks(
    source: TileSource,
    head: Checkpoint,
    known: Checkpoint | None,
    stale: _Stale,
    spread: Spread,
) -> RightEdge:
    """Audit all whole blocks before the first place that matters; return the edge after them."""
    leaves = TILE_WIDTH * _BLOCK_TILES
    count = (head.size if known is None else known.size) // leaves
    if count == 0:
        return RightEdge()
    parts: list[_Stale] = [{} for _ in range(count)]
    for level, index in list(stale):
        place = index if level == 1 else index // _BLOCK_TILES
        if level in (None, 0, 1) and place < count:
            parts[place][level, index] = stale.pop((level, index))
    blocks = (
        Block(source=source, index=index, size=head.size, stale=part)
        for index, part in enumerate(parts)
    )
    roots = list(spread(block_root, blocks))
    level, hashes = _BLOCK_LEVEL, roots
    while len(hashes) >= TILE_WIDTH:
        whole = range(len(hashes) // TILE_WIDTH)
        tiles = [
            Tile(level=level, index=at, hashes=hashes[at * TILE_WIDTH : (at + 1) * TILE_WIDTH])
            for at in whole
        ]
        _compare(source, tiles, head.size, stale)
        level, hashes = level + 1, [root_of_hashes(tile.hashes) for tile in tiles]
    # The edge is read from the tiles: its root, which binds it, must be the one found just now.
    edge = _edge_of(source, head, count * leaves)
    if edge.root != root_of_hashes(roots):
        raise AuditError(f"the tiles do not lead to the root of the first {count * leaves} entries")
    return edge


def block_root(block: Block) -> bytes:
    """Return the root over the entries of a block, having audited it.

    Raises:
        AuditError: The first fault found.
    """
    roots = []
    for index in range(block.index * _BLOCK_TILES, (block.index + 1) * _BLOCK_TILES):
        leaves = _leaves(block.source, index=index, size=block.size, stale=block.stale)
        roots.append(root_of_hashes(leaves))
    tile = Tile(level=1, index=block.index, hashes=roots)
    _compare(block.source, (tile,), block.size, block.stale)
    return root_of_hashes(roots)


def _take_bundle(
    source: TileSource,
    edge: RightEdge,
    head: Checkpoint,
    known: Checkpoint | None,
    stale: _Stale,
) -> None:
    """Read one bundle with its tile, or the rest of one, and the tiles it completes."""
    index, held = divmod(edge.size, TILE_WIDTH)
    leaves = _leaves(source, index=index, size=head.size, stale=stale)[held:]
    cut = known.size - edge.size if known is not None else 0
    if known is not None and 0 < cut <= len(leaves):
        # The root known before is compared where that tree ended, inside a bundle if need be.
        completed = edge.add(leaves[:cut])
        _compare_known(edge, known)
        completed += edge.add(leaves[cut:])
    else:
        completed = edge.add(leaves)
    _compare(source, completed, head.size, stale)


def _leaves(source: TileSource, *, index: int, size: int, stale: _Stale) -> list[bytes]:
    """Return the leaf hashes of one bundle, having found them in its tile too."""
    try:
        entries = read_entries(source, index=index, size=size)
        tile = read_tile(source, level=0, index=index, size=size)
    except TileError as error:
        raise AuditError(str(error)) from error
    leaves: list[bytes] = []
    keep, begin = leaves.append, _begin_leaf
    for entry in entries:
        one = begin()
        one.update(entry)
        keep(one.digest())
    if b"".join(leaves) != tile:
        place = _first_difference(leaves, tile)
        raise AuditError(
            f"entry {index * TILE_WIDTH + place} is not the one in {tile_path(0, index)}"
        )
    if stale:
        _compare_stale(source, stale, (None, index), entries)
        _compare_stale(source, stale, (0, index), leaves)
    return leaves


def _compare(source: TileSource, tiles: Iterable[Tile], size: int, stale: _Stale) -> None:
    for tile in tiles:
        if tile.level == 0:
            continue  # compared with its entries already
        path = tile_path(tile.level, tile.index, tile.width)
        try:
            found = read_tile(source, level=tile.level, index=tile.index, size=size)
        except TileError as error:
            raise AuditError(str(error)) from error
        if b"".join(tile.hashes) != found:
            place = _first_difference(tile.hashes, found)
            raise AuditError(f"hash {place} of {path} is not the root of the tile below")
        if stale:
            _compare_stale(source, stale, (tile.level, tile.index), tile.hashes)


def _compare_stale(
    source: TileSource, stale: _Stale, address: tuple[int | None, int], whole: Sequence[bytes]
) -> None:
    """Compare partial files whose tile has grown since with the beginning of what stands."""
    level, index = address
    joined = format_bundle if level is None else b"".join
    for width in stale.pop(address, ()):
        path = TileAddress(level=level, index=index, width=width).path
        try:
            found = source.read(path)
        except TileAbsentError:
            continue  # dropped since it was listed
        except TileError as error:
            raise AuditError(str(error)) from error
        if found != joined(whole[:width]):
            raise AuditError(f"{path} is not the beginning of the tile that grew from it")


def _other_files(files: Iterable[str] | None, size: int) -> tuple[_Stale, tuple[str, ...]]:
    """Sort files into those that the tree has grown beyond, and those past it.

    Raises:
        AuditError: One is no file of a log.
    """
    stale: _Stale = defaultdict(list)
    ahead: list[str] = []
    for path in files or ():
        if path == CHECKPOINT_PATH:
            continue
        try:
            address = parse_tile_path(path)
        except TileError as error:
            raise AuditError(f"{path} is no file of a log") from error
        width = min(max(_count(address.level, size) - address.index * TILE_WIDTH, 0), TILE_WIDTH)
        if address.width > width:
            ahead.append(path)
        elif address.width < width:
            stale[address.level, address.index].append(address.width)
    return stale, tuple(sorted(ahead))


def _count(level: int | None, size: int) -> int:
    """Return how many hashes, or entries, a level has in a tree of a size."""
    return size if level is None else size >> TILE_HEIGHT * level


def _first_difference(expected: Iterable[bytes], tile: bytes) -> int:
    pairs = enumerate(zip(expected, split_hashes(tile), strict=True))
    return next(place for place, (one, other) in pairs if one != other)
