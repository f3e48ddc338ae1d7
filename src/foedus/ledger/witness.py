"""What a witness is asked, how it judges, and what it answers.

A witness remembers one head for each log. It cosigns another only if that head contains the one
remembered; all it vouches for is that it has seen no log shrink or change. Remembering and
answering are the caller's: it stores the head that ``judge`` returns durably, in one step with
having read the one judged against, before a cosignature leaves the house.

Spec: C2SP tlog-witness, "add-checkpoint".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foedus.ledger.checkpoint import Checkpoint, parse_checkpoint
from foedus.ledger.consistency import ConsistencyProof, verify_consistency
from foedus.ledger.cosignature import Cosigner, is_checkable, verify_cosignature
from foedus.ledger.errors import CheckpointError, ConsistencyError, WitnessError
from foedus.ledger.tree import EMPTY_ROOT, HASH_BYTES, MAX_SIZE
from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error, NoteError
from foedus.signing.note import (
    MAX_NOTE_BYTES,
    NoteKey,
    NoteSignature,
    add_signatures,
    open_note,
    parse_signature_lines,
    split_note,
)

__all__ = [
    "MAX_PROOF_LINES",
    "MAX_REQUEST_BYTES",
    "AddCheckpoint",
    "format_add_checkpoint",
    "format_cosignatures",
    "judge",
    "origin_of",
    "parse_add_checkpoint",
    "parse_cosignatures",
    "with_cosignatures",
]

MAX_PROOF_LINES: Final = 63
"""Most hashes a consistency proof has."""

MAX_REQUEST_BYTES: Final = MAX_NOTE_BYTES + 4096
"""Largest request read, in bytes."""

_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_UNPROCESSABLE: Final = 422

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)
_SIZE_AND_ROOT: Final = re.compile(r"[^\n]+\n(?:0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheckpoint:
    """A request to cosign a head. Untrusted until judged.

    Attributes:
        old_size: The size the asker believes the witness cosigned last; 0 for none.
        proof: That the head contains the one of that size; empty from nothing, or of no growth.
        checkpoint: The signed note, verbatim.
    """

    old_size: int
    proof: ConsistencyProof
    checkpoint: bytes


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read a request; verify nothing but its form.

    Args:
        body: Untrusted.

    Raises:
        WitnessError: Status 400: it is not in the one form of the specification.

    Spec: C2SP tlog-witness, "add-checkpoint".
    """
    if len(body) > MAX_REQUEST_BYTES:
        raise _malformed(f"a request has at most {MAX_REQUEST_BYTES} bytes")
    head, gap, checkpoint = body.partition(b"\n\n")
    if not gap:
        raise _malformed("a request has an empty line and a checkpoint")
    try:
        size_line, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise _malformed("the first lines of a request are ASCII text") from error
    old = _OLD.fullmatch(size_line)
    if old is None or int(old[1]) > MAX_SIZE:
        raise _malformed("a request starts with the old size")
    if len(lines) > MAX_PROOF_LINES:
        raise _malformed(f"a consistency proof has at most {MAX_PROOF_LINES} hashes")
    path = tuple(_parse_hash(line) for line in lines)
    request = AddCheckpoint(
        old_size=int(old[1]), proof=ConsistencyProof(path), checkpoint=checkpoint
    )
    _note_text(request)
    return request


def format_add_checkpoint(request: AddCheckpoint) -> bytes:
    """Return the body of a request.

    Spec: C2SP tlog-witness, "add-checkpoint".
    """
    lines = [f"old {request.old_size}", *(to_base64(one) for one in request.proof.path), "", ""]
    return "\n".join(lines).encode() + request.checkpoint


def origin_of(request: AddCheckpoint) -> str:
    """Return the origin a request's checkpoint names; nothing is verified.

    Raises:
        WitnessError: Status 400: the checkpoint is malformed.
    """
    return _note_text(request).partition("\n")[0]


def judge(
    request: AddCheckpoint,
    *,
    logs: Mapping[str, Sequence[NoteKey]],
    latest: Checkpoint | None,
) -> Checkpoint:
    """Return the head a witness may cosign, or raise what it answers instead.

    Args:
        request: Untrusted.
        logs: For each known origin, the keys its log may sign with.
        latest: The head this witness last cosigned of ``origin_of(request)``; None for none.

    Raises:
        WitnessError: By the order of the specification: 400 malformed, 404 unknown origin, 403 not
            signed by a known key of it or badly, 400 an old size above the new, 409 another size
            was last cosigned, 422 the head does not contain that one.

    Spec: C2SP tlog-witness, "add-checkpoint".
    """
    text = _note_text(request)
    origin, size, *_ = text.split("\n", 2)
    _check_signed(request, logs.get(origin))
    if request.old_size > int(size):
        raise _malformed(f"the old size {request.old_size} is above the new size {size}")
    last = 0 if latest is None else latest.size
    if latest is not None and latest.origin != origin:
        raise CheckpointError(f"the last head is of {latest.origin!r}, not of {origin!r}")
    if request.old_size != last:
        raise WitnessError(f"last cosigned at size {last}", status=_CONFLICT, size=last)
    try:
        checkpoint = parse_checkpoint(text)
        verify_consistency(
            request.proof,
            old_size=last,
            old_root=EMPTY_ROOT if latest is None else latest.root,
            new_size=checkpoint.size,
            new_root=checkpoint.root,
        )
    except (CheckpointError, ConsistencyError) as error:
        raise WitnessError(f"not consistent: {error}", status=_UNPROCESSABLE) from error
    return checkpoint


def format_cosignatures(lines: Iterable[NoteSignature]) -> bytes:
    """Return the body of a witness's answer.

    Spec: C2SP tlog-witness, "add-checkpoint".
    """
    return "".join(one.line for one in lines).encode()


def parse_cosignatures(
    body: bytes, checkpoint: Checkpoint, witnesses: Iterable[Cosigner]
) -> tuple[NoteSignature, ...]:
    """Return the statements of known witnesses in an answer; of unknown ones nothing is kept.

    Args:
        body: Untrusted.
        checkpoint: The head that was submitted.
        witnesses: The witness asked, by each of its keys, or all known ones.

    Returns:
        Verified lines, one for each key, in their order; possibly none.

    Raises:
        CheckpointError: Malformed, or a known key's statement is bad or without its time.

    Spec: C2SP tlog-witness, "add-checkpoint".
    """
    try:
        lines = parse_signature_lines(body)
    except NoteError as error:
        raise CheckpointError(f"not the answer of a witness: {error}") from error
    known = {(one.name, one.key_hash): one for one in witnesses if is_checkable(one)}
    found: dict[tuple[str, bytes], NoteSignature] = {}
    for line in lines:
        identity = (line.name, line.key_hash)
        verifier = known.get(identity)
        if verifier is None:
            continue
        if not verify_cosignature(checkpoint, line, verifier).seconds:
            raise CheckpointError(f"a cosignature of {line.name!r} without its time")
        found.setdefault(identity, line)
    return tuple(found.values())


def with_cosignatures(note: bytes, lines: Iterable[NoteSignature]) -> bytes:
    """Return a note with statements of witnesses appended, one for each key; the first stays.

    Args:
        note: A signed checkpoint, perhaps with statements already.
        lines: Verified ones.

    Raises:
        CheckpointError: ``note`` is not a note.
    """
    try:
        present = {(one.name, one.key_hash) for one in split_note(note)[1]}
        added: dict[tuple[str, bytes], NoteSignature] = {}
        for line in lines:
            if (line.name, line.key_hash) not in present:
                added.setdefault((line.name, line.key_hash), line)
        return add_signatures(note, added.values())
    except NoteError as error:
        raise CheckpointError(f"not a checkpoint: {error}") from error


def _note_text(request: AddCheckpoint) -> str:
    """Return a text with the three lines of a checkpoint; its root may yet be one no tree has."""
    try:
        text, _ = split_note(request.checkpoint)
    except NoteError as error:
        raise _malformed(f"not a checkpoint: {error}") from error
    found = _SIZE_AND_ROOT.match(text)
    if found is None or "\n\n" in text or int(text.split("\n", 2)[1]) > MAX_SIZE:
        raise _malformed("a checkpoint has an origin, a size, a root and no empty line")
    _parse_hash(found[1])
    return text


def _check_signed(request: AddCheckpoint, keys: Sequence[NoteKey] | None) -> None:
    if keys is None:
        raise WitnessError("a log this witness does not know", status=_NOT_FOUND)
    try:
        open_note(request.checkpoint, filter(is_checkable, keys))
    except NoteError as error:
        raise WitnessError(f"not signed by the log: {error}", status=_FORBIDDEN) from error


def _parse_hash(line: str) -> bytes:
    try:
        found = from_base64(line)
    except Base64Error as error:
        raise _malformed("a hash is base64") from error
    if len(found) != HASH_BYTES:
        raise _malformed(f"a hash has {HASH_BYTES} bytes")
    return found


def _malformed(message: str) -> WitnessError:
    return WitnessError(message, status=_BAD_REQUEST)
