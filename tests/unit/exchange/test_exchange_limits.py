"""Limits of a request and of a caller, without sockets: a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from starlette.types import Message, Receive, Scope, Send

from foedus.exchange.certificate import make_certificate
from foedus.exchange.server.limits import (
    ANONYMOUS_BURST,
    CALLER_BURST,
    CALLER_PER_S,
    CERTIFICATE_KEY,
    MAX_CALLERS,
    MAX_PARAMETERS,
    MAX_REFUSED,
    REFUSED_WINDOW_S,
    Proxies,
    RequestLimits,
    certificate_fingerprint,
)

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
GOOD, BAD = b"Bearer good", b"Bearer bad"


@dataclass
class Answer:
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Face:
    """Limits in front of an application that knows one token."""

    proxies: Proxies = field(default_factory=Proxies)
    seconds: float = 0.0
    seen: list[Scope] = field(default_factory=list)
    request_s: float = 5.0
    hangs_s: float = 0.0

    def __post_init__(self) -> None:
        self.limits = RequestLimits(
            app=self._app, proxies=self.proxies, now=lambda: self.seconds, request_s=self.request_s
        )

    async def _app(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        if self.hangs_s:
            await asyncio.sleep(self.hangs_s)
        given = dict(scope["headers"]).get(b"authorization", b"")
        status = 401 if given and given != GOOD and scope["path"] != "/health" else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"said"})

    def call(
        self,
        *headers: tuple[bytes, bytes],
        address: str = "192.0.2.1",
        query: bytes = b"",
        path: str = "/tools/",
    ) -> Answer:
        scope: Scope = {
            "type": "http",
            "path": path,
            "client": (address, 1),
            "headers": list(headers),
            "query_string": query,
        }
        answer = Answer()

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                assert not answer.status, "two answers"
                answer.status = message["status"]
                answer.headers = dict(message["headers"])
            else:
                answer.body += message["body"]

        asyncio.run(self.limits(scope, receive, send))
        return answer

    def token(self, token: bytes, address: str = "192.0.2.1") -> int:
        return self.call((b"authorization", token), address=address).status


def test_refused_tokens_of_an_address_end_in_429_until_the_window_is_over() -> None:
    face = Face()
    for number in range(MAX_REFUSED):
        assert face.token(b"Bearer guess %d" % number) == 401
    answer = face.call((b"authorization", b"Bearer one more"))
    assert answer.status == 429
    assert 0 < int(answer.headers[b"retry-after"]) <= REFUSED_WINDOW_S
    assert b"refused" in answer.body
    assert face.token(BAD, "192.0.2.2") == 401  # another address has its own count
    assert face.call().status == 200  # who shows nothing guesses nothing
    face.seconds = REFUSED_WINDOW_S + 1
    assert face.token(BAD) == 401


def test_a_tool_that_was_admitted_goes_on_beside_a_guesser() -> None:
    face = Face()
    assert face.token(GOOD) == 200
    for number in range(MAX_REFUSED + 5):
        face.token(b"Bearer guess %d" % number)
    assert face.token(b"Bearer guess again") == 429
    assert face.token(GOOD) == 200


def test_what_lets_everybody_in_admits_no_guesser() -> None:
    face = Face()
    guesses = [b"Bearer guess %d" % number for number in range(MAX_REFUSED + 5)]
    for guess in guesses:
        assert face.call((b"authorization", guess), path="/health").status == 200
    statuses = [face.token(guess) for guess in guesses]
    assert statuses == [401] * MAX_REFUSED + [429] * 5


def test_one_caller_has_a_rate_and_another_its_own() -> None:
    face = Face()
    for _ in range(CALLER_BURST):
        face.limits._too_often(_caller(face, GOOD))
    answer = face.call((b"authorization", GOOD))
    assert answer.status == 429
    assert answer.headers[b"retry-after"] == b"1"
    assert face.call((b"authorization", GOOD), address="192.0.2.9").status == 200
    face.seconds += 2 / CALLER_PER_S
    assert face.token(GOOD) == 200


def test_who_shows_no_key_has_the_smaller_rate() -> None:
    face = Face()
    assert [face.call().status for _ in range(3)] == [200] * 3
    for _ in range(ANONYMOUS_BURST):
        face.limits._too_often(_caller(face, b""))
    assert face.call().status == 429
    assert face.token(GOOD) == 200


def _caller(face: Face, token: bytes) -> Any:
    headers = [(b"authorization", token)] if token else []
    return face.limits._caller({"client": ("192.0.2.1", 1), "headers": headers})


def test_what_is_remembered_is_bounded() -> None:
    face = Face()
    for number in range(MAX_CALLERS + 50):
        face.limits._too_often(_caller(face, b"Bearer %d" % number))
    assert len(face.limits._buckets._known) == MAX_CALLERS


@pytest.mark.parametrize(
    ("coding", "status"), [(b"gzip", 415), (b"Identity", 200), (b"", 200), (b"zstd", 415)]
)
def test_a_body_in_a_coding_is_refused_before_it_is_read(coding: bytes, status: int) -> None:
    face = Face()
    assert face.call((b"content-encoding", coding)).status == status
    assert len(face.seen) == (status == 200)


def test_a_query_has_so_many_parameters() -> None:
    face = Face()
    assert face.call(query=b"&".join([b"a=1"] * MAX_PARAMETERS)).status == 200
    assert face.call(query=b"&".join([b"a=1"] * (MAX_PARAMETERS + 1))).status == 400


def test_an_answer_that_does_not_begin_in_time_is_503_and_then_dropped() -> None:
    face = Face(request_s=0.02, hangs_s=0.1)
    answer = face.call()
    assert answer.status == 503
    assert b"said" not in answer.body
    assert b"retry-after" in answer.headers


# Proxies and client certificates.

_, PEM = make_certificate("tool.example", now=NOW)
DER = base64.b64decode(b"".join(PEM.strip().splitlines()[1:-1]))
PRINT = hashlib.sha256(DER).hexdigest()
FORMS: list[tuple[str, bytes]] = [
    ("RFC 9440", b":" + base64.b64encode(DER) + b":"),
    ("base64 of DER", base64.b64encode(DER)),
    ("PEM with percent escapes", quote(PEM.decode()).encode()),
    ("fingerprint", PRINT.encode()),
    ("fingerprint with colons", ":".join(PRINT[i : i + 2] for i in range(0, 64, 2)).encode()),
    ("fingerprint in capitals", PRINT.upper().encode()),
]


@pytest.mark.parametrize(("form", "value"), FORMS, ids=[form for form, _ in FORMS])
def test_every_way_proxies_name_a_certificate_gives_its_fingerprint(
    form: str, value: bytes
) -> None:
    assert certificate_fingerprint(value) == PRINT, form


@pytest.mark.parametrize(
    "value", [b"", b"::", b"no certificate", b":%%%:", b"-----BEGIN x", b"abc"]
)
def test_what_names_no_certificate_is_none(value: bytes) -> None:
    assert certificate_fingerprint(value) == ""


def behind(*headers: tuple[bytes, bytes], address: str) -> tuple[Answer, Sequence[Scope]]:
    face = Face(
        proxies=Proxies(addresses=frozenset({"10.0.0.1"}), certificate_header="client-cert")
    )
    return face.call(*headers, address=address), face.seen


def test_a_certificate_is_believed_of_a_trusted_proxy_only() -> None:
    header = (b"client-cert", PRINT.encode())
    _, [seen] = behind(header, address="10.0.0.1")
    assert seen[CERTIFICATE_KEY] == PRINT
    _, [forged] = behind(header, address="10.0.0.2")
    assert CERTIFICATE_KEY not in forged
    _, [without] = behind(address="10.0.0.1")
    assert CERTIFICATE_KEY not in without


def test_a_proxy_may_say_that_there_is_no_certificate() -> None:
    answer, [seen] = behind((b"client-cert", b" "), address="10.0.0.1")
    assert answer.status == 200
    assert CERTIFICATE_KEY not in seen


@pytest.mark.parametrize(
    "shown",
    [[PRINT.encode()] * 2, [PRINT.encode(), b""], [b"nothing"]],
    ids=["twice", "the caller's own beside the proxy's that there is none", "unreadable"],
)
def test_a_proxy_that_says_it_oddly_is_refused(shown: list[bytes]) -> None:
    answer, seen = behind(*[(b"client-cert", each) for each in shown], address="10.0.0.1")
    assert answer.status == 400
    assert not seen


def test_behind_a_trusted_proxy_each_caller_is_counted_by_its_own_address() -> None:
    face = Face(proxies=Proxies(addresses=frozenset({"10.0.0.1"})))

    def status(forwarded: bytes, token: bytes, address: str = "10.0.0.1") -> int:
        headers = ((b"authorization", token), (b"x-forwarded-for", forwarded))
        return face.call(*headers, address=address).status

    for number in range(MAX_REFUSED):
        status(b"203.0.113.5", b"Bearer guess %d" % number)
    assert status(b"203.0.113.5", BAD) == 429
    assert status(b"203.0.113.5, 203.0.113.6", BAD) == 401  # the last one is the proxy's word
    assert status(b"203.0.113.5", BAD, "10.0.0.9") == 401  # who is no proxy speaks for itself
