"""Who vouches: keys, which of them were valid for whom and when, signed documents, signed notes.

Verification raises; it never returns a boolean someone may forget to read. Names are plain text
here; what a name stands for is decided by those who make the grants.
"""

from __future__ import annotations

from foedus.signing.envelope import (
    Envelope,
    EnvelopeSignature,
    parse_envelope,
    sign_envelope,
    verify_envelope,
)
from foedus.signing.errors import (
    EnvelopeError,
    KeyringError,
    KeyTextError,
    MLDSAUnavailableError,
    NoteError,
    QuorumError,
    SignatureError,
    SigningError,
)
from foedus.signing.keyring import KeyGrant, KeyPurpose, Keyring
from foedus.signing.keys import PublicKey, SigningKey, verify_signature
from foedus.signing.ml_dsa import MLDSAPublicKey, MLDSASigningKey, is_ml_dsa_available
from foedus.signing.note import (
    Note,
    NoteSigner,
    NoteVerifier,
    open_note,
    parse_vkey,
    sign_note,
)
from foedus.signing.quorum import enough, quorum

__all__ = [
    "Envelope",
    "EnvelopeError",
    "EnvelopeSignature",
    "KeyGrant",
    "KeyPurpose",
    "KeyTextError",
    "Keyring",
    "KeyringError",
    "MLDSAPublicKey",
    "MLDSASigningKey",
    "MLDSAUnavailableError",
    "Note",
    "NoteError",
    "NoteSigner",
    "NoteVerifier",
    "PublicKey",
    "QuorumError",
    "SignatureError",
    "SigningError",
    "SigningKey",
    "enough",
    "is_ml_dsa_available",
    "open_note",
    "parse_envelope",
    "parse_vkey",
    "quorum",
    "sign_envelope",
    "sign_note",
    "verify_envelope",
    "verify_signature",
]
