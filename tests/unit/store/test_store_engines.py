"""Both engines keep the same tables, take the same statements and give the same answers."""
# ruff: noqa: RUF001  letters of many scripts

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.objects import parse_object
from foedus.node.ports import Database, ItemFilter, ItemState, NewItem
from foedus.store import SQLiteDatabase
from foedus.store.opening import NodeDatabase
from foedus.store.sql.words import folded, phrases

psycopg = pytest.importorskip("psycopg", reason="psycopg (the extra postgres) is not installed")

from foedus.store.postgres import PostgresDatabase  # noqa: E402  # after the skip
from foedus.store.postgres.connecting import connect  # noqa: E402  # as above
from foedus.store.postgres.migrate import migrations as postgres_migrations  # noqa: E402
from foedus.store.postgres.moving import SnapshotSide  # noqa: E402
from foedus.store.postgres.rewriting import bound, rewritten  # noqa: E402
from foedus.store.sqlite.migrate import migrations as sqlite_migrations  # noqa: E402
from foedus.store.sqlite.moving import SQLiteSide  # noqa: E402

XA = MemberId("XA")
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.fixture
def both(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[list[Database]]:
    stores: list[NodeDatabase] = [
        SQLiteDatabase(tmp_path / "node.db", member=XA),
        PostgresDatabase(new_database(), member=XA),
    ]
    yield list(stores)
    for store in stores:
        store.close()


def test_a_shape_is_one_thing_on_both_engines() -> None:
    assert [step.name for step in postgres_migrations()] == [
        step.name for step in sqlite_migrations()
    ]


def test_both_have_the_same_tables_with_the_same_columns_and_keys(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    with (
        closing(SQLiteSide(tmp_path / "node.db", new=True)) as one,
        closing(SnapshotSide(new_database())) as other,
    ):
        assert {each.name: each for each in one.shapes()} == {
            each.name: each for each in other.shapes()
        }


def test_columns_are_whole_numbers_bytes_or_text_by_code_point(
    new_database: Callable[[], str],
) -> None:
    with closing(connect(new_database(), lock_timeout_s=1)) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name, data_type, coalesce(collation_name, ''), is_identity"
            " FROM information_schema.columns WHERE table_schema = current_schema()"
            " AND table_name NOT IN ('lease', 'nonce', 'shared_head')"
        ).fetchall()
    odd = {
        f"{row[0]}.{row[1]}: {row[2:]}"
        for row in rows
        if row[2:] not in {("bigint", "", "NO"), ("bytea", "", "NO"), ("text", "C", "NO")}
    }
    assert odd == {
        "item_text.words: ('ARRAY', '', 'NO')",
        "apart_text.words: ('ARRAY', '', 'NO')",
        "draft_text.words: ('ARRAY', '', 'NO')",
    }


TEXTS = {
    1: ("Phishing kit on evil.example.com", "seen at 10.0.0.1, port 443"),
    2: ("Фишинг против банка", "Ёлка и й, ещё раз ПОВТОР"),
    3: ("حملة تصيد ضد المصرف", "الهَدَف أُسرة آسِيا"),
    4: ("针对银行的钓鱼活动", "发现恶意软件样本 銀行木馬"),
    5: ("Café Ångström naïve ÉTUDE", "straße ﬁne İstanbul ſhort"),
    6: ("Ελληνικά ΣΊΣΥΦΟΣ τράπεζα", "ᾳ ά Ώ"),
    7: ("under_score dash-word a/b:c", "c++ c# .net x@y.example"),
    8: ("한국어 은행 피싱", "テスト マルウェア ガ"),
    9: ("combining e\u0301tude a\u0308", "\u0301 alone"),
    10: ("emoji 🦊 fox ½ ² Ⅷ", "tab\tline\nnul\0end"),
    11: ("ไทย ธนาคาร", "हिन्दी बैंक"),
    12: ("A" * 3000, "word " * 20 + "tail"),
}
QUERIES = [
    "phishing", "PHISHING kit", "kit phishing", "evil.example.com", "example", "evil com",
    "10.0.0.1", "0.0", "443", "фишинг", "ФИШИНГ банка", "елка", "ёлка", "и", "й", "еще",
    "повтор", "حملة", "المصرف", "الهدف", "اسرة", "أسرة", "آسيا", "اسيا", "银行", "银 行",
    "行银", "钓鱼活动", "恶意", "銀行", "cafe", "café", "angstrom", "NAÏVE", "etude",
    "strasse", "straße", "fine", "istanbul", "short", "σισυφος", "ΣΙΣΥΦΟΣ", "τραπεζα",
    "under_score", "under", "dash-word", "dash word", "a/b:c", "c++", "c", "net",
    "x@y.example", "한국어", "은행", "은", "テスト", "か", "ガ", "étude", "combining",
    "a\u0308", "alone", "fox", "🦊", "½", "2", "Ⅷ", "viii", "tab line", "nul", "nulend",
    "ธนาคาร", "ไทย", "बैंक", "हिन्दी", "A" * 3000, "a" * 2999, "word tail", "tail word",
    '"quoted"', "kit OR x", "kit*", "NOT kit", "", "...", "title:kit", "\0",
    "phishing absent",
]  # fmt: skip


def _item(number: int, state: ItemState) -> NewItem:
    raw = (
        '{"type":"campaign","spec_version":"2.1","id":"campaign--00000000-0000-4000-8000-'
        f'{number:012d}","created":"2026-11-01T00:00:00.000Z","modified":'
        '"2026-11-01T00:00:00.000Z","name":"x"}'
    )
    title, text = TEXTS[number]
    return NewItem(
        obj=parse_object(raw.encode()),
        originator=XA,
        state=state,
        terms_id=None,
        received_from=None,
        received_under=None,
        source=None,
        title=title,
        text=text,
        selectors=frozenset(),
        variant_of=None,
        numbered=False,
    )


def _found(store: Database, query: str, state: ItemState) -> list[ObjectId]:
    with store.read() as tx:
        rows = tx.items.page(
            ItemFilter(text=query, states=frozenset({state})), after=None, limit=50
        )
    return [row.key.object_id for row in rows]


@pytest.mark.parametrize("state", [ItemState.DRAFT, ItemState.HELD])
def test_a_search_finds_the_same_on_both(both: list[Database], state: ItemState) -> None:
    for store in both:
        with store.write() as tx:
            tx.items.add([_item(number, state) for number in TEXTS], at=AT)
    answers = {query: [_found(store, query, state) for store in both] for query in QUERIES}
    differing = {query: found for query, found in answers.items() if found[0] != found[1]}
    assert differing == {}
    assert _found(both[1], "银行", state) == _found(both[0], "银行", state) != []


def test_folding_a_folded_text_changes_nothing() -> None:
    for title, text in TEXTS.values():
        for each in (title, text):
            assert folded(folded(each)) == folded(each)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("  ...  ", ""),
        ("Evil.Example", " evil example "),
        ("Ångström", " angstrom "),
        ("е\u0308лка Ёлка", " елка ёлка "),
        ("银行", " 银 行 "),
        ("a\0b", " a b "),
    ],
)
def test_words_are_cut_and_folded(text: str, words: str) -> None:
    assert folded(text) == words


def test_words_are_those_of_sqlite() -> None:
    with closing(sqlite3.connect(":memory:")) as index:
        index.execute(
            "CREATE VIRTUAL TABLE t USING fts5 (x, tokenize = 'unicode61 remove_diacritics 2')"
        )
        index.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, 'instance')")
        for title, text in TEXTS.values():
            for each in (title, text):
                plain = " ".join(phrases(each)) or each
                index.execute("DELETE FROM t")
                index.execute("INSERT INTO t (x) VALUES (?)", (plain,))
                terms = index.execute("SELECT term FROM v ORDER BY offset").fetchall()
                assert folded(plain).split() == [t for (t,) in terms]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT ?, ?", "SELECT $1, $2"),
        ("SELECT ?2, ?1, ?2", "SELECT $2, $1, $2"),
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1"),
        ("SELECT '?' || ? || ':a'", "SELECT '?' || $1 || ':a'"),
        (
            "SELECT value FROM integers(?) w",
            "SELECT value FROM unnest($1) w (value)",
        ),
        (
            "SELECT w.key FROM texts(:t) w",
            "SELECT w.key FROM (SELECT u.value, u.place - 1 AS key FROM unnest($1) WITH ORDINALITY"
            " u (value, place)) w",
        ),
        ("a CROSS JOIN b ON b.x = a.x", "a JOIN b ON b.x = a.x"),
        ("AND +i.type = ? AND (+i.x = 1 + 2)", "AND i.type = $1 AND (i.x = 1 + 2)"),
        ("SELECT joined(h.handle)", "SELECT string_agg(h.handle::text, ',')"),
    ],
)
def test_a_statement_is_rewritten_for_postgres(sql: str, expected: str) -> None:
    assert rewritten(sql).sql == expected


def test_lists_are_bound_as_arrays() -> None:
    statement = rewritten("SELECT :a FROM integers(:n) w, texts(:t) v")
    values = bound(statement, {"t": ['a"b', "c\\d", "", "NULL", "ü"], "n": [1, True], "a": 7})
    assert values == [7, "{1,1}", '{"a\\"b","c\\\\d","","NULL","ü"}']


def test_lists_of_odd_texts_arrive_as_they_are(new_database: Callable[[], str]) -> None:
    store = PostgresDatabase(new_database(), member=XA)
    odd = ['a"b', "c\\d", "", "NULL", "ü{},", " a ", "'", "\n\t", "银"]
    with store.read() as tx:
        session = tx.items._session  # what carries statements
        rows = session.rows("SELECT w.value, w.key FROM texts(?) w ORDER BY w.key", (odd,))
    store.close()
    assert rows == [(each, place) for place, each in enumerate(odd)]
