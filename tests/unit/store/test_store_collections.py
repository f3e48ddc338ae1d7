"""Collections, statuses and grants: what every implementation promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foedus.node.ports import (
    CollectionRow,
    Database,
    ObjectRow,
    Selection,
    TokenGrant,
    TokenRow,
    UserRow,
)

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def collection(name: str) -> CollectionRow:
    return CollectionRow(
        number=0,
        id=f"00000000-0000-4000-8000-{len(name):012d}",
        name=name,
        title=name.title(),
        description="",
        created=AT,
        created_by="ana",
    )


def row(added: int, name: str, version: int, **more: int) -> ObjectRow:
    kind = name.partition("--")[0]
    flags = {"first": 1, "last": 1} | more
    raw = f"{name} {version}".encode()
    return ObjectRow(added, name, kind, version, f"v{version}", flags["first"], flags["last"], raw)


@pytest.fixture
def number(database: Database) -> int:
    """A collection of five objects, one of them in three versions that came out of order."""
    with database.write() as tx:
        stored = tx.collections.put(collection("wires"))
        tx.collections.add(
            stored.number,
            [
                row(10, "indicator--a", 2, first=0, last=0),
                row(20, "indicator--b", 5),
                row(30, "indicator--a", 3, first=0),
                row(40, "url--c", 40),
                row(50, "indicator--a", 1, last=0),
                row(60, "malware--d", 5),
                row(70, "indicator--e", 7),
            ],
        )
    return stored.number


def test_a_collection_is_kept_with_its_figures(database: Database) -> None:
    with database.write() as tx:
        stored = tx.collections.put(collection("wires"))
        tx.collections.put(collection("accounts"))
        tx.collections.set_figures(
            replace(stored, last_added=9, objects=3, size=12, largest=5, submitted=7)
        )
    with database.read() as tx:
        assert [each.name for each in tx.collections.all()] == ["accounts", "wires"]
        kept = tx.collections.get(stored.number)
        assert kept == replace(stored, last_added=9, objects=3, size=12, largest=5, submitted=7)
        assert tx.collections.get(stored.number + 100) is None


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(every=True), [10, 20, 30, 40, 50, 60, 70]),
        (Selection(last=True), [20, 30, 40, 60, 70]),
        (Selection(first=True), [20, 40, 50, 60, 70]),
        (Selection(first=True, last=True), [20, 30, 40, 50, 60, 70]),
        (Selection(versions=[2]), [10]),
        (Selection(versions=[5]), [20, 60]),
        (Selection(versions=[2, 5, 99]), [10, 20, 60]),
        (Selection(last=True, versions=[2]), [10, 20, 30, 40, 60, 70]),
        (Selection(last=True, after=30), [40, 60, 70]),
        (Selection(last=True, types=["url"]), [40]),
        (Selection(last=True, types=["campaign"]), []),
        (Selection(last=True, types=["url", "malware", "campaign"]), [40, 60]),
        (Selection(first=True, types=["indicator"]), [20, 50, 70]),
        (Selection(every=True, types=["indicator"], after=20), [30, 50, 70]),
        (Selection(versions=[5], types=["malware"]), [60]),
        (Selection(last=True, ids=["indicator--a"]), [30]),
        (Selection(every=True, ids=["indicator--a", "url--c"]), [10, 30, 40, 50]),
        (Selection(first=True, last=True, ids=["indicator--a"]), [30, 50]),
        (Selection(versions=[1, 2], ids=["indicator--a"]), [10, 50]),
        (Selection(last=True, ids=["indicator--a"], types=["url"]), []),
        (Selection(last=True, ids=["indicator--z"]), []),
        (Selection(every=True, ids=["indicator--a"], after=30), [50]),
    ],
)
def test_a_selection_is_served_in_order_of_added(
    database: Database, number: int, selection: Selection, expected: list[int]
) -> None:
    with database.read() as tx:
        page = tx.collections.page(number, selection, limit=100)
        assert [each[0] for each in page] == expected
        for limit in (1, 2, 3):
            shorter = tx.collections.page(number, selection, limit=limit)
            assert shorter == page[:limit]
        sizes = tx.collections.sizes(number, selection, limit=100)
        assert sizes == [(each[0], len(each[3])) for each in page]
        assert not tx.collections.page(number + 1, selection, limit=100)


def test_bytes_and_version_texts_come_back_as_they_were(database: Database, number: int) -> None:
    with database.read() as tx:
        [found] = tx.collections.page(number, Selection(every=True, ids=["url--c"]), limit=5)
        assert found == (40, "url--c", "v40", b"url--c 40")
        assert tx.collections.find(number, "url--c", 40) == found
        assert tx.collections.find(number, "url--c", 41) is None


def test_ends_are_the_earliest_and_latest_version_of_each_object(
    database: Database, number: int
) -> None:
    with database.read() as tx:
        ends = tx.collections.ends(number, ["indicator--a", "indicator--b", "indicator--z"])
        assert ends == {"indicator--a": (1, 3), "indicator--b": (5, 5)}
        assert [each.version for each in tx.collections.versions(number, "indicator--a")] == [
            1,
            2,
            3,
        ]
        assert tx.collections.holds(number, "indicator--a")
        assert not tx.collections.holds(number, "indicator--z")


def test_what_is_deleted_is_gone_and_flags_are_set_anew(database: Database, number: int) -> None:
    with database.write() as tx:
        tx.collections.delete(number, "indicator--a", [3])
        tx.collections.flag(number, [("indicator--a", 2)], which="last", value=1)
    with database.read() as tx:
        page = tx.collections.page(number, Selection(last=True), limit=100)
        assert [each[0] for each in page] == [10, 20, 40, 60, 70]


def test_what_was_deleted_is_remembered_until_it_is_there_again(
    database: Database, number: int
) -> None:
    with database.write() as tx:
        tx.collections.note_deleted(number, [b"one", b"two"])
        tx.collections.note_deleted(number, [b"two"])
        assert tx.collections.was_deleted(number, [b"none", b"two"])
        assert not tx.collections.was_deleted(number, [b"none"])
        assert not tx.collections.was_deleted(number + 1, [b"two"])
        tx.collections.drop_deleted(number, [b"two", b"none"])
        assert not tx.collections.was_deleted(number, [b"two"])


def test_a_status_is_told_to_its_owner_for_its_time(database: Database) -> None:
    day = timedelta(days=1)
    with database.write() as tx:
        tx.collections.keep_status("s1", "ana", b"{}", at=AT, expired=AT - day)
    with database.read() as tx:
        assert tx.collections.status("s1", "ana", since=AT - day) == b"{}"
        assert tx.collections.status("s1", "bob", since=AT - day) is None
        assert tx.collections.status("s2", "ana", since=AT - day) is None
        assert tx.collections.status("s1", "ana", since=AT + timedelta(seconds=1)) is None
    later = AT + day + timedelta(seconds=1)
    with database.write() as tx:
        tx.collections.keep_status("s2", "ana", b"{}", at=later, expired=later - day)
        assert tx.collections.status("s1", "ana", since=AT - day) is None


def test_a_token_keeps_its_rights_and_its_last_use(database: Database, number: int) -> None:
    token = TokenRow(
        token_id="t1",
        user="ana",
        digest=b"d" * 32,
        scope="",
        created=AT,
        revoked=None,
        expires=AT + timedelta(days=9),
        certificate="ab" * 32,
        grants=(TokenGrant(collection=number, can_read=True, can_write=False),),
    )
    with database.write() as tx:
        tx.people.put_user(UserRow(name="ana", roles=frozenset({"analyst"}), created=AT))
        tx.people.put_token(token)
        tx.people.note_use("t1", AT)
        tx.people.note_use("t1", AT - timedelta(hours=1))
    with database.read() as tx:
        assert tx.people.token_by_digest(token.digest) == replace(token, used=AT)
        assert tx.people.tokens() == [replace(token, used=AT)]


def test_a_changed_row_of_a_token_leaves_its_last_use(database: Database) -> None:
    token = TokenRow(token_id="t1", user="ana", digest=b"d", scope="read", created=AT, revoked=None)
    with database.write() as tx:
        tx.people.put_user(UserRow(name="ana", roles=frozenset({"analyst"}), created=AT))
        tx.people.put_token(token)
        tx.people.note_use("t1", AT)
        tx.people.put_token(replace(token, revoked=AT))
        assert tx.people.tokens() == [replace(token, revoked=AT, used=AT)]


def test_every_change_of_access_is_counted_and_nothing_else(database: Database) -> None:
    def revision() -> int:
        with database.read() as tx:
            return tx.people.access_revision()

    before = revision()
    with database.write() as tx:
        tx.people.put_user(UserRow(name="ana", roles=frozenset({"analyst"}), created=AT))
    after_user = revision()
    with database.write() as tx:
        tx.people.put_token(
            TokenRow(token_id="t", user="ana", digest=b"d", scope="read", created=AT, revoked=None)
        )
    after_token = revision()
    with database.write() as tx:
        stored = tx.collections.put(collection("wires"))
    after_collection = revision()
    assert before < after_user < after_token < after_collection
    with database.write() as tx:
        tx.people.note_use("t", AT)
        tx.collections.add(stored.number, [row(1, "url--a", 1)])
    assert revision() == after_collection
    with database.write() as tx:
        tx.collections.remove(stored.number)
    assert revision() > after_collection


def test_a_deleted_collection_takes_all_with_it(database: Database, number: int) -> None:
    with database.write() as tx:
        tx.people.put_user(UserRow(name="ana", roles=frozenset({"analyst"}), created=AT))
        tx.people.put_token(
            TokenRow(
                token_id="t1",
                user="ana",
                digest=b"d",
                scope="",
                created=AT,
                revoked=None,
                grants=(TokenGrant(collection=number, can_read=True, can_write=True),),
            )
        )
        tx.collections.remove(number)
    with database.read() as tx:
        assert tx.collections.get(number) is None
        assert not tx.collections.page(number, Selection(every=True), limit=5)
        assert tx.people.tokens()[0].grants == ()
