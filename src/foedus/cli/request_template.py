"""``request template``: what drafts of one sort have in common."""

from __future__ import annotations

from typing import Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table

__all__ = ["template"]


@click.group()
def template() -> None:
    """Purpose, legal basis and words that drafts of one sort have in common."""


@template.command("set")
@click.argument("name")
@click.option("--treaty", default="", help="Treaty relied on.")
@click.option("--article", default="", help="Article relied on.")
@click.option("--purpose", default="", help="Purpose of the treaty.")
@click.option("--offence", default="", help="Offence of the treaty.")
@click.option("--legal-basis", default="", help="The domestic provision relied on, cited.")
@click.option(
    "--urgency", default="", type=click.Choice(["", "life", "urgent", "routine"]), help="How soon."
)
@click.option("--text", default="", help="What is asked, in words; no person's data.")
@click.option(
    "--person",
    default="",
    type=click.Choice(
        ["", "suspect", "convicted", "victim", "witness", "contact", "other", "none"]
    ),
    help="In what capacity persons appear.",
)
@click.option(
    "--tlp",
    default="",
    type=click.Choice(["", "clear", "green", "amber", "amber+strict", "red"]),
    help="TLP 2.0 level.",
)
@pass_session
def set_template(session: Session, /, *, name: str, **values: Any) -> int:
    """Keep template NAME: what is given here, a draft need not say."""
    from foedus.node.requests_templates import put_template  # noqa: PLC0415

    given = {key: str(value) for key, value in values.items() if value}
    put_template(session.wired.node, session.actor, name, given)
    emit(session, {"name": name, "values": given}, lambda: f"Template {name} kept.\n")
    return Exit.DONE


@template.command("list")
@pass_session
def list_templates(session: Session) -> int:
    """List templates."""
    with session.wired.node.database.read() as tx:
        found = tx.requests.templates()
    rows = [
        (each.name, "; ".join(f"{key} {value}" for key, value in sorted(each.values.items())))
        for each in found
    ]
    emit(
        session,
        {"templates": [{"name": each.name, "values": dict(each.values)} for each in found]},
        lambda: table(("template", "says"), rows) if rows else "No templates.\n",
    )
    return Exit.DONE


@template.command("remove")
@click.argument("name")
@pass_session
def remove(session: Session, *, name: str) -> int:
    """Forget template NAME."""
    from foedus.node.requests_templates import remove_template  # noqa: PLC0415

    remove_template(session.wired.node, session.actor, name)
    emit(session, {"name": name, "removed": True}, lambda: f"Template {name} removed.\n")
    return Exit.DONE
