"""Runs the HTTP face: uvicorn, in this process, until it is told to end.

Requests under way are answered before the end, within a grace period. A node speaks plain HTTP and
listens on this machine only; an address others can reach is refused unless the caller says that a
TLS proxy stands in front.
"""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from foedus.exchange.errors import BindError

__all__ = [
    "GRACE_S",
    "KEEP_ALIVE_S",
    "MAX_CONNECTIONS",
    "bind",
    "serve",
    "serving",
]

GRACE_S: Final = 10
"""How long requests under way may go on after the end was asked for, in seconds."""

KEEP_ALIVE_S: Final = 30
"""How long an idle connection is kept, in seconds."""

MAX_CONNECTIONS: Final = 512
"""Connections and requests at a time; further ones are answered with 503."""

START_S: Final = 10
"""How long a server in a thread may take to start, in seconds."""

_BACKLOG: Final = 256


def bind(host: str, port: int, *, behind_tls_proxy: bool = False) -> socket.socket:
    """Listen on an address.

    Args:
        host: An IP address or ``localhost``.
        port: TCP port; 0 lets the machine choose one.
        behind_tls_proxy: Whether a proxy that speaks TLS stands in front; only then may the
            address be one that others can reach.

    Raises:
        BindError: The address may not, or cannot, be listened on.
    """
    address = _address(host)
    if not (address.is_loopback or behind_tls_proxy):
        raise BindError(
            f"{host} can be reached from outside and this server speaks plain HTTP; listen on "
            "127.0.0.1, or put a TLS proxy in front and say so"
        )
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004  IPv6
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((str(address), port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise BindError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listening


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is under way and return.

    Call it from the main thread. The socket is closed at the end.
    """
    server = uvicorn.Server(_config(app))
    with _signals_end(server):
        server.run(sockets=[listening])


@contextmanager
def serving(app: ASGIApp, listening: socket.socket) -> Iterator[str]:
    """Serve from a thread of its own while the block runs.

    Yields:
        The base URL.

    Raises:
        BindError: The server did not start.
    """
    server = uvicorn.Server(_config(app))
    host, port = listening.getsockname()[:2]
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="foedus-server", daemon=True
    )
    thread.start()
    try:
        _await_start(server, thread)
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(GRACE_S + START_S)


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(START_S * 100):
        if server.started:
            return
        if not thread.is_alive():
            break
        waited.wait(0.01)
    raise BindError("the server did not start")


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=_BACKLOG,
    )


@contextmanager
def _signals_end(server: uvicorn.Server) -> Iterator[None]:
    """Let a signal end the server and not the process.

    While it serves, uvicorn handles signals itself; at its end it restores these handlers and
    raises the signal once more, which would end the process before the caller has cleaned up.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise BindError(f"not an IP address to listen on: {host[:60]!r}") from error
