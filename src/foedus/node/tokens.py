"""Tokens of a member's own tools: made, listed and revoked.

A token acts as its user. Its scope says what it may do with what is held and with drafts, or that
it does casework instead (``case``); a grant, what it may do in one named collection. A token that
has grants and no scope sees nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.node.collections import collection_by_name
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import TokenGrant, TokenRow, Transaction
from foedus.node.readings import MAX_PURPOSE_CHARS

__all__ = [
    "GRANTS",
    "TOKEN_SCOPES",
    "NewToken",
    "TokenRights",
    "create_token",
    "grant_text",
    "revoke_token",
    "token_user",
]

TOKEN_SCOPES: Final = ("read", "write", "case")
GRANTS: Final[Mapping[str, tuple[bool, bool]]] = {
    "r": (True, False),
    "w": (False, True),
    "rw": (True, True),
}
"""How a grant is written, and what it lets read and write."""

_TOKEN_BYTES: Final = 24
_TOKEN_ID_BYTES: Final = 4
_PREFIX: Final = "fds_"
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRights:
    """What a token is to open.

    Attributes:
        scope: ``read`` or ``write`` of what is held and of drafts; ``case`` for casework and none
            of these; "" for nothing.
        grants: Name of a collection → ``r``, ``w`` or ``rw``.
        expires: From when on it opens nothing; None for never.
        certificate: SHA-256 of the one client certificate it may be used with, in hex, with or
            without colons; None for any or none.
        purpose: What it reads personal data for; "" for none stated.
    """

    scope: str = ""
    grants: Mapping[str, str] = field(default_factory=dict)
    expires: datetime | None = None
    certificate: str | None = None
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token at the only moment its secret is known.

    Attributes:
        row: What is stored.
        secret: What the tool presents; shown once, never stored.
    """

    row: TokenRow
    secret: str = field(repr=False)


def create_token(node: Node, actor: Actor, user: str, rights: TokenRights | str) -> NewToken:
    """Make a token for a tool that acts for a user.

    Args:
        node: The node.
        actor: An administrator, or the user itself; grants are an administrator's to give.
        user: Whom the tool acts for.
        rights: What it opens; a text stands for a scope alone.

    Raises:
        AccessDeniedError: The actor may not.
        NotFoundError: No such user or collection.
        RefusedError: No such scope, grant or fingerprint; it would open nothing; it is past.
    """
    if isinstance(rights, str):
        rights = TokenRights(scope=rights) if rights else TokenRights(scope="none")
    if actor.user != user or rights.grants:
        require_role(actor, Role.ADMINISTRATOR)
    _check(node, rights)
    secret = _PREFIX + base64.urlsafe_b64encode(node.random(_TOKEN_BYTES)).decode().rstrip("=")
    row = TokenRow(
        token_id=node.random(_TOKEN_ID_BYTES).hex(),
        user=user,
        digest=hashlib.sha256(secret.encode()).digest(),
        scope=rights.scope,
        created=node.clock.now(),
        revoked=None,
        expires=rights.expires,
        certificate=_fingerprint(rights.certificate),
        purpose=_purpose(rights.purpose),
    )
    with node.database.write() as tx:
        whose = tx.people.user(user)
        if whose is None:
            raise NotFoundError(f"no user {user!r}")
        if whose.disabled is not None:
            raise RefusedError(f"the user {user} is disabled; `foedus user enable` first")
        row = replace(row, grants=_grants(tx, rights.grants))
        tx.people.put_token(row)
        note_act(tx, node, actor, "token.create", row.token_id)
    return NewToken(row=row, secret=secret)


def revoke_token(node: Node, actor: Actor, token_id: str) -> TokenRow:
    """Revoke a token from now on; one that was revoked stays as it was.

    Raises:
        NotFoundError: No such token.
    """
    with node.database.write() as tx:
        row = next((each for each in tx.people.tokens() if each.token_id == token_id), None)
        if row is None:
            raise NotFoundError(f"no token {token_id!r}")
        if actor.user != row.user:
            require_role(actor, Role.ADMINISTRATOR)
        if row.revoked:
            return row
        revoked = replace(row, revoked=node.clock.now())
        tx.people.put_token(revoked)
        note_act(tx, node, actor, "token.revoke", token_id)
    return revoked


def token_user(tx: Transaction, secret: str) -> TokenRow | None:
    """Return the live token with this secret, or None. The store compares only digests.

    None too where its user is disabled.
    """
    row = tx.people.token_by_digest(hashlib.sha256(secret.encode()).digest())
    if row is None or row.revoked is not None:
        return None
    user = tx.people.user(row.user)
    return None if user is None or user.disabled is not None else row


def grant_text(grant: TokenGrant) -> str:
    """Return how a grant is written: ``r``, ``w`` or ``rw``."""
    return ("r" if grant.can_read else "") + ("w" if grant.can_write else "")


def _check(node: Node, rights: TokenRights) -> None:
    if rights.scope not in {"", *TOKEN_SCOPES}:
        raise RefusedError(f"a token's scope is one of {', '.join(TOKEN_SCOPES)}")
    if not rights.scope and not rights.grants:
        raise RefusedError("a token without scope and grants opens nothing")
    for name, grant in rights.grants.items():
        if grant not in GRANTS:
            raise RefusedError(f"the grant to {name!r} is r, w or rw")
    if rights.expires is not None and rights.expires <= node.clock.now():
        raise RefusedError("the token would have expired already")


def _purpose(text: str) -> str:
    purpose = text.strip()
    if len(purpose) > MAX_PURPOSE_CHARS or (purpose and not purpose.isprintable()):
        raise RefusedError(f"a purpose is one line of at most {MAX_PURPOSE_CHARS} characters")
    return purpose


def _fingerprint(text: str | None) -> str | None:
    if text is None:
        return None
    found = text.replace(":", "").strip().lower()
    if not _FINGERPRINT.fullmatch(found):
        raise RefusedError("a certificate is named by its SHA-256: 64 hex digits")
    return found


def _grants(tx: Transaction, grants: Mapping[str, str]) -> tuple[TokenGrant, ...]:
    named = []
    for name, grant in sorted(grants.items()):
        can_read, can_write = GRANTS[grant]
        number = collection_by_name(tx, name).number
        named.append(TokenGrant(collection=number, can_read=can_read, can_write=can_write))
    return tuple(named)
