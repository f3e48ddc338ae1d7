"""What can go wrong when someone vouches, or when a voucher is checked."""

from __future__ import annotations

from typing import ClassVar

from foedus.errors import FoedusError

__all__ = [
    "Base64Error",
    "EnvelopeError",
    "KeyTextError",
    "KeyringError",
    "MLDSAUnavailableError",
    "NoteError",
    "QuorumError",
    "SignatureError",
    "SigningError",
]


class SigningError(FoedusError):
    """Base of the errors of this folder."""

    code: ClassVar[str] = "signing"


class Base64Error(SigningError):
    """A text is not the one standard base64 form of any bytes."""

    code: ClassVar[str] = "signing.base64"


class KeyTextError(SigningError):
    """A text or a byte string is not a key of the expected kind."""

    code: ClassVar[str] = "signing.key"


class SignatureError(SigningError):
    """A signature was not made by this key over these bytes."""

    code: ClassVar[str] = "signing.signature"


class MLDSAUnavailableError(SigningError):
    """No library here makes or checks ML-DSA-44 signatures."""

    code: ClassVar[str] = "signing.ml_dsa_unavailable"


class EnvelopeError(SigningError):
    """A signed document is malformed, of another type, or signed by no expected key."""

    code: ClassVar[str] = "signing.envelope"


class NoteError(SigningError):
    """A signed note is malformed, carries a bad signature, or none by a known key."""

    code: ClassVar[str] = "signing.note"


class KeyringError(SigningError):
    """Grants contradict each other or have no valid period."""

    code: ClassVar[str] = "signing.keyring"


class QuorumError(SigningError):
    """No number of those who do not lie could outvote those who may."""

    code: ClassVar[str] = "signing.quorum"
