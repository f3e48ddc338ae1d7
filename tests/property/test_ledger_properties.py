"""Properties of trees, proofs and logs of any size and history."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.ledger.audit import audit
from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.commitment import batch_root, commit_item, item_path
from foedus.ledger.consistency import ConsistencyProof, consistency_proof, verify_consistency
from foedus.ledger.errors import ConsistencyError, InclusionError, TileAbsentError
from foedus.ledger.inclusion import InclusionProof, inclusion_proof, verify_inclusion
from foedus.ledger.log import publish
from foedus.ledger.tiles import consistency_from_tiles, inclusion_from_tiles
from foedus.ledger.tree import Frontier, StoredTree, leaf_hash, root_of_hashes
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
ENTRIES = [hashlib.sha256(b"%d" % number).digest() for number in range(1500)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
SMALL = 70
TREE = StoredTree(LEAVES[:SMALL])
ROOTS = [root_of_hashes(LEAVES[:size]) for size in range(SMALL + 1)]
HASHES = st.sampled_from([*LEAVES[:6], bytes(32)])


class Node:
    """Entries, tiles and guard in memory."""

    def __init__(self) -> None:
        self.size = 0
        self.files: dict[str, bytes] = {}
        self.head: Checkpoint | None = None

    def count(self) -> int:
        return self.size

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return ENTRIES[start:end]

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise TileAbsentError(path)
        return self.files[path]

    def write(self, path: str, data: bytes) -> None:
        assert self.files.setdefault(path, data) == data or path == "checkpoint"
        self.files[path] = data

    def flush(self) -> None:
        """Memory needs none."""

    def load(self) -> Checkpoint | None:
        return self.head

    def advance(self, old: Checkpoint | None, new: Checkpoint) -> None:
        assert self.head == old
        self.head = new


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=4).map(sorted), st.data())
def test_any_history_of_publishing_gives_one_provable_log(
    sizes: list[int], data: st.DataObject
) -> None:
    node, earlier = Node(), None
    for size in sizes:
        node.size = size
        head = publish(node, node, node, node, LOG)
        assert head.root == root_of_hashes(LEAVES[:size])
        audit(node, LOG.verifier, since=earlier)
        if size:
            index = data.draw(st.integers(0, size - 1))
            proof = inclusion_from_tiles(node, index, size)
            verify_inclusion(LEAVES[index], proof, size=size, root=head.root)
        if earlier is not None:
            verify_consistency(
                consistency_from_tiles(node, earlier.size, size),
                old_size=earlier.size,
                old_root=earlier.root,
                new_size=size,
                new_root=head.root,
            )
        earlier = head


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 600), st.integers(0, 600))
def test_a_frontier_may_be_interrupted_anywhere(first: int, second: int) -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:first])
    frontier = Frontier(size=frontier.size, nodes=frontier.nodes)
    frontier.extend(LEAVES[first : first + second])
    assert frontier.root == root_of_hashes(LEAVES[: first + second])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_leaf_is_proved_where_it_is_not(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, SMALL))
    true_index = data.draw(st.integers(0, size - 1))
    path = list(inclusion_proof(TREE, index=true_index, size=size).path)
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(path)))
        path[at : at + data.draw(st.integers(0, 1))] = data.draw(st.lists(HASHES, max_size=1))
    index = data.draw(st.integers(-1, SMALL))
    leaf = data.draw(st.sampled_from(LEAVES[:SMALL]))
    try:
        verify_inclusion(leaf, InclusionProof(index, tuple(path)), size=size, root=ROOTS[size])
    except InclusionError:
        return
    assert LEAVES[index] == leaf
    assert 0 <= index < size


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_growth_is_proved_that_did_not_happen(data: st.DataObject) -> None:
    new = data.draw(st.integers(0, SMALL))
    true_old = data.draw(st.integers(0, new))
    path = list(consistency_proof(TREE, old_size=true_old, new_size=new).path)
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(path)))
        path[at : at + data.draw(st.integers(0, 1))] = data.draw(st.lists(HASHES, max_size=1))
    old = data.draw(st.integers(0, SMALL))
    old_root = data.draw(st.sampled_from(ROOTS))
    try:
        verify_consistency(
            ConsistencyProof(tuple(path)),
            old_size=old,
            old_root=old_root,
            new_size=new,
            new_root=ROOTS[new],
        )
    except ConsistencyError:
        return
    assert old <= new
    assert old_root == ROOTS[old]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=40), st.data())
def test_any_item_of_any_batch_is_shown_alone(records: list[bytes], data: st.DataObject) -> None:
    salt = data.draw(st.binary(min_size=32, max_size=32))
    commitments = [commit_item(salt, record) for record in records]
    index = data.draw(st.integers(0, len(records) - 1))
    verify_inclusion(
        leaf_hash(commitments[index]),
        InclusionProof(index, item_path(commitments, index)),
        size=len(records),
        root=batch_root(commitments),
    )
