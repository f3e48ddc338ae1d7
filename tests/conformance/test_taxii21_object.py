"""TAXII 2.1 §5.6 to §5.8: one object, its deletion, its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.taxii_kit import LAST, ROOT, TAXII, address, ids_of, sign, statement

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Five, Place, Served

ONE, TWO = sign(1)["id"], sign(2)["id"]
NONE = sign(999)["id"]


# --- §5.6 get an object


def test_5_6_one_object_comes_in_an_envelope(filled: Place) -> None:
    answer = filled.get(f"objects/{TWO}/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TAXII)
    assert answer.json() == {"objects": [sign(2)]}


def test_5_6_its_latest_version_unless_others_are_asked_for(filled: Place) -> None:
    assert filled.get(f"objects/{ONE}/").json()["objects"] == [sign(1, version=2)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("first", [0]),
        ("last", [2]),
        ("all", [0, 2, 1]),
        (sign(1, version=1)["modified"], [1]),
        ("first,last", [0, 2]),
    ],
)
def test_5_6_versions_of_it(filled: Place, choice: str, expected: list[int]) -> None:
    answer = filled.get(f"objects/{ONE}/?match[version]={choice}")
    assert answer.json()["objects"] == [sign(1, version=n) for n in expected]


def test_5_6_an_object_without_dates_is_found(filled: Place) -> None:
    for one in (address(1), statement(1)):
        assert filled.get(f"objects/{one['id']}/").json()["objects"] == [one]


@pytest.mark.parametrize("name", [NONE, "nonsense", "indicator--", "%20"])
def test_5_6_an_object_that_is_not_there_is_404(filled: Place, name: str) -> None:
    answer = filled.get(f"objects/{name}/")
    assert answer.status_code == 404
    assert answer.json()["title"]


def test_5_6_a_version_that_is_not_there_is_an_empty_envelope_or_404(filled: Place) -> None:
    """The object is there, so an envelope of nothing is the better answer; both are read so."""
    answer = filled.get(f"objects/{ONE}/?match[version]=2030-01-01T00:00:00Z")
    assert answer.status_code == 404 or answer.content == b"{}"


def test_5_6_added_after_and_limit_hold_for_one_object(filled: Place) -> None:
    url = f"objects/{ONE}/?match[version]=all"
    first = filled.get(url + "&limit=1")
    assert first.json()["objects"] == [sign(1)]
    assert first.json()["more"] is True
    later = filled.get(f"{url}&added_after={first.headers[LAST]}")
    assert later.json()["objects"] == [sign(1, version=2), sign(1, version=1)]


def test_5_6_an_object_of_another_collection_is_404(served: Served, filled: Place) -> None:
    other = served.fresh()
    other.put(sign(77))
    assert filled.get(f"objects/{sign(77)['id']}/").status_code == 404


# --- §5.7 delete an object


def test_5_7_what_was_deleted_is_gone_everywhere(place: Place) -> None:
    place.put(sign(1), sign(2), sign(1, version=1))
    answer = place.delete(f"objects/{ONE}/")
    assert answer.status_code == 200
    assert place.get(f"objects/{ONE}/").status_code == 404
    assert place.get(f"objects/{ONE}/versions/").status_code == 404
    assert ids_of(place.get("objects/?match[version]=all")) == [TWO]
    assert ids_of(place.get("manifest/?match[version]=all")) == [TWO]
    assert place.get(f"objects/?match[id]={ONE}").content == b"{}"


def test_5_7_what_was_deleted_stays_deleted(place: Place) -> None:
    place.put(sign(1), sign(2))
    place.delete(f"objects/{ONE}/")
    place.put(sign(2), sign(3))
    assert place.delete(f"objects/{ONE}/").status_code == 404
    assert ids_of(place.get("objects/")) == [TWO, sign(3)["id"]]


def test_5_7_what_is_posted_again_after_it_was_deleted_is_new(place: Place) -> None:
    """A follower that saw it before must see it again."""
    place.put(sign(1))
    cursor = place.get("objects/").headers[LAST]
    place.delete(f"objects/{ONE}/")
    place.put(sign(1))
    assert ids_of(place.get(f"objects/?added_after={cursor}")) == [ONE]


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        ("all", []),
        ("first", [2, 1]),
        ("last", [0, 1]),
        (sign(1, version=1)["modified"], [0, 2]),
        ("first,last", [1]),
        ("2030-01-01T00:00:00Z", [0, 2, 1]),
    ],
)
def test_5_7_only_the_versions_named_are_deleted(
    place: Place, choice: str, left: list[int]
) -> None:
    place.put(sign(1), sign(1, version=2), sign(1, version=1))
    answer = place.delete(f"objects/{ONE}/?match[version]={choice}")
    assert answer.status_code in {200, 404}
    remaining = place.get("objects/?match[version]=all").json().get("objects", [])
    assert remaining == [sign(1, version=n) for n in left]


def test_5_7_what_is_left_is_first_and_last_again(place: Place) -> None:
    place.put(sign(1), sign(1, version=1), sign(1, version=2))
    place.delete(f"objects/{ONE}/?match[version]=last")
    assert place.get("objects/").json()["objects"] == [sign(1, version=1)]
    place.delete(f"objects/{ONE}/?match[version]=first")
    for choice in ("first", "last", "all"):
        answer = place.get(f"objects/?match[version]={choice}")
        assert answer.json()["objects"] == [sign(1, version=1)]


def test_5_7_a_malformed_version_deletes_nothing(place: Place) -> None:
    place.put(sign(1))
    for query in ("match[version]=nonsense", "match[version]=", "match[spec_version]=two"):
        assert place.delete(f"objects/{ONE}/?{query}").status_code in {400, 404}
    assert ids_of(place.get("objects/")) == [ONE]


def test_5_7_an_object_that_is_not_there_is_404(place: Place) -> None:
    for name in (NONE, "nonsense"):
        assert place.delete(f"objects/{name}/").status_code == 404


def test_5_7_with_one_right_it_is_403(five: Five) -> None:
    five.writeonly.put(sign(6))
    assert five.readonly.delete(f"objects/{ONE}/").status_code == 403
    assert five.writeonly.delete(f"objects/{sign(6)['id']}/").status_code == 403
    assert five.readonly.get(f"objects/{ONE}/").status_code == 200


def test_5_7_with_no_right_it_is_404(five: Five, absent: str) -> None:
    for name in (five.noaccess_id, five.noaccess, absent):
        answer = five.conformance.ask("DELETE", f"{ROOT}collections/{name}/objects/{ONE}/")
        assert answer.status_code == 404


def test_5_7_a_deleted_object_takes_its_spec_version_into_account(place: Place) -> None:
    place.put(sign(1))
    place.delete(f"objects/{ONE}/?match[spec_version]=2.0")
    assert ids_of(place.get("objects/")) == [ONE]
    assert place.delete(f"objects/{ONE}/?match[spec_version]=2.1").status_code == 200
    assert place.get("objects/").content == b"{}"


# --- §5.8 get object versions


def test_5_8_1_versions_are_a_list_of_timestamps(filled: Place) -> None:
    answer = filled.get(f"objects/{ONE}/versions/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TAXII)
    assert answer.json() == {"versions": [sign(1, version=n)["modified"] for n in (0, 2, 1)]}


def test_5_8_an_object_without_dates_has_the_version_of_the_manifest(filled: Place) -> None:
    for one in (address(1), statement(1)):
        (record,) = filled.get(f"manifest/?match[id]={one['id']}").json()["objects"]
        answer = filled.get(f"objects/{one['id']}/versions/")
        assert answer.json()["versions"] == [record["version"]]


def test_5_8_each_version_named_can_be_had(filled: Place) -> None:
    for version in filled.get(f"objects/{ONE}/versions/").json()["versions"]:
        answer = filled.get(f"objects/{ONE}/?match[version]={version}")
        assert [each["modified"] for each in answer.json()["objects"]] == [version]


@pytest.mark.parametrize("name", [NONE, "nonsense"])
def test_5_8_versions_of_what_is_not_there_are_404(filled: Place, name: str) -> None:
    assert filled.get(f"objects/{name}/versions/").status_code == 404


def test_5_8_added_after_holds_for_versions(filled: Place) -> None:
    first = filled.get(f"objects/{ONE}/versions/?limit=1")
    rest = filled.get(f"objects/{ONE}/versions/?added_after={first.headers[LAST]}")
    assert rest.json()["versions"] == [sign(1, version=n)["modified"] for n in (2, 1)]
    none = filled.get(f"objects/{ONE}/versions/?added_after=2090-01-01T00:00:00Z")
    assert none.content == b"{}"
