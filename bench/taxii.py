"""TAXII by the same requests against a node as it ships and against peers, in the same run.

``python -m bench.taxii [--opentaxii VENV] [--medallion VENV]`` runs the phases of the suite beside
this repository (``../shared/bench/taxii_bench.py``) in turn against each server, each time on an
empty store, and prints what each did and the ratio of Foedus to each peer. Medians over the rounds,
the span of the rounds beside; the machine's load stands above each table. Below it stands what the
same HTTP server does with a constant answer and bare SQLite with the same bytes.

``--follow`` adds one follower beside four writers, and the peak memory of every process of a
server is told in each table. ``--large 1000000`` fills one collection of Foedus and reads pages
from all over it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.raw_limits import rows_per_s, sync_ms
from bench.taxii_targets import Server, bare, foedus, medallion, opentaxii

SUITE = Path(__file__).parents[2] / "shared" / "bench"
POST = 1_000
WRITERS = 4

Run = dict[str, dict[str, Any]]
"""What one run of one server gave: figure to its summary."""


def main() -> None:
    """Measure as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", type=Path, default=SUITE, help="folder of taxii_bench.py")
    parser.add_argument("--opentaxii", type=Path, help="its virtual environment")
    parser.add_argument("--medallion", type=Path, help="its virtual environment")
    parser.add_argument("--objects", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--repeat", type=int, default=100, help="requests per filter, every server the same"
    )
    parser.add_argument("--peer-budget", type=float, default=300, help="seconds of a peer's intake")
    parser.add_argument("--tls", action="store_true", help="Foedus once more, over TLS")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--follow", action="store_true")
    parser.add_argument("--large", type=int, default=0, help="objects of one large collection")
    parser.add_argument("--json", type=Path, help="write everything there")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # ends servers too
    if not (options.suite / "taxii_bench.py").is_file():
        sys.exit(f"no taxii_bench.py in {options.suite}: say where with --suite")
    everything: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="foedus-taxii-") as name:
        folder = Path(name)
        for count in options.objects:
            everything[str(count)] = compare(options, folder, count)
        if options.large:
            everything["large"] = large(options, folder)
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1))


def servers_of(options: argparse.Namespace) -> list[Server]:
    """Return what is compared, Foedus first."""
    servers = [foedus(processes=options.processes)]
    if options.tls:
        servers.append(foedus(tls=True, processes=options.processes))
    if options.opentaxii:
        servers.append(opentaxii(options.opentaxii.resolve(), options.suite))
    if options.medallion:
        servers.append(medallion(options.medallion.resolve(), options.suite))
    return servers


# --- against peers


def compare(options: argparse.Namespace, folder: Path, count: int) -> dict[str, Any]:
    """Run every server in turn, as many rounds as asked, and print one table."""
    servers = servers_of(options)
    print(f"\n{count:,} objects, {options.rounds} rounds, {_load()}", flush=True)
    rounds: dict[str, list[Run]] = {server.name: [] for server in servers}
    for number in range(options.rounds):
        for server in servers:
            place = folder / f"{count}-{number}-{server.name.replace(' ', '-')}"
            rounds[server.name].append(one_run(options, server, place, min(count, server.most)))
            print(f"  round {number + 1} {server.name}: done, {_load()}", flush=True)
    table(rounds)
    ceilings(options, folder / f"{count}-bare", min(count, 10_000))
    return rounds


def one_run(options: argparse.Namespace, server: Server, place: Path, count: int) -> Run:
    """Run the suite once against a server on an empty store, phase by phase.

    Beside what the suite tells stands the processor time that the server's processes took, which
    a machine busy with other work changes little.
    """
    place.mkdir(parents=True)
    flat: Run = {}
    with server.start(place) as target:
        for phase in ("ingest", "read", *(["follow"] if options.follow else [])):
            before = _processor_s(target["pid"])
            result = _suite(options, place, {**target, "name": server.name}, count, [phase])
            took = _processor_s(target["pid"]) - before
            flat |= _flat(phase, result)
            if phase == "ingest":
                took /= max(1, result["ingest"]["all"]["accepted"]) / 1_000
                flat["ingest, processor s of 1000 objects"] = {"s": took}
            elif phase == "read":
                flat["read, processor s of all questions"] = {"s": took}
            flat["memory"] = {"mib": result.get("peak_rss_mib", 0.0)}
    return flat


def _flat(phase: str, result: Mapping[str, Any]) -> Run:
    flat: Run = {}
    if phase == "follow":
        found = result[phase]
        return {"follow lost": {"text": f"{found['lost']} of {found['sent']}"}}
    for name, summary in result.get(phase, {}).items():
        if name == "all":
            flat["ingest complete"] = {"text": f"{summary['accepted']} of {summary['of']}"}
        elif "error" in summary:
            flat[f"{phase} {name}"] = {"text": summary["error"]}
        else:
            flat[f"{phase} {name}"] = summary
    return flat


def _processor_s(pid: int) -> float:
    """Return the processor time of a process and those below it, in seconds."""
    below: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                below.setdefault(int(fields[1]), []).append(int(entry.name))
                ticks[int(entry.name)] = int(fields[11]) + int(fields[12])
    todo, total = [pid], 0
    while todo:
        one = todo.pop()
        todo += below.get(one, [])
        total += ticks.get(one, 0)
    return total / os.sysconf("SC_CLK_TCK")


def _suite(
    options: argparse.Namespace,
    place: Path,
    target: Mapping[str, Any],
    count: int,
    phases: Sequence[str],
) -> dict[str, Any]:
    told, out = place / "target.json", place / "out.json"
    told.write_text(json.dumps([target]))
    peer = not str(target["name"]).startswith("Foedus")
    budget = options.peer_budget if peer else 900.0
    subprocess.run(
        [sys.executable, str(options.suite / "taxii_bench.py"), "--targets", str(told),
         "--json", str(out), "--objects", str(count), "--phase", *phases,
         "--ingest-budget", str(budget), "--budget", "60",
         "--repeat", str(options.repeat)],
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    results: list[dict[str, Any]] = json.loads(out.read_text())
    return results[0]


def table(rounds: Mapping[str, list[Run]]) -> None:
    """Print medians, spans and the ratios of the first server to the others."""
    ours, *peers = rounds
    head = f"{'':<42}" + "".join(f"{name:>34}" for name in rounds)
    print(head + "".join(f"{'x ' + name:>14}" for name in peers))
    for figure in rounds[ours][0]:
        cells, medians = [], []
        for runs in rounds.values():
            text, median = _cell(figure, [run[figure] for run in runs if figure in run])
            cells.append(text)
            medians.append(median)
        ratios = [f"{medians[0] / each:.1f}" if medians[0] and each else "" for each in medians[1:]]
        print(
            f"{figure:<42}"
            + "".join(f"{cell:>34}" for cell in cells)
            + "".join(f"{ratio:>14}" for ratio in ratios),
            flush=True,
        )


def _cell(figure: str, found: list[dict[str, Any]]) -> tuple[str, float | None]:
    if not found:
        return "", None
    if any("text" in each for each in found):
        return "; ".join(sorted({each.get("text", "")[:24] for each in found})), None
    if figure == "memory":
        return f"{max(each['mib'] for each in found):.0f} MiB", None
    if all("s" in each for each in found):
        values = [each["s"] for each in found]
        return f"{statistics.median(values):.3f} s", 1 / max(statistics.median(values), 1e-9)
    key = "obj_s" if figure.startswith("ingest") else "req_s"
    values = [each[key] for each in found]
    late = max(each["p99_ms"] for each in found)
    median = statistics.median(values)
    return f"{median:,.0f}/s ({min(values):,.0f} to {max(values):,.0f}) {late:.1f}ms", median


def ceilings(options: argparse.Namespace, folder: Path, count: int) -> None:
    """Print what the machine does with the same bytes and nothing around them."""
    folder.mkdir(parents=True)
    suite, generator = _module(options, "taxii_bench"), _module(options, "stix_gen")
    raws = [json.dumps(each).encode() for each in generator.indicators(count, seed=1)]
    print(f"bare fdatasync of 200 bytes: median {sync_ms(folder):.2f} ms; {_load()}")
    for unit in (100, POST):
        rate = rows_per_s(
            folder / f"bare{unit}.sqlite",
            "id TEXT, added INTEGER, raw BLOB",
            [(str(place), place, raw) for place, raw in enumerate(raws)],
            unit=unit,
        )
        print(f"bare SQLite, durable, {unit} rows a transaction: {rate:,.0f} objects/s")
    for limit in (100, POST):
        body = b'{"objects":[' + b",".join(raws[:limit]) + b"]}"
        with bare(body, folder / f"page{limit}") as url:
            client = suite.Client({"api_root": url})
            times = [client.call("GET", "")[0] for _ in range(300)]
            rate = len(times) / sum(times)
            print(f"bare HTTP server, pages of {limit}: {rate:,.0f} pages/s")


# --- one large collection


def large(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Fill one collection by several writers, then read pages from all over it."""
    suite, generator = _module(options, "taxii_bench"), _module(options, "stix_gen")
    server = foedus(tls=options.tls, processes=options.processes)
    place = folder / "large"
    place.mkdir()
    with server.start(place) as target:
        start = time.perf_counter()
        marks = _fill(suite, generator, target, options.large)
        took = time.perf_counter() - start
        print(f"\n{options.large:,} objects in one collection, {_load()}")
        rate = options.large / took
        print(f"filled by {WRITERS} writers in posts of {POST}: {rate:,.0f} objects/s")
        size = sum(each.stat().st_size for each in (place / "node").rglob("*") if each.is_file())
        figures = _read_all_over(suite, target, marks, options.repeat)
        for name, (middle, p95, late) in figures.items():
            print(f"{name:<44} p50 {middle:8.2f}  p95 {p95:8.2f}  p99 {late:8.2f} ms", flush=True)
        memory = suite.peak_rss(target["pid"])
        print(f"peak memory {memory:.0f} MiB; on disk {size / 1e6:,.0f} MB; {_load()}")
    return {"objects_s": rate, "mib": memory, "figures": figures}


def _fill(
    suite: ModuleType, generator: ModuleType, target: Mapping[str, Any], count: int
) -> list[tuple[str, str]]:
    """Post so many objects; return an id and a date of each ten thousand."""
    path = f"collections/{target['collection']}/objects/"
    marks: list[tuple[str, str]] = []
    seeds = iter(range(1, count // (POST * 10) + 1))
    lock = threading.Lock()

    def write() -> None:
        client = suite.Client(dict(target))
        while True:
            with lock:
                seed = next(seeds, None)
            if seed is None:
                return
            objects = generator.indicators(POST * 10, seed=seed + 10_000)
            last = ""
            for body, names in generator.envelopes(objects, POST):
                code = client.call("POST", path, body=body)[1]
                assert code == 202, code
                last = names[-1]
            manifest = client.call(
                "GET", f"collections/{target['collection']}/manifest/", {"match[id]": last}
            )[3]
            with lock:
                marks.append((last, json.loads(manifest)["objects"][0]["date_added"]))

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return marks


def _read_all_over(
    suite: ModuleType, target: Mapping[str, Any], marks: Sequence[tuple[str, str]], repeat: int
) -> dict[str, tuple[float, float, float]]:
    """Return p50, p95 and p99 of each kind of question, in ms."""
    client = suite.Client(dict(target))
    col = f"collections/{target['collection']}/"
    dice = random.Random(1)

    def mark() -> tuple[str, str]:
        return dice.choice(marks)

    questions: dict[str, Callable[[], tuple[str, dict[str, Any]]]] = {
        "first page of 1000": lambda: ("objects/", {"limit": 1000}),
        "page of 100 from anywhere": lambda: (
            "objects/", {"limit": 100, "added_after": mark()[1]}),
        "page of 1000 from anywhere": lambda: (
            "objects/", {"limit": 1000, "added_after": mark()[1]}),
        "manifest of 1000 from anywhere": lambda: (
            "manifest/", {"limit": 1000, "added_after": mark()[1]}),
        "match[type] 100 from anywhere": lambda: (
            "objects/", {"limit": 100, "match[type]": "indicator", "added_after": mark()[1]}),
        "match[type] none hit": lambda: ("objects/", {"match[type]": "campaign"}),
        "match[id] one": lambda: ("objects/", {"match[id]": mark()[0]}),
        "match[id] none hit": lambda: (
            "objects/", {"match[id]": "indicator--00000000-0000-4000-8000-000000000000"}),
        "match[version]=all 100 from anywhere": lambda: (
            "objects/", {"limit": 100, "match[version]": "all", "added_after": mark()[1]}),
        "match[version]=first 100": lambda: ("objects/", {"limit": 100, "match[version]": "first"}),
        "match[version] an instant none hit": lambda: (
            "objects/", {"match[version]": "1999-01-01T00:00:00Z"}),
        "match[spec_version]=2.0 none hit": lambda: ("objects/", {"match[spec_version]": "2.0"}),
        "added_after the end": lambda: ("objects/", {"added_after": "2090-01-01T00:00:00Z"}),
        "object by id": lambda: (f"objects/{mark()[0]}/", {}),
        "versions": lambda: (f"objects/{mark()[0]}/versions/", {}),
    }  # fmt: skip
    figures = {}
    for name, question in questions.items():
        times = sorted(_times(client, col, question, repeat))
        figures[name] = (
            statistics.median(times) * 1e3,
            times[int(0.95 * len(times))] * 1e3,
            times[min(len(times) - 1, int(0.99 * len(times)))] * 1e3,
        )
    return figures


def _times(
    client: Any, col: str, question: Callable[[], tuple[str, dict[str, Any]]], repeat: int
) -> Iterator[float]:
    for _ in range(repeat):
        path, params = question()
        took, code, _, body = client.call("GET", col + path, params or None)
        assert code == 200, (path, params, code, body[:200])
        yield took


def _module(options: argparse.Namespace, name: str) -> ModuleType:
    """Load a module of the suite."""
    if str(options.suite) not in sys.path:
        sys.path.insert(0, str(options.suite))  # its modules import each other by name
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ImportError(name)
    return importlib.import_module(name)


def _load() -> str:
    """Return the machine's load, which says how far absolute figures can be trusted."""
    one, five, fifteen = os.getloadavg()
    return f"load {one:.1f} {five:.1f} {fifteen:.1f}"


if __name__ == "__main__":
    main()
