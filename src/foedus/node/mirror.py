"""Keep a copy of every peer's log: hashes, no content. It is what a log is recovered from.

After the peer was pulled its newest head is asked for and its signature verified. A member that
names another's log as its own has none that is copied (:mod:`foedus.node.log_keys`). Only entry
bundles are fetched; every tile is derived from them here. A copy grows in steps:

1. Entries are fetched from where the copy ends, bundle by bundle, at most
   :data:`MAX_BUNDLES_A_PULL` a pull, and put into a tree in memory.
2. The tree is compared with the head: its root, where the head was reached, else a consistency
   proof from what was reached to the head. What does not lead there is not kept.
3. Bundles and tiles are written and made durable, then how far the copy goes.
4. Where the head was reached it is kept as the copy's checkpoint.

A crash between any two leaves a copy that is shorter than its files; the next step writes them
again. A failure never stops a pull: what a peer serves wrongly is an alarm, and a peer that cannot
be reached is asked again.

Spec: C2SP tlog-tiles, tlog-mirror in spirit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from foedus.ledger.checkpoint import Checkpoint, open_checkpoint
from foedus.ledger.consistency import verify_consistency
from foedus.ledger.edge import RightEdge, Tile
from foedus.ledger.errors import LedgerError, TileAbsentError, TileError
from foedus.ledger.tiles import (
    CHECKPOINT_PATH,
    TILE_HEIGHT,
    TILE_WIDTH,
    TileSource,
    consistency_from_tiles,
    entries_path,
    format_bundle,
    read_entries,
    tile_path,
)
from foedus.ledger.tree import HASH_BYTES, leaf_hash
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.errors import NotFoundError
from foedus.node.gossip_format import bare_note
from foedus.node.log_keys import log_verifiers, named_origin, origin_of, owner_of
from foedus.node.peer_ports import PeerClient, PeerEndpoint, PeerError
from foedus.node.ports import Alarm, Transaction
from foedus.node.ports.mirrors import Mirror

__all__ = [
    "MAX_BUNDLES_A_PULL",
    "MAX_MIRRORED_ENTRIES",
    "copy_entries",
    "mirror_of",
    "origin_hash",
    "update_mirror",
]

MAX_BUNDLES_A_PULL: Final = 256
"""Most entry bundles fetched from one peer at a time: 65 536 entries, 2 MiB."""

MAX_MIRRORED_ENTRIES: Final = 1 << 24
"""Longest log that is copied, in entries; about 1.1 GB of files."""

_ALARM: Final = "mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bundle:
    """A bundle of entries with the tiles it completed, waiting to be written."""

    index: int
    entries: Sequence[bytes]
    tiles: tuple[Tile, ...]


def origin_hash(origin: str) -> str:
    """Return the name under which a copy of a log is served: SHA-256 of its origin, in hex."""
    return hashlib.sha256(origin.encode()).hexdigest()


def mirror_of(node: Node, member: MemberId) -> TileSource:
    """Return this node's copy of a member's log, empty if there is none.

    Its tiles were derived here; its ``checkpoint`` is the newest head that covers all of them.

    Raises:
        NotFoundError: The member is not known, or it names another's log.
    """
    with node.database.read() as tx:
        origin = origin_of(tx, node, member)
    if origin is None:
        raise NotFoundError(f"{member} has no log of its own that is known here")
    return node.mirrors.of(origin)


def update_mirror(
    node: Node, client: PeerClient, peer: PeerEndpoint, note: bytes | None = None
) -> int:
    """Bring the copy of a peer's log nearer to a head of it.

    Args:
        node: The node.
        client: Speaks to the peer.
        peer: Whose log.
        note: A signed head; the peer is asked for its newest when None.

    Returns:
        How many entries the copy has now.
    """
    with node.database.read() as tx:
        verifiers = log_verifiers(tx, node, peer.member)
        fault = _taken(tx, node, peer.member)
    if not verifiers:
        _tell(node, peer.member, fault)
        return 0
    mirror = node.mirrors.of(verifiers[0].name)
    try:
        with node.mirrors.updating(verifiers[0].name) as mine:
            if mine:
                raw = client.ledger_file(peer, CHECKPOINT_PATH) if note is None else note
                head = open_checkpoint(bare_note(raw, verifiers), verifiers)
                copy_entries(mirror, _FromPeer(client, peer), head, raw)
    except (PeerError, TileAbsentError):
        pass  # asked again with the next pull
    except LedgerError as error:
        fault = f"the log of {peer.member} cannot be copied: {error}"
    _tell(node, peer.member, fault)
    reached = mirror.reached()
    return 0 if reached is None else reached.size


def copy_entries(
    mirror: Mirror,
    source: TileSource,
    head: Checkpoint,
    raw: bytes | None,
    *,
    max_bundles: int = MAX_BUNDLES_A_PULL,
) -> int:
    """Copy entries from an untrusted source up to a verified head, or a part of them.

    Args:
        mirror: The copy.
        source: Gives entry bundles, and tiles for a proof; untrusted.
        head: A head whose signature was verified.
        raw: Its exact bytes, kept once the copy covers it; None where nothing signed shows it.
        max_bundles: Most bundles to fetch.

    Returns:
        The size the copy has now.

    Raises:
        TileAbsentError: The source does not have what the head covers.
        LedgerError: What it has does not lead to the head, or the copy cannot be stored; the copy
            is as long as before.
    """
    edge = _edge(mirror, head.origin)
    if edge.size >= head.size:
        return edge.size
    if head.size > MAX_MIRRORED_ENTRIES:
        raise LedgerError(f"it has {head.size} entries; at most {MAX_MIRRORED_ENTRIES} are copied")
    before = edge.size
    bundles = _fetched(edge, source, head.size, max_bundles)
    if edge.size == head.size:
        if edge.root != head.root:
            raise LedgerError(f"its entries do not lead to the head signed for {head.size}")
    else:
        verify_consistency(
            consistency_from_tiles(source, edge.size, head.size),
            old_size=edge.size,
            old_root=edge.root,
            new_size=head.size,
            new_root=head.root,
        )
    _write(mirror, bundles, edge, before)
    mirror.reach(Checkpoint(head.origin, edge.size, edge.root))
    if edge.size == head.size and raw is not None:
        mirror.write(CHECKPOINT_PATH, raw)
        mirror.flush()
    if edge.size // TILE_WIDTH > before // TILE_WIDTH:
        mirror.drop_partials(edge.size, since=before)
    return edge.size


class _FromPeer:
    """A peer's log as a ``TileSource``; what the peer does not give is absent."""

    def __init__(self, client: PeerClient, peer: PeerEndpoint) -> None:
        self._client = client
        self._peer = peer

    def read(self, path: str) -> bytes:
        try:
            return self._client.ledger_file(self._peer, path)
        except PeerError as error:
            raise TileAbsentError(f"{path}: {error}") from error


def _edge(mirror: Mirror, origin: str) -> RightEdge:
    """Return where the copy ends; at the start when its files do not lead to what it says."""
    state = mirror.reached()
    if state is None or state.origin != origin or state.size == 0:
        return RightEdge()
    try:
        edge = RightEdge.from_tiles(mirror, state.size)
    except TileError:
        return RightEdge()
    return edge if edge.root == state.root else RightEdge()


def _fetched(edge: RightEdge, source: TileSource, end: int, max_bundles: int) -> list[_Bundle]:
    bundles: list[_Bundle] = []
    while edge.size < end and len(bundles) < max_bundles:
        index, offset = divmod(edge.size, TILE_WIDTH)
        entries = read_entries(source, index=index, size=end)
        if any(len(entry) != HASH_BYTES for entry in entries):
            raise LedgerError(f"bundle {index} holds entries that are no commitments")
        tiles = tuple(edge.add([leaf_hash(entry) for entry in entries[offset:]]))
        bundles.append(_Bundle(index=index, entries=entries, tiles=tiles))
    return bundles


def _write(mirror: Mirror, bundles: Sequence[_Bundle], edge: RightEdge, before: int) -> None:
    for bundle in bundles:
        mirror.write(entries_path(bundle.index, len(bundle.entries)), format_bundle(bundle.entries))
        for tile in (*bundle.tiles, *_partials(edge, before, last=bundle is bundles[-1])):
            mirror.write(tile_path(tile.level, tile.index, tile.width), b"".join(tile.hashes))
    mirror.flush()


def _partials(edge: RightEdge, before: int, *, last: bool) -> Iterator[Tile]:
    """Yield the partial tiles that changed, once everything was added."""
    if last:
        for tile in edge.partials():
            shift = TILE_HEIGHT * tile.level
            if before >> shift != edge.size >> shift:
                yield tile


def _taken(tx: Transaction, node: Node, member: MemberId) -> str:
    """Say that what a member calls its log is another's; "" if it is not."""
    if member not in node.law.view(tx).credences:
        return ""
    origin = named_origin(tx, node, member)
    owner = owner_of(tx, node, origin)
    if owner == member:
        return ""
    whose = "counts as nobody's" if owner is None else f"belongs to {owner}"
    return f"{member} names the log {origin} as its own, which {whose} here: it is not copied"


def _tell(node: Node, member: MemberId, fault: str) -> None:
    """Raise or clear the alarm about a peer's log; most often there is nothing to write."""
    with node.database.read() as tx:
        standing = {each.text for each in tx.alarms.open() if (each.code, each.subject) ==
                    (_ALARM, member)}  # fmt: skip
    if standing == ({fault} if fault else set()):
        return
    with node.database.write() as tx:
        if fault:
            tx.alarms.set(Alarm(code=_ALARM, subject=member, text=fault, since=node.clock.now()))
        else:
            tx.alarms.clear(_ALARM, member)
