"""Reading STIX objects: what is taken, what is refused, and that nothing is rebuilt."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from foedus.model.bundles import MAX_BUNDLE_OBJECTS, split_bundle
from foedus.model.objects import MAX_DEPTH, MAX_OBJECT_BYTES, ObjectError, parse_object

DATA = Path(__file__).parents[3] / ".." / "shared" / "data"

AUTHOR = "identity--0a2d2a90-8bdc-4b0c-9d1f-5c6e2f3d4e5f"
RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"

INDICATOR: dict[str, Any] = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    "created_by_ref": AUTHOR,
    "created": "2026-11-01T08:00:00.000Z",
    "modified": "2026-11-02T09:30:00.5Z",
    "name": "Recruitment page",
    "pattern": "[url:value = 'https://page.example/join']",
    "pattern_type": "stix",
    "valid_from": "2026-11-01T08:00:00Z",
    "object_marking_refs": [GREEN],
    "granular_markings": [{"marking_ref": RED, "selectors": ["name"]}],
}
ADDRESS: dict[str, Any] = {
    "type": "email-addr",
    "id": "email-addr--2d77a846-6264-5d51-b586-e43822ea1ea3",
    "value": "someone@mail.example",
}


def raw(document: object) -> bytes:
    return json.dumps(document).encode()


def without(*names: str) -> dict[str, Any]:
    return {key: value for key, value in INDICATOR.items() if key not in names}


def nested(depth: int) -> dict[str, Any]:
    inner: Any = "x"
    for _ in range(depth - 1):
        inner = [inner]
    return {**INDICATOR, "x_deep": inner}


def test_an_indicator_is_read() -> None:
    data = raw(INDICATOR)
    read = parse_object(data)
    assert read.raw is data
    assert read.id == INDICATOR["id"]
    assert read.type == "indicator"
    assert read.version == "2026-11-02T09:30:00.5Z"
    assert read.created == datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert read.modified == datetime(2026, 11, 2, 9, 30, 0, 500_000, tzinfo=UTC)
    assert read.content_hash == hashlib.sha256(data).hexdigest()
    assert read.marking_refs == (GREEN, RED)
    assert read.references == (AUTHOR,)
    assert read.spec_version == "2.1"
    assert read.revoked is False
    assert read.document() == INDICATOR


def test_a_document_is_decoded_anew_each_time() -> None:
    read = parse_object(raw(INDICATOR))
    read.document()["name"] = "changed"
    assert read.document() == INDICATOR


def test_an_observable_has_its_hash_for_a_version() -> None:
    data = raw(ADDRESS)
    read = parse_object(data)
    assert read.version == "sha256:" + hashlib.sha256(data).hexdigest()
    assert read.modified is None
    assert read.created is None
    assert read.spec_version == "2.1"


def test_white_space_makes_another_version_of_an_observable() -> None:
    compact = json.dumps(ADDRESS, separators=(",", ":")).encode()
    assert parse_object(raw(ADDRESS)).version != parse_object(compact).version


def test_references_are_found_at_any_depth_once_and_in_order() -> None:
    first, second = "file--9a1f834d-2506-5367-baec-7aa63996ac43", AUTHOR
    read = parse_object(
        raw(
            {
                **without("created_by_ref"),
                "object_refs": [first, second, first],
                "extensions": {"x-ext": {"parts": [{"inner_ref": second, "note": "a"}]}},
            }
        )
    )
    assert read.references == (first, second)


def test_local_references_of_the_deprecated_form_are_left_alone() -> None:
    observed = {
        "type": "observed-data",
        "spec_version": "2.1",
        "id": "observed-data--b67d30ff-02ac-498a-92f9-32f845f448cf",
        "created": "2026-11-01T08:00:00.000Z",
        "modified": "2026-11-01T08:00:00.000Z",
        "created_by_ref": AUTHOR,
        "objects": {"0": {"type": "file"}, "1": {"contains_refs": ["0"]}},
    }
    assert parse_object(raw(observed)).references == (AUTHOR,)


@pytest.mark.parametrize(
    ("case", "data", "reason"),
    [
        ("nothing", b"", "not JSON"),
        ("half an object", b'{"type": "indicator"', "not JSON"),
        ("not UTF-8", b'{"type": "\xff"}', "not JSON"),
        ("a list", b"[]", "not a JSON object"),
        ("too large", b" " * (MAX_OBJECT_BYTES + 1), "larger"),
        ("nested beyond reason", b"[" * 100_000, "not JSON"),
        ("nested too deep", raw(nested(MAX_DEPTH + 1)), "deeper"),
        ("type missing", raw(without("type")), "no 'type'"),
        ("id missing", raw(without("id")), "no 'id'"),
        ("id without a uuid", raw({**INDICATOR, "id": "indicator--7"}), "not a STIX id"),
        ("id of another type", raw({**INDICATOR, "type": "malware"}), "do not agree"),
        ("a bundle", raw({"type": "bundle", "id": "bundle--x", "objects": []}), "split it first"),
        ("STIX 2.0 object", raw(without("spec_version")), "STIX 2.0 is not read"),
        ("custom STIX 2.0 object", raw({**without("spec_version"), "type": "x-page",
            "id": "x-page--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}), "STIX 2.0 is not read"),
        ("says 2.0", raw({**INDICATOR, "spec_version": "2.0"}), "only STIX 2.1"),
        ("observable that says 2.0", raw({**ADDRESS, "spec_version": "2.0"}), "only STIX 2.1"),
        ("version is a number", raw({**INDICATOR, "spec_version": 2.1}), "only STIX 2.1"),
        ("modified is a number", raw({**INDICATOR, "modified": 7}), "not a text"),
        ("modified in local time", raw({**INDICATOR, "modified": "2026-11-01T08:00:00+03:00"}),
            "not an RFC 3339 instant"),
        ("week date", raw({**INDICATOR, "modified": "2026-W45-1T08:00:00Z"}),
            "not an RFC 3339 instant"),
        ("no such day", raw({**INDICATOR, "created": "2026-02-30T08:00:00Z"}), "no such instant"),
        ("revoked in words", raw({**INDICATOR, "revoked": "yes"}), "revoked"),
        ("reference to a web page", raw({**INDICATOR, "x_page_ref": "https://page.example"}),
            "not a STIX id"),
        ("reference to a number", raw({**INDICATOR, "object_refs": [7]}), "does not hold"),
        ("marking without a uuid", raw({**INDICATOR, "object_marking_refs": ["tlp:red"]}),
            "not a STIX id"),
    ],
)  # fmt: skip
def test_refused(case: str, data: bytes, reason: str) -> None:
    with pytest.raises(ObjectError, match=reason):
        parse_object(data)
    assert case


def test_the_deepest_nesting_allowed_is_read() -> None:
    assert parse_object(raw(nested(MAX_DEPTH))).type == "indicator"


def test_a_leap_second_is_an_instant() -> None:
    read = parse_object(raw({**INDICATOR, "modified": "2016-12-31T23:59:60Z"}))
    assert read.version == "2016-12-31T23:59:60Z"
    assert read.modified == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


MARKED_TWICE = raw(INDICATOR)[:-1] + b', "object_marking_refs"%s["%s"]}'


@pytest.mark.parametrize("colon", [b":", b" :", b": ", b"\n\t:\r\n"])
def test_a_key_that_stands_twice_is_refused(colon: bytes) -> None:
    with pytest.raises(ObjectError, match="stands twice"):
        parse_object(MARKED_TWICE % (colon, RED.encode()))


@pytest.mark.parametrize(
    "key", [b'"na\\u006de"', b'"name"'], ids=["written with an escape", "written plainly"]
)
def test_a_key_that_stands_twice_is_refused_however_written(key: bytes) -> None:
    with pytest.raises(ObjectError, match="stands twice"):
        parse_object(raw(INDICATOR)[:-1] + b", " + key + b': "x"}')


def test_a_nested_key_that_stands_twice_is_refused() -> None:
    data = raw({**INDICATOR, "x_inner": {"@": 1}}).replace(b'"@": 1', b'"a": 1, "a": 2')
    with pytest.raises(ObjectError, match="stands twice"):
        parse_object(data)


@pytest.mark.parametrize("text", ['say "name": twice', '"name" : "x", "name": "x"', '{"a":"b"}'])
def test_a_text_that_looks_like_keys_is_a_text(text: str) -> None:
    document = {**INDICATOR, "description": text}
    assert parse_object(raw(document)).document() == document


def test_a_bundle_is_split_into_exact_bytes() -> None:
    parts = (b'{ "type" :"x" }', raw(INDICATOR), raw(ADDRESS))
    bundle = b'{"type": "bundle", "id": "bundle--1", "objects": [ ' + b" ,\n".join(parts) + b"]}"
    assert split_bundle(bundle) == parts


def test_an_envelope_is_split() -> None:
    data = b'{"more": true, "next": "x", "objects": [' + raw(ADDRESS) + b"]}"
    assert split_bundle(data) == (raw(ADDRESS),)


@pytest.mark.parametrize("data", [b"{}", b'{"more": false}', b'{"type": "bundle", "id": "b"}'])
def test_an_empty_envelope_or_bundle_holds_nothing(data: bytes) -> None:
    assert split_bundle(data) == ()


@pytest.mark.parametrize(
    ("case", "data", "reason"),
    [
        ("not JSON", b"bundle", "not a bundle"),
        ("a list", b"[]", "not a bundle"),
        ("not UTF-8", b'{"type": "\xff"}', "not a bundle"),
        ("nested beyond reason", b'{"objects": ' + b"[" * 100_000, "not a bundle"),
        ("objects is a map", b'{"type": "bundle", "objects": {}}', "not a bundle"),
        ("one object", raw(INDICATOR), "one object"),
        ("of STIX 2.0", b'{"type": "bundle", "spec_version": "2.0", "objects": []}', "STIX 2.0"),
        ("too many", b'{"objects": [' + b"1," * MAX_BUNDLE_OBJECTS + b"1]}", "more than"),
        ("one too large", b'{"objects": ["' + b"x" * MAX_OBJECT_BYTES + b'"]}', "object 0"),
    ],
)
def test_a_bundle_is_refused(case: str, data: bytes, reason: str) -> None:
    with pytest.raises(ObjectError, match=reason):
        split_bundle(data)
    assert case


def bundles(folder: str) -> list[Path]:
    return sorted((DATA / folder).glob("**/*.json"))


@pytest.mark.parametrize("folder", ["mitre-attack", "oasis-stix-examples", "disarm"])
def test_published_bundles_are_read(folder: str) -> None:
    files = bundles(folder)
    if not files:
        pytest.skip("the public data sets are not beside this checkout")
    for file in files:
        for part in split_bundle(file.read_bytes()):
            read = parse_object(part)
            assert read.raw == part
            assert read.document()["id"] == read.id


def test_published_bundles_of_the_older_version_are_refused_with_a_reason() -> None:
    files = bundles("unit42-playbooks-stix20")
    if not files:
        pytest.skip("the public data sets are not beside this checkout")
    for file in files:
        with pytest.raises(ObjectError, match=r"STIX 2\.0: only 2\.1 is read"):
            split_bundle(file.read_bytes())
