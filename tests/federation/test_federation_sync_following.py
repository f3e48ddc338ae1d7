"""Nodes that serve follow each other: what one gives is at the others at once, unasked for.

Three real nodes follow each other. Requests that wait hold no thread, end when anything arrives or
the node ends, and there are only so many of them.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from foedus.exchange.server.waiting import MAX_WAITING_OF_ONE
from foedus.model.identifiers import MemberId
from foedus.node.dispatch import LANES
from foedus.node.peer_ports import News, PeerEndpoint, PeerError

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
LONG_S = 600
"""Between whole pulls: what comes sooner came because a request was held open."""


def _sign(number: int) -> dict[str, object]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000002-0000-4000-a000-{number:012d}",
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "name": f"sign {number}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = 'follow-{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


@pytest.fixture(scope="module", name="bloc")
def _bloc(make_bloc: Callable[[], Bloc]) -> Bloc:
    bloc = make_bloc()
    bloc.found("XA", "XB", "XC", silent=["XA", "XB", "XC"])
    for node in bloc.nodes.values():
        node.follow_every(LONG_S)
        node.serve()
    for node in bloc.nodes.values():
        _until(partial(_heard_of_all, node))
    return bloc


def _heard_of_all(node: NodeProcess) -> bool:
    """Whether the node's first whole pulls are over: it waits at every peer."""
    lanes = node.figures().lanes
    return all(lane.agreed for lane in lanes)


def _until(holds: Callable[[], bool], seconds: float = 20) -> float:
    """Return after how many seconds something holds."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() < begun + seconds, "not within the time"
        time.sleep(0.01)
    return time.monotonic() - begun


def _held(node: NodeProcess) -> int:
    with node.wired.node.database.read() as tx:
        return sum(
            number for (_, lane, code), number in tx.inbox.counts().items()
            if lane == "bulk" and code == "accepted"
        )  # fmt: skip


def _both_hold(bloc: Bloc, number: int) -> bool:
    return [_held(bloc[name]) for name in ("XB", "XC")] == [number, number]


def test_what_one_gives_is_at_the_others_within_seconds(bloc: Bloc) -> None:
    took = []
    for number in range(1, 6):
        rows = bloc["XA"].hold([_sign(number)])
        bloc["XA"].disclose(rows, "XB", "XC")
        took.append(_until(partial(_both_hold, bloc, number)))
    assert sorted(took)[2] < 5, took  # far below the time between whole pulls


def test_both_sides_agree_without_anybody_asking(bloc: Bloc) -> None:
    _until(lambda: all(lane.agreed for lane in bloc["XA"].figures().lanes))
    told = bloc["XA"].run("peers", "lanes")
    assert {each["digest"] for each in told["given"]} == {"equal"}
    assert {each["waiting_since"] for each in told["given"]} == {""}
    [taken] = [
        each for each in bloc["XB"].run("peers", "lanes", "XA")["taken"] if each["lane"] == "bulk"
    ]
    assert (taken["held"], taken["quarantined"], taken["stands_still"]) == (5, 0, "")


def test_idle_followers_cost_next_to_nothing(bloc: Bloc) -> None:
    before = [_cpu_s(bloc[name]) for name in ("XA", "XB", "XC")]
    time.sleep(3)
    spent = [_cpu_s(bloc[name]) - each for name, each in zip(("XA", "XB", "XC"), before)]  # noqa: B905
    assert max(spent) < 1.0, spent


def _cpu_s(node: NodeProcess) -> float:
    assert node.server is not None
    with open(f"/proc/{node.server.pid}/stat") as stat:  # noqa: PTH123
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


# Requests that wait.


def _wait_at(bloc: Bloc, seconds: int, **known: int) -> News:
    """Wait at XA as XB."""
    wired = bloc["XB"].wired
    with wired.node.database.read() as tx:
        cursors = {lane: tx.inbox.cursor(XA, lane) for lane in LANES}
    peer = PeerEndpoint(member=XA, address=f"http://127.0.0.1:{bloc['XA'].port}")
    return wired.client.await_news(
        peer,
        added_after=cursors["instruments"].added_after,
        known={lane: known.get(lane, cursor.count) for lane, cursor in cursors.items()},
        wait_s=seconds,
    )


def test_a_wait_with_nothing_to_come_takes_its_time_and_says_so(bloc: Bloc) -> None:
    begun = time.monotonic()
    news = _wait_at(bloc, 1)
    assert news.waited
    assert 0.9 <= time.monotonic() - begun < 5


def test_who_is_behind_is_not_made_to_wait(bloc: Bloc) -> None:
    begun = time.monotonic()
    news = _wait_at(bloc, 20, bulk=0)
    assert time.monotonic() - begun < 5
    assert not news.waited
    assert news.counts is not None
    assert news.counts["bulk"] > 0


def test_a_third_wait_of_one_member_ends_its_first(bloc: Bloc) -> None:
    """XB's own server waits already; so the oldest ends as soon as there are too many."""
    ended: list[float] = []
    begun = time.monotonic()

    def wait() -> None:
        _wait_at(bloc, 4)
        ended.append(time.monotonic() - begun)

    threads = [threading.Thread(target=wait) for _ in range(MAX_WAITING_OF_ONE + 1)]
    for each in threads:
        each.start()
        time.sleep(0.3)
    for each in threads:
        each.join(30)
    assert min(ended) < 2, ended
    assert max(ended) >= 3.9, ended


def test_other_requests_are_answered_while_many_wait(bloc: Bloc) -> None:
    threads = [threading.Thread(target=_wait_at, args=(bloc, 3)) for _ in range(4)]
    for each in threads:
        each.start()
    begun = time.monotonic()
    _wait_at(bloc, 0)
    assert time.monotonic() - begun < 2
    for each in threads:
        each.join(30)


def test_a_node_that_ends_lets_nobody_wait(bloc: Bloc) -> None:
    """Its end takes no longer for those who wait at it, and they go on when it is there again."""
    lost: list[bool] = []

    def wait() -> None:
        try:
            lost.append(_wait_at(bloc, 20).waited)
        except PeerError:
            lost.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)
    begun = time.monotonic()
    bloc["XA"].stop()
    took = time.monotonic() - begun
    thread.join(10)
    assert lost == [True]
    assert took < 9, took
    bloc["XA"].serve()
    before = _held(bloc["XB"])
    bloc["XA"].disclose(bloc["XA"].hold([_sign(100)]), "XB", "XC")
    _until(lambda: _held(bloc["XB"]) == before + 1, 60)


# Two accounts of one lane.


def _damage(node: NodeProcess, statement: str) -> None:
    node.stop()
    node.close()
    with closing(sqlite3.connect(node.wired.settings.database)) as database:
        node.close()
        database.execute(statement)
        database.commit()
    node.close()


def test_a_damaged_cursor_is_found_told_and_repaired(bloc: Bloc) -> None:
    """XB's digest of XA's lane is lost to a bad disk; its documents and XA's account heal it."""
    node = bloc["XB"]
    _damage(node, "UPDATE in_lane SET digest = zeroblob(32) WHERE name = 'bulk' AND sender = 'XA'")
    held = _held(node)
    [bulk] = [each for each in node.pull("XA").lanes if each.lane == "bulk"]
    assert (bulk.fault, bulk.healed) == ("", "our own count")
    assert _held(node) == held
    assert not [code for code, _ in node.alarms() if code.startswith("lane")]
    assert all(lane.agreed for lane in bloc["XA"].figures().lanes if lane.recipient == XB)


def test_a_cursor_ahead_of_what_was_taken_is_set_back_and_the_rest_fetched(bloc: Bloc) -> None:
    """The last two batches were taken and lost again; the count says that they are there."""
    node = bloc["XB"]
    held = _held(node)
    for number in (200, 201):
        bloc["XA"].disclose(bloc["XA"].hold([_sign(number)]), "XB")
    with node.wired.node.database.read() as tx:
        count = tx.inbox.cursor(XA, "bulk").count
    _damage(
        node,
        f"UPDATE in_lane SET count = {count + 4}, digest = zeroblob(32)"  # noqa: S608  a number
        " WHERE name = 'bulk' AND sender = 'XA'",
    )
    [bulk] = [each for each in node.pull("XA").lanes if each.lane == "bulk"]
    assert bulk.fault == ""
    assert bulk.healed == f"rows {count + 1} to {count + 4}"
    assert _held(node) == held + 2
    assert all(lane.agreed for lane in bloc["XA"].figures().lanes if lane.recipient == XB)


def test_what_cannot_be_repaired_keeps_its_alarm_with_what_was_found(bloc: Bloc) -> None:
    """XA's own account is damaged: its rows no longer lead to the digest it signs."""
    giver, taker = bloc["XA"], bloc["XB"]
    _damage(
        giver,
        "UPDATE batch SET digest_after = zeroblob(32) WHERE lane ="
        " (SELECT lane FROM lane WHERE recipient = 'XB' AND name = 'bulk')",
    )
    with closing(sqlite3.connect(giver.data / "foedus.db")) as database:
        database.execute("UPDATE lane SET digest = zeroblob(32) WHERE recipient = 'XB'"
                         " AND name = 'bulk'")  # fmt: skip
        database.commit()
    giver.serve()
    [bulk] = [each for each in taker.pull("XA").lanes if each.lane == "bulk"]
    assert bulk.fault.startswith("lane-digest")
    assert ("lane.lane-digest", "XA/bulk") in taker.alarms()
    told = giver.run("peers", "lanes", "XB", expect=7)["given"]
    assert [each["digest"] for each in told if each["lane"] == "bulk"] == ["DIFFERS"]
