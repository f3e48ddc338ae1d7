"""``user``: people of this node, their roles, and how they sign on."""

from __future__ import annotations

import sys

import click

from foedus.access import Role
from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table

__all__ = ["user"]

_ROLES = click.Choice([role.value for role in Role])
_SHOWN_ONCE = "Keep these now: they are not stored and cannot be shown again. Each counts once."


@click.group()
def user() -> None:
    """People of this node, their roles, and how they sign on. Every act carries a user."""


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
    """List users, roles, and what they sign on with."""
    with session.wired.node.database.read() as tx:
        users = tx.people.users()
        accounts = {each.name: tx.accounts.account(each.name) for each in users}
        bound = {each.user for each in tx.accounts.bindings()}
    documents = []
    rows = []
    for each in users:
        account = accounts[each.name]
        ways = {
            "password": account is not None and bool(account.password),
            "totp": account is not None and account.totp_confirmed is not None,
            "provider": each.name in bound,
        }
        has = [way for way, there in ways.items() if there]
        stopped = each.disabled is not None
        documents.append(
            {
                "user": each.name,
                "roles": ", ".join(sorted(each.roles)),
                "disabled": each.disabled,
                "signs on with": has,
            }
        )
        rows.append(
            (each.name, ", ".join(sorted(each.roles)), ", ".join(has), "disabled" * stopped)
        )
    columns = ("user", "roles", "signs on with", "")
    emit(session, {"users": documents}, lambda: table(columns, rows))
    return Exit.DONE


@user.command("disable")
@click.argument("name")
@pass_session
def user_disable(session: Session, *, name: str) -> int:
    """Stop the user NAME: its sessions end and its tokens open nothing, at once."""
    from foedus.node.people import disable_user  # noqa: PLC0415

    row = disable_user(session.wired.node, session.actor, name)
    emit(
        session,
        {"user": row.name, "disabled": row.disabled},
        lambda: f"{row.name} is disabled.\n",
    )
    return Exit.DONE


@user.command("enable")
@click.argument("name")
@pass_session
def user_enable(session: Session, *, name: str) -> int:
    """Let the user NAME act again, with the roles and tokens it had."""
    from foedus.node.people import enable_user  # noqa: PLC0415

    row = enable_user(session.wired.node, session.actor, name)
    emit(session, {"user": row.name, "disabled": None}, lambda: f"{row.name} may act again.\n")
    return Exit.DONE


@user.command("password")
@click.argument("name")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it from standard input, one line.")
@pass_session
def user_password(session: Session, *, name: str, from_stdin: bool) -> int:
    """Set the password of the user NAME; it is asked for and not shown. Its sessions end.

    What is set for somebody else must be changed at the first sign-on.
    """
    from foedus.node.accounts import set_password  # noqa: PLC0415

    actor = session.actor
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    set_password(session.wired.node, actor, name, password)
    temporary = actor.user != name
    emit(
        session,
        {"user": name, "temporary": temporary},
        lambda: (
            f"{name} has a password"
            + (", to be changed at the first sign-on.\n" * temporary or ".\n")
        ),
    )
    return Exit.DONE


@user.command("totp")
@click.option("--confirm", metavar="CODE", help="Take it into use, by the code it shows now.")
@click.option("--drop", metavar="NAME", help="Take away that of the user NAME, and its codes.")
@pass_session
def user_totp(session: Session, *, confirm: str | None, drop: str | None) -> int:
    """Enrol a second factor (TOTP) for whoever acts: first without options, then with --confirm."""
    from foedus.node.accounts import confirm_totp, drop_totp, enrol_totp  # noqa: PLC0415

    node, actor = session.wired.node, session.actor
    if confirm is not None and drop is not None:
        raise click.UsageError("--confirm and --drop do not go together")
    if drop is not None:
        drop_totp(node, actor, drop)
        emit(session, {"user": drop, "totp": False}, lambda: f"{drop} has no second factor now.\n")
    elif confirm is not None:
        codes = confirm_totp(node, actor, confirm)
        _show_codes(session, actor.user, codes)
    else:
        made = enrol_totp(node, actor)
        say("Give this to an authenticator, then `foedus user totp --confirm CODE`.")
        emit(
            session,
            {"user": actor.user, "key": made.key, "uri": made.uri},
            lambda: f"{made.key}\n{made.uri}\n",
        )
    return Exit.DONE


@user.command("recovery")
@pass_session
def user_recovery(session: Session) -> int:
    """Make new recovery codes for whoever acts; those made before open nothing any more."""
    from foedus.node.accounts import renew_recovery  # noqa: PLC0415

    actor = session.actor
    _show_codes(session, actor.user, renew_recovery(session.wired.node, actor))
    return Exit.DONE


def _show_codes(session: Session, name: str, codes: tuple[str, ...]) -> None:
    say(_SHOWN_ONCE)
    emit(session, {"user": name, "recovery": list(codes)}, lambda: "\n".join(codes) + "\n")


@user.command("sessions")
@click.argument("name", required=False, default="")
@click.option("--end", metavar="SESSION", help="End this one.")
@click.option("--end-all", is_flag=True, help="End all of the user NAME.")
@pass_session
def user_sessions(session: Session, *, name: str, end: str | None, end_all: bool) -> int:
    """List the open sessions of the user NAME, or of everybody; end them."""
    from foedus.node.sign_on import end_session, end_sessions, list_sessions  # noqa: PLC0415

    node, actor = session.wired.node, session.actor
    if end is not None and end_all:
        raise click.UsageError("--end and --end-all do not go together")
    if end_all:
        if not name:
            raise click.UsageError("--end-all needs the NAME of a user")
        count = end_sessions(node, actor, name)
        emit(session, {"user": name, "ended": count}, lambda: f"Sessions ended: {count}.\n")
        return Exit.DONE
    if end is not None:
        row = end_session(node, actor, end)
        emit(
            session,
            {"user": row.user, "ended": 1},
            lambda: f"Session {row.session_id} of {row.user} is ended.\n",
        )
        return Exit.DONE
    rows = list_sessions(node, actor, name)
    documents = [
        {
            "session": each.session_id,
            "user": each.user,
            "signed on by": each.how,
            "since": each.created,
            "last used": each.seen,
        }
        for each in rows
    ]
    columns = ("session", "user", "signed on by", "since", "last used")
    emit(
        session,
        {"sessions": documents},
        lambda: (
            table(columns, [[each[column] for column in columns] for each in documents])
            if documents
            else "No session is open.\n"
        ),
    )
    return Exit.DONE


@user.command("unlock")
@click.argument("name")
@pass_session
def user_unlock(session: Session, *, name: str) -> int:
    """Forget failed attempts to sign on as NAME, so that the next one is looked at."""
    from foedus.node.accounts import forget_failures  # noqa: PLC0415

    forget_failures(session.wired.node, session.actor, name)
    emit(session, {"user": name}, lambda: f"Failed attempts of {name} are forgotten.\n")
    return Exit.DONE


@user.command("oidc")
@click.argument("name")
@click.option("--subject", help="What the provider calls that person (the claim `sub`).")
@click.option("--remove", is_flag=True, help="Let NAME sign on through no provider any more.")
@pass_session
def user_oidc(session: Session, *, name: str, subject: str | None, remove: bool) -> int:
    """Bind the user NAME to a person of the OpenID provider named in the settings."""
    from foedus.node.accounts import bind_identity, unbind_identities  # noqa: PLC0415
    from foedus.settings import SettingsError  # noqa: PLC0415

    if remove is (subject is not None):
        raise click.UsageError("give either --subject or --remove")
    node, actor = session.wired.node, session.actor
    if subject is None:
        count = unbind_identities(node, actor, name)
        emit(session, {"user": name, "removed": count}, lambda: f"Bindings removed: {count}.\n")
        return Exit.DONE
    provider = session.wired.settings.oidc
    if provider is None:
        raise SettingsError("the settings name no provider: add a table [oidc]")
    row = bind_identity(node, actor, name, provider.issuer, subject)
    emit(
        session,
        {"user": name, "issuer": row.issuer, "subject": row.subject},
        lambda: f"{name} is {row.subject} of {row.issuer}.\n",
    )
    return Exit.DONE
