"""Dates of items, readings and exports in the store, on both engines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.objects import parse_object
from foedus.node.ports import (
    Database,
    DutyKind,
    DutySide,
    ItemState,
    NewDuty,
    NewItem,
)
from foedus.node.ports.readings import (
    ExportKind,
    ExportState,
    NewExport,
    NewReading,
    ToolReading,
)
from foedus.node.ports.retention import Dated, EndCause, RetainedBatch, TermsDates

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
XA, XB = MemberId("XA"), MemberId("XB")


def stored(database: Database, count: int, state: ItemState = ItemState.HELD) -> list[int]:
    items = [
        NewItem(
            obj=parse_object(
                json.dumps(
                    {
                        "type": "indicator",
                        "spec_version": "2.1",
                        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
                        "created": "2026-11-20T00:00:00.000Z",
                        "modified": "2026-11-20T00:00:00.000Z",
                        "pattern": "[domain-name:value = 'a.example']",
                        "pattern_type": "stix",
                        "valid_from": "2026-11-20T00:00:00Z",
                    }
                ).encode()
            ),
            originator=XB,
            state=state,
            received_from=XB,
        )
        for number in range(count)
    ]
    with database.write() as tx:
        return [each.handle for each in tx.items.add(items, at=AT)]


def ends(found: Sequence[Dated]) -> list[tuple[int, datetime | None, EndCause | None]]:
    return [(each.handle, each.ends, each.cause) for each in found]


def test_the_earliest_day_ends_an_item_and_says_why(database: Database) -> None:
    one, two, three, bare = stored(database, 4)
    with database.write() as tx:
        tx.retention.put_dates(
            [
                TermsDates(handle=one, review=AT, expiry=AT + 9 * DAY),
                TermsDates(handle=two, review=None, expiry=AT + 2 * DAY),
                TermsDates(handle=bare, review=None, expiry=None),
            ],
            upto=None,
        )
        tx.retention.set_end([one, three], AT + 5 * DAY, "XB-O-2026-00001")
        assert ends(tx.retention.ending(AT + 30 * DAY, after=None, limit=9)) == [
            (two, AT + 2 * DAY, EndCause.EXPIRY),
            (one, AT + 5 * DAY, EndCause.ORDERED),
            (three, AT + 5 * DAY, EndCause.ORDERED),
        ]
        after = (AT + 5 * DAY, one)
        assert ends(tx.retention.ending(AT + 30 * DAY, after=after, limit=9)) == [
            (three, AT + 5 * DAY, EndCause.ORDERED)
        ]
        assert [each.handle for each in tx.retention.reviewing(AT, after=None, limit=9)] == [one]
        assert tx.retention.due(AT + DAY, limit=9) == []
        assert [each.handle for each in tx.retention.due(AT + 2 * DAY, limit=9)] == [two]
        tx.retention.drop([two])
        assert tx.retention.of([two, bare]) == []


def test_of_days_set_for_different_reasons_the_earliest_stands(database: Database) -> None:
    [one] = stored(database, 1)
    with database.write() as tx:
        tx.retention.set_end([one], AT + 5 * DAY, "first")
        tx.retention.set_end([one], AT + 9 * DAY, "second")
        [found] = tx.retention.of([one])
        assert (found.ends, found.why) == (AT + 5 * DAY, "first")
        tx.retention.set_end([one], AT + 7 * DAY, "first")
        assert tx.retention.of([one])[0].ends == AT + 7 * DAY
        tx.retention.set_end([one], None, "first")
        [found] = tx.retention.of([one])
        assert (found.ends, found.why) == (AT + 9 * DAY, "second")
        tx.retention.set_end([one], None, "second")
        assert tx.retention.of([one])[0].ends is None
        tx.retention.set_end([one], AT, "third")
        tx.retention.drop([one])
        assert tx.retention.of([one]) == []


def test_of_two_limits_that_of_the_newer_release_stands(database: Database) -> None:
    [one] = stored(database, 1)
    first = RetainedBatch(duty=1, member=XB, released=AT, due=AT + 5 * DAY, handles=(one,))
    newer = replace(first, duty=2, released=AT + DAY, due=AT + 20 * DAY)
    late = replace(first, duty=3, released=AT - DAY, due=AT + DAY)
    with database.write() as tx:
        tx.retention.put_retained([first, newer, late])
        [found] = tx.retention.of([one])
        assert (found.retain, found.cause) == (AT + 20 * DAY, EndCause.RETAIN)


def test_what_is_kept_on_a_ground_is_due_again_when_that_ends(database: Database) -> None:
    [one] = stored(database, 1)
    with database.write() as tx:
        tx.retention.put_dates([TermsDates(handle=one, review=None, expiry=AT)], upto=None)
        tx.retention.keep([one], "court-file")
        assert tx.retention.due(AT, limit=9) == []
        [kept] = tx.retention.kept(after=0, limit=9)
        assert (kept.kept, kept.ends) == ("court-file", None)
        assert tx.retention.figures(AT, until=AT + DAY, most=9).kept == 1
        tx.retention.keep([one], "")
        assert [each.handle for each in tx.retention.due(AT, limit=9)] == [one]
        assert tx.retention.figures(AT, until=AT + DAY, most=9).due == 1


def test_what_entered_a_state_is_undated_once(database: Database) -> None:
    handles = stored(database, 3)
    with database.write() as tx:
        found = tx.retention.undated(limit=2)
        assert [each.handle for each in found] == handles[:2]
        assert all(each.kept_here for each in found)
        tx.retention.put_dates([], upto=found[-1].added)
        assert [each.handle for each in tx.retention.undated(limit=9)] == handles[2:]


def test_a_batch_with_a_limit_gives_it_to_what_stood_here(database: Database) -> None:
    one, two, refused = stored(database, 3)
    with database.write() as tx:
        [document] = tx.items.rows([one])
        tx.inbox.received(
            XB,
            "bulk",
            [
                (1, document.handle, "disclosure"),
                (2, one, "accepted"),
                (3, two, "known"),
                (4, refused, "quarantined:decision"),
                (5, document.handle, "disclosure"),
                (6, refused, "accepted"),
            ],
        )
        duty = NewDuty(
            kind=DutyKind.RETAIN,
            side=DutySide.RECEIVED,
            member=XB,
            treaty=TreatyId("a" * 64),
            article="2",
            lane="bulk",
            lane_count=4,
            entry_index=7,
            items=2,
            at=AT,
            due=AT + DAY,
        )
        tx.duties.add([duty])
        [batch] = tx.retention.retained(limit=9)
        assert batch.handles == (one, two)
        assert tx.retention.ended_duties(AT + DAY, limit=9) == [], "not before it is dated"
        tx.retention.put_retained([batch])
        assert tx.retention.retained(limit=9) == []
        assert tx.retention.ended_duties(AT + DAY, limit=9) == [(batch.duty, XB)]


def test_readings_are_listed_newest_first_and_by_item(database: Database) -> None:
    one, two = stored(database, 2)
    reading = NewReading(
        at=AT, user="ada", token="", what="show", purpose="a case", count=1, handles=(one,)
    )
    with database.write() as tx:
        first = tx.readings.add(reading)
        second = tx.readings.add(replace(reading, handles=(two,), mark="aa"))
        assert [row.number for row in tx.readings.page(before=None, limit=9)] == [second, first]
        assert [row.number for row in tx.readings.page(before=second, limit=9)] == [first]
        assert [row.number for row in tx.readings.of_items([one], before=None, limit=9)] == [first]
        assert tx.readings.items_of(second, limit=9) == [two]


def test_what_a_tool_reads_within_a_minute_is_one_row(database: Database) -> None:
    read = ToolReading(
        minute=AT, user="ada", token="t1", what="tools held", purpose="feed", count=5
    )
    with database.write() as tx:
        tx.readings.add_tools([read])
        tx.readings.add_tools([replace(read, count=2), replace(read, minute=AT + DAY, token="t2")])
        rows = tx.readings.page(before=None, limit=9)
        assert [(row.reading.token, row.reading.count) for row in rows] == [("t2", 5), ("t1", 7)]
        assert tx.readings.tokens_since(AT + timedelta(hours=1)) == ["t2"]
        assert tx.readings.tokens_since(None) == ["t1", "t2"]


def test_an_export_of_what_is_purged_is_queued_unless_it_was_handed_out(database: Database) -> None:
    one, two = stored(database, 2)
    new = NewExport(
        at=AT,
        user="ada",
        purpose="a case",
        kind=ExportKind.BUNDLE,
        state=ExportState.WRITING,
        place="export-1.json",
        sha256="aa",
        count=1,
        handles=(one,),
    )
    with database.write() as tx:
        here = tx.readings.add_export(new)
        given = tx.readings.add_export(replace(new, state=ExportState.HANDED_OUT))
        other = tx.readings.add_export(replace(new, handles=(two,)))
        writing = frozenset({ExportState.WRITING})
        assert tx.readings.set_export(other, ExportState.HERE, was=writing, at=AT)
        assert tx.readings.queue_exports([one]) == 1
        assert not tx.readings.set_export(here, ExportState.HERE, was=writing, at=AT)
        states = {
            row.number: row.export.state for row in tx.readings.exports(states=frozenset(), limit=9)
        }
        assert states == {
            here: ExportState.QUEUED,
            given: ExportState.HANDED_OUT,
            other: ExportState.HERE,
        }
        assert [row.number for row in tx.readings.exports_of([one])] == [here, given]
