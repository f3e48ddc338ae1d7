"""Reading a whole published log again, as anyone may: does it say what it signed?

Checks, in order: the checkpoint is signed by the log; it is not smaller than a head known before;
every bundle holds the entries its tile says; every tile holds the roots of the tiles below; the
leaves up to the head known before lead to that head; all of them lead to the signed root.

What it cannot show is that the log shows everyone the same: that takes witnesses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from foedus.ledger.checkpoint import Checkpoint, open_checkpoint
from foedus.ledger.edge import RightEdge, Tile
from foedus.ledger.errors import AuditError, CheckpointError, TileError
from foedus.ledger.tiles import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    TileSource,
    read_entries,
    read_tile,
    split_hashes,
    tile_path,
)
from foedus.signing.note import NoteVerifier

__all__ = ["AuditResult", "audit"]

_sha256 = hashlib.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """What an audit found in order.

    Attributes:
        size: Number of leaves of the signed head.
        root: Its root hash, 32 bytes.
        entries: How many entries were read and hashed again: all of them.
    """

    size: int
    root: bytes
    entries: int


def audit(
    source: TileSource, verifier: NoteVerifier, *, since: Checkpoint | None = None
) -> AuditResult:
    """Read every entry and tile of a published log and compare them with its signed head.

    Args:
        source: The published log; untrusted.
        verifier: The log's key.
        since: A head of the same log verified before, which the present one must contain.

    Raises:
        AuditError: The first fault found; its message names the tile or entry.

    Spec: C2SP tlog-tiles, tlog-checkpoint; RFC 9162 §2.1.
    """
    head = _head(source, verifier)
    known = _known(head, since)
    edge = RightEdge()
    while edge.size < head.size:
        index = edge.size // TILE_WIDTH
        leaves = _leaves(source, index=index, size=head.size)
        cut = known.size - edge.size if known is not None else 0
        if known is not None and 0 < cut <= len(leaves):
            # The root known before is compared where that tree ended, inside a bundle if need be.
            completed = edge.add(leaves[:cut])
            _compare_known(edge, known)
            completed += edge.add(leaves[cut:])
        else:
            completed = edge.add(leaves)
        _compare(source, completed, size=head.size)
    _compare(source, edge.partials(), size=head.size)
    if edge.root != head.root:
        raise AuditError(f"the tiles do not lead to the signed root of {head.size} entries")
    return AuditResult(size=head.size, root=head.root, entries=edge.size)


def _head(source: TileSource, verifier: NoteVerifier) -> Checkpoint:
    try:
        return open_checkpoint(source.read(CHECKPOINT_PATH), verifier)
    except (TileError, CheckpointError) as error:
        raise AuditError(f"{CHECKPOINT_PATH}: {error}") from error


def _known(head: Checkpoint, since: Checkpoint | None) -> Checkpoint | None:
    if since is None:
        return None
    if since.origin != head.origin:
        raise AuditError(f"a head of {since.origin!r} says nothing about {head.origin!r}")
    if head.size < since.size:
        raise AuditError(f"the log shrank from {since.size} to {head.size} entries")
    return since


def _compare_known(edge: RightEdge, known: Checkpoint) -> None:
    if edge.root != known.root:
        raise AuditError(f"the first {known.size} entries are not those of the head known before")


def _leaves(source: TileSource, *, index: int, size: int) -> list[bytes]:
    """Return the leaf hashes of one bundle, having found them in its tile too."""
    try:
        entries = read_entries(source, index=index, size=size)
        tile = read_tile(source, level=0, index=index, size=size)
    except TileError as error:
        raise AuditError(str(error)) from error
    leaves = [_sha256(b"\x00" + entry).digest() for entry in entries]
    if b"".join(leaves) != tile:
        place = _first_difference(leaves, tile)
        raise AuditError(
            f"entry {index * TILE_WIDTH + place} is not the one in {tile_path(0, index)}"
        )
    return leaves


def _compare(source: TileSource, tiles: Iterable[Tile], *, size: int) -> None:
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


def _first_difference(expected: Iterable[bytes], tile: bytes) -> int:
    pairs = enumerate(zip(expected, split_hashes(tile), strict=True))
    return next(place for place, (one, other) in pairs if one != other)
