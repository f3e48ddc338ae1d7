"""One request in, one answer out: what every route shares.

Each route is a plain function from :class:`Call` to :class:`Reply`. The wrapper made by
:class:`Edge` reads the body within its limit and time, runs the function in a worker thread (the
store is synchronous, one connection a thread), turns errors into answers by the one table, and
writes one structured log line. Nothing of a request but ids reaches the log: no query, no header,
no content.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final, TypeVar

import anyio
import anyio.to_thread
import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from foedus.canonical import JSONValue
from foedus.errors import FoedusError
from foedus.exchange.errors import (
    BadRequestError,
    BodyTooLargeError,
    RequestSignatureError,
)
from foedus.exchange.server.errors import answer_to, error_resource
from foedus.exchange.server.media import TAXII_TYPE
from foedus.exchange.server.waiting import LaneWait, WaitingRoom

__all__ = [
    "BODY_TIMEOUT_S",
    "MAX_BODIES_BYTES",
    "MAX_CONCURRENT_CALLS",
    "MAX_SMALL_BODY_BYTES",
    "MAX_TOOL_BODY_BYTES",
    "Admit",
    "Bodies",
    "Brief",
    "Call",
    "Edge",
    "Handler",
    "Reply",
    "Restate",
    "Waits",
    "challenged",
    "log_event",
]

MAX_TOOL_BODY_BYTES: Final = 32 * 1024 * 1024
"""Largest body a tool may post, in bytes; announced as ``max_content_length``."""

MAX_SMALL_BODY_BYTES: Final = 64 * 1024
"""Largest body of every other request, in bytes."""

BODY_TIMEOUT_S: Final = 60
"""Longest a body may take to arrive, in seconds."""

MAX_BODIES_BYTES: Final = 256 * 1024 * 1024
"""Bodies one process holds at a time, in bytes; a further one is answered with 503."""

MAX_CONCURRENT_CALLS: Final = 16
"""Requests worked on at a time by one process; further ones wait."""

_NO_CONTENT: Final = 204
_FAILED: Final = 400
_CERTIFICATE: Final = "foedus.certificate"
"""Key of the ASGI scope under which whoever trusts a proxy puts what it says."""

_EMPTY: Mapping[str, str] = MappingProxyType({})
_log = logging.getLogger("foedus.exchange")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        method: Upper case.
        path: As sent, percent-encoded, ASCII.
        query: As sent, without the question mark, ASCII.
        headers: Names in lower case; repeats kept, in order.
        parts: What the route found in the path, decoded.
        body: The whole body; empty until it was read.
        certificate: SHA-256 of the client certificate a trusted proxy names, in hex; None for none.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    parts: Mapping[str, str]
    body: bytes = field(repr=False)
    certificate: str | None = None

    @property
    def has_body(self) -> bool:
        """Whether a body may come with it (RFC 9112 §6)."""
        return "content-length" in self._joined or "transfer-encoding" in self._joined

    @cached_property
    def _joined(self) -> Mapping[str, str]:
        joined: dict[str, str] = {}
        for name, value in self.headers:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        return joined

    def header(self, name: str) -> str | None:
        """Return a header, repeats joined by commas; None when it is absent."""
        return self._joined.get(name)


Handler = Callable[["Call"], "Reply"]
"""What a route does; runs in a worker thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer."""

    body: bytes = field(repr=False)
    status: int = 200
    media_type: str = TAXII_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    waits: Waits | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Asks that a call be held back: what for, and how it is answered after that.

    Attributes:
        wait: What it waits for.
        answer: Answers the call anew; runs in a worker thread.
    """

    wait: LaneWait
    answer: Handler


T = TypeVar("T")

Admit = Callable[[Call], Reply | None]
"""Looks at a call before its body is read; a reply refuses it."""

Brief = Callable[[Call], bool]
"""Says whether a call is answered at once, without a thread."""

Restate = Callable[[Reply], Reply]
"""Puts an error into the form that the callers of a route read."""


def log_event(event: str, **fields: JSONValue) -> None:
    """Write one structured log line. Fields are ids, codes and figures, never content."""
    if _log.isEnabledFor(logging.INFO):
        line = msgspec.json.encode({"event": event, **fields}, order="deterministic")
        _log.info("%s", line.decode())


def challenged(
    *challenges: str,
) -> Callable[[Callable[[Call], T]], Callable[[Call], T | Reply]]:
    """Name the schemes by which callers of these routes authenticate (RFC 9110 §11.6.1)."""

    def mark(handler: Callable[[Call], T]) -> Callable[[Call], T | Reply]:
        def marked(call: Call) -> T | Reply:
            try:
                return handler(call)
            except FoedusError as error:
                if answer_to(error).authenticate:
                    return _refusal(error, {"www-authenticate": ", ".join(challenges)})
                raise

        return marked

    return mark


@dataclass(slots=True)
class Bodies:
    """Bytes of bodies held at a time; one event loop counts them, so no lock."""

    most: int = MAX_BODIES_BYTES
    held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Makes endpoints of handlers.

    Attributes:
        random: Returns random bytes, for error ids.
        limiter: Bounds the requests worked on at a time.
        room: Where calls wait that ask for it; None to answer each at once.
        at_hand: Whether the store asks no server, so that who calls is looked up without a thread.
        bodies: Counts the bodies held.
    """

    random: Callable[[int], bytes] = field(repr=False)
    limiter: anyio.CapacityLimiter = field(
        default_factory=lambda: anyio.CapacityLimiter(MAX_CONCURRENT_CALLS)
    )
    room: WaitingRoom | None = field(default=None, repr=False)
    at_hand: bool = False
    bodies: Bodies = field(default_factory=Bodies, repr=False)

    def endpoint(
        self,
        handler: Handler,
        *,
        max_body_bytes: int = MAX_SMALL_BODY_BYTES,
        admit: Admit | None = None,
        brief: Brief | None = None,
        restate: Restate | None = None,
    ) -> ASGIApp:
        """Return the ASGI endpoint of a handler.

        Args:
            handler: What the route does.
            max_body_bytes: Largest body read.
            admit: Returns a refusal or None, from a call whose body was not read yet. A route that
                takes large bodies needs one, so that strangers cannot fill the memory.
            brief: Says whether a call is answered in so short a time that handing it to a thread
                would take longer; it is then answered where it came in.
            restate: Puts every error that is not the handler's own into another form.
        """
        return _Endpoint(self, _Work(handler, max_body_bytes, admit, brief, restate))

    async def answer(self, work: _Work, scope: Scope, receive: Receive) -> Reply:
        """Answer one request; what goes wrong becomes an answer too."""
        held = _HeldBody(self.bodies)
        try:
            return await self._answer(work, scope, receive, held)
        except FoedusError as error:
            return _refusal(error, _EMPTY)
        except TimeoutError:
            return Reply(body=error_resource(408, "The body took too long"), status=408)
        except _FullError:
            body = error_resource(503, "Too many bodies at a time; try again")
            return Reply(body=body, status=503, headers={"retry-after": "1"})
        except _GoneError:
            return Reply(body=b"", status=400)
        finally:
            held.release()

    async def _answer(self, work: _Work, scope: Scope, receive: Receive, held: _HeldBody) -> Reply:
        call = _call_of(scope)
        if work.admit is not None and call.method == "POST":
            refusal = (
                self._guarded(work.admit, call)
                if self.at_hand
                else await self._in_thread(work.admit, call)
            )
            if refusal is not None:
                return refusal
        if call.has_body:
            with anyio.fail_after(BODY_TIMEOUT_S):
                body = await _read_body(call, receive, work.max_body_bytes, held)
            call = replace(call, body=body)
        if work.brief is not None and work.brief(call):
            return self._guarded(work.handler, call)
        reply = await self._in_thread(work.handler, call)
        if reply.waits is None or self.room is None:
            return reply
        return await self._held_back(reply, reply.waits, call, self.room)

    async def _held_back(self, reply: Reply, waits: Waits, call: Call, room: WaitingRoom) -> Reply:
        """Answer once the wait is over. Spec: RFC 7240 §4.3."""
        if not await room.wait(waits.wait):
            return reply
        later = await self._in_thread(waits.answer, call)
        applied = {"preference-applied": f"wait={waits.wait.seconds}"}
        return replace(later, headers={**later.headers, **applied}, waits=None)

    async def _in_thread(self, work: Callable[[Call], T], call: Call) -> T | Reply:
        return await anyio.to_thread.run_sync(self._guarded, work, call, limiter=self.limiter)

    def _guarded(self, work: Callable[[Call], T], call: Call) -> T | Reply:
        try:
            return work(call)
        except FoedusError as error:
            if answer_to(error).status < 500:  # noqa: PLR2004  the class of our own errors
                return _refusal(error, _EMPTY)
            return self._fault(error)
        except Exception as error:  # noqa: BLE001  the one outermost handler of this edge
            return self._fault(error)

    def _fault(self, error: Exception) -> Reply:
        """Answer an error of ours: no detail to the caller, the place of it in our log."""
        answer = answer_to(error) if isinstance(error, FoedusError) else None
        status = 500 if answer is None else answer.status
        title = "An error of this server" if answer is None else answer.title
        error_id = self.random(8).hex()
        frames = traceback.extract_tb(error.__traceback__)
        log_event(
            "fault",
            error_id=error_id,
            kind=type(error).__name__,
            code=getattr(error, "code", ""),
            places=[f"{frame.name}:{frame.lineno}" for frame in frames[-6:]],
        )
        return Reply(body=error_resource(status, title, error_id=error_id), status=status)


def _refusal(error: FoedusError, headers: Mapping[str, str]) -> Reply:
    """Answer an error of the caller's, and log why."""
    answer = answer_to(error)
    reason = error.fault.value if isinstance(error, RequestSignatureError) else ""
    log_event("refused", code=error.code, reason=reason, status=answer.status)
    body = error_resource(
        answer.status, answer.title, description=str(error) if answer.text else "", code=error.code
    )
    return Reply(body=body, status=answer.status, headers=headers)


@dataclass(frozen=True, slots=True)
class _Work:
    """What one route does; see :meth:`Edge.endpoint`."""

    handler: Handler
    max_body_bytes: int
    admit: Admit | None
    brief: Brief | None
    restate: Restate | None


class _FullError(Exception):
    """No room is left for a body."""


class _HeldBody:
    """What one call holds of them."""

    __slots__ = ("_bodies", "_size")

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._size = 0

    def take(self, size: int) -> None:
        if self._bodies.held + size > self._bodies.most:
            raise _FullError
        self._bodies.held += size
        self._size += size

    def release(self) -> None:
        self._bodies.held -= self._size
        self._size = 0


class _GoneError(Exception):
    """The caller went away before its body was whole."""


class _Endpoint:
    """One route's ASGI application. Spec: ASGI 3.0, HTTP."""

    __slots__ = ("_edge", "_work")

    def __init__(self, edge: Edge, work: _Work) -> None:
        self._edge = edge
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        reply = await self._edge.answer(self._work, scope, receive)
        if self._work.restate is not None and reply.status >= _FAILED:
            reply = self._work.restate(reply)
        log_event(
            "request",
            method=scope["method"],
            route=str(getattr(scope.get("route"), "path", "")),
            status=reply.status,
            body_bytes=len(reply.body),
            micros=int((time.perf_counter() - started) * 1e6),
        )
        await _send(send, reply)


async def _send(send: Send, reply: Reply) -> None:
    headers = [
        (b"content-type", reply.media_type.encode("latin-1")),
        (b"content-length", b"%d" % len(reply.body)),
        (b"x-content-type-options", b"nosniff"),
    ]
    if reply.status == _NO_CONTENT:  # RFC 9110 §8.6: no length goes with it
        del headers[1]
    headers += [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in reply.headers.items()
    ]
    if "cache-control" not in reply.headers:
        headers.append((b"cache-control", b"no-store"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _call_of(scope: Scope) -> Call:
    """Return a request without its body."""
    try:
        path = bytes(scope["raw_path"]).decode("ascii")
        query = bytes(scope["query_string"]).decode("ascii")
    except UnicodeDecodeError as error:
        raise BadRequestError("the path or the query is not ASCII") from error
    headers = tuple(
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    )
    return Call(
        method=scope["method"],
        path=path,
        query=query,
        headers=headers,
        parts=scope.get("path_params", _EMPTY),
        body=b"",
        certificate=scope.get(_CERTIFICATE),
    )


async def _read_body(call: Call, receive: Receive, max_body_bytes: int, held: _HeldBody) -> bytes:
    """Read a body, ending as soon as it is known to be too large."""
    refusal = BodyTooLargeError(f"a body of at most {max_body_bytes} bytes is read here")
    announced = call.header("content-length") or ""
    if announced.isdigit() and int(announced) > max_body_bytes:
        raise refusal
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        part = message.get("body", b"")
        size += len(part)
        if size > max_body_bytes:
            raise refusal
        held.take(len(part))
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
