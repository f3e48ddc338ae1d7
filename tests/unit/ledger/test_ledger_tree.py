"""Tree hashes against published roots and against the recursive definition."""

from __future__ import annotations

import hashlib

import pytest

from foedus.ledger.errors import TreeError
from foedus.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    StoredTree,
    leaf_hash,
    node_hash,
    range_root,
    root_of,
    root_of_hashes,
)

# Leaves and roots that implementations of RFC 6962 commonly check themselves against.
KNOWN_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
KNOWN_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def _definition(leaves: list[bytes]) -> bytes:
    """The root as RFC 9162 §2.1.1 writes it down."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = _definition(leaves[:split]), _definition(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize(("size", "root"), KNOWN_ROOTS.items())
def test_known_roots(size: int, root: str) -> None:
    assert root_of(KNOWN_LEAVES[:size]).hex() == root


@pytest.mark.parametrize("size", [*range(18), 31, 32, 33, 255, 256, 257])
def test_every_way_to_a_root_agrees_with_the_definition(size: int) -> None:
    leaves = [b"leaf %d" % number for number in range(size)]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    frontier = Frontier()
    frontier.extend(hashes)
    root = _definition(leaves)
    assert root_of(leaves) == root
    assert root_of_hashes(hashes) == root
    assert (frontier.size, frontier.root) == (size, root)
    assert range_root(StoredTree(hashes), 0, size) == root


def test_leaf_and_node_are_hashed_apart() -> None:
    left, right = leaf_hash(b"l"), leaf_hash(b"r")
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"") != EMPTY_ROOT


def test_a_frontier_continues_where_it_was_left() -> None:
    hashes = [leaf_hash(b"%d" % number) for number in range(300)]
    first = Frontier()
    first.extend(hashes[:171])
    second = Frontier(size=first.size, nodes=first.nodes)
    second.extend(hashes[171:])
    assert second.root == root_of_hashes(hashes)


@pytest.mark.parametrize(
    ("size", "nodes"),
    [(-1, []), (1, []), (0, [bytes(32)]), (3, [bytes(32)]), (1, [bytes(31)]), (2**63, [bytes(32)])],
)
def test_a_frontier_that_does_not_fit_is_refused(size: int, nodes: list[bytes]) -> None:
    with pytest.raises(TreeError):
        Frontier(size=size, nodes=nodes)


@pytest.mark.parametrize(("start", "end"), [(1, 3), (2, 5), (3, 2), (-1, 1), (0, 2**63)])
def test_a_range_that_is_no_subtree_is_refused(start: int, end: int) -> None:
    with pytest.raises(TreeError):
        range_root(StoredTree([leaf_hash(b"x")] * 8), start, end)


@pytest.mark.parametrize(("height", "index"), [(-1, 0), (0, 5), (0, -1), (2, 1), (3, 0)])
def test_a_subtree_that_is_not_there_is_refused(height: int, index: int) -> None:
    with pytest.raises(TreeError):
        StoredTree([leaf_hash(b"x")] * 5).node(height, index)
