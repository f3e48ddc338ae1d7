"""TAXII 2.1 §5.1 to §5.3: collections, one collection, manifests."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from tests.conformance.taxii_kit import (
    ROOT,
    SIX_DIGITS,
    STIX,
    TAXII,
    address,
    encoded,
    ids_of,
    sign,
)

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Five, Place, Served

KNOWN = {"id", "title", "description", "alias", "can_read", "can_write", "media_types"}


# --- §5.1 get collections


def test_5_1_collections_lists_what_the_caller_may_use(five: Five) -> None:
    body = five.conformance.ask("GET", ROOT + "collections/").json()
    assert set(body) == {"collections"}
    rights = {each["alias"]: (each["can_read"], each["can_write"]) for each in body["collections"]}
    assert rights == {
        "conformance": (True, True),
        "bench": (True, True),
        "readonly": (True, False),
        "writeonly": (False, True),
    }


def test_5_1_two_tools_see_two_lists(served: Served) -> None:
    one, two = served.create(), served.create()
    first, second = served.token(f"{one}=rw"), served.token(f"{two}=r")
    for token, name in ((first, one), (second, two)):
        place = served.place(name, token)
        body = place.ask("GET", ROOT + "collections/").json()
        assert [each["alias"] for each in body["collections"]] == [name]


def test_5_1_ids_and_aliases_are_unique_in_the_root(five: Five) -> None:
    infos = five.conformance.ask("GET", ROOT + "collections/").json()["collections"]
    names = [each["id"] for each in infos] + [each["alias"] for each in infos]
    assert len(set(names)) == len(names)


def test_5_1_the_order_of_collections_is_the_same_each_time(five: Five) -> None:
    answers = {five.conformance.ask("GET", ROOT + "collections/").content for _ in range(3)}
    assert len(answers) == 1


# --- §5.2 get a collection


def test_5_2_1_a_collection_has_what_it_must(five: Five) -> None:
    for place in (five.conformance, five.readonly, five.writeonly):
        answer = place.get()
        assert (answer.status_code, answer.headers["content-type"]) == (200, TAXII)
        body = answer.json()
        assert str(uuid.UUID(body["id"])) == body["id"] == place.id
        assert body["title"]
        assert isinstance(body["can_read"], bool)
        assert isinstance(body["can_write"], bool)
        assert body["media_types"] == [STIX]
        assert set(body) <= KNOWN


def test_5_2_one_collection_is_as_the_list_shows_it(five: Five) -> None:
    for info in five.conformance.ask("GET", ROOT + "collections/").json()["collections"]:
        one = five.conformance.ask("GET", f"{ROOT}collections/{info['id']}/").json()
        assert one == info


def test_5_2_1_an_alias_stands_in_the_place_of_an_id(filled: Place) -> None:
    one = sign(1)["id"]
    for rest in ("", "objects/", "manifest/", f"objects/{one}/", f"objects/{one}/versions/"):
        by_alias = filled.ask("GET", f"{ROOT}collections/{filled.name}/{rest}")
        assert by_alias.status_code == 200
        assert by_alias.content == filled.get(rest).content


def test_5_2_1_writing_and_deleting_go_by_alias_too(place: Place) -> None:
    url = f"{ROOT}collections/{place.name}/objects/"
    body = encoded([sign(1)])
    assert place.call("POST", url, {"content-type": TAXII}, body).status_code == 202
    assert place.ask("DELETE", f"{url}{sign(1)['id']}/").status_code == 200


def test_5_2_1_what_stands_there_is_the_callers_own_right(served: Served, place: Place) -> None:
    reader = served.with_token(place, served.token(f"{place.name}=r"))
    assert (reader.get().json()["can_read"], reader.get().json()["can_write"]) == (True, False)
    assert (place.get().json()["can_read"], place.get().json()["can_write"]) == (True, True)


def test_5_2_a_collection_that_is_not_there_is_404(filled: Place, absent: str) -> None:
    for name in (absent, "nonsense", absent.upper()):
        assert filled.ask("GET", f"{ROOT}collections/{name}/").status_code == 404


def test_5_2_an_id_in_capitals_is_the_same_or_not_there(filled: Place) -> None:
    """UUIDs may be written in capitals; no other collection must answer."""
    answer = filled.ask("GET", f"{ROOT}collections/{filled.id.upper()}/")
    assert answer.status_code == 404 or answer.json()["id"] == filled.id


# --- §5.3 get object manifests


def test_5_3_1_a_record_says_id_date_version_and_media_type(filled: Place) -> None:
    body = filled.get("manifest/?match[version]=all").json()
    assert set(body) == {"objects"}
    for record in body["objects"]:
        assert set(record) == {"id", "date_added", "version", "media_type"}
        assert SIX_DIGITS.fullmatch(record["date_added"])
        assert record["media_type"] == STIX


def test_5_3_1_each_version_has_a_record_of_its_own(filled: Place) -> None:
    records = filled.get(f"manifest/?match[id]={sign(1)['id']}&match[version]=all").json()[
        "objects"
    ]
    assert [each["version"] for each in records] == [
        sign(1, version=n)["modified"] for n in (0, 2, 1)
    ]
    assert len({each["date_added"] for each in records}) == 3


@pytest.mark.parametrize(
    "query",
    [
        "",
        "match[version]=all",
        "match[version]=first",
        "match[type]=indicator",
        "match[type]=ipv4-addr&match[version]=all",
        "limit=2",
        "match[version]=first,last&limit=3",
    ],
)
def test_5_3_a_manifest_tells_of_the_same_objects_as_objects(filled: Place, query: str) -> None:
    manifest, objects = filled.get("manifest/?" + query), filled.get("objects/?" + query)
    assert ids_of(manifest) == ids_of(objects)
    assert manifest.json().get("more") == objects.json().get("more")


def test_5_3_a_manifest_of_what_may_not_be_read_is_403(five: Five) -> None:
    """The caller knows of the collection, since it may write to it."""
    assert five.writeonly.get("manifest/").status_code == 403


def test_5_3_a_manifest_of_what_is_not_there_is_404(filled: Place, absent: str) -> None:
    assert filled.ask("GET", f"{ROOT}collections/{absent}/manifest/").status_code == 404


def test_5_3_dates_in_a_manifest_never_change(place: Place) -> None:
    place.put(sign(1), address(1))
    before = place.get("manifest/").json()["objects"]
    place.put(sign(2))
    place.put(sign(1), address(1))
    assert place.get("manifest/").json()["objects"][:2] == before
