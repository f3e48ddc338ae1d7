"""``user``: people of this node."""

from __future__ import annotations

import click

from foedus.access import Role
from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table

__all__ = ["user"]

_ROLES = click.Choice([role.value for role in Role])


@click.group()
def user() -> None:
    """People of this node and their roles. Every act carries a user."""


@user.command("add")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, type=_ROLES, help="May be repeated.")
@pass_session
def user_add(session: Session, *, name: str, roles: tuple[str, ...]) -> int:
    """Add the user NAME with one or more roles."""
    from foedus.node.people import add_user  # noqa: PLC0415

    row = add_user(session.wired.node, session.actor, name, [Role(role) for role in roles])
    emit(
        session,
        {"user": row.name, "roles": sorted(row.roles)},
        lambda: f"{row.name}: {', '.join(sorted(row.roles))}\n",
    )
    return Exit.DONE


@user.command("roles")
@click.argument("name")
@click.option(
    "--role", "roles", multiple=True, type=_ROLES, help="May be repeated; none removes all."
)
@pass_session
def user_roles(session: Session, *, name: str, roles: tuple[str, ...]) -> int:
    """Replace the roles of the user NAME."""
    from foedus.node.people import set_roles  # noqa: PLC0415

    row = set_roles(session.wired.node, session.actor, name, [Role(role) for role in roles])
    emit(
        session,
        {"user": row.name, "roles": sorted(row.roles)},
        lambda: f"{row.name}: {', '.join(sorted(row.roles)) or 'no role'}\n",
    )
    return Exit.DONE


@user.command("list")
@pass_session
def user_list(session: Session) -> int:
    """List users and roles."""
    with session.wired.node.database.read() as tx:
        rows = [(each.name, ", ".join(sorted(each.roles))) for each in tx.people.users()]
    emit(
        session,
        {"users": [{"user": name, "roles": roles} for name, roles in rows]},
        lambda: table(("user", "roles"), rows),
    )
    return Exit.DONE
