"""Witness statements: "at this time, this is the largest consistent head I have seen of this log".

There are two forms. The Ed25519 form covers the time and the whole checkpoint text, but not the
witness's name: one key must never serve two witnesses; the keyring refuses that. The ML-DSA-44 form
covers the time, both names, the size and the root, but no extension lines; it needs an optional
library (:mod:`foedus.signing.ml_dsa`), and whoever does without it still reads the other form.

Any two quorums must share an honest witness, else a log could show each of them another history.
With ``n`` witnesses of whom ``f`` may lie, a quorum is therefore more than ``(n + f) / 2``.

Spec: C2SP tlog-cosignature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from foedus.clock import to_micros
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint_note, parse_checkpoint
from foedus.ledger.errors import CheckpointError
from foedus.signing.errors import KeyTextError, NoteError, QuorumError, SignatureError
from foedus.signing.keys import SIGNATURE_BYTES, PublicKey, SigningKey, verify_signature
from foedus.signing.ml_dsa import (
    ML_DSA_SIGNATURE_BYTES,
    MLDSAPublicKey,
    MLDSASigningKey,
    is_ml_dsa_available,
    verify_ml_dsa,
)
from foedus.signing.note import (
    NoteKey,
    NoteSignature,
    NoteVerifier,
    check_key_name,
    format_vkey,
    key_hash,
    split_vkey,
)
from foedus.signing.quorum import quorum as signing_quorum

__all__ = [
    "Cosignature",
    "CosignatureVerifier",
    "Cosigner",
    "MLDSACosignatureVerifier",
    "cosign",
    "cosignature_of",
    "is_checkable",
    "open_cosigned",
    "parse_cosigner_vkey",
    "quorum",
    "verify_cosignature",
]

_ED25519: Final = 0x04
_ML_DSA: Final = 0x06
_LABEL: Final = b"subtree/v1\n\0"
_MAX_NAME_BYTES: Final = 255
_TIME_BYTES: Final = 8
_MAX_TIME: Final = 2**63 - 1
_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """A witness's name and Ed25519 key.

    Attributes:
        name: Not empty; without spaces, plus signs or control characters.
        key: The witness's public key, used for nothing else.

    Raises:
        NoteError: The name has a character it must not have.
    """

    name: str
    key: PublicKey

    def __post_init__(self) -> None:
        check_key_name(self.name)

    @property
    def key_hash(self) -> bytes:
        """The 4-byte key id of this name, key and the cosignature algorithm."""
        return key_hash(self.name, _ED25519, self.key.raw)

    @property
    def vkey(self) -> str:
        """The verifier key text.

        Spec: C2SP signed-note, "Verifier keys".
        """
        return format_vkey(self.name, _ED25519, self.key.raw)

    def check(self, text: str, signature: bytes) -> None:
        """Return if this witness stated that it saw this checkpoint text.

        Args:
            text: The note text.
            signature: 8 bytes of time and 64 of signature; untrusted.

        Raises:
            SignatureError: It did not, or the time is out of bounds.
        """
        seconds = _seconds(signature, SIGNATURE_BYTES)
        verify_signature(self.key, _message(seconds, text), signature[_TIME_BYTES:])


@dataclass(frozen=True, slots=True)
class MLDSACosignatureVerifier:
    """A witness's name and ML-DSA-44 key. A log may sign its heads with such a key too.

    Attributes:
        name: At most 255 bytes; not empty; without spaces, plus signs or control characters.
        key: The public key.

    Raises:
        NoteError: The name is too long or has a character it must not have.
    """

    name: str
    key: MLDSAPublicKey

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.name.encode()) > _MAX_NAME_BYTES:
            raise NoteError(f"the name of an ML-DSA-44 key has at most {_MAX_NAME_BYTES} bytes")

    @property
    def key_hash(self) -> bytes:
        """The 4-byte key id of this name, key and the cosignature algorithm."""
        return key_hash(self.name, _ML_DSA, self.key.raw)

    @property
    def vkey(self) -> str:
        """The verifier key text.

        Spec: C2SP signed-note, "Verifier keys".
        """
        return format_vkey(self.name, _ML_DSA, self.key.raw)

    def check(self, text: str, signature: bytes) -> None:
        """Return if this witness stated that it saw the head in this checkpoint text.

        Args:
            text: The note text; its extension lines are not covered.
            signature: 8 bytes of time and 2420 of signature; untrusted.

        Raises:
            SignatureError: It did not, the text is no checkpoint, or the time is out of bounds.
            MLDSAUnavailableError: There is no library that knows the algorithm.
        """
        seconds = _seconds(signature, ML_DSA_SIGNATURE_BYTES)
        try:
            message = _cosigned_message(self.name, seconds, parse_checkpoint(text))
        except CheckpointError as error:
            raise SignatureError("a cosignature of what is no checkpoint") from error
        verify_ml_dsa(self.key, message, signature[_TIME_BYTES:])


Cosigner: TypeAlias = CosignatureVerifier | MLDSACosignatureVerifier
"""A witness's name and key, of either form."""


def parse_cosigner_vkey(text: str) -> Cosigner:
    """Read the verifier key of a witness.

    Args:
        text: Untrusted text.

    Raises:
        NoteError: Another form, another algorithm, or a key id that does not belong to the key.

    Spec: C2SP tlog-cosignature, "Format"; signed-note, "Verifier keys".
    """
    name, kind, material = split_vkey(text)
    try:
        if kind == _ED25519:
            return CosignatureVerifier(name, PublicKey(material))
        if kind == _ML_DSA:
            return MLDSACosignatureVerifier(name, MLDSAPublicKey(material))
    except KeyTextError as error:
        raise NoteError("a verifier key with a key of another length") from error
    raise NoteError("a verifier key of another algorithm than cosignatures have")


def is_checkable(key: NoteKey) -> bool:
    """Say whether signatures of a key can be checked here: ML-DSA-44 needs its library."""
    return not isinstance(key, MLDSACosignatureVerifier) or is_ml_dsa_available()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """One verified witness statement.

    Attributes:
        witness: Name of the witness.
        seconds: When it said so, in whole seconds since 1970-01-01T00:00:00Z.
    """

    witness: str
    seconds: int

    @property
    def at(self) -> datetime:
        """When the witness said so.

        Raises:
            CheckpointError: The time lies past the year 9999.
        """
        try:
            return datetime.fromtimestamp(self.seconds, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise CheckpointError("a cosignature from past the year 9999") from error


def cosign(
    checkpoint: Checkpoint, *, name: str, key: SigningKey | MLDSASigningKey, at: datetime
) -> NoteSignature:
    """Make a witness statement. The caller has stored this head as the last seen, durably.

    Args:
        checkpoint: A head whose log signature and consistency with the last one seen were verified.
        name: The witness's name.
        key: The witness's key.
        at: The present instant; aware, not before 1970.

    Raises:
        CheckpointError: The witness bears the log's own name, or one of the names is too long.
        NoteError: The name has a character it must not have.

    Spec: C2SP tlog-cosignature, "Ed25519 signed message" and "ML-DSA-44 signed message".
    """
    if name == checkpoint.origin:
        raise CheckpointError("a log is never its own witness")
    seconds = to_micros(at) // _MICROS
    if isinstance(key, SigningKey):
        digest = CosignatureVerifier(name, key.public).key_hash
        signature = key.sign(_message(seconds, checkpoint.text))
    else:
        digest = MLDSACosignatureVerifier(name, key.public).key_hash
        signature = key.sign(_cosigned_message(name, seconds, checkpoint))
    return NoteSignature(
        name=name, key_hash=digest, signature=seconds.to_bytes(_TIME_BYTES, "big") + signature
    )


def verify_cosignature(
    checkpoint: Checkpoint, line: NoteSignature, verifier: Cosigner
) -> Cosignature:
    """Return the statement in one signature line, such as a witness answers with, or raise.

    Args:
        checkpoint: The head it should be about.
        line: Untrusted.
        verifier: The witness it should be by.

    Raises:
        CheckpointError: Another witness, or a bad signature.
    """
    if (line.name, line.key_hash) != (verifier.name, verifier.key_hash):
        raise CheckpointError(f"not a cosignature of {verifier.name!r}")
    try:
        verifier.check(checkpoint.text, line.signature)
    except SignatureError as error:
        raise CheckpointError(f"a bad cosignature of {verifier.name!r}") from error
    return cosignature_of(line)


def open_cosigned(
    data: bytes, log: NoteVerifier, witnesses: Iterable[Cosigner]
) -> tuple[Checkpoint, tuple[Cosignature, ...]]:
    """Return the head a log signed and what known witnesses said about it, or raise.

    Args:
        data: A signed note; untrusted.
        log: The log's key.
        witnesses: Known witnesses; the log itself is never counted among them, nor is what cannot
            be checked here for want of a library.

    Returns:
        The head, and at most one statement for each witness, whatever number of its keys are known.

    Raises:
        CheckpointError: As ``open_checkpoint``, or a known witness's cosignature is bad.
    """
    known = tuple(
        one
        for one in witnesses
        if one.name != log.name and one.key != log.key and is_checkable(one)
    )
    checkpoint, note = open_checkpoint_note(data, (log, *known))
    identities = {(one.name, one.key_hash) for one in known}
    found: dict[str, Cosignature] = {}
    for line in note.signatures:
        if (line.name, line.key_hash) in identities:
            found.setdefault(line.name, cosignature_of(line))
    return checkpoint, tuple(found.values())


def cosignature_of(line: NoteSignature) -> Cosignature:
    """Return what a line states; it was verified before."""
    return Cosignature(
        witness=line.name, seconds=int.from_bytes(line.signature[:_TIME_BYTES], "big")
    )


def quorum(witnesses: int, liars: int) -> int:
    """Return how many statements make a head safe to rely on.

    Args:
        witnesses: How many there are.
        liars: How many of them may lie.

    Raises:
        CheckpointError: No number of honest witnesses could meet it.
    """
    try:
        return signing_quorum(witnesses, liars)
    except QuorumError as error:
        raise CheckpointError(str(error)) from error


def _message(seconds: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _cosigned_message(name: str, seconds: int, checkpoint: Checkpoint) -> bytes:
    """Return the structure an ML-DSA-44 cosigner signs for a whole tree."""
    origin = checkpoint.origin.encode()
    if len(origin) > _MAX_NAME_BYTES:
        raise CheckpointError(f"an origin of more than {_MAX_NAME_BYTES} bytes")
    cosigner = name.encode()
    return b"".join(
        (
            _LABEL,
            bytes((len(cosigner),)) + cosigner,
            seconds.to_bytes(_TIME_BYTES, "big"),
            bytes((len(origin),)) + origin,
            (0).to_bytes(_TIME_BYTES, "big"),
            checkpoint.size.to_bytes(_TIME_BYTES, "big"),
            checkpoint.root,
        )
    )


def _seconds(signature: bytes, length: int) -> int:
    """Return the time at the start of a cosignature whose signature proper has this length."""
    if len(signature) != _TIME_BYTES + length:
        raise SignatureError(f"a cosignature is a time and a signature of {length} bytes")
    seconds = int.from_bytes(signature[:_TIME_BYTES], "big")
    if seconds > _MAX_TIME:
        raise SignatureError("a cosignature's time is out of bounds")
    return seconds
