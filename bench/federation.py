"""Figures of a federation of real processes over HTTP: one node gives, five take.

``python -m bench.federation [LONE [MANY]]``, 100 lone items and 20 000 at once by default. Six
nodes are served on loopback, each a process of its own; they share the cores of this machine, so
beside what passed in a second stands what each side's processor spent on an item (``/proc``).

* *end to end*: one item is disclosed to five members by a command's operation in this process; the
  clock starts when that operation begins (a command's own start comes before it) and stops when the
  last of the five has recorded its hit durably: the item was pulled, verified under a head that
  covers it, decided again, held and matched with what that member holds. Shown too is the time
  since the disclosure was durable at the giver in the last of the five lanes.
* *out of one node, only paged*: many items are disclosed while nobody takes; then five takers that
  only page (:mod:`bench.pager`) read their lanes to the end: what the giver's server sustains.
* *out of one node, verified*: then the five nodes themselves take the same at once.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.bloc import EVERYBODY, Bloc, held, indicators, make_bloc
from foedus.model.identifiers import MemberId
from foedus.node.disclose import disclose
from foedus.node.wish import Wish

GIVER = MemberId("XA")
TAKERS = tuple(MemberId(name) for name in ("XB", "XC", "XD", "XE", "XF"))
GOAL_P99_MS = 1_000
_START_S = 60
_DEADLINE_S = 900
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Served:
    """One node's server."""

    member: MemberId
    data: Path
    process: subprocess.Popen[bytes]

    def cpu_s(self) -> float:
        """Return the processor time it took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_mib(self) -> float:
        """Return its resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def main(lone: int, many: int) -> None:
    """Measure once and print."""
    print(f"load {os.getloadavg()[0]:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory(prefix="foedus-federation-", dir=_folder()) as name:
        folder = Path(name)
        ports = {str(member): _free_port() for member in (GIVER, *TAKERS)}
        bloc = make_bloc(folder, tuple(ports), ports=ports)
        try:
            starting = _end_to_end(bloc, folder, ports, lone)
            _sustained(bloc, folder, ports, many, starting=starting)
        finally:
            bloc.close()
    print(f"load {os.getloadavg()[0]:.1f} at the end", flush=True)


def _folder() -> str | None:
    return os.environ.get("FOEDUS_BENCH_DIR")


def _end_to_end(bloc: Bloc, folder: Path, ports: dict[str, int], count: int) -> float:
    """Measure lone items; returns what starting a server takes of a processor, in seconds."""
    data = indicators(count, seed=21)
    handles = held(bloc.nodes[GIVER], bloc, data)
    for place, member in enumerate(TAKERS, start=1):
        mine = re.sub(rb"indicator--[0-9a-f]{8}", b"indicator--%08x" % place, data)
        held(bloc.nodes[member], bloc, mine)
    servers = [_serve(folder, ports, member) for member in (GIVER, *TAKERS)]
    starting = servers[-1].cpu_s()
    try:
        _settled(bloc)
        watches = [_Watch(bloc.nodes[member].settings.database) for member in TAKERS]
        times = []
        for handle in handles:
            wanted = [watch.hits() + 1 for watch in watches]
            start = time.perf_counter()
            _give(bloc, [handle])
            gone = time.perf_counter()
            for watch, number in zip(watches, wanted, strict=True):
                watch.until(number)
            end = time.perf_counter()
            times.append((end - start, gone - start))
            time.sleep(0.05 + (handle % 7) * 0.031)  # out of step with the cadence
        whole = sorted(each[0] * 1000 for each in times)
        act = sorted(each[1] * 1000 for each in times)
        since = sorted((each[0] - each[1]) * 1000 for each in times)
        print(
            f"end to end, one item to five, hits recorded ({count} items): "
            f"p50 {_at(whole, 0.5):.0f} ms, p99 {_at(whole, 0.99):.0f} ms, "
            f"worst {whole[-1]:.0f} ms; of it the disclosure itself p50 {_at(act, 0.5):.0f} ms; "
            f"since it was durable p50 {_at(since, 0.5):.0f} ms, p99 {_at(since, 0.99):.0f} ms; "
            f"load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        assert _at(whole, 0.99) < GOAL_P99_MS or os.environ.get("FOEDUS_BENCH_LAX"), "too slow"
        idle = [server.cpu_s() for server in servers]
        time.sleep(10)
        spent = [server.cpu_s() - before for server, before in zip(servers, idle, strict=True)]
        print(
            f"idle: giver {spent[0] / 10:.1%}, takers {sum(spent[1:]) / 50:.1%} of a core each; "
            f"memory {max(server.rss_mib() for server in servers):.0f} MiB",
            flush=True,
        )
    finally:
        for server in servers:
            server.end()
    return starting


def _sustained(
    bloc: Bloc, folder: Path, ports: dict[str, int], count: int, *, starting: float
) -> None:
    handles = held(bloc.nodes[GIVER], bloc, indicators(count, seed=22))
    _give(bloc, handles)
    giver = _serve(folder, ports, GIVER)
    takers: list[Served] = []
    try:
        _paged(folder, ports, giver, count)
        before = giver.cpu_s()
        start = time.perf_counter()
        takers = [_serve(folder, ports, member, wait=False) for member in TAKERS]
        _drained(bloc)
        took = time.perf_counter() - start
        spent = giver.cpu_s() - before
        receiving = sum(taker.cpu_s() - starting for taker in takers)
        print(
            f"out of one node to five, verified, {count} items each: "
            f"{5 * count / took:,.0f} items/s in all "
            f"({took:.1f} s, start of the takers included); processor of the giver "
            f"{spent * 1e6 / (5 * count):.0f} us an item ({5 * count / spent:,.0f} items/s by one "
            f"core), of a taker (start left out) {receiving * 1e6 / (5 * count):.0f} us an item "
            f"({5 * count / receiving:,.0f} items/s by one core)",
            flush=True,
        )
    finally:
        for server in (giver, *takers):
            server.end()


def _paged(folder: Path, ports: dict[str, int], giver: Served, count: int) -> None:
    """Let five takers that only page read their lanes, all at once."""
    address = f"http://127.0.0.1:{ports[str(GIVER)]}"
    pagers = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.pager", str(folder / member), str(GIVER), address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for member in TAKERS
    ]
    for pager in pagers:
        assert pager.stdout is not None
        assert pager.stdout.readline() == "ready\n"
    before, start = giver.cpu_s(), time.perf_counter()
    for pager in pagers:
        assert pager.stdin is not None
        pager.stdin.write("\n")
        pager.stdin.flush()
    found = [json.loads(pager.communicate(timeout=_DEADLINE_S)[0]) for pager in pagers]
    took, spent = time.perf_counter() - start, giver.cpu_s() - before
    assert all(each["rows"] >= count for each in found), found
    paging = sum(each["cpu"] for each in found)
    print(
        f"out of one node to five, only paged, {count} items each: {5 * count / took:,.0f} items/s "
        f"in all ({took:.1f} s, {sum(each['bytes'] for each in found) / took / 1e6:.0f} MB/s); "
        f"processor of the giver {spent * 1e6 / (5 * count):.0f} us an item, of a taker "
        f"{paging * 1e6 / (5 * count):.0f} us an item; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def _give(bloc: Bloc, handles: Sequence[int]) -> None:
    wired = bloc.nodes[GIVER]
    wish = Wish(treaty=bloc.treaty, purpose="prevention", recipients=TAKERS)
    given = disclose(wired.node, EVERYBODY, wired.gate, list(handles), wish)
    assert all(each.given == len(handles) for each in given), given


def _settled(bloc: Bloc) -> None:
    """Wait until every lane among all is confirmed."""
    _until(lambda: all(_confirmed(bloc, member) for member in bloc.nodes))


def _drained(bloc: Bloc) -> None:
    _until(lambda: _confirmed(bloc, GIVER))


def _confirmed(bloc: Bloc, giver: MemberId) -> bool:
    with bloc.nodes[giver].node.database.read() as tx:
        heads = {row.member: row.head for row in tx.peers.all()}
        lanes = [tx.feeds.lane(member, "bulk") for member in bloc.nodes if member != giver]
        return all(
            lane.count == heads[lane.recipient].get("bulk", (0, "", None))[0] for lane in lanes
        )


def _until(holds: object) -> None:
    end = time.monotonic() + _DEADLINE_S
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.05)


class _Watch:
    """Sees a node's hits as they are committed, at the cost of one page read."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        self._version = -1
        self._hits = 0

    def hits(self) -> int:
        [version] = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            [self._hits] = self._connection.execute("SELECT count(*) FROM hit").fetchone()
            self._version = version
        return self._hits

    def until(self, number: int) -> None:
        end = time.monotonic() + 30
        while self.hits() < number:
            assert time.monotonic() < end, "no hit within 30 s"
            time.sleep(0.002)


def _serve(folder: Path, ports: dict[str, int], member: MemberId, *, wait: bool = True) -> Served:
    data = folder / member
    command = [sys.executable, "-m", "foedus", "--data", str(data), "serve"]
    log = (folder / f"{member}.log").open("ab")
    served = Served(member=member, data=data, process=subprocess.Popen(command, stderr=log))
    end = time.monotonic() + _START_S
    while wait:
        try:
            if httpx.get(f"http://127.0.0.1:{ports[member]}/health", timeout=5).is_success:
                break
        except httpx.HTTPError:
            pass
        assert time.monotonic() < end, (folder / f"{member}.log").read_text()[-2000:]
        time.sleep(0.05)
    return served


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _at(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 100,
        int(sys.argv[2]) if len(sys.argv) > 2 else 20_000,
    )
