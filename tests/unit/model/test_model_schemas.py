"""The published schemas against real documents, and against each with one field spoilt."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from foedus.canonical import canonical_bytes
from foedus.errors import FoedusError
from foedus.model.kinds import (
    EXTENSION_IDS,
    TERMS_EXTENSION_ID,
    FoedusKind,
    SignedStatement,
    extension_objects,
)
from foedus.model.terms import parse_terms
from foedus.model.validation import (
    Fault,
    foedus_schema,
    validate_envelope,
    validate_object,
    validate_payload,
)
from foedus.node.discrepancy import DISCREPANCY_TYPE, open_note
from foedus.node.heads import HEAD_TYPE, open_head
from foedus.node.treaty_text import TREATY_TEXT_TYPE, open_treaty_text
from foedus.release.record import parse_disclosure
from foedus.signing.envelope import parse_envelope, sign_envelope, verify_envelope
from foedus.treaty.credence import CREDENCE_TYPE, open_credence
from foedus.treaty.instrument import INSTRUMENT_TYPE, UnknownInstrument, open_instrument

if TYPE_CHECKING:
    from tests.unit.model.conftest import Documents, Signed

Path = tuple[str | int, ...]
INSTRUMENTS = ("full-powers", "signature", "ratification", "unknown instrument")
WRITTEN = (
    *INSTRUMENTS,
    "treaty text",
    "disclosure",
    "protocol disclosure",
    "discrepancy",
    "credence",
    "head",
)
"""Documents whose payload this version lays down."""

WRAPPED = (*(name for name in WRITTEN if name not in ("credence", "head")), "foedus-order")
SAYS_MORE = "articles"
"""What only the instrument of a later kind says: no schema of today asks for it."""


def fields_of(value: object, path: Path = ()) -> Iterator[Path]:
    """Say where every field and every entry of a list stands, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from fields_of(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield (*path, index)
            yield from fields_of(inner, (*path, index))


def spoilt(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the document without each of its fields, and with each of another type.

    A list may be shorter, so no entry of one is dropped.
    """
    for path in fields_of(document):
        ways = ("dropped", "of another type") if isinstance(path[-1], str) else ("of another type",)
        for way in ways:
            whole: dict[str, Any] = copy.deepcopy(document)
            holder: Any = whole
            for step in path[:-1]:
                holder = holder[step]
            if way == "dropped":
                del holder[path[-1]]
            else:
                old = holder[path[-1]]
                holder[path[-1]] = 7 if isinstance(old, dict | list | str) else {"old": old}
            yield f"{'/'.join(map(str, path))} {way}", whole


def without_terms(payload: dict[str, Any]) -> dict[str, Any]:
    """Leave out the terms inside: half their fields are optional, and their schema has a test."""
    return {name: value for name, value in payload.items() if name != "terms"}


def outer_faults(document: Signed) -> tuple[Fault, ...]:
    if document.wrapper is not None:
        faults = validate_object(json.dumps(document.wrapper).encode())
        if isinstance(document.schema, FoedusKind):
            return faults
        return (*faults, *validate_envelope(document.schema, dict(document.envelope)))
    assert isinstance(document.schema, SignedStatement)
    return validate_envelope(document.schema, dict(document.envelope))


def reads(name: str, payload: dict[str, Any], real: Documents) -> bool:
    """Whether the code that reads such a document takes this payload, signed as it must be."""
    data = canonical_bytes(payload)
    node, public = real.node, real.node.public
    try:
        match name:
            case "credence":
                open_credence(sign_envelope(data, CREDENCE_TYPE, real.authority))
            case "head":
                envelope = sign_envelope(data, HEAD_TYPE, real.peer)
                open_head(canonical_bytes(envelope.document()), [real.peer.public])
            case "disclosure" | "protocol disclosure":
                parse_disclosure(data)
            case "treaty text":
                open_treaty_text(sign_envelope(data, TREATY_TEXT_TYPE, node), [public])
            case "discrepancy":
                envelope = sign_envelope(data, DISCREPANCY_TYPE, node)
                wanted = real.by_name[name].payload
                open_note(envelope, [public], speaker=wanted["speaker"], to=wanted["to"])
            case _:
                envelope = sign_envelope(data, INSTRUMENT_TYPE, real.authority)
                open_instrument(envelope, real.authority.public)
    except FoedusError:
        return False
    return True


@pytest.mark.parametrize("name", WRITTEN)
def test_real_documents_keep_to_their_schemas(name: str, real: Documents) -> None:
    document = real.by_name[name]
    assert outer_faults(document) == ()
    assert validate_payload(document.schema, document.payload) == ()
    assert reads(name, document.payload, real)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_payload_with_one_field_spoilt_does_not(name: str, real: Documents) -> None:
    document = real.by_name[name]
    payload = without_terms(document.payload)
    cases = 0
    for case, whole in spoilt(payload):
        if case.startswith(SAYS_MORE):
            continue
        terms = {"terms": document.payload["terms"]} if "terms" in document.payload else {}
        assert validate_payload(document.schema, {**whole, **terms}) != (), case
        cases += 1
    assert cases >= 10


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("other", [[], "text", 7, None])
def test_a_payload_is_an_object(name: str, other: object, real: Documents) -> None:
    assert validate_payload(real.by_name[name].schema, other) != ()


@pytest.mark.parametrize("name", [*INSTRUMENTS, "credence", "head", "disclosure"])
def test_what_the_schema_refuses_the_reader_refuses_too(name: str, real: Documents) -> None:
    document = real.by_name[name]
    for case, whole in spoilt(document.payload):
        if validate_payload(document.schema, whole) != ():
            assert not reads(name, whole, real), case


@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapper_with_one_field_spoilt_is_none(name: str, real: Documents) -> None:
    wrapper = real.by_name[name].wrapper
    assert wrapper is not None
    for case, whole in spoilt(wrapper):
        # Without its type it is nobody's wrapper, and the core of all objects refuses it.
        assert validate_object(json.dumps(whole).encode()) != (), case


@pytest.mark.parametrize("name", ["credence", "head", "treaty text"])
def test_an_envelope_with_one_field_spoilt_is_none(name: str, real: Documents) -> None:
    document = real.by_name[name]
    assert isinstance(document.schema, SignedStatement)
    for case, whole in spoilt(dict(document.envelope)):
        assert validate_envelope(document.schema, whole) != (), case


def test_an_envelope_of_another_statement_is_refused(real: Documents) -> None:
    envelope = dict(real.by_name["head"].envelope)
    faults = validate_envelope(SignedStatement.CREDENCE, envelope)
    assert [fault.pointer for fault in faults] == ["/payloadType"]


@pytest.mark.parametrize(
    "name", ["treaty text", "disclosure", "protocol disclosure", "discrepancy", "credence", "head"]
)
def test_only_instruments_may_say_more(name: str, real: Documents) -> None:
    document = real.by_name[name]
    assert validate_payload(document.schema, {**document.payload, "more": 1}) != ()


@pytest.mark.parametrize("name", ["full-powers", "signature", "ratification"])
def test_an_instrument_that_says_more_is_kept_not_refused(name: str, real: Documents) -> None:
    payload = {**real.by_name[name].payload, "more": 1}
    assert validate_payload(FoedusKind.INSTRUMENT, payload) == ()
    envelope = sign_envelope(canonical_bytes(payload), INSTRUMENT_TYPE, real.authority)
    assert isinstance(open_instrument(envelope, real.authority.public).body, UnknownInstrument)


@pytest.mark.parametrize(
    ("name", "changes", "pointer"),
    [
        ("full-powers", {"treaty": "0" * 64}, "/treaty"),
        ("full-powers", {"wire_versions": []}, "/wire_versions"),
        ("full-powers", {"wire_versions": [1, 1]}, "/wire_versions"),
        ("full-powers", {"address": "ftp://xa.example"}, "/address"),
        ("full-powers", {"address": "https://user@xa.example"}, "/address"),
        ("full-powers", {"log_origin": "xa example"}, "/log_origin"),
        ("signature", {"treaty": None}, "/treaty"),
        ("signature", {"serial": 0}, "/serial"),
        ("signature", {"issued": "2026-11-24T10:00:00Z"}, "/issued"),
        ("signature", {"member": "xa"}, "/member"),
        ("ratification", {"form": "accession"}, "/form"),
        ("ratification", {"recognises": ["financing", "financing"]}, "/recognises"),
        ("credence", {"authority": "ed25519:" + "A" * 42 + "B="}, "/authority"),
        ("credence", {"next_authority_hash": "7" * 63}, "/next_authority_hash"),
        ("credence", {"kind": "head"}, "/kind"),
        ("head", {"lane": "backdoor"}, "/lane"),
        ("head", {"digest": "A" * 64}, "/digest"),
        ("head", {"count": -1}, "/count"),
        ("discrepancy", {"findings": []}, "/findings"),
        ("treaty text", {"kind": "instrument"}, "/kind"),
        ("disclosure", {"lane": "Bulk"}, "/lane"),
    ],
)
def test_values_out_of_range(
    name: str, changes: dict[str, object], pointer: str, real: Documents
) -> None:
    document = real.by_name[name]
    faults = validate_payload(document.schema, {**document.payload, **changes})
    assert pointer in {fault.pointer for fault in faults}


def test_facts_are_those_of_items_or_those_of_protocol_documents(real: Documents) -> None:
    of_items, of_protocol = (
        real.by_name[name].payload for name in ("disclosure", "protocol disclosure")
    )
    (items,), (protocol,) = of_items["classes"], of_protocol["classes"]
    crossed = [
        {**of_items, "classes": [{**items, "facts": protocol["facts"]}]},
        {**of_protocol, "classes": [{**protocol, "facts": items["facts"]}]},
        {**of_items, "classes": [{**items, "facts": {**items["facts"], "weight": 1}}]},
    ]
    for payload in crossed:
        assert validate_payload(FoedusKind.DISCLOSURE, payload) != ()


@pytest.mark.parametrize("schema", [*FoedusKind, *SignedStatement])
def test_examples_are_what_the_code_makes(
    schema: FoedusKind | SignedStatement, real: Documents
) -> None:
    published = foedus_schema(schema.value)
    made = real.of(schema)
    assert made
    assert published["title"] == schema.value
    assert published["description"]
    if isinstance(schema, FoedusKind):
        assert published["examples"] == [each.wrapper for each in made]
    else:
        assert published["examples"] == [each.envelope for each in made]
    if payload := published["$defs"].get("payload"):
        assert payload["examples"] == [each.payload for each in made]
        assert all(validate_payload(schema, each.payload) == () for each in made)
    assert all(outer_faults(each) == () for each in made)


def test_the_signatures_of_examples_hold(real: Documents) -> None:
    keys = [key.public for key in (real.authority, real.node, real.peer)]
    for document in real.by_name.values():
        envelope = parse_envelope(document.envelope)
        verify_envelope(envelope, keys, payload_type=envelope.payload_type)


def test_the_example_of_terms_is_what_the_code_makes(real: Documents) -> None:
    (example,) = foedus_schema("foedus-terms")["examples"]
    assert example == real.terms
    parse_terms(canonical_bytes(example))
    assert validate_object(json.dumps(example).encode()) == ()


def test_terms_with_one_field_spoilt_are_none(real: Documents) -> None:
    carried = ("extensions", TERMS_EXTENSION_ID)
    optional = {"expiry", "handling", "neutrality", "offence", "treaties"}
    for case, whole in spoilt(real.terms):
        field, _, way = case.partition(" ")
        path = tuple(field.split("/"))
        if way == "dropped" and path[:2] == carried and path[2:] in {(name,) for name in optional}:
            continue
        assert validate_object(json.dumps(whole).encode()) != (), case


def test_every_kind_is_introduced_to_other_tools() -> None:
    identity, *definitions = extension_objects()
    assert identity.type == "identity"
    names = [*(kind.value for kind in FoedusKind), "foedus-terms"]
    wanted = [*(EXTENSION_IDS[kind] for kind in FoedusKind), TERMS_EXTENSION_ID]
    assert [each.id for each in definitions] == wanted
    for name, definition in zip(names, definitions, strict=True):
        document = definition.document()
        assert document["name"] == name
        assert document["created_by_ref"] == identity.id
        assert document["schema"] == f"../{name}.json"
        assert document["description"] == foedus_schema(name)["description"]
        carries = "property-extension" if name == "foedus-terms" else "new-sdo"
        assert document["extension_types"] == [carries]


def test_extension_objects_are_valid_stix() -> None:
    for each in extension_objects():
        assert validate_object(each) == ()
        whole = each.document()
        required = {"id", "spec_version", "created", "modified", "name"}
        if each.type == "extension-definition":
            required |= {"schema", "version", "extension_types"}
        for name in sorted(required):
            cut = {key: value for key, value in whole.items() if key != name}
            assert validate_object(json.dumps(cut).encode()) != (), name
