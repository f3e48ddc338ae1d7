"""The proof that one leaf is in a tree: the hashes beside its way up to the root."""

from __future__ import annotations

from dataclasses import dataclass

from foedus.ledger.errors import InclusionError, TreeError
from foedus.ledger.tree import HASH_BYTES, MAX_SIZE, NodeReader, node_hash, range_root

__all__ = ["InclusionProof", "inclusion_proof", "verify_inclusion"]


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Where a leaf is and the hashes beside its way up. Untrusted until verified.

    Attributes:
        index: Zero-based place of the leaf.
        path: Sibling hashes, 32 bytes each, from the leaf's own up to the root's child.
    """

    index: int
    path: tuple[bytes, ...]


def inclusion_proof(reader: NodeReader, *, index: int, size: int) -> InclusionProof:
    """Cut the proof for one leaf out of a tree.

    Args:
        reader: A tree of at least ``size`` leaves.
        index: The leaf; less than ``size``.
        size: The tree the proof is for.

    Raises:
        TreeError: There is no such leaf.
        LedgerError: What the reader raises.

    Spec: RFC 9162 §2.1.3.1.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise TreeError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    for height in range((size - 1).bit_length()):
        beside = (index >> height) ^ 1
        start = beside << height
        if start + (1 << height) <= size:
            path.append(reader.node(height, beside))
        elif start < size:
            path.append(range_root(reader, start, size))
        # Else nothing is beside it yet: at the right edge a subtree is carried up as it is.
    return InclusionProof(index, tuple(path))


def verify_inclusion(leaf_hash: bytes, proof: InclusionProof, *, size: int, root: bytes) -> None:
    """Check that a leaf is in the tree, or raise.

    Args:
        leaf_hash: SHA-256 leaf hash, 32 bytes.
        proof: The proof to check; it is untrusted.
        size: Number of leaves, from a checkpoint whose signatures were verified.
        root: Root hash, 32 bytes, from the same checkpoint.

    Raises:
        InclusionError: The proof does not lead from this leaf to this root.

    Spec: RFC 9162 §2.1.3.2; the numbers below are its steps.
    """
    # 1. The leaf must exist at all.
    if not 0 <= proof.index < size <= MAX_SIZE:
        raise InclusionError(f"no leaf {proof.index} in a tree of {size}")
    if len(leaf_hash) != HASH_BYTES or any(len(one) != HASH_BYTES for one in proof.path):
        raise InclusionError(f"a hash has {HASH_BYTES} bytes")
    # 2. and 3.
    fn, sn = proof.index, size - 1
    running = leaf_hash
    # 4.
    for sibling in proof.path:
        if sn == 0:
            raise InclusionError("the path is longer than the tree is high")
        if fn & 1 or fn == sn:
            running = node_hash(sibling, running)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            running = node_hash(running, sibling)
        fn, sn = fn >> 1, sn >> 1
    # 5.
    if sn:
        raise InclusionError("the path is shorter than the tree is high")
    if running != root:
        raise InclusionError(f"leaf {proof.index} is not in the tree of {size} with this root")
