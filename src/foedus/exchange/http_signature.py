"""Signed requests between nodes: one profile of HTTP Message Signatures, nothing else accepted.

A request covers, in this order: ``@method``, ``@path``, ``@query``, ``content-digest`` (SHA-256 of
the body, the empty one included) and ``foedus-audience`` (the member addressed), with the
parameters ``created``, ``nonce``, ``keyid``, ``alg="ed25519"`` and ``tag="foedus"``. There is one
spelling of the headers; any other is malformed. So a verifier never has to choose what to check.

A request is checked in this order, and the first failure ends it:

1. each of the four headers stands once and has its one form;
2. the audience is this member: a request made for another node is worth nothing here;
3. ``created`` is within the window around now;
4. the key id names a key that speaks for a member now;
5. the signature over the base, rebuilt from what was received, is by that key;
6. the digest is that of the body received;
7. the nonce was not seen from that key within the window. Only verified requests are remembered,
   so that strangers cannot fill the memory.

Nonces are remembered by the process, and then by all processes of the node (``shared``), so that a
replay is refused whichever of them gets it. Beyond that every request of the protocol is safe to
repeat.

Spec: RFC 9421 §2, §3; RFC 9530 §2.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from foedus.exchange.errors import (
    RequestSignatureError,
    SignatureFault,
    TooManyRequestsError,
)
from foedus.model.identifiers import MemberId
from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error, SignatureError
from foedus.signing.keys import PublicKey, SigningKey, verify_signature

__all__ = [
    "AUDIENCE_HEADER",
    "MAX_NONCES_PER_KEY",
    "NONCE_BYTES",
    "WINDOW_S",
    "NonceMemory",
    "PeerKey",
    "RequestVerifier",
    "SharedNonces",
    "SignableRequest",
    "content_digest",
    "sign_request",
]

AUDIENCE_HEADER: Final = "foedus-audience"
"""Names the member whose node the request is for."""

WINDOW_S: Final = 60
"""How far ``created`` may lie from now, in seconds, either way."""

MAX_NONCES_PER_KEY: Final = 100_000
"""Requests of one key remembered at a time: some 800 a second over the whole window."""

MAX_HEADER_CHARS: Final = 512
"""Longest value of a header of this profile, in characters."""

NONCE_BYTES: Final = 16
"""Random bytes in a nonce."""

_COMPONENTS: Final = '("@method" "@path" "@query" "content-digest" "foedus-audience")'
_INPUT: Final = re.compile(
    r'foedus=(\("@method" "@path" "@query" "content-digest" "foedus-audience"\)'
    r';created=(\d{9,11});nonce="([A-Za-z0-9_-]{22,64})"'
    r';keyid="(ed25519:[0-9a-f]{16})";alg="ed25519";tag="foedus")',
    re.ASCII,
)
_SIGNATURE: Final = re.compile(r"foedus=:([A-Za-z0-9+/]{86}==):", re.ASCII)
_DIGEST: Final = re.compile(r"sha-256=:[A-Za-z0-9+/]{43}=:", re.ASCII)
_HEADERS: Final = ("signature-input", "signature", "content-digest", AUDIENCE_HEADER)

SharedNonces = Callable[[str, str, datetime], bool]
"""From a key id, a nonce and now: whether no process of the node saw it within the window; it is
remembered. Called for verified requests only."""

PeerKey = Callable[[str, datetime], "tuple[MemberId, PublicKey] | None"]
"""From a key id and an instant: whose node key it is then, or None. Called for each request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignableRequest:
    """What of a request is signed.

    Attributes:
        method: Upper case.
        path: Absolute path as sent, still percent-encoded.
        query: As sent, without the question mark; "" when there is none.
        body: The whole body.
    """

    method: str
    path: str
    query: str
    body: bytes = field(repr=False)


def content_digest(body: bytes) -> str:
    """Return the ``Content-Digest`` value of a body. Spec: RFC 9530 §2."""
    return f"sha-256=:{to_base64(hashlib.sha256(body).digest())}:"


def sign_request(
    request: SignableRequest, *, audience: MemberId, key: SigningKey, at: datetime, nonce: bytes
) -> dict[str, str]:
    """Return the four headers that sign a request.

    Args:
        request: What will be sent, exactly.
        audience: The member whose node it is sent to.
        key: Our node key.
        at: Now; aware.
        nonce: :data:`NONCE_BYTES` unpredictable bytes, never used before.
    """
    digest = content_digest(request.body)
    text = base64.urlsafe_b64encode(nonce).decode("ascii").rstrip("=")
    parameters = (
        f'{_COMPONENTS};created={int(at.timestamp())};nonce="{text}"'
        f';keyid="{key.public.key_id}";alg="ed25519";tag="foedus"'
    )
    signature = key.sign(_signature_base(request, digest, audience, parameters))
    return {
        "signature-input": f"foedus={parameters}",
        "signature": f"foedus=:{to_base64(signature)}:",
        "content-digest": digest,
        AUDIENCE_HEADER: audience,
    }


class NonceMemory:
    """Nonces seen of late, by key; bounded, safe for several threads."""

    def __init__(self, *, per_key: int = MAX_NONCES_PER_KEY) -> None:
        """Start empty, keeping at most ``per_key`` live nonces of one key."""
        self._per_key = per_key
        self._lock = threading.Lock()
        self._seen: dict[str, OrderedDict[str, datetime]] = {}

    def admit(self, key_id: str, nonce: str, *, now: datetime) -> None:
        """Remember a nonce, or raise if it is known.

        Raises:
            RequestSignatureError: It was seen within the window.
            TooManyRequestsError: The key has used up its share; nothing live is forgotten for it.
        """
        # A request accepted at the far edge of the window could be replayed until twice its length.
        horizon = now - timedelta(seconds=2 * WINDOW_S)
        with self._lock:
            seen = self._seen.setdefault(key_id, OrderedDict())
            while seen and next(iter(seen.values())) < horizon:
                seen.popitem(last=False)
            if nonce in seen:
                raise RequestSignatureError(SignatureFault.REPLAY)
            if len(seen) >= self._per_key:
                raise TooManyRequestsError("too many requests by one key; try again in a minute")
            seen[nonce] = now


def _only_one(_key_id: str, _nonce: str, _now: datetime) -> bool:
    """Answer where there is one process only."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestVerifier:
    """Checks signed requests for one member's node.

    Attributes:
        audience: This node's member.
        peer_key: Whose key it is at an instant.
        nonces: What this process saw of late.
        shared: What all processes of the node saw of late.
    """

    audience: MemberId
    peer_key: PeerKey
    nonces: NonceMemory = field(default_factory=NonceMemory)
    shared: SharedNonces = field(default=_only_one, repr=False)

    def verify(
        self, request: SignableRequest, headers: Sequence[tuple[str, str]], *, now: datetime
    ) -> MemberId:
        """Return the member who signed a request, or raise.

        Args:
            request: What was received; untrusted.
            headers: Every header received, names in lower case, repeats kept; untrusted.
            now: The present instant; aware.

        Raises:
            RequestSignatureError: A check listed in the module's docstring failed.
            TooManyRequestsError: See :meth:`NonceMemory.admit`.
        """
        values = _profile_headers(headers)  # 1
        parsed = _INPUT.fullmatch(values["signature-input"])
        signature = _SIGNATURE.fullmatch(values["signature"])
        digest = values["content-digest"]
        if parsed is None or signature is None or not _DIGEST.fullmatch(digest):
            raise RequestSignatureError(SignatureFault.MALFORMED)
        parameters, created, nonce, key_id = parsed.groups()
        if values[AUDIENCE_HEADER] != self.audience:  # 2
            raise RequestSignatureError(SignatureFault.AUDIENCE)
        if abs(now - datetime.fromtimestamp(int(created), UTC)) > timedelta(seconds=WINDOW_S):  # 3
            raise RequestSignatureError(SignatureFault.EXPIRED)
        known = self.peer_key(key_id, now)  # 4
        if known is None or known[1].key_id != key_id:
            raise RequestSignatureError(SignatureFault.UNKNOWN_KEY)
        member, key = known
        base = _signature_base(request, digest, self.audience, parameters)
        try:  # 5
            verify_signature(key, base, from_base64(signature[1]))
        except (SignatureError, Base64Error) as error:
            raise RequestSignatureError(SignatureFault.SIGNATURE) from error
        if not hmac.compare_digest(digest, content_digest(request.body)):  # 6
            raise RequestSignatureError(SignatureFault.DIGEST)
        self.nonces.admit(key_id, nonce, now=now)  # 7
        if not self.shared(key_id, nonce, now):
            raise RequestSignatureError(SignatureFault.REPLAY)
        return member


def _profile_headers(headers: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Return the four headers of the profile, each of which must stand exactly once."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name not in _HEADERS:
            continue
        if name in found:
            raise RequestSignatureError(SignatureFault.REPEATED)
        if len(value) > MAX_HEADER_CHARS:
            raise RequestSignatureError(SignatureFault.MALFORMED)
        found[name] = value
    if len(found) != len(_HEADERS):
        raise RequestSignatureError(SignatureFault.MISSING)
    return found


def _signature_base(request: SignableRequest, digest: str, audience: str, parameters: str) -> bytes:
    """Return the bytes that are signed. Spec: RFC 9421 §2.5."""
    lines = (
        f'"@method": {request.method}',
        f'"@path": {request.path}',
        f'"@query": ?{request.query}',
        f'"content-digest": {digest}',
        f'"foedus-audience": {audience}',
        f'"@signature-params": {parameters}',
    )
    return "\n".join(lines).encode()
