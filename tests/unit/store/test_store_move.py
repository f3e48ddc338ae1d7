"""A store is carried whole from one engine to the other, and a node never has two."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from foedus.model.identifiers import MemberId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import Act, Database, ItemFilter, ItemState, NewItem, UserRow
from foedus.store import SQLiteDatabase
from foedus.store.errors import (
    StoreBrokenError,
    StoreForeignError,
    StoreLockedError,
    StoreMemberError,
    StoreMissingError,
    StoreMovedError,
)
from foedus.store.move import Shape, Side, measured, move
from foedus.store.opening import open_store
from foedus.store.relocate import move_to_postgres, move_to_sqlite
from foedus.store.store_status import status_of

psycopg = pytest.importorskip("psycopg", reason="psycopg (the extra postgres) is not installed")

from foedus.store.postgres import PostgresDatabase  # noqa: E402  # after the skip
from foedus.store.postgres.moving import PostgresSide, SnapshotSide  # noqa: E402  # as above
from foedus.store.sqlite.moving import SQLiteSide  # noqa: E402

XA = MemberId("XA")
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def item(number: int) -> NewItem:
    raw = (
        '{"type":"campaign","spec_version":"2.1","id":"campaign--00000000-0000-4000-8000-'
        f'{number:012d}","created":"2026-11-01T00:00:00.000Z","modified":'
        '"2026-11-01T00:00:00.000Z","name":"x"}'
    )
    return NewItem(
        obj=parse_object(raw.encode()),
        originator=XA,
        state=ItemState.HELD if number % 2 else ItemState.DRAFT,
        terms_id=None,
        received_from=None,
        received_under=None,
        source=None,
        title=f"Ёлка {number} 银行",
        text="phishing \0 kit",
        selectors=frozenset({Selector(SelectorKind.DOMAIN, f"d{number % 7}.example")}),
        variant_of=None,
        numbered=True,
    )


def fill(store: Database) -> None:
    with store.write() as tx:
        outcomes = tx.items.add([item(number) for number in range(250)], at=AT)
        variant = replace(item(900), variant_of=outcomes[3].handle, state=ItemState.VARIANT)
        tx.items.add([variant], at=AT)
        for number in range(30):
            tx.acts.record(Act(at=AT, user="ada", act="test", subject=f"é\0 {number}"))
        tx.people.put_user(UserRow(name="ada", roles=frozenset({"administrator"}), created=AT))


def told(store: Database) -> dict[str, Any]:
    """What a store says, in the words of its transactions."""
    held = frozenset({ItemState.HELD})
    with store.read() as tx:
        rows = tx.items.page(ItemFilter(states=held), after=None, limit=1000)
        return {
            "rows": rows,
            "raw": tx.items.raw([row.handle for row in rows]),
            "found": tx.items.page(ItemFilter(text="银行 phishing kit"), after=None, limit=1000),
            "postings": tx.items.postings([Selector(SelectorKind.DOMAIN, "d3.example")], cap=9),
            "acts": [number for number, _ in tx.acts.page(after=0, limit=99)],
            "users": tx.people.users(),
        }


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "foedus.db"
    with closing(SQLiteDatabase(path, member=XA)) as store:
        fill(store)
    return path


def digests(side: Any) -> dict[str, tuple[int, str]]:
    found = [measured(side, shape) for shape in side.shapes()]
    return {each.name: (each.count, each.digest) for each in found}


def test_there_and_back_again(place: Path, new_database: Callable[[], str]) -> None:
    url = new_database()
    with closing(SQLiteDatabase(place, member=XA)) as store:
        before = told(store)
    there = move_to_postgres(place, url, member=XA)
    assert {each.name: each.count for each in there.tables}["item"] == 251
    with closing(PostgresDatabase(url, member=XA)) as store:
        assert told(store) == before
        with store.write() as tx:
            tx.acts.record(Act(at=AT, user="ada", act="test", subject="there"))
            tx.items.add([item(251)], at=AT)
        after = told(store)
    with pytest.raises(StoreMovedError, match="moved to PostgreSQL"):
        SQLiteDatabase(place, member=XA).close()
    back = move_to_sqlite(url, place, member=XA)
    assert len(back.tables) == len(there.tables)
    with closing(SQLiteDatabase(place, member=XA)) as store:
        assert told(store) == after
        with store.write() as tx:
            tx.items.add([item(253)], at=AT)
    with pytest.raises(StoreMovedError, match="moved to SQLite"):
        PostgresDatabase(url, member=XA)
    assert [each.state for each in status_of(place, url)] == [
        "",
        "moved to SQLite, in its data directory",
    ]
    assert not list(place.parent.glob("*arriving*"))


def test_a_digest_is_one_number_on_both(place: Path, new_database: Callable[[], str]) -> None:
    url = new_database()
    moved = move_to_postgres(place, url, member=XA)
    with closing(SnapshotSide(url)) as side:
        assert digests(side) == {each.name: (each.count, each.digest) for each in moved.tables}


def test_a_copy_is_a_store_of_its_own(
    place: Path, new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = new_database()
    move_to_postgres(place, url, member=XA)
    with closing(PostgresDatabase(url, member=XA)) as store:
        store.copy_to(tmp_path / "copy.db")
        with closing(SQLiteDatabase(tmp_path / "copy.db", member=XA)) as copy:
            assert told(copy) == told(store)
        with pytest.raises(StoreBrokenError, match="cannot write"):
            store.copy_to(tmp_path / "copy.db")


class FailsError(Exception):
    """A crash."""


class Breaking:
    """A side that fails at one call of one name, as a crash would."""

    def __init__(self, side: Side, call: str, *, after: int) -> None:
        self._side, self._call, self._left = side, call, after

    def __getattr__(self, name: str) -> Any:
        if name == self._call:
            self._left -= 1
            if self._left < 0:
                raise FailsError
        return getattr(self._side, name)


CRASHES = [
    ("new", "empty", 0),
    ("new", "add", 0),
    ("new", "add", 5),
    ("old", "rows", 9),
    ("new", "settle", 0),
    ("new", "rows", 4),
    ("new", "set_mark", 0),
    ("old", "set_mark", 0),
]


@pytest.mark.parametrize(("side", "call", "after"), CRASHES)
def test_a_crash_leaves_the_old_store_and_no_new_one(
    side: str,
    call: str,
    after: int,
    place: Path,
    new_database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from foedus.store import relocate  # noqa: PLC0415  # what is broken

    url, real = new_database(), move

    def broken(old: Side, new: Side, **more: Any) -> Any:
        pair = {"old": old, "new": new}
        pair[side] = Breaking(pair[side], call, after=after)
        return real(pair["old"], pair["new"], **more)

    monkeypatch.setattr(relocate, "move", broken)
    with pytest.raises(FailsError):
        move_to_postgres(place, url, member=XA)
    with closing(SQLiteDatabase(place, member=XA)) as store:
        before = told(store)
    with pytest.raises((StoreMovedError, StoreMissingError)):
        PostgresDatabase(url, member=XA, create=False)
    monkeypatch.setattr(relocate, "move", real)
    move_to_postgres(place, url, member=XA)
    with closing(PostgresDatabase(url, member=XA)) as moved:
        assert told(moved) == before


def test_a_crash_before_the_last_step_is_finished_by_repeating(
    place: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from foedus.store import relocate  # noqa: PLC0415  # what is broken

    url, real = new_database(), move
    monkeypatch.setattr(
        relocate,
        "move",
        lambda old, new, **more: real(old, Breaking(new, "set_mark", after=1), **more),
    )
    with pytest.raises(FailsError):
        move_to_postgres(place, url, member=XA)
    for address in ("", url):
        with pytest.raises(StoreMovedError):
            open_store(place, address, member=XA, create=False)
    monkeypatch.setattr(relocate, "move", real)
    assert move_to_postgres(place, url, member=XA).tables == ()
    with closing(PostgresDatabase(url, member=XA)) as store:
        assert len(told(store)["acts"]) == 30


def test_what_an_earlier_move_left_elsewhere_never_becomes_the_store(
    place: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from foedus.store import relocate  # noqa: PLC0415  # what is broken

    left, chosen, real = new_database(), new_database(), move
    monkeypatch.setattr(
        relocate,
        "move",
        lambda old, new, **more: real(Breaking(old, "set_mark", after=0), new, **more),
    )
    with pytest.raises(FailsError):  # all of it is there, and the old store goes on
        move_to_postgres(place, left, member=XA)
    monkeypatch.setattr(relocate, "move", real)
    with closing(SQLiteDatabase(place, member=XA)) as store, store.write() as tx:
        tx.acts.record(Act(at=AT, user="tom", act="later", subject=""))
    move_to_postgres(place, chosen, member=XA)
    with pytest.raises(StoreMovedError, match="older"):
        move_to_postgres(place, left, member=XA)
    with pytest.raises(StoreMovedError):
        PostgresDatabase(left, member=XA, create=False)


def test_a_row_that_arrives_otherwise_is_found(
    place: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PostgresSide.add

    def tampered(self: PostgresSide, shape: Shape, rows: Sequence[tuple[Any, ...]]) -> None:
        if shape.name == "act":
            rows = [(*row[:-1], "another") for row in rows]
        real(self, shape, rows)

    monkeypatch.setattr(PostgresSide, "add", tampered)
    with pytest.raises(StoreBrokenError, match="of act arrived 30 rows"):
        move_to_postgres(place, new_database(), member=XA)
    SQLiteDatabase(place, member=XA).close()


def test_what_stands_somewhere_is_never_overwritten(
    place: Path, new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = new_database()
    with closing(PostgresDatabase(url, member=XA)):
        pass
    with pytest.raises(StoreForeignError, match="holds a node's store already"):
        move_to_postgres(place, url, member=XA)
    with pytest.raises(StoreForeignError, match="holds a store already"):
        move_to_sqlite(url, place, member=XA)
    with pytest.raises(StoreMemberError):
        move_to_sqlite(url, tmp_path / "none.db", member=MemberId("XB"))
    with pytest.raises(StoreMissingError):
        move_to_postgres(tmp_path / "none.db", url, member=XA)


def test_nothing_is_moved_while_somebody_writes_or_serves(
    place: Path, new_database: Callable[[], str], tmp_path: Path
) -> None:
    with closing(sqlite3.connect(place, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLockedError):
            SQLiteSide(place, new=False, timeout_s=0.1)
        writer.execute("ROLLBACK")
    url = new_database()
    move_to_postgres(place, url, member=XA)
    with psycopg.connect(url, autocommit=True) as leading:
        leading.execute(
            "INSERT INTO lease (holder, place, fence, expires)"
            " VALUES ('x', '', 1, now() + interval '1 minute')"
        )
        with pytest.raises(StoreLockedError, match="serves this node"):
            move_to_sqlite(url, tmp_path / "new.db", member=XA)
        leading.execute("DELETE FROM lease")
    with closing(PostgresDatabase(url, member=XA, lock_timeout_s=0.2)) as store:
        with store.write(), pytest.raises(StoreLockedError):
            PostgresSide(url, member=XA, old=True, timeout_s=0.2)
        move_to_sqlite(url, tmp_path / "new.db", member=XA)
        with pytest.raises(StoreMovedError), store.write():
            raise AssertionError
