"""The part of the picture on what was given: requests, orders, what is left after a recall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.table import Table
from rich.text import Text

from foedus.clock import parse_instant
from foedus.demo.grid import grid
from foedus.demo.members import FIRST, MEMBERS
from foedus.demo.outcome import Carried, Outcome, Trace
from foedus.demo.plan import RECALLED

__all__ = ["asked", "ordered", "remains"]

_NAMES: Final = {member.code: member.name for member in MEMBERS}


def asked(outcome: Outcome) -> Table:
    """Return each request with its clock, its answer and its grade."""
    made = grid("who asks whom", "what", "by when", "how it ended")
    for each in outcome.requests:
        due = parse_instant(each.due)
        made.add_row(
            f"{each.member} → {each.to}",
            Text(
                f"{each.about}, after a hit; drafted by {each.drafted_by}, approved by "
                f"{each.approved_by}"
            ),
            Text(f"{each.urgency}: {due:%d %b %H:%M}"),
            Text(
                f"answered with {each.answer} under Article {each.answered_under}, approved by "
                f"{each.answer_approved_by}; {each.state}, of use {each.useful} of 5: "
                f"{each.feedback}",
                style="green" if each.state == "closed" else "red",
            ),
        )
    return made


def ordered(outcome: Outcome) -> Table:
    """Return the status matrix: order by member, with the instant of each step."""
    made = grid("order", "member", "ordered", "received", "executed", "attested", "due", "late")
    labels: Iterator[Text] = iter(())
    before = ""
    for each in outcome.carried:
        if each.order != before:
            labels = iter((Text(each.order), Text(each.action), Text(each.what, style="dim")))
        before = each.order
        made.add_row(
            next(labels, ""),
            f"{each.member} {_NAMES[each.member]}",
            *(_time(at) for at in (each.ordered, each.received, each.executed, each.attested)),
            _due(each),
            _late(each),
        )
    return made


def _time(instant: str) -> Text:
    return Text(f"{parse_instant(instant):%H:%M:%S}" if instant else "-", no_wrap=True)


def _due(each: Carried) -> Text:
    due, given = parse_instant(each.due), parse_instant(each.ordered)
    return Text(f"{due:%H:%M:%S}" if due.date() == given.date() else f"{due:%d %b}", no_wrap=True)


def _late(each: Carried) -> Text:
    words = [f"{each.late_s:.0f} s"] if each.late_s else []
    words += [f"breach {each.breach}"] if each.breach else []
    words += ["was down"] if each.was_down else []
    return Text(", ".join(words) or "no", style="red" if each.breach else "green")


def remains(outcome: Outcome) -> list[Text]:
    """Say what is left of the recalled item, and what became of an attempt to bring it back."""
    lines = [
        Text.assemble(
            ("breach", "red"),
            f"  {each.member} carried out {each.order} after it was due. It stays on record; only "
            "an officer who did not give the order closes it, with a reason in the log",
        )
        for each in outcome.carried
        if each.breach
    ]
    lines += [
        Text.assemble(
            ("down", "cyan"),
            f"  the server of {each.member} was stopped when {each.order} was given; it caught up "
            "when it came back",
        )
        for each in outcome.carried
        if each.was_down
    ]
    if outcome.traces:
        lines += _left(outcome.traces)
    if outcome.brought_back:
        lines.append(
            Text.assemble(
                ("refused", "red"),
                f"  entering the old file again at {FIRST.code}: {'; '.join(outcome.brought_back)}",
            )
        )
    return lines


def _left(traces: list[Trace]) -> list[Text]:
    clean = [each for each in traces if not each.value]
    size = sum(each.bytes for each in traces) / 1_000_000
    lines = [
        Text.assemble(
            ("gone", "green"),
            f"  {RECALLED} was looked for by search, among hits and in all "
            f"{sum(each.files for each in traces)} files of the six nodes ({size:.0f} MB): nothing "
            f"of it is left at {', '.join(each.member for each in clean) or 'any'}; the id of what "
            "was recalled stands in the order and nowhere else",
        )
    ]
    lines += [
        Text.assemble(
            ("stays", "yellow"),
            f"  {each.member} has the same number from an inquiry of its own: that item stays, and "
            f"so does the number in it ({each.value} places in its files)",
        )
        for each in traces
        if each.value
    ]
    return lines
