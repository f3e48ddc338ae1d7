"""``consent``: ask an originator, answer a holder, take and withdraw; by the feed or by file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.wish import wish_of
from foedus.cli.wording import counted
from foedus.node.law_words import day

if TYPE_CHECKING:
    from foedus.node.consents import GivenConsent

__all__ = ["consent"]

_CONDITIONS: Final = ("ask-before-measure", "no-further", "not-evidence")
_GROUNDS: Final = ("outside", "not-neutral", "harm", "not-recognised", "law", "directly")


@click.group()
def consent() -> None:
    """An originator's word that an item may be passed on: ask, give, refuse, take, withdraw."""


@consent.command("ask")
@click.argument("reference")
@click.option("--to", "recipient", required=True, help="Member it would be passed on to.")
@click.option("--purpose", required=True, help="One of the treaty's purposes.")
@click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent.")
@click.option("--until", required=True, type=INSTANT, help="Until when the consent is needed.")
@click.option("--life", is_flag=True, help="A life is in danger: an answer is due at once.")
@pass_session
def consent_ask(
    session: Session, /, *, reference: str, until: datetime, life: bool, **values: Any
) -> int:
    """Ask the originator of the item REFERENCE whether it may be passed on to one other member.

    The request goes out with the next pull of its originator. What is not answered when it is due
    is a no.
    """
    from foedus.node.consent_requests import ask_consent  # noqa: PLC0415
    from foedus.node.shown_consents import consent_request_document  # noqa: PLC0415

    wired = session.wired
    wish = wish_of(
        session,
        {**values, "article": None, "recipients": (values["recipient"],), "threat_to_life": life},
    )
    row = ask_consent(wired.node, session.actor, wired.gate, reference, wish, until=until)
    emit(
        session,
        consent_request_document(row),
        lambda: (
            f"Request {row.number}: {row.request.member} is asked, and silence is a no from "
            f"{row.request.due:%Y-%m-%d %H:%M} on.\n"
        ),
    )
    return Exit.DONE


@consent.command("requests")
@click.option("--after", default=0, help="Only requests with a higher number.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def consent_requests(session: Session, *, after: int, limit: int) -> int:
    """List the consents asked of others, with what became of each."""
    return _list_requests(session, ours=True, waiting=False, after=after, limit=limit)


@consent.command("inbox")
@click.option("--all", "everything", is_flag=True, help="Those answered or expired too.")
@click.option("--after", default=0, help="Only requests with a higher number.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def consent_inbox(session: Session, *, everything: bool, after: int, limit: int) -> int:
    """List the consents that holders of our items ask for, and by when each is due."""
    return _list_requests(session, ours=False, waiting=not everything, after=after, limit=limit)


def _list_requests(session: Session, *, ours: bool, waiting: bool, after: int, limit: int) -> int:
    from foedus.node.consent_requests import list_requests  # noqa: PLC0415
    from foedus.node.shown_consents import consent_request_document  # noqa: PLC0415

    with session.wired.node.database.read() as tx:
        found = list_requests(tx, ours=ours, waiting=waiting, after=after, limit=limit)
    rows = [
        (
            row.number,
            row.request.member,
            item.number or item.key.object_id,
            item.title[:60],
            row.request.recipient,
            row.request.purpose,
            f"{row.request.due:%Y-%m-%d %H:%M}",
            row.state.value + (f" ({row.ground})" if row.ground else ""),
        )
        for row, item in found
    ]
    columns = (
        "no.",
        "asked of" if ours else "by",
        "item",
        "title",
        "to",
        "purpose",
        "due",
        "state",
    )
    emit(
        session,
        {"requests": [consent_request_document(row, item) for row, item in found]},
        lambda: table(columns, rows) if rows else "No requests.\n",
    )
    return Exit.DONE


@consent.command("give")
@click.argument("reference")
@click.option("--to", "recipient", default="", help="Member the item may be passed on to.")
@click.option("--purpose", default="", help="One of the treaty's purposes.")
@click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent.")
@click.option("--until", type=INSTANT, help="When the consent runs out; as asked, for a request.")
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    type=click.Choice(_CONDITIONS),
    help="What binds whoever is passed the copy; repeatable.",
)
@click.option("--keep-until", type=INSTANT, help="When that copy ends.")
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
    conditions: tuple[str, ...],
    output: Path | None,
    **values: Any,
) -> int:
    """Consent that a member which holds our item passes it on to one other member.

    REFERENCE is the number of a request in `foedus consent inbox`: the consent is sent. Or it names
    an item: with --to, --purpose and --until the consent is written to a file, which the holder
    takes with `foedus consent take`. It is for one version, one member, one purpose, and runs out.
    Needs an officer or a supervisor.
    """
    from foedus.node.shown_consents import consent_document  # noqa: PLC0415
    from foedus.release.consent import ConsentCondition  # noqa: PLC0415

    bound = frozenset(ConsentCondition(each) for each in conditions)
    if reference.isdecimal():
        return _give_requested(session, int(reference), bound, values)
    if not (values["recipient"] and values["purpose"] and values["until"]):
        raise click.UsageError("for an item: --to, --purpose and --until are needed")
    from foedus.node.consents import give_consent  # noqa: PLC0415

    wish = wish_of(
        session,
        {**values, "article": None, "recipients": (values["recipient"],), "threat_to_life": False},
    )
    done = give_consent(
        session.wired.node,
        session.actor,
        reference,
        wish,
        until=values["until"],
        sha256=values["sha256"],
        conditions=bound,
        keep_until=values["keep_until"],
    )
    if output is None:
        click.echo(done.file.decode())
    else:
        output.write_bytes(done.file)
        emit(
            session,
            {**consent_document(done.row), "file": str(output)},
            lambda: f"Consent {done.row.number} written to {output}: send it to the holder.\n",
        )
    return Exit.DONE


def _give_requested(session: Session, number: int, bound: Any, values: dict[str, Any]) -> int:
    from foedus.node.consent_requests import give_requested  # noqa: PLC0415
    from foedus.node.shown_consents import consent_document  # noqa: PLC0415

    if values["recipient"] or values["purpose"] or values["treaty_ref"] or values["sha256"]:
        raise click.UsageError("a request says itself to whom, what for and which bytes")
    wired = session.wired
    done: GivenConsent = give_requested(
        wired.node,
        session.actor,
        wired.gate,
        number,
        until=values["until"],
        conditions=bound,
        keep_until=values["keep_until"],
    )
    given = done.row.consent
    emit(
        session,
        {**consent_document(done.row), "request": number},
        lambda: (
            f"Consent {done.row.number} is sent: \u201c{done.title[:60] or given.item}\u201d "
            f"may be passed on to {given.recipient} until {day(given.until)}.\n"
        ),
    )
    return Exit.DONE


@consent.command("refuse")
@click.argument("number", type=int)
@click.option(
    "--ground", required=True, type=click.Choice(_GROUNDS), help="Why; nothing more is owed."
)
@pass_session
def consent_refuse(session: Session, *, number: int, ground: str) -> int:
    """Refuse the request NUMBER of `foedus consent inbox`, and say so to who asked."""
    from foedus.casework.consent_case import ConsentGround  # noqa: PLC0415
    from foedus.node.consent_requests import refuse_request  # noqa: PLC0415
    from foedus.node.shown_consents import consent_request_document  # noqa: PLC0415

    wired = session.wired
    row = refuse_request(wired.node, session.actor, wired.gate, number, ConsentGround(ground))
    emit(
        session,
        consent_request_document(row),
        lambda: f"Request {number} of {row.request.member} is refused: {ground}.\n",
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
    from foedus.node.shown_consents import consent_document  # noqa: PLC0415

    done = take_consent(session.wired.node, session.actor, file.read_bytes())
    given = done.row.consent
    emit(
        session,
        consent_document(done.row),
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
    from foedus.node.shown_consents import consent_document, consent_state  # noqa: PLC0415

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
            consent_state(row, now),
        )
        for row in found
    ]
    emit(
        session,
        {
            "consents": [
                {**consent_document(row), "state": consent_state(row, now)} for row in found
            ]
        },
        lambda: (
            table(("no.", "consent", "item", "to", "purpose", "until", "state"), rows)
            if rows
            else "No consents.\n"
        ),
    )
    return Exit.DONE


@consent.command("withdraw")
@click.argument("number", type=int)
@pass_session
def consent_withdraw(session: Session, *, number: int) -> int:
    """Take consent NUMBER back for the future; what was passed on under it stays so.

    Of a consent we gave, the holders are told; one we took counts no more on this node.
    """
    from foedus.node.consent_requests import withdraw_given  # noqa: PLC0415

    wired = session.wired
    row, told = withdraw_given(wired.node, session.actor, wired.gate, number)
    if row.consent.given:
        say(f"{counted(told, 'member')} told by the feed")
    emit(
        session,
        {"consent": row.number, "state": "withdrawn", "told": told},
        lambda: f"Consent {row.number} is withdrawn: no further release rests on it here.\n",
    )
    return Exit.DONE
