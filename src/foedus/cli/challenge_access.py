"""``challenge access``: a person asks to see what is held about it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.subject import finding_document, report_text
from foedus.node.law_words import day

__all__ = ["access"]


@click.group()
def access() -> None:
    """Requests of persons to see what is held: take in, search, answer in time."""


@access.command("open")
@click.argument("reference")
@click.option("--received", type=INSTANT, help="When the person turned to us; now if left out.")
@click.option("--value", "values", multiple=True, required=True, help="What the person gave.")
@click.option(
    "--words", type=click.File("r", encoding="utf-8"), help="File with what is written of the case."
)
@pass_session
def open_request(
    session: Session,
    *,
    reference: str,
    received: datetime | None,
    values: tuple[str, ...],
    words: Any,
) -> int:
    """Take in a request under the local case REFERENCE. Values are kept as HMACs."""
    from foedus.node.challenge_access import AccessIntake, open_access  # noqa: PLC0415
    from foedus.node.shown_challenges import access_document  # noqa: PLC0415

    node = session.wired.node
    row = open_access(
        node,
        session.actor,
        AccessIntake(
            reference=reference,
            received=received or node.clock.now(),
            values=values,
            words=words.read() if words is not None else "",
        ),
    )
    emit(
        session,
        access_document(row),
        lambda: f"Request {row.number}, {row.access.name}: answer by {day(row.access.due)}.\n",
    )
    return Exit.DONE


@access.command("list")
@click.option("--all", "every", is_flag=True, help="Those that ended too.")
@click.option("--after", default=0, help="Only requests with a higher number.")
@click.option("--limit", default=100, show_default=True, help="Rows at most.")
@pass_session
def list_all(session: Session, *, every: bool, after: int, limit: int) -> int:
    """List requests and by when each is answered."""
    from foedus.node.challenge_access import list_accesses  # noqa: PLC0415
    from foedus.node.shown_challenges import access_document  # noqa: PLC0415

    with session.wired.node.database.read() as tx:
        rows = list_accesses(tx, session.actor, open_only=not every, after=after, limit=limit)
    emit(
        session,
        {"requests": [access_document(row) for row in rows]},
        lambda: (
            table(
                ("no.", "name", "reference", "state", "answer by"),
                [
                    (
                        row.number,
                        row.access.name,
                        row.access.reference,
                        row.state.value,
                        day(row.access.due),
                    )
                    for row in rows
                ],
            )
            if rows
            else "No requests.\n"
        ),
    )
    return Exit.DONE


@access.command("search")
@click.argument("number", type=int)
@click.argument("values", nargs=-1, required=True)
@pass_session
def search(session: Session, *, number: int, values: tuple[str, ...]) -> int:
    """Look for all that is held of the person of request NUMBER, by VALUES given at intake."""
    from foedus.node.challenge_access import search_access  # noqa: PLC0415
    from foedus.node.shown_challenges import access_document  # noqa: PLC0415

    found = search_access(session.wired.node, session.actor, number, values)
    report = found.report
    emit(
        session,
        {
            **access_document(found.row),
            "reading": report.number,
            "complete": report.complete,
            "found": {
                name: [finding_document(each) for each in of_it]
                for name, of_it in report.found.items()
            },
        },
        lambda: report_text(report),
    )
    return Exit.DONE


@access.command("answer")
@click.argument("number", type=int)
@pass_session
def answer(session: Session, *, number: int) -> int:
    """Record that the person of request NUMBER is answered."""
    from foedus.node.challenge_access import answer_access  # noqa: PLC0415
    from foedus.node.shown_challenges import access_document  # noqa: PLC0415

    row = answer_access(session.wired.node, session.actor, number)
    emit(session, access_document(row), lambda: f"Request {number} is {row.state.value}.\n")
    return Exit.DONE


@access.command("withdraw")
@click.argument("number", type=int)
@pass_session
def withdraw(session: Session, *, number: int) -> int:
    """Record that the person took request NUMBER back."""
    from foedus.node.challenge_access import withdraw_access  # noqa: PLC0415
    from foedus.node.shown_challenges import access_document  # noqa: PLC0415

    row = withdraw_access(session.wired.node, session.actor, number)
    emit(session, access_document(row), lambda: f"Request {number} is {row.state.value}.\n")
    return Exit.DONE


@access.command("letter")
@click.argument("number", type=int)
@click.option("--answer", "answered", is_flag=True, help="That of the answer, not of receipt.")
@click.option("--out", type=click.Path(path_type=Path), help="Write it to a file.")
@pass_session
def letter(session: Session, *, number: int, answered: bool, out: Path | None) -> int:
    """Write the letter to the person of request NUMBER: it says neither yes nor no."""
    from foedus.casework.challenge_letters import Letter  # noqa: PLC0415
    from foedus.node.challenge_access import access_letter  # noqa: PLC0415

    which = Letter.ACCESS_ANSWER if answered else Letter.ACCESS_RECEIPT
    text = access_letter(session.wired.node, session.actor, number, which)
    if out is not None:
        out.write_text(text, encoding="utf-8")
        say(f"written to {out}")
    shown = "" if out is not None else text
    emit(session, {"letter": text}, lambda: shown)
    return Exit.DONE


@access.command("forget")
@click.argument("number", type=int)
@pass_session
def forget(session: Session, *, number: int) -> int:
    """Erase for good what was written of request NUMBER once it has ended."""
    from foedus.node.challenge_access import forget_access  # noqa: PLC0415

    clean = forget_access(session.wired.node, session.actor, number)
    if not clean:
        say("another process kept a file from being overwritten: run this again")
    emit(
        session,
        {"request": number, "lingering": not clean},
        lambda: f"What was written of request {number} is erased.\n",
    )
    return Exit.DONE if clean else Exit.PARTIAL
