"""Consents as programs see them: the fields of `--json` and of the HTTP API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from foedus.clock import instant_text
from foedus.node.consents import bounds_of
from foedus.node.ports import ConsentRow, ItemRow
from foedus.node.ports.onward import ConsentRequestRow

__all__ = ["consent_document", "consent_request_document", "consent_state"]


def consent_request_document(row: ConsentRequestRow, item: ItemRow | None = None) -> dict[str, Any]:
    """Return a request for a consent, with the name of its item where one is given."""
    asked = row.request
    named = {} if item is None else {"id": item.key.object_id, "version": item.key.version}
    return {
        "number": row.number,
        "ours": asked.ours,
        "member": asked.member,
        **named,
        "recipient": asked.recipient,
        "treaty": asked.treaty,
        "purpose": asked.purpose,
        "life": asked.life,
        "until": instant_text(asked.until),
        "at": instant_text(asked.at),
        "due": instant_text(asked.due),
        "state": row.state.value,
        "answered": None if row.answered is None else instant_text(row.answered),
        "answered_by": row.answered_by,
        "ground": row.ground,
        "consent": row.consent,
    }


def consent_document(row: ConsentRow) -> dict[str, Any]:
    """Return a consent."""
    given = row.consent
    return {
        "number": row.number,
        "given": given.given,
        "originator": given.item.originator,
        "id": given.item.object_id,
        "version": given.item.version,
        "sha256": given.content_hash,
        "recipient": given.recipient,
        "treaty": given.treaty,
        "purpose": given.purpose,
        "by": given.user,
        "at": instant_text(given.at),
        "until": instant_text(given.until),
        "log_entry": given.entry_index,
        **_bounds(row),
        "withdrawn": None if row.withdrawn is None else instant_text(row.withdrawn),
    }


def consent_state(row: ConsentRow, now: datetime) -> str:
    """Return whether a consent stands, has run out or was withdrawn."""
    if row.withdrawn is not None:
        return "withdrawn"
    return "stands" if now < row.consent.until else "run out"


def _bounds(row: ConsentRow) -> dict[str, Any]:
    """Return what the signed consent itself says of the copy."""
    bounds = bounds_of(row)
    keep = bounds.keep_until
    return {
        "conditions": sorted(bounds.conditions),
        "keep_until": None if keep is None else instant_text(keep),
    }
