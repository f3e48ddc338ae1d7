"""``approve``, ``approvals``: what a release rests on besides the treaty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.wish import held_handles, wish_of, wish_options
from foedus.cli.wording import counted, obligations_in_words
from foedus.clock import instant_text
from foedus.node.law_words import day

if TYPE_CHECKING:
    from foedus.node.approvals import ToApprove
    from foedus.node.ports import ApprovalRow, ItemRow

__all__ = ["approvals", "approve"]

_SHOWN: Final = 40
_SHORT: Final = 16


@click.command()
@click.argument("references", nargs=-1, required=True)
@wish_options
@click.option("--yes", is_flag=True, help="Do not ask; you have looked at it with `preview`.")
@pass_session
def approve(session: Session, /, *, references: tuple[str, ...], yes: bool, **values: Any) -> int:
    """Approve that the items REFERENCES name are released to the members named with --to.

    Shows exactly what you approve and asks. Your approval is signed and counts for just that: a new
    version, other terms, another article or a change in the law makes it void. Approving releases
    nothing; `foedus disclose` does, once as many persons as the article asks for have approved.
    """
    from foedus.node.approvals import approve as approve_items  # noqa: PLC0415
    from foedus.node.approvals import to_approve  # noqa: PLC0415

    if not values["recipients"]:
        raise click.UsageError("name the member the release goes to: --to XB")
    if session.as_json and not yes:
        raise click.UsageError("with --json nobody can be asked: add --yes")
    wired = session.wired
    handles = held_handles(session, references)
    wish = wish_of(session, values)
    shown: list[str] | None = None
    if not yes:
        asked = to_approve(wired.node, session.actor, wired.gate, handles, wish)
        click.echo(_asked_text(asked, values["purpose"], wish.threat_to_life), nl=False)
        if not click.confirm(f"Approve {counted(len(asked), 'release')}?"):
            say("nothing was approved")
            return Exit.REFUSED
        shown = [each.subject.digest for each in asked]
    done = approve_items(wired.node, session.actor, wired.gate, handles, wish, shown=shown)
    needless = len(set(handles)) * len(set(wish.recipients)) - len(done)
    if needless:
        say(f"{counted(needless, 'release')} among these need no approval and were left out")
    emit(
        session,
        {"approved": [_asked_document(each) for each in done], "needed_none": needless},
        lambda: (
            "".join(_standing(each) for each in done[:_SHOWN])
            + (f"… and {len(done) - _SHOWN} more\n" if len(done) > _SHOWN else "")
        ),
    )
    return Exit.DONE


def _asked_text(asked: Sequence[ToApprove], purpose: str, threat_to_life: bool) -> str:  # noqa: FBT001
    """Return every release asked about: what is not shown is not approved."""
    rows = [
        (
            each.item.number or each.item.key.object_id,
            each.item.title[:60],
            each.recipient,
            each.subject.article,
            "; ".join(obligations_in_words(each.subject.obligations)),
            f"{len(each.given)} of {each.needed}",
            each.subject.digest[:_SHORT],
        )
        for each in asked
    ]
    text = "You approve exactly this release"
    text += f", for the purpose {purpose}"
    text += ", on your word that a life is in danger" if threat_to_life else ""
    columns = ("item", "title", "to", "article", "binds to", "approved", "digest")
    return text + ":\n" + table(columns, rows)


def _standing(each: ToApprove) -> str:
    name = each.item.number or each.item.key.object_id
    left = each.needed - len(each.given)
    rest = (
        "it can be disclosed now"
        if left <= 0
        else f"{counted(left, 'more person')} must approve before it can be disclosed"
    )
    return f"{name} for {each.recipient} under article {each.subject.article}: approved; {rest}.\n"


def _asked_document(each: ToApprove) -> dict[str, Any]:
    return {
        "number": str(each.item.number or ""),
        "id": each.item.key.object_id,
        "version": each.item.key.version,
        "title": each.item.title,
        "recipient": each.recipient,
        "treaty": each.subject.treaty,
        "article": each.subject.article,
        "purpose": each.subject.purpose,
        "threat_to_life": each.subject.threat_to_life,
        "obligations": each.subject.obligations.document(),
        "subject": each.subject.digest,
        "needed": each.needed,
        "approved_by": list(each.given),
    }


@click.group()
def approvals() -> None:
    """Who approved which release; take one's own approval back."""


@approvals.command("list")
@click.option("--after", default=0, help="Only approvals with a higher number.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def approvals_list(session: Session, *, after: int, limit: int) -> int:
    """List approvals, those withdrawn included.

    Whether one still counts is found anew at every release: `foedus preview` says so.
    """
    from foedus.node.approvals import list_approvals  # noqa: PLC0415

    with session.wired.node.database.read() as tx:
        found = list_approvals(tx, after=after, limit=limit)
        items = {row.handle: row for row in tx.items.rows([row.approval.item for row in found])}
    rows = [_approval_row(row, items[row.approval.item]) for row in found]
    emit(
        session,
        {"approvals": [_approval_document(row, items[row.approval.item]) for row in found]},
        lambda: (
            table(("no.", "item", "title", "to", "article", "by", "at", "withdrawn"), rows)
            if rows
            else "No approvals.\n"
        ),
    )
    return Exit.DONE


def _approval_row(row: ApprovalRow, item: ItemRow) -> tuple[object, ...]:
    given = row.approval
    return (
        row.number,
        item.number or item.key.object_id,
        item.title[:60],
        given.recipient,
        given.article,
        given.user,
        day(given.at),
        day(row.withdrawn),
    )


def _approval_document(row: ApprovalRow, item: ItemRow) -> dict[str, Any]:
    given = row.approval
    return {
        "number": row.number,
        "item": str(item.number or ""),
        "id": item.key.object_id,
        "title": item.title,
        "recipient": given.recipient,
        "treaty": given.treaty,
        "article": given.article,
        "purpose": given.purpose,
        "threat_to_life": given.threat_to_life,
        "by": given.user,
        "at": instant_text(given.at),
        "subject": given.subject,
        "log_entry": given.entry_index,
        "withdrawn": None if row.withdrawn is None else instant_text(row.withdrawn),
    }


@approvals.command("withdraw")
@click.argument("number", type=int)
@pass_session
def approvals_withdraw(session: Session, *, number: int) -> int:
    """Take your own approval NUMBER back; what was released on it stays released."""
    from foedus.node.approvals import withdraw_approval  # noqa: PLC0415

    row = withdraw_approval(session.wired.node, session.actor, number)
    emit(
        session,
        {"approval": row.number, "state": "withdrawn"},
        lambda: f"Approval {row.number} is withdrawn: no further release rests on it.\n",
    )
    return Exit.DONE
