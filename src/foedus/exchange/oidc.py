"""Speaks with the member's OpenID provider: what it publishes, its keys, and codes for ID tokens.

What is asked of the provider, and of nobody else:

1. Its metadata, at the address the settings name and nowhere else; it must name itself exactly so.
   Every address in it is https, or http to this machine. Kept :data:`KEPT_FOR`.
2. Its keys. They are fetched again when a token is signed by one that is not known, at most once in
   :data:`KEYS_AGAIN_AFTER`, so that keys may be rotated and nobody makes this node ask without end.
3. A code for an ID token, over the connection only this node and the provider have.

Answers are at most :data:`MAX_ANSWER_BYTES` long and :data:`ANSWER_S` late, and never followed
elsewhere. What the provider says of an error is not repeated to anybody.

Spec: OpenID Connect Discovery 1.0 §3, §4; OpenID Connect Core 1.0 §3.1.3, §10.1.1; RFC 6749 §2.3.1;
RFC 7636 §4; RFC 9207.
"""

from __future__ import annotations

import base64
import ssl
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx

from foedus.access import Role
from foedus.access.errors import IdentityError, ProviderSettingsError, UnknownKeyError
from foedus.access.id_token import ALGORITHMS, Expected, check_id_token
from foedus.access.provider import Identity, ProviderSettings, checked_endpoint
from foedus.canonical import CanonicalError, parse_json
from foedus.clock import Clock
from foedus.connecting import cause_of, deadline
from foedus.exchange.transport import http_client

__all__ = [
    "ANSWER_S",
    "KEPT_FOR",
    "KEYS_AGAIN_AFTER",
    "MAX_ANSWER_BYTES",
    "OpenIDProvider",
    "read_client_secret",
]

ANSWER_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 256 * 1024
KEPT_FOR: Final = timedelta(hours=1)
KEYS_AGAIN_AFTER: Final = timedelta(minutes=1)
_OK: Final = 200
_MAX_CODE_CHARS: Final = 4096
_PATH: Final = "/.well-known/openid-configuration"
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def read_client_secret(path: Path) -> str:
    """Return this node's secret with the provider from a file that only its owner reads.

    Raises:
        ProviderSettingsError: It cannot be read, can be read by others, or is empty.
    """
    try:
        mode = path.stat().st_mode
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderSettingsError(f"oidc.secret_file {path.name} cannot be read") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ProviderSettingsError(
            f"oidc.secret_file {path.name} can be read by others; `chmod 600` it"
        )
    if not secret:
        raise ProviderSettingsError(f"oidc.secret_file {path.name} is empty")
    return secret


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metadata:
    """What the provider publishes of itself."""

    authorization: str
    token: str
    keys: str
    by_post: bool
    algorithms: frozenset[str]
    names_itself: bool
    until: datetime


class OpenIDProvider:
    """Implements :class:`foedus.node.provider_sign_on.Provider`; safe for several threads."""

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        secret: str,
        clock: Clock,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            settings: What an administrator wrote of it.
            secret: The client's secret; "" for a client without one, which PKCE alone protects.
            clock: Tells now.
            trusted: Whom to trust instead of public authorities.
        """
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._http = http_client(trusted)
        self._lock = Lock()
        self._metadata: _Metadata | None = None
        self._keys: Sequence[Mapping[str, Any]] = ()
        self._keys_at: datetime | None = None

    def __repr__(self) -> str:
        """Return it without its secret."""
        return f"OpenIDProvider({self._settings.issuer!r})"

    @property
    def issuer(self) -> str:
        """The address by which it names itself."""
        return self._settings.issuer

    @property
    def groups(self) -> Mapping[str, frozenset[Role]]:
        """Which of its groups have which roles here."""
        return self._settings.groups

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def must_name_itself(self) -> bool:
        """Return whether it says that its answers name it (RFC 9207 §2.3)."""
        return self._published().names_itself

    def address(self, *, state: str, nonce: str, challenge: str) -> str:
        """Return where the browser is sent. Spec: OpenID Connect Core §3.1.2.1; RFC 7636 §4.3."""
        endpoint = self._published().authorization
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._settings.client_id,
                "redirect_uri": self._settings.redirect,
                "scope": " ".join(self._settings.scopes),
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
            quote_via=quote,
        )
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def identity(self, *, code: str, nonce: str, verifier: str) -> Identity:
        """Exchange a code and return whom the ID token names."""
        if len(code) > _MAX_CODE_CHARS:
            raise IdentityError("that is no code of the provider")
        published = self._published()
        answer = self._exchanged(published, code, verifier)
        token, access = answer.get("id_token"), answer.get("access_token", "")
        if not isinstance(token, str) or not isinstance(access, str):
            raise IdentityError("the provider gave no ID token")
        expected = Expected(
            issuer=self.issuer,
            client_id=self._settings.client_id,
            nonce=nonce,
            access_token=access,
            groups_claim=self._settings.groups_claim,
            algorithms=published.algorithms,
        )
        keys, fresh = self._known_keys(published)
        try:
            return check_id_token(token, keys, expected, at=self._clock.now())
        except UnknownKeyError:
            if fresh:
                raise
        keys = self._fetched_keys(published)
        return check_id_token(token, keys, expected, at=self._clock.now())

    def _published(self) -> _Metadata:
        now = self._clock.now()
        with self._lock:
            known = self._metadata
        if known is not None and now < known.until:
            return known
        document = self._got(self.issuer.rstrip("/") + _PATH)
        found = _metadata(document, self._settings, until=now + KEPT_FOR)
        with self._lock:
            self._metadata = found
        return found

    def _known_keys(self, published: _Metadata) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """Return the keys, and whether they are too fresh to be fetched again."""
        now = self._clock.now()
        with self._lock:
            keys, at = self._keys, self._keys_at
        if at is None or now >= at + KEPT_FOR:
            return self._fetched_keys(published), True
        return keys, now < at + KEYS_AGAIN_AFTER

    def _fetched_keys(self, published: _Metadata) -> Sequence[Mapping[str, Any]]:
        keys = self._got(published.keys).get("keys")
        if not isinstance(keys, list):
            raise IdentityError("the provider publishes no keys")
        found = tuple(each for each in keys if isinstance(each, dict))
        with self._lock:
            self._keys, self._keys_at = found, self._clock.now()
        return found

    def _exchanged(self, published: _Metadata, code: str, verifier: str) -> Mapping[str, Any]:
        """Exchange a code. Spec: OpenID Connect Core §3.1.3.1; RFC 6749 §2.3.1, §4.1.3."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect,
            "code_verifier": verifier,
        }
        headers = {"accept": "application/json"}
        client = self._settings.client_id
        if not self._secret or published.by_post:
            form["client_id"] = client
        if self._secret and published.by_post:
            form["client_secret"] = self._secret
        elif self._secret:
            pair = f"{quote(client, safe='')}:{quote(self._secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
        request = self._http.build_request("POST", published.token, data=form, headers=headers)
        return self._answered(request)

    def _got(self, url: str) -> Mapping[str, Any]:
        return self._answered(
            self._http.build_request("GET", url, headers={"accept": "application/json"})
        )

    def _answered(self, request: httpx.Request) -> Mapping[str, Any]:
        """Send a request and return the JSON object it is answered with."""
        try:
            with deadline(ANSWER_S):
                answer = self._http.send(request, stream=True)
                try:
                    raw = _bounded(answer)
                finally:
                    answer.close()
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise IdentityError(f"the provider cannot be reached: {cause_of(error)}") from error
        if answer.status_code != _OK:
            raise IdentityError(f"the provider answered {answer.status_code}")
        try:
            document = parse_json(raw)
        except CanonicalError as error:
            raise IdentityError("the provider's answer is no JSON") from error
        if not isinstance(document, dict):
            raise IdentityError("the provider's answer is no JSON object")
        return document


def _bounded(answer: httpx.Response) -> bytes:
    found = bytearray()
    for part in answer.iter_raw():
        found += part
        if len(found) > MAX_ANSWER_BYTES:
            raise IdentityError("the provider's answer is too long")
    return bytes(found)


def _metadata(
    document: Mapping[str, Any], settings: ProviderSettings, *, until: datetime
) -> _Metadata:
    """Read what a provider publishes of itself. Spec: OpenID Connect Discovery 1.0 §3, §4.3."""
    if document.get("issuer") != settings.issuer:
        raise IdentityError("the provider names itself otherwise than the settings do")
    try:
        ends = [checked_endpoint(str(document.get(name, "")), name) for name in _ENDPOINTS]
    except ProviderSettingsError as error:
        raise IdentityError(f"the provider's {error}") from error
    challenges = _texts(document, "code_challenge_methods_supported")
    if challenges and "S256" not in challenges:
        raise IdentityError("the provider does not know PKCE with S256")
    signs = _texts(document, "id_token_signing_alg_values_supported")
    algorithms = signs & ALGORITHMS.keys()
    if signs and not algorithms:
        raise IdentityError("the provider signs with no algorithm accepted here")
    ways = _texts(document, "token_endpoint_auth_methods_supported") or {"client_secret_basic"}
    return _Metadata(
        authorization=ends[0],
        token=ends[1],
        keys=ends[2],
        by_post="client_secret_basic" not in ways and "client_secret_post" in ways,
        algorithms=frozenset(algorithms),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        until=until,
    )


def _texts(document: Mapping[str, Any], name: str) -> frozenset[str]:
    value = document.get(name)
    given = value if isinstance(value, list) else []
    return frozenset(each for each in given if isinstance(each, str))
