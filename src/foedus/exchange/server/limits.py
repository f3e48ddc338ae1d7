"""Limits of one request and of one caller, for every endpoint alike, before any is reached.

Rules, in the order the code applies them; whatever they refuse is answered as a TAXII error:

1. Who calls is the address of the connection. For a proxy named in the settings it is what that
   proxy says (the last ``X-Forwarded-For``), and only from such a one is a client certificate
   taken; from anybody else that header is thrown away.
2. A body in a content coding is refused with 415: nothing is ever unpacked here, so a small body
   cannot become a large one.
3. More parameters than :data:`MAX_PARAMETERS` are refused with 400.
4. An address from which too many keys or tokens were refused of late gets 429 with ``Retry-After``,
   those of its callers excepted that were admitted meanwhile: a tool beside a guesser goes on.
5. A caller (address and key, or address and token) that calls too often gets 429 as well.
6. An answer that has not begun in time is 503; what was begun goes on, and its answer is dropped.

Sizes and times of bodies are the edge's, those of heads are in
:mod:`foedus.exchange.server.limits_socket`.
Counts belong to one process: with several each keeps its own, so the sum may be that many times.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foedus.exchange.lane_names import API_PATH, PEERS_PATH, TOOLS_PATH
from foedus.exchange.server.edge import log_event
from foedus.exchange.server.errors import PROBLEM_TYPE, error_resource, problem_of
from foedus.exchange.server.media import TAXII_TYPE

__all__ = [
    "ANONYMOUS_BURST",
    "ANONYMOUS_PER_S",
    "CALLER_BURST",
    "CALLER_PER_S",
    "CERTIFICATE_KEY",
    "MAX_CALLERS",
    "MAX_PARAMETERS",
    "MAX_REFUSED",
    "MAX_REQUEST_S",
    "REFUSED_WINDOW_S",
    "Proxies",
    "RequestLimits",
    "certificate_fingerprint",
]

MAX_PARAMETERS: Final = 64
"""Parameters of one query; more are refused with 400."""

MAX_REQUEST_S: Final = 180.0
"""Longest until an answer begins, in seconds: the body, the longest wait asked for, the work."""

CALLER_PER_S: Final = 3_000
"""Requests a second of one caller, sustained; more are answered with 429."""

CALLER_BURST: Final = 30_000
"""Requests of one caller at once, before the rate counts."""

ANONYMOUS_PER_S: Final = 500
"""Requests a second without key or token of one address, sustained; more are answered with 429."""

ANONYMOUS_BURST: Final = 5_000
"""Those at once."""

MAX_REFUSED: Final = 120
"""Refused keys and tokens of one address within the window; more are answered with 429."""

REFUSED_WINDOW_S: Final = 60.0
"""Length of that window, in seconds."""

MAX_CALLERS: Final = 10_000
"""Callers and addresses remembered; beyond that the one seen longest ago is forgotten."""

CERTIFICATE_KEY: Final = "foedus.certificate"
"""Key of the ASGI scope: SHA-256 of the client certificate a trusted proxy names, hex."""

_KEY_ID: Final = re.compile(rb'keyid="([^"]{1,80})"')
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}", re.ASCII)
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*"
)
_UNCODED: Final = frozenset({b"", b"identity"})
_ASKING_WHO: Final = (TOOLS_PATH, PEERS_PATH, API_PATH, "/taxii2/")
_UNAUTHORIZED: Final = 401
_REFUSED_FROM: Final = 400

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """Proxies whose words about a caller are believed.

    Attributes:
        addresses: Of the proxies.
        certificate_header: Header in which one names a client certificate, lower case; "" for none.
    """

    addresses: frozenset[str] = frozenset()
    certificate_header: str = ""


class _Bucket:
    """Requests one caller has left; refilled as time goes."""

    __slots__ = ("_at", "_left")

    def __init__(self, burst: int, now: float) -> None:
        self._left = float(burst)
        self._at = now

    def wait(self, rate: int, burst: int, now: float) -> float:
        """Take one; return 0, or how many seconds until there is one."""
        self._left = min(float(burst), self._left + (now - self._at) * rate)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / rate
        self._left -= 1
        return 0


@dataclass(slots=True)
class _Refusals:
    """Refused keys and tokens of one address."""

    since: float
    count: int = 0


class _Memory(Generic[V]):
    """What is known of the callers seen last; bounded. One event loop uses it, so no lock."""

    __slots__ = ("_known", "_most")

    def __init__(self, most: int = MAX_CALLERS) -> None:
        self._known: OrderedDict[tuple[str, bytes], V] = OrderedDict()
        self._most = most

    def get(self, key: tuple[str, bytes]) -> V | None:
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def put(self, key: tuple[str, bytes], value: V) -> None:
        self._known[key] = value
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def forget(self, key: tuple[str, bytes]) -> None:
        self._known.pop(key, None)


class _Caller(NamedTuple):
    """Who calls, as far as it can be known before anything is verified.

    Attributes:
        address: IP address.
        credentials: Digest of the token, or of the id of the key; empty for neither.
        certificate: As :data:`CERTIFICATE_KEY`; "" for none.
    """

    address: str
    credentials: bytes
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    status: HTTPStatus
    why: str
    retry_s: float = 0


@dataclass(slots=True, kw_only=True)
class RequestLimits:
    """An ASGI application that keeps the limits in front of another.

    Attributes:
        app: The other.
        proxies: Whose words are believed.
        request_s: As :data:`MAX_REQUEST_S`.
        now: A monotonic clock, in seconds.
    """

    app: ASGIApp
    proxies: Proxies = field(default_factory=Proxies)
    request_s: float = MAX_REQUEST_S
    now: Callable[[], float] = time.monotonic
    _buckets: _Memory[_Bucket] = field(default_factory=_Memory, repr=False)
    _refusals: _Memory[_Refusals] = field(default_factory=_Memory, repr=False)
    _admitted: _Memory[float] = field(default_factory=_Memory, repr=False)

    @property
    def state(self) -> Any:
        """The state of the application behind."""
        return getattr(self.app, "state", None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        caller = self._caller(scope)
        refusal = _misshapen(scope) if isinstance(caller, _Caller) else caller
        if refusal is None and isinstance(caller, _Caller):
            refusal = self._too_often(caller)
        if refusal is not None:
            await _answer(refusal, scope["path"], send)
        elif isinstance(caller, _Caller):
            if caller.certificate:
                scope[CERTIFICATE_KEY] = caller.certificate
            await self._within_time(caller, scope, receive, send)

    async def _within_time(
        self, caller: _Caller, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Hand a request on; answer in its place when its own answer does not begin (rule 6)."""
        begun = late = False
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()

        async def sent(message: Message) -> None:
            nonlocal begun
            if late:
                return
            if not begun:
                begun = True
                timer.cancel()
                self._note(caller, scope["path"], message["status"])
            await send(message)

        def expire() -> None:
            nonlocal late
            late = True
            refusal = _Refusal(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                why=f"no answer within {int(self.request_s)} s; try again",
                retry_s=self.request_s,
            )
            tasks.add(loop.create_task(_answer(refusal, scope["path"], send)))

        timer = loop.call_later(self.request_s, expire)
        try:
            await self.app(scope, receive, sent)
        finally:
            timer.cancel()
            if tasks:
                await asyncio.wait(tasks)

    def _caller(self, scope: Scope) -> _Caller | _Refusal:
        """Say who calls (rule 1)."""
        client = scope.get("client")
        address = client[0] if client else ""
        credentials = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                credentials = value
            elif name == b"signature-input" and not credentials:
                key_id = _KEY_ID.search(value)
                credentials = value[:80] if key_id is None else key_id[1]
        if credentials:
            credentials = hashlib.blake2b(credentials, digest_size=16).digest()
        caller = _Caller(address, credentials, "")
        return self._forwarded(caller, scope) if address in self.proxies.addresses else caller

    def _forwarded(self, proxy: _Caller, scope: Scope) -> _Caller | _Refusal:
        """Say for whom a trusted proxy speaks."""
        wanted = self.proxies.certificate_header.encode("ascii")
        forwarded, shown = b"", []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded = value
            elif wanted and name == wanted:
                shown.append(value.strip())
        certificate = certificate_fingerprint(shown[0]) if len(shown) == 1 else ""
        # Empty it says that there is none; twice, that the caller's own header came through.
        if shown not in ([], [b""]) and not certificate:
            return _Refusal(
                status=HTTPStatus.BAD_REQUEST,
                why="the proxy's header names no client certificate that can be read",
            )
        return _Caller(
            _forwarded_for(forwarded) or proxy.address,
            proxy.credentials or certificate.encode("ascii"),
            certificate,
        )

    def _too_often(self, caller: _Caller) -> _Refusal | None:
        """Refuse a caller, or an address, that calls too often (rules 4 and 5)."""
        now, key = self.now(), (caller.address, caller.credentials)
        refused = self._refusals.get((caller.address, b""))
        if caller.credentials and refused is not None and refused.count >= MAX_REFUSED:
            left = refused.since + REFUSED_WINDOW_S - now
            if left > 0 and self._admitted.get(key) is None:
                return _Refusal(
                    status=HTTPStatus.TOO_MANY_REQUESTS,
                    why="too many keys or tokens were refused from this address",
                    retry_s=left,
                )
        rate, burst = (
            (CALLER_PER_S, CALLER_BURST)
            if caller.credentials
            else (ANONYMOUS_PER_S, ANONYMOUS_BURST)
        )
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = _Bucket(burst, now)
            self._buckets.put(key, bucket)
        wait = bucket.wait(rate, burst, now)
        if wait:
            return _Refusal(
                status=HTTPStatus.TOO_MANY_REQUESTS,
                why=f"more than {rate} requests a second",
                retry_s=wait,
            )
        return None

    def _note(self, caller: _Caller, path: str, status: int) -> None:
        """Remember whether a key or token was refused; open paths let everything in."""
        if not caller.credentials:
            return
        key, place = (caller.address, caller.credentials), (caller.address, b"")
        if status != _UNAUTHORIZED:
            if status < _REFUSED_FROM and path.startswith(_ASKING_WHO):
                self._admitted.put(key, self.now())
            return
        self._admitted.forget(key)
        now = self.now()
        refused = self._refusals.get(place)
        if refused is None or refused.since + REFUSED_WINDOW_S <= now:
            refused = _Refusals(since=now)
            self._refusals.put(place, refused)
        refused.count += 1


def certificate_fingerprint(value: bytes) -> str:
    """Return the SHA-256 of the client certificate that a proxy names, in hex; "" for none.

    Read are: a byte sequence (``:base64 of DER:``, RFC 9440 §2), the base64 of DER alone, PEM with
    percent escapes (as nginx writes it), and the SHA-256 of DER in hex, with or without colons.
    """
    text = value.strip()
    if _HEX.fullmatch(text.decode("latin-1")):
        return text.decode("ascii").replace(":", "").lower()
    if text.startswith(b"-----BEGIN"):
        found = _PEM.fullmatch(unquote_to_bytes(text))
        text = b"".join(found[1].split()) if found else b""
    elif len(text) > 1 and text.startswith(b":") and text.endswith(b":"):
        text = text[1:-1]
    try:
        der = base64.b64decode(text, validate=True)
    except binascii.Error:
        return ""
    return hashlib.sha256(der).hexdigest() if der else ""


def _misshapen(scope: Scope) -> _Refusal | None:
    """Refuse a request that could not be read in bounds (rules 2 and 3)."""
    for name, value in scope["headers"]:
        if name == b"content-encoding" and value.strip().lower() not in _UNCODED:
            return _Refusal(
                status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                why="a body in a content coding is not read here; send it as it is",
            )
    if scope["query_string"].count(b"&") >= MAX_PARAMETERS:
        return _Refusal(
            status=HTTPStatus.BAD_REQUEST, why=f"a query has at most {MAX_PARAMETERS} parameters"
        )
    return None


def _forwarded_for(value: bytes) -> str:
    """Return the last address a trusted proxy names; "" for none."""
    last = value.rpartition(b",")[2].strip().decode("latin-1")
    try:
        return str(ipaddress.ip_address(last.strip("[]"))) if last else ""
    except ValueError:
        return ""


async def _answer(refusal: _Refusal, path: str, send: Send) -> None:
    status = refusal.status
    log_event("limited", status=status.value, reason=refusal.why)
    body = error_resource(status.value, status.phrase, description=refusal.why)
    media_type = TAXII_TYPE
    if path.startswith(API_PATH):
        body, media_type = problem_of(body, status.value), PROBLEM_TYPE
    headers = [
        (b"content-type", media_type.encode("ascii")),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if refusal.retry_s:
        headers.append((b"retry-after", str(ceil(refusal.retry_s)).encode("ascii")))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
