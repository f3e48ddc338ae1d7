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
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from foedus.canonical import JSONValue, canonical_bytes
from foedus.errors import FoedusError
from foedus.exchange.errors import (
    BadRequestError,
    BodyTooLargeError,
    RequestSignatureError,
)
from foedus.exchange.server.errors import answer_to, error_resource
from foedus.exchange.server.media import TAXII_TYPE

__all__ = [
    "BODY_TIMEOUT_S",
    "MAX_CONCURRENT_CALLS",
    "MAX_SMALL_BODY_BYTES",
    "MAX_TOOL_BODY_BYTES",
    "Admit",
    "Call",
    "Edge",
    "Handler",
    "Reply",
    "challenged",
    "log_event",
]

MAX_TOOL_BODY_BYTES: Final = 32 * 1024 * 1024
"""Largest body a tool may post, in bytes; announced as ``max_content_length``."""

MAX_SMALL_BODY_BYTES: Final = 64 * 1024
"""Largest body of every other request, in bytes."""

BODY_TIMEOUT_S: Final = 60
"""Longest a body may take to arrive, in seconds."""

MAX_CONCURRENT_CALLS: Final = 16
"""Requests worked on at a time by one process; further ones wait."""

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
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    parts: Mapping[str, str]
    body: bytes = field(repr=False)

    @cached_property
    def _joined(self) -> Mapping[str, str]:
        joined: dict[str, str] = {}
        for name, value in self.headers:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        return joined

    def header(self, name: str) -> str | None:
        """Return a header, repeats joined by commas; None when it is absent."""
        return self._joined.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer."""

    body: bytes = field(repr=False)
    status: int = 200
    media_type: str = TAXII_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


T = TypeVar("T")

Handler = Callable[[Call], Reply]
"""What a route does; runs in a worker thread."""

Admit = Callable[[Call], Reply | None]
"""Looks at a call before its body is read; a reply refuses it."""


def log_event(event: str, **fields: JSONValue) -> None:
    """Write one structured log line. Fields are ids, codes and figures, never content."""
    _log.info("%s", canonical_bytes({"event": event, **fields}).decode())


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Makes endpoints of handlers.

    Attributes:
        random: Returns random bytes, for error ids.
        limiter: Bounds the requests worked on at a time.
    """

    random: Callable[[int], bytes] = field(repr=False)
    limiter: anyio.CapacityLimiter = field(
        default_factory=lambda: anyio.CapacityLimiter(MAX_CONCURRENT_CALLS)
    )

    def endpoint(
        self,
        handler: Handler,
        *,
        max_body_bytes: int = MAX_SMALL_BODY_BYTES,
        admit: Admit | None = None,
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the ASGI endpoint of a handler.

        Args:
            handler: What the route does.
            max_body_bytes: Largest body read.
            admit: Returns a refusal or None, from a call whose body was not read yet. A route that
                takes large bodies needs one, so that strangers cannot fill the memory.
        """

        async def answer(request: Request) -> Response:
            started = time.perf_counter()
            try:
                reply = await self._answer(request, handler, max_body_bytes, admit)
            except FoedusError as error:
                reply = _refusal(error, _EMPTY)
            except TimeoutError:
                reply = Reply(body=error_resource(408, "The body took too long"), status=408)
            except ClientDisconnect:
                reply = Reply(body=b"", status=400)
            log_event(
                "request",
                method=request.method,
                route=_route_of(request),
                status=reply.status,
                body_bytes=len(reply.body),
                micros=int((time.perf_counter() - started) * 1e6),
            )
            return _response(reply)

        return answer

    async def _answer(
        self, request: Request, handler: Handler, max_body_bytes: int, admit: Admit | None
    ) -> Reply:
        call = _call_of(request)
        if admit is not None and request.method == "POST":
            refusal = await self._in_thread(admit, call)
            if refusal is not None:
                return refusal
        with anyio.fail_after(BODY_TIMEOUT_S):
            body = await _read_body(request, max_body_bytes)
        return await self._in_thread(handler, replace(call, body=body))

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


def _response(reply: Reply) -> Response:
    response = Response(reply.body, status_code=reply.status)
    # Set here, since Starlette adds a charset to every type that begins with "text/".
    response.headers["content-type"] = reply.media_type
    for name, value in reply.headers.items():
        response.headers[name] = value
    response.headers.setdefault("cache-control", "no-store")
    response.headers["x-content-type-options"] = "nosniff"
    return response


def _route_of(request: Request) -> str:
    route = request.scope.get("route")
    return str(getattr(route, "path", ""))


def _call_of(request: Request) -> Call:
    """Return a request without its body."""
    try:
        path = bytes(request.scope["raw_path"]).decode("ascii")
        query = bytes(request.scope["query_string"]).decode("ascii")
    except UnicodeDecodeError as error:
        raise BadRequestError("the path or the query is not ASCII") from error
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.scope["headers"]
    )
    return Call(
        method=request.method,
        path=path,
        query=query,
        headers=headers,
        parts=MappingProxyType(dict(request.path_params)),
        body=b"",
    )


async def _read_body(request: Request, max_body_bytes: int) -> bytes:
    """Read a body, ending as soon as it is known to be too large."""
    refusal = BodyTooLargeError(f"a body of at most {max_body_bytes} bytes is read here")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_body_bytes:
        raise refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_body_bytes:
            raise refusal
    return bytes(body)
