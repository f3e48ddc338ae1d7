"""The client towards peers: exact bytes come back, and no answer can hurt."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from foedus.clock import FixedClock
from foedus.exchange.lane_names import lane_collection_id
from foedus.exchange.peer_client import (
    MAX_LEDGER_FILE_BYTES,
    HTTPPeerClient,
    fetch_credence,
)
from foedus.exchange.run import bind, serving
from foedus.exchange.server import NodeServices, build_app
from foedus.model.identifiers import MemberId
from foedus.node.identity import NodeIdentity
from foedus.node.peer_ports import PeerEndpoint, PeerError
from foedus.signing import SigningKey

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live, Loopback

Answers = Callable[[Request], Response]
XA, XB = MemberId("XA"), MemberId("XB")
TAXII = "application/taxii+json;version=2.1"
LAST = "2026-11-24T10:00:00.000000Z"
HEAD = base64.b64encode(b"a head").decode()
NOTE = (
    b'{"type":"note","spec_version":"2.1",  "id":"note--00000000-0000-4000-8000-%012d",'
    b'"created":"2026-11-01T08:00:00Z","modified":"2026-11-01T08:00:00Z",'
    b'"content":"\\u00e9 \xc3\xa9","object_refs":["note--00000000-0000-4000-8000-000000000000"]}'
)
"""White space and escapes that no encoder of ours would write."""
GOOD = {
    "content-type": TAXII,
    "x-taxii-date-added-last": LAST,
    "foedus-lane-head": HEAD,
}


def client() -> HTTPPeerClient:
    def key(name: str) -> SigningKey:
        return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())

    identity = NodeIdentity(
        member=XB,
        name="XB",
        address="https://xb.example",
        exercise=True,
        authority=None,
        node=key("node"),
        log=key("log"),
        log_origin="xb.example/log",
        secret=bytes(32),
    )
    clock = FixedClock(datetime(2026, 11, 24, 10, 0, tzinfo=UTC))
    return HTTPPeerClient(identity, clock=clock, random=lambda size: b"r" * size)


@pytest.fixture
def peer_that(loopback: Loopback) -> Callable[[Answers], PeerEndpoint]:
    """Return a function that makes a peer whose every resource answers like this."""

    def make(answers: Answers) -> PeerEndpoint:
        routes = [Route("/{path:path}", answers, methods=["GET", "POST"])]
        loopback.app = Starlette(routes=routes)
        return PeerEndpoint(member=XA, address=loopback.base)

    return make


def test_a_lane_comes_back_byte_for_byte_page_after_page(live: Live) -> None:
    notes = [NOTE % number for number in range(5)]
    document = live.disclose(notes)
    got: list[bytes] = []
    added_after = ""
    pages = 0
    with live.client() as peer_client:
        while True:
            page = peer_client.lane_page(live.endpoint(), "bulk", added_after=added_after, limit=4)
            got += page.objects
            pages += 1
            assert page.head == b"XB bulk 6"
            if not page.more:
                break
            added_after = page.last_added
        again = peer_client.lane_page(live.endpoint(), "bulk", added_after=page.last_added, limit=4)
    assert pages == 2
    assert got == [document, *notes]
    assert (again.objects, again.more, again.last_added) == ((), False, "")


def test_an_empty_lane_is_an_empty_page_with_its_head(live: Live) -> None:
    with live.client() as peer_client:
        for lane in ("instruments", "orders", "bulk"):
            page = peer_client.lane_page(live.endpoint(), lane, added_after="", limit=10)
            assert (page.objects, page.more, page.head) == ((), False, f"XB {lane} 0".encode())


def test_a_member_sees_its_own_lanes_only(live: Live) -> None:
    live.disclose([], member=MemberId("XC"))
    with live.client() as peer_client:
        page = peer_client.lane_page(live.endpoint(), "bulk", added_after="", limit=10)
    assert page.objects == ()
    for resource in ("", "objects/", "manifest/"):
        foreign = live.lane_url("bulk", MemberId("XC")) + resource
        absent = live.lane_url("bulk", MemberId("XZ")) + resource
        one, other = live.as_member(foreign), live.as_member(absent)
        assert one.status_code == other.status_code == 404
        assert one.content == other.content


def test_a_node_that_is_not_a_member_is_told_so_plainly(live: Live) -> None:
    with live.client(MemberId("XZ")) as stranger, pytest.raises(PeerError, match="signature"):
        stranger.lane_page(live.endpoint(), "bulk", added_after="", limit=1)


def test_an_address_with_a_path_works_behind_a_proxy_that_takes_it_off(live: Live) -> None:
    """The path is signed as called; the server puts back what its own address says."""

    def fail(*_: object) -> None:
        raise AssertionError

    identity = NodeIdentity(
        member=XA,
        name="XA",
        address="https://example.org/nodes/xa/",
        exercise=True,
        authority=None,
        node=live.identity.node,
        log=live.identity.log,
        log_origin="x",
        secret=bytes(32),
    )
    app = build_app(
        NodeServices(
            database=live.database,
            identity=identity,
            clock=live.clock,
            ledger=live.files,
            peer_key=lambda key_id, _at: live.keys.get(key_id),
            lane_head=lambda _tx, _member, _lane: b"head",
            why_closed=lambda _tx, _member, _treaty: "",
            accept_head=fail,
            accept_drafts=lambda _post: (),
            credence=lambda: b"{}",
        )
    )
    called = "/nodes/xa/peers/"
    headers = live.signed("GET", called)
    with serving(app, bind("127.0.0.1", 0)) as base:
        answer = httpx.get(base + "/peers/", headers=headers, trust_env=False)
        assert answer.status_code == 200
        headers = {**live.signed("GET", "/nodes/xa/taxii2/")}
        found = httpx.get(base + "/taxii2/", headers=headers, trust_env=False).json()
    assert found["default"] == "https://example.org/nodes/xa/peers/"


def test_a_credence_is_had_without_being_known(live: Live) -> None:
    assert fetch_credence(live.base) == b'{"credence":true}'


def _page(body: bytes, **changed: str) -> Answers:
    headers = {**GOOD, **{name.replace("_", "-"): value for name, value in changed.items()}}

    def answer(_request: Request) -> Response:
        response = Response(body)
        for name, value in headers.items():
            if value:
                response.headers[name] = value
        return response

    return answer


def _endless(_request: Request) -> Response:
    def chunks() -> Iterator[bytes]:
        while True:
            yield bytes(1 << 20)

    return StreamingResponse(chunks(), headers=GOOD)


def _status(status: int) -> Answers:
    return lambda _request: Response(b'{"title":"their words"}', status_code=status)


ONE = b'{"objects":[{"id":"x"}]}'
BAD: list[tuple[str, Answers, str]] = [
    ("not JSON", _page(b"<html>"), "no TAXII envelope"),
    ("not an envelope", _page(b"[1]"), "no TAXII envelope"),
    ("objects that are none", _page(b'{"objects":7}'), "no TAXII envelope"),
    ("deep nesting", _page(b'{"objects":[' + b"[" * 100_000), "no TAXII envelope"),
    ("another media type", _page(ONE, content_type="application/json"), "media type"),
    ("no date of the last object", _page(ONE, x_taxii_date_added_last=""), "does not add up"),
    ("more, and nothing", _page(b'{"more":true}'), "does not add up"),
    ("more objects than asked for", _page(b'{"objects":[{},{}]}'), "does not add up"),
    ("no lane head", _page(ONE, foedus_lane_head=""), "without its signed lane head"),
    ("a lane head that is no base64", _page(ONE, foedus_lane_head="!"), "without its signed"),
    ("compressed unasked", _page(ONE, content_encoding="gzip"), "encoding"),
    ("an endless answer", _endless, "more than"),
    ("a redirection", lambda _request: RedirectResponse("/other"), "redirects elsewhere"),
    ("401", _status(401), "signature"),
    ("403", _status(403), "has nothing"),
    ("404", _status(404), "has nothing"),
    ("429", _status(429), "is busy"),
    ("500", _status(500), r"refused the request \(500\)"),
    ("503", _status(503), "is busy"),
    ("204", _status(204), "media type"),
]


@pytest.mark.parametrize(("name", "answers", "says"), BAD, ids=[case[0] for case in BAD])
def test_an_answer_outside_the_protocol_is_refused_in_plain_words(
    peer_that: Callable[[Answers], PeerEndpoint], name: str, answers: Answers, says: str
) -> None:
    with client() as peer_client, pytest.raises(PeerError, match=says) as caught:
        peer_client.lane_page(peer_that(answers), "bulk", added_after="", limit=1)
    assert "their words" not in str(caught.value), name


def test_a_ledger_file_is_bounded(peer_that: Callable[[Answers], PeerEndpoint]) -> None:
    peer = peer_that(lambda _request: Response(bytes(MAX_LEDGER_FILE_BYTES + 1)))
    with client() as peer_client, pytest.raises(PeerError, match="more than"):
        peer_client.ledger_file(peer, "checkpoint")


def test_tls_is_spoken_where_the_address_says_so(
    peer_that: Callable[[Answers], PeerEndpoint],
) -> None:
    """A node without TLS behind an https address is not spoken to in the clear."""
    peer = peer_that(lambda _: Response(b"[]", headers=GOOD))
    secure = PeerEndpoint(member=XA, address=peer.address.replace("http://", "https://"))
    with client() as ours, pytest.raises(PeerError, match="cannot be reached: no TLS connection"):
        ours.lane_page(secure, "bulk", added_after="", limit=10)


def test_a_peer_that_is_not_there_cannot_be_reached() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    peer = PeerEndpoint(member=XA, address=f"http://127.0.0.1:{port}")
    with (
        client() as peer_client,
        pytest.raises(PeerError, match="XA cannot be reached: connection refused"),
    ):
        peer_client.deliver_head(peer, b"head")


@pytest.mark.parametrize(
    "address",
    [
        "http://192.0.2.1",
        "http://node.example",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "https://user:pass@node.example",
        "https://node.example/?a=1",
        "http://[::1",
        "",
    ],
)
def test_an_address_that_would_leave_this_machine_in_the_clear_is_refused(address: str) -> None:
    with client() as peer_client, pytest.raises(PeerError, match="address"):
        peer_client.ledger_file(PeerEndpoint(member=XA, address=address), "checkpoint")


def test_the_request_asks_for_every_version_unfiltered(
    peer_that: Callable[[Answers], PeerEndpoint],
) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return _page(b"{}")(request)

    peer = peer_that(answer)
    with client() as peer_client:
        peer_client.lane_page(peer, "orders", added_after=LAST, limit=7)
    request = seen[0]
    collection = lane_collection_id(XA, XB, "orders")
    assert request.url.path == f"/peers/collections/{collection}/objects/"
    assert dict(request.query_params) == {
        "match[version]": "all",
        "limit": "7",
        "added_after": LAST,
    }
    assert request.headers["accept"] == TAXII
    assert request.headers["foedus-audience"] == "XA"
