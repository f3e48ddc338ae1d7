"""Erasing many at once, tombstones and reserved grounds, on every engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import Database, ItemFilter, ItemState, NewItem, SourceRow, Transaction
from foedus.node.ports.collections import CollectionRow, ObjectRow
from foedus.node.ports.erasure import NewErasure, NewTombstone, ReservedRow

AT = datetime(2026, 11, 24, tzinfo=UTC)
XA, XB = MemberId("XA"), MemberId("XB")


def item(number: int, originator: MemberId = XB, **more: object) -> NewItem:
    document = {
        "type": "indicator", "spec_version": "2.1", "name": f"sign {number}",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-11-20T00:00:00.000Z", "modified": "2026-11-20T00:00:00.000Z",
    }  # fmt: skip
    plain: dict[str, object] = {
        "obj": parse_object(json.dumps(document).encode()),
        "originator": originator,
        "state": ItemState.HELD,
        "selectors": frozenset({Selector(SelectorKind.DOMAIN, f"host{number // 2}.example")}),
        "title": f"sign {number}",
        "text": f"word{number}",
    }
    return NewItem(**{**plain, **more})  # type: ignore[arg-type]


def add(tx: Transaction, *items: NewItem) -> list[int]:
    return [each.handle for each in tx.items.add(items, at=AT)]


def act(tx: Transaction) -> int:
    index = tx.ledger.append(bytes(32), salt=bytes(32), record=b"{}", at=AT)
    return tx.erasure.add(
        NewErasure(reference="O 1", reason="", user="", at=AT, items=1, entry_index=index)
    )


def made_up(count: int) -> list[ObjectId]:
    return [ObjectId(f"indicator--00000000-0000-5000-8000-{n:012d}") for n in range(count)]


def test_many_are_erased_and_the_others_stand(database: Database) -> None:
    with database.write() as tx:
        handles = add(tx, *[item(number) for number in range(20)])
        counts = tx.erasure.erase_items(handles[:10], made_up(10))
        assert (counts["bytes"], counts["selectors"]) == (10, 5)
    with database.read() as tx:
        gone = tx.items.rows(handles[:10])
        assert {(row.state, row.title, row.modified) for row in gone} == {
            (ItemState.DISCARDED, "", None)
        }
        assert [row.key.object_id for row in gone] == made_up(10)
        assert [row.key.version for row in gone] == [f"erased.{each}" for each in handles[:10]]
        assert sorted(tx.items.raw(handles)) == handles[10:]
        found = tx.items.page(ItemFilter(text="word3"), after=None, limit=5)
        assert list(found) == []
        [left] = tx.items.page(ItemFilter(text="word13"), after=None, limit=5)
        assert left.handle == handles[13]
    assert database.forget()


def test_a_value_stays_while_anything_carries_it(database: Database) -> None:
    shared = Selector(SelectorKind.DOMAIN, "host0.example")
    with database.write() as tx:
        one, other = add(tx, item(0), item(1))
        assert "selectors" not in tx.erasure.erase_items([one], made_up(1))
        assert tx.items.postings([shared], cap=5)[shared].handles == (other,)
        names = [ObjectId("indicator--00000000-0000-5000-8000-000000000099")]
        assert tx.erasure.erase_items([other], names)["selectors"] == 1
        assert tx.items.postings([shared], cap=5) == {}


def test_what_is_restricted_leaves_what_is_visible_and_comes_back(database: Database) -> None:
    shared = Selector(SelectorKind.DOMAIN, "host0.example")
    apart = frozenset({ItemState.RESTRICTED})
    with database.write() as tx:
        one, _ = add(tx, item(0), item(1))
        tx.items.move([one], state=ItemState.RESTRICTED, at=AT)
    with database.read() as tx:
        assert tx.items.postings([shared], cap=5)[shared].frequency == 1
        assert list(tx.items.page(ItemFilter(text="word0"), after=None, limit=5)) == []
        [found] = tx.items.page(ItemFilter(text="word0", states=apart), after=None, limit=5)
        assert found.handle == one
    with database.write() as tx:
        tx.items.move([one], state=ItemState.HELD, at=AT)
        [found] = tx.items.page(ItemFilter(text="word0"), after=None, limit=5)
        assert tx.items.postings([shared], cap=5)[shared].frequency == 2
        assert "bytes" in tx.erasure.erase_items([one], made_up(1))


def test_tombstones_are_found_lifted_and_hardened(database: Database) -> None:
    marks = [bytes([number]) * 32 for number in range(4)]
    with database.write() as tx:
        assert not tx.erasure.any_tombstone()
        [one] = add(tx, item(0))
        number = act(tx)
        stones = [NewTombstone(mark=mark, kind="narrow", item=one) for mark in marks[:2]]
        tx.erasure.set_tombstones(stones, erasure=number)
        tx.erasure.set_tombstones(
            [NewTombstone(mark=marks[2], kind="recall", item=None)], erasure=None
        )
    with database.write() as tx:
        assert tx.erasure.any_tombstone()
        assert tx.erasure.tombstones(marks) == frozenset(marks[:3])
        # One mark of an item leads to all of it; what may not be lifted stands.
        assert tx.erasure.lift_tombstones(marks[:1], kind="narrow") == 2
        assert tx.erasure.lift_tombstones(marks[2:], kind="narrow") == 0
        again = [NewTombstone(mark=marks[0], kind="narrow", item=one)]
        tx.erasure.set_tombstones(again, erasure=number)
        harder = [NewTombstone(mark=marks[0], kind="recall", item=one)]
        tx.erasure.set_tombstones(harder, erasure=number)
        assert tx.erasure.lift_tombstones(marks[:1], kind="narrow") == 0


def test_grounds_end_by_their_day_or_by_hand(database: Database) -> None:
    until = AT + timedelta(days=1)
    with database.write() as tx:
        one, other = add(tx, item(0), item(1))
        rows = [
            ReservedRow(
                item=handle, ground="court-file", reason="file 7", user="dpo", at=AT, until=end
            )
            for handle, end in ((one, until), (other, None))
        ]
        tx.erasure.reserve(rows)
        assert tx.erasure.reserved([one, other], at=AT) == {one: rows[0], other: rows[1]}
        assert tx.erasure.reserved([one, other], at=until).keys() == {other}
        assert tx.erasure.release([other]) == 1
        assert tx.erasure.reserved([other], at=AT) == {}


def test_namesakes_are_drafts_and_what_others_have(database: Database) -> None:
    with database.write() as tx:
        one, theirs = add(tx, item(0), item(0, XA))
        assert tx.erasure.namesakes([one, theirs]) == {
            one: frozenset({theirs}),
            theirs: frozenset({one}),
        }


def test_copies_go_and_the_ends_of_what_is_left_are_flagged(database: Database) -> None:
    name = item(0).obj.id
    with database.write() as tx:
        row = tx.collections.put(
            CollectionRow(
                number=0, id="c1", name="desk", title="Desk", description="", created=AT,
                created_by="ana", last_added=3, objects=3, size=9, largest=3, submitted=0,
            )
        )  # fmt: skip
        tx.collections.add(
            row.number,
            [
                ObjectRow(n, name, "indicator", n, f"v{n}", int(n == 1), int(n == 3), b"abc")
                for n in (1, 2, 3)
            ],
        )
        copies = tx.erasure.copies([name])
        assert [each.version for each in copies] == [1, 2, 3]
        tx.erasure.erase_copies([copies[0], copies[2]])
        left = tx.collections.get(row.number)
        assert left is not None
        assert (left.objects, left.size) == (1, 3)
        assert tx.collections.ends(row.number, [name]) == {name: (2, 2)}


def test_a_source_of_which_nothing_is_left_tells_nothing(database: Database) -> None:
    plain = SourceRow(
        handle=0, sha256="aa", name="on somebody.json", format="bundle", at=AT, by="ana", read=1,
        taken=1, duplicates=0, added=0, refused=(("object 2", "no name"),), report=None,
    )  # fmt: skip
    with database.write() as tx:
        source = tx.sources.add(plain)
        one, other = add(tx, item(0, source=source), item(1, source=source))
        tx.erasure.erase_items([one], made_up(1))
        [row] = tx.sources.all()
        assert (row.name, row.sha256) == (plain.name, plain.sha256)
        names = [ObjectId("indicator--00000000-0000-5000-8000-000000000099")]
        tx.erasure.erase_items([other], names)
        [row] = tx.sources.all()
        assert (row.name, row.sha256, row.refused, row.read) == ("erased", "", (), 1)
