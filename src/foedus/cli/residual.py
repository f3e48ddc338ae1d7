"""``treaty residual``: what still binds a member that left, and the orders that settle the rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.treaty_law import on_option

if TYPE_CHECKING:
    from foedus.node.residual_orders import ResidualList
    from foedus.treaty.articles import Treaty
    from foedus.treaty.residual import ResidualOrder

__all__ = ["residual_duties"]

_SHOWN_ORDERS = 20


@click.command("residual")
@click.argument("member")
@on_option
@click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent.")
@click.option(
    "-o",
    "--orders",
    type=click.Path(path_type=Path),
    help="Sign the orders on our own items, send them, and write them to this file.",
)
@pass_session
def residual_duties(
    session: Session, *, member: str, on: datetime | None, treaty_ref: str, orders: Path | None
) -> int:
    """Say what still binds MEMBER after it denounced, and what is to be settled by when.

    Every item between it and this node is listed with the order that settles it. Orders on our own
    items are ours to sign; orders on items we hold are awaited from their originator.
    """
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.residual_orders import residual_list, sign_residual_orders  # noqa: PLC0415

    if on is not None and orders is not None:
        raise click.UsageError("orders are signed now; leave out --on")
    node, who = session.wired.node, member_id(member)
    with node.database.read() as tx:
        which = find_treaty(tx, node, treaty_ref)
        treaty = node.law.view(tx).treaty(which).treaty
        found = residual_list(tx, node, which, who, on or node.clock.now())
    if found is None:
        emit(
            session,
            {"treaty": which, "member": who, "residual": None},
            lambda: (
                f"{who} has given no notice under {treaty.short_title}: nothing is to be settled.\n"
            ),
        )
        return Exit.DONE
    if orders is not None:
        signed = sign_residual_orders(node, session.actor, session.wired.gate, which, who)
        lines = [json.dumps(each.document(), separators=(",", ":")) for each in signed]
        orders.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="ascii")
        say(f"{len(signed)} signed orders sent to their holders and written to {orders}")
    emit(
        session,
        {"treaty": which, "member": who, "residual": _document(found)},
        lambda: _text(treaty, found),
    )
    return Exit.DONE


def _document(found: ResidualList) -> dict[str, Any]:
    from foedus.clock import instant_text  # noqa: PLC0415

    def told(orders: Sequence[ResidualOrder]) -> list[dict[str, str]]:
        return [
            {
                "order": each.kind.value,
                "holder": each.holder,
                "originator": each.item.originator,
                "id": each.item.object_id,
                "version": each.item.version,
                "due": instant_text(each.due),
            }
            for each in orders
        ]

    left = found.residual
    return {
        "articles": list(left.articles),
        "since": instant_text(left.since),
        "deadline": instant_text(left.deadline),
        "in_effect": left.in_effect,
        "ours": told(found.ours),
        "awaited": told(found.awaited),
    }


def _text(treaty: Treaty, found: ResidualList) -> str:
    from foedus.node.law_words import day  # noqa: PLC0415

    left = found.residual
    verb = "took" if left.in_effect else "takes"
    articles = [(each, treaty.article(each).title) for each in left.articles]
    return (
        f"{left.member} gave notice on {day(left.since)}; "
        f"it {verb} effect on {day(left.deadline)}.\n"
        "By then each item is kept by agreement, returned or erased; the rest is erased.\n"
        "\nThese articles bind it, and the others towards it, while it holds an item:\n"
        + table(("article", "title"), articles)
        + _orders("Our own items, for us to order (`-o FILE` signs and sends)", found.ours, day)
        + _orders("Items we hold, to be ordered by their originator", found.awaited, day)
    )


def _orders(title: str, orders: Sequence[ResidualOrder], day: Callable[[datetime], str]) -> str:
    if not orders:
        return f"\n{title}: none.\n"
    counts = Counter((each.kind.value, each.holder, day(each.due)) for each in orders)
    sums = ", ".join(
        f"{number} to {kind} at {holder} by {due}"
        for (kind, holder, due), number in sorted(counts.items())
    )
    rows = [
        (each.kind.value, each.item.object_id, each.item.version, each.holder, day(each.due))
        for each in orders[:_SHOWN_ORDERS]
    ]
    more = len(orders) - _SHOWN_ORDERS
    return (
        f"\n{title}: {len(orders)} ({sums}).\n"
        + table(("order", "item", "version", "holder", "by"), rows)
        + (f"… and {more} more; `--json` lists all\n" if more > 0 else "")
    )
