"""A member asks what its lane was after its first rows, to find where two accounts of it part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from foedus.exchange.errors import BadRequestError
from foedus.exchange.lane_names import PLACE_PATH
from foedus.exchange.server.edge import Call, Edge, Reply, challenged
from foedus.exchange.server.taxii_peers import SIGNATURE_CHALLENGE, PeerGate
from foedus.model.identifiers import MemberId

__all__ = ["PlaceRoutes"]

_MAX_DIGITS: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRoutes:
    """Tells a member of its own lanes.

    Attributes:
        gate: Lets members' nodes in.
        place: Returns the answer for a member, a lane and a count, or raises.
    """

    gate: PeerGate
    place: Callable[[MemberId, str, int], bytes]

    def routes(self, edge: Edge) -> list[Route]:
        """Return the one route."""
        endpoint = edge.endpoint(challenged(SIGNATURE_CHALLENGE)(self.answer))
        return [Route(PLACE_PATH, endpoint, methods=["GET"])]

    def answer(self, call: Call) -> Reply:
        """Answer one question."""
        member = self.gate.member(call)
        name, _, count = call.query.partition("=")
        whole = count.isdecimal() and count.isascii() and len(count) <= _MAX_DIGITS
        if name != "count" or not whole:
            raise BadRequestError("count is a number of rows")
        body = self.place(member, call.parts["lane"], int(count))
        return Reply(
            body=body, media_type="application/json", headers={"cache-control": "no-store"}
        )
