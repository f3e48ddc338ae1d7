"""What a person may type: values of every kind, numbers, ids, sources, words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.model.selectors import SelectorError, SelectorKind
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.find import find_items, read_value, resolve, resolve_all, search, show
from foedus.node.ports import ItemFilter, ItemState, SourceRow
from foedus.node.reconcile import figures

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member

VALUES = [
    ("an address", "93.184.216.34", "ipv4:93.184.216.34"),
    ("an address with its kind", "ipv4:93.184.216.34", "ipv4:93.184.216.34"),
    ("an IPv6 address", "2001:DB8::0:7", "ipv6:2001:db8::7"),
    ("a domain in capitals", "BAD.Example", "domain:bad.example"),
    ("a domain with its kind", "domain:BAD.Example", "domain:bad.example"),
    ("an e-mail address", "A@bad.example", "email:a@bad.example"),
    ("a link", "https://bad.example/Path", "url:https://bad.example/Path"),
    ("a SHA-256 digest in capitals", "AB" * 32, "sha256:" + "ab" * 32),
    ("an MD5 digest", "ab" * 16, "md5:" + "ab" * 16),
]


@pytest.mark.parametrize(("what", "text", "wanted"), VALUES, ids=[row[0] for row in VALUES])
def test_a_value_is_read_as_what_it_may_be(what: str, text: str, wanted: str) -> None:
    assert wanted in {str(each) for each in read_value(text)}, what


def test_a_value_with_its_kind_is_read_as_that_alone() -> None:
    assert [str(each) for each in read_value("domain:bad.example")] == ["domain:bad.example"]
    [name] = read_value("name:Invented  Person")
    assert name.kind is SelectorKind.NAME


def test_a_name_is_only_read_as_one_when_it_is_called_one() -> None:
    assert not [each for each in read_value("Invented Person") if each.kind is SelectorKind.NAME]


def test_a_value_of_another_kind_than_it_says_is_refused() -> None:
    with pytest.raises(SelectorError):
        read_value("ipv4:bad.example")


@pytest.mark.parametrize("text", ["", " ", "two words", "::::", "colour:blue words"])
def test_what_is_no_value_is_none(text: str) -> None:
    assert read_value(text) == []


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    try:
        found = read_value(text)
    except SelectorError:
        assert ":" in text
        return
    assert len({each.kind for each in found}) == len(found)


@pytest.fixture(name="stocked")
def _stocked(lone: Member) -> Member:
    """A node with two items held, one of them in two versions, and a draft."""
    lone.held(lone.indicator(1, "bad.example"), lone.indicator(2, "worse.example"))
    newer = lone.indicator(1, "bad.example", description="seen again")
    lone.held({**newer, "modified": "2026-11-21T00:00:00.000Z"})
    lone.drafts(lone.indicator(3, "draft.example"))
    return lone


ID = "indicator--00000000-0000-4000-8000-000000000001"


def test_an_item_is_named_by_number_or_id_and_the_newest_version_answers(stocked: Member) -> None:
    [row] = stocked.read(lambda tx: resolve(tx, ID))
    assert row.key.version == "2026-11-21T00:00:00.000Z"
    assert stocked.read(lambda tx: resolve(tx, str(row.number))) == [row]


def test_a_source_names_what_was_read_from_it(stocked: Member) -> None:
    assert len(stocked.read(lambda tx: resolve(tx, "source:1"))) == 2
    [draft] = stocked.read(lambda tx: resolve(tx, "source:3"))
    assert draft.state is ItemState.DRAFT


def test_several_references_name_each_item_once_in_order(stocked: Member) -> None:
    rows = stocked.read(lambda tx: resolve_all(tx, ["source:3", ID, "source:3", ID]))
    assert [row.state for row in rows] == [ItemState.DRAFT, ItemState.HELD]


ABSENT = [
    ("a number nobody has", "XA-2026-99999"),
    ("a number of another member", "XB-2026-00001"),
    ("an id nobody has", "indicator--00000000-0000-4000-8000-0000000000ff"),
    ("a word", "everything"),
    ("nothing", ""),
    ("a source nobody has", "source:99"),
    ("a source that is no number", "source:first"),
    ("a source below nothing", "source:-1"),
    ("a source without number", "source:"),
]


@pytest.mark.parametrize(("what", "reference"), ABSENT, ids=[row[0] for row in ABSENT])
def test_what_is_not_there_is_not_found(what: str, reference: str, stocked: Member) -> None:
    with pytest.raises(NotFoundError) as caught:
        stocked.read(lambda tx: resolve(tx, reference))
    assert caught.value.code == "node.not-found", what


def test_our_own_documents_are_not_shown_as_items(stocked: Member) -> None:
    [document, *_] = stocked.read(lambda tx: list(tx.law.instruments()))
    with pytest.raises(NotFoundError):
        stocked.read(lambda tx: resolve(tx, document.id))


def test_an_item_is_shown_with_all_that_is_known(stocked: Member) -> None:
    view = stocked.read(lambda tx: show(tx, ID))
    assert [str(each) for each in view.selectors] == ["domain:bad.example"]
    assert [row.key.version[:10] for row in view.versions] == ["2026-11-20", "2026-11-21"]
    assert b"seen again" in view.raw
    assert view.terms is not None
    assert view.disclosures == ()


def test_one_item_is_shown_at_a_time(stocked: Member) -> None:
    with pytest.raises(RefusedError, match="names 2 items"):
        stocked.read(lambda tx: show(tx, "source:1"))


SEARCHES = [
    ("a value", "worse.example", 1),
    ("a value with its kind", "domain:worse.example", 1),
    ("a value of two versions", "bad.example", 2),
    ("a word of a title", "Sign", 3),
    ("words that all occur", "sign seen", 1),
    ("words that do not all occur", "sign unseen", 0),
    ("a value of a draft", "draft.example", 0),
    ("nothing of this", "elsewhere.example", 0),
    ("what would be syntax elsewhere", '"sign OR * NEAR(', 0),
]


@pytest.mark.parametrize(("what", "text", "count"), SEARCHES, ids=[row[0] for row in SEARCHES])
def test_a_search_finds_what_is_visible(what: str, text: str, count: int, stocked: Member) -> None:
    found = stocked.read(lambda tx: search(tx, text, limit=10))
    assert len(found) == count, what
    assert all(row.state is ItemState.HELD for row in found)


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_search_ends_at_its_limit(limit: int, stocked: Member) -> None:
    assert len(stocked.read(lambda tx: search(tx, "Sign", limit=limit))) == limit
    assert len(stocked.read(lambda tx: find_items(tx, ItemFilter(), limit=limit))) == limit


def test_every_item_comes_once_and_in_order(stocked: Member) -> None:
    rows = stocked.read(lambda tx: find_items(tx, ItemFilter()))
    assert [row.added for row in rows] == sorted({row.added for row in rows})
    assert len(rows) == 3


def test_the_figures_of_a_source_add_up(stocked: Member) -> None:
    found = stocked.read(lambda tx: figures(tx, stocked.wired.node.identity))
    assert [(row.read, row.taken) for row in found.sources] == [(2, 2), (1, 1), (1, 1)]
    assert found.unbalanced == ()
    assert found.states[ItemState.HELD] == 3
    assert found.states[ItemState.DRAFT] == 1
    assert found.lanes == ()
    assert found.received == {}
    assert found.log_entries == stocked.read(lambda tx: tx.ledger.count())


def test_a_source_that_does_not_add_up_is_named(stocked: Member) -> None:
    crooked = SourceRow(
        handle=0, sha256="00" * 32, name="lost.csv", format="table",
        at=datetime(2026, 11, 24, tzinfo=UTC), by="admin", read=5, taken=2, duplicates=1, added=0,
        refused=(("row 3", "no value"),), report=None,
    )  # fmt: skip
    with stocked.database.write() as tx:
        handle = tx.sources.add(crooked)
    found = stocked.read(lambda tx: figures(tx, stocked.wired.node.identity))
    assert found.unbalanced == (f"source:{handle} read 5, taken 2, duplicates 1, refused 1",)
