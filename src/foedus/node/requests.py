"""Requests for information as they stand here: found, opened, moved from state to state.

A request is one item addressed to one member, and a row beside it that says how far it has come
(``docs/requests.md``). Drafting is in :mod:`foedus.node.requests_draft`, sending in
:mod:`foedus.node.requests_send`, taking what comes in :mod:`foedus.node.requests_take`, answering
in :mod:`foedus.node.requests_answer`, deadlines in :mod:`foedus.node.requests_clock`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from foedus.casework.errors import RequestError
from foedus.casework.request import ItemName, Request, claimed_instant, open_request
from foedus.casework.request_course import WAITING, RequestEvent, RequestState, next_state
from foedus.model.identifiers import MemberId
from foedus.model.kinds import KindError, unwrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.model.selectors import Selector
from foedus.model.terms import parse_terms
from foedus.node.context import Node
from foedus.node.errors import NotFoundError
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.node.ports.requests import RequestNote, RequestRow, RequestSide
from foedus.signing import Envelope, EnvelopeError, KeyPurpose, PublicKey, parse_envelope

__all__ = [
    "ALARMS",
    "ALARM_DUE",
    "ALARM_EXPIRED",
    "ALARM_OVERDUE",
    "ALARM_TOO_MANY",
    "ALARM_UNREADABLE",
    "BY_CLOCK",
    "Holding",
    "RequestView",
    "clear_alarms",
    "find_request",
    "keys_of",
    "look_of",
    "move",
    "open_item",
    "view_request",
]

ALARM_DUE: Final = "request.due"
"""A request received is to be answered soon; subject: its number here."""

ALARM_OVERDUE: Final = "request.overdue"
"""A request received was not answered in time; subject: its number here."""

ALARM_EXPIRED: Final = "request.expired"
"""A request of ours was not answered in time; subject: its number here."""

ALARM_UNREADABLE: Final = "request.unreadable"
"""Items said to be requests are none to us; subject: the member, and the text is of the newest."""

ALARM_TOO_MANY: Final = "request.too-many"
"""A member sends more requests than the treaty lets it in a day; subject: the member."""

ALARMS: Final = (ALARM_DUE, ALARM_OVERDUE, ALARM_EXPIRED)
"""Alarms about one request, which end with it."""

BY_CLOCK: Final = "clock"
_DAY: Final = timedelta(days=1)
_SHOWN: Final = frozenset({ItemState.DRAFT, ItemState.HELD})
"""States in which what a request says is shown: no order blocks it."""

_HOLDINGS: Final = 20
"""Items shown of those that carry one selector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is held here on one selector, or one item, that a request asks about.

    Attributes:
        about: The selector, or the id of the item, as text.
        count: How many visible items carry it, the request itself left out.
        items: Some of them, newest first.
    """

    about: str
    count: int
    items: tuple[ItemRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request with all that is known of it here.

    Attributes:
        item: Its item; None once it is gone from here.
        request: What it says; None once that is erased, or while an order blocks it.
        personal: Whether what it says is personal data.
        notes: What happened to it, oldest first.
        answers: What was given in answer, as the member that asked was given it.
        here: Of those, the items that stand here, by name.
        holdings: What is held here on what it asks about; only for a request received.
    """

    row: RequestRow
    item: ItemRow | None
    request: Request | None
    personal: bool
    notes: tuple[RequestNote, ...]
    answers: tuple[ItemName, ...]
    here: Mapping[ItemName, ItemRow]
    holdings: tuple[Holding, ...]


def find_request(tx: Transaction, reference: str, *, side: RequestSide | None = None) -> RequestRow:
    """Return the request of a number here, or of a name.

    Args:
        tx: A transaction.
        reference: ``7``, or ``XA-R-2026-00007``.
        side: Only one of this side.

    Raises:
        NotFoundError: There is none.
    """
    rows: Sequence[RequestRow] = ()
    if reference.isdecimal() and len(reference) < _LONGEST_NUMBER:
        found = tx.requests.get(int(reference))
        rows = () if found is None else (found,)
    else:
        rows = tx.requests.named(reference)
    fitting = [row for row in rows if side is None or row.side is side]
    if not fitting:
        what = {
            None: "request",
            RequestSide.ASKED: "request of ours",
            RequestSide.RECEIVED: "request received",
        }[side]
        raise NotFoundError(f"no {what} {reference[:40]!r}; `foedus request list` shows them")
    return fitting[-1]


_LONGEST_NUMBER: Final = 16


def keys_of(tx: Transaction, node: Node, member: MemberId, at: datetime) -> tuple[PublicKey, ...]:
    """Return the node keys of a member of an instant, those revoked since left out."""
    view = node.law.view(tx)
    revoked = view.revoked(member)
    return tuple(key for key in view.keys(member, KeyPurpose.NODE, at) if key not in revoked)


def open_item(tx: Transaction, node: Node, obj: StixObject, asker: MemberId) -> Request:
    """Verify and read the request that an item is.

    Raises:
        RequestError: It is none, or not signed by the member that asks.
    """
    try:
        envelope = parse_envelope(unwrap_document(obj))
    except (KindError, EnvelopeError) as error:
        raise RequestError(f"no request: {error}") from error
    request = open_request(envelope, _keys(tx, node, envelope, asker))
    if request.asker != asker:
        raise RequestError("no request: it is of another member")
    return request


def _keys(
    tx: Transaction, node: Node, envelope: Envelope, asker: MemberId
) -> tuple[PublicKey, ...]:
    if asker == node.identity.member:
        return (node.identity.node.public,)
    return keys_of(tx, node, asker, claimed_instant(envelope))


def look_of(row: RequestRow) -> datetime | None:
    """Return when the clock is to look at a request next, by its state and deadline.

    A request received is brought to mind when a quarter of its time is left, but not more than a
    day before the deadline; a request of ours when its time is out.
    """
    if row.state is RequestState.APPROVED or (
        row.state in WAITING and row.side is RequestSide.ASKED
    ):
        return row.due
    if row.state in WAITING:
        return row.due - min((row.due - row.at) / 4, _DAY)
    if row.state is RequestState.PARTIAL and row.side is RequestSide.RECEIVED:
        return row.due
    return None


def move(
    tx: Transaction,
    row: RequestRow,
    event: RequestEvent,
    *,
    by: str,
    at: datetime,
    digest: str = "",
) -> RequestRow:
    """Lead a request on within the caller's unit of work, and keep it and its history.

    Args:
        tx: A writing transaction.
        row: As it stands, with what the event changes besides the state.
        event: What happened.
        by: The user, the member, or :data:`BY_CLOCK`.
        at: Instant of the act.
        digest: Of the document that said so.

    Returns:
        The row as it is now.

    Raises:
        CaseCourseError: The event may not follow.
    """
    after = replace(row, state=next_state(row.state, event))
    after = replace(after, look=look_of(after))
    tx.requests.save(after)
    tx.requests.note(
        row.number,
        RequestNote(at=at, event=event, state=after.state, by=by, digest=digest),
    )
    if after.state not in WAITING and after.state is not RequestState.EXPIRED:
        clear_alarms(tx, after)
    return after


def clear_alarms(tx: Transaction, row: RequestRow) -> None:
    """Close the alarms about a request."""
    for code in ALARMS:
        tx.alarms.clear(code, str(row.number))


def view_request(tx: Transaction, node: Node, row: RequestRow) -> RequestView:
    """Return everything known of a request."""
    item = next(iter(tx.items.rows([row.item])), None)
    request = None if item is None else _opened(tx, node, row, item)
    answers = tuple(tx.requests.answers(row.number))
    return RequestView(
        row=row,
        item=item,
        request=request,
        personal=_personal(tx, item),
        notes=tuple(tx.requests.notes(row.number)),
        answers=answers,
        here=_here(tx, row, answers),
        holdings=()
        if request is None or row.side is RequestSide.ASKED
        else _holdings(tx, row, request),
    )


def _opened(tx: Transaction, node: Node, row: RequestRow, item: ItemRow) -> Request | None:
    raw = tx.items.raw([item.handle]).get(item.handle)
    if raw is None or item.key.object_id != row.object_id or item.state not in _SHOWN:
        return None
    asker = node.identity.member if row.side is RequestSide.ASKED else row.member
    try:
        return open_item(tx, node, parse_object(raw), asker)
    except RequestError:
        return None  # its keys were revoked meanwhile


def _personal(tx: Transaction, item: ItemRow | None) -> bool:
    if item is None or item.terms_id is None:
        return item is not None
    raw = tx.items.terms([item.terms_id]).get(item.terms_id)
    return raw is None or parse_terms(raw).personal


def _here(
    tx: Transaction, row: RequestRow, answers: Sequence[ItemName]
) -> Mapping[ItemName, ItemRow]:
    """Return the items that answers name; of those said to have come, only what that member gave.

    Whoever answers might name what others gave, or our own.
    """
    found: dict[ItemName, ItemRow] = {}
    for name in answers:
        for each in tx.items.by_object_id(name.object_id):
            if each.key.version != name.version:
                continue
            shown = each
            if each.variant_of is not None:
                shown = next(iter(tx.items.rows([each.variant_of])), each)
            theirs = row.member in {shown.key.originator, shown.received_from}
            if shown.state is ItemState.HELD and (theirs or row.side is RequestSide.RECEIVED):
                found[name] = shown
    return found


def _holdings(tx: Transaction, row: RequestRow, request: Request) -> tuple[Holding, ...]:
    asked: Sequence[Selector] = request.selectors
    postings = tx.items.postings(asked, cap=_HOLDINGS + 1)
    shown = {handle for each in postings.values() for handle in each.handles} - {row.item}
    rows = {each.handle: each for each in tx.items.rows(sorted(shown))}
    found: list[Holding] = []
    for selector in asked:
        posting = postings.get(selector)
        handles = () if posting is None else posting.handles
        own = [rows[each] for each in handles if each in rows]
        count = 0 if posting is None else posting.frequency - (row.item in handles)
        found.append(
            Holding(about=str(selector), count=max(count, len(own)), items=tuple(own[:_HOLDINGS]))
        )
    for name in request.about:
        known = [
            each
            for each in tx.items.by_object_id(name.object_id)
            if each.state is ItemState.HELD and each.key.version == name.version
        ]
        found.append(Holding(about=name.object_id, count=len(known), items=tuple(known)))
    return tuple(found)
