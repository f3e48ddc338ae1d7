"""Crashes, other writers, full disks, foreign and newer files: nothing acknowledged is lost."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foedus.model.identifiers import MemberId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import Act, ItemFilter, ItemState, NewItem, Transaction
from foedus.store import SQLiteDatabase
from foedus.store.errors import (
    StoreBrokenError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreForeignError,
    StoreFullError,
    StoreLockedError,
    StoreMemberError,
    StoreTooNewError,
)
from foedus.store.sqlite.migrate import Migration, migrate, migrations, statements

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
XA = MemberId("XA")
WRITER = textwrap.dedent(
    """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path
    from foedus.node.ports import Act
    from foedus.store import SQLiteDatabase

    path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    at = datetime(2026, 11, 24, tzinfo=UTC)
    store = SQLiteDatabase(path, member="XA")
    for number in range(count):
        with store.write() as tx:
            index = tx.ledger.count()
            for step in range(20):
                tx.acts.record(Act(at=at, user=name, act="step", subject=f"{number}/{step}"))
            tx.ledger.append(bytes(32), salt=b"", record=b"", at=at)
            tx.law.put_treaty(f"{name}-{number}", b"", at=at)
        print(number, index, flush=True)
    """
)


@contextmanager
def opened(path: Path, **settings: float) -> Iterator[SQLiteDatabase]:
    # The settings are a wait in seconds and a size in bytes.
    store = SQLiteDatabase(path, member=XA, **settings)  # type: ignore[arg-type]
    try:
        yield store
    finally:
        store.close()


def item(number: int, *, size: int = 10) -> NewItem:
    document = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.UUID(int=number, version=4)}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "description": "x" * size,
    }
    return NewItem(
        obj=parse_object(json.dumps(document).encode()),
        originator=XA,
        state=ItemState.HELD,
        selectors=frozenset({Selector(SelectorKind.DOMAIN, f"h{number}.example")}),
        title=f"item {number}",
    )


def held(tx: Transaction) -> int:
    return len(tx.items.page(ItemFilter(), after=None, limit=10_000))


def start_writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def check_integrity(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with start_writer(path, "a", 100_000) as process:
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    acknowledged = 50 + len([line for line in rest if len(line.split()) == 2])
    with opened(path) as store, store.read() as tx:
        entries = tx.ledger.count()
        assert entries in {acknowledged, acknowledged + 1}
        assert len(tx.law.treaties()) == entries
        acts = tx.acts.page(after=0, limit=10_000_000)
        assert len(acts) == 20 * entries
    check_integrity(path)


def test_two_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    # Neither finds a database: both try to make it.
    with start_writer(path, "a", 30) as first, start_writer(path, "b", 30) as second:
        assert first.stdout is not None
        assert second.stdout is not None
        lines = [*first.stdout.read().splitlines(), *second.stdout.read().splitlines()]
    assert (first.returncode, second.returncode) == (0, 0)
    assert sorted(int(line.split()[1]) for line in lines) == list(range(60))
    check_integrity(path)


def test_a_change_of_law_by_another_process_shows(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with opened(path) as store:
        with store.read() as tx:
            before = tx.law.revision()
        with start_writer(path, "a", 1) as other:
            other.wait()
        with store.read() as tx:
            assert tx.law.revision() > before


def write_and_fail(store: SQLiteDatabase) -> None:
    with store.write() as tx:
        tx.ledger.append(bytes(32), salt=b"", record=b"", at=AT)
        tx.items.add([item(1)], at=AT)
        raise ZeroDivisionError


def test_an_exception_rolls_back_everything(tmp_path: Path) -> None:
    with opened(tmp_path / "node.db") as store:
        with pytest.raises(ZeroDivisionError):
            write_and_fail(store)
        with store.read() as tx:
            assert (held(tx), tx.ledger.count()) == (0, 0)


def test_a_reader_sees_the_moment_it_began_and_holds_nobody_up(tmp_path: Path) -> None:
    with opened(tmp_path / "node.db") as store, store.read() as before:
        with store.write() as tx:
            tx.items.add([item(1)], at=AT)
            with store.read() as meanwhile:
                assert held(meanwhile) == 0
        assert held(before) == 0
        with store.read() as after:
            assert held(after) == 1


def test_threads_take_turns(tmp_path: Path) -> None:
    with opened(tmp_path / "node.db") as store:

        def write(start: int) -> None:
            for number in range(start, start + 10):
                with store.write() as tx:
                    tx.items.add([item(number)], at=AT)

        threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200, 300)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.read() as tx:
            rows = tx.items.page(ItemFilter(), after=None, limit=100)
    assert sorted(row.number.sequence for row in rows if row.number) == list(range(1, 41))
    assert len({row.added for row in rows}) == 40


def test_one_thread_cannot_open_two_writing_transactions(tmp_path: Path) -> None:
    with opened(tmp_path / "node.db") as store, store.write() as outer:
        with pytest.raises(StoreLockedError), store.write():
            pass
        outer.items.add([item(1)], at=AT)


def test_a_writer_gives_up_waiting_for_another_process(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with (
        opened(path) as store,
        opened(path, lock_timeout_s=0.05) as other,
        store.write(),
        pytest.raises(StoreLockedError),
        other.write(),
    ):
        pass


def test_a_transaction_is_dead_after_its_block(tmp_path: Path) -> None:
    with opened(tmp_path / "node.db") as store:
        with store.write() as tx:
            pass
        with pytest.raises(StoreClosedError):
            tx.acts.record(Act(at=AT, user="ana", act="late", subject=""))


def test_a_closed_store_opens_nothing(tmp_path: Path) -> None:
    store = SQLiteDatabase(tmp_path / "node.db", member=XA)
    with store.read() as tx:
        store.close()
        assert held(tx) == 0
    with pytest.raises(StoreClosedError), store.read():
        pass
    with pytest.raises(StoreClosedError), store.write():
        pass


def test_a_full_disk_keeps_what_was_there_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with opened(path, max_bytes=2_000_000) as store:
        with store.write() as tx:
            tx.items.add([item(1)], at=AT)
        many = [item(number, size=10_000) for number in range(2, 300)]
        with pytest.raises(StoreFullError, match="free space"), store.write() as tx:
            tx.items.add(many, at=AT)
        with store.write() as tx:
            tx.items.add([item(2)], at=AT)
        with store.read() as tx:
            assert held(tx) == 2
    check_integrity(path)


def test_the_database_opens_again_as_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    for number in range(3):
        with opened(path) as store:
            with store.write() as tx:
                tx.items.add([item(number)], at=AT)
            with store.read() as tx:
                assert held(tx) == number + 1


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with opened(path) as store, store.write() as tx:
        tx.items.add([item(1)], at=AT)
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_commits_are_durable_and_references_checked(tmp_path: Path) -> None:
    with opened(tmp_path / "node.db") as store:
        connection = store._writing_connection()
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


def test_nothing_of_a_discarded_draft_is_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    secret = b"zanzibarsecret"
    document = json.dumps(
        {
            "type": "note",
            "spec_version": "2.1",
            "id": f"note--{uuid.UUID(int=1, version=4)}",
            "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z",
            "content": secret.decode(),
        }
    )
    draft = NewItem(
        obj=parse_object(document.encode()),
        originator=XA,
        state=ItemState.DRAFT,
        selectors=frozenset({Selector(SelectorKind.DOMAIN, f"{secret.decode()}.example")}),
        title=secret.decode(),
        text=f"other words and {secret.decode()}",
    )
    with opened(path) as store:
        with store.write() as tx:
            tx.items.add([item(2), draft], at=AT)
        with store.write() as tx:
            tx.items.add([replace(item(3), state=ItemState.DRAFT)], at=AT)
    assert secret in path.read_bytes()
    with opened(path) as store, store.write() as tx:
        tx.items.discard([2])
    assert secret not in path.read_bytes()


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


def test_a_newer_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with opened(path):
        pass
    execute(path, "PRAGMA user_version = 9999")
    with pytest.raises(StoreTooNewError, match="9999"):
        SQLiteDatabase(path, member=XA)


def test_a_database_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    execute(path, "CREATE TABLE theirs (x)")
    with pytest.raises(StoreForeignError):
        SQLiteDatabase(path, member=XA)


def test_a_database_of_another_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with opened(path):
        pass
    with pytest.raises(StoreMemberError, match="XA"):
        SQLiteDatabase(path, member=MemberId("XB"))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(b"minutes of the meeting " * 1000)
    with pytest.raises(StoreCorruptError):
        SQLiteDatabase(path, member=XA)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreBrokenError):
        SQLiteDatabase(tmp_path / "absent" / "node.db", member=XA)


def test_migrations_are_numbered_without_gaps() -> None:
    steps = migrations()
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert all(sqlite3.complete_statement(sql) for step in steps for sql in statements(step.sql))


def test_a_step_that_fails_leaves_the_step_before(tmp_path: Path) -> None:
    good = Migration(number=1, name="1", sql="CREATE TABLE a (x);\n")
    bad = Migration(number=2, name="2", sql="CREATE TABLE b (x);\nCREATE TABLE a (x);\n")
    mended = Migration(number=2, name="2", sql="CREATE TABLE b (x);\n")
    path = tmp_path / "node.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, (good, bad))
        tables = "SELECT name FROM sqlite_schema ORDER BY name"
        assert connection.execute(tables).fetchall() == [("a",)]
        assert migrate(connection, (good, mended)) == 2
        assert migrate(connection, (good, mended)) == 2
        assert connection.execute(tables).fetchall() == [("a",), ("b",)]


@pytest.mark.parametrize("count", [1, 300])
def test_statements_do_not_grow_with_items(tmp_path: Path, count: int) -> None:
    traced: list[str] = []
    with opened(tmp_path / "node.db") as store:
        connection = store._writing_connection()
        with store.write() as tx:
            items = [item(number) for number in range(count)]
            chosen = [next(iter(one.selectors)) for one in items]
            handles = [one.handle for one in tx.items.add(items, at=AT)]
            connection.set_trace_callback(traced.append)
            tx.items.add(items, at=AT)
            tx.items.rows(handles)
            tx.items.raw(handles)
            tx.items.selectors(handles)
            tx.items.postings(chosen, cap=5)
            tx.items.page(ItemFilter(text="item", newest_only=True), after=None, limit=count)
            tx.feeds.holds(MemberId("XB"), handles)
            tx.feeds.given(MemberId("XB"), [one.obj.id for one in items])
            connection.set_trace_callback(None)
    # Lines that begin with two dashes are the full-text index's own look-ups.
    ours = [sql for sql in traced if not sql.startswith("--")]
    # One of them asks whether a restore hides something for a while (postings).
    assert len(ours) == 11


def test_every_error_of_the_store_has_a_code_of_its_own() -> None:
    known = {error.code: error for error in StoreError.__subclasses__()}
    assert all(code.startswith("store.") for code in known)
    assert len(known) == len(StoreError.__subclasses__())
