"""Every write, sync, rename, truncation, creation and removal that a node does, spoiled in turn.

A real node gives items, takes others in, pulls, publishes; one call of its process fails, is cut
short, or is the last thing that the process does. Then the directory is opened again and must be
consistent in itself, with everything told to the caller, and with every head ever shown; and work
must go on as if nothing had been. See ``docs/recovery.md`` for what each gap leaves.

What a kill leaves in the page cache is what the next process reads: a loss of power is tested where
the order of syncs is (``tests/unit/ledger``), on a disk that forgets what was not flushed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SHIM = Path(__file__).with_name("shim.c")
SEED = 20151215
SAMPLED = 8
"""Calls spoiled per kind of fault in the normal run."""

NEVER = 1_000_000_000


class Spoil(IntEnum):
    """As in ``shim.c``."""

    EIO = 1
    ENOSPC = 2
    SHORT = 3
    TORN = 4
    KILL_BEFORE = 5
    KILL_AFTER = 6
    STAYS_FULL = 7
    STAYS_BROKEN = 8


KILLS = frozenset({Spoil.KILL_BEFORE, Spoil.KILL_AFTER})


@dataclass
class Bench:
    """A worker process, a prepared pair of members, and how many calls a clean run makes."""

    process: subprocess.Popen[str]
    folder: Path
    calls: int = 0
    calls_to_recover: int = 0

    def order(self, do: str, folder: Path, **more: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, "folder": str(folder), **more}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def case(self, number: int, kind: int, *, do: str = "work") -> tuple[dict[str, Any], list[str]]:
        """Run one case on a copy; return how the work ended and every fault found."""
        copy = self.folder / "case"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / ("prepared" if do == "work" else "lost"), copy)
        worked = self.order(do, copy, n=number, kind=kind)
        examined = self.order("examine", copy, told=worked["told"])
        told = [*worked["told"], *examined["told"]]
        faults = [each["text"] for each in told if each["what"] in {"fault", "broken"}]
        if {"what": "examined"} not in examined["told"]:
            faults.append("what was left could not be examined to the end")
        return worked, faults


@pytest.fixture(scope="module", name="bench")
def _bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        pytest.skip("faults are injected by a preloaded library: needs Linux and a C compiler")
    folder = tmp_path_factory.mktemp("durability")
    library = folder / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SHIM, "-ldl"], check=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.durability.worker", library],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LD_PRELOAD": str(library)},
    )
    bench = Bench(process=process, folder=folder)
    try:
        prepared = bench.order("prepare", folder / "prepared")
        assert not prepared["failed"], prepared
        clean, faults = bench.case(NEVER, Spoil.EIO)
        assert not faults, faults
        assert {"what": "ended"} in clean["told"]
        bench.calls = clean["count"]
        lost = bench.order("prepare-lost", folder / "lost")
        assert not lost["failed"], lost
        clean, faults = bench.case(NEVER, Spoil.EIO, do="recover")
        assert not faults, faults
        assert {"what": "recovered", "finished": True, "why": ""} in clean["told"]
        bench.calls_to_recover = clean["count"]
        yield bench
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def test_what_a_node_does_to_its_files_is_seen(bench: Bench) -> None:
    """The shim would prove nothing if it saw only a part of it."""
    seen: set[str] = set()
    wanted = {"pwrite", "write", "rename", "create"}
    # At even distances first, then between them until each kind of call was met.
    step = max(1, bench.calls // 24)
    for number in (place for start in range(step) for place in range(start, bench.calls, step)):
        if number >= step and seen >= wanted and seen & {"fsync", "fdatasync"}:
            break
        copy = bench.folder / "case"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(bench.folder / "prepared", copy)
        seen.add(bench.order("work", copy, n=number, kind=Spoil.EIO)["call"].split()[0])
    assert bench.calls > 200
    assert seen >= wanted
    assert seen & {"fsync", "fdatasync"}


@pytest.mark.parametrize("kind", list(Spoil), ids=lambda kind: kind.name.lower())
def test_one_call_of_many_is_spoiled(bench: Bench, kind: Spoil) -> None:
    numbers = random.Random(SEED + kind).sample(range(bench.calls), SAMPLED)
    _sweep(bench, kind, numbers)


@pytest.mark.parametrize("kind", list(Spoil), ids=lambda kind: kind.name.lower())
def test_one_call_of_a_recovery_is_spoiled(bench: Bench, kind: Spoil) -> None:
    """A recovery that fails or is killed anywhere is simply begun again."""
    numbers = random.Random(SEED + kind).sample(range(bench.calls_to_recover), SAMPLED // 2)
    _sweep(bench, kind, numbers, do="recover")


@pytest.mark.soak
@pytest.mark.parametrize("kind", list(Spoil), ids=lambda kind: kind.name.lower())
def test_every_call_of_a_recovery_is_spoiled(bench: Bench, kind: Spoil) -> None:
    _sweep(bench, kind, range(bench.calls_to_recover + 20), do="recover")


@pytest.mark.soak
@pytest.mark.parametrize("kind", list(Spoil), ids=lambda kind: kind.name.lower())
def test_every_call_is_spoiled(bench: Bench, kind: Spoil) -> None:
    reached = _sweep(bench, kind, range(bench.calls + 40))
    assert reached >= bench.calls - 5, "a clean run makes the same calls, give or take a few"


def _sweep(bench: Bench, kind: Spoil, numbers: range | list[int], *, do: str = "work") -> int:
    """Spoil each of these calls; return how many were reached."""
    failed: dict[int, list[str]] = {}
    reached = 0
    for number in numbers:
        worked, faults = bench.case(number, kind, do=do)
        reached += worked["hit"]
        if worked["killed"] != (worked["hit"] and kind in KILLS):
            faults.append("the process ended in another way than it should")
        if faults:
            failed[number] = [worked["call"], *faults]
    assert not failed, json.dumps(failed, indent=1)
    return reached
