"""Casework over HTTP: until when what is kept, what is known of a person, who read what."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from foedus.access import Role
from foedus.exchange.errors import BadRequestError
from foedus.exchange.server.casework_call import (
    Ask,
    CaseRoute,
    Count,
    Document,
    NoQuery,
    Number,
    Reference,
    instant_of,
    next_of,
)
from foedus.node.find import resolve_all
from foedus.node.readings import ReadingQuery, list_readings
from foedus.node.retain import (
    DatedItem,
    date_items,
    ending_items,
    kept_items,
    retention_figures,
    reviewed_items,
)
from foedus.node.shown_retention import (
    dated_document,
    reading_document,
    retention_document,
    subject_document,
)
from foedus.node.subject import SubjectQuery, find_subject

__all__ = ["KEEPING_ROUTES"]

_MAX_DIGITS: Final = 15


class Which(StrEnum):
    """What of retention is listed."""

    ENDING = "ending"
    REVIEWS = "reviews"
    KEPT = "kept"


class RetentionListing(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of what ends, is reviewed, or is kept past its end."""

    which: Which = Which.ENDING
    days: Annotated[int, Meta(ge=0, le=36_500)] = 30
    after: Annotated[str, Meta(max_length=60)] = ""
    limit: Count = 100


class DryRun(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of what a purge would take now."""

    after: Annotated[str, Meta(max_length=60)] = ""
    limit: Count = 100


class FindSubject(Struct, frozen=True, forbid_unknown_fields=True):
    """A person by values and names; the purpose is the header's where none is given."""

    values: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=1_000)], ...],
        Meta(min_length=1, max_length=50),
    ]
    purpose: Annotated[str, Meta(max_length=300)] = ""
    case: Annotated[str, Meta(max_length=200)] = ""


class ReadingListing(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of readings, the newest first; of some items, if any is named."""

    item: Annotated[tuple[Reference, ...], Meta(max_length=100)] = ()
    after: Number = 0
    limit: Count = 100


def _place(after: str) -> tuple[Any, int] | None:
    if not after:
        return None
    at, _, handle = after.partition("/")
    if not (handle.isascii() and handle.isdecimal() and len(handle) <= _MAX_DIGITS):
        raise BadRequestError("after: what `next` said")
    return instant_of("after", at), int(handle)


def _list(ask: Ask[RetentionListing, None]) -> Document:
    query = ask.query
    until = ask.node.clock.now() + timedelta(days=query.days)
    place = _place(query.after)
    with ask.node.database.read() as tx:
        figures = retention_figures(tx, ask.node, until=until)
        if query.which is Which.KEPT:
            found = kept_items(tx, after=0 if place is None else place[1], limit=query.limit)
        elif query.which is Which.REVIEWS:
            found = reviewed_items(tx, until, after=place, limit=query.limit)
        else:
            found = ending_items(tx, until, after=place, limit=query.limit)
    day = "review" if query.which is Which.REVIEWS else "ends"
    return {
        "items": [dated_document(each) for each in found],
        **retention_document(figures),
        "next": next_of(found, query.limit, lambda each: _key(each, day)),
    }


def _key(each: DatedItem, day: str) -> str:
    return f"{dated_document(each)[day] or '1970-01-01T00:00:00Z'}/{each.row.handle}"


def _dry_run(ask: Ask[DryRun, None]) -> Document:
    query, node = ask.query, ask.node
    now = node.clock.now()
    while date_items(node):
        pass
    with node.database.read() as tx:
        figures = retention_figures(tx, node, until=now)
        found = ending_items(tx, now, after=_place(query.after), limit=query.limit)
        handles = [each.row.handle for each in found]
        grounds = tx.erasure.reserved(handles, at=now)
        given = {
            handle: sorted({each.recipient for each in tx.feeds.disclosures(handle)})
            for handle in handles
        }
        exports = tx.readings.exports_of(handles)
    return {
        "items": [
            {
                **dated_document(each),
                "given_to": given[each.row.handle],
                "stays": each.row.handle in grounds,
            }
            for each in found
        ],
        "exports_handed_out": [
            each.export.place for each in exports if each.export.state.value == "handed-out"
        ],
        **retention_document(figures),
        "next": next_of(found, query.limit, lambda each: _key(each, "ends")),
    }


def _find(ask: Ask[NoQuery, FindSubject]) -> Document:
    body = ask.body
    query = SubjectQuery(values=body.values, purpose=body.purpose or ask.purpose, case=body.case)
    return subject_document(find_subject(ask.node, ask.actor, query))


def _readings(ask: Ask[ReadingListing, None]) -> Document:
    query = ask.query
    handles: tuple[int, ...] = ()
    if query.item:
        with ask.node.database.read() as tx:
            handles = tuple(row.handle for row in resolve_all(tx, query.item))
    found = list_readings(
        ask.node,
        ask.actor,
        ReadingQuery(handles=handles, before=query.after or None, limit=query.limit),
    )
    return {
        "readings": [reading_document(row) for row in found],
        "next": next_of(found, query.limit, lambda row: row.number),
    }


KEEPING_ROUTES: Final[tuple[CaseRoute, ...]] = (
    CaseRoute(
        method="GET",
        path="retention",
        does="What ends or is reviewed soon, the earliest first, or is kept past its end",
        work=_list,
        query=RetentionListing,
    ),
    CaseRoute(
        method="GET",
        path="retention/purge",
        does="What a purge would take now, and what stays: nothing is purged",
        work=_dry_run,
        roles=(Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR),
        query=DryRun,
    ),
    CaseRoute(
        method="POST",
        path="subjects/find",
        does="Everything known here of a person; safe to repeat, and noted each time",
        work=_find,
        roles=(Role.OFFICER,),
        body=FindSubject,
        remembered=False,
    ),
    CaseRoute(
        method="GET",
        path="readings",
        does="Who read personal data, and for what, the newest first",
        work=_readings,
        roles=(Role.OFFICER, Role.AUDITOR),
        query=ReadingListing,
    ),
)
"""Routes of retention, of persons and of readings."""
