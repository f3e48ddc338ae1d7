"""A member's own collections for its tools: made, described and deleted by name.

A named collection holds STIX objects that tools exchange among themselves through this node. What
lies in one leaves the node never: to be released, an object is taken into drafts
(:func:`foedus.node.submit_collection.submit_collection`) and goes the way of every other.

check role → check name → store → record.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import CollectionRow, Transaction

__all__ = [
    "RESERVED_NAMES",
    "collection_by_name",
    "create_collection",
    "delete_collection",
]

RESERVED_NAMES: Final = frozenset({"held", "drafts"})
"""Names of the collections every node has."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,62}", re.ASCII)
_MAX_TITLE_CHARS: Final = 200
_MAX_DESCRIPTION_CHARS: Final = 2_000


def create_collection(
    node: Node, actor: Actor, name: str, *, title: str = "", description: str = ""
) -> CollectionRow:
    """Make an empty collection.

    Args:
        node: The node.
        actor: An administrator.
        name: 2 to 63 lower-case letters, digits and hyphens; stands in paths as the alias.
        title: For people; the name when empty.
        description: For people.

    Raises:
        AccessDeniedError: The actor is no administrator.
        RefusedError: The name is none, is reserved or is taken; a text is too long.
    """
    require_role(actor, Role.ADMINISTRATOR)
    if not _NAME.fullmatch(name) or _is_uuid(name):
        raise RefusedError(
            "a collection's name has 2 to 63 lower-case letters, digits and hyphens, begins with "
            f"a letter or digit and is no UUID: {name[:80]!r} is none"
        )
    if name in RESERVED_NAMES:
        raise RefusedError(f"every node has the collection {name!r}; take another name")
    if len(title) > _MAX_TITLE_CHARS or len(description) > _MAX_DESCRIPTION_CHARS:
        raise RefusedError(
            f"a title has at most {_MAX_TITLE_CHARS} characters, "
            f"a description {_MAX_DESCRIPTION_CHARS}"
        )
    row = CollectionRow(
        number=0,
        id=str(uuid.UUID(bytes=node.random(16), version=4)),
        name=name,
        title=title or name,
        description=description,
        created=node.clock.now(),
        created_by=actor.user,
    )
    with node.database.write() as tx:
        if any(each.name == name for each in tx.collections.all()):
            raise RefusedError(f"there is a collection {name!r}")
        stored = tx.collections.put(row)
        note_act(tx, node, actor, "collection.create", name)
    return stored


def delete_collection(node: Node, actor: Actor, name: str) -> CollectionRow:
    """Delete a collection with all that stands in it and every grant to it.

    Returns:
        The collection as it was.

    Raises:
        AccessDeniedError: The actor is no administrator.
        NotFoundError: No such collection.
    """
    require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        row = collection_by_name(tx, name)
        tx.collections.remove(row.number)
        note_act(tx, node, actor, "collection.delete", name)
    node.database.forget()
    return row


def collection_by_name(tx: Transaction, name: str) -> CollectionRow:
    """Return a collection, or raise.

    Raises:
        NotFoundError: No such collection.
    """
    row = next((each for each in tx.collections.all() if each.name == name), None)
    if row is None:
        raise NotFoundError(f"no collection {name!r}; see `collections list`")
    return row


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
