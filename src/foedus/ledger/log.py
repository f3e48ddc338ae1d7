"""Publishing one's own log: from committed entries to tiles, to a guarded head, to a signature.

Entries are committed elsewhere, in the transaction of what they are about; that is the journal.
All the rest is derived from them and can be derived again. The order of writing, and what a crash
right after each step leaves:

1. The guard tells the last head. Entries behind it, or beside it, are refused: a restored backup
   or a second process must not make the log forget or fork. *Crash: nothing changed.*
2. New bundles and tiles are written and flushed. *Crash: some tiles of a size nobody signed; the
   next run writes the same again.*
3. The guard moves from the old head to the new one by compare-and-swap; one of two racing
   publishers loses here, before it signed anything. *Crash: the head is guarded but unsigned; the
   next run finds nothing to grow and signs it.*
4. The head is signed. Ed25519 is deterministic: signing the same head again gives the same bytes.
5. The checkpoint is written and flushed. *Crash before: the old checkpoint stays readable and
   true.*

Tile storage is not trusted: the edge read from it must lead to the guarded root, else all tiles
are derived again from entries that do. The guard is trusted and lies outside the tile storage;
still, a head signed by this log that lies beyond the guard shows that the guard itself was lost or
restored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from foedus.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from foedus.ledger.edge import RightEdge, Tile
from foedus.ledger.errors import (
    CheckpointError,
    LedgerError,
    RollbackError,
    TileError,
)
from foedus.ledger.tiles import (
    CHECKPOINT_PATH,
    TILE_HEIGHT,
    TILE_WIDTH,
    TileSink,
    TileSource,
    entries_path,
    format_bundle,
    read_tile,
    tile_path,
)
from foedus.ledger.tree import leaf_hash
from foedus.signing.note import NoteSigner

__all__ = ["EntrySource", "HeadGuard", "derive", "publish", "rebuild"]

_HELP: Final = "an older store or guard was put in place: `foedus recover`"
_BLOCK_ENTRIES: Final = 64 * TILE_WIDTH
"""Entries asked for at a time; a multiple of the bundle."""


class EntrySource(Protocol):
    """The committed entries of one's own log.

    Promises:
        Order: entry ``i`` never changes once counted, and the numbers have no gap.
        Durability: what is counted survives loss of power.
    """

    def count(self) -> int:
        """Return how many entries are committed."""
        ...

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """Return the entries from ``start`` up to, not including, ``end``; each 32 bytes."""
        ...


class HeadGuard(Protocol):
    """Remembers the last head that may have been signed. Trusted; apart from tiles and database.

    Promises:
        Atomicity: ``advance`` compares and stores in one step, across processes.
        Durability: what ``advance`` stored before returning survives loss of power.
    """

    def load(self) -> Checkpoint | None:
        """Return the head, or None when this log never had one.

        Raises:
            LedgerError: It cannot be read; nothing may be published then.
        """
        ...

    def advance(self, old: Checkpoint | None, new: Checkpoint) -> None:
        """Replace ``old`` by ``new``.

        Raises:
            HeadMovedError: The head stored is not ``old``; nothing was changed.
            LedgerError: It is not known to be stored.
        """
        ...


def publish(
    entries: EntrySource,
    sink: TileSink,
    source: TileSource,
    guard: HeadGuard,
    signer: NoteSigner,
) -> Checkpoint:
    """Publish all committed entries and return the new signed head.

    Safe to repeat after any failure, and to run beside another publisher of the same log; the
    checkpoint may then show the earlier of two heads for a moment, and both are true.

    Args:
        entries: What to publish; the count is read once.
        sink: Where tiles and checkpoint go.
        source: The same storage, read back; untrusted.
        guard: The last head.
        signer: The log's key; its name is the origin.

    Raises:
        RollbackError: The entries lie behind the guarded head or do not lead to it, or the guard
            lies behind a head this log signed.
        HeadMovedError: Another publisher was faster; nothing was signed, try again.
        LedgerError: Storage failed; nothing is lost, try again.

    Spec: C2SP tlog-tiles; the steps are those of the module.
    """
    # 1. In this order: the guard moves before a checkpoint appears and after entries are committed,
    #    so beside another publisher it is never behind the one nor ahead of the other.
    published = _published(source, signer)
    head = guard.load()
    count = entries.count()
    _refuse_rollback(head, count, signer.name)
    _refuse_lost_guard(head, published)
    edge = _guarded_edge(head, entries, sink, source)
    # 2.
    _grow(edge, entries, count, sink)
    sink.flush()
    checkpoint = Checkpoint(signer.name, count, edge.root)
    # 3.
    if checkpoint != head:
        guard.advance(head, checkpoint)
    # 4. and 5.
    if published != checkpoint:
        sink.write(CHECKPOINT_PATH, sign_checkpoint(checkpoint, signer))
        sink.flush()
    return checkpoint


def rebuild(entries: EntrySource, sink: TileSink, head: Checkpoint) -> None:
    """Derive every tile and bundle of a head again, for storage that was lost or damaged.

    Args:
        entries: At least as many as the head has leaves.
        sink: Where they go; flushed at the end.
        head: A guarded or signed head of one's own log.

    Raises:
        RollbackError: The entries do not lead to the head; nothing was written.
        LedgerError: Storage failed; try again.
    """
    _rebuilt_edge(head, entries, sink)
    sink.flush()


def derive(
    entries: EntrySource,
    sink: TileSink,
    source: TileSource,
    old: Checkpoint | None,
    head: Checkpoint,
) -> None:
    """Derive the tiles of a head that another process signed; nothing is signed here.

    Args:
        entries: At least as many as the head has leaves.
        sink: Where they go; flushed at the end.
        source: The same storage, read back; untrusted.
        old: The head whose tiles lie there already, or None.
        head: A signed head of one's own log.

    Raises:
        RollbackError: The entries do not lead to the head; it must not be shown here.
        LedgerError: Storage failed; try again.
    """
    if old is not None and old.origin != head.origin:
        old = None
    edge = _guarded_edge(old, entries, sink, source)
    if edge.size > head.size:
        raise LedgerError(f"the files lead to {edge.size} entries, beyond the head of {head.size}")
    _grow(edge, entries, head.size, sink)
    if edge.root != head.root:
        raise RollbackError(f"the entries do not lead to the signed head of {head.size}; {_HELP}")
    sink.flush()


def _refuse_rollback(head: Checkpoint | None, count: int, origin: str) -> None:
    if head is None:
        return
    if head.origin != origin:
        raise RollbackError(f"the guard keeps the head of {head.origin!r}, not of {origin!r}")
    if count < head.size:
        raise RollbackError(
            f"{count} entries, but a head of {head.size} was guarded before; {_HELP}"
        )


def _refuse_lost_guard(head: Checkpoint | None, published: Checkpoint | None) -> None:
    if published is None or (head is not None and published.size < head.size):
        return
    if head is None or (published.size, published.root) != (head.size, head.root):
        raise RollbackError(
            f"a head of {published.size} was signed that the guard does not know; {_HELP}"
        )


def _guarded_edge(
    head: Checkpoint | None, entries: EntrySource, sink: TileSink, source: TileSource
) -> RightEdge:
    """Return the edge at the guarded head, having checked that tiles and entries lead to it."""
    if head is None or head.size == 0:
        return RightEdge()
    try:
        edge = RightEdge.from_tiles(source, head.size)
        index = (head.size - 1) // TILE_WIDTH
        tile = read_tile(source, level=0, index=index, size=head.size)
    except TileError:
        return _rebuilt_edge(head, entries, sink)
    if edge.root != head.root:
        return _rebuilt_edge(head, entries, sink)
    # A backup restored and written to since has other entries at the end of what was guarded, for
    # every entry has a fresh salt. Older entries are compared by the audit.
    last = _read(entries, index * TILE_WIDTH, head.size)
    if b"".join([leaf_hash(one) for one in last]) != tile:
        if head.size % TILE_WIDTH == 0:
            # This full tile is no part of the edge, so the fault may be its own.
            return _rebuilt_edge(head, entries, sink)
        raise RollbackError(
            f"the last entries before {head.size} are not those guarded before; {_HELP}"
        )
    return edge


def _rebuilt_edge(head: Checkpoint, entries: EntrySource, sink: TileSink) -> RightEdge:
    # Twice: nothing may be overwritten by entries not known to be the right ones.
    rehearsal = RightEdge()
    _grow(rehearsal, entries, head.size, None)
    if rehearsal.root != head.root:
        raise RollbackError(f"the entries do not lead to the guarded head of {head.size}; {_HELP}")
    edge = RightEdge()
    _grow(edge, entries, head.size, sink)
    return edge


def _grow(edge: RightEdge, entries: EntrySource, end: int, sink: TileSink | None) -> None:
    """Append the entries up to ``end`` and write what they complete or change."""
    before = edge.size
    while edge.size < end:
        # A bundle is one file, so the entries it holds already are needed as well.
        start = edge.size - edge.size % TILE_WIDTH
        block = _read(entries, start, min(start + _BLOCK_ENTRIES, end))
        for at in range(0, len(block), TILE_WIDTH):
            bundle = block[at : at + TILE_WIDTH]
            fresh = bundle[edge.size - start - at :]
            completed = edge.add([leaf_hash(one) for one in fresh])
            if sink is not None:
                sink.write(
                    entries_path((start + at) // TILE_WIDTH, len(bundle)), format_bundle(bundle)
                )
                for tile in completed:
                    _write(sink, tile)
    if sink is not None:
        for tile in edge.partials():
            if before >> TILE_HEIGHT * tile.level != edge.size >> TILE_HEIGHT * tile.level:
                _write(sink, tile)


def _read(entries: EntrySource, start: int, end: int) -> Sequence[bytes]:
    found = entries.entries(start, end)
    if len(found) != end - start:
        raise LedgerError(f"{len(found)} entries where {end - start} are committed")
    return found


def _write(sink: TileSink, tile: Tile) -> None:
    sink.write(tile_path(tile.level, tile.index, tile.width), b"".join(tile.hashes))


def _published(source: TileSource, signer: NoteSigner) -> Checkpoint | None:
    """Return the head that stands signed, or None when there is none by this key."""
    try:
        return open_checkpoint(source.read(CHECKPOINT_PATH), signer.verifier)
    except (TileError, CheckpointError):
        # Absent, damaged or of an earlier key: replaced once the guard allows it.
        return None
