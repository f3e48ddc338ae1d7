"""Limits of one connection, kept before a request is whole: slow or huge heads, silent readers.

The server underneath bounds neither the size of a request's head nor the time it takes, nor how
long a caller may leave an answer unread. This subclass of its protocol does. It stands on names of
``uvicorn.protocols.http.httptools_impl`` that are not public: the locked version is tested with it
on real sockets, and a version with other names fails those tests.

With several processes each counts its own connections, so a machine takes that many times each.

Spec: RFC 9110 §15.5.9, RFC 6585 §5, RFC 9112 §3.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from foedus.exchange.server.errors import error_resource
from foedus.exchange.server.media import TAXII_TYPE

__all__ = [
    "BODY_IN_ALL_S",
    "HEAD_TIMEOUT_S",
    "MAX_CONNECTIONS",
    "MAX_CONNECTIONS_PER_ADDRESS",
    "MAX_HEADERS",
    "MAX_HEAD_BYTES",
    "UNREAD_TIMEOUT_S",
    "ConnectionLimits",
    "limited_protocol",
]

MAX_CONNECTIONS: Final = 512
"""Connections one process holds at a time; further ones are answered with 503 and closed."""

MAX_CONNECTIONS_PER_ADDRESS: Final = 256
"""Those of one address, a trusted proxy excepted; further ones likewise."""

MAX_HEAD_BYTES: Final = 32 * 1024
"""Largest request line with its headers, in bytes; a larger one is answered with 431."""

MAX_HEADERS: Final = 100
"""Header lines of one request; more are answered with 431."""

HEAD_TIMEOUT_S: Final = 10.0
"""Longest a request line with its headers may take to arrive, in seconds; then 408."""

BODY_IN_ALL_S: Final = 65.0
"""Longest a body may go on arriving, also after it was answered, in seconds; then it is cut."""

UNREAD_TIMEOUT_S: Final = 30.0
"""Longest a caller may leave more than the buffer of an answer unread, in seconds; then it is
cut."""

_LINGER_S: Final = 1.0
_MAX_LINGER_BYTES: Final = 4 * 1024 * 1024
_RETRY_S: Final = 5


@dataclass(slots=True, kw_only=True)
class ConnectionLimits:
    """How much of it, for one process; other values than the named ones are for tests.

    Attributes:
        connections: At a time.
        per_address: Of one address.
        exempt: Addresses of trusted proxies, which speak for many.
        head_s: As :data:`HEAD_TIMEOUT_S`.
        body_s: As :data:`BODY_IN_ALL_S`.
        unread_s: As :data:`UNREAD_TIMEOUT_S`.
    """

    connections: int = MAX_CONNECTIONS
    per_address: int = MAX_CONNECTIONS_PER_ADDRESS
    exempt: frozenset[str] = frozenset()
    head_s: float = HEAD_TIMEOUT_S
    body_s: float = BODY_IN_ALL_S
    unread_s: float = UNREAD_TIMEOUT_S
    _of: Counter[str] = field(default_factory=Counter, repr=False)

    @property
    def open_now(self) -> int:
        """Connections open now."""
        return self._of.total()

    def opened(self, address: str) -> bool:
        """Count a connection; say whether the address may have it."""
        self._of[address] += 1
        return address in self.exempt or self._of[address] <= self.per_address

    def closed(self, address: str) -> None:
        """Count one less."""
        self._of[address] -= 1
        if self._of[address] <= 0:
            del self._of[address]


class _RefusedError(Exception):
    """Ends the parsing of a request whose answer is chosen."""


class _Limited(HttpToolsProtocol):
    """One connection; made by :func:`limited_protocol`."""

    limits: ConnectionLimits

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._address = ""
        self._open = False
        self._ended = False  # answered for good: whatever comes is thrown away
        self._lingered = 0
        self._head_begun = False
        self._in_body = False
        self._head_bytes = 0
        self._refusal = HTTPStatus.BAD_REQUEST
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many connections."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._open = True
        allowed = self.limits.opened(self._address)
        if not allowed or len(self.connections) > self.limits.connections:
            self._end(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End everything that waits."""
        self._ended = True
        self._open = False
        self.limits.closed(self._address)
        for timer in (self._head_timer, self._body_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, within the limits of a head."""
        if self._ended:
            self._lingered += len(data)
            if self._lingered > _MAX_LINGER_BYTES:
                self.transport.abort()
            return
        begun_before = self._head_begun
        super().data_received(data)
        if self._over() or self._in_body:
            return
        if begun_before and self._head_begun:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._end(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"a request line with its headers has at most {MAX_HEAD_BYTES} bytes",
                )
                return
        if self._head_timer is None and not self._answering():
            self._await_head()

    def pause_writing(self) -> None:
        """Give the caller a time to read."""
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(self.limits.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller has read."""
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
        super().resume_writing()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._head_begun = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End the head: hand the request on, or refuse it."""
        self._head_begun = False
        self._in_body = True
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _RefusedError
        self._body_timer = self.loop.call_later(self.limits.body_s, self._body_late)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the body."""
        self._in_body = False
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, whether or not the caller reads what it was sent."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.limits.unread_s, self._abort)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  ours says more
        """Answer what cannot be parsed, or was refused in the middle of parsing."""
        if self._refusal is HTTPStatus.BAD_REQUEST:
            self._end(self._refusal, "this is no request of HTTP/1.1")
        else:
            self._end(
                self._refusal,
                f"a request line with its headers has at most {MAX_HEAD_BYTES} bytes and "
                f"{MAX_HEADERS} header lines",
            )

    # Ends.

    def _over(self) -> bool:
        return self._ended

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_s, self._head_late)

    def _head_late(self) -> None:
        self._head_timer = None
        if self._ended or self._answering():
            return
        if self._head_begun:
            self._end(HTTPStatus.REQUEST_TIMEOUT, "the request took too long to arrive")
        else:
            self.transport.close()

    def _body_late(self) -> None:
        self._body_timer = None
        self._abort()

    def _abort(self) -> None:
        if self._open:
            self.transport.abort()

    def _end(self, status: HTTPStatus, why: str) -> None:
        """Answer once and for all, let the caller read it, and close."""
        self._ended = True
        self._unset_keepalive_if_required()
        if self._answering():  # an answer is under way: another in its middle would be read as one
            self.transport.abort()
            return
        body = error_resource(status, status.phrase, description=why)
        retry = f"retry-after: {_RETRY_S}\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {TAXII_TYPE}\r\n"
            f"content-length: {len(body)}\r\n{retry}cache-control: no-store\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        # Closed at once, what still comes would be answered with a reset that eats the answer.
        self.loop.call_later(_LINGER_S, self._close)

    def _close(self) -> None:
        self.transport.close()
        self.loop.call_later(self.limits.unread_s, self.transport.abort)


def limited_protocol(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """Return the protocol of the connections of one server."""
    return type("LimitedProtocol", (_Limited,), {"limits": limits})
