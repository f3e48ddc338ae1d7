"""Copies of other members' logs, for members: what a log is recovered from, or shown forked by.

``/mirror/<SHA-256 of the origin, hex>/checkpoint`` is the newest signed head that this node's copy
covers; beside it lie bundles and tiles as in any log. They hold hashes and no content, but tell how
much a member discloses, so members' nodes and own tools alone may read them.

Spec: C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from foedus.exchange.errors import NoSuchResourceError
from foedus.exchange.server.credentials import TOKEN_CHALLENGES
from foedus.exchange.server.edge import Call, Edge, Reply, challenged
from foedus.exchange.server.taxii_peers import SIGNATURE_CHALLENGE
from foedus.ledger.errors import TileError
from foedus.ledger.tiles import CHECKPOINT_PATH, TileSource, parse_tile_path

__all__ = ["MirrorRoutes"]

_HEADERS: Final = {"cache-control": "no-cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorRoutes:
    """Serves the copies' files.

    Attributes:
        named: Returns the copy under the hash of an origin, or raises ``TileAbsentError``; the name
            is untrusted.
        admit: Authenticates a caller of either kind, or raises.
    """

    named: Callable[[str], TileSource]
    admit: Callable[[Call], object]

    def routes(self, edge: Edge) -> list[Route]:
        """Return the routes below ``/mirror/``."""
        mark = challenged(SIGNATURE_CHALLENGE, *TOKEN_CHALLENGES)
        endpoint = edge.endpoint(mark(self.file))
        return [Route("/mirror/{origin}/{file:path}", endpoint, methods=["GET"])]

    def file(self, call: Call) -> Reply:
        """Serve one file."""
        self.admit(call)
        path = call.parts["file"]
        if path == CHECKPOINT_PATH:
            media_type = "text/plain; charset=utf-8"
        else:
            media_type = "application/octet-stream"
            try:
                parse_tile_path(path)
            except TileError as error:
                raise NoSuchResourceError("no such file") from error
        body = self.named(call.parts["origin"]).read(path)
        return Reply(body=body, media_type=media_type, headers=_HEADERS)
