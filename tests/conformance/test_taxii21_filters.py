"""TAXII 2.1 §3.3 and §3.4: order, ``added_after``, ``limit``, and every match field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from tests.conformance.taxii_kit import address, ids_of, sign, statement

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Place

ONE, TWO = sign(1)["id"], sign(2)["id"]
ADDRESS, MARKING = address(1)["id"], statement(1)["id"]
V0, V1, V2 = (sign(1, version=n)["modified"] for n in range(3))
PAGED = ("objects/", "manifest/")


def versions_of(answer: httpx.Response) -> list[str]:
    """Return the versions on a page of objects or of a manifest."""
    assert answer.status_code == 200, answer.text
    return [
        each.get("version") or each.get("modified") or each.get("created") or ""
        for each in answer.json().get("objects", [])
    ]


# --- §3.3 sorting


def test_3_3_objects_stand_in_the_order_in_which_they_were_added(filled: Place) -> None:
    answer = filled.get("objects/?match[version]=all")
    assert ids_of(answer) == [ONE, TWO, ADDRESS, ONE, MARKING, ONE]
    assert ids_of(filled.get("manifest/?match[version]=all")) == ids_of(answer)


def test_3_3_dates_rise_and_never_repeat(place: Place) -> None:
    """One date for a whole post would lose objects to whoever pages by it."""
    place.put(*(sign(n) for n in range(1, 101)))
    place.put(*(sign(n) for n in range(101, 151)))
    dates = place.dates()
    assert len(dates) == 150
    assert dates == sorted(set(dates))


def test_3_3_versions_stand_in_the_order_in_which_they_were_added(filled: Place) -> None:
    assert filled.get(f"objects/{ONE}/versions/").json()["versions"] == [V0, V2, V1]


# --- §3.4 added_after


@pytest.mark.parametrize("resource", PAGED)
def test_3_4_added_after_gives_what_was_added_later_and_not_at_it(
    filled: Place, resource: str
) -> None:
    dates = filled.dates()
    for place, date in enumerate(dates):
        answer = filled.get(f"{resource}?match[version]=all&added_after={date}")
        assert len(ids_of(answer)) == len(dates) - place - 1


def test_3_4_without_added_after_reading_begins_with_the_oldest(filled: Place) -> None:
    assert ids_of(filled.get("objects/?match[version]=all&limit=1")) == [ONE]


@pytest.mark.parametrize("digits", range(7))
def test_3_4_added_after_takes_none_to_six_fraction_digits(filled: Place, digits: int) -> None:
    """A client that drops zeros from a fraction must still be understood."""
    dot = "." if digits else ""
    early = filled.get(f"objects/?added_after=2020-01-01T00:00:00{dot}{'0' * digits}Z")
    late = filled.get(f"objects/?added_after=2090-01-01T00:00:00{dot}{'0' * digits}Z")
    assert len(ids_of(early)) == 4
    assert late.content == b"{}"


def test_3_4_added_after_cut_to_milliseconds_gives_too_much_and_never_too_little(
    place: Place,
) -> None:
    """Clients whose clocks have milliseconds cut the header; they may see an object twice."""
    seen: set[str] = set()
    cursor = ""
    for number in range(1, 11):
        place.put(sign(number))
        answer = place.get("objects/" + (f"?added_after={cursor}" if cursor else ""))
        seen.update(ids_of(answer))
        cursor = answer.headers["x-taxii-date-added-last"][:23] + "Z"
    assert seen == {sign(number)["id"] for number in range(1, 11)}


def test_3_4_added_after_does_not_look_at_the_objects_own_dates(place: Place) -> None:
    old = sign(1) | {"created": "1999-01-01T00:00:00.000Z", "modified": "1999-01-01T00:00:00.000Z"}
    place.put(old)
    assert ids_of(place.get("objects/?added_after=2020-01-01T00:00:00Z")) == [ONE]


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "2026-11-24",
        "2026-11-24T10:00:00",
        "2026-11-24T10:00:00%2B01:00",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-24T25:00:00Z",
        "1700000000",
    ],
)
@pytest.mark.parametrize("resource", PAGED)
def test_3_4_an_added_after_that_is_no_timestamp_is_400(
    filled: Place, resource: str, text: str
) -> None:
    answer = filled.get(f"{resource}?added_after={text}")
    assert answer.status_code == 400
    assert answer.json()["title"]


# --- §3.4 limit


@pytest.mark.parametrize("resource", PAGED)
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_3_4_no_more_than_limit_objects_are_sent(filled: Place, resource: str, limit: int) -> None:
    answer = filled.get(f"{resource}?match[version]=all&limit={limit}")
    assert len(ids_of(answer)) == limit
    assert answer.json()["more"] is True


@pytest.mark.parametrize("resource", [*PAGED, f"objects/{ONE}/", f"objects/{ONE}/versions/"])
@pytest.mark.parametrize("limit", ["0", "-1", "ten", "1.5", "", "%D9%A1", "0x10", "1e3", "+5"])
def test_3_4_a_limit_that_is_no_positive_integer_is_400(
    filled: Place, resource: str, limit: str
) -> None:
    if limit == "+5":
        limit = "%2B5"
    assert filled.get(f"{resource}?limit={limit}").status_code == 400


def test_3_4_a_limit_beyond_the_servers_own_is_no_error(filled: Place) -> None:
    answer = filled.get("objects/?limit=999999999999")
    assert answer.status_code == 200
    assert len(ids_of(answer)) == 4


# --- §3.4 match


def test_3_4_a_field_that_stands_twice_is_400(filled: Place) -> None:
    for query in (
        "match[type]=indicator&match[type]=note",
        f"match[id]={ONE}&match[id]={TWO}",
        "match[version]=all&match[version]=first",
        "limit=1&limit=2",
        "added_after=2026-01-01T00:00:00Z&added_after=2026-01-02T00:00:00Z",
    ):
        assert filled.get("objects/?" + query).status_code == 400, query


@pytest.mark.parametrize("resource", PAGED)
def test_3_4_values_of_a_field_are_joined_by_or(filled: Place, resource: str) -> None:
    assert ids_of(filled.get(f"{resource}?match[type]=ipv4-addr,marking-definition")) == [
        ADDRESS, MARKING,
    ]  # fmt: skip
    assert ids_of(filled.get(f"{resource}?match[id]={ADDRESS},{TWO}")) == [TWO, ADDRESS]


@pytest.mark.parametrize("resource", PAGED)
def test_3_4_fields_are_joined_by_and(filled: Place, resource: str) -> None:
    assert filled.get(f"{resource}?match[id]={TWO}&match[type]=ipv4-addr").content == b"{}"
    assert ids_of(filled.get(f"{resource}?match[id]={TWO}&match[type]=indicator")) == [TWO]
    date = filled.dates()[1]
    answer = filled.get(f"{resource}?match[type]=indicator&added_after={date}")
    assert ids_of(answer) == [ONE]


def test_3_4_brackets_and_commas_may_be_percent_encoded(filled: Place) -> None:
    answer = filled.get("objects/?match%5Btype%5D=ipv4-addr%2Cmarking-definition")
    assert ids_of(answer) == [ADDRESS, MARKING]


def test_3_4_a_match_that_nothing_fits_gives_an_empty_envelope(filled: Place) -> None:
    for query in ("match[type]=campaign", "match[id]=indicator--none", "match[spec_version]=2.0"):
        for resource in PAGED:
            answer = filled.get(f"{resource}?{query}")
            assert (answer.status_code, answer.content) == (200, b"{}"), query


def test_3_4_a_parameter_that_is_not_of_the_standard_is_no_error(filled: Place) -> None:
    assert filled.get("objects/?x=1&_=2").status_code == 200


@pytest.mark.parametrize("query", ["match[name]=x", "match[]=x", "match[id]=a,,b", "match[type]="])
def test_3_4_1_a_match_that_cannot_be_understood_is_400(filled: Place, query: str) -> None:
    """A field the standard does not have could only be answered wrongly."""
    assert filled.get("objects/?" + query).status_code == 400


@pytest.mark.parametrize("resource", PAGED)
def test_3_4_1_id(filled: Place, resource: str) -> None:
    assert ids_of(filled.get(f"{resource}?match[id]={TWO}")) == [TWO]


@pytest.mark.parametrize("resource", PAGED)
def test_3_4_1_type(filled: Place, resource: str) -> None:
    assert ids_of(filled.get(f"{resource}?match[type]=indicator")) == [TWO, ONE]


def test_3_4_1_types_are_compared_by_case(filled: Place) -> None:
    assert filled.get("objects/?match[type]=Indicator").content == b"{}"


# --- §3.4.1 version


@pytest.mark.parametrize("resource", PAGED)
def test_3_4_1_without_a_version_only_the_latest_is_sent(filled: Place, resource: str) -> None:
    """The latest is the one modified last, not the one that arrived last."""
    answer = filled.get(f"{resource}?match[id]={ONE}")
    assert versions_of(answer) == [V2]


@pytest.mark.parametrize("resource", PAGED)
@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("last", [V2]),
        ("first", [V0]),
        ("all", [V0, V2, V1]),
        ("first,last", [V0, V2]),
        ("last,first", [V0, V2]),
        (V1, [V1]),
        (f"{V0},{V1}", [V0, V1]),
        (f"first,{V1}", [V0, V1]),
        (f"last,{V1}", [V2, V1]),
        ("2026-11-02T08:00:00.12Z", [V1]),
        ("2026-11-02T08:00:00.120000Z", [V1]),
        ("2026-11-01T08:00:00Z", [V0]),
        ("2030-01-01T00:00:00Z", []),
    ],
)
def test_3_4_1_version(filled: Place, resource: str, choice: str, expected: list[str]) -> None:
    """A version is an instant: texts of one instant name one version."""
    answer = filled.get(f"{resource}?match[id]={ONE}&match[version]={choice}")
    assert versions_of(answer) == expected


@pytest.mark.parametrize("choice", ["all,first", f"all,{V1}", f"last,all,{V1}"])
def test_3_4_1_all_stands_beside_no_other_version(filled: Place, choice: str) -> None:
    assert filled.get(f"objects/?match[version]={choice}").status_code == 400


def test_3_4_1_a_version_named_twice_is_sent_once_or_refused(filled: Place) -> None:
    """The standard does not say which; it must not come twice."""
    for choice in (f"{V1},{V1}", "first,first"):
        answer = filled.get(f"objects/?match[id]={ONE}&match[version]={choice}")
        assert answer.status_code == 400 or len(ids_of(answer)) == 1


@pytest.mark.parametrize("choice", ["nonsense", "", "last,,first", "LAST", "2026-11-01", "1"])
@pytest.mark.parametrize("resource", [*PAGED, f"objects/{ONE}/"])
def test_3_4_1_a_version_that_is_none_is_400(filled: Place, resource: str, choice: str) -> None:
    assert filled.get(f"{resource}?match[version]={choice}").status_code == 400


def test_3_4_1_an_only_version_is_the_first_and_the_last(filled: Place) -> None:
    for choice in ("first", "last", "all", "first,last"):
        answer = filled.get(f"objects/?match[id]={TWO}&match[version]={choice}")
        assert ids_of(answer) == [TWO]


def test_3_4_1_a_later_version_takes_the_place_of_the_last(place: Place) -> None:
    for version in (1, 0, 3, 2):
        place.put(sign(1, version=version))
    assert versions_of(place.get("objects/")) == [sign(1, version=3)["modified"]]
    assert versions_of(place.get("objects/?match[version]=first")) == [V0]


def test_3_4_1_the_version_of_an_object_without_modified_is_created(filled: Place) -> None:
    (record,) = filled.get(f"manifest/?match[id]={MARKING}").json()["objects"]
    assert record["version"] == statement(1)["created"]
    answer = filled.get(f"objects/?match[id]={MARKING}&match[version]=2026-10-01T00:00:00Z")
    assert ids_of(answer) == [MARKING]


def test_3_4_1_the_version_of_an_object_without_dates_is_when_it_was_added(
    filled: Place,
) -> None:
    (record,) = filled.get(f"manifest/?match[id]={ADDRESS}").json()["objects"]
    assert record["version"] == record["date_added"]
    answer = filled.get(f"objects/?match[id]={ADDRESS}&match[version]={record['version']}")
    assert ids_of(answer) == [ADDRESS]
    for choice in ("first", "last", "all"):
        assert ids_of(filled.get(f"objects/?match[id]={ADDRESS}&match[version]={choice}")) == [
            ADDRESS
        ]


# --- §3.4.1 spec_version


@pytest.mark.parametrize("resource", [*PAGED, f"objects/{TWO}/"])
def test_3_4_1_spec_version(filled: Place, resource: str) -> None:
    assert TWO in ids_of(filled.get(f"{resource}?match[spec_version]=2.1"))
    assert TWO in ids_of(filled.get(f"{resource}?match[spec_version]=2.0,2.1"))
    assert filled.get(f"{resource}?match[spec_version]=2.0").content == b"{}"
    assert TWO in ids_of(filled.get(resource))  # without it, the latest the server can give


def test_3_4_1_spec_version_holds_for_versions_too(filled: Place) -> None:
    assert (
        len(filled.get(f"objects/{ONE}/versions/?match[spec_version]=2.1").json()["versions"]) == 3
    )
    assert filled.get(f"objects/{ONE}/versions/?match[spec_version]=2.0").content == b"{}"


@pytest.mark.parametrize("text", ["two", "", "2", "2.1.1.1"])
def test_3_4_1_a_spec_version_that_is_none_is_400_or_fits_nothing(filled: Place, text: str) -> None:
    answer = filled.get(f"objects/?match[spec_version]={text}")
    assert answer.status_code == 400 or answer.content == b"{}"
