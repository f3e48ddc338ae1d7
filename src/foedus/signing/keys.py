"""Ed25519 keys: their texts, their short ids, and the one place that signs and verifies.

A key has three texts. ``text`` is the key itself. ``key_id`` is a short name for finding it, never
for trusting it. ``fingerprint`` is for two people who compare it over the telephone.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError

from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error, KeyTextError, SignatureError

__all__ = [
    "KEY_BYTES",
    "SEED_BYTES",
    "SIGNATURE_BYTES",
    "PublicKey",
    "SigningKey",
    "is_fingerprint",
    "verify_signature",
]

KEY_BYTES: Final = 32
"""Length of an Ed25519 public key (RFC 8032 §5.1.5)."""

SEED_BYTES: Final = 32
"""Length of an Ed25519 private seed (RFC 8032 §5.1.5)."""

SIGNATURE_BYTES: Final = 64
"""Length of an Ed25519 signature (RFC 8032 §5.1.6)."""

_PREFIX: Final = "ed25519:"
_KEY_ID_HEX: Final = 16
_FINGERPRINT_GROUP: Final = 4
_FINGERPRINT_CHARACTERS: Final = 32
_FINGERPRINT: Final = re.compile(r"[A-Z2-7]{4}( [A-Z2-7]{4}){7}", re.ASCII)


def is_fingerprint(text: str) -> bool:
    """Say whether a text has the form of :attr:`PublicKey.fingerprint`, of whatever key."""
    return _FINGERPRINT.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key.

    Attributes:
        raw: The key, 32 bytes.

    Raises:
        KeyTextError: ``raw`` has another length.

    Spec: RFC 8032 §5.1.5.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise KeyTextError(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(self.raw)}")

    @property
    def key_id(self) -> str:
        """Short name: ``ed25519:`` and the first 16 hex digits of the key's SHA-256."""
        return _PREFIX + hashlib.sha256(self.raw).hexdigest()[:_KEY_ID_HEX]

    @property
    def text(self) -> str:
        """The whole key: ``ed25519:`` and its standard base64."""
        return _PREFIX + to_base64(self.raw)

    @property
    def fingerprint(self) -> str:
        """What people compare out of band: 160 bits of SHA-256, eight groups of four in base32."""
        digits = base64.b32encode(hashlib.sha256(self.raw).digest()).decode("ascii")
        return " ".join(
            digits[start : start + _FINGERPRINT_GROUP]
            for start in range(0, _FINGERPRINT_CHARACTERS, _FINGERPRINT_GROUP)
        )

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """Read what ``text`` wrote.

        Args:
            text: Untrusted text.

        Raises:
            KeyTextError: The text is not ``ed25519:`` and base64 of 32 bytes.
        """
        if not text.startswith(_PREFIX):
            raise KeyTextError(f"a key text starts with {_PREFIX!r}")
        try:
            return cls(from_base64(text.removeprefix(_PREFIX)))
        except Base64Error as error:
            raise KeyTextError("a key text ends in standard base64") from error


class SigningKey:
    """An Ed25519 private key. Its seed shows in no ``repr`` and no error."""

    __slots__ = ("_secret", "public")

    public: PublicKey

    def __init__(self, seed: bytes) -> None:
        """Derive the key pair.

        Args:
            seed: 32 secret bytes.

        Raises:
            KeyTextError: The seed has another length.
        """
        if len(seed) != SEED_BYTES:
            raise KeyTextError(f"an Ed25519 seed has {SEED_BYTES} bytes, not {len(seed)}")
        raw, self._secret = crypto_sign_seed_keypair(bytes(seed))
        self.public = PublicKey(raw)

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> SigningKey:
        """Make a fresh key.

        Args:
            random: Returns that many unpredictable bytes, as ``secrets.token_bytes`` does.
        """
        return cls(random(SEED_BYTES))

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Restore a key from its 32 secret bytes.

        Raises:
            KeyTextError: The seed has another length.
        """
        return cls(seed)

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes, for storing the key and nothing else."""
        return self._secret[:SEED_BYTES]

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over a message of any length.

        Spec: RFC 8032 §5.1.6.
        """
        return crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey({self.public.key_id})"


def verify_signature(key: PublicKey, message: bytes, signature: bytes) -> None:
    """Check that a key signed a message, or raise.

    Args:
        key: The key expected to have signed.
        message: The bytes signed; untrusted.
        signature: 64 bytes; untrusted.

    Raises:
        SignatureError: The signature is of another length or was not made by this key.

    Spec: RFC 8032 §5.1.7.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureError(f"an Ed25519 signature has {SIGNATURE_BYTES} bytes")
    try:
        crypto_sign_open(signature + message, key.raw)
    except CryptoError as error:
        raise SignatureError(f"not signed by {key.key_id}") from error
