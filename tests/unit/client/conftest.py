"""The node of the exchange tests, and a server that answers as it is told, both on loopback."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from foedus.client import Client, Patience
from foedus.clock import FixedClock, parse_instant

_PLACE = Path(__file__).parents[1] / "exchange" / "conftest.py"
_NAME = "exchange_live_node"
if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, _PLACE)
    if _spec is None or _spec.loader is None:
        raise ImportError(_PLACE)
    _made = importlib.util.module_from_spec(_spec)
    sys.modules[_NAME] = _made  # dataclasses look their module up by name
    _spec.loader.exec_module(_made)
_module = sys.modules[_NAME]

live = _module.live
loopback = _module.loopback
indicators = _module.indicators


@dataclass(frozen=True, kw_only=True)
class Canned:
    """One answer of the scripted server.

    Attributes:
        promised: What ``content-length`` says, if not the truth.
        stall: Whether the rest of the body never comes.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    promised: int | None = None
    stall: bool = False
    hang_up: bool = False


@dataclass
class Scripted:
    """Answers each request with the next of its answers, the last for ever."""

    base: str = ""
    answers: list[Canned] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def will(self, *answers: Canned) -> None:
        self.answers = list(answers)

    def _next(self) -> Canned:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _handler(script: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.seen.append((self.command, self.path, headers, body))
            canned = script._next()
            self.close_connection = True
            if canned.hang_up:
                return
            self.send_response(canned.status)
            for name, value in canned.headers.items():
                self.send_header(name, value)
            length = len(canned.body) if canned.promised is None else canned.promised
            self.send_header("content-length", str(length))
            self.send_header("connection", "close")  # else the next request may run into its end
            self.end_headers()
            self.wfile.write(canned.body)
            self.wfile.flush()
            if canned.stall:
                script.released.wait(10)

        do_POST = do_DELETE = do_GET  # noqa: N815  # the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
            """Say nothing."""

    return Handler


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    script.base = f"http://127.0.0.1:{server.server_address[1]}"
    yield script
    script.released.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@dataclass
class Waits:
    """Time that passes only when somebody waits."""

    waited: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    def monotonic(self) -> float:
        return sum(self.waited)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def patience(waits: Waits) -> Patience:
    """Patience without real waiting and without chance."""
    return Patience(
        attempts=4,
        first_wait_s=1.0,
        longest_wait_s=8.0,
        in_all_s=100.0,
        silence_s=2.0,
        answer_s=20.0,
        clock=FixedClock(parse_instant("2026-11-24T10:00:00Z")),
        sleep=waits.sleep,
        monotonic=waits.monotonic,
        draw=lambda most: most,
    )


@pytest.fixture
def client(live: object, patience: Patience) -> Iterator[Client]:
    """A client with the token for writing, of the live node."""
    base: str = live.base  # type: ignore[attr-defined]  # a class of another conftest
    with Client(base, _module.WRITE_TOKEN, patience=patience) as made:
        yield made


@pytest.fixture
def faulty(scripted: Scripted, patience: Patience) -> Iterator[Client]:
    """A client of the scripted server."""
    with Client(scripted.base, "fds_token", patience=patience) as made:
        yield made
