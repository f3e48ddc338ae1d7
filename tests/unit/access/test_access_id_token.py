"""ID tokens: every check of OpenID Connect Core §3.1.3.7, each by a token that fails it alone."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from foedus.access.errors import IdentityError, UnknownKeyError
from foedus.access.id_token import Expected, check_id_token

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "two", "use": "sig", "alg": "ES256"})
KEYS: list[dict[str, Any]] = [dict(RSA.as_dict(private=False)), dict(EC.as_dict(private=False))]
EXPECTED = Expected(
    issuer="https://id.example", client_id="foedus", nonce="n-1", access_token="at-1"
)
HASH = base64.urlsafe_b64encode(hashlib.sha256(b"at-1").digest()[:16]).decode().rstrip("=")
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example",
    "aud": "foedus",
    "sub": "person-7",
    "exp": AT + 300,
    "iat": AT,
    "nonce": "n-1",
    "at_hash": HASH,
    "preferred_username": "ana",
    "groups": ["staff", 7],
}


def token(
    changes: dict[str, Any] | None = None,
    *,
    header: dict[str, Any] | None = None,
    key: RSAKey | ECKey | OctKey = RSA,
) -> str:
    claims = {
        name: value for name, value in {**CLAIMS, **(changes or {})}.items() if value is not None
    }
    head = header or {"alg": "RS256", "kid": "one"}
    return jws.serialize_compact(head, json.dumps(claims), key, algorithms=[head["alg"]])


@pytest.mark.parametrize(
    ("what", "made"),
    [
        ("RSA", token()),
        ("RSA without a name of its key", token(header={"alg": "RS256"})),
        ("RSA-PSS", token(header={"alg": "PS256", "kid": "one"})),
        ("ECDSA", token(header={"alg": "ES256", "kid": "two"}, key=EC)),
        ("an audience of one", token({"aud": ["foedus"], "azp": "foedus"})),
        ("without a hash of the access token", token({"at_hash": None})),
    ],
)
def test_a_token_that_is_right(what: str, made: str) -> None:
    found = check_id_token(made, KEYS, EXPECTED, at=NOW)
    assert (found.issuer, found.subject) == ("https://id.example", "person-7"), what
    assert (found.name, found.groups) == ("ana", frozenset({"staff"}))


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("another issuer", {"iss": "https://id.example/"}),
        ("no issuer", {"iss": None}),
        ("another audience", {"aud": "other"}),
        ("an audience besides", {"aud": ["foedus", "other"]}),
        ("no audience", {"aud": None}),
        ("an empty audience", {"aud": []}),
        ("issued to another client", {"azp": "other"}),
        ("expired", {"exp": AT - 121}),
        ("no end", {"exp": None}),
        ("an end that no clock reaches", {"exp": 10**400}),
        ("an end that is a text", {"exp": str(AT + 300)}),
        ("an end that is true", {"exp": True}),
        ("dated ahead", {"iat": AT + 121}),
        ("too old", {"iat": AT - 901}),
        ("without a date", {"iat": None}),
        ("not valid yet", {"nbf": AT + 121}),
        ("another nonce", {"nonce": "n-2"}),
        ("no nonce", {"nonce": None}),
        ("another access token's", {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
        ("a hash that is none", {"at_hash": 7}),
        ("nobody", {"sub": None}),
        ("an empty subject", {"sub": ""}),
        ("a subject too long", {"sub": "x" * 256}),
        ("a subject beyond ASCII", {"sub": "é"}),
    ],
)
def test_a_claim_that_is_not_right(what: str, changes: dict[str, Any]) -> None:
    with pytest.raises(IdentityError) as caught:
        check_id_token(token(changes), KEYS, EXPECTED, at=NOW)
    assert not isinstance(caught.value, UnknownKeyError), what


def test_nothing_is_believed_unsigned_or_with_a_shared_secret() -> None:
    public = RSA.as_pem(private=False)
    for header, key in (
        ({"alg": "none"}, None),
        ({"alg": "HS256", "kid": "one"}, OctKey.import_key(base64.b64encode(public).decode())),
    ):
        signed = (
            jws.serialize_compact(header, json.dumps(CLAIMS), key, algorithms=[header["alg"]])
            if key
            else (
                ".".join(
                    base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
                    for each in (header, CLAIMS)
                )
                + "."
            )
        )
        with pytest.raises(IdentityError, match="not signed with a public key"):
            check_id_token(signed, KEYS, EXPECTED, at=NOW)


@pytest.mark.parametrize(
    ("what", "made", "keys"),
    [
        ("another's key under the same name", token(key=OTHER_RSA), KEYS),
        ("a name nobody knows", token(header={"alg": "RS256", "kid": "x"}), KEYS),
        ("no keys", token(), []),
        ("a key for encryption", token(), [{**KEYS[0], "use": "enc"}]),
        ("a key for another algorithm", token(), [{**KEYS[0], "alg": "RS512"}]),
        ("keys that are none", token(), [{"kty": "RSA", "kid": "one"}, {"kty": 7}, {}]),
        ("a shared secret", token(), [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]),
    ],
)
def test_no_published_key_made_it(what: str, made: str, keys: list[dict[str, Any]]) -> None:
    with pytest.raises(UnknownKeyError):
        check_id_token(made, keys, EXPECTED, at=NOW)
    assert what


def test_a_changed_token_is_refused() -> None:
    head, _, signature = token().split(".")
    claims = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "sub": "person-8"}).encode()).decode()
    with pytest.raises(UnknownKeyError):
        check_id_token(f"{head}.{claims.rstrip('=')}.{signature}", KEYS, EXPECTED, at=NOW)


def test_only_what_the_provider_says_it_signs_with() -> None:
    expected = Expected(
        issuer=EXPECTED.issuer, client_id="foedus", nonce="n-1", access_token="at-1",
        algorithms=frozenset({"ES256"}),
    )  # fmt: skip
    with pytest.raises(IdentityError, match="does not sign with"):
        check_id_token(token(), KEYS, expected, at=NOW)


@pytest.mark.parametrize(
    "made", ["", "a.b", "a.b.c.d.e", "é.é.é", "a" * 20000 + "..", "e30.e30.e30"]
)
def test_what_is_no_token(made: str) -> None:
    with pytest.raises(IdentityError):
        check_id_token(made, KEYS, EXPECTED, at=NOW)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_comes_only_our_error_is_raised(text: str, head: bytes, claims: bytes) -> None:
    built = ".".join(
        base64.urlsafe_b64encode(each).decode().rstrip("=") for each in (head, claims, b"x")
    )
    for made in (text, built):
        with pytest.raises(IdentityError):
            check_id_token(made, KEYS, EXPECTED, at=NOW)
