"""Witness statements: "at this time, this is the largest consistent head I have seen of this log".

A cosignature covers the time and the whole checkpoint text. Its Ed25519 form does not cover the
witness's name, so one key must never serve two witnesses; the keyring refuses that.

Any two quorums must share an honest witness, else a log could show each of them another history.
With ``n`` witnesses of whom ``f`` may lie, a quorum is therefore more than ``(n + f) / 2``.

Spec: C2SP tlog-cosignature, Ed25519.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from foedus.clock import to_micros
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint_note
from foedus.ledger.errors import CheckpointError
from foedus.signing.errors import SignatureError
from foedus.signing.keys import SIGNATURE_BYTES, PublicKey, SigningKey, verify_signature
from foedus.signing.note import NoteSignature, NoteVerifier, check_key_name, key_hash

__all__ = [
    "Cosignature",
    "CosignatureVerifier",
    "cosign",
    "open_cosigned",
    "quorum",
    "verify_cosignature",
]

_KIND: Final = 0x04
_TIME_BYTES: Final = 8
_MAX_TIME: Final = 2**63 - 1
_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """A witness's name and key.

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
        return key_hash(self.name, _KIND, self.key)

    def check(self, text: str, signature: bytes) -> None:
        """Return if this witness stated that it saw this checkpoint text.

        Args:
            text: The note text.
            signature: 8 bytes of time and 64 of signature; untrusted.

        Raises:
            SignatureError: It did not, or the time is out of bounds.
        """
        if len(signature) != _TIME_BYTES + SIGNATURE_BYTES:
            raise SignatureError("a cosignature is a time and an Ed25519 signature")
        seconds = int.from_bytes(signature[:_TIME_BYTES], "big")
        if seconds > _MAX_TIME:
            raise SignatureError("a cosignature's time is out of bounds")
        verify_signature(self.key, _message(seconds, text), signature[_TIME_BYTES:])


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


def cosign(checkpoint: Checkpoint, *, name: str, key: SigningKey, at: datetime) -> NoteSignature:
    """Make a witness statement. The caller has stored this head as the last seen, durably.

    Args:
        checkpoint: A head whose log signature and consistency with the last one seen were verified.
        name: The witness's name.
        key: The witness's key.
        at: The present instant; aware, not before 1970.

    Raises:
        CheckpointError: The witness bears the log's own name.
        NoteError: The name has a character it must not have.

    Spec: C2SP tlog-cosignature, "Ed25519 signed message".
    """
    if name == checkpoint.origin:
        raise CheckpointError("a log is never its own witness")
    verifier = CosignatureVerifier(name, key.public)
    seconds = to_micros(at) // _MICROS
    signature = key.sign(_message(seconds, checkpoint.text))
    return NoteSignature(
        name=name,
        key_hash=verifier.key_hash,
        signature=seconds.to_bytes(_TIME_BYTES, "big") + signature,
    )


def verify_cosignature(
    checkpoint: Checkpoint, line: NoteSignature, verifier: CosignatureVerifier
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
    return _cosignature(line)


def open_cosigned(
    data: bytes, log: NoteVerifier, witnesses: Iterable[CosignatureVerifier]
) -> tuple[Checkpoint, tuple[Cosignature, ...]]:
    """Return the head a log signed and what known witnesses said about it, or raise.

    Args:
        data: A signed note; untrusted.
        log: The log's key.
        witnesses: Known witnesses; the log itself is never counted among them.

    Returns:
        The head, and at most one statement for each witness, whatever number of its keys are known.

    Raises:
        CheckpointError: As ``open_checkpoint``, or a known witness's cosignature is bad.
    """
    known = tuple(one for one in witnesses if one.name != log.name and one.key != log.key)
    checkpoint, note = open_checkpoint_note(data, (log, *known))
    identities = {(one.name, one.key_hash) for one in known}
    found: dict[str, Cosignature] = {}
    for line in note.signatures:
        if (line.name, line.key_hash) in identities:
            found.setdefault(line.name, _cosignature(line))
    return checkpoint, tuple(found.values())


def quorum(witnesses: int, liars: int) -> int:
    """Return how many statements make a head safe to rely on.

    Args:
        witnesses: How many there are.
        liars: How many of them may lie.

    Raises:
        CheckpointError: No number of honest witnesses could meet it.
    """
    needed = (witnesses + liars) // 2 + 1
    if liars < 0 or needed > witnesses - liars:
        raise CheckpointError(f"{witnesses} witnesses cannot outvote {liars} liars among them")
    return needed


def _message(seconds: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _cosignature(line: NoteSignature) -> Cosignature:
    return Cosignature(
        witness=line.name, seconds=int.from_bytes(line.signature[:_TIME_BYTES], "big")
    )
