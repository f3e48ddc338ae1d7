"""Take back the entries of our own log that the store lacks, up to a head that was signed.

They come from our own tiles or from a peer's copy, proved up to the head together with the entries
that the store has. No index is ever given again, and the guard ends at that head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.edge import RightEdge
from foedus.ledger.errors import LedgerError, TileAbsentError
from foedus.ledger.tiles import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    TileSource,
    format_bundle,
    parse_tile_path,
    read_entries,
)
from foedus.ledger.tree import leaf_hash
from foedus.node.context import Node
from foedus.node.errors import NotReadyError
from foedus.node.mirror import MAX_BUNDLES_A_PULL, copy_entries
from foedus.node.peer_ports import PeerEndpoint, PeerError
from foedus.node.ports import Transaction
from foedus.node.recover_heads import OwnLog, RecoveryClient, ShownHead, newest_of

__all__ = ["mend_guard", "refuse_other_root", "take_back_entries"]

_APPENDED: Final = 64 * TILE_WIDTH


def take_back_entries(
    node: Node,
    client: RecoveryClient,
    own: OwnLog,
    peers: Sequence[PeerEndpoint],
    heads: Sequence[ShownHead],
) -> tuple[ShownHead | None, int]:
    """Bring the journal and the guard up to the newest head, and close the lanes to all peers.

    Args:
        node: A node in recovery.
        client: Speaks to peers.
        own: Our own log outside the store.
        peers: Every other member.
        heads: What :func:`foedus.node.recover_heads.heads_shown` found.

    Returns:
        The newest head, and how many entries came back.

    Raises:
        LedgerError: The store, or what is shown, contradicts what was signed.
        NotReadyError: No copy leads to the newest head.
    """
    newest = newest_of(heads)
    back = 0
    if newest is not None:
        _refuse_two_heads(heads)
        with node.database.read() as tx:
            lacks = newest.head.size > tx.ledger.count()
        if lacks:
            _fetch(node, [own.files, *_copies(client, node, peers)], newest)
    with node.database.write() as tx:
        if newest is not None:
            back = _append(tx, node, newest.head)
        tx.recovery.await_lanes([peer.member for peer in peers], at=node.clock.now())
    if newest is not None:
        guarded = own.guard.load()
        if guarded is None or guarded.size < newest.head.size:
            own.guard.advance(guarded, newest.head)
    return newest, back


def mend_guard(node: Node, own: OwnLog, heads: Sequence[ShownHead]) -> bool:
    """Set a guard that was lost, or went back, to the newest head that the store leads to.

    Args:
        node: A node whose store is not behind any head.
        own: Our own log outside the store.
        heads: Every head of our log that is shown.

    Returns:
        Whether it had to be.

    Raises:
        LedgerError: The store does not lead to the head, or the guard cannot be moved.
    """
    newest, guarded = newest_of(heads), own.guard.load()
    if newest is None or (guarded is not None and guarded.size >= newest.head.size):
        return False
    _refuse_two_heads(heads)
    with node.database.read() as tx:
        refuse_other_root(tx, newest.head)
    own.guard.advance(guarded, newest.head)
    return True


def _refuse_two_heads(heads: Sequence[ShownHead]) -> None:
    roots: dict[int, ShownHead] = {}
    for shown in heads:
        other = roots.setdefault(shown.head.size, shown)
        if other.head.root != shown.head.root:
            raise LedgerError(
                f"{other.by} and {shown.by} show two heads of {shown.head.size} entries that this "
                "node signed: the log is forked, and can only be closed (`foedus recover --close`)"
            )


def _fetch(node: Node, sources: Sequence[TileSource], newest: ShownHead) -> None:
    """Copy our own log, proved, into a copy of our own; the store's part is read from the store."""
    mirror = node.mirrors.of(node.identity.log_origin)
    faults = []
    for source in sources:
        try:
            with node.mirrors.updating(node.identity.log_origin):
                reached = -1
                while reached < newest.head.size:
                    before, reached = (
                        reached,
                        copy_entries(
                            mirror,
                            _FromStore(node, source),
                            newest.head,
                            newest.raw,
                            max_bundles=MAX_BUNDLES_A_PULL,
                        ),
                    )
                    if reached <= before:
                        break
        except LedgerError as error:
            faults.append(str(error))
            continue
        return
    raise NotReadyError(
        f"no copy of our log leads to the head of {newest.head.size} that {newest.by} shows "
        f"({'; '.join(faults) or 'no member could be asked'}); when no member that is away can "
        "have it, close the log with `foedus recover --close`"
    )


class _FromStore:
    """Full bundles that the store holds, and all else from elsewhere; untrusted as ever."""

    def __init__(self, node: Node, other: TileSource) -> None:
        self._node = node
        self._other = other
        with node.database.read() as tx:
            self._count = tx.ledger.count()

    def read(self, path: str) -> bytes:
        address = None if path == CHECKPOINT_PATH else parse_tile_path(path)
        if address is not None and address.level is None:
            start = address.index * TILE_WIDTH
            if start + address.width <= self._count:
                with self._node.database.read() as tx:
                    return format_bundle(tx.ledger.entries(start, start + address.width))
        return self._other.read(path)


class _Copy:
    """A peer's copy of our log."""

    def __init__(self, client: RecoveryClient, peer: PeerEndpoint, origin: str) -> None:
        self._client = client
        self._peer = peer
        self._origin = origin

    def read(self, path: str) -> bytes:
        try:
            return self._client.mirror_file(self._peer, self._origin, path)
        except PeerError as error:
            raise TileAbsentError(f"{path}: {error}") from error


def _copies(client: RecoveryClient, node: Node, peers: Sequence[PeerEndpoint]) -> list[TileSource]:
    return [_Copy(client, peer, node.identity.log_origin) for peer in peers]


def _append(tx: Transaction, node: Node, head: Checkpoint) -> int:
    """Append what the copy holds and the store does not; return how many entries that is."""
    mirror = node.mirrors.of(head.origin)
    start = tx.ledger.count()
    block: list[bytes] = []
    for index in (
        range(start // TILE_WIDTH, -(-head.size // TILE_WIDTH)) if start < head.size else ()
    ):
        bundle = read_entries(mirror, index=index, size=head.size)
        block.extend(bundle[max(0, start - index * TILE_WIDTH) :])
        if len(block) >= _APPENDED:
            tx.recovery.append_rebuilt(block, at=node.clock.now())
            block = []
    tx.recovery.append_rebuilt(block, at=node.clock.now())
    refuse_other_root(tx, head)
    return max(0, head.size - start)


def refuse_other_root(tx: Transaction, head: Checkpoint) -> None:
    """A store that holds as much as was signed must hold that, and not something else.

    Raises:
        LedgerError: It holds something else.
    """
    edge = RightEdge()
    while edge.size < head.size:
        end = min(edge.size + _APPENDED, head.size)
        entries = tx.ledger.entries(edge.size, end)
        for at in range(0, len(entries), TILE_WIDTH):
            edge.add([leaf_hash(entry) for entry in entries[at : at + TILE_WIDTH]])
    if edge.root != head.root:
        raise LedgerError(
            f"the entries in the store do not lead to the head of {head.size} that was signed: "
            "another store was put in place; the log can only be closed (`foedus recover --close`)"
        )
