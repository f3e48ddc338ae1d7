"""What the store keeps of consents asked for, onward holders, feedback and shared questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from foedus.casework.consent_course import ConsentState
from foedus.casework.feedback import Stance
from foedus.ledger.commitment import lane_digest_over
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import (
    BatchRow,
    Database,
    HitState,
    ItemState,
    NewBatch,
    NewHit,
    NewItem,
    Transaction,
)
from foedus.node.ports.onward import CopyCondition, FeedbackRow, NewConsentRequest, SharedMatter
from foedus.store.errors import StoreMissingError
from foedus.store.sql.onward import erase_onward

T = TypeVar("T")
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
XA, XB, XC, XD = (MemberId(name) for name in ("XA", "XB", "XC", "XD"))
TREATY = TreatyId("a" * 64)
SELECTOR = Selector(kind=SelectorKind.DOMAIN, value="same.example")


def name(number: int) -> ObjectId:
    return ObjectId(f"indicator--00000000-0000-4000-8000-{number:012d}")


def item(tx: Transaction, number: int, originator: MemberId = XA, **changes: object) -> int:
    raw = json.dumps(
        {
            "type": "indicator", "spec_version": "2.1", "id": name(number),
            "created": "2026-11-20T00:00:00.000Z", "modified": "2026-11-20T00:00:00.000Z",
            "pattern": "[domain-name:value = 'a.b']", "pattern_type": "stix",
            "valid_from": "2026-11-20T00:00:00Z",
        }
    ).encode()  # fmt: skip
    plain = NewItem(obj=parse_object(raw), originator=originator, state=ItemState.HELD)
    return tx.items.add([replace(plain, **changes)], at=AT)[0].handle  # type: ignore[arg-type]


def given(tx: Transaction, recipient: MemberId, *items: int) -> None:
    index = tx.ledger.append(bytes(32), salt=bytes(32), record=b"", at=AT)
    lane = tx.feeds.lane(recipient, "bulk")
    digest = lane_digest_over(lane.digest, [bytes(32)] * (1 + len(items)))
    tx.feeds.append(
        NewBatch(
            recipient=recipient, lane="bulk", treaty=TREATY, article="2",
            document=item(tx, 900 + index, state=ItemState.PROTOCOL), entry_index=index,
            entry=bytes(32),
            rows=[BatchRow(handle=each, salt=bytes(32), commitment=bytes(32)) for each in items],
            digest_after=digest, at=AT,
        )
    )  # fmt: skip
    assert tx.feeds.lane(recipient, "bulk").count == lane.count + 1 + len(items)


def asked(handle: int, **changes: object) -> NewConsentRequest:
    plain = NewConsentRequest(
        digest="1" * 64, ours=True, member=XA, item=handle, recipient=XC, treaty=TREATY,
        purpose="prevention", life=True, until=AT + 9 * DAY, at=AT, due=AT + DAY,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]  # one field at a time


def read(database: Database, ask: Callable[[Transaction], T]) -> T:
    with database.read() as tx:
        return ask(tx)


def test_who_was_given_what_is_read_from_the_lanes(database: Database) -> None:
    with database.write() as tx:
        one, two = item(tx, 1, XC), item(tx, 2, XC)
        given(tx, XB, one, two)
        given(tx, XD, two)
        given(tx, XB, one)
    found = read(database, lambda tx: tx.onward.recipients_of([one, two, 99]))
    assert found == [(one, XB, TREATY), (two, XB, TREATY), (two, XD, TREATY)]
    assert read(database, lambda tx: tx.onward.recipients_of([])) == []


def test_what_was_not_told_waits(database: Database) -> None:
    with database.write() as tx:
        one, two = item(tx, 1, XC), item(tx, 2, XC)
        tx.onward.note_passed_on([one, two], XB, TREATY, at=AT, told=False)
        tx.onward.note_passed_on([one], XD, TREATY, at=AT, told=True)
        tx.onward.note_passed_on([one], XB, TREATY, at=AT + DAY, told=False)
        tx.onward.told([one], XB, at=AT + DAY)
    [left] = read(database, lambda tx: tx.onward.untold(limit=9))
    assert (left.item, left.recipient, left.treaty, left.at) == (two, XB, TREATY, AT)


def test_onward_holders_are_found_by_what_was_given(database: Database) -> None:
    with database.write() as tx:
        one, two = item(tx, 1), item(tx, 2)
        assert tx.onward.add_holders([one, two], XC, XB, at=AT) == 2
        assert tx.onward.add_holders([one], XC, XB, at=AT + DAY) == 0
        assert tx.onward.add_holders([one], XC, XD, at=AT + DAY) == 1
    version = "2026-11-20T00:00:00.000Z"
    assert read(database, lambda tx: tx.onward.holders([one, two, 77])) == [
        (XC, name(1), version), (XC, name(2), version),
    ]  # fmt: skip
    assert read(database, lambda tx: tx.onward.onward_of(one)) == [(XC, XB, AT), (XC, XD, AT + DAY)]


def test_a_request_reads_as_it_was_stored_and_is_stored_once(database: Database) -> None:
    with database.write() as tx:
        handle = item(tx, 1)
        number = tx.onward.ask(asked(handle))
        assert number == 1
        assert tx.onward.ask(asked(handle)) is None
        assert tx.onward.ask(asked(handle, digest="2" * 64, ours=False, due=AT + 2 * DAY)) == 2
    row = read(database, lambda tx: tx.onward.request(1))
    assert row is not None
    assert (row.request, row.state, row.answered, row.consent) == (
        asked(handle), ConsentState.ASKED, None, None,
    )  # fmt: skip
    assert read(database, lambda tx: tx.onward.request_by_digest("1" * 64)) == row
    assert read(database, lambda tx: tx.onward.request(9)) is None

    def listed(*, ours: bool | None, waiting: bool = False, after: int = 0) -> list[int]:
        return [
            each.number
            for each in read(
                database,
                lambda tx: tx.onward.requests(ours=ours, waiting=waiting, after=after, limit=9),
            )
        ]

    assert listed(ours=None) == [1, 2]
    assert (listed(ours=True), listed(ours=False), listed(ours=None, after=1)) == ([1], [2], [2])
    with database.write() as tx:
        tx.onward.settle_request(
            1, ConsentState.GIVEN, at=AT + DAY, by="olga", consent=(4, "e" * 64)
        )
        with pytest.raises(StoreMissingError):
            tx.onward.settle_request(9, ConsentState.GIVEN, at=AT, by="")
    assert listed(ours=None, waiting=True) == [2]
    [answered] = read(database, lambda tx: tx.onward.requests_for("e" * 64))
    assert (answered.state, answered.answered, answered.answered_by, answered.consent) == (
        ConsentState.GIVEN, AT + DAY, "olga", 4,
    )  # fmt: skip
    assert read(database, lambda tx: tx.onward.requests_for("")) == []


def test_what_is_due_is_found_by_its_deadline(database: Database) -> None:
    with database.write() as tx:
        handle = item(tx, 1)
        for place in range(3):
            tx.onward.ask(asked(handle, digest=f"{place:064}", due=AT + place * DAY))
        tx.onward.settle_request(1, ConsentState.REFUSED, at=AT, by="", ground="law")
    due = read(database, lambda tx: tx.onward.overdue_requests(AT + DAY, limit=9))
    assert [each.number for each in due] == [2]
    assert read(database, lambda tx: tx.onward.overdue_requests(AT - DAY, limit=9)) == []
    assert read(database, lambda tx: tx.onward.lapsed_requests(AT + DAY, limit=9)) == []


def test_a_withdrawal_is_its_originators_and_noted_once(database: Database) -> None:
    with database.write() as tx:
        assert tx.onward.note_withdrawn("1" * 64, XA, at=AT)
        assert not tx.onward.note_withdrawn("1" * 64, XA, at=AT + DAY)
    assert read(database, lambda tx: tx.onward.is_withdrawn("1" * 64, XA))
    assert not read(database, lambda tx: tx.onward.is_withdrawn("1" * 64, XB))


def test_conditions_stand_with_the_copy(database: Database) -> None:
    with database.write() as tx:
        one, two = item(tx, 1), item(tx, 2)
        bound = CopyCondition(item=one, digest="1" * 64, words=("a", "b"), keep_until=AT)
        tx.onward.attach([bound, bound, replace(bound, digest="2" * 64, keep_until=None)])
        tx.onward.attach([replace(bound, item=two, words=())])
    found = read(database, lambda tx: tx.onward.conditions([one, two, 9]))
    assert found == {
        one: [bound, replace(bound, digest="2" * 64, keep_until=None)],
        two: [replace(bound, item=two, words=())],
    }
    with database.write() as tx:
        tx.onward.detach([one])
    assert set(read(database, lambda tx: tx.onward.conditions([one, two]))) == {two}


def test_feedback_stands_while_its_word_is_held(database: Database) -> None:
    with database.write() as tx:
        about, said = item(tx, 1), item(tx, 2, XB)
        drafted = item(tx, 3, state=ItemState.DRAFT)
        row = FeedbackRow(item=said, about=about, author=XB, stance=Stance.DISAGREE, at=AT)
        mine = replace(row, item=drafted, author=XA, stance=Stance.AGREE)
        tx.onward.add_feedback([row, row, mine])
    assert read(database, lambda tx: tx.onward.feedback_on([about])) == {about: [row]}
    assert read(database, lambda tx: tx.onward.feedback_on([about], drafts=True)) == {
        about: [row, mine]
    }
    assert read(database, lambda tx: tx.onward.feedback(after=0, limit=9)) == [row, mine]
    assert read(database, lambda tx: tx.onward.feedback(after=said, limit=9)) == [mine]
    with database.write() as tx:
        tx.items.settle([said], state=ItemState.RESTRICTED, terms_id=None, at=AT)
    assert read(database, lambda tx: tx.onward.feedback_on([about])) == {}


def shared(database: Database, *items: int) -> Sequence[SharedMatter]:
    return read(database, lambda tx: tx.onward.shared_hits(items, own=XA))


def test_a_hit_is_shared_once_each_gave_its_item_to_the_other(database: Database) -> None:
    with database.write() as tx:
        ours, theirs, third = (
            item(tx, 1), item(tx, 2, XB, received_from=XB), item(tx, 3, XC, received_from=XB),
        )  # fmt: skip
        hit = NewHit(arrived=ours, held=theirs, selector=SELECTOR, how="exact", frequency=2, at=AT)
        tx.hits.add([hit, replace(hit, arrived=third, held=ours)])
    assert shared(database, ours, theirs, third) == []
    with database.write() as tx:
        given(tx, XC, ours)
    assert shared(database, ours) == [], "XC did not give its item itself"
    with database.write() as tx:
        given(tx, XB, ours)
    for named in ((ours,), (theirs,), (ours, theirs)):
        assert shared(database, *named) == [SharedMatter(hit=1, member=XB, at=AT)]
    assert shared(database) == []
    with database.write() as tx:
        assert tx.onward.add_shared(tx.onward.shared_hits([ours], own=XA)) == 1
        assert tx.onward.add_shared(tx.onward.shared_hits([ours], own=XA)) == 0
    assert read(database, lambda tx: tx.onward.shared_of([1, 2])) == {1: [XB]}
    assert read(database, lambda tx: tx.onward.shared_counts()) == {XB: 1}
    with database.write() as tx:
        tx.hits.set_state(1, HitState.DISMISSED, by="ann", reason="no")
    assert shared(database, ours) == []
    assert read(database, lambda tx: tx.onward.shared_counts()) == {}


def test_a_redacted_form_shares_too(database: Database) -> None:
    with database.write() as tx:
        ours, theirs = item(tx, 1), item(tx, 2, XB, received_from=XB)
        variant = item(tx, 3, state=ItemState.VARIANT, variant_of=ours)
        tx.hits.add(
            [NewHit(arrived=theirs, held=ours, selector=SELECTOR, how="exact", frequency=2, at=AT)]
        )
        given(tx, XB, variant)
    assert [each.member for each in shared(database, ours)] == [XB]


def test_what_is_erased_leaves_nothing_here_but_who_was_reached(database: Database) -> None:
    with database.write() as tx:
        one, two = item(tx, 1), item(tx, 2, XB)
        tx.onward.ask(asked(one))
        tx.onward.attach([CopyCondition(item=one, digest="1" * 64, words=(), keep_until=None)])
        tx.onward.add_feedback(
            [FeedbackRow(item=two, about=one, author=XB, stance=Stance.AGREE, at=AT)]
        )
        tx.onward.add_holders([one], XC, XB, at=AT)
        erase_onward(tx.onward._session, [one])  # type: ignore[attr-defined]  # as an erasure does
    with database.read() as tx:
        assert tx.onward.request(1) is None
        assert tx.onward.conditions([one]) == {}
        assert tx.onward.feedback(after=0, limit=9) == []
        assert len(tx.onward.onward_of(one)) == 1
