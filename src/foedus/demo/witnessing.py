"""The witnessing: each log is cosigned by the others until a quorum stands behind all of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from foedus.demo.node_process import NodeProcess
from foedus.demo.outcome import Witnessed
from foedus.demo.run import Run

__all__ = ["policy_of", "witness"]

_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.5
_LATE: Final = 7


def witness(run: Run) -> None:
    """Wait until every member's log is covered by a quorum, and take each log's policy file."""
    for code, status in run.bloc.each(_covered).items():
        (treaty,) = status["treaties"]
        cosigned = [each for each in status["witnesses"] if each["size"] >= status["entries"]]
        run.outcome.witnessed.append(
            Witnessed(
                member=code,
                entries=status["entries"],
                covered=treaty["covered"],
                cosigned_by=len(cosigned),
                needed=treaty["needed"],
                witnesses=treaty["witnesses"],
                forks=len(status["forks"]),
            )
        )
        run.checks.equal(
            f"{code}: a quorum cosigned its whole log", treaty["covered"], status["entries"]
        )
        run.checks.equal(f"{code}: nobody's log is forked", status["forks"], [])
    run.bloc.each(lambda node: node.run("ledger", "policy", "-o", policy_of(run, node)))


def policy_of(run: Run, node: NodeProcess) -> str:
    """Return where the policy file for a member's log is kept."""
    return str(run.bloc.folder / f"policy-{node.member.code}.txt")


def _covered(node: NodeProcess) -> Mapping[str, Any]:
    """Return where a node's log stands once all of it is covered, or at the end of patience."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        status = node.run("ledger", "status", accept=(0, _LATE)).document
        covered = all(each["covered"] >= status["entries"] for each in status["treaties"])
        if covered or time.monotonic() > until:
            return status
        time.sleep(_POLL_S)
