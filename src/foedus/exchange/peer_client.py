"""Speaks to other members' nodes: signed requests over HTTP, bounded in size and time.

Every answer is untrusted bytes; here it is only bounded and split. Redirects are refused, since a
request is signed for one path of one member. Plain HTTP is spoken to this machine only: what
leaves it goes over TLS. Nothing is read from the environment, so no proxy is used by accident.

Spec: TAXII 2.1 §5.4; RFC 9421.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from foedus.clock import Clock, SystemClock
from foedus.exchange.connections import Connections, check_pinned
from foedus.exchange.http_signature import NONCE_BYTES, SignableRequest, sign_request
from foedus.exchange.lane_names import (
    CREDENCE_PATH,
    HEAD_PATH,
    HEADS_HEADER,
    HEADS_PATH,
    LANE_HEAD_HEADER,
    LANES_HEADER,
    PLACE_PATH,
    RETURNED_PATH,
    WITNESS_PATH,
    lane_objects_path,
)
from foedus.exchange.patience import Allowance
from foedus.exchange.transport import (
    MAX_ANSWER_S,
    MAX_ERROR_BYTES,
    Answer,
    checked_address,
    fetch,
    http_client,
    pinned_client,
    refusal,
    sent,
)
from foedus.model.bundles import split_bundle
from foedus.model.identifiers import MemberId
from foedus.model.objects import ObjectError
from foedus.node.dispatch import LANE_INSTRUMENTS
from foedus.node.gossip_format import MAX_HEADS_BYTES
from foedus.node.identity import NodeIdentity
from foedus.node.lane_counts import LaneCounts, format_counts, parse_counts
from foedus.node.mirror import origin_hash
from foedus.node.peer_ports import (
    LanePage,
    News,
    PeerEndpoint,
    PeerError,
    WitnessAnswer,
)
from foedus.node.returned import MAX_RETURNED_BYTES
from foedus.signing.base64_text import from_base64
from foedus.signing.errors import Base64Error

__all__ = [
    "MAX_CREDENCE_BYTES",
    "MAX_LANE_PAGE_BYTES",
    "MAX_LEDGER_FILE_BYTES",
    "HTTPPeerClient",
    "PublicFiles",
    "fetch_credence",
]

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
_WITNESS_STATUSES: Final = frozenset({200, 400, 403, 404, 409, 422})


class _Paging(msgspec.Struct):
    more: bool = False


_paging = msgspec.json.Decoder(_Paging)


class HTTPPeerClient:
    """The one client of this node; safe for several threads, one pool of connections."""

    def __init__(
        self,
        identity: NodeIdentity,
        *,
        clock: Clock,
        random: Callable[[int], bytes],
        connections: Connections | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        """Prepare the pool; nothing is opened yet.

        Args:
            identity: Who we are; its node key signs.
            clock: Dates the requests.
            random: Returns unpredictable bytes, for nonces.
            connections: Connections to share; some of its own, which know no pins, if absent.
            allowance: How long all its answers may take together; None for no limit but each one's.
        """
        self._identity = identity
        self._clock = clock
        self._random = random
        self._connections = Connections(clock=clock) if connections is None else connections
        self._allowance = allowance

    def within(self, member: MemberId, seconds: float) -> HTTPPeerClient:
        """Return this client for one piece of work, for one thread; it shares the connections.

        Args:
            member: Whom the work is with.
            seconds: How long all its answers may take together; then each call raises PeerError.
                Others asked on the way have a small time of their own.
        """
        return HTTPPeerClient(
            self._identity,
            clock=self._clock,
            random=self._random,
            connections=self._connections,
            allowance=Allowance(member, seconds),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

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
        answer = self._lane_answer(peer, lane, parameters)
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
            counts=parse_counts(answer.headers.get(LANES_HEADER, "")),
        )

    def await_news(
        self, peer: PeerEndpoint, *, added_after: str, known: LaneCounts, wait_s: int
    ) -> News:
        """Return once a peer's lanes to us have other counts than those known, or the time is over.

        The page that comes with the answer is left: what is taken is taken in a pull.

        Raises:
            PeerError: The peer cannot be reached, or refuses.

        Spec: RFC 7240 §4.3.
        """
        parameters = {"match[version]": "all", "limit": "1"}
        if added_after:
            parameters["added_after"] = added_after
        asking = {"prefer": f"wait={wait_s}", LANES_HEADER: format_counts(known)}
        answer = self._lane_answer(peer, LANE_INSTRUMENTS, parameters, more_headers=asking)
        counts = parse_counts(answer.headers.get(LANES_HEADER, ""))
        waited = answer.headers.get("preference-applied", "").startswith("wait")
        return News(counts=counts, waited=waited)

    def _lane_answer(
        self,
        peer: PeerEndpoint,
        lane: str,
        parameters: Mapping[str, str],
        *,
        more_headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return self._call(
            peer,
            lane_objects_path(peer.member, self._identity.member, lane),
            query=urlencode(parameters, quote_via=quote),
            max_bytes=MAX_LANE_PAGE_BYTES,
            more_headers=more_headers or {},
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
        self._call(peer, HEAD_PATH, body=document, max_bytes=MAX_ERROR_BYTES)

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
        place = f"{checked_address(peer.address, who=str(peer.member))}{WITNESS_PATH}"
        with (
            self._patience(peer.member, WITNESS_TIMEOUT_S) as patience_s,
            self._connections.to(peer.member) as http,
        ):
            asked = http.build_request(
                "POST",
                f"{place}/add-checkpoint",
                content=request,
                headers={"content-type": "text/plain; charset=utf-8"},
                timeout=httpx.Timeout(WITNESS_TIMEOUT_S),
            )
            status, answer = sent(
                http,
                asked,
                who=str(peer.member),
                max_bytes=MAX_ERROR_BYTES,
                patience_s=patience_s,
            )
        if status not in _WITNESS_STATUSES:
            raise PeerError(f"{peer.member} {refusal(status)}")
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
        self._call(peer, HEADS_PATH, body=proof, max_bytes=MAX_ERROR_BYTES)

    def clock_of(self, peer: PeerEndpoint) -> timedelta | None:
        """Ask a peer's node for a sign of life, unsigned.

        Returns:
            How far its clock is ahead of ours, to a second; None if it does not say.

        Raises:
            PeerError: It cannot be reached in a short time, shows another key, or does not answer.
        """
        url = f"{checked_address(peer.address, who=str(peer.member))}/health"
        with self._connections.to(peer.member) as http:
            answer = fetch(
                http,
                http.build_request("GET", url, timeout=httpx.Timeout(WITNESS_TIMEOUT_S)),
                who=str(peer.member),
                max_bytes=MAX_ERROR_BYTES,
                patience_s=WITNESS_TIMEOUT_S,
            )
        try:
            said = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return None
        # A date has whole seconds: on the average it is half of one behind.
        return said.astimezone(UTC) + timedelta(seconds=0.5) - self._clock.now()

    def returned(self, peer: PeerEndpoint, lane: str, *, after: int) -> bytes:
        """Fetch a page of the rows of our lane to the peer, as it received them.

        Raises:
            PeerError: The peer cannot be reached, or refuses.
        """
        place = RETURNED_PATH.format(lane=lane)
        query = urlencode({"after": str(after)})
        return self._call(peer, place, query=query, max_bytes=MAX_RETURNED_BYTES).content

    def lane_place(self, peer: PeerEndpoint, lane: str, *, count: int) -> bytes:
        """Ask what our lane at the peer was after its first rows; untrusted.

        Raises:
            PeerError: The peer cannot be reached, or refuses.
        """
        place = PLACE_PATH.format(lane=lane)
        query = urlencode({"count": str(count)})
        return self._call(peer, place, query=query, max_bytes=MAX_ERROR_BYTES).content

    def _call(
        self,
        peer: PeerEndpoint,
        path: str,
        *,
        query: str = "",
        body: bytes = b"",
        max_bytes: int,
        more_headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        url = checked_address(peer.address, who=str(peer.member)) + path
        method = "POST" if body else "GET"
        signed = SignableRequest(method=method, path=urlsplit(url).path, query=query, body=body)
        headers = {
            "accept": _TAXII,
            **more_headers,
            **({"content-type": "application/json"} if body else {}),
            **sign_request(
                signed,
                audience=peer.member,
                key=self._identity.node,
                at=self._clock.now(),
                nonce=self._random(NONCE_BYTES),
            ),
        }
        with (
            self._patience(peer.member, MAX_ANSWER_S) as patience_s,
            self._connections.to(peer.member) as http,
        ):
            request = http.build_request(
                method, f"{url}?{query}" if query else url, content=body, headers=headers
            )
            return fetch(
                http,
                request,
                who=str(peer.member),
                max_bytes=max_bytes,
                patience_s=patience_s,
            )

    @contextmanager
    def _patience(self, member: MemberId, longest: float) -> Iterator[float]:
        """Yield how long an answer may take, in seconds."""
        if self._allowance is None:
            yield longest
        else:
            with self._allowance.asking(member) as left:
                yield min(longest, left)


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
    url = checked_address(address, who=address) + CREDENCE_PATH
    # Any certificate will do: the letter says itself which is right, and is compared by people.
    with pinned_client(lambda _certificate: None) as http:
        request = http.build_request("GET", url)
        return fetch(http, request, who=address, max_bytes=MAX_CREDENCE_BYTES).content


class PublicFiles:
    """Fetches files that anybody may read from below one address, unsigned."""

    def __init__(self, address: str, *, pins: frozenset[str] = frozenset()) -> None:
        """Prepare the pool; nothing is opened yet.

        Args:
            address: Base URL.
            pins: Keys that may be shown over TLS; none for whom a public authority vouches for.

        Raises:
            PeerError: The address is neither https nor on this machine.
        """
        self._base = checked_address(address, who=address)

        def accept(certificate: bytes) -> None:
            check_pinned(certificate, pins, who=address, now=SystemClock().now())

        self._http = pinned_client(accept) if pins else http_client()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def fetch(self, path: str, *, max_bytes: int) -> bytes:
        """Fetch one file.

        Raises:
            PeerError: It cannot be reached, or there is none of that name.
        """
        request = self._http.build_request("GET", f"{self._base}/{path}")
        return fetch(self._http, request, who=self._base, max_bytes=max_bytes).content
