"""Merkle tree hashes: how leaves become one root.

A leaf and a node are hashed with different first bytes, so that neither can pass for the other. The
tree over ``n`` leaves splits at the largest power of two below ``n``; pairing neighbours level by
level and carrying an odd last one up gives the same tree, which is how it is computed here.

Trees are also read through a :class:`NodeReader`, which returns the hash of any complete subtree.
Proofs are cut from it, whether the hashes lie in memory or in tiles.

Spec: RFC 9162 §2.1.1 (the same tree as RFC 6962 §2.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from foedus.ledger.errors import TreeError

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "MAX_SIZE",
    "Frontier",
    "NodeReader",
    "StoredTree",
    "leaf_hash",
    "leaf_hashes",
    "node_hash",
    "range_root",
    "root_of",
    "root_of_hashes",
]

HASH_BYTES: Final = 32
"""Length of a SHA-256 hash."""

MAX_SIZE: Final = 2**63 - 1
"""Most leaves a tree may have; sizes travel as signed 64-bit integers."""

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""

_sha256 = hashlib.sha256
# A copy of a hash begun with the first byte is made a third faster than a new hash is begun.
_begin_leaf = hashlib.sha256(b"\x00").copy
_begin_node = hashlib.sha256(b"\x01").copy


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte hash of a leaf with this data.

    Spec: RFC 9162 §2.1.1.
    """
    return _sha256(b"\x00" + data).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """Return the 32-byte hash of each leaf with this data, in order.

    Spec: RFC 9162 §2.1.1.
    """
    hashes: list[bytes] = []
    keep, begin = hashes.append, _begin_leaf
    for data in leaves:
        one = begin()
        one.update(data)
        keep(one.digest())
    return hashes


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of a node over two 32-byte hashes.

    Spec: RFC 9162 §2.1.1.
    """
    return _sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf data, in order.

    Args:
        leaves: The data of each leaf, not its hash.

    Returns:
        32 bytes; ``EMPTY_ROOT`` when there is no leaf.
    """
    return root_of_hashes(leaf_hashes(leaves))


def root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    """Return the root over neighbouring hashes of one level, in order.

    Args:
        hashes: Leaf hashes, or hashes of complete subtrees of equal height of which only the last
            may be smaller; 32 bytes each.

    Returns:
        32 bytes; ``EMPTY_ROOT`` when there is none.
    """
    if not hashes:
        return EMPTY_ROOT
    level = hashes
    while len(level) > 1:
        level = _parents(level)
    return level[0]


class Frontier:
    """The right edge of a growing tree: enough to append leaves and to know the root.

    Holds one hash for each complete subtree, so at most 63 whatever the size.
    """

    __slots__ = ("_nodes", "_size")

    def __init__(self, *, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Start an empty tree, or continue one.

        Args:
            size: Number of leaves so far.
            nodes: Hashes of the complete subtrees ``size`` is made of, the largest first, as
                ``nodes`` returned them.

        Raises:
            TreeError: The number of hashes does not fit the size, or one is not 32 bytes.
        """
        self._size = size
        self._nodes = list(nodes)
        if not 0 <= size <= MAX_SIZE or len(self._nodes) != size.bit_count():
            raise TreeError(f"{len(self._nodes)} subtrees do not make {size} leaves")
        if any(len(node) != HASH_BYTES for node in self._nodes):
            raise TreeError(f"a subtree hash has {HASH_BYTES} bytes")

    @property
    def size(self) -> int:
        """Number of leaves appended so far."""
        return self._size

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """Hashes of the complete subtrees, the largest first."""
        return tuple(self._nodes)

    @property
    def root(self) -> bytes:
        """Root over all leaves so far, 32 bytes."""
        return _fold(self._nodes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf.

        Args:
            leaf: Its leaf hash, 32 bytes.
        """
        node, size = leaf, self._size
        while size & 1:
            node = _sha256(b"\x01" + self._nodes.pop() + node).digest()
            size >>= 1
        self._nodes.append(node)
        self._size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves in order, given by their 32-byte leaf hashes."""
        for leaf in leaves:
            self.append(leaf)


class NodeReader(Protocol):
    """Returns hashes of complete subtrees of one tree."""

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of the ``index``-th complete subtree of ``2 ** height`` leaves.

        Raises:
            LedgerError: The tree has no such subtree, or it could not be read.
        """
        ...


class StoredTree:
    """A tree held in memory level by level, for cutting proofs out of a batch or a tile.

    A level is hashed when it is first asked for.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """Hold the tree over leaf hashes of 32 bytes each, in order."""
        self._levels = [list(leaves)]

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree.

        Raises:
            TreeError: The tree has no such subtree.
        """
        levels = self._levels
        if not (height >= 0 and 0 <= index < len(levels[0]) >> height):
            raise TreeError(f"no complete subtree {index} of height {height}")
        while len(levels) <= height:
            below = levels[-1]
            levels.append(_parents(below[: len(below) & ~1]))
        return levels[height][index]


def range_root(reader: NodeReader, start: int, end: int) -> bytes:
    """Return the root over the leaves from ``start`` up to, not including, ``end``.

    Args:
        reader: A tree of at least ``end`` leaves.
        start: Where a subtree of the RFC's recursion may start: a multiple of the smallest power of
            two not below ``end - start``.
        end: At least ``start``.

    Raises:
        TreeError: The range is no such subtree.
        LedgerError: What the reader raises.

    Spec: RFC 9162 §2.1.1.
    """
    count = end - start
    if not 0 <= start <= end <= MAX_SIZE or (count and start % (1 << (count - 1).bit_length())):
        raise TreeError(f"leaves {start} to {end} are no subtree")
    return _fold([reader.node(height, index) for height, index in _subtrees(start, end)])


def _subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the complete subtrees of an aligned range, the largest first."""
    position, count = start, end - start
    while count:
        height = count.bit_length() - 1
        yield height, position >> height
        position += 1 << height
        count -= 1 << height


def _fold(nodes: Sequence[bytes]) -> bytes:
    if not nodes:
        return EMPTY_ROOT
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = _sha256(b"\x01" + node + root).digest()
    return root


def _parents(level: Sequence[bytes]) -> list[bytes]:
    neighbours = iter(level)
    parents: list[bytes] = []
    keep, begin = parents.append, _begin_node
    for left, right in zip(neighbours, neighbours, strict=False):
        one = begin()
        one.update(left + right)
        keep(one.digest())
    if len(level) & 1:
        parents.append(level[-1])
    return parents
