"""Reply to a request in words: a note on it, which its author vouches for and the gate decides.

"We hold nothing" tells of a case like any other answer, so it is no word of a list but an item: a
STIX note that refers to the request. It is given in answer like every item.

Spec: Convention Article 15(1); STIX 2.1 §4.12.
"""

from __future__ import annotations

from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.canonical import canonical_bytes
from foedus.casework.request_course import RequestEvent, next_state
from foedus.clock import instant_text
from foedus.model.identifiers import derived_object_id
from foedus.model.objects import parse_object
from foedus.node.context import Node, note_act
from foedus.node.display import display_text
from foedus.node.errors import RefusedError
from foedus.node.ports import ItemRow, ItemState, NewItem, Stored
from foedus.node.ports.requests import RequestRow, RequestSide

__all__ = ["draft_reply"]

_MAX_CHARS: Final = 8_000


def draft_reply(node: Node, actor: Actor, row: RequestRow, text: str) -> ItemRow:
    """Draft a note that replies to a request received; returns the draft.

    Args:
        node: The node.
        actor: An analyst.
        row: The request.
        text: What to reply, in words.

    Raises:
        AccessDeniedError: The actor is no analyst.
        RefusedError: It is a request of ours, or nothing or too much is said, or just that already.
        CaseCourseError: It is not one to be answered.
    """
    require_role(actor, Role.ANALYST)
    if row.side is not RequestSide.RECEIVED:
        raise RefusedError(f"request {row.number} is one of ours; the other side replies")
    next_state(row.state, RequestEvent.ANSWER)
    said = text.strip()
    if not 1 <= len(said) <= _MAX_CHARS:
        raise RefusedError(f"a reply has 1 to {_MAX_CHARS} characters")
    now = node.clock.now()
    name = f"{node.identity.member}\n{row.object_id}\n{said}".encode()
    obj = parse_object(
        canonical_bytes(
            {
                "type": "note",
                "spec_version": "2.1",
                "id": derived_object_id("note", name),
                "created": instant_text(now),
                "modified": instant_text(now),
                "abstract": f"Reply to request {row.name}",
                "content": ("EXERCISE. " if node.identity.exercise else "") + said,
                "object_refs": [row.object_id],
            }
        )
    )
    title, words = display_text(obj)
    with node.database.write() as tx:
        [stored] = tx.items.add(
            [
                NewItem(
                    obj=obj,
                    originator=node.identity.member,
                    state=ItemState.DRAFT,
                    title=title,
                    text=words,
                )
            ],
            at=now,
        )
        if stored.outcome is not Stored.NEW:
            raise RefusedError("just that was drafted before; `foedus search` finds it")
        tx.accounts.note_hands([stored.handle], actor.user, "drafted")
        [item] = tx.items.rows([stored.handle])
        note_act(tx, node, actor, "request.reply", f"{row.number} {item.number}")
    return item
