"""Canonical JSON: the same bytes as RFC 8785 within our subset, and a refusal outside it."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import MAX_SAFE_INTEGER, CanonicalError, canonical_bytes, parse_json

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
@settings(max_examples=300)
def test_equals_an_independent_implementation(value: object) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(VALUES)
@settings(max_examples=100)
def test_reads_back_what_it_wrote(value: object) -> None:
    written = canonical_bytes(value)  # type: ignore[arg-type]
    assert canonical_bytes(parse_json(written)) == written


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a float", 1.5),
        ("a float inside a list", {"a": [1, 2.0]}),
        ("an integer readers disagree on", MAX_SAFE_INTEGER + 1),
        ("the same, negative, deep inside", {"a": {"b": [-MAX_SAFE_INTEGER - 1]}}),
        ("a key that is not ASCII", {"ключ": 1}),
        ("a key that is no text", {1: "a"}),
        ("bytes", b"abc"),
        ("a set", {"a": {1, 2}}),
        ("half a surrogate pair", "\ud800"),
    ],
)
def test_refuses_what_has_no_canonical_form(name: str, value: object) -> None:
    with pytest.raises(CanonicalError):
        canonical_bytes(value)  # type: ignore[arg-type]
    assert name


@given(st.binary(max_size=60))
@settings(max_examples=300)
def test_parsing_raises_only_its_own_error(data: bytes) -> None:
    try:
        parse_json(data)
    except CanonicalError:
        return


def test_deep_nesting_is_refused_not_fatal() -> None:
    with pytest.raises(CanonicalError):
        parse_json(b"[" * 100_000)
