"""Challenges in the store, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foedus.casework.access_course import AccessState
from foedus.casework.challenge import StatusWord
from foedus.casework.challenge_course import ChallengeState, Outcome
from foedus.model.identifiers import MemberId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import Act, Database, ItemState, NewItem, Transaction
from foedus.node.ports.challenges import (
    CaseKind,
    CaseSide,
    NewAccess,
    NewChallenge,
    NewLate,
    OrderPurpose,
    Proposal,
    Referral,
)
from foedus.store.errors import StoreError, StoreMissingError

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
XA, XB = MemberId("XA"), MemberId("XB")
DOMAIN = Selector(SelectorKind.DOMAIN, "bad.example")


def entry(tx: Transaction) -> int:
    return tx.ledger.append(bytes(32), salt=bytes(32), record=b"{}", at=AT)


def item(
    tx: Transaction, number: int, *, version: int = 20, state: ItemState = ItemState.HELD
) -> int:
    instant = f"2026-11-{version}T00:00:00.000Z"
    raw = (
        '{"type":"campaign","spec_version":"2.1","id":"campaign--00000000-0000-4000-8000-'
        f'{number:012d}","created":"2026-11-01T00:00:00.000Z","modified":"{instant}","name":"x"}}'
    )
    [stored] = tx.items.add(
        [
            NewItem(
                obj=parse_object(raw.encode()),
                originator=XA,
                state=state,
                selectors=frozenset({DOMAIN}),
            )
        ],
        at=AT,
    )
    return stored.handle


def new(tx: Transaction, sequence: int = 1, side: CaseSide = CaseSide.OWN) -> NewChallenge:
    return NewChallenge(
        name=f"{'XA' if side is CaseSide.OWN else 'XB'}-C-2026-{sequence:05d}",
        year=2026,
        sequence=sequence,
        side=side,
        sender="" if side is CaseSide.OWN else "XB",
        treaty="",
        reference="DPO-1",
        received=AT,
        block_due=AT + DAY,
        decide_due=AT + 30 * DAY,
        opened=AT,
        opened_by="olga",
        entry_index=entry(tx),
    )


def test_a_challenge_is_kept_and_led_on(database: Database) -> None:
    with database.write() as tx:
        assert tx.challenges.next_sequence(CaseKind.CHALLENGE, 2026) == 1
        number = tx.challenges.add(new(tx), words="she says", wake=AT)
        tx.challenges.add(new(tx, 7, CaseSide.REFERRED), words="", wake=AT + DAY)
        assert tx.challenges.next_sequence(CaseKind.CHALLENGE, 2026) == 2
        assert tx.challenges.next_sequence(CaseKind.CHALLENGE, 2027) == 1
        row = tx.challenges.get(number)
        assert row is not None
        assert row.state is ChallengeState.RECEIVED
        assert tx.challenges.by_name("XA-C-2026-00001") == row
        assert [each.number for each in tx.challenges.awake(AT, limit=9)] == [number]
        later = replace(
            row,
            state=ChallengeState.UPHELD,
            outcome=ChallengeState.UPHELD,
            blocked=AT,
            decided=AT + DAY,
            decided_by="rita",
            closed=AT + DAY,
            proposal=Proposal(outcome=Outcome.UPHOLD, user="rita", at=AT),
            done=frozenset({"receipt", "carried-out"}),
            wake=None,
        )
        tx.challenges.keep(later)
        assert tx.challenges.get(number) == later
        assert [each.number for each in tx.challenges.page(open_only=True, after=0, limit=9)] == [2]
        assert len(tx.challenges.page(open_only=False, after=0, limit=9)) == 2
        ended = [(each.ended, each.referred) for each in tx.challenges.spans(2026)]
        assert ended == [("upheld", False), ("", True)]
        with pytest.raises(StoreMissingError):
            tx.challenges.keep(replace(row, number=99))


def test_a_name_is_given_once(database: Database) -> None:
    with database.write() as tx:
        taken = new(tx)
        tx.challenges.add(taken, words="", wake=None)
    with pytest.raises(StoreError), database.write() as tx:
        tx.challenges.add(taken, words="", wake=None)


def test_words_are_one_row_that_goes(database: Database) -> None:
    with database.write() as tx:
        number = tx.challenges.add(new(tx), words="she says", wake=None)
        tx.challenges.put_reason(number, "it is hers")
        words = tx.challenges.words(number)
        assert words is not None
        assert (words.intake, words.reason) == ("she says", "it is hers")
        assert tx.challenges.erase_words(number)
        assert not tx.challenges.erase_words(number)
        assert tx.challenges.words(number) is None


def test_marks_find_the_cases_of_a_person(database: Database) -> None:
    with database.write() as tx:
        tx.challenges.mark(CaseKind.CHALLENGE, 1, [b"a" * 32, b"b" * 32])
        tx.challenges.mark(CaseKind.CHALLENGE, 1, [b"a" * 32])
        tx.challenges.mark(CaseKind.ACCESS, 4, [b"a" * 32])
        found = tx.challenges.marked([b"a" * 32])
        assert found == [(CaseKind.ACCESS, 4), (CaseKind.CHALLENGE, 1)]
        assert tx.challenges.marked([b"c" * 32]) == []


def test_what_is_concerned_is_blocked_followed_and_released(database: Database) -> None:
    with database.write() as tx:
        number = tx.challenges.add(new(tx), words="", wake=None)
        other = tx.challenges.add(new(tx, 2), words="", wake=None)
        held, draft = item(tx, 1), item(tx, 2, state=ItemState.DRAFT)
        assert tx.challenges.carriers([DOMAIN], limit=9) == [draft, held]
        assert tx.challenges.carriers([Selector(SelectorKind.DOMAIN, "x.example")], limit=9) == []
        tx.challenges.concern(number, [held, draft, held])
        tx.items.settle([held], state=ItemState.RESTRICTED, terms_id=None, at=AT)
        tx.challenges.block(number, [held], moved=AT)
        tx.challenges.block(number, [held, draft], moved=None)
        assert [
            (each.handle, each.blocked, each.blocking) for each in tx.challenges.concerned(number)
        ] == [(held, AT, True), (draft, None, True)]
        assert tx.challenges.blocking([held, draft]) == {
            held: "XA-C-2026-00001",
            draft: "XA-C-2026-00001",
        }
        assert set(tx.challenges.examined([held, draft])) == {held, draft}
        assert tx.challenges.moved([held, draft]) == frozenset({held})
        assert tx.challenges.unblocked(limit=9) == []
        newer = item(tx, 1, version=21)
        assert tx.challenges.unblocked(limit=9) == [(number, newer)]
        assert tx.challenges.versions([held]) == [held, newer]
        assert not tx.challenges.blocked_by_other(number, held)
        assert tx.challenges.blocked_by_other(other, held)
        tx.challenges.release(number, [held, draft])
        assert tx.challenges.blocking([held, draft]) == {}
        assert tx.challenges.unblocked(limit=9) == []


def test_orders_and_words_of_originators(database: Database) -> None:
    with database.write() as tx:
        number = tx.challenges.add(new(tx), words="", wake=None)
        for _ in range(2):
            tx.challenges.note_order(number, "XA-O-2026-00001", OrderPurpose.BLOCK)
        assert tx.challenges.orders(number) == [("XA-O-2026-00001", OrderPurpose.BLOCK)]
        tx.challenges.refer(number, Referral(member=XB, sent=AT, items=2))
        tx.challenges.refer(number, Referral(member=XB, sent=AT + DAY, items=3))
        [sent] = tx.challenges.referrals(number)
        assert (sent.items, sent.sent, sent.word) == (5, AT, None)
        told = replace(sent, word=StatusWord.BLOCKED, blocked=AT + DAY)
        tx.challenges.note_word(number, told)
        assert tx.challenges.referrals(number) == [told]
        with pytest.raises(StoreMissingError):
            tx.challenges.note_word(number, replace(told, member=MemberId("XC")))


def test_requests_to_see(database: Database) -> None:
    with database.write() as tx:
        assert tx.challenges.next_sequence(CaseKind.ACCESS, 2026) == 1
        number = tx.challenges.add_access(
            NewAccess(
                name="XA-S-2026-00001",
                year=2026,
                sequence=1,
                reference="S-1",
                received=AT,
                due=AT + 30 * DAY,
                opened=AT,
                opened_by="olga",
                entry_index=entry(tx),
            ),
            words="asks",
            wake=AT,
        )
        assert tx.challenges.next_sequence(CaseKind.ACCESS, 2026) == 2
        [row] = tx.challenges.awake_accesses(AT, limit=9)
        assert tx.challenges.accesses(open_only=True, after=0, limit=9) == [row]
        later = replace(
            row, state=AccessState.ANSWERED, ended=AT + DAY, ended_by="olga", words="", wake=None
        )
        tx.challenges.keep_access(later)
        assert tx.challenges.access(number) == later
        assert tx.challenges.accesses(open_only=True, after=0, limit=9) == []
        [span] = tx.challenges.access_spans(2026)
        assert (span.ended, span.decided) == ("answered", AT + DAY)
        with pytest.raises(StoreMissingError):
            tx.challenges.keep_access(replace(later, number=9))


def test_a_breach_record_stands_until_it_is_closed(database: Database) -> None:
    with database.write() as tx:
        number = tx.challenges.add(new(tx), words="", wake=None)
        late = NewLate(
            kind=CaseKind.CHALLENGE,
            number=number,
            what="block",
            member=XA,
            due=AT,
            noted=AT + DAY,
            entry_index=entry(tx),
        )
        record = tx.challenges.add_late(late)
        assert tx.challenges.add_late(late) == 0
        [row] = tx.challenges.lates(open_only=True, after=0, limit=9)
        assert (row.record, row.name, row.late) == (record, "XA-C-2026-00001", late)
        assert tx.challenges.lates_of(CaseKind.CHALLENGE, number) == [row]
        assert tx.challenges.make_good(CaseKind.CHALLENGE, number, "block", XA, at=AT + DAY) == [
            record
        ]
        assert tx.challenges.make_good(CaseKind.CHALLENGE, number, "block", XA, at=AT) == []
        tx.challenges.close_late(record, user="petra", reason="shut", at=AT + DAY)
        closed = tx.challenges.late(record)
        assert closed is not None
        assert (closed.made_good, closed.closed_by) == (AT + DAY, "petra")
        assert tx.challenges.lates(open_only=True, after=0, limit=9) == []
        with pytest.raises(StoreMissingError):
            tx.challenges.close_late(record, user="petra", reason="shut", at=AT)


def test_who_released_is_found_by_recipient_and_entry(database: Database) -> None:
    with database.write() as tx:
        for user, subject in (
            ("ada", "XB entry 1 items 3"),
            ("ben", "XB entry 12 items 3"),
            ("cora", "XC entry 1 items 3"),
        ):
            tx.acts.record(Act(at=AT, user=user, act="disclose", subject=subject))
        assert tx.challenges.releasers([(XB, 1)]) == ["ada"]
        assert tx.challenges.releasers([(XB, 12), (XB, 1)]) == ["ada", "ben"]
        assert tx.challenges.releasers([]) == []
        assert tx.challenges.approvers([1]) == []
