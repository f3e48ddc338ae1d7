"""``feedback``: say what is wrong or right with an item of another member, or take it back."""

from __future__ import annotations

from typing import Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table
from foedus.node.law_words import day

__all__ = ["feedback"]

_CHANGES: Final = click.Choice(["correct", "restrict", "recall", "terms"])


@click.group()
def feedback() -> None:
    """What we think of items that others gave us, and what others think of ours.

    Each command drafts an opinion or a note. It goes out like any item: `foedus vouch` says on what
    terms, and `foedus disclose --to ORIGINATOR` gives it under the treaty's article on feedback.
    """


_text = click.option("--text", default="", help="Why; it goes out with it.")


@feedback.command("false-positive")
@click.argument("reference")
@_text
@pass_session
def false_positive(session: Session, *, reference: str, text: str) -> int:
    """Say that the item REFERENCE stops or accuses what is lawful."""
    return _draft(session, reference, "false-positive", text)


@feedback.command("agree")
@click.argument("reference")
@_text
@pass_session
def agree(session: Session, *, reference: str, text: str) -> int:
    """Say that we have reason to think the item REFERENCE right."""
    return _draft(session, reference, "agree", text)


@feedback.command("disagree")
@click.argument("reference")
@_text
@pass_session
def disagree(session: Session, *, reference: str, text: str) -> int:
    """Say that we have reason to think the item REFERENCE wrong."""
    return _draft(session, reference, "disagree", text)


@feedback.command("propose")
@click.argument("reference")
@click.option("--change", required=True, type=_CHANGES, help="What the originator should do.")
@click.option("--text", required=True, help="What exactly, and why; it goes out with it.")
@pass_session
def propose(session: Session, *, reference: str, change: str, text: str) -> int:
    """Propose a change of the item REFERENCE to its originator, who alone can make it."""
    return _draft(session, reference, f"propose-{change}", text)


def _draft(session: Session, reference: str, stance: str, text: str) -> int:
    from foedus.casework.feedback import Stance  # noqa: PLC0415
    from foedus.node.feedback import draft  # noqa: PLC0415

    done = draft(session.wired.node, session.actor, reference, Stance(stance), text=text)
    name = str(done.item.number or done.item.key.object_id)
    what = "drafted" if done.new else "there already"
    emit(
        session,
        {
            "number": name,
            "id": done.item.key.object_id,
            "state": done.item.state.value,
            "stance": stance,
            "to": done.to,
            "new": done.new,
        },
        lambda: (
            f"{name} is {what}. Next: `foedus vouch {name} …`, then "
            f"`foedus disclose {name} --to {done.to} …`\n"
        ),
    )
    return Exit.DONE


@feedback.command("withdraw")
@click.argument("reference")
@click.option("--reason", required=True, help="Why; it is kept in the journal.")
@pass_session
def withdraw(session: Session, *, reference: str, reason: str) -> int:
    """Take our own opinion or note REFERENCE back.

    A draft is thrown away. What was vouched for is recalled by an order, which an officer gives:
    the command says how.
    """
    from foedus.node.feedback import withdraw_draft  # noqa: PLC0415

    held = withdraw_draft(session.wired.node, session.actor, reference, reason)
    order = f"foedus orders issue recall {reference} --article ARTICLE --reason wrong"
    emit(
        session,
        {
            "feedback": reference,
            "state": "withdrawn" if held is None else "held",
            "order": None if held is None else order,
        },
        lambda: (
            f"{reference} is thrown away.\n"
            if held is None
            else f"{reference} was vouched for: an officer recalls it with `{order}`.\n"
        ),
    )
    return Exit.DONE if held is None else Exit.REFUSED


@feedback.command("list")
@click.option("--after", default=0, help="Only rows with a higher handle.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def list_all(session: Session, *, after: int, limit: int) -> int:
    """List what is said of items here: by us of others' items, and by others of ours."""
    from foedus.node.feedback import list_feedback  # noqa: PLC0415
    from foedus.node.shown_feedback import feedback_document  # noqa: PLC0415

    with session.wired.node.database.read() as tx:
        found = list_feedback(tx, after=after, limit=limit)
    rows = [
        (
            item.number or item.key.object_id,
            row.author,
            row.stance.value,
            about.number or about.key.object_id,
            about.title[:60],
            day(row.at),
            item.state.value,
        )
        for row, item, about in found
    ]
    emit(
        session,
        {"feedback": [feedback_document(*each) for each in found]},
        lambda: (
            table(("feedback", "by", "says", "of", "title", "since", "state"), rows)
            if rows
            else "No feedback.\n"
        ),
    )
    return Exit.DONE
