"""What ``show`` and ``preview`` say of an item besides its content: conditions, feedback, holders.

Each is read from what stands here; an item of which nothing is known has no line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foedus.clock import instant_text
from foedus.model.identifiers import MemberId
from foedus.node.feedback import disputed, feedback_of
from foedus.node.ports import Transaction

__all__ = ["disputes", "disputes_text", "standing", "standing_text"]


def standing(tx: Transaction, handle: int) -> dict[str, Any]:
    """Return conditions of the copy, feedback on it, and onward holders, as a document."""
    return {
        "conditions": [
            {
                "words": list(each.words),
                "keep_until": None if each.keep_until is None else instant_text(each.keep_until),
            }
            for each in tx.onward.conditions([handle]).get(handle, ())
        ],
        "disputed_by": sorted(disputed(tx, [handle]).get(handle, ())),
        "feedback": [
            {
                "author": row.author,
                "stance": row.stance.value,
                "item": str(item.number or item.key.object_id),
                "at": instant_text(row.at),
            }
            for row, item in feedback_of(tx, [handle]).get(handle, ())
        ],
        "onward_holders": [
            {"holder": holder, "by": via, "at": instant_text(at)}
            for holder, via, at in tx.onward.onward_of(handle)
        ],
    }


def standing_text(found: dict[str, Any]) -> list[str]:
    """Return the lines for people."""
    lines = []
    for each in found["conditions"]:
        words = [
            *each["words"],
            *([f"ends {each['keep_until'][:10]}"] if each["keep_until"] else []),
        ]
        lines.append(f"  passed on to us on conditions: {', '.join(words)}")
    if found["disputed_by"]:
        lines.append(f"  DISPUTED by {', '.join(found['disputed_by'])}")
    lines += [
        f"  {each['author']} says {each['stance']} ({each['item']}, {each['at'][:10]})"
        for each in found["feedback"]
    ]
    lines += [
        f"  {each['by']} passed it on to {each['holder']} ({each['at'][:10]})"
        for each in found["onward_holders"]
    ]
    return lines


def disputes(tx: Transaction, handles: Sequence[int]) -> dict[int, list[MemberId]]:
    """Return who disputes which of these items; one statement."""
    return {handle: sorted(authors) for handle, authors in disputed(tx, handles).items()}


def disputes_text(named: Sequence[tuple[str, Sequence[MemberId]]]) -> str:
    """Return one line for each disputed item of a preview."""
    return "".join(f"{name} is DISPUTED by {', '.join(who)}\n" for name, who in named)
