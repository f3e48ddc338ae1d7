"""Foedus's own kinds: wrapping a signed document, and refusing what is no wrapper."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import ObjectId, derived_object_id
from foedus.model.kinds import (
    EXTENSION_IDS,
    TERMS_EXTENSION_ID,
    FoedusKind,
    KindError,
    kind_of,
    unwrap_document,
    wrap_document,
)
from foedus.model.objects import StixObject, parse_object
from foedus.model.validation import foedus_schema, validate_object, validate_payload

GOLDEN = Path(__file__).parents[2] / "golden" / "model"
ISSUED = datetime(2026, 11, 24, 10, 0, 0, 250, tzinfo=UTC)
PAYLOAD = canonical_bytes({"v": 1, "kind": "instrument", "author": "XA"})
ENVELOPE: dict[str, Any] = {
    "payload": base64.b64encode(PAYLOAD).decode(),
    "payloadType": "application/vnd.foedus.instrument+json;v=1",
    "signatures": [{"keyid": "ed25519:0011223344556677", "sig": base64.b64encode(b"s").decode()}],
}


def wrapped(kind: FoedusKind = FoedusKind.INSTRUMENT) -> bytes:
    return wrap_document(kind, ENVELOPE, payload=PAYLOAD, issued=ISSUED)


def altered(**changes: object) -> StixObject:
    document = {**json.loads(wrapped()), **changes}
    return parse_object(json.dumps(document).encode())


@pytest.mark.parametrize("kind", FoedusKind)
def test_every_kind_is_wrapped_and_unwrapped(kind: FoedusKind) -> None:
    read = parse_object(wrapped(kind))
    assert kind_of(read) is kind
    assert read.id == derived_object_id(kind.value, PAYLOAD)
    assert read.created == read.modified == ISSUED
    assert read.references == ()
    assert unwrap_document(read) == ENVELOPE
    assert validate_object(read) == ()


def test_a_wrapped_instrument_is_the_published_bytes() -> None:
    assert wrapped() + b"\n" == (GOLDEN / "instrument-wrapped.json").read_bytes()


def test_extension_ids_never_change() -> None:
    published = json.loads((GOLDEN / "extension-ids.json").read_bytes())
    ids: dict[str, ObjectId] = {kind.value: EXTENSION_IDS[kind] for kind in FoedusKind}
    assert {**ids, "foedus-terms": TERMS_EXTENSION_ID} == published
    for name, identifier in published.items():
        assert derived_object_id("extension-definition", name.encode()) == identifier


@pytest.mark.parametrize(
    ("case", "envelope", "payload"),
    [
        ("another payload", ENVELOPE, b"{}"),
        ("no payload", {**ENVELOPE, "payload": None}, PAYLOAD),
        ("no type", {**ENVELOPE, "payloadType": 1}, PAYLOAD),
        ("no signature", {**ENVELOPE, "signatures": []}, PAYLOAD),
        ("signatures in words", {**ENVELOPE, "signatures": "yes"}, PAYLOAD),
        ("payload not base64", {**ENVELOPE, "payload": "@@@"}, PAYLOAD),
        ("payload not ASCII", {**ENVELOPE, "payload": "é"}, PAYLOAD),
        ("no canonical form", {**ENVELOPE, "weight": 0.5}, PAYLOAD),
    ],
)
def test_what_is_not_wrapped(case: str, envelope: dict[str, Any], payload: bytes) -> None:
    with pytest.raises(KindError):
        wrap_document(FoedusKind.INSTRUMENT, envelope, payload=payload, issued=ISSUED)
    assert case


OTHER_PAYLOAD = base64.b64encode(b'{"v":1}').decode()


@pytest.mark.parametrize(
    ("case", "obj", "reason"),
    [
        ("no extension", altered(extensions={}), "extension"),
        ("extensions in words", altered(extensions="all"), "extension"),
        ("extension of another kind", altered(
            extensions={EXTENSION_IDS[FoedusKind.ORDER]: {"extension_type": "new-sdo"}}),
            "extension"),
        ("no envelope", altered(envelope=None), "no envelope"),
        ("no signatures", altered(envelope={**ENVELOPE, "signatures": [1]}), "no signatures"),
        ("payload exchanged", altered(envelope={**ENVELOPE, "payload": OTHER_PAYLOAD}),
            "not that of its payload"),
        ("id exchanged", altered(id="foedus-instrument--8e2e2d2b-17d4-5cbf-938f-98ee46b3cd3f"),
            "not that of its payload"),
        ("another type", altered(type="foedus-rumour",
            id="foedus-rumour--8e2e2d2b-17d4-5cbf-938f-98ee46b3cd3f"), "not a Foedus kind"),
    ],
)  # fmt: skip
def test_what_is_not_unwrapped(case: str, obj: StixObject, reason: str) -> None:
    with pytest.raises(KindError, match=reason):
        unwrap_document(obj)
    assert case


@pytest.mark.parametrize("name", [*(kind.value for kind in FoedusKind), "foedus-terms"])
def test_every_schema_explains_itself_and_its_examples_keep_to_it(name: str) -> None:
    schema = foedus_schema(name)
    assert schema["title"] == name
    assert schema["description"]
    assert schema["examples"]
    for example in schema["examples"]:
        data = json.dumps(example).encode()
        assert validate_object(data) == ()
        if name != "foedus-terms":
            assert unwrap_document(parse_object(data)) == example["envelope"]


@pytest.mark.parametrize(
    "kind", [FoedusKind.DISCLOSURE, FoedusKind.INSTRUMENT, FoedusKind.DISCREPANCY]
)
def test_every_example_of_a_payload_keeps_to_its_schema(kind: FoedusKind) -> None:
    for example in foedus_schema(kind.value)["$defs"]["payload"]["examples"]:
        assert validate_payload(kind, example) == ()
        assert validate_payload(kind, {**example, "v": 2}) != ()
