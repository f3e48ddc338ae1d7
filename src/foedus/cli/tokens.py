"""``token``: what a member's own tools may do here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say, table

if TYPE_CHECKING:
    from foedus.node.ports import TokenRow

__all__ = ["token"]


@click.group()
def token() -> None:
    """Tokens for a member's own tools. Only a hash is stored."""


class _Grant(click.ParamType[tuple[str, str]]):
    """NAME=r, NAME=w or NAME=rw."""

    name = "NAME=r|w|rw"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        name, separator, grant = str(value).partition("=")
        if not name or not separator or grant not in {"r", "w", "rw"}:
            self.fail(
                f"{str(value)[:80]!r} is no grant; give NAME=r, NAME=w or NAME=rw", param, ctx
            )
        return name, grant


@token.command("create")
@click.option("--user", "owner", required=True, help="Whom the tool acts for.")
@click.option(
    "--scope",
    default=None,
    type=click.Choice(["read", "write", "case"]),
    help="Read what is held; post drafts too; or do casework (docs/casework-api.md) and none of "
    "these.  [default: read, without --grant]",
)
@click.option(
    "--grant",
    "grants",
    multiple=True,
    type=_Grant(),
    help="Read, write or both in the collection NAME; may be repeated. Without --scope the token "
    "sees nothing else.",
)
@click.option("--expires", type=INSTANT, help="From when on it opens nothing.")
@click.option(
    "--certificate",
    metavar="SHA256",
    help="Use it only with the client certificate of this fingerprint, told by a trusted proxy.",
)
@click.option("--why", default="", help="What the tool reads personal data for; noted as it does.")
@pass_session
def token_create(
    session: Session,
    *,
    owner: str,
    scope: str | None,
    grants: Sequence[tuple[str, str]],
    expires: datetime | None,
    certificate: str | None,
    why: str,
) -> int:
    """Make a token; its secret is shown this once."""
    from foedus.node.tokens import TokenRights, create_token  # noqa: PLC0415

    if len({name for name, _ in grants}) < len(grants):
        raise click.UsageError("two grants name one collection")
    rights = TokenRights(
        scope=("" if grants else "read") if scope is None else scope,
        grants=dict(grants),
        expires=expires,
        certificate=certificate,
        purpose=why or session.why,
    )
    made = create_token(session.wired.node, session.actor, owner, rights)
    say(f"Token {made.row.token_id} of {owner}; `foedus token revoke` takes this id.")
    say("Keep this secret now: it is not stored and cannot be shown again.")
    document = {
        "token": made.row.token_id,
        "user": owner,
        "scope": rights.scope,
        "grants": dict(rights.grants),
        "expires": rights.expires,
        "certificate": made.row.certificate,
        "purpose": made.row.purpose,
        "secret": made.secret,
    }
    emit(session, document, lambda: f"{made.secret}\n")
    return Exit.DONE


@token.command("list")
@pass_session
def token_list(session: Session) -> int:
    """List tokens, never their secrets. The last use is told to the minute."""
    with session.wired.node.database.read() as tx:
        names = {each.number: each.name for each in tx.collections.all()}
        documents = [_document(each, names) for each in tx.people.tokens()]
    columns = (
        *("token", "user", "scope", "grants", "created", "expires", "last used", "revoked"),
        "for",
    )
    rows = [
        (
            each["token"],
            each["user"],
            each["scope"],
            " ".join(f"{name}={grant}" for name, grant in each["grants"].items()),
            each["created"],
            each["expires"],
            each["used"],
            each["revoked"],
            each["purpose"],
        )
        for each in documents
    ]
    emit(session, {"tokens": documents}, lambda: table(columns, rows))
    return Exit.DONE


@token.command("revoke")
@click.argument("token_id")
@pass_session
def token_revoke(session: Session, *, token_id: str) -> int:
    """Revoke the token TOKEN_ID from now on."""
    from foedus.node.tokens import revoke_token  # noqa: PLC0415

    node = session.wired.node
    asked = node.clock.now()
    row = revoke_token(node, session.actor, token_id)
    already = row.revoked is not None and row.revoked < asked
    said = f"was revoked already, at {_seconds(row.revoked)}" if already else "is revoked"
    emit(
        session,
        {"token": row.token_id, "revoked": row.revoked, "already": already},
        lambda: f"Token {row.token_id} of {row.user} {said}.\n",
    )
    return Exit.DONE


def _document(row: TokenRow, names: Mapping[int, str]) -> dict[str, Any]:
    from foedus.node.tokens import grant_text  # noqa: PLC0415

    return {
        "token": row.token_id,
        "user": row.user,
        "scope": row.scope,
        "grants": {names[each.collection]: grant_text(each) for each in row.grants},
        "created": _seconds(row.created),
        "expires": _seconds(row.expires),
        "used": _seconds(row.used),
        "revoked": _seconds(row.revoked),
        "certificate": row.certificate or "",
        "purpose": row.purpose,
    }


def _seconds(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="seconds")
