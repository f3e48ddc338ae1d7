"""Peers that could not be followed of late, as each engine keeps them; and the figures of lanes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from foedus.model.identifiers import MemberId
from foedus.node.ports import Database
from foedus.node.ports.links import LinkRow

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XB, XC = MemberId("XB"), MemberId("XC")


def _row(member: MemberId, failures: int, minutes: int) -> LinkRow:
    at = AT + timedelta(minutes=minutes)
    return LinkRow(
        member=member, failures=failures, since=at, again=at + timedelta(seconds=5), reason="gone"
    )


def test_a_failure_keeps_its_first_instant_until_the_peer_answers(database: Database) -> None:
    with database.write() as tx:
        tx.links.failed(_row(XC, 1, 0))
        tx.links.failed(_row(XB, 1, 0))
        tx.links.failed(_row(XB, 2, 7))
    with database.read() as tx:
        first, second = tx.links.all()
    assert (first.member, first.failures, first.since) == (XB, 2, AT)
    assert first.again == AT + timedelta(minutes=7, seconds=5)
    assert second.member == XC
    with database.write() as tx:
        assert tx.links.answered(XB)
        assert not tx.links.answered(XB)
    with database.read() as tx:
        assert [row.member for row in tx.links.all()] == [XC]


def test_a_store_without_lanes_has_no_lengths_and_one_mark(database: Database) -> None:
    with database.read() as tx:
        assert tx.feeds.lengths() == {}
        assert tx.feeds.added_at(XB, "bulk", 1) is None
        assert list(tx.inbox.openings(XB, "bulk", opening="disclosure")) == []
        assert tx.witness.mark() == (0, 0, 0, 0)
