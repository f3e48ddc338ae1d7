"""Signed tree heads: how large a log is, its root, and the log's own signature over both.

A log never signs a head that is inconsistent with one it signed before; two signed heads for which
no consistency proof exists show everyone that it did. A checkpoint may also carry statements of
witnesses (:mod:`foedus.ledger.cosignature`); what makes it the log's own word is a signature by a
key whose name is the origin.

Spec: C2SP tlog-checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from foedus.ledger.errors import CheckpointError
from foedus.ledger.tree import EMPTY_ROOT, HASH_BYTES, MAX_SIZE
from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error, NoteError
from foedus.signing.note import (
    Note,
    NoteKey,
    NoteSigner,
    NoteVerifier,
    check_note_text,
    open_note,
    sign_note,
)

__all__ = [
    "Checkpoint",
    "open_checkpoint",
    "open_checkpoint_note",
    "open_head",
    "parse_checkpoint",
    "sign_checkpoint",
]

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_FIXED_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head. By itself it is nobody's word; ``open_checkpoint`` returns verified ones.

    Attributes:
        origin: Name of the log, its address without scheme; one non-empty line.
        size: Number of leaves.
        root: Root hash, 32 bytes.
        extensions: Further lines, kept so that the text signed is the text shown; Foedus writes
            none.

    Raises:
        CheckpointError: A part is outside these bounds, or an empty tree has another root.

    Spec: C2SP tlog-checkpoint, "Note text".
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(not line or "\n" in line for line in (self.origin, *self.extensions)):
            raise CheckpointError("origin and extensions are non-empty lines")
        if not 0 <= self.size <= MAX_SIZE:
            raise CheckpointError(f"a tree size lies between 0 and {MAX_SIZE}")
        if len(self.root) != HASH_BYTES:
            raise CheckpointError(f"a root has {HASH_BYTES} bytes, not {len(self.root)}")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise CheckpointError("an empty tree has one root only")
        try:
            check_note_text(self.text)
        except NoteError as error:
            raise CheckpointError("a checkpoint is text without control characters") from error

    @property
    def text(self) -> str:
        """The note text: origin, size and root in lines of their own, then extensions."""
        lines = (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        return "\n".join(lines) + "\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a note text; verify nothing.

    Args:
        text: Untrusted.

    Raises:
        CheckpointError: It is not the text of a checkpoint.

    Spec: C2SP tlog-checkpoint, "Note text".
    """
    *lines, rest = text.split("\n")
    if rest or len(lines) < _FIXED_LINES:
        raise CheckpointError("a checkpoint has at least three lines")
    origin, size, root, *extensions = lines
    if _SIZE.fullmatch(size) is None:
        raise CheckpointError("a tree size is a decimal number without leading zeroes")
    try:
        return Checkpoint(origin, int(size), from_base64(root), tuple(extensions))
    except Base64Error as error:
        raise CheckpointError("a root hash is base64") from error


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> bytes:
    """Return the signed note of a tree head.

    Args:
        checkpoint: The head. The caller made sure that it contains every head signed before.
        signer: The log's key; its name is the origin.

    Raises:
        CheckpointError: The signer bears another name.

    Spec: C2SP tlog-checkpoint, "Signatures".
    """
    if signer.name != checkpoint.origin:
        raise CheckpointError(f"{signer.name!r} does not sign for {checkpoint.origin!r}")
    return sign_note(checkpoint.text, [signer])


def open_checkpoint(data: bytes, verifiers: NoteVerifier | Iterable[NoteKey]) -> Checkpoint:
    """Return the tree head that a known log signed, or raise.

    Args:
        data: A signed note; untrusted.
        verifiers: The key of the log, or keys of all known logs and witnesses.

    Raises:
        CheckpointError: Malformed, or not signed by a known key that bears the origin's name.

    Spec: C2SP tlog-checkpoint.
    """
    return open_checkpoint_note(data, verifiers)[0]


def open_checkpoint_note(
    data: bytes, verifiers: NoteVerifier | Iterable[NoteKey]
) -> tuple[Checkpoint, Note]:
    """Do as ``open_checkpoint``, and return the verified note with it.

    Raises:
        CheckpointError: As ``open_checkpoint``.
    """
    known = (verifiers,) if isinstance(verifiers, NoteVerifier) else tuple(verifiers)
    logs = [one for one in known if isinstance(one, NoteVerifier)]
    return open_head(
        data, logs=logs, witnesses=[one for one in known if not isinstance(one, NoteVerifier)]
    )


def open_head(
    data: bytes, *, logs: Iterable[NoteKey], witnesses: Iterable[NoteKey]
) -> tuple[Checkpoint, Note]:
    """Do as ``open_checkpoint_note``, where it is said which keys are those of logs.

    Args:
        data: A signed note; untrusted.
        logs: Keys of known logs, of whatever algorithm.
        witnesses: Keys of known witnesses.

    Raises:
        CheckpointError: As ``open_checkpoint``.
    """
    known = tuple(logs)
    try:
        note = open_note(data, (*known, *witnesses))
    except NoteError as error:
        raise CheckpointError(f"not a checkpoint of a known log: {error}") from error
    checkpoint = parse_checkpoint(note.text)
    # A witness known to us, or another log, vouches for itself only: not for this origin.
    own = {one.key_hash for one in known if one.name == checkpoint.origin}
    if not any(s.name == checkpoint.origin and s.key_hash in own for s in note.signatures):
        raise CheckpointError(f"not signed by a known key of {checkpoint.origin!r}")
    return checkpoint, note
