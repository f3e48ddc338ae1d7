"""Follow a peer's log: its head only moves forward, and every disclosure must be in it."""

from __future__ import annotations

from collections.abc import Sequence

from foedus.ledger import (
    CHECKPOINT_PATH,
    Checkpoint,
    LedgerError,
    consistency_from_tiles,
    inclusion_from_tiles,
    leaf_hash,
    open_checkpoint,
    verify_consistency,
    verify_inclusion,
)
from foedus.ledger.errors import TileAbsentError
from foedus.ledger.tree import HASH_BYTES
from foedus.node.errors import IntegrityError
from foedus.node.gossip_format import bare_note
from foedus.node.peer_ports import PeerClient, PeerEndpoint, PeerError
from foedus.signing import NoteVerifier, PublicKey

__all__ = ["PeerLog"]


class PeerLog:
    """A peer's log as seen during one pull; tiles are fetched once.

    What it returns is verified: the head is signed by a key that speaks for the peer's log and is
    consistent with the last head known here.

    Attributes:
        origin: The log's name.
        known: The last verified head's exact bytes before this pull, if any.
    """

    def __init__(
        self,
        client: PeerClient,
        peer: PeerEndpoint,
        *,
        origin: str,
        keys: Sequence[PublicKey],
        known: bytes | None,
    ) -> None:
        """Prepare to follow; nothing is fetched yet.

        Args:
            client: Speaks to the peer.
            peer: Where it is.
            origin: The log's name as the peer's instruments give it.
            keys: Log keys that speak for the peer.
            known: The last verified head's exact bytes, if any.
        """
        self.origin = origin
        self.known = known
        self._client = client
        self._peer = peer
        self._verifiers = tuple(NoteVerifier(name=origin, key=key) for key in keys)
        self._known = known
        self._head: tuple[Checkpoint, bytes] | None = None
        self._tiles: dict[str, bytes] = {}
        self._suspects: list[bytes] = []

    @property
    def newest(self) -> bytes | None:
        """Exact bytes of the newest verified head, the one known before included."""
        return self._known if self._head is None else self._head[1]

    @property
    def suspects(self) -> tuple[bytes, ...]:
        """Signed heads that did not continue the last one known; they may prove a fork."""
        return tuple(self._suspects)

    def read(self, path: str) -> bytes:
        """Fetch a tile; a ``TileSource`` for the proof functions."""
        if path not in self._tiles:
            self._tiles[path] = self._fetched(path)
        return self._tiles[path]

    def _fetched(self, path: str) -> bytes:
        try:
            return self._client.ledger_file(self._peer, path)
        except PeerError:
            # A partial tile may go once the full one stands, even between head and tile: the full
            # one begins with the same hashes (C2SP tlog-tiles, "Partial Tiles").
            full, partial, width = path.partition(".p/")
            if not partial or full.startswith("tile/entries/") or not width.isdecimal():
                raise
            return self._client.ledger_file(self._peer, full)[: int(width) * HASH_BYTES]

    def check_entry(self, entry: bytes, index: int) -> None:
        """Check that the peer's log holds an entry at an index, or raise.

        Raises:
            IntegrityError: ``not-in-log``, or the log is not what it was: ``log-rollback``,
                ``log-fork``.
            PeerError: The peer cannot be reached.
        """
        try:
            head = self._head_covering(index)
            if index >= head.size:
                raise IntegrityError(
                    "not-in-log",
                    f"the sender's log has {head.size} entries; the disclosure claims {index}",
                )
            proof = inclusion_from_tiles(self, index, head.size)
            verify_inclusion(leaf_hash(entry), proof, size=head.size, root=head.root)
        except LedgerError as error:
            raise IntegrityError(
                "not-in-log", f"the sender's log does not hold the disclosure at {index}: {error}"
            ) from error

    def _head_covering(self, index: int) -> Checkpoint:
        if self._head is None and self._known is not None:
            known = open_checkpoint(self._known, self._verifiers)
            if index < known.size:
                self._head = (known, self._known)
        if self._head is None or index >= self._head[0].size:
            self._advance()
        assert self._head is not None  # noqa: S101  # set by _advance, which raises otherwise
        return self._head[0]

    def _advance(self) -> None:
        """Take the peer's newest head if it continues the last one known."""
        if not self._verifiers:
            raise IntegrityError("not-in-log", "no log key of the sender is known")
        raw = self._client.ledger_file(self._peer, CHECKPOINT_PATH)
        if not raw:
            raise TileAbsentError("the peer has published no head")
        # One that could not be told to others is not followed either.
        head = open_checkpoint(bare_note(raw, self._verifiers), self._verifiers)
        before = self.newest
        self._suspects.append(raw)  # until it is shown to continue
        if before is not None:
            old = open_checkpoint(before, self._verifiers)
            if head.size < old.size:
                raise IntegrityError(
                    "log-rollback",
                    f"the sender's log went back from {old.size} to {head.size} entries",
                    raw=raw,
                )
            if head.size == old.size and head.root != old.root:
                # Both are signed and need no tile to be compared: a portable proof, kept whole.
                raise IntegrityError(
                    "log-fork",
                    f"the sender signed two different logs of {head.size} entries",
                    raw=before + raw,
                )
            proof = consistency_from_tiles(self, old.size, head.size)
            verify_consistency(
                proof,
                old_size=old.size,
                old_root=old.root,
                new_size=head.size,
                new_root=head.root,
            )
        self._suspects.remove(raw)
        self._head = (head, raw)
