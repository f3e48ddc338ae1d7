"""A reading of a served node loses nothing and repeats nothing, wherever it stops and goes on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from foedus.client import Client, Cursor, CursorError, NotFoundError, TokenError
from foedus.client.collection import Collection
from foedus.clock import parse_instant
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.markings import TLP
from foedus.model.terms import (
    CategoryOfPerson,
    InformationGrade,
    SourceGrade,
    Terms,
    terms_document,
    terms_id,
)

if TYPE_CHECKING:
    from tests.unit.client.conftest import Scripted
    from tests.unit.exchange.conftest import Live

Make = Callable[..., bytes]

AMBER = Terms(
    treaties=frozenset({TreatyId("0" * 64)}),
    originator=MemberId("XA"),
    purposes=frozenset({"investigation"}),
    legal_basis="Act 1",
    offence="",
    person=CategoryOfPerson.NONE,
    personal=False,
    tlp=TLP.AMBER,
    handling=frozenset(),
    source=SourceGrade.A,
    information=InformationGrade.ONE,
    review=None,
    expiry=parse_instant("2028-01-01T00:00:00Z"),
    neutrality=None,
    exercise=True,
)


def ids(indicators: Make, count: int) -> list[str]:
    return [json.loads(indicators(n))["id"] for n in range(count)]


@pytest.fixture
def drafts(client: Client) -> Collection:
    return client.collection("drafts")


def test_a_node_says_what_it_is(client: Client) -> None:
    assert client.discovery().title == "Member XA"
    assert client.root.versions == ("application/taxii+json;version=2.1",)
    found = {each.info.title: each.info for each in client.collections()}
    assert found["held"].can_read
    assert not found["held"].can_write
    assert found["drafts"].can_write
    assert client.collection(found["held"].id).info == client.collection("held").info


def test_every_page_is_read_in_order_and_byte_for_byte(
    live: Live, drafts: Collection, indicators: Make
) -> None:
    posted = [indicators(n) for n in range(25)]
    live.post(posted)
    assert [each.raw for each in drafts.objects(page_objects=10)] == posted
    assert [each.raw for each in drafts.objects()] == posted
    records = list(drafts.manifest(page_objects=7))
    assert [each.id for each in records] == ids(indicators, 25)
    pages = list(drafts.objects(page_objects=10).pages())
    assert [(len(page.items), page.more) for page in pages] == [(10, True), (10, True), (5, False)]
    assert pages[0].last == records[9].date_added


@pytest.mark.parametrize("stop", [0, 1, 5, 9, 10, 11, 19, 20, 24, 25])
def test_a_reading_goes_on_from_its_cursor(
    live: Live, drafts: Collection, indicators: Make, stop: int
) -> None:
    live.post([indicators(n) for n in range(25)])
    reading = drafts.objects(page_objects=10)
    before = [next(reading).id for _ in range(stop)]
    text = reading.cursor.text()
    live.post([indicators(n) for n in range(25, 30)])
    again = drafts.objects(cursor=Cursor.parse(text), page_objects=4)
    after, mark = [], text
    for each in again:
        after.append(each.id)
        mark = again.cursor.text()  # and once more, from everywhere within
    assert before + after == ids(indicators, 30)
    assert not list(drafts.objects(cursor=Cursor.parse(mark)))


def test_a_follower_takes_each_object_once_however_it_is_cut(
    live: Live, drafts: Collection, indicators: Make
) -> None:
    got: list[str] = []
    cursor = Cursor()
    for start in range(0, 40, 8):
        live.post([indicators(n) for n in range(start, start + 8)])
        reading = drafts.objects(cursor=cursor, page_objects=3)
        got += [each.id for each in itertools.islice(reading, 5)]
        cursor = Cursor.parse(reading.cursor.text())
    got += [each.id for each in drafts.objects(cursor=cursor)]
    assert got == ids(indicators, 40)


def test_what_is_added_in_front_of_a_broken_page_is_not_taken_for_had(
    live: Live, drafts: Collection, indicators: Make
) -> None:
    live.post([indicators(n) for n in range(6)])
    reading = drafts.objects(page_objects=6)
    [next(reading) for _ in range(3)]
    cursor = reading.cursor
    drafts.delete(ids(indicators, 6)[0])
    live.post([indicators(0)])  # the same once more, added later: it is new
    got = [each.id for each in drafts.objects(cursor=cursor, page_objects=2)]
    assert got == ids(indicators, 6)[3:] + ids(indicators, 6)[:1]


def test_a_filter_and_versions(live: Live, drafts: Collection, indicators: Make) -> None:
    live.post([indicators(1, version=n) for n in range(3)] + [indicators(2)])
    name = ids(indicators, 3)[1]
    assert len(list(drafts.objects(ids=[name]))) == 1
    assert len(list(drafts.objects(ids=[name], versions="all"))) == 3
    assert list(drafts.objects(types=["malware"])) == []
    assert len(drafts.versions(name)) == 3
    [last] = drafts.object(name)
    assert last.version == drafts.versions(name)[-1]
    with pytest.raises(NotFoundError):
        list(drafts.object("indicator--00000000-0000-4000-8000-000000000999"))


def test_a_cursor_of_another_query_is_refused(
    live: Live, drafts: Collection, indicators: Make
) -> None:
    live.post([indicators(n) for n in range(3)])
    reading = drafts.objects(page_objects=2)
    next(reading)
    with pytest.raises(CursorError, match="another query"):
        drafts.objects(cursor=reading.cursor, types=["indicator"])
    with pytest.raises(CursorError):
        Cursor.parse("{")
    with pytest.raises(CursorError):
        Cursor.parse('{"after":"yesterday"}')


def test_a_token_of_next_that_is_worth_nothing_any_more_loses_nothing(
    live: Live, drafts: Collection, indicators: Make
) -> None:
    live.post([indicators(n) for n in range(9)])
    reading = drafts.objects(page_objects=4)
    got = [next(reading).id for _ in range(4)]
    place = reading.cursor
    assert place.token
    spoiled = Cursor(query=place.query, after=place.after, token="A" * len(place.token))
    got += [each.id for each in drafts.objects(cursor=spoiled)]
    assert got == ids(indicators, 9)


def test_terms_are_yielded_once_though_they_stand_on_every_page(
    live: Live, client: Client, indicators: Make
) -> None:
    with live.database.write() as tx:
        tx.items.put_terms(terms_id(AMBER), terms_document(AMBER))
    live.hold([indicators(n) for n in range(9)], terms_id=terms_id(AMBER))
    got = [each.id for each in client.collection("held").objects(page_objects=4)]
    assert got == [terms_id(AMBER), *ids(indicators, 9)]


def test_posting_tells_what_became_of_each(
    drafts: Collection, client: Client, indicators: Make
) -> None:
    good = json.loads(indicators(1))
    added = drafts.add([good, indicators(2), b'{"type":"indicator"}'])
    assert [each.id for each in added.successes] == ids(indicators, 3)[1:]
    [failure] = added.failures
    assert failure.message
    [status] = added.statuses
    assert client.status(status.id) == status
    assert not drafts.add([good]).failures  # an exact duplicate is a success
    assert len(list(drafts.objects())) == 2


def test_many_objects_go_out_in_several_posts(drafts: Collection, indicators: Make) -> None:
    added = drafts.add(indicators(n) for n in range(1_005))
    assert [each.total_count for each in added.statuses] == [1_000, 5]
    assert [each.id for each in drafts.objects()] == ids(indicators, 1_005)


def test_deleting(live: Live, drafts: Collection, indicators: Make) -> None:
    live.post([indicators(1, version=n) for n in range(3)])
    [name] = ids(indicators, 2)[1:]
    drafts.delete(name, versions="first")
    assert len(drafts.versions(name)) == 2
    drafts.delete(name)
    with pytest.raises(NotFoundError):
        drafts.delete(name)


def test_what_a_token_may_not_do_is_said(live: Live, indicators: Make) -> None:
    with Client(live.base, "fds_read-token-of-a-test-and-nothing-else") as reader:
        with pytest.raises(TokenError) as refused:
            reader.collection("drafts").add([indicators(1)])
        assert (refused.value.status, refused.value.node_code) == (403, "exchange.forbidden")
        with pytest.raises(NotFoundError):
            reader.collection("nothing")
    with Client(live.base, "wrong") as stranger, pytest.raises(TokenError):
        stranger.collections()


def test_the_token_stays_with_the_address_it_was_given_for(
    live: Live, scripted: Scripted, client: Client
) -> None:
    """Whatever a node says of where its API roots are, the client goes to its own address."""
    assert client.discovery().default == f"{live.base}/tools/"
    client.collections()
    assert not scripted.seen
