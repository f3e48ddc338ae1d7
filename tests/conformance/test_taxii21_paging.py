"""TAXII 2.1 §3.5 and §3.7: ``more`` and ``next``, on every resource that has pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from tests.conformance.taxii_kit import FIRST, LAST, ids_of, sign

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Place, Served

MANY = 25
NAMES = [sign(n)["id"] for n in range(1, MANY + 1)]


@pytest.fixture(scope="module", name="many")
def _many(served: Served) -> Place:
    """A collection of 25 signs, and of five versions of one more."""
    place = served.fresh()
    place.put(*(sign(n) for n in range(1, MANY + 1)))
    return place


def pages(place: Place, rest: str, *, limit: int = 10) -> Iterator[httpx.Response]:
    """Follow ``next`` with the same query to the end."""
    query = f"{rest}{'&' if '?' in rest else '?'}limit={limit}"
    token = ""
    for _ in range(1_000):
        answer = place.get(f"{query}&next={quote(token)}" if token else query)
        assert answer.status_code == 200, answer.text
        yield answer
        if not answer.json().get("more"):
            return
        token = answer.json()["next"]
    pytest.fail("paging never ends")


@pytest.mark.parametrize("resource", ["objects/", "manifest/"])
@pytest.mark.parametrize("limit", [1, 7, 10, 24, 25, 26])
def test_3_5_pages_follow_each_other_without_gap_or_repetition(
    many: Place, resource: str, limit: int
) -> None:
    got = [name for answer in pages(many, resource, limit=limit) for name in ids_of(answer)]
    assert got == NAMES


@pytest.mark.parametrize("resource", ["objects/", "manifest/"])
def test_3_5_the_last_page_has_neither_more_nor_next(many: Place, resource: str) -> None:
    *before, last = pages(many, resource)
    assert [answer.json()["more"] for answer in before] == [True, True]
    assert last.json().get("more", False) is False
    assert "next" not in last.json()


@pytest.mark.parametrize("limit", [25, 26, 1_000])
def test_3_5_what_fits_on_one_page_promises_no_more(many: Place, limit: int) -> None:
    body = many.get(f"objects/?limit={limit}").json()
    assert "next" not in body
    assert body.get("more", False) is False


def test_3_5_versions_have_pages_too(served: Served) -> None:
    place = served.fresh()
    place.put(*(sign(1, version=n) for n in range(5)))
    name = sign(1)["id"]
    got: list[str] = []
    token, sizes = "", []
    while True:
        answer = place.get(f"objects/{name}/versions/?limit=2{token}")
        body = answer.json()
        got += body["versions"]
        sizes.append(len(body["versions"]))
        assert answer.headers[FIRST] <= answer.headers[LAST]
        if not body.get("more"):
            break
        token = f"&next={body['next']}"
    assert got == [sign(1, version=n)["modified"] for n in range(5)]
    assert sizes == [2, 2, 1]


def test_3_5_versions_of_one_object_have_pages_as_objects_too(served: Served) -> None:
    place = served.fresh()
    place.put(*(sign(1, version=n) for n in range(5)))
    rest = f"objects/{sign(1)['id']}/?match[version]=all"
    got = [each["modified"] for page in pages(place, rest, limit=2)
           for each in page.json()["objects"]]  # fmt: skip
    assert got == [sign(1, version=n)["modified"] for n in range(5)]


def test_3_5_next_keeps_the_filters_of_the_query(many: Place) -> None:
    chosen = NAMES[3:9]
    rest = f"objects/?match[id]={','.join(chosen)}"
    got = [name for answer in pages(many, rest, limit=2) for name in ids_of(answer)]
    assert got == chosen


def test_3_5_next_may_be_used_with_another_limit(many: Place) -> None:
    """A client that got fewer than it asked for goes on with that number."""
    token = many.get("objects/?limit=10").json()["next"]
    assert ids_of(many.get(f"objects/?limit=3&next={token}")) == NAMES[10:13]
    assert ids_of(many.get(f"objects/?next={token}")) == NAMES[10:]


def test_3_5_next_may_be_used_again(many: Place) -> None:
    token = many.get("objects/?limit=10").json()["next"]
    answers = {many.get(f"objects/?limit=5&next={token}").content for _ in range(3)}
    assert len(answers) == 1


def test_3_5_next_of_objects_is_good_for_nothing_else_or_the_same(many: Place) -> None:
    """It is opaque; whatever the server does with it elsewhere, nothing is skipped."""
    token = many.get("objects/?limit=10").json()["next"]
    answer = many.get(f"manifest/?limit=5&next={token}")
    assert answer.status_code == 400 or ids_of(answer) == NAMES[10:15]


def test_3_5_next_together_with_the_first_added_after_goes_on(many: Place) -> None:
    """One well-known reader keeps the ``added_after`` it began with beside each ``next``."""
    begin = "2020-01-01T00:00:00.000Z"
    first = many.get(f"objects/?added_after={begin}&limit=10")
    token = first.json()["next"]
    second = many.get(f"objects/?next={token}&added_after={begin}&limit=10")
    assert ids_of(second) == NAMES[10:20]


def test_3_5_a_reader_may_go_on_by_added_after_instead(many: Place) -> None:
    got: list[str] = []
    query = "limit=7"
    while True:
        answer = many.get(f"objects/?{query}")
        got += ids_of(answer)
        if not answer.json().get("more"):
            break
        query = f"limit=7&added_after={answer.headers[LAST]}"
    assert got == NAMES


@pytest.mark.parametrize(
    "token", ["", "nonsense", "AAAA", "0", "-1", "%00", "a" * 3_000, "%FF%FE", "1;DROP TABLE"]
)
@pytest.mark.parametrize("resource", ["objects/", "manifest/"])
def test_3_5_a_next_the_server_never_gave_is_400(many: Place, resource: str, token: str) -> None:
    answer = many.get(f"{resource}?next={token}")
    assert answer.status_code == 400
    assert answer.json()["title"]


def test_3_5_next_of_another_collection_is_400(many: Place, served: Served) -> None:
    token = many.get("objects/?limit=10").json()["next"]
    other = served.fresh()
    other.put(sign(1))
    assert other.get(f"objects/?next={token}").status_code == 400


def test_3_5_what_is_added_while_someone_pages_comes_at_the_end(served: Served) -> None:
    place = served.fresh()
    place.put(*(sign(n) for n in range(1, 11)))
    got: list[str] = []
    added = 10
    for answer in pages(place, "objects/", limit=4):
        got += ids_of(answer)
        if added < 16 and answer.json().get("more"):
            added += 1
            place.put(sign(added))
    assert got == [sign(n)["id"] for n in range(1, added + 1)]


def test_3_5_what_is_deleted_while_someone_pages_makes_no_gap(served: Served) -> None:
    place = served.fresh()
    place.put(*(sign(n) for n in range(1, 11)))
    first = place.get("objects/?limit=5")
    for number in (2, 5, 6):
        assert place.delete(f"objects/{sign(number)['id']}/").status_code == 200
    rest = place.get(f"objects/?limit=5&next={first.json()['next']}")
    assert ids_of(rest) == [sign(n)["id"] for n in (7, 8, 9, 10)]


def test_3_5_a_follower_beside_four_writers_loses_nothing(served: Served) -> None:
    """The order of dates is the order in which objects become visible."""
    place = served.fresh()
    writers, posts, size = 4, 15, 10
    failures: list[str] = []

    def write(writer: int) -> None:
        for mine in served.connections(place, 1):
            for post in range(posts):
                start = (writer * posts + post) * size + 1
                answer = mine.post([sign(start + n) for n in range(size)])
                if answer.status_code != 202 or answer.json()["success_count"] != size:
                    failures.append(answer.text)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    got: list[str] = []
    cursor = ""

    def poll() -> list[str]:
        nonlocal cursor
        query = f"&added_after={cursor}" if cursor else ""
        answer = place.get(f"objects/?limit=50{query}")
        cursor = answer.headers[LAST]
        return ids_of(answer)

    while any(thread.is_alive() for thread in threads):
        got += poll()
    for thread in threads:
        thread.join()
    while found := poll():
        got += found
    assert not failures
    assert len(got) == len(set(got)) == writers * posts * size


def test_3_7_an_envelope_without_objects_is_an_empty_object(place: Place) -> None:
    for resource in ("objects/", "manifest/"):
        assert place.get(resource).content == b"{}"


def test_3_7_an_envelope_has_nothing_but_more_next_and_objects(many: Place) -> None:
    body = many.get("objects/?limit=10").json()
    assert set(body) == {"more", "next", "objects"}
    assert isinstance(body["next"], str)
    assert set(many.get("objects/").json()) <= {"more", "objects"}
