"""``duties``: deadlines that releases set: who owes what, by when."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table
from foedus.clock import instant_text
from foedus.node.law_words import day

if TYPE_CHECKING:
    from foedus.node.ports import DutyRow

__all__ = ["duties"]


@click.group(invoke_without_command=True)
@click.option("--overdue", is_flag=True, help="Only what should be done already.")
@click.option("--limit", default=100, show_default=True, help="Rows at most.")
@click.pass_context
def duties(ctx: click.Context, *, overdue: bool, limit: int) -> int:
    """List what releases oblige us and others to, the nearest deadline first.

    Acknowledge by, review by, keep until. An acknowledgement ends by itself when the recipient's
    signed word arrives; a review with `foedus duties done`.
    """
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    from foedus.node.duties import in_words, list_duties  # noqa: PLC0415

    session = ctx.ensure_object(Session)
    node = session.wired.node
    now = node.clock.now()
    with node.database.read() as tx:
        found = list_duties(tx, now=now, overdue=overdue, limit=limit)
    rows = [
        (
            row.number,
            in_words(row.duty.kind, row.duty.side, row.duty.member),
            day(row.duty.due),
            "overdue" if row.duty.due <= now else "",
            row.duty.items,
            row.duty.article,
            row.duty.entry_index,
        )
        for row in found
    ]
    emit(
        session,
        {"duties": [_document(row, now) for row in found]},
        lambda: (
            table(("no.", "what", "by", "", "items", "article", "log entry"), rows)
            if rows
            else ("Nothing is overdue.\n" if overdue else "Nothing is owed.\n")
        ),
    )
    return Exit.DONE


def _document(row: DutyRow, now: datetime) -> dict[str, Any]:
    duty = row.duty
    return {
        "number": row.number,
        "kind": duty.kind.value,
        "side": duty.side.value,
        "member": duty.member,
        "treaty": duty.treaty,
        "article": duty.article,
        "items": duty.items,
        "log_entry": duty.entry_index,
        "released": instant_text(duty.at),
        "due": instant_text(duty.due),
        "overdue": row.done is None and duty.due <= now,
        "done": None if row.done is None else instant_text(row.done),
        "done_by": row.done_by,
        "reason": row.reason,
    }


@duties.command("done")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="What the review found.")
@pass_session
def duties_done(session: Session, *, number: int, reason: str) -> int:
    """Record that the release of duty NUMBER was reviewed. Needs a supervisor; it is logged."""
    from foedus.node.duties import finish_review  # noqa: PLC0415

    node = session.wired.node
    row = finish_review(node, session.actor, number, reason)
    emit(
        session,
        _document(row, node.clock.now()),
        lambda: f"The release to {row.duty.member} of {day(row.duty.at)} is reviewed.\n",
    )
    return Exit.DONE
