"""Parsers of the model raise only their own error; what is read is what was sent."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.model.bundles import split_bundle
from foedus.model.granular import GranularError, parse_selector, remove
from foedus.model.kinds import KindError, unwrap_document
from foedus.model.objects import ObjectError, parse_object
from foedus.model.terms import TermsError, parse_terms
from foedus.model.validation import validate_object

ID = "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
HEAD: dict[str, Any] = {
    "type": "indicator",
    "id": f"indicator--{ID}",
    "spec_version": "2.1",
    "created": "2026-11-01T08:00:00.000Z",
    "modified": "2026-11-02T08:00:00.000Z",
}
names = st.sampled_from(
    ["type", "id", "spec_version", "created", "modified", "revoked", "objects", "labels", "name",
     "extensions", "granular_markings", "object_marking_refs", "created_by_ref", "envelope"]
) | st.text(max_size=8)  # fmt: skip
plain_names = names.filter(lambda name: not name.endswith(("_ref", "_refs")))
texts = st.sampled_from(
    ["indicator", f"indicator--{ID}", "2.1", "2.0", "2026-11-01T08:00:00.000Z", '":', "x_ref"]
) | st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(names, values, max_size=6).map(lambda extra: {**HEAD, **extra})
anything = st.binary(max_size=64) | values.map(lambda value: json.dumps(value).encode())
sent = documents.map(lambda document: json.dumps(document).encode())


@settings(max_examples=300)
@given(anything | sent)
def test_only_their_own_error(raw: bytes) -> None:
    with suppress(ObjectError):
        split_bundle(raw)
    with suppress(TermsError):
        parse_terms(raw)
    validate_object(raw)
    with suppress(ObjectError, KindError):
        unwrap_document(parse_object(raw))


@settings(max_examples=200)
@given(documents, st.sampled_from([None, 1]), st.booleans())
def test_an_object_is_read_the_same_however_it_is_spaced(
    document: dict[str, Any],
    indent: int | None,
    ascii_only: bool,  # noqa: FBT001
) -> None:
    raw = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode(errors="replace")
    plain = json.dumps(document).encode()
    try:
        read = parse_object(raw)
    except ObjectError:
        return
    assert read.raw == raw
    assert read.id == document["id"]
    with suppress(ObjectError):
        again = parse_object(plain)
        assert (again.references, again.marking_refs) == (read.references, read.marking_refs)


@given(st.dictionaries(plain_names, st.integers(), min_size=1, max_size=5), st.data())
def test_a_doubled_key_is_always_seen(extra: dict[str, int], data: st.DataObject) -> None:
    document = {**HEAD, "inner": extra}
    twice = data.draw(st.sampled_from(sorted(extra)))
    space = data.draw(st.sampled_from(["", " ", "\n", "\t "]))
    whole = json.dumps(document, separators=(", ", f"{space}:"))
    assert whole.endswith("}}")
    raw = f"{whole[:-2]}, {json.dumps(twice)}{space}: 0}}}}".encode()
    with pytest.raises(ObjectError, match="stands twice"):
        parse_object(raw)


keys = st.sampled_from(["a1", "b2", "c-3", "D_4"])
trees = st.recursive(
    st.integers(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(keys, inner, min_size=1, max_size=3)
    ),
    max_leaves=10,
)


def paths(node: Any, prefix: str = "") -> list[str]:
    found: list[str] = []
    steps: list[tuple[str, Any]] = []
    if isinstance(node, dict):
        steps = list(node.items())
    elif isinstance(node, list):
        steps = [(f"[{index}]", value) for index, value in enumerate(node)]
    for step, value in steps:
        path = f"{prefix}.{step}" if prefix else step
        found += [path, *paths(value, path)]
    return found


@given(st.dictionaries(keys, trees, min_size=1, max_size=3), st.data())
def test_what_was_removed_is_gone_and_the_rest_stays_marked(
    document: dict[str, Any], data: st.DataObject
) -> None:
    every = paths(document)
    leaves = [path for path in every if isinstance(_at(document, path), int)]
    gone = data.draw(st.sets(st.sampled_from(every), max_size=4))
    marked = {**document, "granular_markings": [{"marking_ref": "m", "selectors": every}]}
    after = remove(marked, [parse_selector(path) for path in gone])
    left = [
        _at(document, path)
        for path in leaves
        if not any(path == other or path.startswith(f"{other}.") for other in gone)
    ]
    markings = after.pop("granular_markings", [{"selectors": []}])
    remaining = paths(after)
    assert [_at(after, path) for path in remaining if isinstance(_at(after, path), int)] == left
    assert markings[0]["selectors"] == remaining
    again = remove({**after}, [])
    assert again == after


def _at(node: Any, path: str) -> Any:
    for step in path.split("."):
        node = node[int(step[1:-1])] if step.startswith("[") else node[step]
    return node


@given(st.text(max_size=30))
def test_a_selector_is_read_back_as_written(text: str) -> None:
    try:
        assert str(parse_selector(text)) == text
    except GranularError:
        return
