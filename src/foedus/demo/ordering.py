"""The ordering: what was given is corrected and recalled, and the first member watches it done.

At the recall one member's server is stopped, and one does not pull until its time has run out: the
first catches up when it is back, the second is on record as a breach for good.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from foedus.clock import instant_text, parse_instant
from foedus.demo.asking import OFFICER
from foedus.demo.members import FIRST, OTHERS
from foedus.demo.node_process import NodeProcess
from foedus.demo.outcome import Carried, Trace
from foedus.demo.plan import CORRECTION, RECALLED, TIP, terms_options
from foedus.demo.run import Run
from foedus.demo.traces import search_files

__all__ = ["DOWN", "LATE", "carried_out", "correct", "recall", "search_everywhere"]

DOWN: Final = "XF"
"""The member whose server is stopped when the recall is given."""

LATE: Final = "XE"
"""The member that does not pull until the recall is overdue."""

_HOLDER: Final = "XD"
"""The member that has the recalled number from an inquiry of its own, too."""

_ARTICLE: Final = "21"
_ROUNDS: Final = 2
_LEAST_S: Final = 12.0
"""How long holders have, in rounds as long as that of the correction, and at least."""

_REFUSED: Final = (0, 1, 7)
"""Exit codes of a file that was read, and of one that was refused in part or whole."""


def correct(run: Run) -> None:
    """A wrong statement is replaced at everyone who was given it."""
    first = run.bloc.first
    old = next(each for each in run.outcome.previewed if each.type == "infrastructure")
    (source,) = first.run("submit", str(CORRECTION)).document["sources"]
    entry = run.entry_of[old.id]
    first.run("vouch", source["source"], *terms_options(entry, now=run.now))
    (draft,) = (each for each in source["drafts"] if each["id"] == old.id)
    issued = first.run(
        *("orders", "issue", "correct", old.number, "--with", str(draft["number"])),
        *("--article", _ARTICLE, "--reason", "wrong"),
        user=OFFICER,
    ).document
    holders = [member.code for member in OTHERS]
    run.checks.equal("all that were given it are ordered", issued["holders"], holders)
    run.checks.equal("all of them get the new version", issued["not_given"], [])
    began = time.perf_counter()
    taken = run.bloc.each(_pull_and_show(old.id), run.bloc.others)
    run.round_s = time.perf_counter() - began
    for code, shown in taken.items():
        run.checks.that(
            f"{code} holds the corrected version and no other", holds=_corrected(shown), found=shown
        )
    run.disclosed_later.append((FIRST.code, source["source"]))
    run.given_later.update(issued["holders"])
    first.run("pull")
    (name,) = issued["orders"]
    rows = _matrix(run, name)
    run.outcome.carried.extend(carried_out(rows, action="correct", what=old.title))
    run.checks.equal("all five attested", {row["state"] for row in rows}, {"attested"})


def _pull_and_show(name: str) -> Any:
    def take(node: NodeProcess) -> Mapping[str, Any]:
        node.run("pull", FIRST.code)
        return node.run("show", name).document

    return take


def _corrected(shown: Mapping[str, Any]) -> bool:
    return "imitate a payment service" in str(shown) and "take card payments." not in str(shown)


def recall(run: Run) -> None:
    """A personal item is recalled from five members: three in time, one down, one late."""
    first, down, late = run.bloc.first, run.bloc[DOWN], run.bloc[LATE]
    tip = [each for each in run.outcome.previewed if each.source == TIP.name]
    _check_known_before(run)
    down.end()
    down.await_end()
    due = datetime.now(UTC) + timedelta(seconds=max(_LEAST_S, _ROUNDS * run.round_s))
    issued = first.run(
        *("orders", "issue", "recall", *(each.number for each in tip)),
        *("--article", _ARTICLE, "--reason", "wrong", "--erase", "--due", instant_text(due)),
        user=OFFICER,
    ).document
    run.checks.equal(
        "everyone that was given it is ordered",
        issued["holders"],
        [member.code for member in OTHERS],
    )
    run.checks.that("it is erased here", holds=issued["erased"] >= len(tip), found=issued)
    (name,) = issued["orders"]
    prompt = [node for node in run.bloc.others if node.member.code not in {DOWN, LATE}]
    run.bloc.each(lambda node: node.run("pull", FIRST.code), prompt)
    down.start()
    down.await_ready()
    down.run("pull", FIRST.code)
    first.run("pull", *(node.member.code for node in (*prompt, down)))
    _wait_until(due)
    late.run("pull", FIRST.code)
    first.run("pull", LATE)
    rows = _matrix(run, name)
    breaches = first.run("orders", "breaches").document["breaches"]
    run.outcome.carried.extend(
        carried_out(rows, action="recall", what=f"{TIP.name}: {RECALLED}", down=DOWN)
    )
    _check_recall(run, rows, breaches)
    for member in OTHERS:
        run.given_later[member.code] -= len(tip)


def _matrix(run: Run, name: str) -> Sequence[Mapping[str, Any]]:
    found = run.bloc.first.run("orders", "matrix", "--order", name, "--rows", "all").document
    rows: Sequence[Mapping[str, Any]] = found["rows"]
    return rows


def _wait_until(instant: datetime) -> None:
    while (left := (instant - datetime.now(UTC)).total_seconds()) > -1:
        time.sleep(max(0.05, min(left + 1, 1.0)))


def _check_recall(
    run: Run, rows: Sequence[Mapping[str, Any]], breaches: Sequence[Mapping[str, Any]]
) -> None:
    run.checks.equal("all five attested in the end", {row["state"] for row in rows}, {"attested"})
    on_time = {row["holder"] for row in rows if row["executed"] <= row["due"]}
    late = {each.member for each in run.outcome.carried if each.action == "recall" and each.breach}
    run.checks.that(f"{LATE} carried it out late", holds=LATE not in on_time)
    run.checks.equal(
        "who was late is on record as a breach, and nobody else is",
        {each["holder"] for each in breaches},
        {row["holder"] for row in rows} - on_time,
    )
    run.checks.equal("the matrix says the same", late, {each["holder"] for each in breaches})


def carried_out(
    rows: Sequence[Mapping[str, Any]], *, action: str, what: str, down: str = ""
) -> list[Carried]:
    """Return the rows of a status matrix.

    Args:
        rows: As ``foedus orders matrix`` prints them.
        action: What was ordered.
        what: What it concerned, in words.
        down: The member whose server was stopped when it was ordered.
    """
    return [
        Carried(
            order=row["order"],
            action=action,
            what=what,
            member=row["holder"],
            ordered=row["ordered"],
            received=row["received"] or "",
            executed=row["executed"] or "",
            attested=row["attested"] or "",
            due=row["due"],
            state=row["state"],
            late_s=_late(row),
            breach=row["breach"] or 0,
            was_down=row["holder"] == down,
        )
        for row in rows
    ]


def _late(row: Mapping[str, Any]) -> float:
    """Return by how many seconds an order was carried out after it was due; 0 if it was not."""
    if not row["executed"]:
        return 0.0
    over = parse_instant(row["executed"]) - parse_instant(row["due"])
    return max(0.0, round(over.total_seconds(), 1))


def search_everywhere(run: Run) -> None:
    """What was recalled is looked for: by search, among hits, in the bytes of every file."""
    names = [each.id for each in run.outcome.previewed if each.source == TIP.name]
    looked = run.bloc.each(_look)
    for node in run.bloc.nodes:
        code = node.member.code
        found, hits = looked[code]
        files = search_files([node.data], [RECALLED, *names])
        theirs = [item for item in found if item["originator"] == FIRST.code]
        trace = Trace(
            member=code,
            found=len(found),
            found_of_first=len(theirs),
            hits=hits,
            files=files.files,
            bytes=files.bytes,
            value=files.found[RECALLED],
            ids=sum(files.found[each] for each in names),
        )
        run.outcome.traces.append(trace)
        _check_trace(run, trace, named=len(names))
    again = run.bloc.first.run("submit", str(TIP), accept=_REFUSED).document
    (source,) = again["sources"]
    run.outcome.brought_back = sorted({each["reason"] for each in source["refused"]})
    run.checks.equal("nothing comes back from the old file", source["drafts"], [])
    run.checks.that(
        "and the reason is the recall",
        holds=any("recalled" in each for each in run.outcome.brought_back),
        found=run.outcome.brought_back,
    )


def _look(node: NodeProcess) -> tuple[Sequence[Mapping[str, Any]], int]:
    """Return what a search for the number finds, and how many hits are on it."""
    found: Sequence[Mapping[str, Any]] = node.run("search", RECALLED).document["items"]
    if node.member.code != _HOLDER:
        return found, 0
    hits = node.run("hits", "list", "--state", "all", "--limit", "1000").document["hits"]
    return found, sum(RECALLED in each["selector"] for each in hits)


def _check_trace(run: Run, trace: Trace, *, named: int) -> None:
    """Check what is left; ``named`` ids may stand once each, in the record of the order."""
    member, holds_own = trace.member, trace.member == _HOLDER
    run.checks.equal(f"{member}: no search finds the recalled item", trace.found_of_first, 0)
    run.checks.equal(f"{member}: no hit is left on it", trace.hits, 0)
    run.checks.equal(f"{member}: its own item of that number stays", trace.found, int(holds_own))
    if not holds_own:
        run.checks.equal(f"{member}: no file has the number any more", trace.value, 0)
        run.checks.that(
            f"{member}: the ids stand nowhere but in the order that named them",
            holds=trace.ids <= named,
            found=trace.ids,
        )


def _check_known_before(run: Run) -> None:
    for node in run.bloc.nodes:
        run.checks.that(
            f"before the recall the files of {node.member.code} have the number",
            holds=search_files([node.data], [RECALLED]).found[RECALLED] > 0,
        )
