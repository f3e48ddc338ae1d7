"""What a person wishes to disclose, as the command line says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.output import say

if TYPE_CHECKING:
    from foedus.node.wish import Wish

__all__ = ["held_handles", "wish_of", "wish_options"]


def wish_options(command: Any) -> Any:
    """Add the options that say what is wished: treaty, purpose, article, members."""
    options = [
        click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent."),
        click.option("--purpose", required=True, help="One of the treaty's purposes."),
        click.option("--article", help="Article relied on; the freest is proposed if absent."),
        click.option("--to", "recipients", multiple=True, help="Member; all parties if absent."),
        click.option("--threat-to-life", is_flag=True, help="You assert a threat to life."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def wish_of(session: Session, values: dict[str, Any]) -> Wish:
    """Return the wish that the values of :func:`wish_options` state."""
    from foedus.model.identifiers import ArticleId, member_id  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.wish import Wish  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        treaty = find_treaty(tx, node, values["treaty_ref"])
    return Wish(
        treaty=treaty,
        purpose=values["purpose"],
        article=None if values["article"] is None else ArticleId(values["article"]),
        recipients=tuple(member_id(each) for each in values["recipients"]),
        threat_to_life=values["threat_to_life"],
        anew=values.get("anew", False),
    )


def held_handles(session: Session, references: Sequence[str]) -> list[int]:
    """Return held items only; what else a source names is told, never silently left out.

    Raises:
        RefusedError: None is held.
        NotFoundError: A reference names nothing visible here.
    """
    from foedus.node.errors import RefusedError  # noqa: PLC0415
    from foedus.node.find import resolve_all  # noqa: PLC0415
    from foedus.node.ports import ItemState  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        rows = resolve_all(tx, references)
    held = [row.handle for row in rows if row.state is ItemState.HELD]
    if not held:
        raise RefusedError("none of these is held: vouch for the drafts first (`foedus vouch`)")
    if len(held) != len(rows):
        say(f"{len(rows) - len(held)} of these are not held (drafts): vouch for them first")
    return held
