"""Outgoing lanes and the journal of log entries."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from foedus.ledger.commitment import EMPTY_LANE, lane_digest
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind, normalise
from foedus.node.ports import (
    BatchRow,
    Database,
    ItemState,
    LedgerRow,
    NewBatch,
    NewItem,
    OutLane,
    Transaction,
)
from foedus.node.ports.recovery import ClosedLog
from foedus.store.errors import StoreBrokenError, StoreLaneError, StoreMissingError

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
TREATY = TreatyId("ab" * 32)


def object_id(number: int) -> ObjectId:
    return ObjectId(f"indicator--{uuid.UUID(int=number, version=4)}")


def add_item(
    tx: Transaction,
    number: int,
    *,
    version: int = 1,
    state: ItemState = ItemState.HELD,
    variant_of: int | None = None,
    selectors: frozenset[Selector] = frozenset(),
) -> int:
    document = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": object_id(number),
        "created": "2026-01-01T00:00:00.000Z",
        "modified": f"2026-01-{version:02d}T00:00:00.000Z",
    }
    new = NewItem(
        obj=parse_object(json.dumps(document).encode()),
        originator=XA,
        state=state,
        variant_of=variant_of,
        selectors=selectors,
        numbered=False,
    )
    return tx.items.add([new], at=AT)[0].handle


def salted(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def prepare(tx: Transaction, recipient: MemberId, lane: str, handles: Sequence[int]) -> NewBatch:
    """Store document and log entry of a batch, and return it ready to append."""
    index = tx.ledger.count()
    document = add_item(tx, 1_000_000 + index, state=ItemState.PROTOCOL)
    entry = salted(f"entry {index}")
    rows = tuple(
        BatchRow(
            handle=handle,
            salt=salted(f"s {index} {handle}"),
            commitment=salted(f"c {index} {handle}"),
        )
        for handle in handles
    )
    digest = tx.feeds.lane(recipient, lane).digest
    for commitment in (entry, *(row.commitment for row in rows)):
        digest = lane_digest(digest, commitment)
    assert tx.ledger.append(entry, salt=salted("salt"), record=b"{}", at=AT) == index
    return NewBatch(
        recipient=recipient,
        lane=lane,
        treaty=TREATY,
        article="8",
        document=document,
        entry_index=index,
        entry=entry,
        rows=rows,
        digest_after=digest,
        at=AT,
    )


def disclose(
    database: Database, recipient: MemberId, lane: str, handles: Sequence[int]
) -> NewBatch:
    with database.write() as tx:
        batch = prepare(tx, recipient, lane, handles)
        tx.feeds.append(batch)
    return batch


def add_items(database: Database, count: int) -> list[int]:
    with database.write() as tx:
        return [add_item(tx, number) for number in range(count)]


def test_a_lane_nothing_was_put_in_is_empty(database: Database) -> None:
    with database.read() as tx:
        assert tx.feeds.lane(XB, "bulk") == OutLane(
            recipient=XB, lane="bulk", count=0, digest=EMPTY_LANE
        )
        assert tx.feeds.page(XB, "bulk", after=None, limit=10) == ()


def test_batches_continue_their_lane_and_no_other(database: Database) -> None:
    handles = add_items(database, 3)
    disclose(database, XB, "bulk", handles[:2])
    disclose(database, XC, "bulk", handles[:1])
    last = disclose(database, XB, "bulk", handles[2:])
    with database.read() as tx:
        assert tx.feeds.lane(XB, "bulk") == OutLane(
            recipient=XB, lane="bulk", count=5, digest=last.digest_after
        )
        assert tx.feeds.counts() == {(XB, "bulk"): 3, (XC, "bulk"): 1}
        rows = tx.feeds.page(XB, "bulk", after=None, limit=10)
        raws = tx.items.raw([row.handle for row in rows])
    assert [row.position for row in rows] == [1, 2, 3, 4, 5]
    assert [row.handle for row in rows if row.handle in handles] == handles
    assert [row.raw for row in rows] == [raws[row.handle] for row in rows]
    assert rows[1].object_id == object_id(0)
    assert (rows[1].type, rows[1].version) == ("indicator", "2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_lose_nothing_whatever_their_size(database: Database, limit: int) -> None:
    handles = add_items(database, 9)
    for start, end in ((0, 3), (3, 3), (3, 4), (4, 9)):
        disclose(database, XB, "bulk", handles[start:end])
        disclose(database, XC, "bulk", handles[start:end])
    seen = []
    after: datetime | None = None
    while True:
        with database.read() as tx:
            page = tx.feeds.page(XB, "bulk", after=after, limit=limit)
        if not page:
            break
        seen += list(page)
        after = page[-1].added
    assert [row.position for row in seen] == list(range(1, 14))
    assert all(one.added < other.added for one, other in pairwise(seen))


def test_added_instants_differ_over_lanes_and_items(database: Database) -> None:
    handles = add_items(database, 2)
    disclose(database, XB, "bulk", handles)
    disclose(database, XC, "bulk", handles)
    with database.write() as tx:
        late = tx.items.rows([add_item(tx, 77)])[0].added
    with database.read() as tx:
        rows = [
            *tx.feeds.page(XB, "bulk", after=None, limit=9),
            *tx.feeds.page(XC, "bulk", after=None, limit=9),
        ]
    instants = [row.added for row in rows]
    assert len(set(instants)) == len(instants)
    assert max(instants) < late


def test_a_page_after_any_instant_starts_right_behind_it(database: Database) -> None:
    disclose(database, XB, "bulk", add_items(database, 3))
    with database.read() as tx:
        rows = tx.feeds.page(XB, "bulk", after=None, limit=9)
        for instant in (
            AT - timedelta(days=1),
            *(row.added for row in rows),
            AT.replace(year=2030),
        ):
            page = tx.feeds.page(XB, "bulk", after=instant, limit=9)
            assert [row.position for row in page] == [
                row.position for row in rows if row.added > instant
            ]


BROKEN = {
    "another digest": ({"digest_after": bytes(32)}, StoreLaneError),
    "another log entry": ({"entry_index": 0}, StoreLaneError),
    "a log entry that is not there": ({"entry_index": 99}, StoreMissingError),
    "a document that is not there": ({"document": 99}, StoreMissingError),
    "rows left out": ({"rows": ()}, StoreLaneError),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_batch_that_does_not_fit_is_refused_whole(database: Database, name: str) -> None:
    changes, error = BROKEN[name]
    handles = add_items(database, 1)
    disclose(database, XB, "bulk", handles)
    with database.write() as tx:
        good = prepare(tx, XB, "bulk", handles)
    # Every change is of one field's own type.
    bad = replace(good, **changes)  # type: ignore[arg-type]
    with pytest.raises(error), database.write() as tx:
        tx.feeds.append(bad)
    with database.write() as tx:
        tx.feeds.append(good)
    with database.read() as tx:
        assert tx.feeds.lane(XB, "bulk").count == 4


def test_an_item_that_is_not_stored_cannot_be_given(database: Database) -> None:
    with pytest.raises(StoreMissingError), database.write() as tx:
        tx.feeds.append(prepare(tx, XB, "bulk", [99]))
    with database.read() as tx:
        assert (tx.feeds.lane(XB, "bulk").count, tx.ledger.count()) == (0, 0)


def test_who_holds_an_item_counts_its_variants(database: Database) -> None:
    plain, original, kept, *_ = add_items(database, 3)
    with database.write() as tx:
        variant = add_item(tx, 50, state=ItemState.VARIANT, variant_of=original)
    first = disclose(database, XB, "bulk", [plain, variant])
    second = disclose(database, XC, "orders", [original])
    asked = [object_id(0), object_id(1), object_id(2), object_id(60)]
    with database.read() as tx:
        assert tx.feeds.holds(XB, [plain, original, kept, 99]) == {plain, original}
        assert tx.feeds.holds(XC, [plain, original, kept]) == {original}
        assert tx.feeds.given(XB, asked) == {
            object_id(0): object_id(0),
            object_id(1): object_id(50),
        }
        assert tx.feeds.given(XC, asked) == {object_id(1): object_id(1)}
        got = tx.feeds.disclosures(original)
        assert tx.feeds.disclosures(kept) == []
        assert tx.feeds.disclosures(first.document) == []
    assert [
        (one.recipient, one.lane, one.position, one.offset, one.handle, one.document) for one in got
    ] == [
        (XB, "bulk", 3, 1, variant, first.document),
        (XC, "orders", 2, 0, original, second.document),
    ]
    assert [(one.treaty, one.article, one.entry_index, one.at) for one in got] == [
        (TREATY, "8", 0, AT),
        (TREATY, "8", 1, AT),
    ]


def test_of_original_and_variant_given_the_original_id_stands(database: Database) -> None:
    (original,) = add_items(database, 1)
    with database.write() as tx:
        variant = add_item(tx, 50, state=ItemState.VARIANT, variant_of=original)
    disclose(database, XB, "bulk", [original])
    disclose(database, XB, "bulk", [variant])
    with database.read() as tx:
        assert tx.feeds.given(XB, [object_id(0)]) == {object_id(0): object_id(0)}


def test_batches_come_in_order_of_their_log_entries(database: Database) -> None:
    handles = add_items(database, 1)
    stored = [disclose(database, recipient, "bulk", handles) for recipient in (XB, XC, XB)]
    with database.read() as tx:
        found = tx.feeds.batches(after=-1, limit=2)
        assert found == [replace(batch, rows=()) for batch in stored[:2]]
        assert [batch.entry_index for batch in tx.feeds.batches(after=1, limit=9)] == [2]


def test_batches_of_a_closed_log_come_before_those_of_the_present_one(database: Database) -> None:
    handles = add_items(database, 1)
    disclose(database, XB, "bulk", handles)
    with database.write() as tx:
        tx.recovery.close_log(ClosedLog(origin="xa/log", moved=8, statement=b""), at=AT)
    disclose(database, XC, "bulk", handles)
    with database.read() as tx:
        for after, found in ((None, [-8, 0]), (-9, [-8, 0]), (-8, [0]), (-1, [0])):
            assert [each.entry_index for each in tx.feeds.batches(after=after, limit=9)] == found


def test_a_lane_names_what_it_gave_when_the_document_is_gone(database: Database) -> None:
    plain, original, erased = add_items(database, 3)
    with database.write() as tx:
        variant = add_item(tx, 50, state=ItemState.VARIANT, variant_of=original)
    batch = disclose(database, XB, "bulk", [plain, variant, erased])
    with database.write() as tx:
        tx.erasure.erase_items([erased], [ObjectId(f"indicator--{uuid.uuid4()}")])
    with database.read() as tx:
        named = tx.feeds.items_given(batch.entry_index)
        assert [(each.originator, each.object_id) for each in named] == [
            (XA, object_id(0)),
            (XA, object_id(50)),
        ]
        assert tx.feeds.items_given(99) == []


@pytest.mark.parametrize("salts", [(b"", bytes(32)), (b"", b"")])
def test_a_row_may_have_lost_its_salt_and_no_part_of_it(
    database: Database, salts: tuple[bytes, ...]
) -> None:
    handles = add_items(database, 2)
    with database.write() as tx:
        batch = prepare(tx, XB, "bulk", handles)
        rows = [
            BatchRow(handle=row.handle, salt=salt, commitment=row.commitment)
            for row, salt in zip(batch.rows, salts, strict=True)
        ]
        tx.feeds.append(replace(batch, rows=rows))
        assert [each.handle for each in tx.feeds.page(XB, "bulk", after=None, limit=9)][1:] == [
            *handles
        ]
        short = prepare(tx, XC, "bulk", handles)
        half = [BatchRow(handle=r.handle, salt=b"x", commitment=r.commitment) for r in short.rows]
        with pytest.raises(StoreLaneError, match="32 bytes"):
            tx.feeds.append(replace(short, rows=half))


def test_the_journal_keeps_entries_in_order_without_gaps(database: Database) -> None:
    entries = [salted(str(number)) for number in range(5)]
    with database.write() as tx:
        assert tx.ledger.count() == 0
        for index, entry in enumerate(entries):
            assert tx.ledger.append(entry, salt=b"s", record=b"r%d" % index, at=AT) == index
        assert tx.ledger.count() == 5
    with database.read() as tx:
        assert tx.ledger.entries(1, 4) == entries[1:4]
        assert tx.ledger.entries(3, 99) == entries[3:]
        assert tx.ledger.row(2) == LedgerRow(
            index=2, entry=entries[2], salt=b"s", record=b"r2", at=AT
        )
        assert tx.ledger.row(5) is None


def test_an_entry_of_another_length_is_refused(database: Database) -> None:
    with pytest.raises(StoreBrokenError), database.write() as tx:
        tx.ledger.append(b"short", salt=b"", record=b"", at=AT)


def test_a_recipient_that_does_not_keep_an_item_can_be_given_it_anew(database: Database) -> None:
    plain, original, kept, *_ = add_items(database, 3)
    with database.write() as tx:
        variant = add_item(tx, 50, state=ItemState.VARIANT, variant_of=original)
    first = disclose(database, XB, "bulk", [plain, variant, kept])
    disclose(database, XC, "bulk", [plain])
    asked = [plain, original, kept, 99]
    with database.write() as tx:
        assert tx.feeds.keeps(XB, asked) == {plain, original, kept}
        ids = [object_id(0), object_id(50), object_id(77)]
        # Of another recipient's disclosure, or of another entry, nobody can say anything.
        assert tx.feeds.note_kept(XC, first.entry_index, ids, code="stale-law") == 0
        assert tx.feeds.note_kept(XB, first.entry_index + 1, ids, code="stale-law") == 0
        assert tx.feeds.keeps(XB, asked) == {plain, original, kept}
        for _ in range(2):
            assert tx.feeds.note_kept(XB, first.entry_index, ids, code="stale-law") == 2
        assert tx.feeds.keeps(XB, asked) == {kept}
        assert tx.feeds.holds(XB, asked) == {plain, original, kept}, "it was given all the same"
        assert tx.feeds.keeps(XC, asked) == {plain}
        assert tx.feeds.note_kept(XB, first.entry_index, [object_id(50)], code="") == 1
        assert tx.feeds.keeps(XB, asked) == {original, kept}
    disclose(database, XB, "bulk", [plain])
    with database.read() as tx:
        assert tx.feeds.keeps(XB, asked) == {plain, original, kept}, "the newest row counts"


def test_under_which_treaty_each_row_was_given(database: Database) -> None:
    handles = add_items(database, 3)
    disclose(database, XB, "bulk", handles[:2])
    with database.write() as tx:
        tx.feeds.append(replace(prepare(tx, XB, "bulk", handles[2:]), treaty=None))
    disclose(database, XC, "bulk", handles)
    with database.read() as tx:
        assert tx.feeds.treaties(XB, "bulk", first=1, last=5) == [(3, TREATY), (5, None)]
        assert tx.feeds.treaties(XB, "bulk", first=3, last=3) == [(3, TREATY)]
        assert tx.feeds.treaties(XB, "bulk", first=5, last=9) == [(5, None)]
        assert tx.feeds.treaties(XB, "orders", first=1, last=9) == ()


def test_what_could_change_what_a_member_was_given_shows_in_its_standing(
    database: Database,
) -> None:
    handles = add_items(database, 3)
    seen = []

    def look() -> None:
        with database.read() as tx:
            seen.append((tx.feeds.standing(XB), tx.feeds.standing(XC)))

    look()
    first = disclose(database, XB, "bulk", handles[:2])
    look()
    disclose(database, XC, "bulk", handles)
    look()
    disclose(database, XB, "orders", handles[2:])
    look()
    for code in ("stale-law", ""):
        with database.write() as tx:
            assert tx.feeds.note_kept(XB, first.entry_index, [object_id(0)], code=code) == 1
        look()
    add_items(database, 0)
    look()
    of_b, of_c = zip(*seen, strict=True)
    assert [now != before for before, now in pairwise(of_b)] == [
        True, False, True, True, True, False,
    ]  # fmt: skip
    assert [now != before for before, now in pairwise(of_c)] == [
        False, True, False, True, True, False,
    ]  # fmt: skip


def test_a_salt_of_another_length_is_refused(database: Database) -> None:
    handles = add_items(database, 2)
    with database.write() as tx:
        batch = prepare(tx, XB, "bulk", handles)
        row = batch.rows[0]
        short = BatchRow(handle=row.handle, salt=row.salt[:-1], commitment=row.commitment)
        with pytest.raises(StoreLaneError, match="32 bytes"):
            tx.feeds.append(replace(batch, rows=(short, *batch.rows[1:])))
        tx.feeds.append(batch)
    with database.read() as tx:
        assert tx.feeds.lane(XB, "bulk").count == 3
        assert tx.feeds.holds(XB, handles) == frozenset(handles)


def test_selectors_of_some_kinds_only(database: Database) -> None:
    address = normalise(SelectorKind.EMAIL, "jan@example.org")
    name = normalise(SelectorKind.DOMAIN, "bad.example")
    with database.write() as tx:
        handle = add_item(tx, 1, selectors=frozenset({address, name}))
    with database.read() as tx:
        assert tx.items.selectors([handle]) == {handle: {address, name}}
        assert tx.items.selectors([handle], kinds=[SelectorKind.EMAIL]) == {handle: {address}}
        assert tx.items.selectors([handle], kinds=[SelectorKind.PHONE]) == {}
