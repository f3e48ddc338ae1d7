"""This node as a witness, and the comparison of log heads among members.

``POST /witness/add-checkpoint``            asks for a cosignature; open to everybody
``GET /witness/<origin hash>/checkpoint``   the head of a log cosigned last; open to everybody
``GET /foedus/heads``                       the log heads and proofs of forks known; signed request
``POST /foedus/heads``                      a member hands over a proof of a fork; signed request

A request to cosign has no authentication but the log's own signature on its checkpoint, as the
specification has it. Members use the same form; so may any monitor.

Spec: C2SP tlog-witness.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from foedus.exchange.errors import NoSuchResourceError
from foedus.exchange.lane_names import HEADS_PATH, WITNESS_PATH
from foedus.exchange.server.edge import Call, Edge, Reply, challenged
from foedus.exchange.server.taxii_peers import SIGNATURE_CHALLENGE, PeerGate
from foedus.ledger.errors import WitnessError
from foedus.model.identifiers import MemberId

__all__ = ["WitnessFace", "WitnessRoutes"]

_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"


def _witnesses_nobody(_body: bytes) -> bytes:
    raise WitnessError("this node witnesses nobody", status=404)


def _cosigned_nothing(_name: str) -> bytes:
    raise NoSuchResourceError("nothing was cosigned here")


def _no_heads() -> bytes:
    raise NoSuchResourceError("no heads are told here")


def _no_fork(_member: MemberId, _proof: bytes) -> None:
    raise NoSuchResourceError("no proofs are taken here")


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessFace:
    """What these routes are given; every callable may be called from several threads.

    Attributes:
        add_checkpoint: Judges a request, stores, and returns the lines, or raises ``WitnessError``.
        cosigned: Returns a cosigned head by the hash of its origin, or raises.
        heads: Returns the document of known heads.
        digest: Returns the digest of them, for headers; "" for none.
        take_fork: Takes a proof of a fork from a member, or raises.
    """

    add_checkpoint: Callable[[bytes], bytes] = _witnesses_nobody
    cosigned: Callable[[str], bytes] = _cosigned_nothing
    heads: Callable[[], bytes] = _no_heads
    digest: Callable[[], str] = str
    take_fork: Callable[[MemberId, bytes], None] = _no_fork


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessRoutes:
    """Serves them.

    Attributes:
        gate: Lets members' nodes in.
        face: What the node gives.
    """

    gate: PeerGate
    face: WitnessFace

    def routes(self, edge: Edge) -> list[Route]:
        """Return the routes."""
        signed = challenged(SIGNATURE_CHALLENGE)
        add = f"{WITNESS_PATH}/add-checkpoint"
        cosigned = WITNESS_PATH + "/{origin}/checkpoint"
        return [
            Route(add, edge.endpoint(self.add_checkpoint), methods=["POST"]),
            Route(cosigned, edge.endpoint(self.checkpoint), methods=["GET"]),
            Route(HEADS_PATH, edge.endpoint(signed(self.heads)), methods=["GET"]),
            Route(HEADS_PATH, edge.endpoint(signed(self.fork)), methods=["POST"]),
        ]

    def add_checkpoint(self, call: Call) -> Reply:
        """Answer a request to cosign. Spec: C2SP tlog-witness, "add-checkpoint"."""
        try:
            body = self.face.add_checkpoint(call.body)
        except WitnessError as error:
            return Reply(body=error.body, status=error.status, media_type=error.media_type)
        return Reply(body=body, media_type=_TEXT)

    def checkpoint(self, call: Call) -> Reply:
        """Show a cosigned head. Spec: C2SP tlog-witness, "Monitor Retrieval Mechanism"."""
        body = self.face.cosigned(call.parts["origin"])
        return Reply(body=body, media_type=_TEXT, headers={"cache-control": "no-cache"})

    def heads(self, call: Call) -> Reply:
        """Tell a member the heads and proofs known here."""
        self.gate.member(call)
        return Reply(body=self.face.heads(), media_type=_JSON)

    def fork(self, call: Call) -> Reply:
        """Take a proof of a fork; whoever takes it verifies it."""
        member = self.gate.member(call)
        self.face.take_fork(member, call.body)
        return Reply(body=b"", status=204)
