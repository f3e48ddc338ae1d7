"""Users of this node and their roles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from foedus.access import Actor, Role, require_role, user_name
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import Transaction, UserRow

__all__ = [
    "add_user",
    "disable_user",
    "enable_user",
    "first_user",
    "known_user",
    "roles_text",
    "set_roles",
]


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
        note_act(tx, node, actor, "user.add", f"{name}: {roles_text(row)}")
    return row


def set_roles(node: Node, actor: Actor, name: str, roles: Iterable[Role]) -> UserRow:
    """Replace a user's roles; the last administrator stays one. Sessions go on under new tokens.

    Raises:
        NotFoundError: No such user.
        RefusedError: Nobody would be administrator any more.
    """
    require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        row = known_user(tx, name)
        changed = replace(row, roles=frozenset(role.value for role in roles))
        _check_administrator(tx, changed)
        tx.people.put_user(changed)
        if changed.roles != row.roles:
            tx.accounts.make_stale(name)
        went = f"{roles_text(row)} → {roles_text(changed)}"
        note_act(tx, node, actor, "user.roles", f"{name}: {went}")
    return changed


def disable_user(node: Node, actor: Actor, name: str) -> UserRow:
    """Have nothing done in a user's name any more: sessions end, tokens open nothing, at once.

    What the user did stays; approvals it gave count no more. The name is never given to another.

    Raises:
        NotFoundError: No such user.
        RefusedError: Nobody would be administrator any more.
    """
    require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        row = known_user(tx, name)
        if row.disabled is not None:
            return row
        changed = replace(row, disabled=node.clock.now())
        _check_administrator(tx, changed)
        tx.people.put_user(changed)
        tx.accounts.end_sessions(name)
        note_act(tx, node, actor, "user.disable", name)
    return changed


def enable_user(node: Node, actor: Actor, name: str) -> UserRow:
    """Let a user act again, with the roles and tokens it had.

    Raises:
        NotFoundError: No such user.
    """
    require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        row = known_user(tx, name)
        if row.disabled is None:
            return row
        changed = replace(row, disabled=None)
        tx.people.put_user(changed)
        note_act(tx, node, actor, "user.enable", name)
    return changed


def roles_text(user: UserRow) -> str:
    """Return a user's roles as the journal names them: it has to tell who might do what, when."""
    return ", ".join(sorted(user.roles)) or "no role"


def known_user(tx: Transaction, name: str) -> UserRow:
    """Return a user, or raise NotFoundError."""
    row = tx.people.user(name)
    if row is None:
        raise NotFoundError(f"no user {name[:60]!r}")
    return row


def _check_administrator(tx: Transaction, changed: UserRow) -> None:
    """Refuse a change after which nobody could add people."""
    rows = [changed, *(user for user in tx.people.users() if user.name != changed.name)]
    if not any(user.disabled is None and Role.ADMINISTRATOR in user.roles for user in rows):
        raise RefusedError("this would leave the node without an administrator")
