"""``subject``: everything this node knows about a person, for the data-protection officer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table

if TYPE_CHECKING:
    from foedus.node.subject import Finding, SubjectReport

__all__ = ["finding_document", "report_text", "subject"]


@click.group()
def subject() -> None:
    """What is known here about one person."""


@subject.command("find")
@click.argument("values", nargs=-1, required=True)
@click.option("--purpose", default="", help="What the search is for (or --why).")
@click.option("--case", default="", help="The request or complaint that it answers.")
@pass_session
def find(session: Session, *, values: tuple[str, ...], purpose: str, case: str) -> int:
    """Find everything about the person of these VALUES: e-mail, phone, document number, names.

    Held, drafted, refused, restricted, given and received, matched, asked, consented to, blocked,
    exported, read, and in tools' collections. Needs the data-protection officer (role officer);
    the search is noted, without the values.
    """
    from foedus.node.shown_retention import subject_document  # noqa: PLC0415
    from foedus.node.subject import SubjectQuery, find_subject  # noqa: PLC0415

    query = SubjectQuery(values=values, purpose=purpose or session.why, case=case)
    report = find_subject(session.wired.node, session.actor, query)
    emit(
        session,
        subject_document(report),
        lambda: report_text(report),
    )
    return Exit.DONE if report.complete else Exit.PARTIAL


def finding_document(each: Finding) -> dict[str, Any]:
    """Return one finding as JSON."""
    from foedus.node.shown_retention import finding_document as document  # noqa: PLC0415

    return document(each)


def report_text(report: SubjectReport) -> str:
    """Return what was found, for people: source by source."""
    lines = [
        f"{len(report.items)} item versions here; this search is reading {report.number}.\n"
        + ("" if report.complete else "More was found than is listed: search for less at a time.\n")
    ]
    silent = []
    for name, found in report.found.items():
        if not found:
            silent.append(name)
            continue
        rows = [
            (
                each.item,
                each.what,
                each.member,
                "" if each.at is None else f"{each.at:%Y-%m-%d}",
                _more(each),
            )
            for each in found
        ]
        columns = ("item", "what", "member", "when", "more")
        lines.append(f"\n{name}\n" + table(columns, rows))
    if silent:
        lines.append(f"\nNothing: {', '.join(silent)}.\n")
    return "".join(lines)


def _more(each: Finding) -> str:
    parts = []
    for name, value in each.details.items():
        if name in {"id", "version", "own"} or value in (None, "", [], 0):
            continue
        shown = ", ".join(value) if isinstance(value, list) else value
        day = f"{shown:%Y-%m-%d}" if hasattr(shown, "strftime") else str(shown)
        parts.append(f"{name.replace('_', ' ')} {day}")
    return "; ".join(parts)
