"""Ends, reviews, readings and findings about a person, as programs see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from foedus.clock import instant_text
from foedus.node.ports.readings import ReadingRow
from foedus.node.ports.retention import RetentionFigures
from foedus.node.retain import DatedItem
from foedus.node.subject import Finding, SubjectReport

__all__ = [
    "dated_document",
    "finding_document",
    "reading_document",
    "retention_document",
    "subject_document",
]


def reading_document(row: ReadingRow) -> dict[str, Any]:
    """Return who read how much, when and what for."""
    reading = row.reading
    return {
        "number": row.number,
        "at": instant_text(reading.at),
        "user": reading.user,
        "token": reading.token,
        "what": reading.what,
        "items": reading.count,
        "purpose": reading.purpose,
        "mark": reading.mark,
    }


def dated_document(each: DatedItem) -> dict[str, Any]:
    """Return until when an item is kept, and why."""
    row, dated = each.row, each.dated
    return {
        "number": str(row.number or ""),
        "id": row.key.object_id,
        "version": row.key.version,
        "type": row.type,
        "originator": row.key.originator,
        "state": row.state.value,
        "ends": _instant(dated.ends),
        "cause": "" if dated.cause is None else dated.cause.value,
        "why": dated.why,
        "expiry": _instant(dated.expiry),
        "retain": _instant(dated.retain),
        "ordered": _instant(dated.ordered),
        "review": _instant(dated.review),
        "kept": dated.kept,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def retention_document(figures: RetentionFigures) -> dict[str, Any]:
    """Return the figures of retention."""
    return {
        "due": figures.due,
        "ending": figures.ending,
        "reviews": figures.reviews,
        "kept_on_grounds": figures.kept,
    }


def finding_document(each: Finding) -> dict[str, Any]:
    """Return one finding as JSON."""
    return {
        "what": each.what,
        "item": each.item,
        "member": each.member,
        "at": None if each.at is None else instant_text(each.at),
        **{
            name: instant_text(value) if isinstance(value, datetime) else value
            for name, value in each.details.items()
        },
    }


def subject_document(report: SubjectReport) -> dict[str, Any]:
    """Return what was found about a person."""
    return {
        "reading": report.number,
        "at": instant_text(report.at),
        "items": len(report.items),
        "complete": report.complete,
        "found": {
            name: [finding_document(each) for each in found] for name, found in report.found.items()
        },
    }
