"""What happened, for an analyst or a diplomat to read: plain tables, marked as an exercise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from foedus.demo.governed import asked, ordered, remains
from foedus.demo.grid import grid as _grid
from foedus.demo.members import FIRST, MEMBERS, OTHERS
from foedus.demo.outcome import Cell, Given, Outcome, Previewed
from foedus.demo.plan import PURPOSE
from foedus.demo.wording import (
    cell_style,
    cell_words,
    kinds_words,
    reason_words,
    redaction_words,
)

__all__ = ["picture", "show"]

_WIDTH: Final = 118
"""Columns when standard output is no terminal."""

_NARROW: Final = 100
"""Columns below which the preview has no column for each member."""

_SHOWN_REFUSALS: Final = 10

_NAMES: Final = {member.code: member.name for member in MEMBERS}


def show(outcome: Outcome, console: Console | None = None) -> None:
    """Print what happened on standard output."""
    target = console or Console(highlight=False)
    if console is None and not target.is_terminal:
        target = Console(highlight=False, width=_WIDTH)
    for part in picture(outcome, width=target.width):
        target.print(part)


def picture(outcome: Outcome, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the picture that a run got to, in the order of the story.

    Args:
        outcome: What happened.
        width: Columns there are.
    """
    narrow = width < _NARROW
    yield _head(outcome)
    if outcome.entered:
        yield from _part(
            f"What {FIRST.name} ({FIRST.code}) entered", _entered(outcome, narrow=narrow)
        )
        yield from _notes(_refused(outcome))
    if outcome.previewed:
        yield from _part(
            f"Who would see it? {FIRST.code}'s preview, for {PURPOSE}: verdict · article",
            _matrix(outcome.previewed, narrow=narrow),
        )
        yield from _notes(_why_not(outcome.previewed))
    if outcome.supposed:
        yield from _part(
            "What if? Supposed without the reservation; nothing was written", _supposed(outcome)
        )
    if outcome.given:
        yield from _part("What each member was given, and what became of it", _given(outcome))
        yield from _notes(_withheld(outcome.given))
        yield from _notes(
            [
                Text.assemble(
                    ("hits", "dim"),
                    "  values a member holds from inquiries of its own: each is a question for a "
                    "person, never a decision",
                )
            ]
        )
    if outcome.passed_on or outcome.feedback:
        yield from _part("What came back", _back(outcome))
    if outcome.requests:
        yield from _part("What was asked after a hit, and answered", asked(outcome))
    if outcome.carried:
        yield from _part(
            f"What was given stays governed: {FIRST.code}'s orders, member by member",
            ordered(outcome),
        )
        yield from _notes(remains(outcome))
    if outcome.evidence:
        yield from _part("What can be proved", _evidence(outcome))
        yield from _notes(_proofs(outcome))
    yield from _part("How long it took", _times(outcome))
    yield _verdict(outcome)


def _head(outcome: Outcome) -> RenderableType:
    lines = [
        Text("Six sovereign nodes, one treaty, no hub.", style="bold"),
        Text(
            "Invented: members, treaty, persons, accounts, addresses."
            if outcome.shipped
            else "Members and treaty are invented. The files are yours, and stay on this machine."
        ),
        Text("Real: every act, done by the ordinary command line on six separate nodes."),
    ]
    if outcome.treaty is not None:
        since = outcome.treaty.since[:16].replace("T", " ")
        lines.append(Text(""))
        lines.append(Text(outcome.treaty.title, style="italic"))
        lines.append(Text(f"in force for all six since {since} UTC; text {outcome.treaty.id[:12]}"))
        lines.extend(
            Text(
                f"{member.name} ({member.code}) reserves Article {', '.join(member.reserves)}: "
                f"{member.reservation}"
            )
            for member in MEMBERS
            if outcome.treaty.reserved.get(member.code)
        )
    return Panel(
        Group(*lines), title="[bold reverse] EXERCISE [/]  Foedus", title_align="left", padding=1
    )


def _part(title: str, body: RenderableType) -> Iterator[RenderableType]:
    yield Text(f"\n{title}", style="bold")
    yield body


def _notes(lines: Sequence[Text]) -> Iterator[RenderableType]:
    for line in lines:
        yield Padding(line, (0, 0, 0, 2))


def _entered(outcome: Outcome, *, narrow: bool) -> Table:
    numbers = ("read", "refused", "items", "personal")
    rows = [each for each in outcome.entered if each.member == FIRST.code]
    remarks = not narrow and any(each.remark for each in rows)
    grid = _grid(
        "file", "on", *numbers, *(["what its terms bring about"] if remarks else []), right=numbers
    )
    for each in rows:
        grid.add_row(
            Text(each.name),
            each.offence,
            str(each.read),
            str(len(each.refused)),
            str(each.items),
            str(each.personal),
            *([Text(each.remark, style="dim")] if remarks else []),
        )
    return grid


def _refused(outcome: Outcome) -> list[Text]:
    """Say what intake refused, and why: a file whole, or a place in a file."""
    files = [Text.assemble(("refused", "red"), f"  {each}") for each in outcome.refused_files]
    places = [
        Text.assemble(("refused", "red"), f"  {each.name}, {refused}")
        for each in outcome.entered
        if each.member == FIRST.code
        for refused in each.refused
    ]
    more = len(places) - _SHOWN_REFUSALS
    rest = [Text(f"… and {more} more; `--json` lists all")] if more > 0 else []
    return files + places[:_SHOWN_REFUSALS] + rest


def _matrix(previewed: Sequence[Previewed], *, narrow: bool) -> Table:
    """One row for all items of a file that fare alike with every member.

    Where there is little room, members that fare alike with everything share a column.
    """
    columns = [[member.code] for member in OTHERS]
    if narrow:
        columns = _faring_alike(previewed)
    grid = _grid("items", *(" ".join(codes) for codes in columns))
    alike: dict[tuple[str, tuple[tuple[str, str], ...]], list[Previewed]] = {}
    for row in previewed:
        fares = tuple((row.cells[one].verdict, row.cells[one].article) for one, *_ in columns)
        alike.setdefault((row.source, fares), []).append(row)
    before = ""
    for (source, _), rows in alike.items():
        if source != before:
            grid.add_row(Text(source, style="underline"))
        before = source
        grid.add_row(
            Padding(Text(_what(rows)), (0, 0, 0, 2)),
            *(_cell(rows[0].cells[one]) for one, *_ in columns),
        )
    return grid


def _faring_alike(previewed: Sequence[Previewed]) -> list[list[str]]:
    """Return the members in groups for which every decision is the same."""
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for member in OTHERS:
        cells = (row.cells[member.code] for row in previewed)
        groups.setdefault(tuple((each.verdict, each.article) for each in cells), []).append(
            member.code
        )
    return list(groups.values())


def _what(rows: Sequence[Previewed]) -> str:
    return kinds_words(row.type for row in rows)


def _cell(cell: Cell) -> Text:
    return Text(cell_words(cell), style=cell_style(cell), no_wrap=True)


def _why_not(previewed: Sequence[Previewed]) -> list[Text]:
    """Say once what each redaction removes and why each refusal is one."""
    removed: dict[str, set[str]] = {}
    against: dict[tuple[str, str], set[str]] = {}
    for row in previewed:
        for code, cell in row.cells.items():
            if cell.verdict == "permit-redacted":
                removed.setdefault(cell.article, set()).update(cell.redact)
            elif cell.why:
                why = reason_words(cell.verdict, cell.why)
                against.setdefault((cell.verdict, why), set()).add(code)
    lines = [
        Text.assemble(
            ("in part", "yellow"), f"  Article {article} removes {redaction_words(sorted(what))}"
        )
        for article, what in sorted(removed.items(), key=lambda each: int(each[0]))
    ]
    for (verdict, why), members in sorted(against.items()):
        cell = Cell(verdict=verdict, article="", why="")
        lines.append(
            Text.assemble((cell_words(cell), cell_style(cell)), f"  {_named(members)}: {why}")
        )
    return lines


def _named(codes: set[str]) -> str:
    everyone = {member.code for member in OTHERS}
    return "every member" if codes == everyone else ", ".join(sorted(codes))


def _given(outcome: Outcome) -> Table:
    numbers = ("asked", "given", "withheld", "accepted", "redacted", "refused", "hits")
    grid = _grid("member", *numbers, "its sighting", right=numbers)
    received = {each.member: each for each in outcome.received}
    feedback = {each.member: each for each in outcome.feedback}
    for each in outcome.given:
        took = received.get(each.member)
        said = feedback.get(each.member)
        sighting = Text("")
        if said is not None and said.given:
            sighting = Text(f"went back, Article {said.article}", style="green")
        elif said is not None and said.selector:
            sighting = Text(reason_words("denied", said.reason), style="red")
        grid.add_row(
            f"{each.member} {_NAMES[each.member]}",
            str(each.asked),
            str(each.given),
            str(each.kept),
            *(
                ("", "", "", "")
                if took is None
                else (
                    str(took.accepted),
                    str(took.redacted),
                    str(took.quarantined),
                    str(took.hits),
                )
            ),
            sighting,
        )
    return grid


def _withheld(given: Sequence[Given]) -> list[Text]:
    found: dict[tuple[str, int], set[str]] = {}
    for each in given:
        for code, reason, number in each.withheld:
            found.setdefault((reason_words(code, reason), number), set()).add(each.member)
    return [
        Text.assemble(("withheld", "red"), f"  {number} from {_named(members)}: {why}")
        for (why, number), members in sorted(found.items(), key=lambda each: -each[0][1])
    ]


def _supposed(outcome: Outcome) -> Table:
    numbers = ("sees now", "would see")
    grid = _grid("who gives, who gets", *numbers, "what the reservation keeps back", right=numbers)
    for each in outcome.supposed:
        grid.add_row(
            f"{each.giver} → {each.recipient}",
            str(each.sees_now),
            str(each.sees_then),
            Text(
                f"{each.gains} items: {each.why_now}"
                if each.gains
                else f"nothing: no item here relies on Article {each.article}",
                style="dim",
            ),
        )
    return grid


def _back(outcome: Outcome) -> Table:
    grid = _grid("who", "what", "how it ended")
    for each in outcome.passed_on:
        grid.add_row(
            each.member,
            Text(f"asks: may we pass “{each.title or each.item}” on to {each.to}?"),
            Text(f"not yet: {each.why}" if each.verdict == "needs-consent" else each.why, "cyan"),
        )
    for said in outcome.feedback:
        if not said.selector:
            grid.add_row(said.member, Text(said.reason, style="dim"), "")
            continue
        seen = [one for one in outcome.seen if one.member == said.member]
        ended = Text(f"stays at {said.member}: {reason_words('denied', said.reason)}", style="red")
        if said.given:
            ended = Text(
                f"{FIRST.code} sees it beside its own {seen[0].item}" if seen else "given",
                style="green",
            )
        grid.add_row(said.member, Text(f"has {said.selector} too, and says so"), ended)
    return grid


def _evidence(outcome: Outcome) -> Table:
    numbers = ("receipts", "verified", "lanes", "agreed", "log entries")
    grid = _grid(
        "member",
        *numbers,
        "cosigned by",
        "audited root of its log",
        right=(*numbers, "cosigned by"),
    )
    witnessed = {each.member: each for each in outcome.witnessed}
    for each in outcome.evidence:
        seen = witnessed.get(each.member)
        grid.add_row(
            f"{each.member} {_NAMES[each.member]}",
            str(each.receipts),
            str(each.verified),
            str(each.lanes),
            str(each.agreed),
            str(each.log_entries),
            "" if seen is None else f"{seen.cosigned_by} of {seen.witnesses}",
            Text(f"{each.root[:16]}…", style="dim"),
        )
    return grid


def _proofs(outcome: Outcome) -> list[Text]:
    lines = [
        Text(
            "A receipt proves offline, with the keys of the sender and of its witnesses alone, "
            "what was given to whom under which article. A lane agrees when its recipient signed "
            "the same count and digest."
        )
    ]
    if outcome.witnessed:
        first = outcome.witnessed[0]
        lines.append(
            Text(
                f"Each log was cosigned by at least {first.needed} of {first.witnesses} other "
                "members: no other history of it can be shown to anybody unnoticed."
            )
        )
    if outcome.dossier:
        lines.append(
            Text(f"The dossier on one item, for a court: {outcome.dossier} files, all verified.")
        )
    if outcome.tampered:
        lines.append(
            Text(
                f"One receipt was rewritten to name {OTHERS[1].code} instead of {OTHERS[0].code}, "
                f"and refused: {outcome.tampered}."
            )
        )
    return lines


def _times(outcome: Outcome) -> Table:
    numbers = ("seconds", "checks")
    grid = _grid("step", *numbers, "", right=numbers)
    for step in outcome.steps:
        grid.add_row(
            step.title,
            f"{step.seconds:.1f}",
            str(step.checks),
            Text("; ".join(step.failures) or "held", style="red" if step.failures else "green"),
        )
    return grid


def _verdict(outcome: Outcome) -> RenderableType:
    if outcome.failures:
        lines = [Text("NOT every step held.", style="bold red")]
        lines.extend(Text(each) for each in outcome.failures)
        return Panel(Group(*lines), border_style="red")
    return Panel(
        Text(
            f"Every step held: {outcome.checks} checks in {outcome.seconds:.0f} seconds. EXERCISE.",
            style="bold green",
        ),
        border_style="green",
    )
