"""Markings inside objects: which binds, and what is not understood."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from foedus.model.markings import (
    TLP,
    TLP1_MARKING_IDS,
    TLP_MARKING_IDS,
    MarkingError,
    MarkingFacts,
    joined_tlp,
    read_markings,
    tlp_document,
)
from foedus.model.objects import StixObject, parse_object
from foedus.model.validation import validate_object

GOLDEN = Path(__file__).parents[2] / "golden" / "model"
STATEMENT = "marking-definition--d81f86b9-975b-4c0b-875e-810c5ad45a4f"
OTHER = "marking-definition--1f6b1d5c-9f4b-4a0e-8d7a-0d3c1b2a3f4e"


def marked(*markings: str, part: str | None = None) -> StixObject:
    document: dict[str, object] = {
        "type": "domain-name",
        "id": "domain-name--3c10e93f-798e-5a26-a0c1-08156efab7f5",
        "value": "page.example",
    }
    if markings:
        document["object_marking_refs"] = list(markings)
    if part is not None:
        document["granular_markings"] = [{"marking_ref": part, "selectors": ["value"]}]
    return parse_object(json.dumps(document).encode())


def definition(identifier: str, **content: object) -> StixObject:
    document = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": identifier,
        "created": "2026-01-01T00:00:00.000Z",
        **content,
    }
    return parse_object(json.dumps(document).encode())


COPYRIGHT = definition(
    STATEMENT, definition_type="statement", definition={"statement": "Copyright"}
)


def test_levels_are_ordered_as_the_protocol_orders_them() -> None:
    levels = [TLP.CLEAR, TLP.GREEN, TLP.AMBER, TLP.AMBER_STRICT, TLP.RED]
    assert sorted([TLP.RED, TLP.AMBER, TLP.CLEAR, TLP.AMBER_STRICT, TLP.GREEN]) == levels
    for a, b in itertools.pairwise(levels):
        assert a < b
        assert a <= b
        assert b > a
        assert b >= a
        assert max(a, b) is b
    assert [level.label for level in levels][3] == "TLP:AMBER+STRICT"


def test_joining_no_level_is_an_error() -> None:
    assert joined_tlp([TLP.RED, TLP.CLEAR]) is TLP.RED
    with pytest.raises(MarkingError):
        joined_tlp([])


GREEN_2, RED_2 = TLP_MARKING_IDS[TLP.GREEN], TLP_MARKING_IDS[TLP.RED]


@pytest.mark.parametrize(
    ("case", "obj", "expected"),
    [
        ("no marking", marked(), (None, ())),
        ("TLP 2.0", marked(GREEN_2), (TLP.GREEN, ())),
        ("TLP 1 white is clear", marked(TLP1_MARKING_IDS[TLP.CLEAR]), (TLP.CLEAR, ())),
        ("two levels: the stricter", marked(RED_2, GREEN_2), (TLP.RED, ())),
        ("a part is stricter", marked(GREEN_2, part=RED_2), (TLP.RED, ())),
        ("a statement restricts nothing", marked(STATEMENT), (None, ())),
        ("definition absent", marked(OTHER, GREEN_2), (TLP.GREEN, (OTHER,))),
    ],
)
def test_which_marking_binds(
    case: str, obj: StixObject, expected: tuple[TLP | None, tuple[str, ...]]
) -> None:
    facts = read_markings(obj, {STATEMENT: COPYRIGHT})
    assert facts == MarkingFacts(tlp=expected[0], unknown=expected[1]), case


@pytest.mark.parametrize(
    ("case", "content"),
    [
        ("home-made TLP", {"definition_type": "tlp", "definition": {"tlp": "white"}}),
        ("another kind", {"definition_type": "iep", "definition": {"name": "x"}}),
        ("statement with more in it", {"definition_type": "statement",
            "definition": {"statement": "x", "only_for": "XB"}}),
        ("statement with an extension", {"definition_type": "statement",
            "definition": {"statement": "x"}, "extensions": {RED_2: {}}}),
        ("no definition", {"name": "x"}),
        ("definition is a text", {"definition_type": "statement", "definition": "x"}),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_unknown(case: str, content: dict[str, object]) -> None:
    facts = read_markings(marked(OTHER), {OTHER: definition(OTHER, **content)})
    assert facts.unknown == (OTHER,), case


def test_a_statement_is_unknown_until_its_definition_is_held() -> None:
    assert read_markings(marked(STATEMENT), {}).unknown == (STATEMENT,)
    assert read_markings(marked(STATEMENT), {STATEMENT: marked()}).unknown == (STATEMENT,)


def test_official_markings_are_the_published_bytes() -> None:
    documents = [tlp_document(level) for level in TLP]
    assert b"\n".join(documents) + b"\n" == (GOLDEN / "tlp.jsonl").read_bytes()
    for level, data in zip(TLP, documents, strict=True):
        assert parse_object(data).id == TLP_MARKING_IDS[level]
        assert validate_object(data) == ()


def test_official_markings_are_those_of_the_published_extension() -> None:
    shared = Path(__file__).parents[3] / ".." / "shared" / "data" / "stix-tlp2"
    files = sorted(shared.glob("extension-definition--*.json"))
    if not files:
        pytest.skip("the public data sets are not beside this checkout")
    definitions = json.loads(files[0].read_bytes())["definitions"]
    for level, identifier in TLP_MARKING_IDS.items():
        name = "tlp_" + level.value.replace("+", "_")
        assert definitions[name]["properties"]["id"]["enum"] == [identifier]
        assert definitions[name]["properties"]["name"]["enum"] == [level.label]
