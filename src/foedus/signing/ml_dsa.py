"""ML-DSA-44 keys, for statements that should outlast quantum computers.

The ``cryptography`` library is asked only once a key is used. Where it is not installed, as beside
a verifier that stands alone, or was built without the algorithm, such keys can still be read and
compared, and nothing changes for Ed25519.

Spec: FIPS 204, with an empty context string.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Final

from foedus.signing.errors import KeyTextError, MLDSAUnavailableError, SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

__all__ = [
    "ML_DSA_KEY_BYTES",
    "ML_DSA_SEED_BYTES",
    "ML_DSA_SIGNATURE_BYTES",
    "MLDSAPublicKey",
    "MLDSASigningKey",
    "is_ml_dsa_available",
    "verify_ml_dsa",
]

ML_DSA_KEY_BYTES: Final = 1312
"""Length of an ML-DSA-44 public key (FIPS 204 §4, table 2)."""

ML_DSA_SEED_BYTES: Final = 32
"""Length of the seed a private key is made of (FIPS 204 §5.1)."""

ML_DSA_SIGNATURE_BYTES: Final = 2420
"""Length of an ML-DSA-44 signature (FIPS 204 §4, table 2)."""

_KEY_ID_HEX: Final = 16


@dataclass(frozen=True, slots=True)
class MLDSAPublicKey:
    """An ML-DSA-44 public key.

    Attributes:
        raw: The key, 1312 bytes.

    Raises:
        KeyTextError: ``raw`` has another length.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != ML_DSA_KEY_BYTES:
            raise KeyTextError(f"an ML-DSA-44 public key has {ML_DSA_KEY_BYTES} bytes")

    @property
    def key_id(self) -> str:
        """Short name: ``ml-dsa-44:`` and the first 16 hex digits of the key's SHA-256."""
        return f"ml-dsa-44:{hashlib.sha256(self.raw).hexdigest()[:_KEY_ID_HEX]}"


class MLDSASigningKey:
    """An ML-DSA-44 private key. Its seed shows in no ``repr`` and no error."""

    __slots__ = ("_private", "public")

    public: MLDSAPublicKey
    _private: MLDSA44PrivateKey

    def __init__(self, seed: bytes) -> None:
        """Derive the key pair.

        Args:
            seed: 32 secret bytes.

        Raises:
            KeyTextError: The seed has another length.
            MLDSAUnavailableError: There is no library that knows the algorithm.
        """
        if len(seed) != ML_DSA_SEED_BYTES:
            raise KeyTextError(f"an ML-DSA-44 seed has {ML_DSA_SEED_BYTES} bytes")
        self._private = _library().MLDSA44PrivateKey.from_seed_bytes(bytes(seed))
        self.public = MLDSAPublicKey(self._private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> MLDSASigningKey:
        """Make a fresh key.

        Args:
            random: Returns that many unpredictable bytes, as ``secrets.token_bytes`` does.

        Raises:
            MLDSAUnavailableError: As above.
        """
        return cls(random(ML_DSA_SEED_BYTES))

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes, for storing the key and nothing else."""
        return self._private.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return a 2420-byte signature over a message of any length; no two are alike.

        Spec: FIPS 204 §5.2, hedged.
        """
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"MLDSASigningKey({self.public.key_id})"


def verify_ml_dsa(key: MLDSAPublicKey, message: bytes, signature: bytes) -> None:
    """Check that a key signed a message, or raise.

    Args:
        key: The key expected to have signed.
        message: The bytes signed; untrusted.
        signature: 2420 bytes; untrusted.

    Raises:
        SignatureError: The signature is of another length or was not made by this key.
        MLDSAUnavailableError: There is no library that knows the algorithm.

    Spec: FIPS 204 §5.3.
    """
    if len(signature) != ML_DSA_SIGNATURE_BYTES:
        raise SignatureError(f"an ML-DSA-44 signature has {ML_DSA_SIGNATURE_BYTES} bytes")
    library = _library()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # at first use

    try:
        library.MLDSA44PublicKey.from_public_bytes(key.raw).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise SignatureError(f"not signed by {key.key_id}") from error


def is_ml_dsa_available() -> bool:
    """Say whether such signatures can be made and checked here."""
    try:
        _library()
    except MLDSAUnavailableError:
        return False
    return True


@cache
def _library() -> ModuleType:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # at first use
        from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415
    except ImportError as error:
        raise MLDSAUnavailableError(
            "ML-DSA-44 needs the cryptography library, which is not installed here"
        ) from error
    try:
        mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(ML_DSA_SEED_BYTES))
    except UnsupportedAlgorithm as error:
        raise MLDSAUnavailableError("this build of cryptography has no ML-DSA-44") from error
    return mldsa
