"""With which peers log heads are compared in a period."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from foedus.ledger import Checkpoint, sign_checkpoint
from foedus.model.identifiers import MemberId
from foedus.node.head_turns import COMPARED_A_PERIOD, HeadTurns, periods_to_reach_all
from foedus.node.pull import _Pull, pull
from foedus.signing import NoteSigner

if TYPE_CHECKING:
    from tests.unit.node.conftest import Pair

PERIOD_S = 15.0


def members(count: int) -> list[MemberId]:
    return [MemberId(f"M{chr(65 + n // 26)}{chr(65 + n % 26)}") for n in range(count)]


def turns_of(peers: list[MemberId], *, seed: int = 1, now: float = 0.0) -> HeadTurns:
    turns = HeadTurns(PERIOD_S, lot=random.Random(seed).random)
    turns.add(peers, now)
    return turns


def compared(
    turns: HeadTurns, peers: list[MemberId], periods: range, *, at: float = 0.0
) -> Iterator[set[MemberId]]:
    """Pull from every peer once in each period; yields with whom heads were compared."""
    for period in periods:
        yield {each for each in peers if turns.take(each, period * PERIOD_S + at)}


@pytest.mark.parametrize("peers", [1, 2, 5, 8])
def test_in_a_bloc_of_up_to_nine_every_whole_pull_compares(peers: int) -> None:
    known = members(peers)
    turns = turns_of(known)
    assert periods_to_reach_all(peers) == 1
    assert all(turns.take(each, now) for now in (0.0, 0.0, 0.1, 15.0, 900.0) for each in known)


@pytest.mark.parametrize("peers", [9, 16, 17, 23, 47, 64, 65, 199])
@pytest.mark.parametrize("begun", [0, 7, 1_000_001])
def test_at_most_eight_in_a_period_and_everybody_once_in_a_round(peers: int, begun: int) -> None:
    known = members(peers)
    turns = turns_of(known, now=begun * PERIOD_S)
    length = periods_to_reach_all(peers)
    assert length == -(-peers // 8)
    rounds = list(compared(turns, known, range(begun, begun + 3 * length)))
    assert max(map(len, rounds)) <= COMPARED_A_PERIOD
    for first in range(2 * length + 1):
        reached = Counter(each for found in rounds[first : first + length] for each in found)
        assert reached == Counter(known), "whatever period one begins to count with"


def test_the_whole_of_200_members_stays_bounded_however_the_pulls_drift() -> None:
    known, chance = members(199), random.Random(5)
    turns, length = turns_of(known), periods_to_reach_all(199)
    taken: dict[MemberId, list[float]] = {each: [] for each in known}
    periods = 10 * length
    for member in known:
        now = chance.uniform(0, PERIOD_S)
        while now < periods * PERIOD_S:
            if turns.take(member, now):
                taken[member].append(now)
            now += PERIOD_S + chance.uniform(0, 3)  # a whole pull takes a while
    assert sum(map(len, taken.values())) <= periods * COMPARED_A_PERIOD
    longest = max(b - a for at in taken.values() for a, b in pairwise(at))
    assert longest <= (length + 2) * PERIOD_S, "its turn, and the first pull after it"


def test_who_could_not_be_asked_keeps_one_turn_and_not_two() -> None:
    known = members(20)
    away, *others = known
    turns = turns_of(known)
    list(compared(turns, others, range(30)))
    found = [turns.take(away, (30 + n) * PERIOD_S) for n in range(7)]
    assert found[0]
    assert sum(found) <= 3, "at once, and then each third period as everybody"
    assert not (found[1] and found[2])


def test_who_joins_moves_nobody_else_out_of_reach() -> None:
    known = members(30)
    turns = turns_of(known[:8])
    last = dict.fromkeys(known[:8], 0)
    for period in range(60):
        joined = known[: min(30, 8 + period)]
        turns.add(joined, period * PERIOD_S)
        for member in joined:
            if turns.take(member, period * PERIOD_S):
                last[member] = period
            waited = period - last.setdefault(member, period)
            assert waited <= 2 * periods_to_reach_all(30)


def test_each_node_draws_its_own_order() -> None:
    known = members(40)
    first = [next(compared(turns_of(known, seed=seed), known, range(1))) for seed in range(4)]
    assert all(len(found) == 8 for found in first)
    assert len({frozenset(found) for found in first}) == 4


@pytest.mark.parametrize(("count", "periods"), [(9, 1), (24, 3), (100, 5), (200, 5)])
def test_what_one_member_was_shown_reaches_all_soon(count: int, periods: int) -> None:
    """Every node compares in its turns; what it learns, it tells on from the next period."""
    bloc = members(count)
    others = {each: [other for other in bloc if other != each] for each in bloc}
    turns = {each: turns_of(others[each], seed=n) for n, each in enumerate(bloc)}
    for shown in bloc[:: max(1, count // 5)]:
        told = {shown}
        begun = bloc.index(shown) * 100
        for period in range(begun, begun + periods):
            found = {
                each: next(compared(turns[each], others[each], range(period, period + 1)))
                for each in bloc
            }
            told |= {each for each in bloc if found[each] & told}
        assert len(told) == count


class Asked:
    """Counts how often heads would be compared, and says whose turn it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, turn: bool) -> None:
        self.compared = self.turns = 0
        self._turn = turn
        monkeypatch.setattr(_Pull, "compare", self._compare)

    def _compare(self, *_: object) -> None:
        self.compared += 1

    def __call__(self) -> bool:
        self.turns += 1
        return self._turn


@pytest.mark.parametrize("turn", [True, False])
def test_a_whole_pull_compares_where_it_is_the_peers_turn(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, *, turn: bool
) -> None:
    node, asked = pair.b.wired, Asked(monkeypatch, turn=turn)
    pull(node.node, node.gate, pair.client(pair.b), pair.a.name, compares=asked)
    assert (asked.turns, asked.compared) == (1, int(turn))
    pull(node.node, node.gate, pair.client(pair.b), pair.a.name)
    assert asked.compared == int(turn) + 1, "by hand it is always compared"


def test_a_peer_whose_log_went_back_is_compared_with_out_of_turn(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.a.disclose(pair.a.held(pair.indicator(1, "bad.example")), pair.treaty)
    identity = pair.a.wired.node.identity
    shown = Checkpoint(identity.log_origin, 1, bytes(32))
    line, node = pair.client(pair.b), pair.b.wired
    signer = NoteSigner(identity.log_origin, identity.log)
    line.spoil = lambda path, raw: sign_checkpoint(shown, signer) if path == "checkpoint" else raw
    asked = Asked(monkeypatch, turn=False)
    report = pull(node.node, node.gate, line, pair.a.name, compares=asked)
    assert report.lanes[-1].fault.startswith("log-rollback")
    assert (asked.turns, asked.compared) == (0, 1)
