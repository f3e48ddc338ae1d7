"""Webhooks over real sockets: signed as the standard has it, and to nowhere they were not meant."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from foedus.client import WebhookError, read_webhook
from foedus.clock import FixedClock
from foedus.exchange import webhooks
from foedus.exchange.errors import WebhookAddressError
from foedus.exchange.webhooks import HTTPCourier, check_webhook_url, sign_webhook
from foedus.node.webhook_delivery import Letter

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BODY = (
    b'{"data":{"hits":3,"sender":null},"member":"XA","timestamp":"2026-11-24T10:00:00.000000Z",'
    b'"type":"hit.found","version":1}'
)


@dataclass
class Tool:
    """A tool that listens."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    hang: threading.Event | None = None


@pytest.fixture
def tool() -> Iterator[Tool]:
    listening = Tool()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            listening.got.append(({k: v for k, v in self.headers.items()}, body))  # noqa: C416
            if listening.hang is not None:
                listening.hang.wait(5)
            self.send_response(listening.status)
            for name, value in listening.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    listening.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield listening
    if listening.hang is not None:
        listening.hang.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def courier() -> Iterator[HTTPCourier]:
    made = HTTPCourier()
    yield made
    made.close()


def letter(url: str, *, private: bool = False) -> Letter:
    return Letter(url=url, private=private, id="msg_1", body=BODY, key=KEY)


def test_a_message_arrives_signed_and_is_read_by_the_client(
    tool: Tool, courier: HTTPCourier
) -> None:
    came = courier.carry(letter(tool.url), at=NOW)
    assert (came.delivered, came.words) == (True, "answered 204")
    [(headers, body)] = tool.got
    event = read_webhook(headers, body, secret=SECRET, clock=FixedClock(NOW))
    assert (event.id, event.type, event.data) == (
        "msg_1", "hit.found", {"hits": 3, "sender": None},
    )  # fmt: skip
    assert (event.version, event.member) == (1, "XA")


def test_the_signature_is_the_standards_own_example() -> None:
    """The published test vector of the Standard Webhooks reference libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1_614_265_330, UTC)
    headers = sign_webhook(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("another body", {"body": BODY + b" "}),
        ("another id", {"webhook-id": "msg_2"}),
        ("no id", {"webhook-id": ""}),
        ("another time", {"webhook-timestamp": "1"}),
        ("no time", {"webhook-timestamp": "now"}),
        ("no signature", {"webhook-signature": ""}),
        ("another scheme", {"webhook-signature": "v1a,AAAA"}),
        ("no base64", {"webhook-signature": "v1,???"}),
        ("a signature too short", {"webhook-signature": "v1,AAAA"}),
    ],
)
def test_what_was_changed_on_the_way_is_refused(case: str, change: dict[str, object]) -> None:
    headers: dict[str, str] = sign_webhook(KEY, "msg_1", NOW, BODY)
    body = BODY
    for name, value in change.items():
        if name == "body":
            assert isinstance(value, bytes)
            body = value
        else:
            headers[name] = str(value)
    with pytest.raises(WebhookError):
        read_webhook(headers, body, secret=SECRET, clock=FixedClock(NOW))
    assert case


@pytest.mark.parametrize("apart", [-301, 301])
def test_an_old_message_is_refused(apart: int) -> None:
    headers = sign_webhook(KEY, "msg_1", NOW, BODY)
    clock = FixedClock(NOW + timedelta(seconds=apart))
    with pytest.raises(WebhookError, match="old"):
        read_webhook(headers, BODY, secret=SECRET, clock=clock)
    read_webhook(headers, BODY, secret=SECRET, clock=FixedClock(NOW + timedelta(seconds=299)))


def test_one_of_several_signatures_is_enough() -> None:
    headers = sign_webhook(KEY, "msg_1", NOW, BODY)
    headers["webhook-signature"] = "v1,AAAA " + headers["webhook-signature"] + " v2,x"
    assert read_webhook(headers, BODY, secret=SECRET, clock=FixedClock(NOW)).type == "hit.found"
    with pytest.raises(WebhookError):
        read_webhook(headers, BODY, secret="whsec_?", clock=FixedClock(NOW))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure(tool: Tool, courier: HTTPCourier, status: int) -> None:
    tool.status = status
    tool.headers = {"Location": "http://127.0.0.1:1/"}
    came = courier.carry(letter(tool.url), at=NOW)
    assert (came.delivered, came.status, len(tool.got)) == (False, status, 1)


def test_a_host_that_hangs_is_left(
    tool: Tool, courier: HTTPCourier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "ATTEMPT_S", 0.3)
    tool.hang = threading.Event()
    came = courier.carry(letter(tool.url), at=NOW)
    assert (came.status, came.words) == (0, "no answer in time")


def test_a_host_that_is_not_there(courier: HTTPCourier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    came = courier.carry(letter(f"http://127.0.0.1:{port}/"), at=NOW)
    words = "cannot be reached: connection refused: nothing listens there"
    assert (came.status, came.words) == (0, words)


@pytest.mark.parametrize("host", ["a..example", "a" * 64 + ".example", "xn--a"])
def test_a_host_that_no_name_system_knows_is_a_failure(courier: HTTPCourier, host: str) -> None:
    came = courier.carry(letter(f"https://{host}/"), at=NOW)
    assert came.status == 0
    assert came.words.startswith("cannot be reached")


@pytest.mark.parametrize(
    "url",
    [
        "https://tool.example/hook", "https://tool.example:8443/a?b=c", "http://localhost:9000/x",
        "http://127.0.0.1/", "http://[::1]:9000/",
    ],
)  # fmt: skip
def test_addresses_that_may_be_used(url: str) -> None:
    check_webhook_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://tool.example/", "http://10.0.0.1/", "ftp://tool.example/", "https:///x", "x", "",
        "https://a:b@tool.example/", "https://tool.example/#x", "https://tool.example/\r\nx: y",
        "https://tool.example:99999/", "https://tool.example:0/", "https://t\u00f6\u00f6l.example/",
        "https://tool.example/" + "x" * 2_000, "file:///etc/passwd", "https://[::1",
        "http://localhost.tool.example/",
    ],
)  # fmt: skip
def test_addresses_that_may_not(url: str) -> None:
    with pytest.raises(WebhookAddressError):
        check_webhook_url(url)


@pytest.mark.parametrize(
    ("found", "plain", "private"),
    [
        ("203.0.113.9", False, True),  # set aside for documentation: not public
        ("10.1.2.3", False, True),
        ("172.16.0.1", False, True),
        ("192.168.1.1", False, True),
        ("100.64.0.1", False, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("64:ff9b::a00:1", False, True),
        ("2002:a00:1::1", False, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("fe80::1", False, False),
        ("fe80::1%eth0", False, False),
        ("224.0.0.1", False, False),
        ("0.0.0.0", False, False),  # noqa: S104  an address to refuse
        ("::", False, False),
        ("not an address", False, False),
        ("93.184.215.14", True, True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True, True),
    ],
)
def test_an_address_that_is_not_public_needs_leave_and_some_are_never_used(
    found: str, *, plain: bool, private: bool
) -> None:
    """A name may resolve to anything: what it resolves to is what counts."""
    for allowed, leave in ((plain, False), (private, True)):
        if allowed:
            webhooks._check("tool.example", found, private=leave)
        else:
            with pytest.raises(WebhookAddressError):
                webhooks._check("tool.example", found, private=leave)


@pytest.mark.parametrize("answer", [["10.0.0.1"], ["93.184.215.14", "10.0.0.1"], []])
def test_nothing_is_connected_to_when_one_of_the_addresses_is_refused(
    answer: Sequence[str],
) -> None:
    courier = HTTPCourier(resolving=lambda _host, _port: answer)
    came = courier.carry(letter("https://tool.example/"), at=NOW)
    courier.close()
    assert came.status == 0
    assert came.words.startswith("the host has an address" if answer else "cannot be reached")


def test_the_address_that_was_checked_is_the_one_connected_to(tool: Tool) -> None:
    """A name that resolves otherwise the second time gains nothing: it is asked once."""
    asked: list[str] = []

    def resolving(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.255.255.1"]

    courier = HTTPCourier(resolving=resolving)
    came = courier.carry(letter(tool.url.replace("127.0.0.1", "localhost")), at=NOW)
    courier.close()
    assert (came.delivered, asked) == (True, ["localhost"])


def test_a_name_that_resolves_to_this_machine_is_not_this_machine(tool: Tool) -> None:
    port = tool.url.split(":")[2].partition("/")[0]
    courier = HTTPCourier(resolving=lambda _host, _port: ["127.0.0.1"])
    came = courier.carry(letter(f"https://tool.example:{port}/"), at=NOW)
    courier.close()
    assert "not public" in came.words
    assert not tool.got
