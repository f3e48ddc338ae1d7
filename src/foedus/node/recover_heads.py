"""Where the newest head of our own log is shown, and by whom.

In the guard, beside our own tiles, and at every peer: in the copy it keeps, in what it cosigned and
in what it last verified. Each is believed for our own signature only; the guard for what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from foedus.errors import FoedusError
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint
from foedus.ledger.errors import LedgerError, TileError
from foedus.ledger.log import HeadGuard
from foedus.ledger.tiles import CHECKPOINT_PATH, TileSource
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.dispatch import LANE_INSTRUMENTS
from foedus.node.endpoints import endpoint_of
from foedus.node.log_keys import log_verifiers
from foedus.node.peer_ports import PeerEndpoint, PeerError, WitnessClient
from foedus.node.returned import parse_page
from foedus.signing import NoteVerifier

__all__ = [
    "OwnLog",
    "RecoveryClient",
    "ShownHead",
    "heads_shown",
    "heads_to_close",
    "newest_of",
    "peers_of",
    "why_behind",
]

_ASKED_AT_ONCE: Final = 8
ASKED_FOR_S: Final = 10.0
"""How long all peers together may take to show our heads, in seconds."""


class RecoveryClient(WitnessClient, Protocol):
    """What recovery asks of a peer's node, beside what pulls and witnesses do."""

    def returned(self, peer: PeerEndpoint, lane: str, *, after: int) -> bytes:
        """Fetch a page of the rows of our lane to the peer; see :mod:`foedus.node.returned`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLog:
    """Our own log outside the store.

    Attributes:
        guard: The last head that may have been signed.
        files: Its tiles and checkpoint as they lie here; perhaps lost or old.
    """

    guard: HeadGuard
    files: TileSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownHead:
    """A head of our log, and who showed it.

    Attributes:
        raw: The signed note; None for the guard, which keeps none.
    """

    head: Checkpoint
    raw: bytes | None
    by: str


def why_behind(
    node: Node, client: RecoveryClient | None, own: OwnLog, *, wait_s: float = ASKED_FOR_S
) -> str:
    """Say why the store may not go on as it is; "" when nothing speaks against it.

    A peer that cannot be reached says nothing.

    Args:
        node: The node.
        client: Speaks to peers; None asks the guard and our own files only.
        own: Our own log outside the store.
        wait_s: How long to wait for all peers together, in seconds.
    """
    peers = [] if client is None else peers_of(node)
    heads, _ = heads_shown(node, client, own, peers, wait_s=wait_s)
    # Counted last: another process may enter and publish meanwhile, and no head comes before what
    # it covers.
    with node.database.read() as tx:
        entries = tx.ledger.count()
    newest = newest_of(heads)
    if newest is None or newest.head.size <= entries:
        return ""
    return (
        f"the store holds {entries} entries of its log, and {newest.by} shows a head of "
        f"{newest.head.size} that this node signed: an older store was put in place"
    )


def heads_shown(
    node: Node,
    client: RecoveryClient | None,
    own: OwnLog,
    peers: Sequence[PeerEndpoint],
    *,
    wait_s: float = ASKED_FOR_S,
) -> tuple[list[ShownHead], dict[MemberId, str]]:
    """Return every head of our log that is shown, and who could not be asked.

    Raises:
        LedgerError: The guard cannot be read.
    """
    verifiers = _own_verifiers(node)
    heads: list[ShownHead] = []
    guarded = own.guard.load()
    if guarded is not None and guarded.origin == node.identity.log_origin:
        heads.append(ShownHead(head=guarded, raw=None, by="the guard"))
    with suppress(TileError):
        _show(heads, own.files.read(CHECKPOINT_PATH), verifiers, "our own checkpoint")
    silent: dict[MemberId, str] = {}
    if client is None or not peers:
        return heads, silent
    # All at once, and none for long: who is away delays nobody.
    pool = ThreadPoolExecutor(max_workers=_ASKED_AT_ONCE, thread_name_prefix="foedus-heads")
    asked = {pool.submit(_shown_by, node, client, peer): peer.member for peer in peers}
    answered, _ = wait(asked, timeout=wait_s)
    pool.shutdown(wait=False, cancel_futures=True)
    for future, member in asked.items():
        try:
            if future not in answered:
                raise PeerError(f"{member} did not answer in time")
            for raw, by in future.result():
                _show(heads, raw, verifiers, by)
        except FoedusError as error:
            silent[member] = str(error)
    return heads, silent


def _shown_by(node: Node, client: RecoveryClient, peer: PeerEndpoint) -> list[tuple[bytes, str]]:
    """Return the heads of our log that a peer shows, unverified, and in what."""
    after = _known_rows(node, peer.member)
    page = parse_page(client.returned(peer, LANE_INSTRUMENTS, after=after), after=after)
    shown = [(page.checkpoint, f"member {peer.member}")]
    with suppress(PeerError):  # it keeps no copy yet
        raw = client.mirror_file(peer, node.identity.log_origin, CHECKPOINT_PATH)
        shown.append((raw, f"the copy of {peer.member}"))
    with suppress(PeerError):  # it witnesses nothing of ours
        raw = client.witnessed(peer, node.identity.log_origin)
        shown.append((raw, f"witness {peer.member}"))
    return shown


def heads_to_close(node: Node, client: RecoveryClient, own: OwnLog) -> list[Checkpoint]:
    """Return every head of our log that anybody shows, before it is closed.

    Raises:
        LedgerError: The guard cannot be read.
    """
    heads, _ = heads_shown(node, client, own, peers_of(node))
    return [shown.head for shown in heads]


def _known_rows(node: Node, member: MemberId) -> int:
    with node.database.read() as tx:
        return tx.feeds.lane(member, LANE_INSTRUMENTS).count


def newest_of(heads: Sequence[ShownHead]) -> ShownHead | None:
    """Return the newest of heads; None when there is none."""
    # Of equals the one that is signed is worth more than the guard's.
    return max(heads, key=lambda shown: (shown.head.size, shown.raw is not None), default=None)


def _show(heads: list[ShownHead], raw: bytes, verifiers: Sequence[NoteVerifier], by: str) -> None:
    """Take a head that this node signed; anything else proves nothing here."""
    with suppress(LedgerError):
        heads.append(ShownHead(head=open_checkpoint(raw, verifiers), raw=raw, by=by))


def _own_verifiers(node: Node) -> tuple[NoteVerifier, ...]:
    identity = node.identity
    with node.database.read() as tx:
        known = log_verifiers(tx, node, identity.member)
    own = NoteVerifier(name=identity.log_origin, key=identity.log.public)
    return (own, *(each for each in known if each.name == own.name and each.key != own.key))


def peers_of(node: Node) -> list[PeerEndpoint]:
    """Return where every other member introduced here is."""
    with node.database.read() as tx:
        return [
            endpoint_of(tx, node, row.member)
            for row in tx.peers.all()
            if row.member != node.identity.member
        ]
