"""Wires the HTTP face of one node.

=========================  =====================================================================
``/taxii2/``               discovery (TAXII 2.1 §4.1), for whoever has a key or a token
``/peers/…``               lanes, for other members' nodes; signed requests
``/api/v1/…``              casework: orders, requests, consents, challenges; tokens
``/tools/…``               held items and drafts, for own tools; tokens
``/ledger/…``              checkpoint and tiles, for both
``/mirror/…``              the same of other members' logs, as copied here, for both
``/foedus/head``           a member hands over its acknowledgement of a lane; signed request
``/foedus/returned/…``     a member asks for what it gave us; signed request
``/foedus/lanes/…``        a member asks what its lane was after some rows; signed request
``/foedus/heads``          members compare log heads, hand over proofs of forks; signed request
``/witness/…``             this node as a witness of others' logs; open, as its protocol has it
``/foedus/credence``       this node's letter of credence; open, since it is what introduces us
``/health``                says only whether the node answers; open
=========================  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from foedus.exchange.http_signature import RequestVerifier
from foedus.exchange.lane_names import API_PATH, CREDENCE_PATH, HEAD_PATH, PEERS_PATH, TOOLS_PATH
from foedus.exchange.server import resources
from foedus.exchange.server.casework import CaseworkRoutes
from foedus.exchange.server.casework_repeat import Repeats
from foedus.exchange.server.credentials import TOKEN_CHALLENGES, Credentials
from foedus.exchange.server.edge import Call, Edge, Reply, challenged
from foedus.exchange.server.errors import PROBLEM_TYPE, error_resource, problem_of
from foedus.exchange.server.lane_places import PlaceRoutes
from foedus.exchange.server.ledger import LedgerRoutes
from foedus.exchange.server.media import TAXII_TYPE, check_accept
from foedus.exchange.server.mirror import MirrorRoutes
from foedus.exchange.server.paging import NextToken
from foedus.exchange.server.quick_routes import QuickRoutes
from foedus.exchange.server.returned import ReturnRoutes
from foedus.exchange.server.services import NodeServices
from foedus.exchange.server.taxii import Root, TaxiiResources
from foedus.exchange.server.taxii_peers import SIGNATURE_CHALLENGE, PeerGate, PeersRoot
from foedus.exchange.server.taxii_tools import ToolsRoot
from foedus.exchange.server.waiting import WaitingRoom
from foedus.exchange.server.witness import WitnessRoutes
from foedus.node.serve_lane import LaneRules
from foedus.node.stand_ins import StandIns

__all__ = ["build_app"]

_JSON = "application/json"


def build_app(services: NodeServices) -> Starlette:
    """Return the ASGI application of one node. Nothing is opened or started by it."""
    identity = services.identity
    room = WaitingRoom(services.database)
    edge = Edge(random=services.random, room=room, at_hand=services.database.at_hand)
    gate = PeerGate(
        verifier=RequestVerifier(
            audience=identity.member, peer_key=services.peer_key, shared=services.nonce_is_new
        ),
        clock=services.clock,
        base_path=urlsplit(identity.address).path.rstrip("/"),
    )
    peers = PeersRoot(
        gate=gate,
        database=services.database,
        lane_head=services.lane_head,
        rules=LaneRules(
            why_closed=services.why_closed, stand_ins=StandIns(identity=services.identity)
        ),
        heads_digest=services.witness.digest,
        keys=services.member_keys,
        member=identity.member,
        title=f"{identity.name}: members",
    )
    tools = ToolsRoot(
        gate=Credentials(
            database=services.database,
            member=identity.member,
            clock=services.clock,
            exercise=identity.exercise,
        ),
        database=services.database,
        secret=identity.secret,
        member=identity.member,
        clock=services.clock,
        accept_drafts=services.accept_drafts,
        tally=services.tally,
        require_purpose=services.require_purpose,
        title=f"{identity.name}: tools",
    )
    face = _Face(services=services, peers=peers, tools=tools)
    token = NextToken.of_secret(identity.secret)
    routes = face.routes(edge)
    for root in (tools, peers):
        routes += TaxiiResources(
            root=root,
            token=token,
            database=services.database,
            clock=services.clock,
            random=services.random,
        ).routes(edge)
    quick = QuickRoutes(routes)
    routes += LedgerRoutes(
        files=services.ledger, admit=face.admit, public=services.ledger_public
    ).routes(edge)
    routes += ReturnRoutes(gate=gate, returned=services.returned).routes(edge)
    routes += PlaceRoutes(gate=gate, place=services.lane_place).routes(edge)
    routes += MirrorRoutes(named=services.mirror, admit=face.admit).routes(edge)
    routes += WitnessRoutes(gate=gate, face=services.witness).routes(edge)
    routes += CaseworkRoutes(
        gate=tools.gate,
        repeats=Repeats(database=services.database, clock=services.clock, secret=identity.secret),
        desk=services.casework,
    ).routes(edge)
    app = _NodeApp(routes=routes, exception_handlers={HTTPException: _no_route})
    app.quick = quick
    app.state.end_waits = room.close  # called by whoever runs it, before it waits for answers
    app.router.redirect_slashes = False  # a signature is over the path as it was called
    return app


class _NodeApp(Starlette):
    """Answers what is asked most without trying route after route."""

    quick: QuickRoutes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.quick is not None:
            endpoint = self.quick.find(scope)
            if endpoint is not None:
                await endpoint(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Face:
    """What is not a TAXII root."""

    services: NodeServices
    peers: PeersRoot
    tools: ToolsRoot

    def routes(self, edge: Edge) -> list[Route]:
        """Return discovery, acknowledgement, credence and health."""
        signed = challenged(SIGNATURE_CHALLENGE)
        either = challenged(SIGNATURE_CHALLENGE, *TOKEN_CHALLENGES)
        return [
            Route("/taxii2/", edge.endpoint(either(self.discovery)), methods=["GET"]),
            Route(HEAD_PATH, edge.endpoint(signed(self.head)), methods=["POST"]),
            Route(CREDENCE_PATH, edge.endpoint(self.credence), methods=["GET"]),
            Route("/health", edge.endpoint(self.health), methods=["GET"]),
        ]

    def admit(self, call: Call) -> Root:
        """Authenticate a member's node or a tool, and say which root is theirs."""
        signed = call.certificate is None or call.header("signature-input") is not None
        if call.header("authorization") is None and signed:
            self.peers.gate.member(call)
            return self.peers
        self.tools.gate.caller(call)
        return self.tools

    def discovery(self, call: Call) -> Reply:
        """Tell the caller which API root is theirs. Spec: TAXII 2.1 §4.1."""
        root = self.admit(call)
        check_accept(call.header("accept"))
        identity = self.services.identity
        url = identity.address.rstrip("/") + root.path
        return Reply(body=resources.discovery(identity.name, [url]))

    def head(self, call: Call) -> Reply:
        """Take a member's acknowledgement; what it says is checked by whom it is handed to."""
        member = self.peers.gate.member(call)
        self.services.accept_head(member, call.body)
        return Reply(body=b"", status=204)

    def credence(self, call: Call) -> Reply:  # noqa: ARG002  a handler takes its call
        """Show this node's letter of credence."""
        return Reply(body=self.services.credence(), media_type=_JSON)

    def health(self, call: Call) -> Reply:  # noqa: ARG002  a handler takes its call
        """Say whether the store answers; anything wrong is a fault, answered with 500."""
        with self.services.database.read() as tx:
            tx.ledger.count()
        return Reply(body=b'{"ok":true}', media_type=_JSON)


_TAXII_PATHS = ("/taxii2", TOOLS_PATH.rstrip("/"), PEERS_PATH.rstrip("/"))
_SLASH = "every path of TAXII ends with a slash, and this one does not"


def _no_route(request: Request, error: Exception) -> Response:
    """Answer what no route took."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    path = request.url.path
    bare = path in _TAXII_PATHS or path.startswith(tuple(f"{each}/" for each in _TAXII_PATHS))
    hint = _SLASH if status == HTTPStatus.NOT_FOUND and bare and not path.endswith("/") else ""
    body = error_resource(status, HTTPStatus(status).phrase, description=hint)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    api = path.startswith(API_PATH)
    response = Response(
        problem_of(body, status) if api else body, status_code=status, headers=headers
    )
    response.headers["content-type"] = PROBLEM_TYPE if api else TAXII_TYPE
    return response
