"""Commitments of wire version 1, spelled out."""

from __future__ import annotations

import hashlib

import pytest

from foedus.ledger.commitment import (
    EMPTY_LANE,
    batch_root,
    commit_item,
    commit_record,
    item_path,
    lane_digest,
)
from foedus.ledger.errors import TreeError
from foedus.ledger.inclusion import InclusionProof, verify_inclusion
from foedus.ledger.tree import EMPTY_ROOT, leaf_hash

SALT = bytes(range(32))
RECORD = b'{"v":1}'


def test_each_use_has_a_domain_of_its_own() -> None:
    entry = hashlib.sha256(b"foedus/v1/entry\n" + SALT + RECORD).digest()
    item = hashlib.sha256(b"foedus/v1/item\n" + SALT + RECORD).digest()
    lane = hashlib.sha256(b"foedus/v1/lane\n" + bytes(32) + entry).digest()
    assert commit_record(SALT, RECORD) == entry
    assert commit_item(SALT, RECORD) == item
    assert lane_digest(EMPTY_LANE, entry) == lane
    assert len({entry, item, lane}) == 3


@pytest.mark.parametrize("salt", [b"", SALT[:-1], SALT + b"\0"])
def test_a_salt_of_another_length_is_refused(salt: bytes) -> None:
    with pytest.raises(TreeError):
        commit_record(salt, RECORD)
    with pytest.raises(TreeError):
        commit_item(salt, RECORD)


def test_a_lane_folds_hashes_only() -> None:
    for previous, commitment in ((b"", SALT), (SALT, b""), (SALT + b"\0", SALT[:-1])):
        with pytest.raises(TreeError):
            lane_digest(previous, commitment)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 1000])
def test_each_item_of_a_batch_can_be_shown_alone(count: int) -> None:
    commitments = [commit_item(SALT, b"%d" % number) for number in range(count)]
    root = batch_root(commitments)
    for index in {0, count // 2, count - 1}:
        proof = InclusionProof(index, item_path(commitments, index))
        verify_inclusion(leaf_hash(commitments[index]), proof, size=count, root=root)


def test_an_empty_batch_has_the_empty_root_and_no_item() -> None:
    assert batch_root([]) == EMPTY_ROOT
    with pytest.raises(TreeError):
        item_path([], 0)
