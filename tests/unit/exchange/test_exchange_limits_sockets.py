"""Slow, huge and many: what a connection may do, tried on real sockets.

The times are those of a server made for the test; the named limits are longer.
"""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from starlette.types import Receive, Scope, Send

from foedus.exchange.run import bind, serving
from foedus.exchange.server import edge
from foedus.exchange.server.edge import MAX_SMALL_BODY_BYTES
from foedus.exchange.server.limits import Proxies, RequestLimits
from foedus.exchange.server.limits_socket import MAX_HEAD_BYTES, MAX_HEADERS, ConnectionLimits

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live

SHORT_S = 0.4
GET = b"GET /small HTTP/1.1\r\nhost: here\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole body and tell its size; answer long to ``/long``."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"x" * 8_000_000 if scope["path"] == "/long" else b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def server(**limits: float) -> Iterator[tuple[str, int]]:
    values = {"head_s": SHORT_S, "body_s": SHORT_S, "unread_s": SHORT_S, **limits}
    kept = ConnectionLimits(**values)  # type: ignore[arg-type]  # whole numbers are counts
    with serving(echo, bind("127.0.0.1", 0), limits=kept) as url:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        yield parts.hostname, parts.port


@contextmanager
def connected(place: tuple[str, int], source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(place, timeout=5, source_address=(source, 0)) as opened:
        yield opened


def answer(opened: socket.socket) -> bytes:
    """Return everything until the server closes, or resets."""
    read = bytearray()
    try:
        while data := opened.recv(65536):
            read += data
    except ConnectionError:
        pass
    return bytes(read)


def first(opened: socket.socket) -> bytes:
    """Return one answer with a short body."""
    read = b""
    while b"\r\n\r\n" not in read or read.endswith(b"\r\n\r\n"):
        data = opened.recv(65536)
        if not data:
            break
        read += data
    return read


def test_a_request_is_answered_and_its_connection_kept() -> None:
    with server() as place, connected(place) as opened:
        for _ in range(3):
            opened.sendall(GET)
            assert first(opened).startswith(b"HTTP/1.1 200 ")


def test_a_connection_that_says_nothing_is_closed() -> None:
    with server() as place, connected(place) as opened:
        begun = time.monotonic()
        assert answer(opened) == b""
        assert SHORT_S * 0.5 < time.monotonic() - begun < SHORT_S * 5


@pytest.mark.parametrize("before", [b"", GET], ids=["first request", "kept connection"])
def test_a_head_that_drips_is_answered_408_in_time(before: bytes) -> None:
    with server() as place, connected(place) as opened:
        if before:
            opened.sendall(before)
            assert b" 200 " in first(opened)
        opened.sendall(b"GET / HTTP/1.1\r\n")
        begun = time.monotonic()
        for drip in range(100):  # a byte now and then makes it no longer
            time.sleep(SHORT_S / 8)
            try:
                opened.sendall(b"x-%d: y\r\n" % drip)
            except ConnectionError:
                break
            if time.monotonic() - begun > SHORT_S * 1.5:
                break
        assert b"HTTP/1.1 408 " in answer(opened)
        assert time.monotonic() - begun < SHORT_S * 8


def test_empty_lines_between_requests_do_not_keep_a_connection() -> None:
    with server() as place, connected(place) as opened:
        opened.sendall(GET)
        assert b" 200 " in first(opened)
        begun = time.monotonic()
        for _ in range(40):
            try:
                opened.sendall(b"\r\n")
            except ConnectionError:
                break
            time.sleep(SHORT_S / 8)
            if time.monotonic() - begun > SHORT_S * 2:
                break
        assert answer(opened) == b""
        assert time.monotonic() - begun < SHORT_S * 6


def test_a_body_that_drips_is_cut() -> None:
    with server() as place, connected(place) as opened:
        opened.sendall(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 1000\r\n\r\n")
        begun = time.monotonic()
        for _ in range(100):
            time.sleep(SHORT_S / 8)
            try:
                opened.sendall(b"z")
            except ConnectionError:
                break
            if time.monotonic() - begun > SHORT_S * 1.5:
                break
        assert b" 200 " not in answer(opened)
        assert time.monotonic() - begun < SHORT_S * 6


HUGE: list[tuple[str, bytes]] = [
    ("a path", b"GET /" + b"a" * (MAX_HEAD_BYTES + 1) + b" HTTP/1.1\r\nhost: h\r\n\r\n"),
    ("a header", b"GET / HTTP/1.1\r\nx: " + b"a" * (MAX_HEAD_BYTES + 1) + b"\r\n\r\n"),
    ("a header without end", b"GET / HTTP/1.1\r\nx: " + b"a" * 3_000_000),
    ("many headers", b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * (MAX_HEADERS + 1) + b"\r\n"),
    ("headers that add up", b"GET / HTTP/1.1\r\n" + (b"x: " + b"a" * 900 + b"\r\n") * 60 + b"\r\n"),
]


@pytest.mark.parametrize(("name", "request_bytes"), HUGE, ids=[name for name, _ in HUGE])
def test_a_huge_head_is_answered_431(name: str, request_bytes: bytes) -> None:
    with server() as place, connected(place) as opened:
        opened.sendall(request_bytes)
        said = answer(opened)
        assert said.startswith(b"HTTP/1.1 431 "), (name, said[:100])
        assert b"application/taxii+json" in said
        assert b"at most" in said


def test_what_is_no_http_is_answered_400() -> None:
    with server() as place, connected(place) as opened:
        opened.sendall(b"\x16\x03\x01 this is TLS, or worse\r\n\r\n")
        assert answer(opened).startswith(b"HTTP/1.1 400 ")


def test_the_largest_head_allowed_is_read() -> None:
    with server() as place, connected(place) as opened:
        opened.sendall(b"GET / HTTP/1.1\r\nx: " + b"a" * (MAX_HEAD_BYTES - 40) + b"\r\n\r\n")
        assert first(opened).startswith(b"HTTP/1.1 200 ")


def test_one_address_has_so_many_connections_and_another_its_own() -> None:
    with server(per_address=2) as place, connected(place) as one, connected(place) as two:
        for opened in (one, two):
            opened.sendall(GET)
            assert b" 200 " in first(opened)
        with connected(place) as third:
            said = answer(third)
            assert said.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: " in said
        with connected(place, "127.0.0.2") as other:
            other.sendall(GET)
            assert b" 200 " in first(other)
        one.close()
        time.sleep(SHORT_S / 4)
        with connected(place) as again:
            again.sendall(GET)
            assert b" 200 " in first(again)


def test_a_process_has_so_many_connections() -> None:
    with server(connections=2) as place, connected(place) as one, connected(place, "127.0.0.3"):
        one.sendall(GET)
        assert b" 200 " in first(one)
        with connected(place, "127.0.0.2") as third:
            assert answer(third).startswith(b"HTTP/1.1 503 ")
        one.sendall(GET)
        assert b" 200 " in first(one)


def test_who_leaves_an_answer_unread_is_cut() -> None:
    limits = ConnectionLimits(unread_s=SHORT_S)
    with serving(echo, bind("127.0.0.1", 0), limits=limits) as url:
        port = urlsplit(url).port
        assert port is not None
        with connected(("127.0.0.1", port)) as opened:
            opened.sendall(b"GET /long HTTP/1.1\r\nhost: here\r\n\r\n")
            time.sleep(SHORT_S / 2)
            assert limits.open_now == 1
            time.sleep(SHORT_S * 2)
            assert limits.open_now == 0


def test_a_bomb_is_not_unpacked() -> None:
    packed = gzip.compress(bytes(10_000_000))
    head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n"
    with server() as place:
        for coding in (b"gzip", b"deflate, gzip", b"br", b"x-unknown"):
            with connected(place) as opened:
                opened.sendall(head % (coding, len(packed)) + packed)
                said = first(opened)
                assert said.startswith(b"HTTP/1.1 415 "), coding
        with connected(place) as opened:
            opened.sendall(head % (b"identity", 3) + b"abc")
            assert first(opened).endswith(b"3")


def test_requests_that_come_at_once_are_answered_in_turn() -> None:
    with server() as place, connected(place) as opened:
        opened.sendall(GET * 5)
        read = b""
        while read.count(b"HTTP/1.1 200 ") < 5 or not read.endswith(b"0"):
            read += opened.recv(65536)


def place_of(live: Live) -> tuple[str, int]:
    parts = urlsplit(live.base)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


HEAD = b"POST /witness/add-checkpoint HTTP/1.1\r\nhost: h\r\ncontent-type: text/plain\r\n"


def test_a_node_answers_408_to_a_body_that_takes_too_long(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "BODY_TIMEOUT_S", SHORT_S)
    with connected(place_of(live)) as opened:
        opened.sendall(HEAD + b"content-length: 100\r\n\r\nsome")
        said = first(opened)
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b"took too long" in said


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in pieces"])
def test_a_node_answers_413_to_a_body_that_is_too_large(live: Live, announced: bool) -> None:  # noqa: FBT001
    size = MAX_SMALL_BODY_BYTES + 1
    with connected(place_of(live)) as opened:
        if announced:  # refused before a byte of it came
            opened.sendall(HEAD + b"content-length: %d\r\n\r\n" % size)
        else:
            opened.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
            opened.sendall(b"%x\r\n" % size + bytes(size) + b"\r\n")
        assert first(opened).startswith(b"HTTP/1.1 413 ")


def test_the_application_behind_is_reached_by_its_state() -> None:
    assert RequestLimits(app=echo, proxies=Proxies()).state is None
