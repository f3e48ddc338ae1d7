"""Properties of normal forms, patterns and extraction, whatever the text."""

from __future__ import annotations

import contextlib
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.intake.extract import extract
from foedus.model.defang import refang, refang_with_positions
from foedus.model.patterns import PatternError, comparisons
from foedus.model.selectors import Selector, SelectorError, SelectorKind, normalise

KINDS = st.sampled_from(SelectorKind)
ANY_TEXT = st.text(max_size=60)
PIECES = (
    "http:// hxxp[:]// https:// a . [.] (dot) .example .com @ [at] / ? # % %7e %zz 192.0.2.1 :: "
    "2001:db8 : + 44 (0) 20 7946 0018 GB82 WEST 1234 5698 7654 32 0x 1 \u00e9 \u00df \u0130 "
    "\u017f \ufb01 \u5f20 \u0663 \u200b \u0345 telegram: x- _ ' [ ] ( ) \\ | , ; \n"
)
NEAR_SELECTORS = st.lists(st.sampled_from(PIECES.split(" ")), max_size=14).map("".join)


@given(kind=KINDS, text=ANY_TEXT | NEAR_SELECTORS)
@settings(max_examples=400, deadline=None)
def test_a_normal_form_is_its_own_normal_form(kind: SelectorKind, text: str) -> None:
    try:
        selector = normalise(kind, text)
    except SelectorError:
        return
    assert normalise(kind, selector.value) == selector
    assert Selector(kind, selector.value) == selector
    assert selector.value == selector.value.strip()


@given(name=st.text(min_size=1, max_size=30))
@settings(max_examples=150, deadline=None)
def test_case_and_spacing_of_a_name_do_not_matter(name: str) -> None:
    try:
        selector = normalise(SelectorKind.NAME, name)
    except SelectorError:
        return
    assert normalise(SelectorKind.NAME, f"  {selector.value.replace(' ', '   ')}\t") == selector


@given(text=ANY_TEXT | NEAR_SELECTORS)
@settings(max_examples=200, deadline=None)
def test_the_pattern_reader_raises_only_its_own_error(text: str) -> None:
    with contextlib.suppress(PatternError):
        comparisons(f"[url:value = '{text}' AND {text}]")


@given(value=st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_a_literal_survives_its_escapes(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    (comparison,) = comparisons(f"[url:value = '{escaped}']")
    assert comparison.value == value


@given(text=ANY_TEXT | NEAR_SELECTORS)
@settings(max_examples=200, deadline=None)
def test_positions_cover_the_whole_text(text: str) -> None:
    refanged = refang_with_positions(text)
    assert refanged.text == refang(text)
    assert refanged.origin(len(refanged.text)) == len(text)
    origins = [refanged.origin(offset) for offset in range(len(refanged.text))]
    assert origins == sorted(origins)


@given(parts=st.lists(ANY_TEXT | NEAR_SELECTORS, max_size=6))
@settings(max_examples=250, deadline=None)
def test_what_is_found_stands_where_it_is_said_to_stand(parts: list[str]) -> None:
    text = " ".join(parts)
    found = extract(text)
    assert [each.start for each in found] == sorted(each.start for each in found)
    assert len({each.selector for each in found}) == len(found)
    for each in found:
        assert 0 <= each.start < each.end <= len(text)
        assert text[each.start : each.end] == each.text
    for before, after in pairwise(found):
        assert before.end <= after.start
