"""What is PostgreSQL's own: who may open it, what failures say, many processes, lost servers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.model.identifiers import MemberId
from foedus.node.ports import Act
from foedus.store.errors import (
    StoreAwayError,
    StoreBrokenError,
    StoreClosedError,
    StoreError,
    StoreForeignError,
    StoreLockedError,
    StoreMemberError,
    StoreMissingError,
    StoreMovedError,
    StoreReadOnlyError,
    StoreTooNewError,
)
from foedus.store.opening import open_store, refuse_occupied

if TYPE_CHECKING:
    from tests.conftest import Server

psycopg = pytest.importorskip("psycopg", reason="psycopg (the extra postgres) is not installed")

from foedus.store.postgres import PostgresDatabase, PostgresReader  # noqa: E402  # after the skip
from foedus.store.postgres.connecting import connect, mortal  # noqa: E402  # as above
from foedus.store.postgres.refusals import translated  # noqa: E402  # as above

XA = MemberId("XA")
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def store(url: str) -> Iterator[PostgresDatabase]:
    opened = PostgresDatabase(url, member=XA, lock_timeout_s=0.3)
    yield opened
    opened.close()


def act(text: str) -> Act:
    return Act(at=AT, user="ada", act="test", subject=text)


def acts(store: PostgresReader) -> list[str]:
    with store.read() as tx:
        return [each.subject for _, each in tx.acts.page(after=0, limit=10_000)]


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def test_the_address_is_never_told(store: PostgresDatabase) -> None:
    for secret in ("postgresql://u:sesame@127.0.0.1:1/x", "host=127.0.0.1 port=1 password=sesame"):
        with pytest.raises(StoreAwayError) as told:
            PostgresDatabase(secret, member=XA)
        chain: BaseException | None = told.value
        while chain is not None:
            assert "sesame" not in f"{chain!r} {chain}"
            chain = chain.__cause__
    with pytest.raises(StoreAwayError, match="is no PostgreSQL address") as told:
        PostgresDatabase("postgresql://u:se%same@[", member=XA)
    assert "same" not in f"{told.value!r}{told.value.__cause__!r}"
    assert "host=" not in repr(store)


def test_a_database_of_another_member_is_refused(url: str, store: PostgresDatabase) -> None:
    with pytest.raises(StoreMemberError, match="belongs to XA, not to XB"):
        PostgresDatabase(url, member=MemberId("XB"))
    assert acts(store) == []


def test_a_store_of_a_newer_version_is_refused(url: str, store: PostgresDatabase) -> None:
    (was,) = ask(url, "SELECT shape FROM foedus_shape")
    ask(url, "UPDATE foedus_shape SET shape = 9999")
    try:
        with pytest.raises(StoreTooNewError, match="9999"):
            PostgresDatabase(url, member=XA)
    finally:
        ask(url, f"UPDATE foedus_shape SET shape = {was[0]}")  # noqa: S608
    assert acts(store) == []


def test_tables_of_another_program_are_refused(postgres_server: str) -> None:
    name = f"other_{os.getpid()}"
    ask(postgres_server, f"CREATE DATABASE {name}")
    other = psycopg.conninfo.make_conninfo(postgres_server, dbname=name)
    try:
        ask(other, "CREATE TABLE theirs (x int)")
        with pytest.raises(StoreForeignError):
            PostgresDatabase(other, member=XA)
        with pytest.raises(StoreForeignError):
            refuse_occupied(other)
        ask(other, "DROP TABLE theirs")
        refuse_occupied(other)
        with pytest.raises(StoreMissingError, match="db move"):
            PostgresDatabase(other, member=XA, create=False)
        with closing(PostgresDatabase(other, member=XA)) as made:
            assert acts(made) == []
        with pytest.raises(StoreForeignError, match="holds a node's store already"):
            refuse_occupied(other)
    finally:
        ask(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def test_a_store_that_was_moved_refuses_every_transaction(
    url: str, store: PostgresDatabase
) -> None:
    ask(url, "UPDATE node SET moved = 'SQLite'")
    with pytest.raises(StoreMovedError), store.write():
        raise AssertionError
    with pytest.raises(StoreMovedError), store.read():
        raise AssertionError
    with pytest.raises(StoreMovedError, match="moved to SQLite"):
        PostgresDatabase(url, member=XA)
    ask(url, "UPDATE node SET moved = ''")
    assert acts(store) == []


def test_a_node_is_not_opened_on_two_stores(url: str, tmp_path: Path) -> None:
    place = tmp_path / "foedus.db"
    with pytest.raises(StoreMissingError, match="holds no store"):
        open_store(place, "", member=XA, create=False)
    assert not place.exists()
    open_store(place, "", member=XA, create=True).close()
    with pytest.raises(StoreMovedError, match="unset it"):
        open_store(place, url, member=XA, create=False)


def test_without_the_driver_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [each for each in sys.modules if each.startswith("foedus.store.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreAwayError, match="extra `postgres`"):
        open_store(tmp_path / "foedus.db", "postgresql:///x", member=XA, create=False)


def test_a_sqlite_node_loads_no_driver(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from foedus.store.opening import open_store;"
        f"open_store(Path({str(tmp_path / 'n.db')!r}), '', member='XA', create=True).close();"
        "import foedus.compose; assert 'psycopg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_second_writer_waits_and_then_gives_up(url: str, store: PostgresDatabase) -> None:
    with (
        closing(PostgresDatabase(url, member=XA, lock_timeout_s=0.2)) as other,
        store.write() as tx,
    ):
        tx.acts.record(act("first"))
        with pytest.raises(StoreLockedError), other.write():
            raise AssertionError
        assert acts(other) == []
    assert acts(store) == ["first"]


def test_a_thread_does_not_wait_for_itself(store: PostgresDatabase) -> None:
    with store.write(), pytest.raises(StoreLockedError, match="this thread"), store.write():
        raise AssertionError


def test_a_failed_act_leaves_nothing_and_the_store_usable(store: PostgresDatabase) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as tx:  # noqa: PT012
        tx.acts.record(act("lost"))
        raise ZeroDivisionError
    with store.write() as tx:
        tx.acts.record(act("kept"))
    assert acts(store) == ["kept"]


def test_an_act_whose_statement_failed_is_never_told_as_kept(store: PostgresDatabase) -> None:
    with pytest.raises(StoreBrokenError, match="nothing of it was kept"), store.write() as tx:  # noqa: PT012
        tx.acts.record(act("lost"))
        with suppress(StoreError):  # who takes an error for an answer ends the act by it
            tx.acts._session.rows("SELECT 1 / 0")  # any that fails
    assert acts(store) == []


def test_a_reader_sees_the_moment_it_began_and_cannot_write(store: PostgresDatabase) -> None:
    with store.read() as tx:
        with store.write() as writing:
            writing.acts.record(act("later"))
        assert tx.acts.page(after=0, limit=9) == []
        with pytest.raises(StoreReadOnlyError):
            tx.acts.record(act("never"))
    assert acts(store) == ["later"]


def test_a_transaction_is_dead_after_its_block(store: PostgresDatabase) -> None:
    with store.write() as tx:
        pass
    with pytest.raises(StoreClosedError):
        tx.acts.page(after=0, limit=1)
    store.close()
    with pytest.raises(StoreClosedError), store.read():
        raise AssertionError


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("53100", "store.full"),
        ("55P03", "store.locked"),
        ("40001", "store.locked"),
        ("57014", "store.locked"),
        ("XX001", "store.corrupt"),
        ("25006", "store.read_only"),
        ("23503", "store.missing"),
        ("57P01", "store.away"),
        ("08006", "store.away"),
        ("42601", "store.broken"),
    ],
)
def test_errors_are_told_in_the_words_of_the_store(state: str, code: str) -> None:
    error = psycopg.errors.lookup(state)("host=10.0.0.1 password=sesame")
    told = translated(error)
    assert told.code == code
    assert "sesame" not in str(told)


def test_a_lost_connection_at_rest_is_replaced_in_silence(
    url: str, store: PostgresDatabase
) -> None:
    assert acts(store) == []
    ask(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    assert acts(store) == []
    with store.write() as tx:
        tx.acts.record(act("after"))
    assert acts(store) == ["after"]


def test_a_connection_lost_within_an_act_keeps_nothing(url: str, store: PostgresDatabase) -> None:
    with pytest.raises(StoreError), store.write() as tx:  # noqa: PT012
        tx.acts.record(act("lost"))
        ask(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        tx.acts.record(act("lost too"))
    assert acts(store) == []


def test_a_commit_that_was_lost_says_that_its_outcome_is_not_known(
    url: str, store: PostgresDatabase
) -> None:
    with (  # noqa: PT012
        pytest.raises(StoreAwayError, match="whether this act was kept is not known"),
        store.write() as tx,
    ):
        tx.acts.record(act("lost"))
        ask(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    assert acts(store) == []


def test_commits_are_durable_whatever_the_server_says(url: str, postgres_server: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    ask(postgres_server, f"ALTER DATABASE {name} SET synchronous_commit = off")
    with closing(PostgresDatabase(url, member=XA)) as store, store.write() as tx:
        session = tx.acts._session  # what carries statements
        assert session.rows("SHOW synchronous_commit") == [("on",)]
    ask(postgres_server, f"ALTER DATABASE {name} RESET synchronous_commit")


def test_what_is_erased_is_freed_once_no_snapshot_holds_it(
    url: str, store: PostgresDatabase
) -> None:
    assert store.forget()
    with closing(PostgresReader(url, member=XA)) as other, other.read():
        with store.write() as tx:
            tx.acts.record(act("newer than the snapshot"))
        assert not store.forget()
    assert store.forget()


WRITER = """
import sys, time
from datetime import UTC, datetime
from foedus.node.ports import Act
from foedus.store.postgres import PostgresDatabase
from foedus.store.sql.instants import reserve
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = PostgresDatabase(url, member="XA")
print("ready", flush=True)
for number in range(count):
    with store.write() as tx:
        session = tx.acts._session
        rows = [(each,) for each in range(1 + number % 3)]
        first = reserve(session, at=datetime.now(UTC), count=len(rows))
        session.run_many(
            "INSERT INTO hunted (added, writer) VALUES (?, ?)",
            [(first + place, name) for place, _ in enumerate(rows)],
        )
        if number % 4 == 0:
            time.sleep(0.002)
store.close()
"""


def test_no_follower_misses_a_row_of_several_processes(url: str, store: PostgresDatabase) -> None:
    ask(url, "CREATE TABLE hunted (added bigint PRIMARY KEY, writer text NOT NULL)")
    try:
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, url, f"w{number}", "60"], stdout=subprocess.PIPE
            )
            for number in range(3)
        ]
        done = threading.Event()
        seen: list[list[int]] = [[], []]

        def follow(mine: list[int]) -> None:
            after, last = 0, False
            while True:
                with store.read() as tx:
                    session = tx.acts._session  # as above
                    rows = session.rows(
                        "SELECT added FROM hunted WHERE added > ? ORDER BY added LIMIT 7", (after,)
                    )
                mine += [added for (added,) in rows]
                after = mine[-1] if mine else 0
                if last and not rows:
                    return
                last = done.is_set()

        followers = [threading.Thread(target=follow, args=(mine,)) for mine in seen]
        for thread in followers:
            thread.start()
        assert [writer.wait(120) for writer in writers] == [0, 0, 0]
        done.set()
        for thread in followers:
            thread.join(30)
        kept = [added for (added,) in ask(url, "SELECT added FROM hunted ORDER BY added")]
        assert len(kept) == 3 * 20 * (1 + 2 + 3)
        assert seen == [kept, kept]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
        ask(url, "DROP TABLE hunted")


HOLDER = """
import sys
from datetime import UTC, datetime
from foedus.node.ports import Act
from foedus.store.postgres import PostgresDatabase
store = PostgresDatabase(sys.argv[1], member="XA")
for subject in ("kept", "lost"):
    with store.write() as tx:
        tx.acts.record(Act(at=datetime.now(UTC), user="ada", act="test", subject=subject))
        if subject == "lost":
            print("within", flush=True)
            sys.stdin.read()
"""


def test_a_writer_killed_within_an_act_blocks_nobody_and_keeps_nothing(url: str) -> None:
    with closing(PostgresDatabase(url, member=XA)) as store:
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"within\n"
            holder.kill()
        with store.write() as tx:
            tx.acts.record(act("next"))
        assert acts(store) == ["kept", "next"]


def test_a_server_that_is_killed_comes_back_with_all_that_was_committed(
    own_server: Server,
) -> None:
    with closing(PostgresDatabase(own_server.address, member=XA)) as store:
        for number in range(20):
            with store.write() as tx:
                tx.acts.record(act(f"act {number}"))
        with pytest.raises(StoreAwayError), store.write() as tx:  # noqa: PT012
            tx.acts.record(act("lost"))
            own_server.kill()
            tx.acts.record(act("lost too"))
        with pytest.raises(StoreAwayError), store.read():
            raise AssertionError
        own_server.start()
        assert acts(store) == [f"act {number}" for number in range(20)]
        with store.write() as tx:
            tx.acts.record(act("again"))
        assert acts(store)[-1] == "again"


def test_a_connection_ends_where_the_network_has_vanished(new_database: Callable[[], str]) -> None:
    url = new_database()
    with closing(connect(url, lock_timeout_s=1)) as connection:
        said = connection.info.get_parameters()
        assert (said["keepalives_idle"], said["tcp_user_timeout"]) == ("10", "25000")
        assert "tcp_keepalives_idle=10" in said["options"]
    given = mortal({"tcp_user_timeout": "9", "options": "-c tcp_user_timeout=9"})
    assert given["tcp_user_timeout"] == "9"
    assert given["options"].endswith("-c tcp_user_timeout=9")
