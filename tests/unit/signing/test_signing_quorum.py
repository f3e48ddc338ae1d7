"""How many who vouch are enough where some may lie: small tables, and why the figure is right."""

from __future__ import annotations

from itertools import combinations

import pytest

from foedus.signing import QuorumError, enough, quorum


@pytest.mark.parametrize(
    ("case", "witnesses", "liars", "needed"),
    [
        ("two members, each the other's only witness", 1, 0, 1),
        ("three members", 2, 0, 2),
        ("four members", 3, 0, 2),
        ("five members, one may lie", 4, 1, 3),
        ("six members, one may lie", 5, 1, 4),
        ("seven members, one may lie", 6, 1, 4),
        ("eight members, two may lie", 7, 2, 5),
    ],
)
def test_enough_witnesses(case: str, witnesses: int, liars: int, needed: int) -> None:
    assert quorum(witnesses, liars) == enough(witnesses, liars) == needed, case


@pytest.mark.parametrize(
    ("case", "witnesses", "liars"),
    [
        ("nobody else", 0, 0),
        ("the only witness may lie", 1, 1),
        ("one of three may lie", 3, 1),
        ("two of six may lie", 6, 2),
        ("fewer than none may lie", 4, -1),
    ],
)
def test_figures_that_no_quorum_can_meet(case: str, witnesses: int, liars: int) -> None:
    with pytest.raises(QuorumError, match="cannot outvote"):
        quorum(witnesses, liars)
    assert case


def test_any_two_quorums_share_one_who_does_not_lie_and_no_smaller_groups_do() -> None:
    for witnesses in range(1, 8):
        for liars in range(witnesses):
            needed = enough(witnesses, liars)
            if needed > witnesses:
                continue
            groups = [set(each) for each in combinations(range(witnesses), needed)]
            shared = min(len(one & other) for one in groups for other in groups)
            assert shared > liars
            fewer = [set(each) for each in combinations(range(witnesses), needed - 1)]
            assert min(len(one & other) for one in fewer for other in fewer) <= liars
