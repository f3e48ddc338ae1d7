"""A member asks for the rows it once gave us, to recover from an older backup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from foedus.exchange.errors import BadRequestError
from foedus.exchange.lane_names import RETURNED_PATH
from foedus.exchange.server.edge import Call, Edge, Reply, challenged
from foedus.exchange.server.taxii_peers import SIGNATURE_CHALLENGE, PeerGate
from foedus.model.identifiers import MemberId

__all__ = ["ReturnRoutes"]

_MAX_DIGITS: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRoutes:
    """Serves a member its own rows.

    Attributes:
        gate: Lets members' nodes in.
        returned: Returns a page for a member, a lane and a position, or raises.
    """

    gate: PeerGate
    returned: Callable[[MemberId, str, int], bytes]

    def routes(self, edge: Edge) -> list[Route]:
        """Return the one route."""
        endpoint = edge.endpoint(challenged(SIGNATURE_CHALLENGE)(self.page))
        return [Route(RETURNED_PATH, endpoint, methods=["GET"])]

    def page(self, call: Call) -> Reply:
        """Return one page."""
        member = self.gate.member(call)
        name, _, after = call.query.partition("=")
        if name != "after" or not (after.isdecimal() and after.isascii()):
            raise BadRequestError("after is a position in the lane")
        if len(after) > _MAX_DIGITS:
            raise BadRequestError("after is a position in the lane")
        body = self.returned(member, call.parts["lane"], int(after))
        return Reply(
            body=body, media_type="application/json", headers={"cache-control": "no-store"}
        )
