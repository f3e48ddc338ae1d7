"""What the server does besides TAXII: who comes in, what is said to whom, what is logged."""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import foedus.exchange
import foedus.node.heads
from foedus.errors import FoedusError
from foedus.exchange.errors import BindError, CertificateError, ExchangeError
from foedus.exchange.http_signature import SignableRequest, sign_request
from foedus.exchange.run import bind
from foedus.exchange.server.edge import MAX_SMALL_BODY_BYTES
from foedus.exchange.server.errors import ANSWERS, answer_to
from foedus.model.identifiers import MemberId
from foedus.signing import SigningKey

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live

Lines = Callable[[str], list[dict[str, Any]]]
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
GENERIC = {
    "title": "Authentication is required",
    "error_code": "exchange.signature",
    "http_status": "401",
}


def node_key(member: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(f"node {member}".encode()).digest())


Tamper = Callable[["Live", dict[str, str], dict[str, Any]], None]


def _body(_live: Live, _headers: dict[str, str], request: dict[str, Any]) -> None:
    request["content"] = b"another head"


def _path(live: Live, headers: dict[str, str], _request: dict[str, Any]) -> None:
    headers.update(live.signed("POST", "/foedus/heads", body=b"a head"))


def _query(_live: Live, _headers: dict[str, str], request: dict[str, Any]) -> None:
    request["params"] = {"a": "1"}


def _replay(live: Live, headers: dict[str, str], _request: dict[str, Any]) -> None:
    assert live.http.post("/foedus/head", content=b"a head", headers=headers).status_code == 204


def _old(live: Live, _headers: dict[str, str], _request: dict[str, Any]) -> None:
    live.clock.instant += timedelta(seconds=61)


def _unknown(live: Live, headers: dict[str, str], _request: dict[str, Any]) -> None:
    headers.update(live.signed("POST", "/foedus/head", member=MemberId("XZ"), body=b"a head"))


def _another_member(_live: Live, headers: dict[str, str], _request: dict[str, Any]) -> None:
    before, after = node_key("XB").public.key_id, node_key("XC").public.key_id
    headers["signature-input"] = headers["signature-input"].replace(before, after)


def _audience(live: Live, headers: dict[str, str], _request: dict[str, Any]) -> None:
    request = SignableRequest(method="POST", path="/foedus/head", query="", body=b"a head")
    headers.update(
        sign_request(
            request,
            audience=XC,
            key=node_key("XB"),
            at=live.clock.now(),
            nonce=live.random(16),
        )
    )


def _no_digest(_live: Live, headers: dict[str, str], _request: dict[str, Any]) -> None:
    del headers["content-digest"]


def _nothing(_live: Live, headers: dict[str, str], _request: dict[str, Any]) -> None:
    headers.clear()


REFUSED: list[tuple[str, Tamper, str]] = [
    ("changed body", _body, "wrong-digest"),
    ("changed path", _path, "bad-signature"),
    ("changed query", _query, "bad-signature"),
    ("replayed nonce", _replay, "nonce-replayed"),
    ("old created", _old, "outside-window"),
    ("unknown key", _unknown, "unknown-key"),
    ("key of another member", _another_member, "bad-signature"),
    ("wrong audience", _audience, "wrong-audience"),
    ("missing digest", _no_digest, "header-missing"),
    ("no signature at all", _nothing, "header-missing"),
]


@pytest.mark.parametrize(("name", "tamper", "reason"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_badly_signed_request_learns_nothing_and_our_log_says_why(
    live: Live, log_lines: Lines, name: str, tamper: Tamper, reason: str
) -> None:
    headers = live.signed("POST", "/foedus/head", body=b"a head")
    request: dict[str, Any] = {"content": b"a head"}
    tamper(live, headers, request)
    answer = live.http.post("/foedus/head", headers=headers, **request)
    assert answer.status_code == 401, name
    assert answer.json() == GENERIC
    assert answer.headers["www-authenticate"] == 'Signature realm="foedus"'
    assert reason not in answer.text
    assert log_lines("refused")[-1]["reason"] == reason


def test_an_acknowledgement_is_handed_over_as_it_came(live: Live) -> None:
    with live.client() as client:
        client.deliver_head(live.endpoint(), b"a head of XB")
    assert live.heads == [(XB, b"a head of XB")]


def test_a_refused_acknowledgement_does_not_say_what_we_hold(live: Live) -> None:
    headers = live.signed("POST", "/foedus/head", body=b"refuse this")
    answer = live.http.post("/foedus/head", content=b"refuse this", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (422, "The request is refused")
    assert "secret" not in answer.text


def test_an_error_of_ours_shows_only_an_id_that_stands_in_the_log(
    live: Live, log_lines: Lines
) -> None:
    headers = live.signed("POST", "/foedus/head", body=b"break")
    answer = live.http.post("/foedus/head", content=b"break", headers=headers)
    assert answer.status_code == 500
    body = answer.json()
    assert body.keys() == {"title", "error_id", "http_status"}
    fault = log_lines("fault")[-1]
    assert (fault["error_id"], fault["kind"]) == (body["error_id"], "RuntimeError")
    assert "something we hold" not in answer.text + json.dumps(fault)


def test_open_resources_say_little(live: Live) -> None:
    assert live.http.get("/health").json() == {"ok": True}
    assert live.http.get("/foedus/credence").json() == {"credence": True}
    for path in ("/peers/", "/tools/", "/taxii2/", "/ledger/checkpoint"):
        answer = live.http.get(path)
        assert answer.status_code == 401, path
        assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("path", ["/", "/peersons", "/nothing", "/tools/objects/", "/docs"])
def test_what_is_nowhere_is_answered_as_taxii_says(live: Live, path: str) -> None:
    answer = live.http.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"title": "Not Found", "http_status": "404"}
    assert answer.headers["content-type"] == "application/taxii+json;version=2.1"


@pytest.mark.parametrize("path", ["/peers", "/tools", "/taxii2", "/tools/collections", "/peers/x"])
def test_a_taxii_path_without_its_last_slash_is_told_so(live: Live, path: str) -> None:
    answer = live.http.get(path)
    assert answer.status_code == 404
    assert "ends with a slash" in answer.json()["description"]


def test_a_method_that_a_resource_does_not_have_is_named(live: Live) -> None:
    answer = live.http.put("/health")
    assert (answer.status_code, answer.json()["title"]) == (405, "Method Not Allowed")
    assert "GET" in answer.headers["allow"]


def test_the_server_does_not_name_itself(live: Live) -> None:
    assert "server" not in live.http.get("/health").headers


def test_a_body_larger_than_announced_or_allowed_is_refused_early(live: Live) -> None:
    body = b"x" * (MAX_SMALL_BODY_BYTES + 1)
    headers = live.signed("POST", "/foedus/head", body=body)
    assert live.http.post("/foedus/head", content=body, headers=headers).status_code == 413
    chunks = (body[start : start + 4096] for start in range(0, len(body), 4096))
    assert live.http.post("/foedus/head", content=chunks, headers=headers).status_code == 413


def test_the_log_names_routes_and_ids_only(live: Live, log_lines: Lines) -> None:
    live.as_tool("/tools/?added_after=2026-11-24T10:00:00Z")
    line = log_lines("request")[-1]
    assert line.keys() == {"event", "method", "route", "status", "body_bytes", "micros"}
    assert line["route"] == "/tools/"


def test_ledger_files_go_to_members_and_tools_and_full_tiles_are_for_ever(live: Live) -> None:
    live.files.held = {
        "checkpoint": b"xa.example/log\n3\n",
        "tile/0/000": bytes(8192),
        "tile/0/001.p/3": bytes(96),
        "tile/entries/x001/000": b"entries",
    }
    with live.client() as client:
        assert client.ledger_file(live.endpoint(), "checkpoint") == b"xa.example/log\n3\n"
        assert client.ledger_file(live.endpoint(), "tile/entries/x001/000") == b"entries"
    checkpoint = live.as_tool("/ledger/checkpoint")
    assert checkpoint.headers["cache-control"] == "no-cache"
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    full, partial = live.as_tool("/ledger/tile/0/000"), live.as_tool("/ledger/tile/0/001.p/3")
    assert "immutable" in full.headers["cache-control"]
    assert full.headers["content-type"] == "application/octet-stream"
    assert partial.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["tile/0/002", "guard", "../node.sqlite", "%2e%2e/node.sqlite", "tile/0/000/x", ""]
)
def test_nothing_but_the_log_is_had_from_the_ledger(live: Live, path: str) -> None:
    answer = live.as_tool(f"/ledger/{path}")
    assert answer.status_code == 404
    assert answer.json()["title"] in {"There is no such resource", "Not Found"}


def test_credentials_that_are_none_are_refused_alike(live: Live) -> None:
    for header in ("", "Bearer", "Bearer nonsense", "Basic !!!", "Basic YQ==", "Basic YTo=",
                   "Digest x", "Bearer " + "x" * 600):  # fmt: skip
        answer = live.http.get("/tools/", headers={"authorization": header})
        assert answer.status_code == 401, header
        assert answer.json()["title"] == "Authentication is required"
        challenges = answer.headers["www-authenticate"]
        assert challenges.startswith('Basic realm="foedus"')
        assert challenges.endswith('Bearer realm="foedus"')


def _codes() -> set[str]:
    """Return the code of every error class of every folder."""
    for module in pkgutil.walk_packages(foedus.exchange.__path__, "foedus.exchange."):
        importlib.import_module(module.name)
    pending, codes = [FoedusError], set()
    while pending:
        error = pending.pop()
        codes.add(error.code)
        pending += error.__subclasses__()
    return codes


def test_every_error_of_the_exchange_has_an_answer_and_every_answer_an_error() -> None:
    codes = _codes()
    exchange = {code for code in codes if code.startswith("exchange.")}
    # Not of a request.
    exchange -= {BindError.code, CertificateError.code, "exchange.webhook_address"}
    assert exchange <= ANSWERS.keys()
    spoken = {code for code in ANSWERS if not code.startswith("store.")}
    assert spoken <= codes


def test_an_error_without_a_row_is_one_of_ours() -> None:
    class NewError(FoedusError):
        code = "somewhere.new"

    assert answer_to(NewError("what we hold")).status == 500
    assert not answer_to(NewError("what we hold")).text
    assert answer_to(ExchangeError("x")).status == 500


def test_only_this_machine_is_listened_on_unless_a_proxy_is_said_to_stand_in_front() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "2001:db8::1"):  # noqa: S104  that is the point
        with pytest.raises(BindError, match="plain HTTP"):
            bind(host, 0)
    with pytest.raises(BindError, match="not an IP address"):
        bind("node.example", 0)
    for host in ("127.0.0.1", "localhost"):
        bind(host, 0).close()
    bind("0.0.0.0", 0, behind_tls_proxy=True).close()  # noqa: S104  that is the point
    with bind("127.0.0.1", 0) as first, pytest.raises(BindError, match="cannot listen"):
        bind("127.0.0.1", first.getsockname()[1])


PROGRAM = """
import sys, time
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from foedus.exchange.run import bind, serve

def slow(request):
    print("begun", flush=True)
    time.sleep(0.5)
    return PlainTextResponse("done")

listening = bind("127.0.0.1", 0)
print(listening.getsockname()[1], flush=True)
serve(Starlette(routes=[Route("/slow", slow)]), listening)
print("cleaned up", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_is_under_way_end_and_returns(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        _await_listening(port)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert process.stdout.readline() == "begun\n"
            process.send_signal(number)
            answer = b""
            while chunk := connection.recv(4096):
                answer += chunk
        assert answer.endswith(b"done")
        assert process.stdout.read() == "cleaned up\n"
        assert process.wait(10) == 0


def _await_listening(port: int) -> None:
    """Wait until the server answers, so that its signal handlers are in place."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=5)
        except httpx.HTTPError:
            continue
        return
    pytest.fail("the server did not start")
