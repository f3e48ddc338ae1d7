"""HTTP to others: connections, limits of size and time, and what a failure is called.

Redirects are refused, since a request is signed for one path of one member. Plain HTTP is spoken to
this machine only: what leaves it goes over TLS. Nothing is read from the environment, so no proxy
is used by accident. A deadline holds for the whole of an answer, its headers included.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

import httpcore
import httpx

from foedus.connecting import DeadlineBackend, cause_of, deadline
from foedus.node.peer_ports import PeerClosedError, PeerError

__all__ = [
    "CONNECT_TIMEOUT_S",
    "MAX_ANSWER_S",
    "MAX_ERROR_BYTES",
    "POOL_CONNECTIONS",
    "READ_TIMEOUT_S",
    "Answer",
    "checked_address",
    "fetch",
    "http_client",
    "pinned_client",
    "refusal",
    "sent",
]

CONNECT_TIMEOUT_S: Final = 5.0
"""Longest wait for a connection, in seconds."""

READ_TIMEOUT_S: Final = 30.0
"""Longest silence while an answer arrives, in seconds."""

MAX_ANSWER_S: Final = 300
"""Longest an answer may take whole, from connecting to its last byte, in seconds."""

POOL_CONNECTIONS: Final = 320
"""Connections kept open at a time, over all peers: no fewer than ask and are followed at a time, or
one peer would wait for another."""

MAX_ERROR_BYTES: Final = 16 * 1024
"""Largest answer read that tells of a failure, or has nothing to tell, in bytes."""

_KEEP_S: Final = 5.0
_MAX_ADDRESS_CHARS: Final = 2_000
_OK: Final = 200
_FAILED: Final = 300
_CLOSED: Final = 403
_DIGITS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Headers and body of an answer; untrusted."""

    headers: Mapping[str, str]
    content: bytes = field(repr=False)


def http_client(trusted: ssl.SSLContext | None = None) -> httpx.Client:
    """Return a pool of connections to whom a public authority vouches for; nothing is opened yet.

    Those over plain HTTP never use TLS: what stands for it there trusts nobody.

    Args:
        trusted: Whom to trust instead of public authorities.
    """
    plain = _Transport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    over_tls = _TLSOnDemand() if trusted is None else _Transport(trusted)
    return _client(over_tls, {"http://": plain})


def pinned_client(accept: Callable[[bytes], None]) -> httpx.Client:
    """Return a pool of connections to whom shows a certificate that is accepted.

    Args:
        accept: Looks at each certificate, DER, before anything is sent; it raises to refuse.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the key decides, not who signed the certificate
    return _client(_Transport(context, accept), {})


def _client(
    transport: httpx.BaseTransport, mounts: Mapping[str, httpx.BaseTransport]
) -> httpx.Client:
    return httpx.Client(
        transport=transport,
        mounts=mounts,
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        follow_redirects=False,
        trust_env=False,
        headers={"user-agent": "foedus", "accept-encoding": "identity"},
    )


class _Transport(httpx.HTTPTransport):
    """Plain HTTP/1.1 or TLS, over connections that keep to a deadline."""

    def __init__(
        self, context: ssl.SSLContext, accept: Callable[[bytes], None] | None = None
    ) -> None:
        super().__init__(verify=context, trust_env=False)
        # What the base class made opened nothing yet.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=POOL_CONNECTIONS,
            keepalive_expiry=_KEEP_S,
            network_backend=DeadlineBackend(accept),
        )


class _TLSOnDemand(httpx.BaseTransport):
    """Reads the trusted authorities at the first request over TLS: most commands need none."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inner: httpx.HTTPTransport | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            if self._inner is None:
                self._inner = _Transport(httpx.create_ssl_context(trust_env=False))
        return self._inner.handle_request(request)

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()


def fetch(
    http: httpx.Client,
    request: httpx.Request,
    *,
    who: str,
    max_bytes: int,
    patience_s: float = MAX_ANSWER_S,
) -> Answer:
    """Send a request and read its answer within the limit, or say in plain words what failed."""
    status, answer = sent(http, request, who=who, max_bytes=max_bytes, patience_s=patience_s)
    if status == _CLOSED:
        raise PeerClosedError(f"{who} has nothing more for this node there (403)")
    if not _OK <= status < _FAILED:
        raise PeerError(f"{who} {refusal(status)}", retry_after_s=_retry_after(answer.headers))
    return answer


def sent(
    http: httpx.Client, request: httpx.Request, *, who: str, max_bytes: int, patience_s: float
) -> tuple[int, Answer]:
    """Send a request and read its answer, whatever its status, within the limits."""
    try:
        with deadline(patience_s):
            answer = http.send(request, stream=True)
            try:
                failed = answer.status_code >= _FAILED
                limit = MAX_ERROR_BYTES if failed else max_bytes
                body = _bounded(answer, who=who, max_bytes=limit)
            finally:
                answer.close()
    except httpx.TimeoutException as error:
        raise PeerError(f"{who} did not answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
        raise PeerError(f"{who} cannot be reached: {cause_of(error)}") from error
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise PeerError(f"{who} answered in an encoding that was not asked for")
    return answer.status_code, Answer(headers=answer.headers, content=body)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a peer asks to be left alone. Spec: RFC 9110 §10.2.3, without dates."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else None


def _bounded(answer: httpx.Response, *, who: str, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise PeerError(f"{who} answered with more than {max_bytes} bytes")
    return bytes(body)


def refusal(status: int) -> str:
    """Say what a status means here. The peer's own words are not repeated: they are untrusted."""
    match status:
        case 401:
            return (
                "does not accept this node's signature (401): check keys and clocks on both sides"
            )
        case 404:
            return "has nothing for this node there (404)"
        case 429 | 503:
            return f"is busy ({status}); it will be tried again"
        case _ if status < 400:  # noqa: PLR2004  3xx: redirections
            return f"redirects elsewhere ({status}); that is refused, correct its address"
        case _:
            return f"refused the request ({status})"


def checked_address(address: str, *, who: str) -> str:
    """Return a base URL without a slash at its end, or refuse it. It may be a stranger's word."""
    try:
        parts = urlsplit(address)
        # What the name system or the library below could not take is refused here, in our words.
        usable = len(address) <= _MAX_ADDRESS_CHARS and parts.port != 0
        usable = usable and bool(httpx.URL(address).host)
        (parts.hostname or "").encode("idna")
    except (ValueError, httpx.InvalidURL) as error:
        raise PeerError(f"{who} has an address that is none") from error
    if not usable:
        raise PeerError(f"{who} has an address that is none")
    plain_here = parts.scheme == "http" and _is_loopback(parts.hostname or "")
    if not (parts.hostname and (parts.scheme == "https" or plain_here)):
        raise PeerError(f"{who} has an address that is neither https nor on this machine")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise PeerError(f"{who} has an address with more than host and path")
    return address.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
