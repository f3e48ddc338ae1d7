"""Kill -9 at any moment of a disclosure of 10 000 items: nothing is lost, nothing is held twice.

XA gives, XB takes. First `foedus disclose` is killed again and again at moments drawn from a seed,
then the server of XA while XB pulls, then `foedus pull` itself. Each is simply started again.
"""

from __future__ import annotations

import random
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import MemberId
from foedus.model.markings import TLP, TLP_MARKING_IDS
from foedus.node.find import find_items
from foedus.node.ports import ItemFilter, ItemState

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

ITEMS = 10_000
RED_EVERY = 100
"""Each hundredth item bears TLP:RED, which the treaty withholds."""

WITHHELD = ITEMS // RED_EVERY
KILLS = 4
SOAK_KILLS = 25
_SPACE = uuid.UUID("d4f0c8d2-6a9e-4a55-8f4b-3c3f7d0f9a11")


def ten_thousand() -> list[dict[str, Any]]:
    """Return indicators of addresses reserved for benchmarks (RFC 2544), the same each time."""
    found = []
    for number in range(ITEMS):
        address = f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}"
        found.append(
            {
                "type": "indicator",
                "spec_version": "2.1",
                "id": f"indicator--{uuid.uuid5(_SPACE, str(number))}",
                "created": "2026-11-20T08:00:00.000Z",
                "modified": "2026-11-20T08:00:00.000Z",
                "name": f"EXERCISE {number}",
                "indicator_types": ["anomalous-activity"],
                "pattern": f"[ipv4-addr:value = '{address}']",
                "pattern_type": "stix",
                "valid_from": "2026-11-20T08:00:00Z",
                **(
                    {"object_marking_refs": [TLP_MARKING_IDS[TLP.RED]]}
                    if number % RED_EVERY == 0
                    else {}
                ),
            }
        )
    return found


@dataclass
class Crash:
    """Two nodes and a seeded source of bad moments.

    Attributes:
        killed: How often each process was killed, by what it did.
    """

    giver: NodeProcess
    taker: NodeProcess
    chance: random.Random
    killed: dict[str, int] = field(default_factory=dict)

    def given(self) -> int:
        """Return how many rows the lane has at the giver."""
        with self.giver.wired.node.database.read() as tx:
            return tx.feeds.lane(self.taker.member, "bulk").count

    def taken(self) -> int:
        """Return how many rows the taker has processed."""
        with self.taker.wired.node.database.read() as tx:
            return tx.inbox.cursor(self.giver.member, "bulk").count

    def kill_at_a_bad_moment(
        self, process: subprocess.Popen[bytes], progress: Callable[[], int], what: str
    ) -> bool:
        """Kill a process some moments after it got on; False if it ended by itself before."""
        before = progress()
        while progress() == before:
            if process.poll() is not None:
                return False
            time.sleep(0.002)
        time.sleep(self.chance.uniform(0, 0.25))
        return self.kill(process, what)

    def kill_after(self, process: subprocess.Popen[bytes], seconds: float, what: str) -> bool:
        """Kill a process after some time; False if it ended by itself before."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill(process, what)
        return False

    def kill(self, process: subprocess.Popen[bytes], what: str) -> bool:
        ended = process.poll() is not None
        process.kill()
        process.wait(30)
        if not ended:
            self.killed[what] = self.killed.get(what, 0) + 1
        return not ended

    def disclose_under_fire(self, kills: int) -> None:
        """Start the same disclosure again until it ends, killing it some times."""
        command = ("disclose", "source:1", "--purpose", "prevention")
        for turn in range(kills):
            process = self.giver.popen(*command)
            if turn % 2:
                self.kill_after(process, self.chance.uniform(0.3, 2.5), "disclose")
            else:
                self.kill_at_a_bad_moment(process, self.given, "disclose")
        done = self.giver.run(*command)
        [member] = done["members"]
        assert member["given"] + member["already"] == ITEMS - WITHHELD
        assert len(member["withheld"]) == WITHHELD

    def pull_under_fire(self, kills: int) -> None:
        """Pull until all is there; kill in turn the puller and the server it pulls from."""
        for turn in range(kills):
            process = self.taker.popen("pull")
            if turn % 2:
                self.kill_at_a_bad_moment(process, self.taken, "pull")
                continue
            assert self.giver.server is not None
            if self.kill_at_a_bad_moment(self.giver.server, self._taken_or_done(process), "serve"):
                self.giver.server = None
                assert process.wait(60) in {0, 5}, "a peer lost on the way is no fault"
                self.giver.serve()
            process.wait(60)
        self.taker.run("pull")

    def _taken_or_done(self, process: subprocess.Popen[bytes]) -> Callable[[], int]:
        """Return a measure of progress that also moves when the puller ends."""
        return lambda: -1 if process.poll() is not None else self.taken()


@pytest.fixture(scope="module", name="survived")
def _survived(make_bloc: Callable[[], Bloc]) -> Crash:
    """Return both nodes after all the killing."""
    return _campaign(make_bloc(), kills=KILLS, seed=20151215)


def _campaign(bloc: Bloc, *, kills: int, seed: int) -> Crash:
    bloc.found("XA", "XB")
    bloc["XA"].hold(ten_thousand())
    crash = Crash(giver=bloc["XA"], taker=bloc["XB"], chance=random.Random(seed))
    crash.disclose_under_fire(kills)
    crash.pull_under_fire(kills)
    return crash


def test_processes_were_killed_in_the_middle_of_their_work(survived: Crash) -> None:
    assert survived.killed.keys() == {"disclose", "pull", "serve"}


def test_both_sides_count_the_same_items(survived: Crash) -> None:
    for node in (survived.giver, survived.taker):
        figures = node.run("figures")
        assert all(lane["agreed"] for lane in figures["lanes"]), figures["lanes"]
        assert figures["unbalanced"] == []
    [lane] = [
        each
        for each in survived.giver.figures().lanes
        if (each.recipient, each.lane) == ("XB", "bulk")
    ]
    assert lane.items == ITEMS - WITHHELD
    assert survived.taker.received("XA") == {"accepted": ITEMS - WITHHELD}


def test_nothing_is_held_twice_and_nothing_is_lost(survived: Crash) -> None:
    with survived.taker.wired.node.database.read() as tx:
        held = find_items(tx, ItemFilter(received_from=frozenset({MemberId("XA")})))
        counts = tx.items.counts()
    assert counts[ItemState.HELD] == len(held) == ITEMS - WITHHELD
    expected = {
        f"indicator--{uuid.uuid5(_SPACE, str(number))}"
        for number in range(ITEMS)
        if number % RED_EVERY
    }
    assert {row.key.object_id for row in held} == expected


def test_the_giver_knows_who_holds_each_item_once(survived: Crash) -> None:
    with survived.giver.wired.node.database.read() as tx:
        rows = find_items(tx, ItemFilter(sources=frozenset({1})))
        given = tx.feeds.holds(survived.taker.member, [row.handle for row in rows])
        assert len(given) == ITEMS - WITHHELD
        for row in rows[:: ITEMS // 200]:
            disclosures = tx.feeds.disclosures(row.handle)
            assert len(disclosures) == (1 if row.handle in given else 0)


def test_both_logs_hold_to_the_last_entry(survived: Crash) -> None:
    for node in (survived.giver, survived.taker):
        audited = node.run("ledger", "audit")
        with node.wired.node.database.read() as tx:
            assert audited["size"] == tx.ledger.count()


def test_no_alarm_is_left_open(survived: Crash) -> None:
    """A crash is no fault of integrity: neither side may suspect the other after it."""
    for node in (survived.giver, survived.taker):
        assert node.alarms() == {}
        assert node.quarantine() == []
        assert node.run("doctor")["exit"] == 0


def test_a_receipt_made_after_the_crashes_is_verified_offline(
    survived: Crash, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("receipts")
    with survived.giver.wired.node.database.read() as tx:
        rows = find_items(tx, ItemFilter(sources=frozenset({1})), limit=ITEMS)
    last = rows[-1]
    written = survived.giver.run("receipt", str(last.number), "-o", str(folder))["receipts"]
    letter = folder / "letter"
    letter.write_bytes(survived.giver.letter())
    verified = survived.giver.run("verify", written[0]["file"], "--letter", str(letter))
    assert verified["exit"] == 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_a_long_campaign_of_kills(make_bloc: Callable[[], Bloc], seed: int) -> None:
    bloc = make_bloc()
    try:
        crash = _campaign(bloc, kills=SOAK_KILLS, seed=seed)
        test_both_sides_count_the_same_items(crash)
        test_nothing_is_held_twice_and_nothing_is_lost(crash)
        test_the_giver_knows_who_holds_each_item_once(crash)
        test_both_logs_hold_to_the_last_entry(crash)
        test_no_alarm_is_left_open(crash)
    finally:
        bloc.stop_all()
