"""Feedback as programs see it: the fields of `--json` and of the HTTP API."""

from __future__ import annotations

from typing import Any

from foedus.clock import instant_text
from foedus.node.ports import ItemRow
from foedus.node.ports.onward import FeedbackRow

__all__ = ["feedback_document"]


def feedback_document(row: FeedbackRow, item: ItemRow, about: ItemRow) -> dict[str, Any]:
    """Return what one item says of another."""
    return {
        "handle": row.item,
        "number": str(item.number or ""),
        "id": item.key.object_id,
        "state": item.state.value,
        "author": row.author,
        "stance": row.stance.value,
        "about": about.key.object_id,
        "about_version": about.key.version,
        "at": instant_text(row.at),
    }
