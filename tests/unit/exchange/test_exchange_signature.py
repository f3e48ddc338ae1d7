"""Signed requests: what is accepted, and that everything else is refused, each for its reason."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.exchange.errors import (
    RequestSignatureError,
    SignatureFault,
    TooManyRequestsError,
)
from foedus.exchange.http_signature import (
    WINDOW_S,
    NonceMemory,
    RequestVerifier,
    SignableRequest,
    content_digest,
    sign_request,
)
from foedus.model.identifiers import MemberId
from foedus.signing.keys import PublicKey, SigningKey

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


KEYS = {
    key_of(str(member)).public.key_id: (member, key_of(str(member)).public) for member in (XB, XC)
}
REQUEST = SignableRequest(method="POST", path="/foedus/head", query="a=1&b=2", body=b'{"count":3}')


def known(key_id: str, _at: datetime) -> tuple[MemberId, PublicKey] | None:
    return KEYS.get(key_id)


def verifier(memory: NonceMemory | None = None) -> RequestVerifier:
    return RequestVerifier(audience=XA, peer_key=known, nonces=memory or NonceMemory())


@dataclass(slots=True)
class Attempt:
    """A request as it arrives: signed by XB for XA at NOW, then tampered with."""

    request: SignableRequest = REQUEST
    headers: list[tuple[str, str]] = field(default_factory=list)
    now: datetime = NOW

    def change(self, name: str, edit: Callable[[str], str]) -> None:
        self.headers = [(n, edit(v) if n == name else v) for n, v in self.headers]

    def verify(self, checker: RequestVerifier) -> MemberId:
        return checker.verify(self.request, self.headers, now=self.now)


def attempt(
    *, key: SigningKey | None = None, audience: MemberId = XA, nonce: bytes = b"n" * 16
) -> Attempt:
    headers = sign_request(REQUEST, audience=audience, key=key or key_of("XB"), at=NOW, nonce=nonce)
    return Attempt(headers=list(headers.items()))


def test_a_signed_request_names_its_member() -> None:
    assert attempt().verify(verifier()) == XB


def test_the_base_is_that_of_rfc_9421() -> None:
    """The bytes signed, spelled out: another implementation must be able to make them."""
    headers = dict(attempt().headers)
    parameters = headers["signature-input"].removeprefix("foedus=")
    base = (
        '"@method": POST\n"@path": /foedus/head\n"@query": ?a=1&b=2\n'
        f'"content-digest": {content_digest(REQUEST.body)}\n"foedus-audience": XA\n'
        f'"@signature-params": {parameters}'
    )
    key = key_of("XB")
    signature = headers["signature"].removeprefix("foedus=:").removesuffix(":")
    assert base64.b64decode(signature) == key.sign(base.encode())
    assert parameters == (
        '("@method" "@path" "@query" "content-digest" "foedus-audience")'
        f';created=1795514400;nonce="bm5ubm5ubm5ubm5ubm5ubg";keyid="{key.public.key_id}"'
        ';alg="ed25519";tag="foedus"'
    )


def test_the_digest_of_an_empty_body_is_that_of_rfc_9530() -> None:
    assert content_digest(b"") == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"


def _body(a: Attempt) -> None:
    a.request = replace(REQUEST, body=b'{"count":4}')


def _body_and_digest(a: Attempt) -> None:
    _body(a)
    a.change("content-digest", lambda _: content_digest(a.request.body))


def _path(a: Attempt) -> None:
    a.request = replace(REQUEST, path="/foedus/heads")


def _query(a: Attempt) -> None:
    a.request = replace(REQUEST, query="a=1&b=3")


def _method(a: Attempt) -> None:
    a.request = replace(REQUEST, method="PUT")


def _late(a: Attempt) -> None:
    a.now = NOW + timedelta(seconds=WINDOW_S + 1)


def _early(a: Attempt) -> None:
    a.now = NOW - timedelta(seconds=WINDOW_S + 1)


def _keyid(key: str) -> Callable[[Attempt], None]:
    def change(a: Attempt) -> None:
        old = key_of("XB").public.key_id
        a.change("signature-input", lambda v: v.replace(old, key_of(key).public.key_id))

    return change


def _drop(name: str) -> Callable[[Attempt], None]:
    def change(a: Attempt) -> None:
        a.headers = [(n, v) for n, v in a.headers if n != name]

    return change


def _twice(name: str) -> Callable[[Attempt], None]:
    def change(a: Attempt) -> None:
        a.headers = [*a.headers, (name, dict(a.headers)[name])]

    return change


def _edit(name: str, old: str, new: str) -> Callable[[Attempt], None]:
    def change(a: Attempt) -> None:
        before = dict(a.headers)[name]
        assert old in before
        a.change(name, lambda v: v.replace(old, new))

    return change


def _stray_bits(a: Attempt) -> None:
    """Spell the same signature bytes in another base64 text."""

    def edit(value: str) -> str:
        last = value[-4]
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        return value[:-4] + alphabet[alphabet.index(last) ^ 1] + value[-3:]

    a.change("signature", edit)


REFUSED: list[tuple[str, Callable[[Attempt], None], SignatureFault]] = [
    ("body changed", _body, SignatureFault.DIGEST),
    ("body changed and its digest with it", _body_and_digest, SignatureFault.SIGNATURE),
    ("path changed", _path, SignatureFault.SIGNATURE),
    ("query changed", _query, SignatureFault.SIGNATURE),
    ("method changed", _method, SignatureFault.SIGNATURE),
    ("created too long ago", _late, SignatureFault.EXPIRED),
    ("created in the future", _early, SignatureFault.EXPIRED),
    ("unknown key", _keyid("XZ"), SignatureFault.UNKNOWN_KEY),
    ("key of another member named", _keyid("XC"), SignatureFault.SIGNATURE),
    ("digest missing", _drop("content-digest"), SignatureFault.MISSING),
    ("signature missing", _drop("signature"), SignatureFault.MISSING),
    ("input missing", _drop("signature-input"), SignatureFault.MISSING),
    ("audience missing", _drop("foedus-audience"), SignatureFault.MISSING),
    ("audience changed", _edit("foedus-audience", "XA", "XC"), SignatureFault.AUDIENCE),
    ("two signatures", _twice("signature"), SignatureFault.REPEATED),
    ("two digests", _twice("content-digest"), SignatureFault.REPEATED),
    ("another digest algorithm", _edit("content-digest", "256", "512"), SignatureFault.MALFORMED),
    ("another algorithm", _edit("signature-input", 'ed25519"', 'hmac"'), SignatureFault.MALFORMED),
    ("another tag", _edit("signature-input", '"foedus"', '"other"'), SignatureFault.MALFORMED),
    ("fewer components", _edit("signature-input", ' "@query"', ""), SignatureFault.MALFORMED),
    ("a space more", _edit("signature-input", ";created", "; created"), SignatureFault.MALFORMED),
    ("another label", _edit("signature", "foedus=", "sig1="), SignatureFault.MALFORMED),
    ("base64 with stray bits", _stray_bits, SignatureFault.SIGNATURE),
    ("nonce changed", _edit("signature-input", "bm5u", "bm5v"), SignatureFault.SIGNATURE),
    ("endless header", _edit("signature", "=:", "=:" + "A" * 999), SignatureFault.MALFORMED),
]


@pytest.mark.parametrize(("name", "tamper", "fault"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_request_is_refused(
    name: str, tamper: Callable[[Attempt], None], fault: SignatureFault
) -> None:
    made = attempt()
    tamper(made)
    with pytest.raises(RequestSignatureError) as caught:
        made.verify(verifier())
    assert caught.value.fault is fault, name
    assert str(fault) not in str(caught.value)  # the caller is not told which


def test_a_request_signed_for_another_node_is_refused() -> None:
    with pytest.raises(RequestSignatureError) as caught:
        attempt(audience=XC).verify(verifier())
    assert caught.value.fault is SignatureFault.AUDIENCE


def test_a_replay_is_refused_and_a_refused_request_uses_up_no_nonce() -> None:
    checker = verifier()
    forged = attempt()
    _body(forged)
    with pytest.raises(RequestSignatureError):
        forged.verify(checker)
    assert attempt().verify(checker) == XB
    with pytest.raises(RequestSignatureError) as caught:
        attempt().verify(checker)
    assert caught.value.fault is SignatureFault.REPLAY
    assert attempt(nonce=b"m" * 16).verify(checker) == XB
    assert attempt(key=key_of("XC")).verify(checker) == XC  # nonces are each key's own


def test_the_edges_of_the_window_are_inside() -> None:
    for seconds in (-WINDOW_S, WINDOW_S):
        made = attempt()
        made.now = NOW + timedelta(seconds=seconds)
        assert made.verify(verifier()) == XB


def test_a_nonce_is_remembered_as_long_as_its_request_could_pass() -> None:
    """Accepted first when its date lay at the far edge ahead, replayed at the far edge behind."""
    memory = NonceMemory()
    memory.admit("k", "n", now=NOW - timedelta(seconds=WINDOW_S))
    with pytest.raises(RequestSignatureError):
        memory.admit("k", "n", now=NOW + timedelta(seconds=WINDOW_S))


def test_nonces_are_bounded_for_each_key_and_none_alive_is_forgotten() -> None:
    memory = NonceMemory(per_key=2)
    memory.admit("k", "1", now=NOW)
    memory.admit("k", "2", now=NOW)
    with pytest.raises(TooManyRequestsError):
        memory.admit("k", "3", now=NOW)
    memory.admit("other", "3", now=NOW)
    with pytest.raises(RequestSignatureError):
        memory.admit("k", "1", now=NOW)
    memory.admit("k", "3", now=NOW + timedelta(seconds=2 * WINDOW_S + 1))


def test_a_key_source_that_answers_with_another_key_is_not_believed() -> None:
    checker = RequestVerifier(audience=XA, peer_key=lambda _id, _at: (XC, key_of("XC").public))
    with pytest.raises(RequestSignatureError) as caught:
        attempt().verify(checker)
    assert caught.value.fault is SignatureFault.UNKNOWN_KEY


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["signature-input", "signature", "content-digest", "foedus-audience"]),
        st.text(max_size=80) | st.sampled_from([value for _, value in attempt().headers]),
    )
)
def test_any_headers_at_all_raise_nothing_else(headers: dict[str, str]) -> None:
    with pytest.raises(RequestSignatureError):
        verifier().verify(replace(REQUEST, body=b"other"), list(headers.items()), now=NOW)
