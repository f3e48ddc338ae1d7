"""Keys: texts, ids, and what a signature is refused for."""

from __future__ import annotations

import hashlib

import pytest

from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error, KeyTextError, SignatureError
from foedus.signing.keys import PublicKey, SigningKey, verify_signature

ALFA = SigningKey.from_seed(b"a" * 32)
BRAVO = SigningKey.from_seed(b"b" * 32)


def test_key_texts_are_what_they_say() -> None:
    key = ALFA.public
    digest = hashlib.sha256(key.raw)
    assert key.key_id == "ed25519:" + digest.hexdigest()[:16]
    assert key.text == "ed25519:" + to_base64(key.raw)
    assert PublicKey.from_text(key.text) == key
    groups = key.fingerprint.split(" ")
    assert [len(group) for group in groups] == [4] * 8
    assert key.fingerprint != BRAVO.public.fingerprint


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("rsa:AAAA", id="another algorithm"),
        pytest.param("ed25519:AAAA", id="three bytes"),
        pytest.param(ALFA.public.text + "=", id="padding too long"),
        pytest.param(ALFA.public.text[:-1], id="padding cut off"),
        pytest.param(ALFA.public.text.replace("=", " ="), id="white space"),
        pytest.param("ed25519:\ud800", id="lone surrogate"),
        pytest.param(ALFA.public.key_id, id="an id instead of a key"),
    ],
)
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(KeyTextError):
        PublicKey.from_text(text)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_keys_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(KeyTextError):
        PublicKey(bytes(length))
    with pytest.raises(KeyTextError):
        SigningKey.from_seed(bytes(length))


def test_generate_asks_for_exactly_one_seed() -> None:
    asked: list[int] = []

    def random(length: int) -> bytes:
        asked.append(length)
        return b"a" * length

    assert SigningKey.generate(random).public == ALFA.public
    assert asked == [32]
    assert SigningKey.from_seed(ALFA.seed).public == ALFA.public


def test_the_seed_shows_nowhere() -> None:
    assert ALFA.seed.hex() not in repr(ALFA)
    assert "aaaa" not in repr(ALFA)
    assert str(ALFA) == f"SigningKey({ALFA.public.key_id})"


def test_a_signature_verifies_for_its_key_and_message_only() -> None:
    signature = ALFA.sign(b"the high parties")
    assert len(signature) == 64
    verify_signature(ALFA.public, b"the high parties", signature)
    refused = [
        (BRAVO.public, b"the high parties", signature),
        (ALFA.public, b"the high party", signature),
        (ALFA.public, b"the high parties", signature[:-1]),
        (ALFA.public, b"the high parties", signature + b"\0"),
        (ALFA.public, b"", b""),
        (ALFA.public, b"the high parties", bytes(64)),
        (PublicKey(bytes(32)), b"the high parties", bytes(64)),
    ]
    for key, message, bad in refused:
        with pytest.raises(SignatureError):
            verify_signature(key, message, bad)


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64_has_one_text_for_each_byte_string(data: bytes) -> None:
    assert from_base64(to_base64(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("YR==", id="stray trailing bits"),
        pytest.param("YQ", id="no padding"),
        pytest.param("YQ==\n", id="newline"),
        pytest.param("Y Q==", id="space"),
        pytest.param("_-8=", id="URL-safe alphabet"),
        pytest.param("é", id="not ASCII"),
        pytest.param("YQ==YQ==", id="two texts"),
        pytest.param("=", id="padding only"),
    ],
)
def test_base64_in_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(Base64Error):
        from_base64(text)
