"""Six nodes for half an hour under load, with kills, partitions and cuts: all agree in the end.

``FOEDUS_SOAK_SECONDS`` says for how long, 1 800 if unset; ``FOEDUS_SOAK_SEED`` repeats a run;
``FOEDUS_SOAK_POSTGRES`` says how many of the six keep their store in PostgreSQL, 1 if unset.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SETTLE_S = 300.0
ALARMS_S = 120.0


@pytest.mark.soak
def test_six_nodes_agree_after_kills_partitions_and_cuts(
    soak: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    from tests.federation.conftest import Bloc  # noqa: PLC0415  # loaded by the fixture

    seconds = float(os.environ.get("FOEDUS_SOAK_SECONDS", "1800"))
    seed = int(os.environ.get("FOEDUS_SOAK_SEED", str(time.time_ns() % 1_000_000)))
    on_postgres = int(os.environ.get("FOEDUS_SOAK_POSTGRES", "1"))
    databases = []
    if on_postgres:
        new_database: Callable[[], str] = request.getfixturevalue("new_database")
        databases = [new_database() for _ in range(on_postgres)]
    with capsys.disabled():
        print(f"\nsoak seed={seed} seconds={seconds:.0f} postgres={on_postgres}", flush=True)
    bloc = Bloc(folder=tmp_path)
    try:
        world = soak.SoakBloc.make(bloc, seed=seed, databases=databases)
    except BaseException:
        bloc.stop_all()
        raise
    try:
        cpu = world.cpu()
        lasted = world.run(seconds)
        world.heal()
        assert not world.faults, world.faults
        settled = world.settle(SETTLE_S)
        used = world.cpu() - cpu
        alarms = world.alarms(ALARMS_S)
        assert not alarms, alarms
        received = world.check_items()
        read = world.check_tools()
        for name in soak.MEMBERS:
            node = world.bloc[name]
            assert node.run("figures")["exit"] == 0
            assert node.run("ledger", "audit")["exit"] == 0
            assert node.run("quarantine")["quarantine"] == []
        figures = {
            "seed": seed,
            "seconds": round(lasted),
            "settled_s": round(settled, 1),
            "items_received": received,
            "items_received_per_s": round(received / lasted, 1),
            "server_cpu_s": round(used, 1),
            "server_cpu_ms_per_item": round(1_000 * used / max(1, received), 2),
            "tool_objects_read": read,
            "struck": dict(world.killed),
            "connections_cut": sum(each.cuts for each in world.proxies.values()),
            "refused": dict(world.refused),
        }
        with capsys.disabled():
            print(soak.report(figures), flush=True)
        assert received
        assert read
    finally:
        world.close()
