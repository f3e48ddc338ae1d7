"""Speaks to other members' nodes: signed requests over HTTP, bounded in size and time.

Every answer is untrusted bytes; here it is only bounded and split. Redirects are refused, since a
request is signed for one path of one member. Plain HTTP is spoken to this machine only: what
leaves it goes over TLS. Nothing is read from the environment, so no proxy is used by accident.

Spec: TAXII 2.1 §5.4; RFC 9421.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Self
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from foedus.clock import Clock
from foedus.exchange.http_signature import NONCE_BYTES, SignableRequest, sign_request
from foedus.exchange.lane_names import (
    CREDENCE_PATH,
    HEAD_PATH,
    HEADS_HEADER,
    HEADS_PATH,
    LANE_HEAD_HEADER,
    RETURNED_PATH,
    WITNESS_PATH,
    lane_objects_path,
)
from foedus.model.objects import ObjectError, split_bundle
from foedus.node.gossip_format import MAX_HEADS_BYTES
from foedus.node.identity import NodeIdentity
from foedus.node.mirror import origin_hash
from foedus.node.peer_ports import (
    LanePage,
    PeerClosedError,
    PeerEndpoint,
    PeerError,
    WitnessAnswer,
)
from foedus.node.returned import MAX_RETURNED_BYTES
from foedus.signing.base64_text import from_base64
from foedus.signing.errors import Base64Error

__all__ = [
    "CONNECT_TIMEOUT_S",
    "MAX_CREDENCE_BYTES",
    "MAX_LANE_PAGE_BYTES",
    "MAX_LEDGER_FILE_BYTES",
    "READ_TIMEOUT_S",
    "HTTPPeerClient",
    "PublicFiles",
    "fetch_credence",
]

CONNECT_TIMEOUT_S: Final = 5.0
"""Longest wait for a connection, in seconds."""

READ_TIMEOUT_S: Final = 30.0
"""Longest silence while an answer arrives, in seconds."""

MAX_ANSWER_S: Final = 300
"""Longest an answer may take to arrive whole, in seconds."""

POOL_CONNECTIONS: Final = 32
"""Connections kept open at a time, over all peers."""

MAX_LANE_PAGE_BYTES: Final = 24 * 1024 * 1024
"""Largest page of a lane read, in bytes: what a node sends at most, and the largest object."""

MAX_LEDGER_FILE_BYTES: Final = 1024 * 1024
"""Largest file of a ledger read, in bytes."""

MAX_CREDENCE_BYTES: Final = 64 * 1024
"""Largest letter of credence read, in bytes."""

WITNESS_TIMEOUT_S: Final = 5.0
"""Longest silence of a witness that is asked, in seconds; so long may its whole answer take."""

MAX_HEAD_CHARS: Final = 16 * 1024
"""Longest lane head read from a header, in characters."""

MAX_DIGEST_CHARS: Final = 64
"""Longest digest read from a header, in characters."""

_TAXII: Final = "application/taxii+json;version=2.1"
_MAX_ERROR_BYTES: Final = 16 * 1024
_OK: Final = 200
_FAILED: Final = 300
_CLOSED: Final = 403
_WITNESS_STATUSES: Final = frozenset({200, 400, 403, 404, 409, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


class _Paging(msgspec.Struct):
    more: bool = False


_paging = msgspec.json.Decoder(_Paging)


class HTTPPeerClient:
    """The one client of this node; safe for several threads, one pool of connections."""

    def __init__(
        self, identity: NodeIdentity, *, clock: Clock, random: Callable[[int], bytes]
    ) -> None:
        """Prepare the pool; nothing is opened yet.

        Args:
            identity: Who we are; its node key signs.
            clock: Dates the requests.
            random: Returns unpredictable bytes, for nonces.
        """
        self._identity = identity
        self._clock = clock
        self._random = random
        self._http = _client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def lane_page(self, peer: PeerEndpoint, lane: str, *, added_after: str, limit: int) -> LanePage:
        """Fetch one page of our lane at the peer, all versions, unfiltered.

        Args:
            peer: Whose lane to us.
            lane: Its name.
            added_after: The ``last_added`` of the page before; "" at the start.
            limit: Objects wanted at most.

        Raises:
            PeerError: The peer cannot be reached, refuses, or answers outside the protocol.

        Spec: TAXII 2.1 §5.4.
        """
        parameters = {"match[version]": "all", "limit": str(limit)}
        if added_after:
            parameters["added_after"] = added_after
        path = lane_objects_path(peer.member, self._identity.member, lane)
        query = urlencode(parameters, quote_via=quote)
        answer = self._call(peer, path, query=query, max_bytes=MAX_LANE_PAGE_BYTES)
        media_type = answer.headers.get("content-type", "").replace(" ", "").lower()
        if media_type != _TAXII:
            raise PeerError(f"{peer.member} answered with another media type than TAXII 2.1")
        try:
            objects = split_bundle(answer.content)
            more = _paging.decode(answer.content).more
        except (ObjectError, ValueError, RecursionError) as error:
            raise PeerError(f"{peer.member} answered with what is no TAXII envelope") from error
        last = answer.headers.get("x-taxii-date-added-last", "") if objects else ""
        if len(objects) > limit or (objects and not last) or (more and not objects):
            raise PeerError(f"{peer.member} answered outside TAXII 2.1: the page does not add up")
        return LanePage(
            objects=objects,
            more=more,
            last_added=last,
            head=_lane_head(peer, answer.headers),
            heads=answer.headers.get(HEADS_HEADER, "")[:MAX_DIGEST_CHARS],
        )

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        """Fetch ``checkpoint`` or a tile of the peer's ledger.

        Raises:
            PeerError: The peer cannot be reached, refuses, or has no such file.

        Spec: C2SP tlog-tiles.
        """
        answer = self._call(peer, f"/ledger/{path}", max_bytes=MAX_LEDGER_FILE_BYTES)
        return answer.content

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        """Hand over a signed acknowledgement of the peer's lane to us; safe to repeat.

        Raises:
            PeerError: The peer cannot be reached, or does not take it.
        """
        self._call(peer, HEAD_PATH, body=document, max_bytes=_MAX_ERROR_BYTES)

    def mirror_file(self, peer: PeerEndpoint, origin: str, path: str) -> bytes:
        """Fetch ``checkpoint``, a tile or a bundle of the peer's copy of a log.

        Raises:
            PeerError: The peer cannot be reached, or keeps no such file.

        Spec: C2SP tlog-tiles.
        """
        place = f"/mirror/{origin_hash(origin)}/{path}"
        return self._call(peer, place, max_bytes=MAX_LEDGER_FILE_BYTES).content

    def add_checkpoint(self, peer: PeerEndpoint, request: bytes) -> WitnessAnswer:
        """Ask a peer to cosign a head; returns any status that the protocol knows.

        The request is not signed: it says nothing that the checkpoint's signature does not.

        Raises:
            PeerError: It cannot be reached in a short time, or answers outside the protocol.

        Spec: C2SP tlog-witness, "add-checkpoint".
        """
        asked = self._http.build_request(
            "POST",
            f"{_checked(peer)}{WITNESS_PATH}/add-checkpoint",
            content=request,
            headers={"content-type": "text/plain; charset=utf-8"},
            timeout=httpx.Timeout(WITNESS_TIMEOUT_S),
        )
        status, answer = _sent(
            self._http,
            asked,
            who=str(peer.member),
            max_bytes=_MAX_ERROR_BYTES,
            patience_s=WITNESS_TIMEOUT_S,
        )
        if status not in _WITNESS_STATUSES:
            raise PeerError(f"{peer.member} {_refusal(status)}")
        return WitnessAnswer(status=status, body=answer.content)

    def witnessed(self, peer: PeerEndpoint, origin: str) -> bytes:
        """Fetch the head of a log that a peer cosigned last.

        Raises:
            PeerError: The peer cannot be reached, or cosigned none.

        Spec: C2SP tlog-witness, "Monitor Retrieval Mechanism".
        """
        place = f"{WITNESS_PATH}/{origin_hash(origin)}/checkpoint"
        return self._call(peer, place, max_bytes=MAX_LEDGER_FILE_BYTES).content

    def heads(self, peer: PeerEndpoint) -> bytes:
        """Fetch the log heads and proofs of forks that a peer knows.

        Raises:
            PeerError: The peer cannot be reached, or refuses.
        """
        return self._call(peer, HEADS_PATH, max_bytes=MAX_HEADS_BYTES).content

    def deliver_fork(self, peer: PeerEndpoint, proof: bytes) -> None:
        """Hand a proof of a fork to a peer, which verifies it itself; safe to repeat.

        Raises:
            PeerError: The peer cannot be reached, or does not take it.
        """
        self._call(peer, HEADS_PATH, body=proof, max_bytes=_MAX_ERROR_BYTES)

    def returned(self, peer: PeerEndpoint, lane: str, *, after: int) -> bytes:
        """Fetch a page of the rows of our lane to the peer, as it received them.

        Raises:
            PeerError: The peer cannot be reached, or refuses.
        """
        place = RETURNED_PATH.format(lane=lane)
        query = urlencode({"after": str(after)})
        return self._call(peer, place, query=query, max_bytes=MAX_RETURNED_BYTES).content

    def _call(
        self,
        peer: PeerEndpoint,
        path: str,
        *,
        query: str = "",
        body: bytes = b"",
        max_bytes: int,
    ) -> _Answer:
        url = _checked(peer) + path
        method = "POST" if body else "GET"
        signed = SignableRequest(method=method, path=urlsplit(url).path, query=query, body=body)
        headers = {
            "accept": _TAXII,
            **({"content-type": "application/json"} if body else {}),
            **sign_request(
                signed,
                audience=peer.member,
                key=self._identity.node,
                at=self._clock.now(),
                nonce=self._random(NONCE_BYTES),
            ),
        }
        request = self._http.build_request(
            method, f"{url}?{query}" if query else url, content=body, headers=headers
        )
        return _fetch(self._http, request, who=str(peer.member), max_bytes=max_bytes)


def _lane_head(peer: PeerEndpoint, headers: Mapping[str, str]) -> bytes:
    """Return the bytes of the head that goes with a page; nothing in it is verified here."""
    text = headers.get(LANE_HEAD_HEADER, "")
    try:
        if 0 < len(text) <= MAX_HEAD_CHARS:
            return from_base64(text)
    except Base64Error:
        pass
    raise PeerError(f"{peer.member} sent a page without its signed lane head")


def fetch_credence(address: str) -> bytes:
    """Fetch a letter of credence from a node that is not known yet; nothing in it is verified.

    Args:
        address: Base URL of the node.

    Raises:
        PeerError: It cannot be reached, or shows none.
    """
    url = _checked_address(address, who=address) + CREDENCE_PATH
    with _client() as http:
        request = http.build_request("GET", url)
        return _fetch(http, request, who=address, max_bytes=MAX_CREDENCE_BYTES).content


class PublicFiles:
    """Fetches files that anybody may read from below one address, unsigned."""

    def __init__(self, address: str) -> None:
        """Prepare the pool; nothing is opened yet.

        Raises:
            PeerError: The address is neither https nor on this machine.
        """
        self._base = _checked_address(address, who=address)
        self._http = _client()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def fetch(self, path: str, *, max_bytes: int) -> bytes:
        """Fetch one file.

        Raises:
            PeerError: It cannot be reached, or there is none of that name.
        """
        request = self._http.build_request("GET", f"{self._base}/{path}")
        return _fetch(self._http, request, who=self._base, max_bytes=max_bytes).content


def _client() -> httpx.Client:
    return httpx.Client(
        transport=_TLSOnDemand(),
        # Never used for TLS: it trusts nobody, and costs nothing to make.
        mounts={"http://": _transport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))},
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        follow_redirects=False,
        trust_env=False,
        headers={"user-agent": "foedus", "accept-encoding": "identity"},
    )


def _transport(context: ssl.SSLContext) -> httpx.HTTPTransport:
    return httpx.HTTPTransport(
        verify=context, limits=httpx.Limits(max_connections=POOL_CONNECTIONS), trust_env=False
    )


class _TLSOnDemand(httpx.BaseTransport):
    """Reads the trusted authorities at the first request over TLS: most commands need none."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inner: httpx.HTTPTransport | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            if self._inner is None:
                self._inner = _transport(httpx.create_ssl_context(trust_env=False))
        return self._inner.handle_request(request)

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()


def _fetch(http: httpx.Client, request: httpx.Request, *, who: str, max_bytes: int) -> _Answer:
    """Send a request and read its answer within the limit, or say in plain words what failed."""
    status, answer = _sent(http, request, who=who, max_bytes=max_bytes, patience_s=MAX_ANSWER_S)
    if status == _CLOSED:
        raise PeerClosedError(f"{who} has nothing more for this node there (403)")
    if not _OK <= status < _FAILED:
        raise PeerError(f"{who} {_refusal(status)}")
    return answer


def _sent(
    http: httpx.Client, request: httpx.Request, *, who: str, max_bytes: int, patience_s: float
) -> tuple[int, _Answer]:
    """Send a request and read its answer, whatever its status, within the limits."""
    try:
        answer = http.send(request, stream=True)
        try:
            failed = answer.status_code >= _FAILED
            limit = _MAX_ERROR_BYTES if failed else max_bytes
            body = _bounded(answer, who=who, max_bytes=limit, patience_s=patience_s)
        finally:
            answer.close()
    except httpx.TimeoutException as error:
        raise PeerError(f"{who} did not answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise PeerError(f"{who} cannot be reached: {type(error).__name__}") from error
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise PeerError(f"{who} answered in an encoding that was not asked for")
    return answer.status_code, _Answer(headers=answer.headers, content=body)


def _bounded(answer: httpx.Response, *, who: str, max_bytes: int, patience_s: float) -> bytes:
    body = bytearray()
    deadline = time.monotonic() + patience_s
    for chunk in answer.iter_raw():
        body += chunk
        if time.monotonic() > deadline:
            raise PeerError(f"{who} took more than {patience_s:.0f} seconds to answer")
        if len(body) > max_bytes:
            raise PeerError(f"{who} answered with more than {max_bytes} bytes")
    return bytes(body)


def _refusal(status: int) -> str:
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


def _checked(peer: PeerEndpoint) -> str:
    return _checked_address(peer.address, who=str(peer.member))


def _checked_address(address: str, *, who: str) -> str:
    """Return a base URL without a slash at its end, or refuse it."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise PeerError(f"{who} has an address that is none") from error
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
