"""A store of an earlier shape is brought to the present one with all it holds; on each engine."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from foedus.model.identifiers import MemberId
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import Database, ItemFilter, ItemState
from foedus.store import SQLiteDatabase
from foedus.store.sql.words import folded
from foedus.store.sqlite.migrate import migrate, migrations

if TYPE_CHECKING:
    import psycopg

XA = MemberId("XA")
BEFORE: Final = 11
"""The last shape in which hidden items shared the indexes of visible ones."""

WORD: Final = "lanternfall"
STATES: Final = ("held", "quarantined", "draft", "variant", "protocol")


def _selector(value: str) -> tuple[int, str, str]:
    digest = hashlib.blake2b(f"domain\n{value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True), "domain", value


def _fill(
    run: Callable[[str, tuple[Any, ...]], object], words: str, fold: Callable[[str], str] = str
) -> None:
    """Store an item in each state, as shape 11 had it: words and selectors side by side."""
    run("INSERT INTO node (only_row, member) VALUES (1, ?)", (str(XA),))
    hashed, kind, value = _selector("shared.example")
    run("INSERT INTO selector (selector, hash, kind, value) VALUES (1, ?, ?, ?)",
        (hashed, kind, value))  # fmt: skip
    hashed, kind, value = _selector("hidden.example")
    run("INSERT INTO selector (selector, hash, kind, value) VALUES (2, ?, ?, ?)",
        (hashed, kind, value))  # fmt: skip
    for handle, state in enumerate(STATES, start=1):
        name = f"indicator--00000000-0000-4000-8000-{handle:012d}"
        run(
            "INSERT INTO item (handle, originator, object_id, version, type, state, content_hash,"
            " title, added) VALUES (?, 'XA', ?, 'v1', 'indicator', ?, ?, ?, ?)",
            (handle, name, state, hashlib.sha256(name.encode()).digest(), WORD, handle * 1_000),
        )
        run("INSERT INTO item_bytes (handle, raw) VALUES (?, ?)", (handle, b"{}"))
        table = "draft_text" if state == "draft" else "item_text"
        run(words.format(table=table), (handle * 1_000, fold(WORD), fold(state)))
        run("INSERT INTO posting (selector, hidden, handle) VALUES (?, ?, ?)",
            (1 if state == "held" else 2, int(state != "held"), handle))  # fmt: skip
    run(
        "INSERT INTO hit (number, arrived, held, kind, value, how, frequency, at, state,"
        " answered_by, reason) VALUES (1, 1, 1, 'domain', 'shared.example', 'exact', 1, 0, 'open',"
        " '', '')",
        (),
    )


def _sqlite(path: Path) -> Database:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert migrate(connection, migrations()[:BEFORE]) == BEFORE
        _fill(connection.execute, "INSERT INTO {table} (rowid, title, text) VALUES (?, ?, ?)")
    return SQLiteDatabase(path, member=XA)


def _postgres(url: str) -> Database:
    from foedus.store.postgres import PostgresDatabase  # noqa: PLC0415  # where it is installed
    from foedus.store.postgres import migrate as steps  # noqa: PLC0415  # likewise
    from foedus.store.postgres.connecting import connect  # noqa: PLC0415  # likewise

    with closing(connect(url, lock_timeout_s=5)) as connection:
        # What a test is given has the present shape.
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        assert steps.migrate(connection, steps.migrations()[:BEFORE]) == BEFORE

        def run(sql: str, parameters: tuple[Any, ...]) -> psycopg.Cursor[Any]:
            for place in range(1, len(parameters) + 1):
                sql = sql.replace("?", f"${place}", 1)
            return connection.execute(sql.encode(), parameters)

        from foedus.store.postgres.full_text import hashes  # noqa: PLC0415  # likewise

        numbers = ",".join(map(str, hashes(folded(WORD))))
        insert = "INSERT INTO {table} (added, title, text, words) VALUES (?, ?, ?, ARRAY[N])"
        _fill(run, insert.replace("[N]", f"[{numbers}]::bigint[]"), folded)
    return PostgresDatabase(url, member=XA)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_what_an_earlier_shape_held_stands_where_it_belongs(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = (
        _sqlite(tmp_path / "node.db")
        if engine == "sqlite"
        else _postgres(request.getfixturevalue("new_database")())
    )
    with closing(database), database.read() as tx:  # type: ignore[type-var]  # the port asks for no close
        for state in STATES:
            found = tx.items.page(
                ItemFilter(states=frozenset({ItemState(state)}), text=WORD), after=None, limit=9
            )
            assert [row.state.value for row in found] == [state]
        carried = tx.items.postings(
            [
                Selector(SelectorKind.DOMAIN, "shared.example"),
                Selector(SelectorKind.DOMAIN, "hidden.example"),
            ],
            cap=9,
        )
        assert [(each.value, found.handles) for each, found in carried.items()] == [
            ("shared.example", (1,))
        ]
        assert [row.number for row in tx.hits.page(states=frozenset(), after=0, limit=9)] == [1]
