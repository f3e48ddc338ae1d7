"""Members, logs and witnesses by chance: what was promised holds at every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

SEEDS = Path(__file__).with_name("seeds.txt")
FRESH_SEEDS = range(1000, 1003)
STEPS = 200
SOAK_SEEDS = range(2000, 2004)
SOAK_STEPS = 10_000


def _kept() -> list[tuple[int, int]]:
    lines = SEEDS.read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [(int(seed), int(steps)) for seed, steps in rows]


def _simulate(world: ModuleType, seeds: Iterable[int], rules: object) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in seeds:
        counts += world.simulate(seed, STEPS, rules)
    return counts


@pytest.mark.parametrize(("seed", "steps"), _kept())
def test_seeds_that_were_kept(world: ModuleType, seed: int, steps: int) -> None:
    world.simulate(seed, steps)


def test_some_seeds_and_that_enough_happens_in_them(world: ModuleType) -> None:
    counts = _simulate(world, FRESH_SEEDS, world.Rules())
    for what in (
        "forks made",
        "forks proved",
        "logs proved to have forked",
        "heads with a quorum",
        "heads in doubt",
        "nonsense told",
        "accusations refused",
        "bad cosignatures",
        "copies that failed",
        "answer 403",
        "answer 409",
        "answer 422",
    ):
        assert counts[what], what


@pytest.mark.parametrize(
    ("weaker", "what"),
    [
        pytest.param({"needed": 3}, "has quorums for", id="a quorum too small by one"),
        pytest.param({"remember": False}, "has quorums for", id="witnesses forget"),
        pytest.param({"compare": False}, "overlooks a fork", id="heads not compared"),
        pytest.param({"prove": False}, "is accused", id="accusations not proved"),
    ],
)
def test_the_world_notices_when_a_rule_is_weaker(
    world: ModuleType, weaker: dict[str, int], what: str
) -> None:
    rules = world.Rules(**weaker)
    with pytest.raises(world.BrokenPromiseError, match=what):
        _simulate(world, range(12), rules)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SOAK_SEEDS)
def test_ten_thousand_steps(world: ModuleType, seed: int) -> None:
    try:
        world.simulate(seed, SOAK_STEPS)
    except world.BrokenPromiseError:
        with SEEDS.open("a", encoding="utf-8") as kept:
            kept.write(f"{seed} {SOAK_STEPS}\n")
        raise
