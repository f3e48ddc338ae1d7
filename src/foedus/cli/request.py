"""``request``: ask other members for information, and answer what they ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say
from foedus.cli.reading import note_read
from foedus.cli.request_desk import answer, close, extend, inbox, refuse, reply, withdraw
from foedus.cli.request_template import template
from foedus.cli.request_views import (
    find,
    list_text,
    row_document,
    view_document,
    view_text,
)

if TYPE_CHECKING:
    from foedus.casework.request import ItemName
    from foedus.model.identifiers import MemberId
    from foedus.model.selectors import Selector
    from foedus.node.ports import Transaction
    from foedus.node.ports.requests import RequestRow
    from foedus.node.requests import RequestView
    from foedus.node.requests_draft import RequestDraft

__all__ = ["request"]

_NOT_REVIEWED = (
    "Nobody said why it is neutral: where the treaty asks for that it cannot be sent. Then "
    "withdraw it, draft it again and approve with --neutrality.\n"
)

_STATES = click.Choice(
    [
        "draft", "approved", "sent", "acknowledged", "extended", "partial", "answered", "refused",
        "expired", "withdrawn", "closed", "all",
    ]
)  # fmt: skip


@click.group()
def request() -> None:
    """Ask members for information within a clock both desks see, and answer what they ask.

    Draft, approve, send; then it is acknowledged by itself. What other members asked stands in
    `foedus request inbox`. REQUEST is its number here, or its name (XA-R-2026-00007).
    """


for _command in (answer, close, extend, inbox, refuse, reply, withdraw, template):
    request.add_command(_command)


@request.command("draft")
@click.option("--to", "members", multiple=True, help="Member to ask; repeatable: one request each.")
@click.option("--hit", type=int, help="The hit it follows: whom, and about what, comes from it.")
@click.option("--value", "values", multiple=True, help="Value to ask about, or kind:value.")
@click.option(
    "--values",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with one value on each line.",
)
@click.option("--item", "items", multiple=True, help="Item of theirs, or given to them.")
@click.option("--text", default="", help="What is asked, in words.")
@click.option("--template", "template_name", default="", help="Take from this template the rest.")
@click.option("--treaty", default="", help="Treaty relied on; the only one if absent.")
@click.option("--article", default="", help="Article relied on; the freest if absent.")
@click.option("--purpose", default="", help="Purpose of the treaty.")
@click.option("--offence", default="", help="Offence of the treaty.")
@click.option("--legal-basis", default="", help="The domestic provision relied on, cited.")
@click.option(
    "--urgency",
    default="",
    type=click.Choice(["", "life", "urgent", "routine"]),
    help="How soon an answer is needed; routine if absent.",
)
@click.option("--due", type=INSTANT, help="A later deadline than the treaty's.")
@click.option(
    "--person",
    default="",
    type=click.Choice(
        ["", "suspect", "convicted", "victim", "witness", "contact", "other", "none"]
    ),
    help="In what capacity persons appear in personal data.",
)
@click.option(
    "--tlp",
    default="",
    type=click.Choice(["", "clear", "green", "amber", "amber+strict", "red"]),
    help="TLP 2.0 level; amber if absent.",
)
@click.option(
    "--handling", multiple=True, type=click.Choice(["H0", "H1", "H2", "H3"]), help="Repeatable."
)
@click.option("--review", type=INSTANT, help="When its personal data is reviewed.")
@click.option("--expiry", type=INSTANT, help="When it ends; 90 days after it is due if absent.")
@pass_session
def draft(session: Session, /, **given: Any) -> int:
    """Draft a request: from a hit, from values, from items of theirs, or in words.

    Nothing leaves. Approve it (`foedus request approve`), look at who would see it (`foedus request
    preview`), send it. What of ours a hit matched is never told.
    """
    from foedus.node.errors import RefusedError  # noqa: PLC0415
    from foedus.node.requests_draft import draft_request  # noqa: PLC0415
    from foedus.node.requests_templates import find_template  # noqa: PLC0415

    node = session.wired.node
    if given["template_name"]:
        common = find_template(node, given["template_name"]).values
        given = {**given, **{key: value for key, value in common.items() if not given[key]}}
    try:
        with node.database.read() as tx:
            drafts = _drafts(session, tx, given)
    except RefusedError as error:  # nothing was asked of anybody: what was written is to be mended
        raise click.UsageError(str(error)) from error
    rows = [draft_request(node, session.actor, each) for each in drafts]
    emit(
        session,
        {"requests": [row_document(row) for row in rows]},
        lambda: "".join(_drafted(row) for row in rows),
    )
    return Exit.DONE


def _drafted(row: RequestRow) -> str:
    return (
        f"request {row.number} ({row.name}) to {row.member} drafted, {row.selectors} values; due "
        f"{row.due:%Y-%m-%d %H:%M} UTC if it is approved now.\nNext: `foedus request approve "
        f"{row.number} --neutrality …`\n"
    )


def _drafts(session: Session, tx: Transaction, given: dict[str, Any]) -> list[RequestDraft]:
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.request_questions import asked_items  # noqa: PLC0415
    from foedus.node.requests_draft import question_of_hit  # noqa: PLC0415

    members = [member_id(each) for each in given["members"]]
    selectors = _selectors(given["values"], given["file"])
    about: set[ItemName] = set()
    if given["hit"] is not None:
        if len(members) > 1:
            raise click.UsageError("a hit is about one member's item: give --to once, or not")
        to, selector, name = question_of_hit(
            tx, session.wired.node, given["hit"], to=members[0] if members else None
        )
        members, selectors, about = [to], selectors | {selector}, {name}
        given = _of_theirs(tx, name, given)
    if not members:
        raise click.UsageError("whom to ask? give --to MEMBER, or --hit N")
    return [
        replace(
            _draft(session, tx, given, member, selectors),
            about=frozenset(about | asked_items(tx, given["items"], member)),
        )
        for member in members
    ]


def _draft(
    session: Session,
    tx: Transaction,
    given: dict[str, Any],
    member: MemberId,
    selectors: frozenset[Selector],
) -> RequestDraft:
    from foedus.casework.request import Urgency  # noqa: PLC0415
    from foedus.model.identifiers import ArticleId  # noqa: PLC0415
    from foedus.model.markings import TLP  # noqa: PLC0415
    from foedus.model.terms import CategoryOfPerson, HandlingCondition  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.requests_draft import RequestDraft  # noqa: PLC0415

    if not given["legal_basis"]:
        raise click.UsageError("on what basis? give --legal-basis, or a --template that has one")
    return RequestDraft(
        to=member,
        treaty=find_treaty(tx, session.wired.node, given["treaty"]),
        article=ArticleId(given["article"]) if given["article"] else None,
        purpose=given["purpose"],
        offence=given["offence"],
        legal_basis=given["legal_basis"],
        urgency=Urgency(given["urgency"] or "routine"),
        selectors=selectors,
        description=given["text"],
        due=given["due"],
        person=CategoryOfPerson(given["person"] or "none"),
        tlp=TLP(given["tlp"] or "amber"),
        handling=frozenset(HandlingCondition(each) for each in given["handling"]),
        review=_coming(session, "review", given["review"]),
        expiry=_coming(session, "expiry", given["expiry"]),
        hit=given["hit"],
    )


def _coming(session: Session, option: str, instant: datetime | None) -> datetime | None:
    if instant is not None and instant <= session.wired.node.clock.now():
        raise click.UsageError(f"--{option} is a day still to come")
    return instant


def _selectors(values: tuple[str, ...], file: Path | None) -> frozenset[Selector]:
    from foedus.node.request_questions import asked_selectors  # noqa: PLC0415

    lines = [] if file is None else file.read_text(encoding="utf-8").splitlines()
    return asked_selectors([*values, *(line.strip() for line in lines if line.strip())])


def _of_theirs(tx: Transaction, name: ItemName, given: dict[str, Any]) -> dict[str, Any]:
    """Take purpose and offence, where nobody said them, from the terms of the item of theirs."""
    from foedus.node.request_questions import footing_of_item  # noqa: PLC0415

    purpose, offence = footing_of_item(tx, name)
    return {
        **given,
        "purpose": given["purpose"] or purpose,
        "offence": given["offence"] or offence,
    }


@request.command("approve")
@click.argument("reference", metavar="REQUEST")
@click.option(
    "--neutrality",
    default="",
    help="Why it is not predominantly political, military, religious or racial; needs an officer "
    "or a supervisor.",
)
@pass_session
def approve(session: Session, *, reference: str, neutrality: str) -> int:
    """Answer for draft REQUEST: it is signed, and its time counts from now.

    More values than the treaty lets one person ask about need a supervisor who is not its author.
    """
    from foedus.node.requests_draft import approve_request  # noqa: PLC0415

    row = approve_request(
        session.wired.node, session.actor, find(session, reference), neutrality=neutrality
    )
    emit(
        session,
        row_document(row),
        lambda: (
            f"request {row.number} ({row.name}) approved; due {row.due:%Y-%m-%d %H:%M} UTC.\n"
            + ("" if neutrality else _NOT_REVIEWED)
            + f"Next: `foedus request preview {row.number}`, `foedus request send {row.number}`\n"
        ),
    )
    return Exit.DONE


@request.command("preview")
@click.argument("reference", metavar="REQUEST")
@pass_session
def preview(session: Session, *, reference: str) -> int:
    """Show what the member asked will see of REQUEST, under which article, or why it will not."""
    from foedus.node.requests import view_request  # noqa: PLC0415
    from foedus.node.requests_send import preview_request  # noqa: PLC0415

    wired = session.wired
    row = find(session, reference)
    [cell] = preview_request(wired.node, session.actor, wired.gate, row)
    with wired.node.database.read() as tx:
        view = view_request(tx, wired.node, row)
    _note(session, view, "request preview")
    decision = cell.decision
    verdict = "own" if decision is None else decision.verdict.value
    reasons = [] if decision is None else [each.text for each in decision.reasons]
    reasons += [cell.unredactable] if cell.unredactable else []
    changes = [str(each.text) for each in cell.changes]
    emit(
        session,
        {
            **view_document(view),
            "verdict": verdict,
            "under": "" if decision is None else decision.article,
            "reasons": reasons,
            "changes": changes,
        },
        lambda: (
            f"{row.member} would see exactly this:\n\n"
            + view_text(_as_sent(view), wired.node.clock.now())
            + f"\n{verdict}"
            + (f" under Article {decision.article}" if decision and decision.article else "")
            + "".join(f"\n  {each}" for each in reasons)
            + "".join(f"\n  would change it: {each}" for each in changes)
            + "\n"
        ),
    )
    return Exit.DONE


def _as_sent(view: RequestView) -> RequestView:
    """Return the view without what only this side knows: the hit it follows, its history."""
    return replace(view, row=replace(view.row, hit=None), notes=())


def _note(session: Session, view: RequestView, what: str) -> None:
    """Note that a request is read, with the items shown beside it."""
    shown = [*view.here.values(), *(item for each in view.holdings for item in each.items)]
    note_read(session, what, [view.row.item, *(each.handle for each in shown)])


@request.command("send")
@click.argument("reference", metavar="REQUEST")
@pass_session
def send(session: Session, *, reference: str) -> int:
    """Send approved REQUEST to the member it asks, if the treaty lets it go."""
    from foedus.node.requests_send import send_request  # noqa: PLC0415

    wired = session.wired
    row, done = send_request(wired.node, session.actor, wired.gate, find(session, reference))
    reasons = [each.reason for each in done.withheld]
    emit(
        session,
        {**row_document(row), "sent": not reasons, "reasons": reasons},
        lambda: (
            f"request {row.number} ({row.name}) stays here.\n"
            if reasons
            else f"request {row.number} ({row.name}) is sent; {row.member} is to answer by "
            f"{row.due:%Y-%m-%d %H:%M} UTC.\n"
        ),
    )
    for reason in reasons:
        say(f"{row.member} was not given it: {reason}")
    return Exit.REFUSED if reasons else Exit.DONE


@request.command("list")
@click.option("--state", "states", multiple=True, type=_STATES, help="Which; open ones if absent.")
@click.option("--asked", "side", flag_value="asked", default=None, help="Only what we asked.")
@click.option("--received", "side", flag_value="received", help="Only what we are asked.")
@click.option("--after", default=0, help="Only requests with a higher number.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def list_all(
    session: Session, *, states: tuple[str, ...], side: str | None, after: int, limit: int
) -> int:
    """List requests: whose, about how much, how far, and how much time is left."""
    from foedus.casework.request_course import ENDED, RequestState  # noqa: PLC0415
    from foedus.node.ports.requests import RequestSide  # noqa: PLC0415

    wanted = frozenset(RequestState(each) for each in states if each != "all")
    if not states:
        wanted = frozenset(RequestState) - ENDED
    sides = frozenset({RequestSide(side)}) if side else frozenset(RequestSide)
    node = session.wired.node
    with node.database.read() as tx:
        rows = tx.requests.page(sides=sides, states=wanted, after=after, limit=limit)
        counts = tx.requests.counts()
    now = node.clock.now()
    emit(
        session,
        {
            "requests": [row_document(row) for row in rows],
            "counts": [
                {"side": where.value, "state": state.value, "count": count}
                for (where, state), count in sorted(counts.items())
            ],
        },
        lambda: list_text(rows, now) if rows else "No requests.\n",
    )
    return Exit.DONE


@request.command("show")
@click.argument("reference", metavar="REQUEST")
@pass_session
def show(session: Session, *, reference: str) -> int:
    """Show REQUEST: what it says, its clock, its history, what is held here on it, the answers."""
    from foedus.node.requests import view_request  # noqa: PLC0415

    node = session.wired.node
    row = find(session, reference)
    with node.database.read() as tx:
        view = view_request(tx, node, row)
    _note(session, view, "request show")
    emit(session, view_document(view), lambda: view_text(view, node.clock.now()))
    return Exit.DONE
