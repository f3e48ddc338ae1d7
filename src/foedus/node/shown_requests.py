"""Requests for information as programs see them: the fields of `--json` and of the HTTP API."""

from __future__ import annotations

from typing import Any

from foedus.clock import instant_text
from foedus.node.ports.requests import RequestRow
from foedus.node.requests import RequestView

__all__ = ["request_document", "request_view_document"]


def request_document(row: RequestRow) -> dict[str, Any]:
    """Return a request as a JSON object."""
    return {
        "number": row.number,
        "name": row.name,
        "side": row.side.value,
        "member": row.member,
        "id": row.object_id,
        "treaty": row.treaty,
        "article": row.article,
        "purpose": row.purpose,
        "offence": row.offence,
        "urgency": row.urgency.value,
        "selectors": row.selectors,
        "hit": row.hit,
        "state": row.state.value,
        "at": instant_text(row.at),
        "due": instant_text(row.due),
        "extended": row.extended,
        "author": row.author,
        "approved_by": row.approved_by,
        "ground": row.ground,
        "usefulness": row.usefulness or None,
        "feedback": row.feedback,
    }


def request_view_document(view: RequestView) -> dict[str, Any]:
    """Return a request with all that is known of it as a JSON object."""
    request = view.request
    return {
        **request_document(view.row),
        "item": "" if view.item is None else str(view.item.number or ""),
        "personal": view.personal,
        "says": None
        if request is None
        else {
            "legal_basis": request.legal_basis,
            "selectors": [str(each) for each in request.selectors],
            "about": [{"id": each.object_id, "version": each.version} for each in request.about],
            "text": request.description,
        },
        "history": [
            {
                "at": instant_text(note.at),
                "event": note.event.value,
                "state": note.state.value,
                "by": note.by,
            }
            for note in view.notes
        ],
        "answers": [
            {
                "id": name.object_id,
                "version": name.version,
                "number": str(view.here[name].number or "") if name in view.here else None,
            }
            for name in view.answers
        ],
        "held_here": [
            {
                "about": each.about,
                "count": each.count,
                "items": [
                    {"number": str(item.number or ""), "type": item.type, "title": item.title}
                    for item in each.items
                ],
            }
            for each in view.holdings
        ],
    }
