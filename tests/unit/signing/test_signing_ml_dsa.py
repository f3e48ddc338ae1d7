"""ML-DSA-44 keys, and what happens where no library knows them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import mldsa

from foedus.signing import ml_dsa
from foedus.signing.errors import KeyTextError, MLDSAUnavailableError, SignatureError
from foedus.signing.ml_dsa import (
    MLDSAPublicKey,
    MLDSASigningKey,
    is_ml_dsa_available,
    verify_ml_dsa,
)

SEED = bytes(range(32))


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Let the library be looked for anew, before and after."""
    ml_dsa._library.cache_clear()
    yield
    ml_dsa._library.cache_clear()


def test_what_a_key_signs_it_verifies() -> None:
    key = MLDSASigningKey.generate(lambda length: SEED[:length])
    assert key.seed == SEED
    assert MLDSASigningKey(SEED).public == key.public
    signature = key.sign(b"words")
    verify_ml_dsa(key.public, b"words", signature)
    with pytest.raises(SignatureError):
        verify_ml_dsa(key.public, b"other words", signature)
    with pytest.raises(SignatureError):
        verify_ml_dsa(MLDSASigningKey(bytes(32)).public, b"words", signature)
    with pytest.raises(SignatureError):
        verify_ml_dsa(key.public, b"words", signature[:-1])


def test_keys_of_other_lengths_are_refused() -> None:
    for length in (0, 32, 1311, 1313):
        with pytest.raises(KeyTextError):
            MLDSAPublicKey(bytes(length))
    for length in (0, 31, 33):
        with pytest.raises(KeyTextError):
            MLDSASigningKey(bytes(length))


def test_a_seed_shows_nowhere() -> None:
    assert SEED.hex() not in repr(MLDSASigningKey(SEED))
    assert repr(MLDSASigningKey(SEED)).startswith("MLDSASigningKey(ml-dsa-44:")


@pytest.mark.usefixtures("forgotten")
def test_without_the_library_it_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    assert not is_ml_dsa_available()
    with pytest.raises(MLDSAUnavailableError, match="cryptography library"):
        MLDSASigningKey(SEED)
    with pytest.raises(MLDSAUnavailableError):
        verify_ml_dsa(MLDSAPublicKey(bytes(1312)), b"", bytes(2420))


@pytest.mark.usefixtures("forgotten")
def test_a_library_without_the_algorithm_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unsupported:
        @staticmethod
        def from_seed_bytes(_: bytes) -> None:
            raise UnsupportedAlgorithm("not in this build")

    monkeypatch.setattr(mldsa, "MLDSA44PrivateKey", Unsupported)
    assert not is_ml_dsa_available()
