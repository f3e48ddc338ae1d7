"""``user`` and ``token``: people of this node and their tools."""

from __future__ import annotations

import click

from foedus.access import Role
from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table

__all__ = ["token", "user"]

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


@click.group()
def token() -> None:
    """Tokens for a member's own tools. Only a hash is stored."""


@token.command("create")
@click.option("--user", "owner", required=True, help="Whom the tool acts for.")
@click.option(
    "--scope",
    default="read",
    show_default=True,
    type=click.Choice(["read", "write"]),
    help="Read what is held, or post drafts too.",
)
@pass_session
def token_create(session: Session, *, owner: str, scope: str) -> int:
    """Make a token; its secret is shown this once."""
    from foedus.node.people import create_token  # noqa: PLC0415

    made = create_token(session.wired.node, session.actor, owner, scope)
    say("Keep this secret now: it is not stored and cannot be shown again.")
    emit(
        session,
        {"token": made.row.token_id, "user": owner, "scope": scope, "secret": made.secret},
        lambda: f"{made.secret}\n",
    )
    return Exit.DONE


@token.command("list")
@pass_session
def token_list(session: Session) -> int:
    """List tokens, never their secrets."""
    with session.wired.node.database.read() as tx:
        rows = [
            (
                each.token_id,
                each.user,
                each.scope,
                each.created.isoformat(timespec="seconds"),
                "" if each.revoked is None else each.revoked.isoformat(timespec="seconds"),
            )
            for each in tx.people.tokens()
        ]
    names = ("token", "user", "scope", "created", "revoked")
    emit(
        session,
        {"tokens": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: table(names, rows),
    )
    return Exit.DONE


@token.command("revoke")
@click.argument("token_id")
@pass_session
def token_revoke(session: Session, *, token_id: str) -> int:
    """Revoke the token TOKEN_ID from now on."""
    from foedus.node.people import revoke_token  # noqa: PLC0415

    row = revoke_token(session.wired.node, session.actor, token_id)
    emit(
        session,
        {"token": row.token_id, "revoked": row.revoked},
        lambda: f"Token {row.token_id} of {row.user} is revoked.\n",
    )
    return Exit.DONE
