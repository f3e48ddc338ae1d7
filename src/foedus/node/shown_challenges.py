"""Challenges as programs see them: the fields of `--json` and of the HTTP API."""

from __future__ import annotations

from typing import Any

from foedus.casework.challenge_figures import AccessFigures, ChallengeFigures
from foedus.clock import instant_text
from foedus.node.challenges import ChallengeView
from foedus.node.ports.challenges import AccessRow, ChallengeRow, LateRow

__all__ = [
    "access_document",
    "access_figures_document",
    "challenge_document",
    "challenge_figures_document",
    "challenge_view_document",
    "late_document",
]


def challenge_document(row: ChallengeRow) -> dict[str, Any]:
    """Return a challenge; nothing of what it concerns."""
    taken = row.challenge
    return {
        "number": row.number,
        "name": taken.name,
        "side": taken.side.value,
        "sender": taken.sender,
        "reference": taken.reference,
        "state": row.state.value,
        "outcome": None if row.outcome is None else row.outcome.value,
        "received": instant_text(taken.received),
        "block_due": instant_text(taken.block_due),
        "decide_due": instant_text(taken.decide_due),
        "blocked": None if row.blocked is None else instant_text(row.blocked),
        "decided": None if row.decided is None else instant_text(row.decided),
        "decided_by": row.decided_by,
        "closed": None if row.closed is None else instant_text(row.closed),
    }


def challenge_view_document(view: ChallengeView) -> dict[str, Any]:
    """Return a challenge with what it concerns."""
    return {
        **challenge_document(view.row),
        "items": [
            {
                "number": str(row.number or ""),
                "id": row.key.object_id,
                "version": row.key.version,
                "originator": row.key.originator,
                "title": row.title,
                "state": row.state.value,
                "blocked": row.handle in view.blocking,
            }
            for row in view.items
        ],
        "referrals": [
            {
                "member": each.member,
                "items": each.items,
                "word": None if each.word is None else each.word.value,
            }
            for each in view.referrals
        ],
        "orders": list(view.orders),
        "intake": None if view.words is None else view.words.intake,
        "reason": None if view.words is None else view.words.reason,
    }


def late_document(row: LateRow) -> dict[str, Any]:
    """Return the record of a deadline that passed."""
    return {
        "number": row.record,
        "case": row.name,
        "what": row.late.what,
        "member": row.late.member,
        "due": instant_text(row.late.due),
        "noted": instant_text(row.late.noted),
        "made_good": None if row.made_good is None else instant_text(row.made_good),
        "closed": None if row.closed is None else instant_text(row.closed),
        "closed_by": row.closed_by,
        "reason": row.reason,
    }


def access_document(row: AccessRow) -> dict[str, Any]:
    """Return a request to see what is held."""
    return {
        "number": row.number,
        "name": row.access.name,
        "reference": row.access.reference,
        "state": row.state.value,
        "received": instant_text(row.access.received),
        "due": instant_text(row.access.due),
        "ended": None if row.ended is None else instant_text(row.ended),
        "ended_by": row.ended_by,
    }


def challenge_figures_document(found: ChallengeFigures) -> dict[str, Any]:
    """Return the figures of the challenges of a year."""
    return {
        "received": found.received,
        "upheld": found.upheld,
        "corrected": found.corrected,
        "restricted": found.restricted,
        "rejected": found.rejected,
        "withdrawn": found.withdrawn,
        "open": found.open,
        "median_days": found.median_days,
        "late": found.late,
        "referred": found.referred,
    }


def access_figures_document(found: AccessFigures) -> dict[str, Any]:
    """Return the figures of the requests of a year to see what is held."""
    return {
        "received": found.received,
        "answered": found.answered,
        "withdrawn": found.withdrawn,
        "open": found.open,
        "median_days": found.median_days,
        "late": found.late,
    }
