"""Exact matching: what is a hit, what is not, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.matching import MatchLimits, builtin_benign, match_exact, why_silent
from foedus.matching.exact import DEFAULT_CUT_OFF, DEFAULT_POSTING_CAP, ExactMatch
from foedus.model.identifiers import MemberId
from foedus.model.selectors import Selector, SelectorKind, normalise

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
BAD = normalise(SelectorKind.DOMAIN, "bad.example")
WORSE = normalise(SelectorKind.DOMAIN, "worse.example")
PRIVATE = normalise(SelectorKind.IPV4, "10.0.0.1")
LIMITS = MatchLimits(cap=3, cut_off=5)
BENIGN = builtin_benign()


@dataclass(frozen=True)
class Carried:
    """What a look-up returns."""

    frequency: int
    handles: tuple[int, ...]


def hits(
    arrived: Mapping[int, list[Selector]],
    postings: Mapping[Selector, Carried],
    originators: Mapping[int, MemberId],
) -> list[ExactMatch]:
    return match_exact(arrived, postings, originators, benign=BENIGN, limits=LIMITS)


ROWS = [
    ("another member holds it", Carried(2, (2, 1)), {1: XA, 2: XB}, [1]),
    ("two members hold it", Carried(3, (2, 3, 1)), {1: XA, 2: XB, 3: XC}, [3, 1]),
    ("only the new item carries it", Carried(1, (2,)), {2: XB}, []),
    ("its own originator holds it too", Carried(2, (2, 1)), {1: XB, 2: XB}, []),
    ("of both kinds, only the other's", Carried(3, (2, 3, 1)), {1: XA, 2: XB, 3: XB}, [1]),
    ("as many as the cut-off", Carried(5, (2, 1)), {1: XA, 2: XB}, [1]),
    ("one more than the cut-off", Carried(6, (2, 1)), {1: XA, 2: XB}, []),
    (
        "more than the cap: the newest are asked about",
        Carried(5, (2, 14, 13, 12, 11)),
        {2: XB, 11: XA, 12: XA, 13: XA, 14: XC},
        [14, 13, 12],
    ),
    ("an item whose originator is not known here", Carried(2, (2, 1)), {2: XB}, []),
    ("nobody carries it", Carried(0, ()), {2: XB}, []),
]


@pytest.mark.parametrize(
    ("what", "posting", "originators", "held"), ROWS, ids=[row[0] for row in ROWS]
)
def test_what_is_a_hit(
    what: str, posting: Carried, originators: dict[int, MemberId], held: list[int]
) -> None:
    found = hits({2: [BAD]}, {BAD: posting}, originators)
    assert [each.held for each in found] == held, what
    assert all(each.arrived == 2 and each.selector == BAD for each in found)
    assert all(each.frequency == posting.frequency for each in found)


def test_the_cap_counts_what_is_asked_about_and_not_what_is_skipped() -> None:
    posting = Carried(5, (2, 21, 22, 11, 12))
    originators = {2: XB, 21: XB, 22: XB, 11: XA, 12: XA}
    assert [each.held for each in hits({2: [BAD]}, {BAD: posting}, originators)] == [11, 12]


def test_a_benign_selector_is_no_hit() -> None:
    assert not hits({2: [PRIVATE]}, {PRIVATE: Carried(2, (2, 1))}, {1: XA, 2: XB})


def test_a_selector_that_was_not_looked_up_is_no_hit() -> None:
    assert not hits({2: [BAD]}, {}, {1: XA, 2: XB})


def test_hits_come_in_order_of_arrival_and_of_selector() -> None:
    postings = {BAD: Carried(2, (1,)), WORSE: Carried(2, (1,))}
    found = hits({3: [WORSE, BAD], 2: [BAD]}, postings, {1: XA, 2: XB, 3: XB})
    assert [(each.arrived, each.selector) for each in found] == [(3, BAD), (3, WORSE), (2, BAD)]


SILENCES = [
    ("a benign value that many carry", PRIVATE, Carried(900, (1,)), "benign", "not routable"),
    ("a value nobody carries", BAD, None, "absent", "no visible item"),
    ("a value nobody carries any more", BAD, Carried(0, ()), "absent", "no visible item"),
    ("a value too many carry", BAD, Carried(6, (1,)), "too-common", "6 items carry it"),
]


@pytest.mark.parametrize(
    ("what", "selector", "posting", "code", "reason"), SILENCES, ids=[row[0] for row in SILENCES]
)
def test_silence_has_a_reason(
    what: str, selector: Selector, posting: Carried | None, code: str, reason: str
) -> None:
    silence = why_silent(selector, posting, BENIGN, LIMITS)
    assert silence is not None, what
    assert silence.code == code
    assert reason in silence.reason


def test_what_is_asked_about_has_no_reason_for_silence() -> None:
    assert why_silent(BAD, Carried(5, (1,)), BENIGN, LIMITS) is None


def test_the_limits_have_defaults() -> None:
    assert MatchLimits() == MatchLimits(cap=DEFAULT_POSTING_CAP, cut_off=DEFAULT_CUT_OFF)
    assert DEFAULT_POSTING_CAP <= DEFAULT_CUT_OFF


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(1, 30), st.sampled_from([XA, XB, XC]), min_size=1),
    st.integers(1, 5),
    st.integers(1, 40),
)
def test_no_hit_joins_one_originator_or_exceeds_a_limit(
    originators: dict[int, MemberId], cap: int, cut_off: int
) -> None:
    handles = tuple(sorted(originators, reverse=True))
    found = match_exact(
        {handle: [BAD] for handle in handles},
        {BAD: Carried(len(handles), handles)},
        originators,
        benign=BENIGN,
        limits=MatchLimits(cap=cap, cut_off=cut_off),
    )
    assert all(originators[each.arrived] != originators[each.held] for each in found)
    assert len(handles) <= cut_off or not found
    assert len(found) <= cap * len(handles)
    assert len(set(found)) == len(found)
