"""Readings of personal data: noted with a purpose; tools are counted by the minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.model.terms import CategoryOfPerson
from foedus.node.errors import RefusedError
from foedus.node.ports.readings import ToolReading
from foedus.node.reading_tally import ReadingTally
from foedus.node.readings import (
    PurposeNeededError,
    ReadingQuery,
    flush_readings,
    list_readings,
    log_reading,
    tool_purpose,
)

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member

ANALYST = Actor(user="ana", roles=frozenset({Role.ANALYST}))
AUDITOR = Actor(user="aud", roles=frozenset({Role.AUDITOR}))
MINUTE = timedelta(minutes=1)


def person(lone: Member, number: int = 1) -> list[int]:
    return lone.held(
        lone.stix("identity", number, name="Ivan Petrov", identity_class="individual"),
        person=CategoryOfPerson.SUSPECT,
        review=lone.wired.node.clock.now() + timedelta(days=90),
        treaties=frozenset(),
    )


def test_what_holds_no_personal_data_is_read_without_a_trace(lone: Member) -> None:
    node = lone.wired.node
    plain = lone.held(lone.indicator(2, "a.example"), treaties=frozenset())
    log_reading(node, ANALYST, "show", plain, "a case")
    assert list_readings(node, AUDITOR, ReadingQuery()) == []


def test_a_reading_names_reader_purpose_and_items(lone: Member) -> None:
    node = lone.wired.node
    personal = person(lone)
    plain = lone.held(lone.indicator(2, "a.example"), treaties=frozenset())
    [draft] = lone.drafts(lone.indicator(3, "b.example"))
    log_reading(node, ANALYST, "search", [*personal, *plain, draft.handle], " case 12/2026 ")
    log_reading(node, None, "show", personal, "")
    last, first = list_readings(node, AUDITOR, ReadingQuery(handles=tuple(personal)))
    assert (first.reading.user, first.reading.purpose) == ("ana", "case 12/2026")
    assert first.reading.count == 2, "the person and the draft, which nobody gave terms"
    assert (last.reading.user, last.reading.count) == ("", 1)
    found = lone.read(lambda tx: tx.readings.items_of(first.number, limit=9))
    assert found == sorted([*personal, draft.handle])
    with pytest.raises(AccessDeniedError):
        list_readings(node, ANALYST, ReadingQuery())
    with pytest.raises(RefusedError, match="one line"):
        log_reading(node, ANALYST, "show", personal, "x" * 301)


def test_where_a_purpose_is_demanded_nothing_personal_is_read_without_one(lone: Member) -> None:
    node = replace(lone.wired.node, require_purpose=True)
    personal = person(lone)
    plain = lone.held(lone.indicator(2, "a.example"), treaties=frozenset())
    log_reading(node, None, "show", plain, "")
    for actor, purpose in ((ANALYST, "  "), (None, "a case")):
        with pytest.raises(PurposeNeededError):
            log_reading(node, actor, "show", personal, purpose)
    log_reading(node, ANALYST, "show", personal, "a case")
    assert len(list_readings(node, AUDITOR, ReadingQuery())) == 1
    tool_purpose("feeds the screening list", required=True)
    tool_purpose("", required=False)
    with pytest.raises(PurposeNeededError):
        tool_purpose("", required=True)


def test_tools_are_counted_in_memory_and_written_when_the_minute_is_over(lone: Member) -> None:
    node = lone.wired.node
    read = ToolReading(
        minute=node.clock.now(), user="ana", token="t1", what="tools held", purpose="feed", count=3
    )
    assert not node.tally.note(read)
    assert not node.tally.note(replace(read, minute=read.minute + timedelta(seconds=30)))
    flush_readings(node, lone.wired.gate)
    assert lone.read(lambda tx: tx.readings.page(before=None, limit=9)) == [], "the minute goes on"
    assert node.tally.note(replace(read, minute=read.minute + MINUTE)), "somebody should write now"
    assert not node.tally.note(replace(read, minute=read.minute + MINUTE)), "once is enough"
    found = list_readings(node, AUDITOR, ReadingQuery())
    assert [(row.reading.count, row.reading.token) for row in found] == [(6, "t1"), (6, "t1")]
    assert ReadingTally().take() == []
