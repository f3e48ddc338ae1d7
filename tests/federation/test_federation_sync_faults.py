"""A federation loses nothing: peers away, wrong clocks, lines that break, pages that lie.

XA gives and XB takes, each a process of its own with its own data; between them stands a TCP line
that breaks, or a proxy that changes pages. After each trouble everything flows again by itself, and
both sides sign the same count and digest.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from foedus.model.identifiers import MemberId
from foedus.node import lane_pull
from foedus.node.pull import pull

if TYPE_CHECKING:
    from tests.federation.conftest import Answer, Bloc, Line, NodeProcess, TamperingProxy

    from foedus.exchange.peer_client import HTTPPeerClient
    from foedus.node.peer_ports import LanePage, PeerEndpoint

XA, XB = MemberId("XA"), MemberId("XB")
HOUR = 3600.0
DAY = 24 * HOUR


class Lane:
    """XA's bulk lane to XB."""

    def __init__(self, bloc: Bloc) -> None:
        self.bloc = bloc
        self._made = 0

    @property
    def giver(self) -> NodeProcess:
        return self.bloc["XA"]

    @property
    def taker(self) -> NodeProcess:
        return self.bloc["XB"]

    def give(self, count: int, *, at_once: bool = True, filler: str = "") -> None:
        """Disclose fresh items, in one act or one by one."""
        objects = []
        for _ in range(count):
            self._made += 1
            objects.append(_sign(self._made, filler))
        rows = self.giver.hold(objects)
        for batch in [rows] if at_once else [[row] for row in rows]:
            [done] = self.giver.disclose(batch, "XB")
            assert done.given == len(batch), done

    def held(self) -> int:
        return self.taker.received("XA").get("accepted", 0)

    def agreed(self) -> bool:
        lanes = self.giver.figures().lanes
        return all(lane.agreed for lane in lanes if lane.recipient == XB)

    def whole(self) -> None:
        """Everything given is held, both sides sign the same, and no alarm stands."""
        assert self.held() == self._made
        assert self.agreed()
        assert not _of_lanes(self.taker)
        assert not _of_lanes(self.giver)


def _of_lanes(node: NodeProcess) -> list[tuple[str, str]]:
    return [key for key in node.alarms() if key[0].startswith("lane")]


def _sign(number: int, filler: str) -> dict[str, object]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-b000-{number:012d}",
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "name": f"sign {number}",
        "description": f"EXERCISE {filler}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = 'line-{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


@pytest.fixture(scope="module", name="lane")
def _lane(make_bloc: Callable[[], Bloc]) -> Lane:
    bloc = make_bloc()
    bloc.found("XA", "XB", lined=["XA"], silent=["XB"])
    return Lane(bloc)


@pytest.fixture(name="line")
def _line(lane: Lane) -> Iterator[Line]:
    """The line to XA, healed in the end."""
    line = lane.bloc.lines["XA"]
    yield line
    line.heal()


# The line.


def test_a_connection_cut_in_the_middle_of_a_page_loses_nothing(lane: Lane, line: Line) -> None:
    lane.give(60, filler="x" * 4000)
    line.cut_after = 100_000
    report = lane.taker.pull("XA")
    assert line.cuts == 1
    assert report.unreachable
    assert not _of_lanes(lane.taker), "a broken line is nobody's fault"
    report = lane.taker.pull("XA")
    assert not report.unreachable
    lane.whole()


def test_a_line_that_breaks_at_every_step_is_got_through(lane: Lane, line: Line) -> None:
    """Each pull is cut some bytes later than the one before; whole batches stay."""
    lane.give(6, at_once=False, filler="y" * 800)
    cuts = 0
    for allowed in range(500, 40_000, 2_500):
        line.cut_after = allowed
        report = lane.taker.pull("XA")
        if not report.unreachable:
            break
        cuts += 1
    line.heal()
    assert cuts > 3
    lane.taker.pull("XA")
    lane.whole()


def test_a_slow_line_takes_its_time_and_loses_nothing(lane: Lane, line: Line) -> None:
    lane.give(100, filler="z" * 1500)
    line.rate, line.delay_s = 200_000, 0.005
    begun = time.monotonic()
    report = lane.taker.pull("XA")
    assert not report.unreachable
    assert time.monotonic() - begun > 0.5, "it was slow indeed"
    lane.whole()


def test_a_partition_heals_by_itself(lane: Lane, line: Line) -> None:
    """XB's server follows XA; the line is down meanwhile; nobody does anything but heal it."""
    lane.taker.follow_every(2)
    lane.taker.serve()
    try:
        lane.give(1)
        _until(lambda: lane.held() == lane._made and lane.agreed())
        line.part()
        lane.give(5, at_once=False)
        _until(lambda: "XA" in _failing(lane.taker))
        assert not _of_lanes(lane.taker)
        shown = lane.taker.run("peers", "list")["peers"][0]
        assert shown["link"].startswith("failed ")
        assert "tried again at" in shown["link"]
        line.heal()
        _until(lambda: lane.held() == lane._made and lane.agreed())
        _until(lambda: not _failing(lane.taker))
    finally:
        lane.taker.stop()
    lane.whole()


def _failing(node: NodeProcess) -> list[str]:
    with node.wired.node.database.read() as tx:
        return [row.member for row in tx.links.all()]


def _until(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.05)


class _Spy:
    """The node's own client; notes which lanes are asked for, and says that orders grew."""

    def __init__(self, inner: HTTPPeerClient, orders: int) -> None:
        self.asked: list[str] = []
        self._inner = inner
        self._orders = orders

    def lane_page(self, peer: PeerEndpoint, lane: str, *, added_after: str, limit: int) -> LanePage:
        page = self._inner.lane_page(peer, lane, added_after=added_after, limit=limit)
        self.asked.append(lane)
        assert page.counts is not None
        return replace(page, counts={**page.counts, "orders": self._orders})

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        return self._inner.ledger_file(peer, path)

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        self._inner.deliver_head(peer, document)


@pytest.mark.parametrize(("more", "between"), [(0, []), (1, ["orders"])])
def test_orders_never_wait_behind_bulk(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, more: int, between: list[str]
) -> None:
    """With pages of four rows: after each page of bulk orders are asked for if they grew."""
    monkeypatch.setattr(lane_pull, "PAGE_ROWS", 4)
    lane.give(6, at_once=False)
    node = lane.taker.wired
    with node.node.database.read() as tx:
        orders = tx.inbox.cursor(XA, "orders").count
    spy = _Spy(node.client, orders + more)
    pull(node.node, node.gate, spy, XA)
    assert spy.asked == ["instruments", "orders", "bulk", *between, "bulk", *between, "bulk"]
    lane.whole()


# The sender.


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_a_sender_killed_in_the_middle_of_a_page_loses_nothing(
    lane: Lane, line: Line, after: float
) -> None:
    lane.give(200, filler="k" * 2000)
    line.rate = 1_000_000  # so that the page takes long enough to be killed in
    taking = lane.taker.popen("pull", "XA")
    time.sleep(0.5 + after)
    lane.giver.kill()
    taking.wait(60)
    line.heal()
    lane.giver.serve()
    assert not _of_lanes(lane.taker)
    lane.taker.pull("XA")
    lane.whole()


@pytest.mark.parametrize("after", [0.3, 0.5, 0.7, 0.9])
def test_a_taker_killed_anywhere_goes_on_from_there(lane: Lane, after: float) -> None:
    lane.give(300)
    taking = lane.taker.popen("pull", "XA")
    time.sleep(after)
    taking.send_signal(signal.SIGKILL)
    taking.wait(30)
    lane.taker.pull("XA")
    lane.whole()


# Time.


def test_a_peer_that_was_down_for_a_week_gets_all_of_it(lane: Lane) -> None:
    """XB goes away; XA gives something every day; after a week XB is there again.

    Meanwhile XA has not heard from XB for longer than the treaty allows: it gives no more, and what
    it gave stays there for XB.
    """
    lane.giver.stop()
    for day in range(1, 7):
        lane.giver.set_clock(day * DAY)
        lane.give(3)
    lane.giver.set_clock(7 * DAY + HOUR)
    [late] = lane.giver.hold([_sign(90_000, "")])
    [refused] = lane.giver.disclose([late], "XB")
    assert refused.given == 0
    assert "is stale" in refused.withheld[0].reason
    lane.giver.serve()
    behind = {each.lane: each for each in lane.giver.figures().lanes}["bulk"]
    assert behind.pending
    lanes = lane.giver.run("peers", "lanes", "XB")["given"]
    [bulk] = [each for each in lanes if each["lane"] == "bulk"]
    assert bulk["confirmed"] < bulk["rows"]
    assert bulk["digest"] == "equal", "what it did confirm is what it was given"
    assert bulk["waiting_since"], "since the first day"
    lane.taker.set_clock(7 * DAY + HOUR)
    report = lane.taker.pull("XA")
    assert not report.unreachable
    assert lane.giver.run("peers", "lanes", "XB")["given"][2]["waiting_since"] == ""
    lane.whole()
    lane.taker.serve()
    assert not lane.giver.pull("XB").unreachable
    lane.taker.stop()
    lane.give(1)
    lane.taker.pull("XA")
    lane.whole()


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_clock_an_hour_off_is_named_and_costs_nothing_but_time(lane: Lane, off: float) -> None:
    """Requests are dated: neither side believes the other's until the clock is right."""
    lane.give(2)
    right = lane.taker.shift_s
    before = lane.held()
    lane.taker.set_clock(right + off)
    report = lane.taker.pull("XA")
    assert "check keys and clocks" in report.unreachable
    assert lane.held() == before
    assert not _of_lanes(lane.taker)
    lane.taker.set_clock(right)
    lane.taker.pull("XA")
    lane.whole()


def test_what_is_dated_an_hour_ahead_is_held_until_then(lane: Lane) -> None:
    """XA gave with a clock an hour ahead; its clock was put right since."""
    right = lane.giver.shift_s
    lane.giver.stop()
    lane.giver.set_clock(right + HOUR)
    before = lane.held()
    lane.give(2)
    lane.giver.set_clock(right)
    lane.giver.serve()
    [bulk] = [each for each in lane.taker.pull("XA").lanes if each.lane == "bulk"]
    assert bulk.fault.startswith("dated-ahead")
    assert lane.held() == before
    assert ("lane.dated-ahead", "XA/bulk") in lane.taker.alarms()
    lane.giver.stop()
    for node in (lane.giver, lane.taker):
        node.set_clock(right + HOUR + 60)
    lane.giver.serve()
    lane.taker.pull("XA")
    lane.whole()


def test_what_is_dated_an_hour_ago_is_taken_at_once(lane: Lane) -> None:
    right = lane.giver.shift_s
    lane.giver.stop()
    lane.giver.set_clock(right - HOUR)
    lane.give(2)
    lane.giver.set_clock(right)
    lane.giver.serve()
    lane.taker.pull("XA")
    lane.whole()


# Pages that lie: a proxy stands before XC, which gives to XD.


@pytest.fixture(scope="module", name="lied")
def _lied(make_bloc: Callable[[], Bloc]) -> Lane:
    bloc = make_bloc()
    bloc.found("XA", "XB", proxied=["XA"], silent=["XB"])
    return Lane(bloc)


@pytest.fixture(name="proxy")
def _proxy(lied: Lane) -> Iterator[TamperingProxy]:
    proxy = lied.bloc.proxies["XA"]
    honest = proxy.tamper
    yield proxy
    proxy.tamper = honest
    lied.taker.pull("XA")
    lied.whole()


def _twice(answer: Answer) -> Answer:
    return answer.with_objects([*answer.objects, *answer.objects])


def _each_twice(answer: Answer) -> Answer:
    return answer.with_objects([each for each in answer.objects for _ in range(2)])


def _backwards(answer: Answer) -> Answer:
    return answer.with_objects(answer.objects[::-1])


def _without_the_first_batch(answer: Answer) -> Answer:
    return answer.with_objects(answer.objects[2:])


def _cut_short(answer: Answer) -> Answer:
    return answer.with_objects(answer.objects[:-1])


def _cut_bytes(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (_twice, ("lane-digest", "sequence")),
        (_each_twice, ("not-covered", "commitment")),
        (_backwards, ("not-covered", "form")),
        (_without_the_first_batch, ("sequence", "lane-digest")),
        (_cut_short, ("sequence",)),
        (_cut_bytes, ()),
    ],
)
def test_a_page_that_lies_is_told_and_nothing_of_it_counts_twice(
    lied: Lane, proxy: TamperingProxy, change: Callable[[Answer], Answer], faults: tuple[str, ...]
) -> None:
    """Three batches of one; the fixture sees all of them come whole once the proxy is honest."""
    lied.give(3, at_once=False)
    before = lied.held()
    proxy.only_lane("XA", "XB", lambda answer: change(answer) if answer.objects else answer)
    report = lied.taker.pull("XA")
    if not faults:
        assert report.unreachable
        assert lied.held() == before
        return
    [bulk] = [each for each in report.lanes if each.lane == "bulk"]
    assert bulk.fault.startswith(faults), bulk
    assert before <= lied.held() <= before + 3
    assert _of_lanes(lied.taker)


def test_the_same_page_given_again_later_changes_nothing(lied: Lane, proxy: TamperingProxy) -> None:
    """The proxy answers every request for the lane with the page it gave before, head and all."""
    lied.give(2, at_once=False)
    kept: list[Answer] = []

    def remember(answer: Answer) -> Answer:
        kept.append(answer)
        return answer

    proxy.only_lane("XA", "XB", remember)
    lied.taker.pull("XA")
    lied.give(2, at_once=False)
    before = lied.held()
    proxy.only_lane("XA", "XB", lambda _answer: kept[0])
    [bulk] = [each for each in lied.taker.pull("XA").lanes if each.lane == "bulk"]
    assert bulk.accepted == 0
    assert lied.held() == before
