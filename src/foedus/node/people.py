"""Users, roles and tokens of this node."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from foedus.access import Actor, Role, require_role, user_name
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import TokenRow, Transaction, UserRow

__all__ = ["NewToken", "add_user", "create_token", "first_user", "revoke_token", "set_roles",
           "token_user"]  # fmt: skip

TOKEN_SCOPES = ("read", "write")
_TOKEN_BYTES = 24
_TOKEN_ID_BYTES = 4
_PREFIX = "fds_"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token at the only moment its secret is known.

    Attributes:
        row: What is stored.
        secret: What the tool presents; shown once, never stored.
    """

    row: TokenRow
    secret: str = field(repr=False)


def first_user(node: Node, name: str) -> None:
    """Add the first user of a new node, with every role, so that it can be set up.

    Raises:
        RefusedError: The node has users already.
    """
    with node.database.write() as tx:
        if tx.people.users():
            raise RefusedError("this node has users; one of its administrators adds more")
        tx.people.put_user(
            UserRow(
                name=user_name(name),
                roles=frozenset(role.value for role in Role),
                created=node.clock.now(),
            )
        )


def add_user(node: Node, actor: Actor, name: str, roles: Iterable[Role]) -> UserRow:
    """Add a user.

    Raises:
        RefusedError: The name is taken.
    """
    require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        if tx.people.user(user_name(name)) is not None:
            raise RefusedError(f"there is a user {name}; change the roles with `user roles`")
        row = UserRow(
            name=name,
            roles=frozenset(role.value for role in roles),
            created=node.clock.now(),
        )
        tx.people.put_user(row)
        note_act(tx, node, actor, "user.add", name)
    return row


def set_roles(node: Node, actor: Actor, name: str, roles: Iterable[Role]) -> UserRow:
    """Replace a user's roles; the last administrator stays one.

    Raises:
        NotFoundError: No such user.
        RefusedError: Nobody would be administrator any more.
    """
    require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        row = tx.people.user(name)
        if row is None:
            raise NotFoundError(f"no user {name!r}")
        changed = replace(row, roles=frozenset(role.value for role in roles))
        others = any(
            Role.ADMINISTRATOR in user.roles for user in tx.people.users() if user.name != name
        )
        if Role.ADMINISTRATOR not in changed.roles and not others:
            raise RefusedError("this would leave the node without an administrator")
        tx.people.put_user(changed)
        note_act(tx, node, actor, "user.roles", name)
    return changed


def create_token(node: Node, actor: Actor, user: str, scope: str) -> NewToken:
    """Make a token for a tool that acts for a user.

    Args:
        node: The node.
        actor: An administrator, or the user itself.
        user: Whom the tool acts for.
        scope: ``read`` or ``write``.

    Raises:
        NotFoundError: No such user.
        RefusedError: No such scope.
    """
    if actor.user != user:
        require_role(actor, Role.ADMINISTRATOR)
    if scope not in TOKEN_SCOPES:
        raise RefusedError(f"a token's scope is one of {', '.join(TOKEN_SCOPES)}")
    secret = _PREFIX + base64.urlsafe_b64encode(node.random(_TOKEN_BYTES)).decode().rstrip("=")
    row = TokenRow(
        token_id=node.random(_TOKEN_ID_BYTES).hex(),
        user=user,
        digest=hashlib.sha256(secret.encode()).digest(),
        scope=scope,
        created=node.clock.now(),
        revoked=None,
    )
    with node.database.write() as tx:
        if tx.people.user(user) is None:
            raise NotFoundError(f"no user {user!r}")
        tx.people.put_token(row)
        note_act(tx, node, actor, "token.create", row.token_id)
    return NewToken(row=row, secret=secret)


def revoke_token(node: Node, actor: Actor, token_id: str) -> TokenRow:
    """Revoke a token from now on.

    Raises:
        NotFoundError: No such token.
    """
    with node.database.write() as tx:
        row = next((each for each in tx.people.tokens() if each.token_id == token_id), None)
        if row is None:
            raise NotFoundError(f"no token {token_id!r}")
        if actor.user != row.user:
            require_role(actor, Role.ADMINISTRATOR)
        revoked = row if row.revoked else replace(row, revoked=node.clock.now())
        tx.people.put_token(revoked)
        note_act(tx, node, actor, "token.revoke", token_id)
    return revoked


def token_user(tx: Transaction, secret: str) -> TokenRow | None:
    """Return the live token with this secret, or None. The store compares only digests."""
    row = tx.people.token_by_digest(hashlib.sha256(secret.encode()).digest())
    return None if row is None or row.revoked is not None else row
