"""``treaty``: what binds whom: status."""

from __future__ import annotations

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table

__all__ = ["status"]


@click.command("status")
@click.argument("treaty_ref", default="")
@pass_session
def status(session: Session, *, treaty_ref: str) -> int:
    """Show who is bound by a treaty since when, and what each reserves."""
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.ratify import treaty_status  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        which = find_treaty(tx, node, treaty_ref)
        found = treaty_status(tx, node, which)
        title = node.law.view(tx).treaty(which).treaty.title
        refused = node.law.view(tx).refused
    for name, reason in refused:
        say(f"instrument {name} does not count: {reason}")
    rows = [
        (
            each.member,
            each.stage.value,
            "" if each.since is None else each.since.isoformat(timespec="seconds"),
            ", ".join(sorted(each.reserved)) or "none",
            each.blocked or "; ".join(each.notes),
        )
        for each in found.members.values()
    ]
    since = found.in_force_since
    state = (
        "not in force" if since is None else f"in force since {since.isoformat(timespec='seconds')}"
    )
    emit(
        session,
        found.document(),
        lambda: (
            f"{title}\n{which[:12]}: {state}\n\n"
            + table(("member", "stage", "since", "reserves", "notes"), rows)
        ),
    )
    return Exit.DONE
