"""Reading subtrees out of tiles: each tile once, a bounded number kept."""

from __future__ import annotations

import hashlib

import pytest

from foedus.ledger.edge import RightEdge
from foedus.ledger.errors import TreeError
from foedus.ledger.inclusion import inclusion_proof, verify_inclusion
from foedus.ledger.tiles import TILE_WIDTH, TileTree, tile_path
from foedus.ledger.tree import leaf_hashes, root_of_hashes

SIZE = 20 * TILE_WIDTH + 77


class Counted:
    """Tiles in memory, and how often each was read."""

    def __init__(self) -> None:
        self.tiles: dict[str, bytes] = {}
        self.reads: list[str] = []

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        return self.tiles[path]


@pytest.fixture(scope="module")
def leaves() -> list[bytes]:
    return leaf_hashes(hashlib.sha256(b"%d" % each).digest() for each in range(SIZE))


@pytest.fixture
def source(leaves: list[bytes]) -> Counted:
    edge, made = RightEdge(), Counted()
    tiles = []
    while edge.size < SIZE:
        tiles += edge.add(leaves[edge.size : edge.size + edge.room()])
    for tile in (*tiles, *edge.partials()):
        made.tiles[tile_path(tile.level, tile.index, tile.width)] = b"".join(tile.hashes)
    return made


def test_many_proofs_of_one_tree_read_what_they_share_once(
    source: Counted, leaves: list[bytes]
) -> None:
    tree, root = TileTree(source, SIZE), root_of_hashes(leaves)
    for place in (0, 1, 255, 256, 3000, SIZE - 1, 5, 4321):
        proof = inclusion_proof(tree, index=place, size=SIZE)
        verify_inclusion(leaves[place], proof, size=SIZE, root=root)
    assert len(source.reads) == len(set(source.reads))
    assert sum(path.startswith("tile/1/") for path in source.reads) == 1


def test_of_the_tiles_at_the_leaves_only_a_few_are_kept(
    source: Counted, leaves: list[bytes]
) -> None:
    tree = TileTree(source, SIZE)
    for _ in range(2):
        for tile in range(20):
            assert tree.node(0, tile * TILE_WIDTH) == leaves[tile * TILE_WIDTH]
    assert len(source.reads) == 40, "twenty are more than are kept"
    assert tree.node(1, 19 * TILE_WIDTH // 2) == root_of_hashes(
        leaves[19 * TILE_WIDTH : 19 * TILE_WIDTH + 2]
    )
    assert len(source.reads) == 40, "the last one is"


@pytest.mark.parametrize(
    ("height", "index"), [(0, SIZE), (0, -1), (-1, 0), (8, 20), (12, 1), (13, 0)]
)
def test_a_subtree_that_is_not_there_is_refused(source: Counted, height: int, index: int) -> None:
    with pytest.raises(TreeError):
        TileTree(source, SIZE).node(height, index)
