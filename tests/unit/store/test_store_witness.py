"""Heads, cosignatures and proofs of forks, as stored."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from foedus.model.identifiers import MemberId
from foedus.node.ports import CosignedLog, Database, ForkRow, HeardHead
from foedus.store.errors import StoreError

XB, XC, XD = MemberId("XB"), MemberId("XC"), MemberId("XD")
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def cosigned(size: int, origin: str = "xb.example/log") -> CosignedLog:
    return CosignedLog(origin=origin, size=size, note=b"head of %d" % size, at=AT)


def heard(size: int, origin: str = "xb.example/log") -> HeardHead:
    return HeardHead(
        origin=origin,
        member=XB,
        size=size,
        root=bytes([size]) * 32,
        note=b"head of %d" % size,
        shown_by=XC,
        at=AT,
    )


def fork(origin: str, member: MemberId) -> ForkRow:
    return ForkRow(
        origin=origin, member=member, smaller=3, larger=5, proof=b"proof", shown_by=XC, at=AT
    )


def test_what_was_cosigned_last_is_found_by_origin_and_by_its_hash(database: Database) -> None:
    with database.write() as tx:
        tx.witness.keep_cosigned(cosigned(3))
        tx.witness.keep_cosigned(cosigned(5))
        tx.witness.keep_cosigned(cosigned(5))
        tx.witness.keep_cosigned(cosigned(0, "xc.example/log"))
    with database.read() as tx:
        assert tx.witness.cosigned("xb.example/log") == cosigned(5)
        name = hashlib.sha256(b"xb.example/log").hexdigest()
        assert tx.witness.cosigned_named(name) == cosigned(5)
        assert tx.witness.cosigned("xd.example/log") is None
        assert tx.witness.cosigned_named(name.upper()) is None
        assert [each.size for each in tx.witness.cosigned_all()] == [5, 0]


def test_the_store_itself_refuses_a_witness_that_would_go_back(database: Database) -> None:
    with database.write() as tx:
        tx.witness.keep_cosigned(cosigned(5))
    with pytest.raises(StoreError), database.write() as tx:
        tx.witness.keep_cosigned(cosigned(4))
    with database.read() as tx:
        assert tx.witness.cosigned("xb.example/log") == cosigned(5)


def test_a_head_gathers_the_lines_of_its_witnesses(database: Database) -> None:
    with database.write() as tx:
        keep = tx.witness.keep_cosignature
        keep(XC, b"seven\n", size=7, lines=b"of XC\n", at=AT)
        keep(XB, b"seven\n", size=7, lines=b"of XB\n", at=AT)
        head = keep(XC, b"seven\n", size=7, lines=b"again\n", at=AT + timedelta(hours=1))
        assert head.note == b"seven\nof XB\nof XC\n"
        keep(XB, b"nine\n", size=9, lines=b"of XB\n", at=AT)
    with database.read() as tx:
        assert [each.size for each in tx.witness.own_heads(limit=5)] == [9, 7]
        assert [tx.witness.cosigned_size(each) for each in (XB, XC, XD)] == [9, 7, 0]
        assert tx.witness.witnesses()[XC].at == AT + timedelta(hours=1)


@pytest.mark.parametrize(
    ("entry", "members", "needed", "size"),
    [
        (0, [XB, XC], 1, 4),
        (0, [XB, XC], 2, 7),
        (3, [XB], 1, 4),
        (4, [XB], 1, 7),
        (6, [XB, XC], 2, 7),
        (7, [XB, XC], 2, None),
        (7, [XB], 1, 9),
        (9, [XB], 1, None),
        (0, [XD], 1, None),
        (0, [], 0, 4),
    ],
)
def test_the_smallest_head_that_covers_an_entry_and_enough_members_cosigned(
    database: Database, entry: int, members: list[MemberId], needed: int, size: int | None
) -> None:
    with database.write() as tx:
        for at, member in ((4, XB), (7, XB), (7, XC), (9, XB)):
            tx.witness.keep_cosignature(member, b"%d" % at, size=at, lines=b"", at=AT)
    with database.read() as tx:
        found = tx.witness.best_note(entry, members, needed)
    assert found == (None if size is None else b"%d" % size)


def test_old_heads_go_and_what_members_cosigned_at_most_stays(database: Database) -> None:
    with database.write() as tx:
        tx.witness.keep_cosignature(XC, b"1", size=1, lines=b"", at=AT)
        for size in range(2, 8):
            tx.witness.keep_cosignature(XB, b"%d" % size, size=size, lines=b"", at=AT)
        assert tx.witness.drop_own_heads(keep=3) == 4
        assert tx.witness.drop_own_heads(keep=3) == 0
        assert [each.size for each in tx.witness.own_heads(limit=9)] == [7, 6, 5]
        assert tx.witness.cosigned_size(XC) == 1
        assert tx.witness.best_note(0, [XB], 1) == b"5"


def test_only_a_larger_head_replaces_the_one_heard(database: Database) -> None:
    with database.write() as tx:
        assert tx.witness.hear(heard(5))
        assert not tx.witness.hear(heard(5))
        assert not tx.witness.hear(heard(4))
        assert tx.witness.hear(heard(6))
        assert tx.witness.hear(heard(1, "a.example/log"))
    with database.read() as tx:
        assert tx.witness.heard("xb.example/log") == heard(6)
        assert [each.size for each in tx.witness.all_heard()] == [1, 6]
        assert tx.witness.heard("nowhere") is None


def test_one_proof_of_a_fork_is_kept_for_each_log(database: Database) -> None:
    with database.write() as tx:
        assert tx.witness.add_fork(fork("xb.example/log", XB))
        assert not tx.witness.add_fork(fork("xb.example/log", XB))
        assert tx.witness.add_fork(fork("xb.example/second", XB))
    with database.read() as tx:
        assert tx.witness.fork_of(XB) == fork("xb.example/log", XB)
        assert tx.witness.fork_of(XC) is None
        assert len(tx.witness.forks()) == 2
