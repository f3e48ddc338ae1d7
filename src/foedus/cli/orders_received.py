"""``orders received|execute|keep|release``: the orders of others, and what is kept against them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.wording import kept_in_words, went_in_words
from foedus.node.law_words import day

if TYPE_CHECKING:
    from foedus.node.ports.received_orders import ReceivedOrder

__all__ = ["RECEIVED"]


@click.command("received")
@click.option("--open", "open_only", is_flag=True, help="Only those not attested for good.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def received(session: Session, *, open_only: bool, limit: int) -> int:
    """List the orders other members gave us, newest first."""
    from foedus.node.shown_orders import received_document  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        found = tx.orders.all_received(open_only=open_only, before=None, limit=limit)
    emit(
        session,
        {"orders": [received_document(each) for each in found]},
        lambda: (
            table(
                ("no.", "order", "action", "items", "state", "received", "due", "carried out", ""),
                [_row(each) for each in found],
            )
            if found
            else "No order was received.\n"
        ),
    )
    return Exit.DONE


@click.command("execute")
@click.argument("number", type=int)
@pass_session
def execute(session: Session, *, number: int) -> int:
    """Carry out order NUMBER that was received, where the treaty leaves it to a person's hand.

    For the data-protection officer. Where the treaty does not, it is done by itself.
    """
    from foedus.node.shown_orders import received_document  # noqa: PLC0415
    from foedus.node.take_orders import execute_order  # noqa: PLC0415

    wired = session.wired
    done = execute_order(wired.node, session.actor, wired.gate, number)
    emit(
        session,
        received_document(done),
        lambda: f"Order {done.taken.order.name} is carried out: {_did(done)}.\n",
    )
    if done.unattested:
        say("not attested yet: what was erased still lies in the database's journal, or it waits")
    return Exit.PARTIAL if done.unattested else Exit.DONE


@click.command("keep")
@click.argument("reference")
@click.option(
    "--ground",
    required=True,
    type=click.Choice(("court-file", "other-law")),
    help="On which reserved ground; the originator is told this word.",
)
@click.option("--reason", required=True, help="Why, for this member's own record.")
@click.option("--until", type=INSTANT, help="When the ground ends, where a day is set.")
@pass_session
def keep(
    session: Session, *, reference: str, ground: str, reason: str, until: datetime | None
) -> int:
    """Keep item REFERENCE on a reserved ground: an order blocks it then instead of erasing it.

    For the data-protection officer, before an order comes or at it.
    """
    from foedus.casework.attestation import ReservedGround  # noqa: PLC0415
    from foedus.node.reserved import keep as keep_item  # noqa: PLC0415

    count = keep_item(
        session.wired.node,
        session.actor,
        reference,
        ground=ReservedGround(ground),
        reason=reason,
        until=until,
    )
    emit(
        session,
        {"item": reference, "ground": ground, "versions": count},
        lambda: f"{reference} is kept ({ground}): {count} version{'' if count == 1 else 's'}.\n",
    )
    return Exit.DONE


@click.command("release")
@click.argument("reference")
@pass_session
def release(session: Session, *, reference: str) -> int:
    """End the ground on which item REFERENCE is kept; what was ordered of it is done then."""
    from foedus.node.case_clock import tick  # noqa: PLC0415
    from foedus.node.reserved import release as release_item  # noqa: PLC0415

    wired = session.wired
    count = release_item(wired.node, session.actor, reference)
    tick(wired.node, wired.gate)
    emit(
        session,
        {"item": reference, "versions": count},
        lambda: f"{reference} is kept no more; orders on it are carried out.\n",
    )
    return Exit.DONE


RECEIVED: Final[tuple[click.Command, ...]] = (received, execute, keep, release)
"""The commands of this module, for the group ``orders``."""


def _row(each: ReceivedOrder) -> tuple[object, ...]:
    order = each.taken.order
    return (
        each.number,
        order.name,
        order.action.value,
        len(order.lines),
        each.state.value,
        day(each.taken.received),
        day(order.due),
        day(each.executed),
        "by hand" if not each.taken.automatic and each.executed is None else _did(each),
    )


def _did(each: ReceivedOrder) -> str:
    if each.applied is None:
        return ""
    parts = went_in_words(each.applied.counts)
    parts += [kept_in_words(kept) for kept in each.applied.kept]
    return ", ".join(parts) or "nothing held"
