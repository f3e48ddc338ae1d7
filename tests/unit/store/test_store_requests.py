"""Requests for information in the store, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foedus.casework.request import ItemName, Urgency
from foedus.casework.request_course import RequestEvent, RequestState
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.node.ports import Database
from foedus.node.ports.requests import RequestNote, RequestRow, RequestSide, RequestTemplate
from foedus.store.errors import StoreMissingError

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
XB, XC = MemberId("XB"), MemberId("XC")
ID = ObjectId("foedus-request--00000000-0000-5000-8000-000000000001")
ROW = RequestRow(
    side=RequestSide.ASKED,
    name="XA-R-2026-00001",
    member=XB,
    object_id=ID,
    item=7,
    treaty=TreatyId("a" * 64),
    article=ArticleId("8"),
    purpose="prevention",
    offence="financing",
    urgency=Urgency.URGENT,
    selectors=3,
    hit=2,
    state=RequestState.APPROVED,
    at=AT,
    due=AT + DAY,
    look=AT + DAY,
    author="ann",
)
EVERY = frozenset(RequestSide)


def test_a_request_reads_as_it_was_stored_and_changed(database: Database) -> None:
    with database.write() as tx:
        number = tx.requests.add(ROW)
        row = replace(ROW, number=number)
        assert tx.requests.get(number) == row
        changed = replace(
            row, state=RequestState.CLOSED, look=None, hit=None, extended=True, ground="harm",
            usefulness=4, feedback="new", approved_by="ada", item=9,
        )  # fmt: skip
        tx.requests.save(changed)
        with pytest.raises(StoreMissingError):
            tx.requests.save(replace(row, number=99))
    with database.read() as tx:
        assert tx.requests.get(number) == changed
        assert tx.requests.get(99) is None
        assert tx.requests.named(ROW.name) == [changed]
        assert tx.requests.by_object(RequestSide.ASKED, ID) == changed
        assert tx.requests.by_object(RequestSide.RECEIVED, ID) is None
        assert tx.requests.of_items([9, 7]) == [changed]
        assert tx.requests.of_items([]) == []


def test_names_are_numbered_by_year(database: Database) -> None:
    with database.write() as tx:
        assert [tx.requests.next_sequence(2026) for _ in range(3)] == [1, 2, 3]
        assert tx.requests.next_sequence(2027) == 1


def test_pages_by_side_and_state(database: Database) -> None:
    with database.write() as tx:
        numbers = [
            tx.requests.add(replace(ROW, side=side, state=state))
            for side in RequestSide
            for state in (RequestState.SENT, RequestState.CLOSED)
        ]
    with database.read() as tx:
        page = tx.requests.page(sides=EVERY, states=(), after=0, limit=3)
        assert [row.number for row in page] == numbers[:3]
        page = tx.requests.page(
            sides={RequestSide.RECEIVED}, states={RequestState.SENT}, after=0, limit=9
        )
        assert [row.number for row in page] == [numbers[2]]
        assert tx.requests.page(sides=EVERY, states=(), after=numbers[-1], limit=9) == []
        assert tx.requests.counts() == {
            (side, state): 1
            for side in RequestSide
            for state in (RequestState.SENT, RequestState.CLOSED)
        }


def test_what_the_clock_looks_at(database: Database) -> None:
    with database.write() as tx:
        late = tx.requests.add(ROW)
        soon = tx.requests.add(replace(ROW, look=AT))
        tx.requests.add(replace(ROW, look=None))
        assert [row.number for row in tx.requests.to_look_at(AT, limit=9)] == [soon]
        found = tx.requests.to_look_at(AT + DAY, limit=9)
        assert [row.number for row in found] == [soon, late]
        assert len(tx.requests.to_look_at(AT + DAY, limit=1)) == 1


def test_history_and_answers(database: Database) -> None:
    note = RequestNote(
        at=AT, event=RequestEvent.ANSWER, state=RequestState.ANSWERED, by="XB", digest="d" * 64
    )
    one = ItemName(object_id=ObjectId("indicator--1"), version="1")
    with database.write() as tx:
        number = tx.requests.add(ROW)
        tx.requests.note(number, note)
        tx.requests.note(number, replace(note, digest=""))
        tx.requests.answered(number, [replace(one, version="2"), one])
        tx.requests.answered(number, [one])
        tx.requests.answered(number, [])
    with database.read() as tx:
        assert tx.requests.notes(number) == [note, replace(note, digest="")]
        assert tx.requests.noted(number, "d" * 64)
        assert not tx.requests.noted(number + 1, "d" * 64)
        assert tx.requests.answers(number) == [one, replace(one, version="2")]
        assert tx.requests.answered_with([one.object_id, ObjectId("x--1")]) == [number]


def test_early_words_wait_and_are_bounded(database: Database) -> None:
    with database.write() as tx:
        tx.requests.keep_early(XB, ID, "2" * 64, b"second", at=AT + DAY)
        for _ in range(2):
            tx.requests.keep_early(XB, ID, "1" * 64, b"first", at=AT)
        assert tx.requests.take_early(XC, ID) == []
        assert tx.requests.take_early(XB, ID) == [b"first", b"second"]
        assert tx.requests.take_early(XB, ID) == []
        for each in range(1_001):
            tx.requests.keep_early(XB, ID, f"{each:064}", b"word", at=AT)
        tx.requests.keep_early(XC, ID, "1" * 64, b"another's", at=AT)
        assert len(tx.requests.take_early(XB, ID)) == 1_000
        assert tx.requests.take_early(XC, ID) == [b"another's"]


def test_templates(database: Database) -> None:
    template = RequestTemplate(name="b", values={"purpose": "prevention"}, by="ann", at=AT)
    with database.write() as tx:
        tx.requests.put_template(template)
        tx.requests.put_template(replace(template, name="a", values={"text": "Wer zahlt? 谁"}))
        tx.requests.put_template(replace(template, values={"purpose": "investigation"}))
    with database.write() as tx:
        assert [each.name for each in tx.requests.templates()] == ["a", "b"]
        assert tx.requests.template("b") == replace(template, values={"purpose": "investigation"})
        assert tx.requests.template("c") is None
        assert tx.requests.remove_template("a")
        assert not tx.requests.remove_template("a")
