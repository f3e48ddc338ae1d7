"""Equalities in one observation are read at once; what is found is what the tokens would give."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.model.patterns import comparisons

_TYPES = st.sampled_from(["domain-name", "file", "url", "ipv4-addr", "x-a-1"])
_PATHS = st.sampled_from(["value", "hashes.MD5", "hashes.'SHA-256'", "a_b.c", "name"])
_VALUES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="'\\"), max_size=30
) | st.sampled_from([" OR file:name = ", "[", "]", "a:b = ", "AND", "OR"])
_SPACES = st.sampled_from([" ", "  ", "\n", "\t "])


@st.composite
def _equality(draw: st.DrawFn) -> str:
    space = draw(st.sampled_from(["", " ", "  "]))
    return f"{draw(_TYPES)}:{draw(_PATHS)}{space}={space}'{draw(_VALUES)}'"


@st.composite
def _body(draw: st.DrawFn) -> str:
    parts = draw(st.lists(_equality(), min_size=1, max_size=6))
    text = parts[0]
    for part in parts[1:]:
        word = draw(st.sampled_from(["OR", "AND"]))
        text += f"{draw(_SPACES)}{word}{draw(_SPACES)}{part}"
    return text


@settings(max_examples=200, deadline=None)
@given(_body())
def test_the_fast_reader_finds_what_the_tokens_give(body: str) -> None:
    """Parentheses change nothing of what is compared, and only the slow reader takes them."""
    assert comparisons(f"[{body}]") == comparisons(f"[({body})]")


def test_a_long_list_is_read_in_no_time() -> None:
    body = " OR ".join(f"domain-name:value = 'd{number}.example'" for number in range(5_000))
    assert len(comparisons(f"[{body}]")) == 5_000
    assert len(comparisons(f"[{body} OR (url:value = 'x')]")) == 5_001
