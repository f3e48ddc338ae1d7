"""``orders``: correct, restrict, recall, narrow, expire what was given; see who did so."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.orders_received import RECEIVED
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.wording import kept_in_words, went_in_words
from foedus.node.law_words import day

if TYPE_CHECKING:
    from foedus.casework.attestation import Attestation
    from foedus.node.issue_orders import Issued
    from foedus.node.order_status import Matrix, OrderView
    from foedus.node.ports.orders import HolderRow, IssuedOrder, Tally

__all__ = ["orders"]

ACTIONS: Final = ("correct", "restrict", "lift", "recall", "narrow", "expire")
REASONS: Final = (
    "wrong",
    "not-needed",
    "not-to-be-given",
    "expired",
    "challenge",
    "court",
    "treaty-ended",
    "superseded",
)


@click.group()
def orders() -> None:
    """Order what becomes of what was given, and watch it carried out; carry out what is ordered."""


@orders.command("issue")
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("references", nargs=-1, required=True)
@click.option("--article", required=True, help="Article of the treaty the order rests on.")
@click.option("--reason", required=True, type=click.Choice(REASONS), help="Why; a closed list.")
@click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent.")
@click.option("--to", "members", multiple=True, help="Only these holders; all if absent.")
@click.option("--due", type=INSTANT, help="By when; what the treaty says if absent.")
@click.option("--life", is_flag=True, help="A life is in danger: the treaty's short period.")
@click.option("--with", "replacement", default="", help="correct: the version that replaces it.")
@click.option("--expiry", type=INSTANT, help="expire: the day on which it ends.")
@click.option("--erase", is_flag=True, help="recall: erase it here too, at once.")
@pass_session
def orders_issue(session: Session, /, **values: Any) -> int:
    """Give an order on items of ours to everyone who holds them, however they came to them.

    For the data-protection officer; a reviewer blocks and lifts by a challenge, the legal officer
    orders what the end of a treaty calls for.
    """
    from foedus.node.issue_orders import issue_orders  # noqa: PLC0415
    from foedus.node.shown_orders import issued_document  # noqa: PLC0415

    wired = session.wired
    done = issue_orders(wired.node, session.actor, wired.gate, _command(session, values))
    emit(session, issued_document(done), lambda: _issued_text(done))
    if done.lingering:
        say(
            "what was erased still lies in the journal beside the database: `foedus erase --finish`"
        )
    return Exit.PARTIAL if done.lingering else Exit.DONE


def _command(session: Session, values: dict[str, Any]) -> Any:
    from foedus.casework.order import OrderAction, OrderReason  # noqa: PLC0415
    from foedus.model.identifiers import ArticleId, member_id  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.issue_orders import Command  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        treaty = find_treaty(tx, node, values["treaty_ref"])
    return Command(
        action=OrderAction(values["action"]),
        references=tuple(values["references"]),
        treaty=treaty,
        article=ArticleId(values["article"]),
        reason=OrderReason(values["reason"]),
        due=values["due"],
        life=values["life"],
        members=tuple(member_id(each) for each in values["members"]),
        replacement=values["replacement"],
        expiry=values["expiry"],
        erase=values["erase"],
    )


def _issued_text(done: Issued) -> str:
    text = (
        f"Ordered: {', '.join(done.orders)}, {done.items} item{'' if done.items == 1 else 's'}.\n"
    )
    if done.holders:
        text += f"To {', '.join(done.holders)}; due {day(done.due)}. `foedus orders matrix`\n"
    else:
        text += "Nobody was given any of it; from now on it is kept back by this order.\n"
    for each in done.not_given:
        text += f"{each.member} was not given the new version and erases the old: {each.reason}\n"
    if done.erased:
        text += f"Erased here: {done.erased} versions.\n"
    return text


@orders.command("list")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def orders_list(session: Session, *, limit: int) -> int:
    """List the orders of ours, newest first, with how far their holders have come."""
    from foedus.node.shown_orders import order_document, tally_document  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        issued = tx.orders.all_issued(before=None, limit=limit)
        tallies = tx.orders.tallies([each.number for each in issued])
    found = [(each, tallies[each.number]) for each in issued]
    emit(
        session,
        {"orders": [order_document(order) | tally_document(tally) for order, tally in found]},
        lambda: (
            table(
                ("order", "action", "reason", "given", "due", "attested", "open", "overdue"),
                [_order_row(order, tally) for order, tally in found],
            )
            if found
            else "No order was given.\n"
        ),
    )
    return Exit.DONE


def _order_row(order: IssuedOrder, tally: Tally) -> tuple[object, ...]:
    told = order.order
    settled = tally.states.get(_attested(), 0)
    return (
        told.name,
        told.action.value,
        told.reason.value,
        day(told.at),
        day(told.due),
        settled,
        sum(tally.states.values()) - settled,
        tally.overdue or "",
    )


def _attested() -> Any:
    from foedus.casework.order_course import OrderState  # noqa: PLC0415

    return OrderState.ATTESTED


@orders.command("show")
@click.argument("name")
@pass_session
def orders_show(session: Session, *, name: str) -> int:
    """Show the order NAME of ours: each holder, what it did, what it kept, what is out of reach."""
    from foedus.node.order_status import show_order  # noqa: PLC0415
    from foedus.node.shown_orders import order_view_document  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        view = show_order(tx, name)
    now = node.clock.now()
    emit(session, order_view_document(view, now), lambda: _view_text(view, now))
    return Exit.DONE


def _view_text(view: OrderView, now: datetime) -> str:
    told = view.order.order
    text = (
        f"{told.name}: {told.action.value}, {told.reason.value}, under Article {told.article}; "
        f"given by {told.user} on {day(told.at)}, due {day(told.due)}.\n"
    )
    text += table(_COLUMNS[1:], [_row(row, now)[1:] for row in view.holders])
    for member, attested in view.attestations.items():
        for each in attested:
            text += f"{member}, {day(each.at)}: {_said(each)}\n"
    return text


def _said(told: Attestation) -> str:
    parts = [told.outcome.value]
    parts += went_in_words(told.counts)
    parts += [
        kept_in_words(each) + (f" until {day(each.until)}" if each.until else "")
        for each in told.kept
    ]
    parts += [f"beyond reach: {each.count} {each.kind.value}" for each in told.beyond]
    if told.passed_on:
        parts.append(f"passed on to {', '.join(told.passed_on)}")
    return "; ".join(parts)


_COLUMNS: Final = (
    "order",
    "holder",
    "state",
    "ordered",
    "received",
    "executed",
    "attested",
    "due",
    "",
)


@orders.command("matrix")
@click.option("--order", "name", default="", help="Of one order only.")
@click.option(
    "--rows",
    "which",
    type=click.Choice(("all", "open", "overdue", "kept")),
    default="open",
    show_default=True,
    help="Which rows.",
)
@click.option("--after", default="", help="Go on after ORDER-NUMBER/MEMBER of the page before.")
@click.option("--limit", default=100, show_default=True, help="Rows at most.")
@pass_session
def orders_matrix(session: Session, *, name: str, which: str, after: str, limit: int) -> int:
    """Show order by holder: ordered, received, executed, attested, due, kept, breach."""
    from foedus.node.order_status import matrix_of  # noqa: PLC0415
    from foedus.node.ports.orders import Rows  # noqa: PLC0415
    from foedus.node.shown_orders import holder_document, tally_document  # noqa: PLC0415

    node = session.wired.node
    place = _place(after)
    with node.database.read() as tx:
        found = matrix_of(tx, rows=Rows(which), name=name, after=place, limit=limit)
    now = node.clock.now()
    emit(
        session,
        {
            "rows": [holder_document(row, now) for row in found.rows],
            "figures": tally_document(found.tally),
            "next": "" if found.after is None else f"{found.after.number}/{found.after.member}",
        },
        lambda: _matrix_text(found, now),
    )
    return Exit.DONE


def _place(after: str) -> Any:
    from foedus.node.ports.orders import MatrixPlace  # noqa: PLC0415

    if not after:
        return None
    number, _, member = after.partition("/")
    if not number.isdecimal() or len(number) > 15:  # noqa: PLR2004  # no page goes that far
        raise click.UsageError("--after is what `next` said, for example 12/XB")
    return MatrixPlace(number=int(number), member=member)


def _matrix_text(found: Matrix, now: datetime) -> str:
    states = ", ".join(f"{count} {state.value}" for state, count in found.tally.states.items())
    text = f"{states}; {found.tally.overdue} overdue, {found.tally.breaches} open breaches.\n"
    if found.rows:
        text += table(_COLUMNS, [_row(row, now) for row in found.rows])
    elif sum(found.tally.states.values()):
        text += "No such row here; `foedus orders matrix --rows all` shows every one.\n"
    if found.after is not None:
        text += f"More: --after {found.after.number}/{found.after.member}\n"
    return text


def _row(row: HolderRow, now: datetime) -> tuple[object, ...]:
    from foedus.node.order_status import is_overdue  # noqa: PLC0415

    notes = []
    if row.kept or row.kept_until:
        until = f" until {day(row.kept_until)}" if row.kept_until else ""
        notes.append((f"kept {row.kept}" if row.kept else "in a backup") + until)
    if is_overdue(row, now):
        notes.append("overdue")
    if row.breach:
        notes.append(f"breach {row.breach}")
    if row.holder.via:
        notes.append("had it from another member")
    return (
        row.name,
        row.holder.member,
        row.state.value,
        day(row.holder.ordered),
        day(row.received),
        day(row.executed),
        day(row.attested),
        day(row.holder.due),
        ", ".join(notes),
    )


@orders.command("breaches")
@click.option("--all", "every", is_flag=True, help="Also those that were closed.")
@click.option("--after", default=0, help="Only records of a greater number.")
@click.option("--limit", default=100, show_default=True, help="Rows at most.")
@pass_session
def orders_breaches(session: Session, *, every: bool, after: int, limit: int) -> int:
    """List orders that were not carried out in time."""
    from foedus.node.breaches import list_breaches  # noqa: PLC0415
    from foedus.node.shown_orders import breach_document  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        found = list_breaches(tx, open_only=not every, after=after, limit=limit)
    emit(
        session,
        {"breaches": [breach_document(row) for row in found]},
        lambda: (
            table(
                ("no.", "order", "holder", "due", "carried out", "closed", "by", "reason"),
                [
                    (
                        row.record,
                        row.name,
                        row.breach.member,
                        day(row.breach.due),
                        day(row.executed),
                        day(row.closed),
                        row.closed_by,
                        row.reason,
                    )
                    for row in found
                ],
            )
            if found
            else "No breach is open.\n"
        ),
    )
    return Exit.DONE


@orders.command("close")
@click.argument("record", type=int)
@click.option("--reason", required=True, help="What was found and done; name nobody.")
@pass_session
def orders_close(session: Session, *, record: int, reason: str) -> int:
    """Close breach RECORD, with a reason that is entered in the log.

    For a data-protection officer other than the one who gave the order.
    """
    from foedus.node.breaches import close_breach  # noqa: PLC0415
    from foedus.node.shown_orders import breach_document  # noqa: PLC0415

    row = close_breach(session.wired.node, session.actor, record, reason)
    emit(
        session,
        breach_document(row),
        lambda: f"Breach {record} of {row.breach.member} is closed.\n",
    )
    return Exit.DONE


for _command_of_others in RECEIVED:
    orders.add_command(_command_of_others)
