"""Whether objects keep to their schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foedus.model.bundles import split_bundle
from foedus.model.kinds import FoedusKind
from foedus.model.objects import MAX_OBJECT_BYTES, parse_object
from foedus.model.validation import (
    MAX_FAULTS,
    SchemaError,
    foedus_schema,
    validate_object,
    validate_payload,
)

DATA = Path(__file__).parents[3] / ".." / "shared" / "data"
NAMES = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    "created": "2026-11-01T08:00:00.000Z",
    "modified": "2026-11-02T09:30:00.000Z",
    "pattern": "[url:value = 'https://page.example/join']",
    "pattern_type": "stix",
    "valid_from": "2026-11-01T08:00:00Z",
}
ADDRESS = {
    "type": "email-addr",
    "id": "email-addr--2d77a846-6264-5d51-b586-e43822ea1ea3",
    "value": "someone@mail.example",
}
CUSTOM = {**NAMES, "type": "x-cell", "id": "x-cell--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}


def changed(document: dict[str, Any], **changes: object) -> bytes:
    whole = {**document, **changes}
    return json.dumps({key: value for key, value in whole.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("case", "data"),
    [
        ("an indicator", changed(NAMES)),
        ("an observable", changed(ADDRESS)),
        ("a custom type with a life of its own", changed(CUSTOM, x_size=7)),
        ("a custom observable", changed({"type": "x-badge", "value": "7",
            "id": "x-badge--2d77a846-6264-5d51-b586-e43822ea1ea3"})),
        ("a span within one second", changed(NAMES, created="2026-11-02T09:30:00.000Z",
            modified="2026-11-02T09:30:00.0001Z")),
    ],
)  # fmt: skip
def test_valid(case: str, data: bytes) -> None:
    assert validate_object(data) == (), case
    assert validate_object(parse_object(data)) == (), case


@pytest.mark.parametrize(
    ("case", "data", "pointer"),
    [
        ("not JSON", b"{", ""),
        ("not UTF-8", b'{"type":"\xff"}', ""),
        ("nested beyond reason", b"[" * 100_000, ""),
        ("a list", b"[]", ""),
        ("too large", b" " * (MAX_OBJECT_BYTES + 1), ""),
        ("no type", b"{}", ""),
        ("type is a list", b'{"type": []}', "/type"),
        ("pattern missing", changed(NAMES, pattern=...), ""),
        ("pattern is a number", changed(NAMES, pattern=7), "/pattern"),
        ("confidence beyond certainty", changed(NAMES, confidence=101), "/confidence"),
        ("empty list", changed(NAMES, labels=[]), "/labels"),
        ("null", changed(NAMES, description=None), "/description"),
        ("whole seconds", changed(NAMES, modified="2026-11-02T09:30:00Z"), "/modified"),
        ("modified before created", changed(NAMES, modified="2026-10-01T00:00:00.000Z"),
            "/modified"),
        ("valid until before it began", changed(NAMES, valid_until="2026-10-31T23:59:59.999Z"),
            "/valid_until"),
        ("address without value", changed(ADDRESS, value=...), ""),
        ("an odd name of a property", changed({**CUSTOM, "Größe": 7}), ""),
    ],
)  # fmt: skip
def test_faults(case: str, data: bytes, pointer: str) -> None:
    faults = validate_object(data)
    assert pointer in {fault.pointer for fault in faults}, case
    assert all(fault.reason for fault in faults)


def test_a_property_with_a_slash_is_pointed_at() -> None:
    faults = validate_object(changed(NAMES, extensions={"a/b~c-ext": {"x": None}}))
    assert any(fault.pointer.startswith("/extensions") for fault in faults)


def test_faults_are_not_told_without_end() -> None:
    assert len(validate_object(changed(NAMES, labels=list(range(1000))))) == MAX_FAULTS


def test_schemas_are_found_by_name_only() -> None:
    with pytest.raises(SchemaError):
        foedus_schema("../objects")
    with pytest.raises(SchemaError):
        validate_payload(FoedusKind.REQUEST, {})


@pytest.mark.parametrize("folder", ["mitre-attack", "oasis-stix-examples", "stix-tlp2"])
def test_published_bundles_are_valid(folder: str) -> None:
    files = [
        file
        for file in sorted((DATA / folder).glob("**/*.json"))
        if b'"bundle"' in file.read_bytes()[:2000]
    ]
    if not files:
        pytest.skip("the public data sets are not beside this checkout")
    faulty = {
        (fault.pointer, fault.reason)
        for file in files
        for part in split_bundle(file.read_bytes())
        for fault in validate_object(part)
    }
    assert faulty == set()
