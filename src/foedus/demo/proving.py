"""The proving: receipts verified by another process, figures that agree, logs read again whole."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foedus.demo.bloc import at_once
from foedus.demo.members import FIRST, OTHERS
from foedus.demo.node_process import NodeProcess, run_foedus
from foedus.demo.outcome import Evidence
from foedus.demo.run import Run
from foedus.demo.witnessing import policy_of

__all__ = ["prove", "reconcile", "rewritten"]

_NOT_PROVED: Final = 4
_FILES_AT_ONCE: Final = 500
"""Receipts named on one command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proved:
    made: int
    proved: Sequence[Mapping[str, Any]]


def prove(run: Run) -> None:
    """Each member that gave anything makes receipts; a process without any node verifies them."""
    _make_receipts(run)
    proved = run.bloc.each(lambda node: _proved_by(run, node))
    for code, each in proved.items():
        holding = [row for row in each.proved if row["holds"]]
        run.checks.equal(f"every receipt of {code} holds", len(holding), each.made)
        run.checks.equal(
            f"every receipt of {code} is its own statement",
            {row["record"]["sender"] for row in holding} | {code},
            {code},
        )
        run.receipts[code] = (each.made, len(holding))
    shown = Counter(row["record"]["recipient"] for row in proved[FIRST.code].proved)
    for given in run.outcome.given:
        run.checks.equal(
            f"there is a receipt for each item given to {given.member}, and not recalled",
            shown[given.member],
            given.given + run.given_later[given.member],
        )
    _tamper(run)
    _compile_dossier(run)


def _make_receipts(run: Run) -> None:
    """Have receipts made for everything that anybody disclosed."""

    def make(job: tuple[NodeProcess, str]) -> None:
        node, reference = job
        # What reached nobody has no receipt; the command says so, and that is no failure.
        node.run("receipt", reference, "-o", str(_folder(run, node)), accept=(0, 3))

    at_once(
        make,
        [(node, reference) for node in run.bloc.nodes for reference in _disclosed(run, node)],
    )


def _folder(run: Run, node: NodeProcess) -> Path:
    return run.bloc.folder / "receipts" / node.member.code


def _proved_by(run: Run, node: NodeProcess) -> _Proved:
    files = sorted(_folder(run, node).glob("*.tlog-proof"))
    rows: list[Mapping[str, Any]] = []
    for start in range(0, len(files), _FILES_AT_ONCE):
        chunk = [str(file) for file in files[start : start + _FILES_AT_ONCE]]
        rows.extend(_verify(chunk, policy_of(run, node)).get("receipts", ()))
    return _Proved(made=len(files), proved=rows)


def _verify(files: Sequence[str], policy: str) -> Mapping[str, Any]:
    """Verify receipts with nothing but the policy: no node, no network."""
    return run_foedus(
        ["--json", "verify", *files, "--policy", policy], accept=(0, _NOT_PROVED)
    ).document


def _disclosed(run: Run, node: NodeProcess) -> list[str]:
    code = node.member.code
    later = [reference for member, reference in run.disclosed_later if member == code]
    if code == FIRST.code:
        return [each.source for each in run.outcome.entered if each.member == code] + later
    sightings = [
        each.sighting for each in run.outcome.feedback if each.member == code and each.given
    ]
    return sightings + later


def _tamper(run: Run) -> None:
    """A receipt rewritten to say that another member was given the item must not hold."""
    folder = run.bloc.folder / "receipts"
    told, other = OTHERS[0].code, OTHERS[1].code
    for file in sorted((folder / FIRST.code).glob(f"*-{told}-*.tlog-proof"))[:1]:
        changed = folder / f"rewritten-{file.name}"
        changed.write_bytes(rewritten(file.read_bytes(), recipient=told, other=other))
        (row,) = _verify([str(changed)], policy_of(run, run.bloc.first))["receipts"]
        run.checks.that("a receipt that was rewritten does not hold", holds=not row["holds"])
        run.outcome.tampered = row.get("why", "")


def rewritten(receipt: bytes, *, recipient: str, other: str) -> bytes:
    """Return a receipt whose record names another recipient, in every other way as it was.

    Spec: C2SP tlog-proof: the second line carries the extra data in base64; the record stands in
    it as JSON within JSON.
    """
    head, extra, rest = receipt.split(b"\n", 2)
    label, _, encoded = extra.partition(b" ")
    said, says = (rf"\"recipient\":\"{name}\"".encode() for name in (recipient, other))
    changed = base64.b64encode(base64.b64decode(encoded).replace(said, says))
    return b"\n".join((head, label + b" " + changed, rest))


def _compile_dossier(run: Run) -> None:
    """Everything about one item in one folder, verified with the policy alone."""
    node = run.bloc.first
    item = next(each.id for each in run.outcome.previewed if each.type == "indicator")
    folder = run.bloc.folder / "dossier"
    node.run("evidence", item, "-o", str(folder))
    rows = _verify([str(folder)], policy_of(run, node))["receipts"]
    failed = [row for row in rows if not row["holds"]]
    run.checks.that("the dossier on one item holds", holds=bool(rows) and not failed, found=failed)
    run.outcome.dossier = sum(each.is_file() for each in folder.rglob("*"))


def reconcile(run: Run) -> None:
    """The figures of each node agree in themselves and with the others'; each log is audited."""

    def look(node: NodeProcess) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        figures = node.run("figures", accept=(0, 7)).document
        return figures, node.run("ledger", "audit").document

    looked = run.bloc.each(look)
    for code, (figures, audit) in looked.items():
        agreed = [lane for lane in figures["lanes"] if lane["agreed"]]
        made, verified = run.receipts[code]
        each = Evidence(
            member=code,
            receipts=made,
            verified=verified,
            lanes=len(figures["lanes"]),
            agreed=len(agreed),
            log_entries=audit["size"],
            root=audit["root"],
            balanced=not figures["unbalanced"],
        )
        run.outcome.evidence.append(each)
        run.checks.that(
            f"{code}: all that was read is accounted for",
            holds=each.balanced,
            found=figures["unbalanced"],
        )
        run.checks.equal(
            f"{code}: every recipient signed the same count and digest", each.agreed, each.lanes
        )
        run.checks.equal(
            f"{code}: the audited log has every entry", each.log_entries, figures["log_entries"]
        )
    _check_both_ends(run, {code: figures for code, (figures, _) in looked.items()})


def _check_both_ends(run: Run, figures: Mapping[str, Mapping[str, Any]]) -> None:
    """What one node counts as given, the other counts as received."""
    for giver, its in figures.items():
        for lane in its["lanes"]:
            theirs = figures[lane["to"]]["received"]
            taken = sum(
                number
                for row in theirs
                if (row["from"], row["lane"]) == (giver, lane["lane"])
                for code, number in row["outcomes"].items()
                if code != "disclosure"
            )
            if taken != lane["items"]:
                run.checks.equal(
                    f"{lane['to']} received what {giver} gave ({lane['lane']})",
                    taken,
                    lane["items"],
                )
        run.checks.that(f"{giver}: the other ends were compared", holds=True)
