"""Granular selectors: read, resolved, removed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from foedus.model.granular import (
    GranularError,
    GranularSelector,
    marked_selectors,
    parse_selector,
    remove,
    resolve,
)

RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
REPORT: dict[str, Any] = {
    "type": "report",
    "id": "report--84e4d88f-44ea-4bcd-bbf3-b2c1c320bcb3",
    "name": "Courier network",
    "description": "Seen at two crossings",
    "labels": ["fundraising", "couriers", "crossings"],
    "external_references": [
        {"source_name": "case", "external_id": "7"},
        {"source_name": "press"},
    ],
    "extensions": {"x-ext": {"hashes": {"SHA-256": "00"}, "officer": "A. Name"}},
    "granular_markings": [
        {"marking_ref": RED, "selectors": ["labels.[1]", "extensions.x-ext.officer"]},
        {"marking_ref": GREEN, "selectors": ["labels.[2]", "name"]},
        {"lang": "en", "selectors": ["description"]},
    ],
}


def selectors(*texts: str) -> tuple[GranularSelector, ...]:
    return tuple(parse_selector(text) for text in texts)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("id", REPORT["id"]),
        ("labels", REPORT["labels"]),
        ("labels.[0]", "fundraising"),
        ("external_references.[1].source_name", "press"),
        ("extensions.x-ext.hashes.SHA-256", "00"),
    ],
)
def test_a_selector_names_a_part(text: str, value: object) -> None:
    selector = parse_selector(text)
    assert str(selector) == text
    assert resolve(REPORT, selector) == value


@pytest.mark.parametrize(
    "text",
    ["", ".", "name.", ".name", "[0]", "labels[0]", "labels.[01]", "labels.[-1]", "labels.[x]",
     "labels.[99999999]", "na me", "näme", "labels.[\u0661]", "x" * 2000, ".".join(["a"] * 33)],
)  # fmt: skip
def test_not_a_selector(text: str) -> None:
    with pytest.raises(GranularError):
        parse_selector(text)


@pytest.mark.parametrize("text", ["title", "labels.[3]", "labels.name", "name.[0]", "name.first"])
def test_a_selector_that_names_nothing(text: str) -> None:
    with pytest.raises(GranularError, match="nothing at"):
        resolve(REPORT, parse_selector(text))
    with pytest.raises(GranularError, match="nothing at"):
        remove(REPORT, selectors(text))


def test_what_a_marking_is_on() -> None:
    assert marked_selectors(REPORT, {RED}) == selectors("labels.[1]", "extensions.x-ext.officer")
    assert marked_selectors(REPORT, {RED, GREEN})[-1] == parse_selector("name")
    assert marked_selectors({}, {RED}) == ()


def test_markings_follow_what_moves() -> None:
    before = copy.deepcopy(REPORT)
    after = remove(REPORT, marked_selectors(REPORT, {RED}))
    assert before == REPORT
    assert after["labels"] == ["fundraising", "crossings"]
    assert after["extensions"] == {"x-ext": {"hashes": {"SHA-256": "00"}}}
    assert after["granular_markings"] == [
        {"marking_ref": GREEN, "selectors": ["labels.[1]", "name"]},
        {"lang": "en", "selectors": ["description"]},
    ]


def test_indexes_mean_what_they_meant_before_anything_was_removed() -> None:
    assert remove(REPORT, selectors("labels.[0]", "labels.[1]"))["labels"] == ["crossings"]
    assert remove(REPORT, selectors("labels.[1]", "labels.[0]"))["labels"] == ["crossings"]


def test_what_is_emptied_goes_too() -> None:
    after = remove(
        REPORT,
        selectors(
            "external_references.[0].source_name",
            "external_references.[0].external_id",
            "external_references.[1]",
            "extensions.x-ext",
            "labels",
            "labels.[1]",
            "name",
            "description",
        ),
    )
    assert after == {"type": "report", "id": REPORT["id"]}


def test_removing_nothing_changes_nothing() -> None:
    assert remove(REPORT, ()) == REPORT


def test_what_came_empty_or_null_is_not_ours_to_mend() -> None:
    odd: dict[str, Any] = {"labels": [], "note": None, "inner": [[]], "gone": 1}
    assert remove(odd, selectors("gone")) == {"labels": [], "note": None, "inner": [[]]}


@pytest.mark.parametrize("text", ["id", "type", "granular_markings", "granular_markings.[0]"])
def test_what_is_never_removed(text: str) -> None:
    with pytest.raises(GranularError, match="never removed"):
        remove(REPORT, selectors(text))


@pytest.mark.parametrize(
    "markings",
    ["all", [1], [{"marking_ref": RED}], [{"marking_ref": RED, "selectors": [1]}],
     [{"marking_ref": RED, "selectors": ["a b"]}]],
)  # fmt: skip
def test_unreadable_markings(markings: object) -> None:
    document = {"name": "x", "granular_markings": markings}
    with pytest.raises(GranularError):
        marked_selectors(document, {RED})
    with pytest.raises(GranularError):
        remove(document, selectors("name"))
