"""TAXII 2.1 §5.4 and §5.5: get objects, add objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.conformance.taxii_kit import (
    ROOT,
    TAXII,
    address,
    encoded,
    ids_of,
    sign,
    statement,
)

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Document, Five, Place, Served

ONE = sign(1)["id"]


# --- §5.4 get objects


def test_5_4_objects_come_in_an_envelope(filled: Place) -> None:
    answer = filled.get("objects/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TAXII)
    body = answer.json()
    assert set(body) == {"objects"}
    assert [each["type"] for each in body["objects"]] == [
        "indicator", "ipv4-addr", "indicator", "marking-definition",
    ]  # fmt: skip


def test_5_4_an_empty_collection_gives_an_empty_envelope(place: Place) -> None:
    answer = place.get("objects/")
    assert (answer.status_code, answer.content) == (200, b"{}")


def test_5_4_what_may_not_be_read_is_403(five: Five) -> None:
    assert five.writeonly.get("objects/").status_code == 403
    assert five.writeonly.get(f"objects/{ONE}/").status_code == 403
    assert five.writeonly.get(f"objects/{ONE}/versions/").status_code == 403


def test_5_4_nothing_of_what_may_not_be_read_shows(five: Five) -> None:
    """Neither an object nor whether it is there."""
    five.writeonly.put(sign(3))
    there = five.writeonly.get(f"objects/{sign(3)['id']}/")
    gone = five.writeonly.get(f"objects/{sign(4)['id']}/")
    assert there.content == gone.content
    assert sign(3)["name"] not in five.writeonly.get("objects/").text


def test_5_4_a_collection_that_is_not_there_is_404(filled: Place, absent: str) -> None:
    assert filled.ask("GET", f"{ROOT}collections/{absent}/objects/").status_code == 404


def test_5_4_every_parameter_of_the_standard_may_stand_together(filled: Place) -> None:
    answer = filled.get(
        "objects/?added_after=2020-01-01T00:00:00Z&limit=5&match[type]=indicator,ipv4-addr"
        f"&match[version]=all&match[spec_version]=2.1&match[id]={ONE},{address(1)['id']}"
    )
    assert ids_of(answer) == [ONE, address(1)["id"], ONE, ONE]


def test_5_4_head_is_get_without_a_body(filled: Place) -> None:
    answer = filled.ask("HEAD", filled.url + "objects/")
    assert answer.status_code in {200, 405}
    assert answer.content == b""


# --- §5.5 add objects


def test_5_5_a_post_is_answered_with_202_and_a_status(place: Place) -> None:
    answer = place.post([sign(1)])
    assert (answer.status_code, answer.headers["content-type"]) == (202, TAXII)
    assert answer.json()["status"] in {"complete", "pending"}


def test_5_5_what_was_posted_is_read_as_soon_as_the_status_is_complete(place: Place) -> None:
    for number in range(1, 30):
        status = place.put(sign(number))
        assert status["status"] == "complete"
        assert place.get(f"objects/{sign(number)['id']}/").status_code == 200


@pytest.mark.parametrize(
    "body", [b"{}", b'{"objects":[]}', b'{"more":false}', b'{"more":true,"next":"x","objects":[]}']
)
def test_5_5_an_envelope_of_nothing_adds_nothing(place: Place, body: bytes) -> None:
    """Whether it is taken or cannot be processed is not said; either is an answer."""
    answer = place.send(body)
    assert answer.status_code in {202, 422}
    assert answer.headers["content-type"] == TAXII
    if answer.status_code == 202:
        assert answer.json()["total_count"] == 0
    assert not place.dates()


def test_5_5_an_exact_duplicate_is_a_success_and_changes_nothing(place: Place) -> None:
    place.put(sign(1), address(1), statement(1))
    before = place.get("manifest/?match[version]=all").json()
    status = place.put(sign(1), address(1), statement(1))
    assert status["success_count"] == 3
    assert "failures" not in status
    assert place.get("manifest/?match[version]=all").json() == before


def test_5_5_a_duplicate_within_one_post_is_a_success(place: Place) -> None:
    status = place.put(sign(1), sign(1), sign(2), sign(1))
    assert status["success_count"] == 4
    assert ids_of(place.get("objects/")) == [ONE, sign(2)["id"]]


def test_5_5_a_duplicate_in_other_spacing_is_a_duplicate(place: Place) -> None:
    """The same version of the same object; the first bytes that came are kept."""
    raw = json.dumps(sign(1), separators=(",", ":")).encode()
    spaced = json.dumps(sign(1), indent=1).encode()
    place.put(raw)
    place.put(spaced)
    assert place.get("objects/").content == b'{"objects":[' + raw + b"]}"


def test_5_5_a_version_that_says_something_else_does_not_replace_the_first(place: Place) -> None:
    """The standard does not say what becomes of it; what was served must not change."""
    place.put(sign(1))
    status = place.post([sign(1, name="Another")]).json()
    assert status["success_count"] + status["failure_count"] == 1
    assert [each["name"] for each in place.get("objects/").json()["objects"]] == ["Sign 1"]
    assert len(place.dates()) == 1


def test_5_5_versions_of_one_object_may_come_in_one_post_in_any_order(place: Place) -> None:
    place.put(sign(1, version=2), sign(1), sign(1, version=1))
    assert place.get(f"objects/{ONE}/versions/").json()["versions"] == [
        sign(1, version=n)["modified"] for n in (2, 0, 1)
    ]
    (latest,) = place.get("objects/").json()["objects"]
    assert latest["modified"] == sign(1, version=2)["modified"]
    (first,) = place.get("objects/?match[version]=first").json()["objects"]
    assert first["modified"] == sign(1)["modified"]


BAD: dict[str, Document | bytes] = {
    "no object": b"7",
    "nothing": b"null",
    "no id": b'{"type":"indicator","spec_version":"2.1"}',
    "no type": b'{"id":"' + ONE.encode() + b'"}',
    "an id of another type": sign(8) | {"id": "malware--00000000-0000-4000-8000-000000000008"},
    "an id that is none": sign(8) | {"id": "indicator--8"},
    "not by its schema": {key: value for key, value in sign(8).items() if key != "pattern"},
    "a version that is no date": sign(8) | {"modified": "yesterday"},
    "a key twice": b'{"type":"indicator","type":"indicator","id":"' + ONE.encode() + b'"}',
    "too deep": b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
}


@pytest.mark.parametrize("case", list(BAD))
def test_5_5_a_bad_object_fails_alone(place: Place, case: str) -> None:
    answer = place.post([sign(1), BAD[case], sign(2)])
    assert answer.status_code == 202, answer.text
    status = answer.json()
    assert (status["success_count"], status["failure_count"]) == (2, 1), case
    assert place.get("objects/").json()["objects"] == [sign(1), sign(2)]
    assert place.get("manifest/").status_code == 200


def test_5_5_what_may_not_be_written_is_403(five: Five) -> None:
    before = five.readonly.get("objects/").content
    assert five.readonly.post([sign(9)]).status_code == 403
    assert five.readonly.get("objects/").content == before


def test_5_5_what_may_only_be_written_takes_a_post(five: Five) -> None:
    status = five.writeonly.put(sign(5))
    answer = five.writeonly.ask("GET", f"{ROOT}status/{status['id']}/")
    assert answer.json() == status


def test_5_5_a_collection_that_is_not_there_is_404(filled: Place, absent: str, five: Five) -> None:
    for name in (absent, five.noaccess_id, five.noaccess):
        path = f"{ROOT}collections/{name}/objects/"
        answer = filled.call("POST", path, {"content-type": TAXII}, encoded([sign(1)]))
        assert answer.status_code == 404


def test_5_5_a_bundle_is_read_as_what_it_holds(place: Place) -> None:
    """Some tools send a bundle, which has ``objects`` as an envelope has."""
    name = "bundle--00000000-0000-4000-8000-000000000001"
    body = json.dumps({"type": "bundle", "id": name, "objects": [sign(1)]}).encode()
    assert place.send(body).json()["success_count"] == 1


def test_5_5_a_thousand_objects_come_in_one_post(place: Place) -> None:
    status = place.put(*(sign(n) for n in range(1, 1_001)))
    assert status["total_count"] == status["success_count"] == 1_000
    assert len(place.dates()) == 1_000


def test_5_5_objects_of_every_common_type_are_taken(place: Place) -> None:
    times = {"created": "2026-11-01T08:00:00.000Z", "modified": "2026-11-01T08:00:00.000Z"}
    common = {"spec_version": "2.1", **times}
    who = "identity--00000000-0000-4000-8000-000000000001"
    bad = "malware--00000000-0000-4000-8000-000000000001"
    objects: list[Document] = [
        {"type": "identity", "id": who, "name": "Office", "identity_class": "organization"},
        {"type": "malware", "id": bad, "name": "Worm", "is_family": True},
        {
            "type": "relationship",
            "id": "relationship--00000000-0000-4000-8000-000000000001",
            "relationship_type": "indicates",
            "source_ref": ONE,
            "target_ref": bad,
        },
        {
            "type": "sighting",
            "id": "sighting--00000000-0000-4000-8000-000000000001",
            "sighting_of_ref": ONE,
        },
        {
            "type": "report",
            "id": "report--00000000-0000-4000-8000-000000000001",
            "name": "Report",
            "published": times["created"],
            "object_refs": [ONE, bad],
        },
    ]
    place.put(*(common | each for each in objects), sign(1), address(1), statement(1))
    assert len(ids_of(place.get("objects/"))) == 8


def test_5_5_two_collections_keep_apart(served: Served) -> None:
    one, two = served.fresh(), served.fresh()
    one.put(sign(1))
    two.put(sign(1, name="Of two"))
    assert one.get("objects/").json()["objects"] == [sign(1)]
    assert two.get("objects/").json()["objects"] == [sign(1, name="Of two")]
    assert two.delete(f"objects/{ONE}/").status_code == 200
    assert ids_of(one.get("objects/")) == [ONE]
