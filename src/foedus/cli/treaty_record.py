"""``treaty``: what is on record: instruments, timeline, conflicts, and a page to hand out."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.treaty_law import law_report_of, on_option

__all__ = ["conflicts", "export_law", "instruments", "timeline_of"]


@click.command("instruments")
@click.argument("treaty_ref", default="")
@click.option("--member", default="", help="Only those of this member.")
@pass_session
def instruments(session: Session, *, treaty_ref: str, member: str) -> int:
    """List every instrument about a treaty or about keys, and what the rules made of it."""
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.law_report import instrument_lines  # noqa: PLC0415
    from foedus.node.law_words import day  # noqa: PLC0415
    from foedus.treaty.timeline import timeline  # noqa: PLC0415

    node = session.wired.node
    only = member_id(member) if member else None
    with node.database.read() as tx:
        which = find_treaty(tx, node, treaty_ref)
        view = node.law.view(tx)
    events = timeline(view.treaty(which).treaty, view.instruments)
    lines = [
        line
        for line in instrument_lines(view, which, events)
        if only in {None, line.instrument.member}
    ]
    rows = [
        (
            line.instrument.member,
            line.instrument.serial,
            line.kind,
            line.says,
            day(line.instrument.issued),
            line.effect,
        )
        for line in lines
    ]
    for name, reason in view.refused:
        say(f"instrument {name} does not count: {reason}")
    emit(
        session,
        {
            "treaty": which,
            "instruments": [line.document() for line in lines],
            "refused": [{"instrument": name, "why": why} for name, why in view.refused],
        },
        lambda: table(("member", "no.", "kind", "says", "issued", "effect"), rows),
    )
    return Exit.DONE


@click.command("timeline")
@click.argument("treaty_ref", default="")
@pass_session
def timeline_of(session: Session, *, treaty_ref: str) -> int:
    """Tell the life of a treaty in order of time, with what is still to come."""
    from foedus.node.law_words import day, event_story  # noqa: PLC0415

    report = law_report_of(session, treaty_ref, None)
    known = {one.id: one for one in report.view.instruments}
    rows = [
        (day(each.at), "ahead" if each.at > report.at else "", event_story(each, known))
        for each in report.events
    ]
    emit(
        session,
        {"treaty": report.treaty.id, "timeline": report.document()["timeline"]},
        lambda: table(("when", "", "what"), rows),
    )
    return Exit.DONE


@click.command("conflicts")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File for the proofs.")
@pass_session
def conflicts(session: Session, *, output: Path | None) -> int:
    """Show numbers that a member used twice, each with its two signed instruments as the proof."""
    from foedus.node.law_report import conflict_proof  # noqa: PLC0415
    from foedus.node.law_words import day, kind_of  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        found = node.law.view(tx).instruments.conflicts
    document = {"conflicts": [conflict_proof(each) for each in found]}
    if output is not None:
        output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
    rows = [
        (each.member, each.serial, kind_of(one), day(one.issued), one.id)
        for each in found
        for one in each.instruments
    ]
    emit(
        session,
        document,
        lambda: (
            table(("member", "no.", "kind", "issued", "instrument"), rows)
            if rows
            else "No member used a number twice.\n"
        ),
    )
    return Exit.PARTIAL if found else Exit.DONE


@click.command("export")
@click.argument("treaty_ref", default="")
@click.option(
    "--format",
    "form",
    default="markdown",
    show_default=True,
    type=click.Choice(["json", "markdown", "html"]),
    help="html is one page to print, without anything from outside.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File; else standard output.")
@on_option
@pass_session
def export_law(
    session: Session, *, treaty_ref: str, form: str, output: Path | None, on: datetime | None
) -> int:
    """Write what binds whom as a page: members, pairs and articles, timeline, instruments."""
    from foedus.node.law_pages import html_page, markdown_page  # noqa: PLC0415

    report = law_report_of(session, treaty_ref, on)
    match form:
        case "html":
            page = html_page(report)
        case "markdown":
            page = markdown_page(report)
        case _:
            page = json.dumps(report.document(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(page, nl=False)
        return Exit.DONE
    output.write_text(page, encoding="utf-8")
    emit(
        session,
        {"treaty": report.treaty.id, "file": str(output), "format": form},
        lambda: f"Written to {output}.\n",
    )
    return Exit.DONE
