"""The proof that a later tree begins with all leaves of an earlier one, unchanged and in order."""

from __future__ import annotations

from dataclasses import dataclass

from foedus.ledger.errors import ConsistencyError, TreeError
from foedus.ledger.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    MAX_SIZE,
    NodeReader,
    node_hash,
    range_root,
)

__all__ = ["ConsistencyProof", "consistency_proof", "roots_of_path", "verify_consistency"]


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """Hashes that rebuild both roots. Untrusted until verified.

    Attributes:
        path: 32 bytes each, in the order of the specification.
    """

    path: tuple[bytes, ...]


def consistency_proof(reader: NodeReader, *, old_size: int, new_size: int) -> ConsistencyProof:
    """Cut the proof between two sizes out of a tree.

    Args:
        reader: A tree of at least ``new_size`` leaves.
        old_size: The earlier size; the proof is empty when it is 0 or ``new_size``.
        new_size: The later size.

    Raises:
        TreeError: The earlier size is larger than the later, or negative.
        LedgerError: What the reader raises.

    Spec: RFC 9162 §2.1.4.1.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise TreeError(f"a tree of {new_size} has not grown from one of {old_size}")
    if old_size in (0, new_size):
        return ConsistencyProof(())
    start, end = 0, new_size
    path: list[bytes] = []
    while end != old_size:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if old_size <= middle:
            path.append(range_root(reader, middle, end))
            end = middle
        else:
            path.append(range_root(reader, start, middle))
            start = middle
    # The old tree itself is known to the reader of the proof; a part of it is not.
    if start:
        path.append(range_root(reader, start, end))
    return ConsistencyProof(tuple(reversed(path)))


def verify_consistency(
    proof: ConsistencyProof, *, old_size: int, old_root: bytes, new_size: int, new_root: bytes
) -> None:
    """Check that the later tree contains the earlier one, or raise.

    Args:
        proof: The proof to check; it is untrusted.
        old_size: Leaves of the earlier tree, from a verified checkpoint.
        old_root: Its root, 32 bytes.
        new_size: Leaves of the later tree, from a verified checkpoint.
        new_root: Its root, 32 bytes.

    Raises:
        ConsistencyError: The later tree is smaller, the proof has the wrong length, or it does not
            lead to both roots. Two verified checkpoints of one log for which no proof exists prove
            that its owner signed two histories.

    Spec: RFC 9162 §2.1.4.2; the numbers below are its steps.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise ConsistencyError(f"a tree of {new_size} has not grown from one of {old_size}")
    if any(len(one) != HASH_BYTES for one in proof.path):
        raise ConsistencyError(f"a hash has {HASH_BYTES} bytes")
    if old_size in (0, new_size):
        _verify_trivial(proof, old_size=old_size, old_root=old_root)
        old, new = old_root, old_root if old_size == new_size else new_root
    else:
        # 1. and 2.
        if not proof.path:
            raise ConsistencyError("the proof is empty")
        known = (old_root,) if old_size & (old_size - 1) == 0 else ()
        old, new = roots_of_path((*known, *proof.path), old_size=old_size, new_size=new_size)
    # 7.
    if old != old_root or new != new_root:
        raise ConsistencyError(f"a tree of {new_size} has not grown from this one of {old_size}")


def _verify_trivial(proof: ConsistencyProof, *, old_size: int, old_root: bytes) -> None:
    if proof.path:
        raise ConsistencyError("a proof from nothing, or of no growth, is empty")
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise ConsistencyError("an empty tree has one root only")


def roots_of_path(path: tuple[bytes, ...], *, old_size: int, new_size: int) -> tuple[bytes, bytes]:
    """Return the roots of both sizes as a whole path makes them.

    Args:
        path: That of a consistency proof; where the old size is a power of two, the old root before
            it. 32 bytes each.
        old_size: Leaves of the earlier tree; at least 1.
        new_size: Leaves of the later tree; more than ``old_size``.

    Returns:
        The root of the earlier size, then that of the later.

    Raises:
        ConsistencyError: The path has the wrong length for these sizes.

    Spec: RFC 9162 §2.1.4.2; the numbers below are its steps.
    """
    if not (path and 0 < old_size < new_size):
        raise ConsistencyError("no path leads from nothing, or to no growth")
    # 3. and 4.
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    # 5.
    old, new = path[0], path[0]
    # 6.
    for one in path[1:]:
        if sn == 0:
            raise ConsistencyError("the proof is longer than the tree is high")
        if fn & 1 or fn == sn:
            old, new = node_hash(one, old), node_hash(one, new)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, one)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ConsistencyError("the proof is shorter than the tree is high")
    return old, new
