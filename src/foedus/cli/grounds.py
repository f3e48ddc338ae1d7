"""``approve``, ``approvals``, ``consent``: what a release rests on besides the treaty."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.wish import held_handles, wish_of, wish_options
from foedus.cli.wording import counted, obligations_in_words
from foedus.clock import instant_text
from foedus.node.law_words import day

if TYPE_CHECKING:
    from foedus.node.approvals import ToApprove
    from foedus.node.ports import ApprovalRow, ConsentRow, ItemRow

__all__ = ["approvals", "approve", "consent"]

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


@click.group()
def consent() -> None:
    """An originator's word that an item may be passed on: give, take, list, withdraw."""


@consent.command("give")
@click.argument("reference")
@click.option("--to", "recipient", required=True, help="Member the item may be passed on to.")
@click.option("--purpose", required=True, help="One of the treaty's purposes.")
@click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent.")
@click.option("--until", required=True, type=INSTANT, help="When the consent runs out.")
@click.option(
    "--sha256", default="", help="Content hash the holder asks with; the newest version if absent."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File; standard output if absent."
)
@pass_session
def consent_give(
    session: Session,
    /,
    *,
    reference: str,
    sha256: str,
    until: datetime,
    output: Path | None,
    **values: Any,
) -> int:
    """Consent that a member which holds our item REFERENCE passes it on to one other member.

    Needs an officer or a supervisor. Send the file to the holder, who takes it with `foedus consent
    take`. The consent is for one version, one member, one purpose, and runs out.
    """
    from foedus.node.consents import give_consent  # noqa: PLC0415

    wish = wish_of(
        session,
        {**values, "article": None, "recipients": (values["recipient"],), "threat_to_life": False},
    )
    done = give_consent(
        session.wired.node, session.actor, reference, wish, until=until, sha256=sha256
    )
    if output is None:
        click.echo(done.file.decode())
    else:
        output.write_bytes(done.file)
        emit(
            session,
            {**_consent_document(done.row), "file": str(output)},
            lambda: f"Consent {done.row.number} written to {output}: send it to the holder.\n",
        )
    return Exit.DONE


@consent.command("take")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def consent_take(session: Session, *, file: Path) -> int:
    """Take the consent in FILE, which the originator of an item held here gave.

    Its signature is verified, and that it names exactly the bytes held here.
    """
    from foedus.node.consents import take_consent  # noqa: PLC0415

    done = take_consent(session.wired.node, session.actor, file.read_bytes())
    given = done.row.consent
    emit(
        session,
        _consent_document(done.row),
        lambda: (
            f"{given.item.originator} consents until {day(given.until)}: “{done.title[:60]}” "
            f"may be passed on to {given.recipient} for {given.purpose}, as the treaty permits.\n"
        ),
    )
    return Exit.DONE


@consent.command("list")
@click.option("--after", default=0, help="Only consents with a higher number.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def consent_list(session: Session, *, after: int, limit: int) -> int:
    """List consents given and taken, those withdrawn or run out included."""
    from foedus.node.consents import list_consents  # noqa: PLC0415

    node = session.wired.node
    now = node.clock.now()
    with node.database.read() as tx:
        found = list_consents(tx, after=after, limit=limit)
    rows = [
        (
            row.number,
            "given" if row.consent.given else f"by {row.consent.item.originator}",
            row.consent.item.object_id,
            row.consent.recipient,
            row.consent.purpose,
            day(row.consent.until),
            _consent_state(row, now),
        )
        for row in found
    ]
    emit(
        session,
        {
            "consents": [
                {**_consent_document(row), "state": _consent_state(row, now)} for row in found
            ]
        },
        lambda: (
            table(("no.", "consent", "item", "to", "purpose", "until", "state"), rows)
            if rows
            else "No consents.\n"
        ),
    )
    return Exit.DONE


def _consent_state(row: ConsentRow, now: datetime) -> str:
    if row.withdrawn is not None:
        return "withdrawn"
    return "stands" if now < row.consent.until else "run out"


def _consent_document(row: ConsentRow) -> dict[str, Any]:
    given = row.consent
    return {
        "number": row.number,
        "given": given.given,
        "originator": given.item.originator,
        "id": given.item.object_id,
        "version": given.item.version,
        "sha256": given.content_hash,
        "recipient": given.recipient,
        "treaty": given.treaty,
        "purpose": given.purpose,
        "by": given.user,
        "at": instant_text(given.at),
        "until": instant_text(given.until),
        "log_entry": given.entry_index,
        "withdrawn": None if row.withdrawn is None else instant_text(row.withdrawn),
    }


@consent.command("withdraw")
@click.argument("number", type=int)
@pass_session
def consent_withdraw(session: Session, *, number: int) -> int:
    """Let consent NUMBER count no more on this node; what was passed on under it stays so."""
    from foedus.node.consents import withdraw_consent  # noqa: PLC0415

    row = withdraw_consent(session.wired.node, session.actor, number)
    if row.consent.given:
        say("tell the holders: a withdrawal is not yet sent to them by itself")
    emit(
        session,
        {"consent": row.number, "state": "withdrawn"},
        lambda: f"Consent {row.number} is withdrawn: no further release rests on it here.\n",
    )
    return Exit.DONE
