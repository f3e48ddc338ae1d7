"""ID tokens: whether what a provider says of somebody may be believed.

Checks, in the order they are made (numbers of OpenID Connect Core 1.0 §3.1.3.7 in brackets):

1. Size and form: one signed token of three parts; nothing encrypted was agreed on [1].
2. The algorithm is one of :data:`ALGORITHMS`, all of them signatures with a public key [7, 8]: a
   token signed with a shared secret, or with nothing, is refused.
3. The signature is by a key the provider publishes for that algorithm, named by ``kid`` where the
   token names one [6].
4. ``iss`` is exactly the provider [2]; ``aud`` is this client and nobody else [3]; ``azp``, where
   there is one, is this client [4, 5].
5. ``exp`` lies ahead, ``iat`` and ``nbf`` not, within :data:`LEEWAY`; ``iat`` is not older than
   :data:`MAX_AGE` [9, 10].
6. ``nonce`` is the one that was sent [11]. Neither ``acr`` nor ``max_age`` is asked for [12, 13].
7. ``at_hash``, where there is one, is that of the access token beside it (§3.1.3.8).
8. ``sub`` is there, ASCII, at most 255 characters (§2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey, import_key

from foedus.access.errors import IdentityError, UnknownKeyError
from foedus.access.provider import Identity
from foedus.canonical import CanonicalError, parse_json

__all__ = ["ALGORITHMS", "LEEWAY", "MAX_AGE", "MAX_TOKEN_CHARS", "Expected", "check_id_token"]

ALGORITHMS: Final[Mapping[str, tuple[str, str]]] = {
    "RS256": ("RSA", ""),
    "RS384": ("RSA", ""),
    "RS512": ("RSA", ""),
    "PS256": ("RSA", ""),
    "PS384": ("RSA", ""),
    "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
}
"""Algorithm → kind and curve of the key it needs."""

LEEWAY: Final = timedelta(minutes=2)
MAX_AGE: Final = timedelta(minutes=15)
MAX_TOKEN_CHARS: Final = 16 * 1024
_MAX_KEYS: Final = 50
_MAX_SUBJECT: Final = 255
_MAX_GROUPS: Final = 1_000
_MAX_NAME: Final = 200
_MIN_RSA_BITS: Final = 2048
_PARTS: Final = 3
_LAST: Final = 1 << 40
"""No instant of a token lies beyond, seconds; a number may be as long as anybody likes."""

_FAULTS: Final = (JoseError, ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the token must be about.

    Attributes:
        issuer: The provider.
        client_id: This client.
        nonce: What was sent with the request.
        access_token: What came beside the ID token; "" for none.
        groups_claim: The claim that names groups.
        algorithms: Those the provider says it signs with; empty for not said.
    """

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    access_token: str = field(default="", repr=False)
    groups_claim: str = "groups"
    algorithms: frozenset[str] = frozenset()


def check_id_token(
    token: str, keys: Sequence[Mapping[str, Any]], expected: Expected, *, at: datetime
) -> Identity:
    """Check an ID token and return whom it names, or raise.

    Args:
        token: The token; untrusted.
        keys: The provider's published keys, as JSON Web Keys.
        expected: What it must be about.
        at: Now.

    Raises:
        UnknownKeyError: None of the keys made the signature; fetch them again, once.
        IdentityError: Another check failed.
    """
    # 1.
    if len(token) > MAX_TOKEN_CHARS or not token.isascii() or token.count(".") != _PARTS - 1:
        raise IdentityError("the ID token is no signed token")
    header = _part(token, 0)
    # 2.
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise IdentityError("the ID token is not signed with a public key known here")
    if expected.algorithms and algorithm not in expected.algorithms:
        raise IdentityError("the provider does not sign with the ID token's algorithm")
    if "crit" in header or "b64" in header:
        raise IdentityError("the ID token's header asks for what is not known here")
    # 3.
    _check_signature(token, algorithm, header.get("kid"), keys)
    claims = _part(token, 1)
    # 4.
    _check_parties(claims, expected)
    # 5.
    _check_times(claims, at)
    # 6.
    if not _same(claims.get("nonce"), expected.nonce):
        raise IdentityError("the ID token answers another request")
    # 7.
    if "at_hash" in claims and not _same(
        claims["at_hash"], _left_half(algorithm, expected.access_token)
    ):
        raise IdentityError("the ID token belongs to another access token")
    # 8.
    return _identity(claims, expected)


def _part(token: str, number: int) -> Mapping[str, Any]:
    text = token.split(".")[number]
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = parse_json(raw)
    except (ValueError, CanonicalError) as error:
        raise IdentityError("a part of the ID token is no JSON") from error
    if not isinstance(found, dict):
        raise IdentityError("a part of the ID token is no JSON object")
    return found


def _check_signature(
    token: str, algorithm: str, kid: object, keys: Sequence[Mapping[str, Any]]
) -> None:
    """Rule 3."""
    fitting = [each for each in keys[:_MAX_KEYS] if _fits(each, algorithm, kid)]
    for each in fitting:
        try:
            key = _read_key(each)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)
                jws.deserialize_compact(token, key, algorithms=[algorithm])
        except _FAULTS:
            continue
        return
    raise UnknownKeyError("the ID token is signed by no key its provider publishes")


def _fits(key: Mapping[str, Any], algorithm: str, kid: object) -> bool:
    kind, curve = ALGORITHMS[algorithm]
    return (
        key.get("kty") == kind
        and (not curve or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (kid is None or key.get("kid") == kid)
    )


def _read_key(document: Mapping[str, Any]) -> RSAKey | ECKey:
    """Read the public half of a key; whatever else a provider publishes of it is left out."""
    names = ("kty", "crv", "x", "y", "n", "e")
    plain: dict[str, str | list[str]] = {
        name: str(document[name]) for name in names if name in document
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        key = import_key(plain)
    if isinstance(key, RSAKey):
        if key.raw_value.key_size < _MIN_RSA_BITS:
            raise ValueError("too short")
        return key
    if isinstance(key, ECKey):
        return key
    raise TypeError("neither")


def _check_parties(claims: Mapping[str, Any], expected: Expected) -> None:
    """Rule 4."""
    if not _same(claims.get("iss"), expected.issuer):
        raise IdentityError("the ID token is another provider's")
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or named != [expected.client_id]:
        raise IdentityError("the ID token is not for this client alone")
    if "azp" in claims and claims["azp"] != expected.client_id:
        raise IdentityError("the ID token was issued to another client")


def _check_times(claims: Mapping[str, Any], at: datetime) -> None:
    """Rule 5."""
    now, leeway = at.timestamp(), LEEWAY.total_seconds()
    if _number(claims, "exp") + leeway <= now:
        raise IdentityError("the ID token has expired")
    issued = _number(claims, "iat")
    if issued - leeway > now or ("nbf" in claims and _number(claims, "nbf") - leeway > now):
        raise IdentityError("the ID token is dated ahead; compare the clocks")
    if issued + MAX_AGE.total_seconds() < now:
        raise IdentityError("the ID token is too old")


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST:
        raise IdentityError(f"the ID token has no {name}")
    return value


def _left_half(algorithm: str, access_token: str) -> str:
    """Return the left half of an access token's hash. Spec: OpenID Connect Core §3.1.3.6."""
    digest = hashlib.new(f"sha{algorithm[2:]}", access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode("ascii").rstrip("=")


def _same(given: object, wanted: str) -> bool:
    """Compare texts in a time that says nothing of them."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())


def _identity(claims: Mapping[str, Any], expected: Expected) -> Identity:
    """Rule 8, and what is told besides."""
    subject = claims.get("sub")
    if not (
        isinstance(subject, str)
        and 0 < len(subject) <= _MAX_SUBJECT
        and subject.isascii()
        and subject.isprintable()
    ):
        raise IdentityError("the ID token names nobody")
    name = claims.get("preferred_username")
    groups = claims.get(expected.groups_claim)
    return Identity(
        issuer=expected.issuer,
        subject=subject,
        name=name[:_MAX_NAME] if isinstance(name, str) else "",
        groups=frozenset(each for each in groups[:_MAX_GROUPS] if isinstance(each, str))
        if isinstance(groups, list)
        else frozenset(),
    )
