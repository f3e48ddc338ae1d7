"""Logs read over HTTP for an audit: a peer's, as this node, or one that anybody may read.

Every answer is bounded in size and time, redirects are refused, and plain HTTP is spoken to this
machine only. Nothing that comes back is trusted: whoever audits it checks it.

Spec: C2SP tlog-tiles.
"""

from __future__ import annotations

from typing import Self

from foedus.exchange.peer_client import MAX_LEDGER_FILE_BYTES, PublicFiles
from foedus.ledger.errors import TileAbsentError
from foedus.ledger.tiles import CHECKPOINT_PATH, parse_tile_path
from foedus.node.peer_ports import PeerClient, PeerEndpoint, PeerError

__all__ = ["PeerTiles", "PublicLog"]


class PeerTiles:
    """A peer's log, read as this node: a :class:`~foedus.ledger.tiles.TileSource`."""

    def __init__(self, client: PeerClient, peer: PeerEndpoint) -> None:
        """Prepare to read; nothing is fetched yet."""
        self._client = client
        self._peer = peer

    def read(self, path: str) -> bytes:
        """Return the content under a path.

        Raises:
            TileAbsentError: The peer has nothing there for this node, or cannot be reached.
            TileError: The path names no tile.
        """
        _check(path)
        try:
            return self._client.ledger_file(self._peer, path)
        except PeerError as error:
            raise TileAbsentError(f"{path}: {error}") from error


class PublicLog:
    """A log anybody may read below an address: a :class:`~foedus.ledger.tiles.TileSource`."""

    def __init__(self, address: str, *, pins: frozenset[str] = frozenset()) -> None:
        """Prepare to read; nothing is fetched yet.

        Args:
            address: Where the log is.
            pins: Keys it may show over TLS; none for one that a public authority vouches for.

        Raises:
            PeerError: The address is neither https nor on this machine.
        """
        self._files = PublicFiles(address, pins=pins)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._files.close()

    def read(self, path: str) -> bytes:
        """Return the content under a path.

        Raises:
            TileAbsentError: There is nothing, or the log cannot be reached.
            TileError: The path names no tile.
        """
        _check(path)
        try:
            return self._files.fetch(path, max_bytes=MAX_LEDGER_FILE_BYTES)
        except PeerError as error:
            raise TileAbsentError(f"{path}: {error}") from error


def _check(path: str) -> None:
    """Return if a path names a file of a log; nothing else is ever asked for."""
    if path != CHECKPOINT_PATH:
        parse_tile_path(path)
