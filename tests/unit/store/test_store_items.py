"""Item versions: what every implementation promises in foedus.node.ports.ItemStore."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foedus.model.identifiers import ItemKey, LocalNumber, MemberId, ObjectId
from foedus.model.objects import StixObject, parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import (
    Database,
    ItemFilter,
    ItemState,
    NewItem,
    Posting,
    SourceRow,
    Stored,
)
from foedus.store.errors import StoreMissingError, StoreReadOnlyError, StoreStateError

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
XA, XB = MemberId("XA"), MemberId("XB")
TERMS = ObjectId("marking-definition--00000000-0000-4000-8000-000000000001")
ALL_STATES = frozenset(ItemState)


def stix(number: int, *, version: int = 1, note: str = "", kind: str = "indicator") -> StixObject:
    modified = f"2026-01-{version:02d}T00:00:00.000Z"
    document = {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{uuid.UUID(int=number, version=4)}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": modified,
        "description": note,
    }
    return parse_object(json.dumps(document).encode())


def domain(name: str) -> Selector:
    return Selector(SelectorKind.DOMAIN, f"{name}.example")


def item(
    number: int,
    *,
    version: int = 1,
    note: str = "",
    originator: MemberId = XA,
    state: ItemState = ItemState.HELD,
    selectors: Sequence[Selector] = (),
    title: str = "",
    numbered: bool = True,
    kind: str = "indicator",
) -> NewItem:
    return NewItem(
        obj=stix(number, version=version, note=note, kind=kind),
        originator=originator,
        state=state,
        selectors=frozenset(selectors),
        title=title,
        numbered=numbered,
    )


def put(database: Database, *items: NewItem, at: datetime = AT) -> list[int]:
    with database.write() as tx:
        return [outcome.handle for outcome in tx.items.add(items, at=at)]


def listed(database: Database, which: ItemFilter) -> list[int]:
    with database.read() as tx:
        return [row.handle for row in tx.items.page(which, after=None, limit=1000)]


def test_exact_bytes_and_every_column_come_back(database: Database) -> None:
    with database.write() as tx:
        tx.items.put_terms(TERMS, b"{}")
        source = tx.sources.add(
            SourceRow(
                handle=0,
                sha256="0" * 64,
                name="list.csv",
                format="table",
                at=AT,
                by="ana",
                read=1,
                taken=1,
                duplicates=0,
                added=0,
                refused=(),
                report=None,
            )
        )
        new = NewItem(
            obj=stix(1),
            originator=XB,
            state=ItemState.QUARANTINED,
            terms_id=TERMS,
            received_from=XB,
            source=source,
            title="A title",
        )
        (outcome,) = tx.items.add([new], at=AT)
    with database.read() as tx:
        (row,) = tx.items.rows([outcome.handle])
        assert tx.items.raw([outcome.handle]) == {outcome.handle: new.obj.raw}
        assert tx.items.by_key(row.key) == row
    assert row.key == ItemKey(originator=XB, object_id=new.obj.id, version=new.obj.version)
    assert (row.type, row.state) == ("indicator", ItemState.QUARANTINED)
    assert (row.terms_id, row.source, row.received_from) == (TERMS, source, XB)
    assert (row.title, row.content_hash) == ("A title", new.obj.content_hash)
    assert (row.modified, row.added) == (new.obj.modified, AT)
    assert row.number == LocalNumber(member=XA, year=2026, sequence=1)


@pytest.mark.parametrize("together", [True, False], ids=["in one call", "in a later call"])
def test_the_same_key_is_duplicate_or_conflict(database: Database, *, together: bool) -> None:
    first, same, other = item(1), item(1), item(1, note="changed")
    with database.write() as tx:
        if together:
            outcomes = list(tx.items.add([first, same, other], at=AT))
        else:
            outcomes = [tx.items.add([one], at=AT)[0] for one in (first, same, other)]
    assert [outcome.outcome for outcome in outcomes] == [
        Stored.NEW,
        Stored.DUPLICATE,
        Stored.CONFLICT,
    ]
    assert len({outcome.handle for outcome in outcomes}) == 1
    with database.read() as tx:
        assert tx.items.raw([outcomes[0].handle]) == {outcomes[0].handle: first.obj.raw}


def test_a_draft_offered_as_held_stays_a_draft(database: Database) -> None:
    put(database, item(1, state=ItemState.DRAFT))
    with database.write() as tx:
        (outcome,) = tx.items.add([item(1)], at=AT)
        (row,) = tx.items.rows([outcome.handle])
    assert (outcome.outcome, row.state) == (Stored.DUPLICATE, ItemState.DRAFT)


def test_two_originators_may_hold_the_same_object(database: Database) -> None:
    put(database, item(1, originator=XA), item(1, originator=XB))
    with database.read() as tx:
        rows = tx.items.by_object_id(stix(1).id)
    assert [row.key.originator for row in rows] == [XA, XB]


def test_terms_not_stored_are_refused(database: Database) -> None:
    new = NewItem(obj=stix(1), originator=XA, state=ItemState.HELD, terms_id=TERMS)
    with pytest.raises(StoreMissingError), database.write() as tx:
        tx.items.add([new], at=AT)
    assert listed(database, ItemFilter(states=ALL_STATES)) == []


def test_added_is_unique_and_increases_though_the_clock_stands_or_goes_back(
    database: Database,
) -> None:
    put(database, item(1), item(2), item(3))
    put(database, item(4), at=AT - timedelta(days=1))
    with database.read() as tx:
        added = [row.added for row in tx.items.page(ItemFilter(), after=None, limit=10)]
    assert added == [AT + timedelta(microseconds=offset) for offset in range(4)]


def test_numbers_run_by_year_and_versions_share_theirs(database: Database) -> None:
    put(database, item(1), item(2), item(2, version=2))
    put(database, item(1, version=2), item(3, numbered=False), item(1, originator=XB))
    put(database, item(4), at=AT.replace(year=2027))
    with database.read() as tx:
        rows = tx.items.page(ItemFilter(), after=None, limit=10)
        versions = tx.items.by_number(LocalNumber(member=XA, year=2026, sequence=1))
        assert tx.items.by_number(LocalNumber(member=XB, year=2026, sequence=1)) == ()
    assert [str(row.number) if row.number else "" for row in rows] == [
        "XA-2026-00001",
        "XA-2026-00002",
        "XA-2026-00002",
        "XA-2026-00001",
        "",
        "XA-2026-00003",
        "XA-2027-00001",
    ]
    assert [row.key.version[:10] for row in versions] == ["2026-01-01", "2026-01-02"]


def test_numbers_of_a_rolled_back_act_are_given_again(database: Database) -> None:
    unknown_terms = replace(item(2), terms_id=TERMS)
    with pytest.raises(StoreMissingError), database.write() as tx:
        tx.items.add([item(1), unknown_terms], at=AT)
    put(database, item(2))
    with database.read() as tx:
        (row,) = tx.items.page(ItemFilter(), after=None, limit=10)
    assert str(row.number) == "XA-2026-00001"


def test_settling_gives_state_terms_and_a_fresh_place(database: Database) -> None:
    first, second = put(
        database,
        item(1, state=ItemState.DRAFT, title="harbour", selectors=[domain("a")]),
        item(2, title="harbour"),
    )
    assert listed(database, ItemFilter(text="harbour")) == [second]
    with database.write() as tx:
        tx.items.put_terms(TERMS, b"{}")
        tx.items.settle([first], state=ItemState.HELD, terms_id=TERMS, at=AT)
    assert listed(database, ItemFilter()) == [second, first]
    assert listed(database, ItemFilter(text="harbour")) == [second, first]
    with database.read() as tx:
        (row,) = tx.items.rows([first])
        assert tx.items.postings([domain("a")], cap=1)[domain("a")].handles == (first,)
    assert (row.terms_id, row.added) == (TERMS, AT + timedelta(microseconds=2))


@pytest.mark.parametrize(
    ("handles", "state", "error"),
    [
        pytest.param([7], ItemState.HELD, StoreMissingError, id="a row that is not there"),
        pytest.param([1], ItemState.DISCARDED, StoreStateError, id="discarding by settling"),
        pytest.param([2], ItemState.HELD, StoreStateError, id="a discarded row"),
    ],
)
def test_settling_refuses(
    database: Database, handles: list[int], state: ItemState, error: type[Exception]
) -> None:
    put(database, item(1), item(2, state=ItemState.DRAFT))
    with database.write() as tx:
        tx.items.discard([2])
    with pytest.raises(error), database.write() as tx:
        tx.items.settle(handles, state=state, terms_id=None, at=AT)


def test_discarding_erases_bytes_selectors_and_text(database: Database) -> None:
    shared, own = domain("shared"), domain("own")
    draft, kept = put(
        database,
        item(1, state=ItemState.DRAFT, title="secret", selectors=[shared, own]),
        item(2, selectors=[shared]),
    )
    with database.write() as tx:
        tx.items.discard([draft])
        tx.items.discard([draft])
    with database.read() as tx:
        (row,) = tx.items.rows([draft])
        assert (row.state, row.title) == (ItemState.DISCARDED, "")
        assert tx.items.raw([draft, kept]).keys() == {kept}
        assert tx.items.selectors([draft]) == {}
        assert tx.items.postings([shared, own], cap=9) == {
            shared: Posting(frequency=1, handles=(kept,))
        }
    assert listed(database, ItemFilter(states=ALL_STATES, text="secret")) == []


def test_what_is_held_cannot_be_discarded(database: Database) -> None:
    (handle,) = put(database, item(1))
    with pytest.raises(StoreStateError), database.write() as tx:
        tx.items.discard([handle])


def test_a_discarded_draft_offered_again_is_taken_up_under_its_handle_and_number(
    database: Database,
) -> None:
    (handle,) = put(database, item(1, state=ItemState.DRAFT))
    with database.write() as tx:
        tx.items.discard([handle])
        again = item(1, note="better", state=ItemState.DRAFT, selectors=[domain("a")])
        outcomes = tx.items.add([again, again], at=AT)
    assert [outcome.outcome for outcome in outcomes] == [Stored.NEW, Stored.DUPLICATE]
    with database.read() as tx:
        (row,) = tx.items.rows([handle])
        assert tx.items.raw([handle]) == {handle: again.obj.raw}
        assert tx.items.selectors([handle]) == {handle: {domain("a")}}
    assert (row.state, row.content_hash) == (ItemState.DRAFT, again.obj.content_hash)
    assert str(row.number) == "XA-2026-00001"


def test_rows_come_in_the_order_asked_and_absent_ones_are_left_out(database: Database) -> None:
    first, second = put(database, item(1), item(2))
    with database.read() as tx:
        assert [row.handle for row in tx.items.rows([second, 99, first])] == [second, first]
        assert tx.items.by_key(ItemKey(originator=XB, object_id=stix(1).id, version="x")) is None


def test_by_object_id_gives_the_oldest_version_first(database: Database) -> None:
    put(database, item(1, version=3), item(1, version=1), item(1, version=2))
    with database.read() as tx:
        versions = [row.key.version[8:10] for row in tx.items.by_object_id(stix(1).id)]
    assert versions == ["01", "02", "03"]


FILTERS = {
    "nothing said: what is held": (ItemFilter(), [1, 2, 3, 4]),
    "one other state": (ItemFilter(states=frozenset({ItemState.DRAFT})), [5]),
    "several states, merged by added": (
        ItemFilter(states=frozenset({ItemState.DRAFT, ItemState.HELD, ItemState.VARIANT})),
        [1, 2, 3, 4, 5, 6],
    ),
    "every state": (ItemFilter(states=frozenset()), [1, 2, 3, 4, 5, 6]),
    "a type": (ItemFilter(types=frozenset({"malware"})), [4]),
    "two types": (ItemFilter(types=frozenset({"malware", "indicator"})), [1, 2, 3, 4]),
    "an id": (ItemFilter(ids=frozenset({stix(1).id})), [1, 2, 3]),
    "an id that no row has": (ItemFilter(ids=frozenset({"indicator--x"})), []),
    "a version": (ItemFilter(versions=frozenset({"2026-01-02T00:00:00.000Z"})), [2]),
    "an originator": (ItemFilter(originators=frozenset({XB})), [3]),
    "the newest of each": (ItemFilter(newest_only=True), [2, 3, 4]),
    "the newest of each, drafts too": (
        ItemFilter(newest_only=True, states=frozenset({ItemState.HELD, ItemState.DRAFT})),
        [3, 4, 5],
    ),
    "added later": (ItemFilter(added_after=AT + timedelta(microseconds=1)), [3, 4]),
    "words": (ItemFilter(text="harbour crane"), [1]),
    "words and an id": (ItemFilter(text="harbour", ids=frozenset({stix(1).id})), [1, 3]),
    "words in another state": (
        ItemFilter(text="harbour", states=frozenset({ItemState.DRAFT})),
        [5],
    ),
    "words and the newest": (ItemFilter(text="harbour", newest_only=True), [3]),
    "no word at all": (ItemFilter(text=" ... "), []),
    "all at once": (
        ItemFilter(
            types=frozenset({"indicator"}),
            ids=frozenset({stix(1).id}),
            originators=frozenset({XA}),
            versions=frozenset({"2026-01-01T00:00:00.000Z"}),
            text="crane",
        ),
        [1],
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(database: Database, name: str) -> None:
    which, wanted = FILTERS[name]
    put(
        database,
        item(1, title="Harbour crane"),
        item(1, version=2, title="dock"),
        item(1, originator=XB, title="harbour"),
        item(2, kind="malware"),
        item(1, version=3, state=ItemState.DRAFT, title="harbour"),
        item(9, state=ItemState.VARIANT),
    )
    assert listed(database, which) == wanted


SEARCHES = {
    "case and accents do not count": ("CAFE", True),
    "Cyrillic": ("порт", True),
    "one Han character": ("北", True),
    "neighbouring Han characters": ("京市", True),
    "Han characters that are no neighbours": ("北市", False),
    "a web address": ("http://bad.example/x", True),
    "part of a word": ("caf", False),
    "an operator is a plain word": ("café OR nothing", False),
    "a column filter is plain words": ("title: café", False),
    "quotes and stars": ('"café" *', True),
    "an open quote": ('"café', True),
    "parentheses and minus": ("-(café)", True),
    "a NUL": ("café\0", True),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_searching_takes_plain_words_only(database: Database, name: str) -> None:
    query, found = SEARCHES[name]
    new = NewItem(
        obj=stix(1),
        originator=XA,
        state=ItemState.HELD,
        title="Café du Порт 北京市",
        text="see http://bad.example/x",
    )
    put(database, new)
    assert listed(database, ItemFilter(text=query)) == ([1] if found else [])


def test_pages_follow_each_other_without_gap_or_repeat(database: Database) -> None:
    handles = put(database, *(item(number, title="word") for number in range(7)))
    for which in (ItemFilter(), ItemFilter(text="word"), ItemFilter(states=frozenset())):
        seen: list[int] = []
        after = None
        with database.read() as tx:
            while page := tx.items.page(which, after=after, limit=3):
                seen += [row.handle for row in page]
                after = page[-1].added
        assert seen == handles


def test_postings_count_visible_items_only_and_give_the_newest(database: Database) -> None:
    common, rare, hidden = domain("common"), domain("rare"), domain("hidden")
    handles = put(
        database,
        *(item(number, selectors=[common]) for number in range(5)),
        item(6, selectors=[rare, common], state=ItemState.DRAFT),
        item(7, selectors=[rare]),
        item(8, selectors=[hidden], state=ItemState.QUARANTINED),
    )
    with database.read() as tx:
        found = tx.items.postings([common, rare, hidden, domain("absent"), rare], cap=2)
        assert tx.items.selectors([*handles[4:6], 99]) == {
            handles[4]: {common},
            handles[5]: {rare, common},
        }
    assert found == {
        common: Posting(frequency=5, handles=(handles[4], handles[3])),
        rare: Posting(frequency=1, handles=(handles[6],)),
    }


def test_one_value_of_two_kinds_is_two_selectors(database: Database) -> None:
    name = Selector(SelectorKind.NAME, "a.example")
    (handle,) = put(database, item(1, selectors=[domain("a"), name]))
    with database.read() as tx:
        assert tx.items.postings([name], cap=1) == {name: Posting(frequency=1, handles=(handle,))}


def test_selectors_that_share_a_hash_are_kept_apart(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foedus.store.sql.postings._hash", lambda _pair: 7)
    first, second = put(
        database, item(1, selectors=[domain("a")]), item(2, selectors=[domain("b")])
    )
    with database.read() as tx:
        found = tx.items.postings([domain("a"), domain("b"), domain("c")], cap=1)
    assert {one: posting.handles for one, posting in found.items()} == {
        domain("a"): (first,),
        domain("b"): (second,),
    }


def test_markings_of_any_originator_but_not_from_quarantine(database: Database) -> None:
    def marking(number: int, name: str) -> StixObject:
        document = {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": f"marking-definition--{uuid.UUID(int=number, version=4)}",
            "created": "2026-01-01T00:00:00.000Z",
            "definition_type": "statement",
            "definition": {"statement": name},
        }
        return parse_object(json.dumps(document).encode())

    good, later, refused = marking(1, "first"), marking(1, "second"), marking(2, "refused")
    put(
        database,
        NewItem(obj=good, originator=XB, state=ItemState.HELD),
        NewItem(obj=later, originator=XA, state=ItemState.HELD),
        NewItem(obj=refused, originator=XB, state=ItemState.QUARANTINED),
    )
    with database.read() as tx:
        assert tx.items.markings([good.id, refused.id, "marking-definition--x"]) == {good.id: good}


def test_terms_are_kept_once(database: Database) -> None:
    with database.write() as tx:
        tx.items.put_terms(TERMS, b"{}")
        tx.items.put_terms(TERMS, b"{}")
    with database.read() as tx:
        assert tx.items.terms([TERMS, ObjectId("marking-definition--x")]) == {TERMS: b"{}"}


def test_counts_by_state(database: Database) -> None:
    put(database, item(1), item(2), item(3, state=ItemState.DRAFT))
    with database.read() as tx:
        assert tx.items.counts() == {ItemState.HELD: 2, ItemState.DRAFT: 1}


def test_a_reading_transaction_cannot_write(database: Database) -> None:
    with pytest.raises(StoreReadOnlyError), database.read() as tx:
        tx.items.put_terms(TERMS, b"{}")
