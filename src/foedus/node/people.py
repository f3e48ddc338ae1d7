"""Users of this node and their roles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from foedus.access import Actor, Role, require_role, user_name
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import UserRow

__all__ = ["add_user", "first_user", "set_roles"]


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
