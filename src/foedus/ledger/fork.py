"""The proof that a log signed two histories: two of its heads that no one tree can both have.

Of equal sizes, two roots prove it. Of unequal sizes a path does: hashes that rebuild the larger
signed root and, by the places they have in that tree, also the root of its first leaves. Is that
another root than the one signed for the smaller size, then the log signed for leaves that its
larger tree does not begin with. Since nobody finds two inputs of one hash, no path can show this
of an honest log, whoever made it up.

The path is a consistency proof with one addition. Where the smaller size is a power of two, a
consistency proof leaves out the root of the smaller tree, for the reader has it; here it comes
first, for what stands in its place in the larger tree is the point.

The file::

    foedus/v1/fork
    notes BYTES BYTES
    BASE64 OF A HASH
    ...

    NOTE OF THE SMALLER SIZE, THEN NOTE OF THE LARGER
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from foedus.ledger.checkpoint import Checkpoint, open_checkpoint
from foedus.ledger.consistency import ConsistencyProof, consistency_proof, roots_of_path
from foedus.ledger.errors import CheckpointError, ConsistencyError, ForkError
from foedus.ledger.tiles import TileSource, TileTree
from foedus.ledger.tree import HASH_BYTES, NodeReader, range_root
from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error
from foedus.signing.note import MAX_NOTE_BYTES, NoteKey, NoteVerifier

__all__ = [
    "FORK_HEADER",
    "MAX_FORK_BYTES",
    "Fork",
    "fork_path",
    "fork_path_from_tiles",
    "prove_fork",
    "verify_fork",
]

FORK_HEADER: Final = b"foedus/v1/fork\n"
"""First line of a fork proof, by which files are told apart."""

MAX_FORK_BYTES: Final = 2 * MAX_NOTE_BYTES + 8192
"""Largest fork proof read, in bytes."""

MAX_PATH_HASHES: Final = 65
"""Longest path between two sizes, with the addition for a power of two."""

_NOTES: Final = re.compile(rb"notes ([1-9][0-9]{0,6}) ([1-9][0-9]{0,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Two heads of one log that contradict each other; both signatures and the path were verified.

    Attributes:
        origin: Name of the log.
        smaller: The head of the smaller size; for equal sizes, of the smaller root.
        larger: The other.
    """

    origin: str
    smaller: Checkpoint
    larger: Checkpoint


def fork_path(reader: NodeReader, *, smaller: int, larger: int) -> ConsistencyProof:
    """Cut what ``prove_fork`` needs out of the tree that has the larger head.

    Args:
        reader: A tree of at least ``larger`` leaves; it may lie.
        smaller: The smaller size; at least 1.
        larger: The larger size; the path is empty when they are equal.

    Raises:
        TreeError: The sizes are in the wrong order.
        LedgerError: What the reader raises.
    """
    path = consistency_proof(reader, old_size=smaller, new_size=larger).path
    if path and smaller & (smaller - 1) == 0:
        path = (range_root(reader, 0, smaller), *path)
    return ConsistencyProof(path)


def fork_path_from_tiles(source: TileSource, *, smaller: int, larger: int) -> ConsistencyProof:
    """Cut what ``prove_fork`` needs out of tiles: the log's own or a copy of them.

    Args:
        source: Untrusted; what it returns makes at worst a path that proves nothing.
        smaller: The smaller size; at least 1.
        larger: The size of the larger head, which these tiles lead to.

    Raises:
        TreeError: The sizes are in the wrong order.
        TileError: A tile is absent or malformed.
    """
    return fork_path(TileTree(source, larger), smaller=smaller, larger=larger)


def prove_fork(
    first: bytes,
    second: bytes,
    path: ConsistencyProof,
    verifiers: NoteVerifier | Iterable[NoteKey],
) -> bytes:
    """Return the file that proves two heads to be of two histories, or raise.

    Args:
        first: A signed note.
        second: Another; their order does not matter.
        path: As ``fork_path`` cuts it; empty for equal sizes.
        verifiers: The keys of the log, or of all known logs.

    Raises:
        ForkError: The heads are not of one known log, they are consistent, or the path does not
            lead to the larger signed root.
    """
    known = _log_keys(verifiers)
    opened = sorted(
        ((_open(note, known), note) for note in (first, second)),
        key=lambda one: (one[0].size, one[0].root),
    )
    (smaller, small_note), (larger, large_note) = opened
    _check(smaller, larger, path.path)
    lines = [
        f"notes {len(small_note)} {len(large_note)}",
        *(to_base64(one) for one in path.path),
        "",
        "",
    ]
    return FORK_HEADER + "\n".join(lines).encode() + small_note + large_note


def verify_fork(data: bytes, verifiers: NoteVerifier | Iterable[NoteKey]) -> Fork:
    """Return what a file proves about a known log, or raise.

    Args:
        data: Untrusted; whoever sent it may want to accuse somebody falsely.
        verifiers: The keys of the log, or of all known logs.

    Raises:
        ForkError: It is malformed, or it does not prove that one known log signed two histories.
    """
    known = _log_keys(verifiers)
    first, second, path = _parse(data)
    smaller, larger = _open(first, known), _open(second, known)
    if (smaller.size, smaller.root) > (larger.size, larger.root):
        raise ForkError("the smaller head comes first")
    _check(smaller, larger, path)
    return Fork(origin=smaller.origin, smaller=smaller, larger=larger)


def _check(smaller: Checkpoint, larger: Checkpoint, path: tuple[bytes, ...]) -> None:
    """Return if no tree has both heads; ``smaller`` is not the larger one."""
    if smaller.origin != larger.origin:
        raise ForkError("the heads are of two logs")
    if smaller.size == 0:
        raise ForkError("every tree begins with nothing")
    if smaller.size == larger.size:
        if path:
            raise ForkError("two heads of one size need no path")
        if smaller.root == larger.root:
            raise ForkError("the heads are the same")
        return
    if any(len(one) != HASH_BYTES for one in path):
        raise ForkError(f"a hash has {HASH_BYTES} bytes")
    try:
        old, new = roots_of_path(path, old_size=smaller.size, new_size=larger.size)
    except ConsistencyError as error:
        raise ForkError(f"the path does not fit the two sizes: {error}") from error
    if new != larger.root:
        raise ForkError("the path does not lead to the larger signed root")
    if old == smaller.root:
        raise ForkError("the larger head contains the smaller")


def _parse(data: bytes) -> tuple[bytes, bytes, tuple[bytes, ...]]:
    if len(data) > MAX_FORK_BYTES:
        raise ForkError(f"a fork proof has at most {MAX_FORK_BYTES} bytes")
    head, gap, notes = data.partition(b"\n\n")
    if not head.startswith(FORK_HEADER) or not gap:
        raise ForkError("not a fork proof")
    lengths, *lines = head.removeprefix(FORK_HEADER).split(b"\n")
    found = _NOTES.fullmatch(lengths)
    if found is None or int(found[1]) + int(found[2]) != len(notes):
        raise ForkError("a fork proof says how long its two notes are")
    if len(lines) > MAX_PATH_HASHES:
        raise ForkError(f"a path has at most {MAX_PATH_HASHES} hashes")
    at = int(found[1])
    return notes[:at], notes[at:], tuple(_parse_hash(line) for line in lines)


def _parse_hash(line: bytes) -> bytes:
    try:
        found = from_base64(line.decode("ascii"))
    except (UnicodeDecodeError, Base64Error) as error:
        raise ForkError("a hash is base64") from error
    if len(found) != HASH_BYTES:
        raise ForkError(f"a hash has {HASH_BYTES} bytes")
    return found


def _log_keys(verifiers: NoteVerifier | Iterable[NoteKey]) -> tuple[NoteVerifier, ...]:
    """Return the keys of logs only: what a witness's line is worth does not matter here."""
    if isinstance(verifiers, NoteVerifier):
        return (verifiers,)
    return tuple(one for one in verifiers if isinstance(one, NoteVerifier))


def _open(note: bytes, known: tuple[NoteVerifier, ...]) -> Checkpoint:
    try:
        return open_checkpoint(note, known)
    except CheckpointError as error:
        raise ForkError(f"not a head of a known log: {error}") from error
