"""TAXII 2.1 §2: timestamps, identifiers, lists, as they stand in every resource."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.taxii_kit import ROOT, SIX_DIGITS, address, sign, statement

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Place


def every_value(value: Any) -> Iterator[Any]:
    """Yield a value and all that stands in it."""
    yield value
    if isinstance(value, dict):
        for inner in value.values():
            yield from every_value(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every_value(inner)


def taxii_resources(place: Place) -> Iterator[Any]:
    """Yield every resource but those that hold STIX objects."""
    one = sign(1)["id"]
    status = place.put(sign(1))
    for path in (
        "/taxii2/",
        ROOT,
        ROOT + "collections/",
        f"{ROOT}status/{status['id']}/",
        place.url,
        place.url + "manifest/",
        f"{place.url}objects/{one}/versions/",
    ):
        yield place.ask("GET", path).json()


def test_2_a_date_added_has_exactly_six_fraction_digits(place: Place) -> None:
    place.put(*(sign(n) for n in range(1, 6)), address(1), statement(1))
    assert all(SIX_DIGITS.fullmatch(date) for date in place.dates())


def test_2_the_timestamp_of_a_request_has_exactly_six_fraction_digits(place: Place) -> None:
    assert SIX_DIGITS.fullmatch(place.put(sign(1))["request_timestamp"])


@pytest.mark.parametrize(
    "modified",
    [
        "2026-11-01T08:00:00.000Z",
        "2026-11-01T08:00:00.1234Z",
        "2026-11-01T08:00:00.123456Z",
        "2026-11-01T08:00:00.120000Z",
    ],
)
def test_2_a_version_is_the_senders_own_text(place: Place, modified: str) -> None:
    """The timestamps of STIX have their own form; a rewritten one would name another version."""
    created = "2026-10-01T08:00:00.000Z"
    one = sign(1, modified=modified) | {"created": created}
    status = place.put(one)
    assert status["successes"][0]["version"] == modified
    (record,) = place.get("manifest/").json()["objects"]
    assert record["version"] == modified
    assert place.get(f"objects/{one['id']}/versions/").json()["versions"] == [modified]
    assert place.get("objects/").json()["objects"] == [one]


def test_2_no_list_is_empty(place: Place) -> None:
    """What would be an empty list is left out."""
    for resource in taxii_resources(place):
        assert [] not in list(every_value(resource))


def test_2_no_optional_property_is_null(place: Place) -> None:
    for resource in taxii_resources(place):
        assert None not in list(every_value(resource))


def test_2_no_key_stands_twice_and_all_are_small(place: Place) -> None:
    place.put(sign(1))

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        assert len(set(names)) == len(names)
        assert names == [name.lower() for name in names]
        return dict(found)

    for path in ("/taxii2/", ROOT, ROOT + "collections/", place.url, place.url + "manifest/"):
        json.loads(place.ask("GET", path).content, object_pairs_hook=pairs)


def test_2_ids_of_collections_and_statuses_are_uuids(place: Place) -> None:
    status = place.put(sign(1))
    for text in (place.id, status["id"]):
        assert str(uuid.UUID(text)) == text
    assert uuid.UUID(status["id"]).version == 4


def test_2_texts_are_unicode_and_come_back_as_they_were(place: Place) -> None:
    names = [
        "Zürich",
        "\u0645\u0631\u062d\u0628\u0627",
        "\U0001f512",
        'a "quoted" \\ name',
        "\u2028",
    ]
    place.put(*(sign(n, name=name) for n, name in enumerate(names, start=1)))
    assert [each["name"] for each in place.get("objects/").json()["objects"]] == names


def test_2_an_object_comes_back_byte_for_byte(place: Place) -> None:
    """Digits, spaces, order and escapes of the sender stay; a digest of it holds."""
    raw = json.dumps(sign(1, x_number=1.50, x_exp=1, name="\u00e9"), separators=(",  ", " : "))
    text = raw.replace('"x_exp" : 1', '"x_exp" : 1.0e2').encode()
    assert place.post([text]).status_code == 202
    assert place.get("objects/").content == b'{"objects":[' + text + b"]}"


def test_2_properties_nobody_knows_are_kept(place: Place) -> None:
    one = sign(1, x_own={"deep": [1, {"a": None}]}, x_flag=False)
    place.put(one)
    assert place.get("objects/").json()["objects"] == [one]
