"""Requests answered by one node with one process and with several, on SQLite and on PostgreSQL.

``python -m bench.processes [--postgres URL] [--replica URL]`` starts a node for each row of the
table, fills one collection, and counts pages read and posts taken by clients in processes of their
own, all on this machine: they take their share of its cores. The rows are measured in turn and in
several rounds; medians are told, the span beside. With the rates stands what one page and one post
cost in processor time, of the node's processes and of the database's: that is nearly the same on a
busy machine, and says what more cores would give. With ``--postgres`` (the maintenance database of
a server) each node gets a database of its own there; with ``--replica``, the same of its streaming
replica, one more node reads from it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import secrets
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.taxii_targets import foedus

OBJECTS = 10_000
PAGE = 100
POSTED = 10
_TYPE = "application/taxii+json;version=2.1"
_SPACE = uuid.UUID("5f0e6d1c-2b3a-4c59-8e41-7a6b0c1d2e3f")


def main() -> None:
    """Measure as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", default="", help="maintenance database of a server")
    parser.add_argument("--replica", default="", help="the same of its streaming replica")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = [("sqlite", count) for count in options.processes]
    if options.postgres:
        rows += [("postgres", count) for count in options.processes]
    if options.replica:
        rows += [("replica", count) for count in options.processes]
    found: dict[tuple[str, int], list[Figures]] = {row: [] for row in rows}
    for number in range(options.rounds):
        print(f"round {number + 1}, load {os.getloadavg()[0]:.1f}", flush=True)
        for engine, count in rows:
            with tempfile.TemporaryDirectory(prefix="foedus-processes-") as folder:
                found[engine, count].append(measure(options, engine, count, Path(folder)))
            print(f"  {engine} {count}: {found[engine, count][-1]}", flush=True)
    print(f"\nstore     processes  pages/s of {PAGE}  cpu ms  posts/s of {POSTED}  cpu ms")
    for (engine, count), figures in found.items():
        told = [
            f"{statistics.median(each):9.2f} ({min(each):.2f}-{max(each):.2f})"
            for each in ([one[place] for one in figures] for place in range(4))
        ]
        print(f"{engine:9} {count:9}  {'  '.join(told)}")


Figures = tuple[float, float, float, float]
"""Pages a second, milliseconds of processor time of one, the same of posts."""


def measure(options: argparse.Namespace, engine: str, processes: int, folder: Path) -> Figures:
    """Return what a node does."""
    with _store(options, engine) as database, foedus(processes=processes).start(folder) as target:
        post = _Connection(target)
        for start in range(0, OBJECTS, 1_000):
            post.post([_sign(f"{start + each}") for each in range(1_000)])
        if engine == "replica":
            time.sleep(2)  # it catches up
        pages = _rate(options, target, _read, database)
        posts = _rate(options, target, _write, database)
    return (*pages, *posts)


@contextmanager
def _store(options: argparse.Namespace, engine: str) -> Iterator[Callable[[], set[int]]]:
    """Let what is started run on a store of its own; yields what tells its server's processes."""
    if engine == "sqlite":
        yield set
        return
    import psycopg  # noqa: PLC0415  # only where it is measured
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(options.postgres, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        os.environ["FOEDUS_DATABASE_URL"] = make_conninfo(options.postgres, dbname=name)
        if engine == "replica":
            os.environ["FOEDUS_REPLICA_URL"] = make_conninfo(options.replica, dbname=name)

        def backends() -> set[int]:
            addresses = [options.postgres] + ([options.replica] if engine == "replica" else [])
            found: set[int] = set()
            for each in addresses:
                with psycopg.connect(each) as asked:
                    rows = asked.execute(
                        "SELECT pid FROM pg_stat_activity WHERE datname = %s", (name,)
                    ).fetchall()
                found |= {pid for (pid,) in rows}
            return found

        try:
            yield backends
        finally:
            os.environ.pop("FOEDUS_DATABASE_URL")
            os.environ.pop("FOEDUS_REPLICA_URL", None)
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class _Connection:
    """One kept-alive connection to the measured collection."""

    def __init__(self, target: dict[str, Any]) -> None:
        root = urlsplit(target["api_root"])
        self._path = f"{root.path.rstrip('/')}/collections/{target['collection']}/objects/"
        self._http = http.client.HTTPConnection(root.hostname or "", root.port, timeout=120)
        self._headers = {
            "authorization": f"Bearer {target['token']}",
            "accept": _TYPE,
            "content-type": _TYPE,
        }

    def page(self, after: str) -> str:
        """Read the page after an instant; return the instant of its last object."""
        query = f"?limit={PAGE}" + (f"&added_after={after}" if after else "")
        self._http.request("GET", self._path + query, headers=self._headers)
        answer = self._http.getresponse()
        body = answer.read()
        if answer.status != http.client.OK or len(body) < PAGE:
            raise RuntimeError(f"{answer.status}: {body[:200]!r}")
        return str(answer.headers["x-taxii-date-added-last"])

    def post(self, objects: list[dict[str, Any]]) -> None:
        """Post an envelope and see it taken."""
        self._http.request(
            "POST", self._path, body=json.dumps({"objects": objects}), headers=self._headers
        )
        answer = self._http.getresponse()
        body = answer.read()
        if answer.status != http.client.ACCEPTED:
            raise RuntimeError(f"{answer.status}: {body[:200]!r}")


def _rate(
    options: argparse.Namespace,
    target: dict[str, Any],
    work: Any,
    database: Callable[[], set[int]],
) -> tuple[float, float]:
    """Return how often a second the clients together did something, and what one time cost."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Barrier(options.clients + 1), context.Queue()
    clients = [
        context.Process(target=work, args=(target, options.seconds, ready, go))
        for _ in range(options.clients)
    ]
    for each in clients:
        each.start()
    ready.wait(60)
    before = _cpu_ms(target["pid"], database())
    total = sum(int(go.get(timeout=options.seconds + 60)) for _ in clients)
    for each in clients:
        each.join(30)
    spent = _cpu_ms(target["pid"], database()) - before
    return total / float(options.seconds), spent / max(1, total)


def _cpu_ms(server: int, others: set[int]) -> float:
    """Return the processor time so far of a server, its children and other processes."""
    path = Path(f"/proc/{server}/task/{server}/children")
    total = 0
    for pid in {server, *map(int, path.read_text().split()), *others}:
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total * 1000 / os.sysconf("SC_CLK_TCK")


def _read(target: dict[str, Any], seconds: float, ready: Any, told: Any) -> None:
    connection = _Connection(target)
    after, count = connection.page(""), 0
    ready.wait(60)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(OBJECTS // PAGE - 2):
            after = connection.page(after)
            count += 1
            if time.monotonic() >= end:
                break
        else:
            after = connection.page("")
            count += 1
    told.put(count)


def _write(target: dict[str, Any], seconds: float, ready: Any, told: Any) -> None:
    connection = _Connection(target)
    label, count = secrets.token_hex(6), 0
    ready.wait(60)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection.post([_sign(f"{label} {count} {each}") for each in range(POSTED)])
        count += 1
    told.put(count)


def _sign(label: str) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid5(_SPACE, label)}",
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "name": f"EXERCISE {label}",
        "description": "A sign made for a measurement; it names nobody. " * 10,
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = '{uuid.uuid5(_SPACE, label).hex[:12]}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


if __name__ == "__main__":
    main()
