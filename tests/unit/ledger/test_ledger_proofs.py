"""Inclusion and consistency proofs: every good one holds, every spoilt one is refused."""

from __future__ import annotations

import pytest

from foedus.ledger.consistency import ConsistencyProof, consistency_proof, verify_consistency
from foedus.ledger.errors import ConsistencyError, InclusionError, TreeError
from foedus.ledger.inclusion import InclusionProof, inclusion_proof, verify_inclusion
from foedus.ledger.tree import EMPTY_ROOT, StoredTree, leaf_hash, root_of_hashes

LEAVES = [leaf_hash(b"leaf %d" % number) for number in range(35)]
TREE = StoredTree(LEAVES)
ROOTS = [root_of_hashes(LEAVES[:size]) for size in range(len(LEAVES) + 1)]


def test_every_leaf_of_every_tree_is_proved() -> None:
    for size in range(1, len(LEAVES) + 1):
        for index in range(size):
            proof = inclusion_proof(TREE, index=index, size=size)
            assert len(proof.path) <= (size - 1).bit_length()
            verify_inclusion(LEAVES[index], proof, size=size, root=ROOTS[size])


def test_every_growth_is_proved() -> None:
    for new in range(len(LEAVES) + 1):
        for old in range(new + 1):
            proof = consistency_proof(TREE, old_size=old, new_size=new)
            verify_consistency(
                proof, old_size=old, old_root=ROOTS[old], new_size=new, new_root=ROOTS[new]
            )


def _spoilt(path: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """Every path one mistake away."""
    stranger = bytes(32)
    spoilt = [(*path, stranger), (stranger, *path), path[:-1], path[1:], path[::-1]]
    for at in range(len(path)):
        spoilt += [
            (*path[:at], stranger, *path[at + 1 :]),
            (*path[:at], path[at][:-1], *path[at + 1 :]),
            (*path[:at], path[at], *path[at:]),
        ]
    return [one for one in spoilt if one != path]


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (6, 7), (3, 8), (20, 33), (32, 33)])
def test_a_spoilt_inclusion_proof_is_refused(index: int, size: int) -> None:
    proof = inclusion_proof(TREE, index=index, size=size)
    for path in _spoilt(proof.path):
        with pytest.raises(InclusionError):
            verify_inclusion(
                LEAVES[index], InclusionProof(index, path), size=size, root=ROOTS[size]
            )
    for other in {index + 1, index - 1, index ^ 1, -1, size, 2**70} - {index}:
        with pytest.raises(InclusionError):
            verify_inclusion(
                LEAVES[index], InclusionProof(other, proof.path), size=size, root=ROOTS[size]
            )
    for leaf in (leaf_hash(b"another"), LEAVES[index][:-1], b""):
        with pytest.raises(InclusionError):
            verify_inclusion(leaf, proof, size=size, root=ROOTS[size])
    with pytest.raises(InclusionError):
        verify_inclusion(LEAVES[index], proof, size=size, root=ROOTS[size + 1])
    with pytest.raises(InclusionError):
        verify_inclusion(LEAVES[index], proof, size=0, root=EMPTY_ROOT)


@pytest.mark.parametrize(
    ("old", "new"), [(1, 2), (2, 3), (3, 7), (4, 7), (6, 8), (8, 8), (0, 5), (16, 33), (21, 35)]
)
def test_a_spoilt_consistency_proof_is_refused(old: int, new: int) -> None:
    proof = consistency_proof(TREE, old_size=old, new_size=new)
    for path in _spoilt(proof.path):
        with pytest.raises(ConsistencyError):
            verify_consistency(
                ConsistencyProof(path),
                old_size=old,
                old_root=ROOTS[old],
                new_size=new,
                new_root=ROOTS[new],
            )
    with pytest.raises(ConsistencyError):
        verify_consistency(
            proof, old_size=old, old_root=bytes(32), new_size=new, new_root=ROOTS[new]
        )


def test_a_fork_has_no_proof() -> None:
    other = [*LEAVES[:9], leaf_hash(b"rewritten"), *LEAVES[10:]]
    forked = root_of_hashes(other)
    proof = consistency_proof(StoredTree(other), old_size=20, new_size=35)
    with pytest.raises(ConsistencyError):
        verify_consistency(proof, old_size=20, old_root=ROOTS[20], new_size=35, new_root=forked)
    with pytest.raises(ConsistencyError):
        verify_consistency(
            ConsistencyProof(()), old_size=35, old_root=ROOTS[35], new_size=35, new_root=forked
        )


def test_growing_backwards_is_refused() -> None:
    for old, new in ((3, 2), (-1, 2), (0, 2**63)):
        with pytest.raises(ConsistencyError):
            verify_consistency(
                ConsistencyProof(()),
                old_size=old,
                old_root=EMPTY_ROOT,
                new_size=new,
                new_root=EMPTY_ROOT,
            )
        with pytest.raises(TreeError):
            consistency_proof(TREE, old_size=old, new_size=new)


@pytest.mark.parametrize(("index", "size"), [(5, 5), (-1, 5), (0, 0), (0, 2**63)])
def test_no_proof_is_made_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(TreeError):
        inclusion_proof(TREE, index=index, size=size)
