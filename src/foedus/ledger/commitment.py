"""What the log holds instead of content: salted hashes. Wire version 1.

An entry commits to one record: SHA-256 over a domain line, a fresh 32-byte salt and the record.
Nobody can guess the record from the entry while the salt is secret, and once salt and record are
erased nobody can show what it was, while every other entry still verifies. A salt is drawn for one
record and one recipient and is never derived from anything.

A batch of items is one entry: its record holds the root over the items' own commitments, each with
a salt of its own, so one item can be shown or erased alone. A lane, the row of everything one
member gave another, is folded into one running digest that both can compare.

All values are fixed by wire version 1; the domain lines keep the three uses apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from foedus.ledger.errors import TreeError
from foedus.ledger.inclusion import inclusion_proof
from foedus.ledger.tree import HASH_BYTES, StoredTree, leaf_hash, root_of

__all__ = [
    "EMPTY_LANE",
    "SALT_BYTES",
    "batch_root",
    "commit_item",
    "commit_record",
    "item_path",
    "lane_digest",
    "lane_digest_over",
]

SALT_BYTES: Final = 32
"""Length of a salt: as long as the hash, so that guessing is no easier than inverting."""

EMPTY_LANE: Final = bytes(HASH_BYTES)
"""Digest of a lane in which nothing was given yet."""

_ENTRY: Final = b"foedus/v1/entry\n"
_ITEM: Final = b"foedus/v1/item\n"
_LANE: Final = b"foedus/v1/lane\n"
_sha256 = hashlib.sha256
# A copy of a hash begun with its domain line is made a third faster than a new hash is begun.
_begin_item = hashlib.sha256(_ITEM).copy
_begin_lane = hashlib.sha256(_LANE).copy


def commit_record(salt: bytes, record: bytes) -> bytes:
    """Return the log entry for a record, 32 bytes.

    Args:
        salt: 32 fresh random bytes, for this record and recipient only.
        record: Canonical bytes of the record.

    Raises:
        TreeError: The salt has another length, which would let salt and record run together.
    """
    _check_salt(salt)
    return _sha256(_ENTRY + salt + record).digest()


def commit_item(salt: bytes, record: bytes) -> bytes:
    """Return the commitment to one item of a batch, 32 bytes.

    Args:
        salt: 32 fresh random bytes, for this item and recipient only.
        record: Canonical bytes of the item record.

    Raises:
        TreeError: The salt has another length.
    """
    _check_salt(salt)
    one = _begin_item()
    one.update(salt + record)
    return one.digest()


def batch_root(commitments: Sequence[bytes]) -> bytes:
    """Return the root over the items of a batch, 32 bytes.

    Args:
        commitments: What ``commit_item`` returned, in the order of the batch; each is leaf data.

    Spec: RFC 9162 §2.1.1.
    """
    return root_of(commitments)


def item_path(commitments: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the path that proves one item to be in a batch.

    Args:
        commitments: All commitments of the batch, in order.
        index: Which item; zero-based.

    Returns:
        The ``path`` of an ``InclusionProof`` for ``leaf_hash(commitments[index])`` in a tree of
        ``len(commitments)``.

    Raises:
        TreeError: There is no such item.

    Spec: RFC 9162 §2.1.3.1.
    """
    tree = StoredTree([leaf_hash(one) for one in commitments])
    return inclusion_proof(tree, index=index, size=len(commitments)).path


def lane_digest(previous: bytes, commitment: bytes) -> bytes:
    """Return the digest of a lane after one more row.

    Args:
        previous: The digest before it, 32 bytes; ``EMPTY_LANE`` for the first row.
        commitment: The row's entry or item commitment, 32 bytes.

    Raises:
        TreeError: One of them has another length.
    """
    if len(previous) != HASH_BYTES or len(commitment) != HASH_BYTES:
        raise TreeError(f"a lane folds hashes of {HASH_BYTES} bytes")
    return _sha256(_LANE + previous + commitment).digest()


def lane_digest_over(previous: bytes, commitments: Iterable[bytes]) -> bytes:
    """Return the digest of a lane after more rows, one after the other as :func:`lane_digest`.

    Args:
        previous: The digest before them, 32 bytes.
        commitments: The rows' commitments, 32 bytes each, in order.

    Raises:
        TreeError: One of them has another length.
    """
    rows = list(commitments)
    if len(previous) != HASH_BYTES or any(len(row) != HASH_BYTES for row in rows):
        raise TreeError(f"a lane folds hashes of {HASH_BYTES} bytes")
    digest = previous
    for row in rows:
        one = _begin_lane()
        one.update(digest + row)
        digest = one.digest()
    return digest


def _check_salt(salt: bytes) -> None:
    if len(salt) != SALT_BYTES:
        raise TreeError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
