"""Draw ``docs/growth/growth.svg`` from the CSV beside it; needs matplotlib (dependency group plot).

A full mark is a size whose costs were measured in a real bloc; a hollow one is a size to which
those costs were extended. Lag is simulated at every size.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

PLACE = Path(__file__).parents[1] / "docs" / "growth"
COLOURS = {"each gives": "#0b5394", "all together give": "#b45f06"}
KINDS = ("follow", "whole", "heads", "cosign")


def main() -> None:
    mpl.rcParams["svg.hashsalt"] = "foedus"
    mpl.rcParams["font.size"] = 9
    with (PLACE / "simulated.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_scenario = defaultdict(list)
    for row in rows:
        by_scenario[row["scenario"]].append(row)
    figure, axes = plt.subplots(2, 2, figsize=(9, 7), constrained_layout=True)
    panels = (
        (axes[0][0], "requests per second, one node, in and out", "requests"),
        (axes[0][1], "bytes per second, one node, in and out", "bytes"),
        (axes[1][0], "processor cores one node needs (1 is all it has here)", "cores"),
        (axes[1][1], "lag, p99 in seconds: from disclosed to verified and held", "lag"),
    )
    for panel, title, what in panels:
        for scenario, found in by_scenario.items():
            who, _, how = scenario.partition(", ")
            xs = [int(each["members"]) for each in found]
            ys = [figure_of(each, what) for each in found]
            line = panel.plot(
                xs, ys, color=COLOURS[who], linestyle="-" if how == "as built" else ":",
                label=scenario,
            )[0]  # fmt: skip
            for x, y, each in zip(xs, ys, found, strict=True):
                real = each["real_costs"] == "yes"
                panel.plot(
                    x, y, marker="o", markersize=4, color=line.get_color(),
                    fillstyle="full" if real else "none",
                )  # fmt: skip
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("members")
        panel.grid(visible=True, alpha=0.3)
        if what in {"bytes", "lag", "requests"}:
            panel.set_yscale("log")
    axes[0][0].legend(fontsize=7)
    figure.savefig(PLACE / "growth.svg", metadata={"Date": None})


def figure_of(row: dict[str, str], what: str) -> float:
    if what == "cores":
        return float(row["cores_needed"])
    if what == "lag":
        return float(row["lag_p99_s"])
    total = sum(float(row[f"{kind}_{what}_s"]) for kind in KINDS)
    return total + (float(row["wait_requests_s"]) if what == "requests" else 0.0)


if __name__ == "__main__":
    main()
