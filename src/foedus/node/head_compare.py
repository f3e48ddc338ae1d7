"""Compare two signed heads of one log. Pure: tiles come in as a source, verdicts go out.

A source of tiles is never trusted. It makes a verdict only where what it gives leads to the larger
signed root; then the same hashes say what the root of the first leaves is, and that is either the
one signed for the smaller size or another. Everything else is undecided, and accuses nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from foedus.ledger.checkpoint import Checkpoint, open_checkpoint
from foedus.ledger.consistency import ConsistencyProof, roots_of_path
from foedus.ledger.errors import LedgerError
from foedus.ledger.fork import fork_path_from_tiles
from foedus.ledger.tiles import TileSource
from foedus.signing import NoteVerifier

__all__ = ["Connection", "Relation", "compare", "connect", "relation"]


_NO_PATH: Final = ConsistencyProof(())


class Relation(Enum):
    """What two heads of one log say by themselves, without a tile."""

    NEW = "new"
    """There is nothing to compare it with."""
    SAME = "same"
    OLDER = "older"
    """It is smaller than the one known: whether it is a part of it needs a path."""
    NEWER = "newer"
    """It is larger than the one known: whether it contains it needs a path."""
    FORKED = "forked"
    """One size and two roots: no log has both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a smaller head stands to a larger one.

    Attributes:
        contained: True if it is a part of it, False if it is proved not to be, None if undecided.
        path: What proves it, for ``prove_fork``.
    """

    contained: bool | None
    path: ConsistencyProof = _NO_PATH


def compare(ours: bytes | None, theirs: bytes, verifiers: Sequence[NoteVerifier]) -> Relation:
    """Return what a signed head says beside the one known.

    Args:
        ours: The newest head known; None for none.
        theirs: Another of the same log; untrusted.
        verifiers: The keys of the log.

    Raises:
        CheckpointError: One of them is no head signed by the log.
    """
    shown = open_checkpoint(theirs, verifiers)
    return relation(None if ours is None else open_checkpoint(ours, verifiers), shown)


def relation(ours: Checkpoint | None, theirs: Checkpoint) -> Relation:
    """Do the same with heads whose signatures were verified."""
    if ours is None:
        return Relation.NEW
    if theirs.size != ours.size:
        return Relation.OLDER if theirs.size < ours.size else Relation.NEWER
    return Relation.SAME if theirs.root == ours.root else Relation.FORKED


def connect(source: TileSource, smaller: Checkpoint, larger: Checkpoint) -> Connection:
    """Say by tiles whether one head is a part of another.

    Args:
        source: Should lead to the larger head; untrusted.
        smaller: A verified head.
        larger: Another of the same log, of at least its size.
    """
    if smaller.size == larger.size:
        return Connection(contained=smaller.root == larger.root)
    if smaller.size == 0:
        return Connection(contained=True)
    try:
        path = fork_path_from_tiles(source, smaller=smaller.size, larger=larger.size)
        old, new = roots_of_path(path.path, old_size=smaller.size, new_size=larger.size)
    except LedgerError:
        return Connection(contained=None)
    if new != larger.root:
        return Connection(contained=None)
    return Connection(contained=old == smaller.root, path=path)
