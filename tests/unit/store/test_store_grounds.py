"""Approvals, consents and duties in the store, and an older database brought to this shape."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from foedus.model.identifiers import ArticleId, ItemKey, MemberId, ObjectId, TreatyId
from foedus.model.objects import parse_object
from foedus.node.ports import (
    Database,
    DutyKind,
    DutySide,
    ItemState,
    NewApproval,
    NewConsent,
    NewDuty,
    NewItem,
    Transaction,
    UserRow,
)
from foedus.store import SQLiteDatabase
from foedus.store.errors import StoreError, StoreMissingError
from foedus.store.sqlite.migrate import migrate, migrations

T = TypeVar("T")
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
TREATY = TreatyId("a" * 64)
OBJECT = b"""{"type": "indicator", "spec_version": "2.1",
"id": "indicator--00000000-0000-4000-8000-000000000001", "created": "2026-11-20T00:00:00.000Z",
"modified": "2026-11-20T00:00:00.000Z", "name": "A sign", "pattern": "[domain-name:value = 'a.b']",
"pattern_type": "stix", "valid_from": "2026-11-20T00:00:00Z"}"""
CONSENT = NewConsent(
    digest="1" * 64,
    given=False,
    item=ItemKey(originator=XC, object_id=ObjectId("indicator--x"), version="1"),
    content_hash="2" * 64,
    recipient=XB,
    treaty=TREATY,
    purpose="prevention",
    user="olga",
    at=AT,
    until=AT + 10 * HOUR,
    envelope=b"{consent}",
    entry_index=0,
)
DUTY = NewDuty(
    kind=DutyKind.ACKNOWLEDGE,
    side=DutySide.SENT,
    member=XB,
    treaty=TREATY,
    article="6",
    lane="bulk",
    lane_count=5,
    entry_index=3,
    items=4,
    at=AT,
    due=AT + HOUR,
)


def approval(item: int, **changes: object) -> NewApproval:
    plain = NewApproval(
        subject="3" * 64,
        item=item,
        recipient=XB,
        treaty=TREATY,
        article=ArticleId("2"),
        purpose="prevention",
        threat_to_life=True,
        user="ada",
        at=AT,
        envelope=b"{approval}",
        entry_index=0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # one field at a time


def prepared(tx: Transaction) -> int:
    """Store a log entry and an item; return the item's handle."""
    tx.ledger.append(bytes(32), salt=bytes(32), record=b"", at=AT)
    new = NewItem(obj=parse_object(OBJECT), originator=XA, state=ItemState.HELD)
    return tx.items.add([new], at=AT)[0].handle


def read(database: Database, ask: Callable[[Transaction], T]) -> T:
    with database.read() as tx:
        return ask(tx)


def test_an_approval_reads_as_it_was_stored(database: Database) -> None:
    with database.write() as tx:
        item = prepared(tx)
        number = tx.grounds.add_approval(approval(item))
    row = read(database, lambda tx: tx.grounds.approval(number))
    assert row is not None
    assert (row.approval, row.withdrawn, row.withdrawn_by) == (approval(item), None, "")
    assert read(database, lambda tx: tx.grounds.approvals(after=0, limit=9)) == [row]
    assert read(database, lambda tx: tx.grounds.approvals(after=number, limit=9)) == []
    assert read(database, lambda tx: tx.grounds.approval(99)) is None


def test_standing_approvals_are_found_by_member_and_item(database: Database) -> None:
    with database.write() as tx:
        item = prepared(tx)
        tx.grounds.add_approval(approval(item))
        tx.grounds.add_approval(approval(item, user="ben"))
        tx.grounds.add_approval(approval(item, recipient=XC, subject="4" * 64))
        tx.grounds.withdraw_approval(2, by="ben", at=AT)
        assert tx.grounds.approvals_of(XB, [item, 99]) == [(item, "3" * 64, "ada", b"{approval}")]
        assert tx.grounds.approvals_of(XB, []) == []
        assert tx.grounds.any_approval(XB)
        assert not tx.grounds.any_approval(XA)
        tx.grounds.withdraw_approval(1, by="ada", at=AT)
        assert not tx.grounds.any_approval(XB)


def test_one_person_has_one_standing_word_on_one_subject(database: Database) -> None:
    with database.write() as tx:
        item = prepared(tx)
        tx.grounds.add_approval(approval(item))
    with pytest.raises(StoreError), database.write() as tx:
        tx.grounds.add_approval(approval(item))
    with database.write() as tx:
        tx.grounds.withdraw_approval(1, by="ada", at=AT)
        assert tx.grounds.add_approval(approval(item)) == 2


def test_an_approval_of_nothing_stored_is_refused(database: Database) -> None:
    with pytest.raises(StoreMissingError), database.write() as tx:
        tx.grounds.add_approval(approval(7))


def test_a_consent_reads_as_it_was_stored(database: Database) -> None:
    with database.write() as tx:
        prepared(tx)
        number = tx.grounds.add_consent(CONSENT)
    row = read(database, lambda tx: tx.grounds.consent(number))
    assert row is not None
    assert (row.consent, row.withdrawn) == (CONSENT, None)
    assert read(database, lambda tx: tx.grounds.consent_by_digest("1" * 64)) == row
    assert read(database, lambda tx: tx.grounds.consent_by_digest("0" * 64)) is None
    assert read(database, lambda tx: tx.grounds.consents(after=0, limit=9)) == [row]
    with pytest.raises(StoreError), database.write() as tx:
        tx.grounds.add_consent(CONSENT)


ASKED = [
    ("before it was given", XB, TREATY, "prevention", AT - HOUR, 0),
    ("as it is given", XB, TREATY, "prevention", AT, 1),
    ("just before it runs out", XB, TREATY, "prevention", AT + 10 * HOUR - timedelta(0, 0, 1), 1),
    ("as it runs out", XB, TREATY, "prevention", AT + 10 * HOUR, 0),
    ("for another member", XC, TREATY, "prevention", AT, 0),
    ("under another treaty", XB, TreatyId("b" * 64), "prevention", AT, 0),
    ("for another purpose", XB, TREATY, "investigation", AT, 0),
]


@pytest.mark.parametrize(
    ("what", "recipient", "treaty", "purpose", "at", "found"),
    ASKED,
    ids=[row[0] for row in ASKED],
)
def test_a_consent_is_found(
    database: Database,
    what: str,
    recipient: MemberId,
    treaty: TreatyId,
    purpose: str,
    at: datetime,
    found: int,
) -> None:
    assert what
    with database.write() as tx:
        prepared(tx)
        tx.grounds.add_consent(CONSENT)
        assert len(tx.grounds.consents_for(recipient, treaty, purpose, at=at)) == found


def test_the_consent_that_lasts_longest_comes_first(database: Database) -> None:
    with database.write() as tx:
        prepared(tx)
        for place, hours in enumerate((2, 9, 4)):
            tx.grounds.add_consent(replace(CONSENT, digest=f"{place:064}", until=AT + hours * HOUR))
        found = tx.grounds.consents_for(XB, TREATY, "prevention", at=AT)
        assert [each.until - AT for each in found] == [9 * HOUR, 4 * HOUR, 2 * HOUR]
        tx.grounds.withdraw_consent(2, by="olga", at=AT)
        assert len(tx.grounds.consents_for(XB, TREATY, "prevention", at=AT)) == 2


def test_the_revision_tells_when_a_ground_may_have_fallen_away(database: Database) -> None:
    with database.write() as tx:
        item = prepared(tx)
        before = tx.grounds.revision()
        tx.grounds.add_approval(approval(item))
        tx.grounds.add_consent(CONSENT)
        assert tx.grounds.revision() == before, "what is added takes nothing away"
        tx.grounds.withdraw_approval(1, by="ada", at=AT)
        tx.grounds.withdraw_consent(1, by="olga", at=AT)
        tx.people.put_user(UserRow(name="ada", roles=frozenset({"analyst"}), created=AT))
        assert tx.grounds.revision() == before + 3


@pytest.mark.parametrize("what", ["withdraw_approval", "withdraw_consent"])
def test_what_does_not_stand_cannot_be_withdrawn(database: Database, what: str) -> None:
    with pytest.raises(StoreMissingError), database.write() as tx:
        getattr(tx.grounds, what)(1, by="ada", at=AT)


def test_a_duty_reads_as_it_was_stored_and_is_kept_once(database: Database) -> None:
    with database.write() as tx:
        tx.duties.add([DUTY, replace(DUTY, kind=DutyKind.REVIEW), DUTY])
        tx.duties.add([DUTY])
    rows = read(database, lambda tx: tx.duties.open(due_by=None, limit=9))
    assert [row.duty for row in rows] == [DUTY, replace(DUTY, kind=DutyKind.REVIEW)]
    assert (rows[0].done, rows[0].done_by, rows[0].reason) == (None, "", "")
    assert read(database, lambda tx: tx.duties.get(99)) is None


def test_duties_come_by_deadline_and_only_overdue_ones_if_asked(database: Database) -> None:
    with database.write() as tx:
        tx.duties.add(
            [
                replace(DUTY, entry_index=place, due=AT + hours * HOUR)
                for place, hours in enumerate((5, 1, 3))
            ]
        )
        dues = [row.duty.due - AT for row in tx.duties.open(due_by=None, limit=9)]
        assert dues == [HOUR, 3 * HOUR, 5 * HOUR]
        assert len(tx.duties.open(due_by=AT + HOUR, limit=9)) == 1
        assert len(tx.duties.open(due_by=None, limit=2)) == 2
        assert tx.duties.overdue(AT) == []
        assert tx.duties.overdue(AT + 4 * HOUR) == [
            (DutyKind.ACKNOWLEDGE, DutySide.SENT, XB, 2, AT + HOUR)
        ]


def test_a_head_ends_the_acknowledgements_it_covers_and_no_other_duty(database: Database) -> None:
    with database.write() as tx:
        tx.duties.add(
            [
                DUTY,
                replace(DUTY, entry_index=4, lane_count=9),
                replace(DUTY, kind=DutyKind.REVIEW),
                replace(DUTY, side=DutySide.RECEIVED),
                replace(DUTY, member=XC),
                replace(DUTY, entry_index=5, lane="orders"),
            ]
        )
        assert tx.duties.awaiting(DutySide.SENT, XB, "bulk", count=8) == 1
        assert tx.duties.acknowledged(DutySide.SENT, XB, "bulk", count=8, at=AT) == 1
        assert tx.duties.acknowledged(DutySide.SENT, XB, "bulk", count=8, at=AT) == 0
        assert tx.duties.awaiting(DutySide.SENT, XB, "bulk", count=9) == 1
        assert len(tx.duties.open(due_by=None, limit=9)) == 5


def test_a_duty_is_done_once(database: Database) -> None:
    with database.write() as tx:
        tx.duties.add([DUTY])
        tx.duties.done(1, by="ada", reason="seen", at=AT)
        row = tx.duties.get(1)
        assert row is not None
        assert (row.done, row.done_by, row.reason) == (AT, "ada", "seen")
    with pytest.raises(StoreMissingError), database.write() as tx:
        tx.duties.done(1, by="ada", reason="seen", at=AT)


def broken_off(database: Database) -> None:
    with database.write() as tx:
        tx.grounds.add_approval(approval(prepared(tx)))
        tx.grounds.add_consent(CONSENT)
        tx.duties.add([DUTY])
        raise KeyError


def test_what_is_not_committed_is_not_there(database: Database) -> None:
    with pytest.raises(KeyError):
        broken_off(database)
    with database.read() as tx:
        assert not tx.grounds.approvals(after=0, limit=9)
        assert not tx.grounds.consents(after=0, limit=9)
        assert not tx.duties.open(due_by=None, limit=9)
        assert tx.ledger.count() == 0


def test_a_database_of_the_first_version_is_brought_to_this_shape(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        assert migrate(old, migrations()[:1]) == 1
        old.execute("INSERT INTO node (only_row, member) VALUES (1, 'XA')")
        old.execute("INSERT INTO user (name, roles, created) VALUES ('ada', '[\"supervisor\"]', 0)")
        old.execute("UPDATE counter SET value = 7 WHERE name = 'law_revision'")
    store = SQLiteDatabase(path, member=XA)
    try:
        with store.write() as tx:
            assert [user.name for user in tx.people.users()] == ["ada"]
            assert (tx.law.revision(), tx.grounds.revision()) == (7, 0)
            tx.grounds.add_approval(approval(prepared(tx)))
            tx.grounds.add_consent(CONSENT)
            tx.duties.add([DUTY])
            tx.grounds.withdraw_consent(1, by="olga", at=AT)
            assert tx.grounds.revision() == 1
    finally:
        store.close()
    with closing(sqlite3.connect(path)) as again:
        assert again.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
