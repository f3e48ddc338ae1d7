"""Runs the HTTP face: uvicorn, in this process, until it is told to end.

Requests under way are answered before the end, within a grace period. Over plain HTTP a node
listens on this machine only; an address others can reach is refused unless it speaks TLS there, or
the caller says that a TLS proxy stands in front. In front of the application stand the limits of
:mod:`foedus.exchange.server.limits`, in front of each connection those of
:mod:`foedus.exchange.server.limits_socket`; both are kept by each process for itself.
"""

from __future__ import annotations

import ipaddress
import logging
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import uvicorn
import uvloop
from starlette.types import ASGIApp

from foedus.exchange.errors import BindError, CertificateError
from foedus.exchange.own_tls import ServerTLS
from foedus.exchange.server.limits import Proxies, RequestLimits
from foedus.exchange.server.limits_socket import (
    MAX_CONNECTIONS,
    ConnectionLimits,
    limited_protocol,
)

__all__ = [
    "GRACE_S",
    "HANDSHAKE_S",
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

HANDSHAKE_S: Final = 10.0
"""Longest a TLS handshake may take, in seconds; then the connection is cut."""

TLS_END_S: Final = 0.5
"""Longest the other side may take to confirm the end of a TLS connection, in seconds: one that is
idle in somebody's pool never does, and the end of the server would wait for it."""

CERTIFICATE_LOOK_S: Final = 1
"""How often it is looked whether another certificate is to be shown, in seconds."""

OPEN_FILES: Final = 4_096
"""Open files asked of the machine, where it allows them: connections in their handshake count."""

START_S: Final = 10
"""How long a server in a thread may take to start, in seconds."""

_BACKLOG: Final = 256
_LOG: Final = logging.getLogger("foedus.exchange")


def bind(host: str, port: int, *, behind_tls_proxy: bool = False) -> socket.socket:
    """Listen on an address.

    Args:
        host: An IP address or ``localhost``.
        port: TCP port; 0 lets the machine choose one.
        behind_tls_proxy: Whether TLS is spoken there, by this server or by a proxy in front; only
            then may the address be one that others can reach.

    Raises:
        BindError: The address may not, or cannot, be listened on.
    """
    address = _address(host)
    if not (address.is_loopback or behind_tls_proxy):
        raise BindError(
            f"{host} can be reached from outside and this server speaks plain HTTP; listen on "
            "127.0.0.1, give the node an https address, or put a TLS proxy in front and say so"
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


class _Server(uvicorn.Server):
    """Ends what waits by its own wish before it waits for the answers under way."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end_waits = getattr(getattr(self.config.app, "state", None), "end_waits", None)
        if end_waits is not None:
            end_waits()
        await super().shutdown(sockets)


class _Loop(uvloop.Loop):
    """The event loop of a server: it ends handshakes, and ends, that take too long."""

    async def create_server(self, *args: Any, **options: Any) -> Any:
        """Listen; the server asks for no limit of its own."""
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", HANDSHAKE_S)
            options.setdefault("ssl_shutdown_timeout", TLS_END_S)
        return await super().create_server(*args, **options)


def serve(
    app: ASGIApp,
    listening: socket.socket,
    *,
    tls: ServerTLS | None = None,
    proxies: Proxies | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is under way and return.

    Call it from the main thread. The socket is closed at the end.

    Args:
        app: What answers.
        listening: Where; several processes may listen on one socket.
        tls: The certificate to show; None for plain HTTP.
        proxies: Proxies in front whose words about a caller are believed.
    """
    _allow_open_files()
    server = _Server(_config(app, tls, proxies))
    with _signals_end(server):
        server.run(sockets=[listening])


@contextmanager
def serving(
    app: ASGIApp,
    listening: socket.socket,
    *,
    tls: ServerTLS | None = None,
    proxies: Proxies | None = None,
    limits: ConnectionLimits | None = None,
) -> Iterator[str]:
    """Serve from a thread of its own while the block runs; arguments as for :func:`serve`.

    Args:
        app: What answers.
        listening: Where.
        tls: The certificate to show.
        proxies: Proxies in front.
        limits: Other limits of connections than the usual ones, for tests.

    Yields:
        The base URL.

    Raises:
        BindError: The server did not start.
    """
    server = _Server(_config(app, tls, proxies, limits))
    host, port = listening.getsockname()[:2]
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="foedus-server", daemon=True
    )
    thread.start()
    try:
        _await_start(server, thread)
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
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


def _config(
    app: ASGIApp,
    tls: ServerTLS | None,
    proxies: Proxies | None,
    limits: ConnectionLimits | None = None,
) -> uvicorn.Config:
    proxies = Proxies() if proxies is None else proxies
    limits = ConnectionLimits(exempt=proxies.addresses) if limits is None else limits

    async def look() -> None:
        try:
            if tls is not None:
                tls.refresh()
        except CertificateError as error:  # the certificate shown so far goes on
            _LOG.warning("code=%s %s", error.code, error)

    return uvicorn.Config(
        RequestLimits(app=app, proxies=proxies),
        loop=f"{__name__}:_Loop",
        http=limited_protocol(limits),
        callback_notify=None if tls is None else look,
        timeout_notify=CERTIFICATE_LOOK_S,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls.context,
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


def _allow_open_files() -> None:
    """Ask for enough open files, as far as the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
