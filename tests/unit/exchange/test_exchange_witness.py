"""Witnessing and the comparison of heads over HTTP: statuses, types, bounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foedus.exchange import peer_client
from foedus.exchange.http_signature import RequestVerifier
from foedus.exchange.server.edge import MAX_SMALL_BODY_BYTES, Edge
from foedus.exchange.server.taxii_peers import PeerGate
from foedus.exchange.server.witness import WitnessFace, WitnessRoutes
from foedus.ledger.errors import ForkError, WitnessError
from foedus.model.identifiers import MemberId
from foedus.node.errors import NotFoundError, RecoveringError
from foedus.node.gossip_format import MAX_HEADS_BYTES
from foedus.node.peer_ports import PeerEndpoint, PeerError, WitnessAnswer

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live, Loopback

XA, XB = MemberId("XA"), MemberId("XB")
NAME = "0" * 64
STRANGE = b"strange"


@dataclass(slots=True)
class Face:
    """A node that answers as a test says."""

    refusal: Exception | None = None
    forks: list[tuple[MemberId, bytes]] = field(default_factory=list)

    def add(self, _body: bytes) -> bytes:
        if self.refusal is not None:
            raise self.refusal
        return b"lines\n"

    def cosigned(self, name: str) -> bytes:
        if name != NAME:
            raise NotFoundError(name)
        return b"a head\n"

    def take(self, member: MemberId, proof: bytes) -> None:
        if proof == STRANGE:
            raise ForkError("proves nothing")
        self.forks.append((member, proof))


@pytest.fixture
def face(live: Live, loopback: Loopback) -> Face:
    """Put the routes of a witness, and nothing else, on the line."""
    made = Face()
    gate = PeerGate(
        verifier=RequestVerifier(audience=XA, peer_key=lambda key_id, _at: live.keys.get(key_id)),
        clock=live.clock,
        base_path="",
    )
    routes = WitnessRoutes(
        gate=gate,
        face=WitnessFace(
            add_checkpoint=made.add,
            cosigned=made.cosigned,
            heads=lambda: b"{}",
            take_fork=made.take,
        ),
    )
    loopback.app = Starlette(routes=routes.routes(Edge(random=live.random)))
    return made


@pytest.mark.parametrize(
    ("refusal", "status", "body", "media_type"),
    [
        (None, 200, b"lines\n", "text/plain; charset=utf-8"),
        (WitnessError("malformed", status=400), 400, b"malformed\n", "text/plain; charset=utf-8"),
        (WitnessError("not signed", status=403), 403, None, "text/plain; charset=utf-8"),
        (WitnessError("unknown", status=404), 404, None, "text/plain; charset=utf-8"),
        (WitnessError("at 7", status=409, size=7), 409, b"7\n", "text/x.tlog.size"),
        (WitnessError("at 0", status=409, size=0), 409, b"0\n", "text/x.tlog.size"),
        (WitnessError("not consistent", status=422), 422, None, "text/plain; charset=utf-8"),
        (RecoveringError("restored"), 503, None, None),
    ],
)
def test_the_answers_of_the_protocol(
    live: Live,
    face: Face,
    refusal: Exception | None,
    status: int,
    body: bytes | None,
    media_type: str | None,
) -> None:
    face.refusal = refusal
    answer = live.http.post("/witness/add-checkpoint", content=b"old 0\n")
    assert answer.status_code == status
    assert body is None or answer.content == body
    assert media_type is None or answer.headers["content-type"] == media_type
    if status in {200, 400, 403, 404, 409, 422}:
        with live.client() as client:
            told = client.add_checkpoint(live.endpoint(), b"old 0\n")
        assert told == WitnessAnswer(status=status, body=answer.content)
    else:
        with live.client() as client, pytest.raises(PeerError):
            client.add_checkpoint(live.endpoint(), b"old 0\n")


def test_a_request_is_read_up_to_a_bound(live: Live, face: Face) -> None:
    assert face.forks == []
    large = live.http.post("/witness/add-checkpoint", content=bytes(MAX_SMALL_BODY_BYTES + 1))
    assert large.status_code == 413
    assert live.http.get("/witness/add-checkpoint").status_code == 405


def test_a_cosigned_head_is_shown_to_anybody(live: Live, face: Face) -> None:
    assert face.refusal is None
    shown = live.http.get(f"/witness/{NAME}/checkpoint")
    assert (shown.status_code, shown.content) == (200, b"a head\n")
    assert live.http.get("/witness/" + "1" * 64 + "/checkpoint").status_code == 404


def test_heads_and_proofs_are_for_members_only(live: Live, face: Face) -> None:
    assert live.http.get("/foedus/heads").status_code == 401
    assert live.http.post("/foedus/heads", content=b"proof").status_code == 401
    with live.client() as client:
        assert client.heads(live.endpoint()) == b"{}"
        client.deliver_fork(live.endpoint(), b"proof")
        with pytest.raises(PeerError, match="422"):
            client.deliver_fork(live.endpoint(), STRANGE)
    assert face.forks == [(XB, b"proof")]


def test_a_node_that_was_given_no_face_witnesses_nobody(live: Live) -> None:
    assert live.http.post("/witness/add-checkpoint", content=b"old 0\n").status_code == 404
    assert live.http.get(f"/witness/{NAME}/checkpoint").status_code == 404


def _peer(loopback: Loopback, answers: Callable[[Request], Response]) -> PeerEndpoint:
    loopback.app = Starlette(routes=[Route("/{path:path}", answers, methods=["GET", "POST"])])
    return PeerEndpoint(member=XA, address=loopback.base)


@pytest.mark.parametrize("status", [201, 204, 301, 401, 418, 500, 503])
def test_a_status_outside_the_protocol_is_no_answer(
    live: Live, loopback: Loopback, status: int
) -> None:
    peer = _peer(loopback, lambda _request: Response(b"x", status_code=status))
    with live.client() as client, pytest.raises(PeerError):
        client.add_checkpoint(peer, b"old 0\n")


def test_a_witness_that_hangs_is_given_up_soon(
    live: Live, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_client, "WITNESS_TIMEOUT_S", 0.1)

    def hang(_request: Request) -> Response:
        time.sleep(0.5)
        return Response(b"late")

    peer = _peer(loopback, hang)
    started = time.monotonic()
    with live.client() as client, pytest.raises(PeerError, match="in time"):
        client.add_checkpoint(peer, b"old 0\n")
    assert time.monotonic() - started < 0.45


def test_answers_are_bounded(live: Live, loopback: Loopback) -> None:
    peer = _peer(loopback, lambda _request: Response(bytes(MAX_HEADS_BYTES + 1)))
    with live.client() as client:
        with pytest.raises(PeerError, match="more than"):
            client.add_checkpoint(peer, b"old 0\n")
        with pytest.raises(PeerError, match="more than"):
            client.heads(peer)
