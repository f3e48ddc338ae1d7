"""Throw a draft away. What was held or disclosed is corrected or recalled, never discarded."""

from __future__ import annotations

from collections.abc import Sequence

from foedus.access import Actor, Role, require_role
from foedus.node.context import Node, note_act
from foedus.node.errors import RefusedError
from foedus.node.ports import ItemRow, ItemState

__all__ = ["discard"]


def discard(node: Node, actor: Actor, rows: Sequence[ItemRow], reason: str) -> int:
    """Erase drafts and return how many; all or none.

    Raises:
        AccessDeniedError: The actor is no analyst.
        RefusedError: One is no draft any more, or no reason is given.
    """
    require_role(actor, Role.ANALYST)
    if not reason.strip():
        raise RefusedError("say why the drafts are discarded")
    with node.database.write() as tx:
        for row in tx.items.rows([each.handle for each in rows]):
            if row.state is not ItemState.DRAFT:
                raise RefusedError(
                    f"{row.number or row.key.object_id} is {row.state.value}: only a draft is "
                    "discarded; what was disclosed is corrected or recalled"
                )
        tx.items.discard([each.handle for each in rows])
        for row in rows:
            note_act(tx, node, actor, "discard", f"{row.number or row.handle}: {reason}"[:500])
    return len(rows)
