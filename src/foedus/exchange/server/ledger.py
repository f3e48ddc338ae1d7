"""The ledger's published files: the checkpoint and the tiles.

They hold hashes and no content, but their size tells how much a member discloses; so they are
served to members' nodes and to the member's own tools only, unless the member opens its log to
everyone in its settings.

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
from foedus.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, TileSource, parse_tile_path

__all__ = ["LedgerRoutes"]

_FOREVER: Final = "private, max-age=31536000, immutable"
_BRIEFLY: Final = "no-cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRoutes:
    """Serves the log's files.

    Attributes:
        files: Where they are.
        admit: Authenticates a caller of either kind, or raises.
        public: Whether the member opened its log to everyone.
    """

    files: TileSource
    admit: Callable[[Call], object]
    public: bool = False

    def routes(self, edge: Edge) -> list[Route]:
        """Return the routes below ``/ledger/``."""
        mark = challenged(SIGNATURE_CHALLENGE, *TOKEN_CHALLENGES)
        return [Route("/ledger/{file:path}", edge.endpoint(mark(self.file)), methods=["GET"])]

    def file(self, call: Call) -> Reply:
        """Serve one file."""
        if not self.public:
            self.admit(call)
        path = call.parts["file"]
        if path == CHECKPOINT_PATH:
            return Reply(
                body=self.files.read(path),
                media_type="text/plain; charset=utf-8",
                headers={"cache-control": _BRIEFLY},
            )
        try:
            address = parse_tile_path(path)
        except TileError as error:
            raise NoSuchResourceError("no such file") from error
        full = address.width == TILE_WIDTH
        return Reply(
            body=self.files.read(path),
            media_type="application/octet-stream",
            headers={"cache-control": _FOREVER if full else _BRIEFLY},
        )
