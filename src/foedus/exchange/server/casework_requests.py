"""Casework over HTTP: requests for information, ours and those of other members."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from foedus.access import Role
from foedus.casework.request import MAX_DESCRIPTION, MAX_SELECTORS, Urgency
from foedus.casework.request_course import ENDED, WAITING, RequestState
from foedus.casework.request_status import Feedback, Ground
from foedus.exchange.errors import BadRequestError, UnprocessableError
from foedus.exchange.server.casework_call import (
    Ask,
    CaseRoute,
    Count,
    Document,
    NoQuery,
    Number,
    Reference,
    References,
    instant_of,
    next_of,
    treaty_of,
)
from foedus.model.identifiers import ArticleId, member_id
from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson, HandlingCondition
from foedus.node.errors import RefusedError
from foedus.node.find import resolve_all
from foedus.node.ports import ItemState
from foedus.node.ports.requests import RequestRow, RequestSide
from foedus.node.request_questions import asked_items, asked_selectors, footing_of_item
from foedus.node.requests import RequestView, find_request, view_request
from foedus.node.requests_answer import (
    answer_request,
    close_request,
    extend_request,
    refuse_request,
    withdraw_request,
)
from foedus.node.requests_draft import (
    RequestDraft,
    approve_request,
    draft_request,
    question_of_hit,
)
from foedus.node.requests_reply import draft_reply
from foedus.node.requests_send import preview_request, send_request
from foedus.node.shown_requests import request_document, request_view_document

__all__ = ["REQUEST_ROUTES"]

_OPEN: Final = WAITING | {RequestState.PARTIAL, RequestState.EXPIRED}
_PAGE: Final = 500


class DraftRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request to draft: to a member, or by a hit."""

    legal_basis: Annotated[str, Meta(min_length=1, max_length=2_000)]
    to: Annotated[str, Meta(max_length=40)] = ""
    hit: Number | None = None
    values: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=1_000)], ...],
        Meta(max_length=MAX_SELECTORS),
    ] = ()
    items: Annotated[tuple[Reference, ...], Meta(max_length=MAX_SELECTORS)] = ()
    text: Annotated[str, Meta(max_length=MAX_DESCRIPTION)] = ""
    treaty: Annotated[str, Meta(max_length=80)] = ""
    article: Annotated[str, Meta(max_length=40)] = ""
    purpose: Annotated[str, Meta(max_length=80)] = ""
    offence: Annotated[str, Meta(max_length=80)] = ""
    urgency: Urgency = Urgency.ROUTINE
    due: str | None = None
    person: CategoryOfPerson = CategoryOfPerson.NONE
    tlp: TLP = TLP.AMBER
    handling: Annotated[tuple[HandlingCondition, ...], Meta(max_length=10)] = ()
    review: str | None = None
    expiry: str | None = None


class RequestListing(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of requests; open ones if no state is named."""

    state: tuple[RequestState, ...] = ()
    side: RequestSide | None = None
    after: Number = 0
    limit: Count = 50


class InboxQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of what waits for an answer, the nearest deadline first."""

    after: Annotated[str, Meta(max_length=60)] = ""
    limit: Count = 50


class ApproveRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a request is neutral; "" leaves it unreviewed."""

    neutrality: Annotated[str, Meta(max_length=2_000)] = ""


class AnswerRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Items to give in answer."""

    items: References
    partial: bool = False
    article: Annotated[str, Meta(max_length=40)] = ""
    threat_to_life: bool = False


class ReplyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Words to reply with."""

    text: Annotated[str, Meta(min_length=1, max_length=20_000)]


class ExtendRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A later deadline; the latest the treaty allows if absent."""

    until: str | None = None


class RefuseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A ground of the treaty."""

    ground: Ground


class CloseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Of what use the answer was."""

    useful: Annotated[int, Meta(ge=1, le=5)] | None = None
    feedback: Feedback | None = None


def _row(ask: Ask[Any, Any]) -> RequestRow:
    with ask.node.database.read() as tx:
        return find_request(tx, ask.parts["request"])


def _list(ask: Ask[RequestListing, None]) -> Document:
    query = ask.query
    states = frozenset(query.state) or frozenset(RequestState) - ENDED
    sides = frozenset(RequestSide) if query.side is None else frozenset({query.side})
    with ask.node.database.read() as tx:
        rows = tx.requests.page(sides=sides, states=states, after=query.after, limit=query.limit)
        counts = tx.requests.counts()
    return {
        "requests": [request_document(row) for row in rows],
        "counts": [
            {"side": side.value, "state": state.value, "count": count}
            for (side, state), count in sorted(counts.items())
        ],
        "next": next_of(rows, query.limit, lambda row: row.number),
    }


def _inbox(ask: Ask[InboxQuery, None]) -> Document:
    query = ask.query
    rows: list[RequestRow] = []
    with ask.node.database.read() as tx:
        after = 0
        while True:
            page = tx.requests.page(
                sides={RequestSide.RECEIVED}, states=_OPEN, after=after, limit=_PAGE
            )
            rows.extend(page)
            if len(page) < _PAGE:
                break
            after = page[-1].number
    place = _place(query.after)
    rows = sorted((row for row in rows if (row.due, row.number) > place), key=_due)[: query.limit]
    return {
        "requests": [request_document(row) for row in rows],
        "next": next_of(
            rows, query.limit, lambda row: f"{request_document(row)['due']}/{row.number}"
        ),
    }


def _due(row: RequestRow) -> tuple[Any, int]:
    return row.due, row.number


def _place(after: str) -> tuple[Any, int]:
    if not after:
        return instant_of("after", "0001-01-01T00:00:00Z"), 0
    due, _, number = after.partition("/")
    if not (number.isascii() and number.isdecimal()):
        raise BadRequestError("after: what `next` said")
    return instant_of("after", due), int(number)


def _draft(ask: Ask[NoQuery, DraftRequest]) -> Document:
    body = ask.body
    treaty = treaty_of(ask, body.treaty)
    selectors = asked_selectors(body.values)
    purpose, offence = body.purpose, body.offence
    about = frozenset[Any]()
    to = member_id(body.to) if body.to else None
    with ask.node.database.read() as tx:
        if body.hit is not None:
            to, selector, name = question_of_hit(tx, ask.node, body.hit, to=to)
            selectors, about = selectors | {selector}, frozenset({name})
            theirs = footing_of_item(tx, name)
            purpose, offence = purpose or theirs[0], offence or theirs[1]
        if to is None:
            raise UnprocessableError("whom to ask? give `to`, or `hit`")
        about |= asked_items(tx, body.items, to)
    draft = RequestDraft(
        to=to,
        treaty=treaty,
        article=ArticleId(body.article) if body.article else None,
        purpose=purpose,
        offence=offence,
        legal_basis=body.legal_basis,
        urgency=body.urgency,
        selectors=selectors,
        about=about,
        description=body.text,
        due=instant_of("due", body.due),
        person=body.person,
        tlp=body.tlp,
        handling=frozenset(body.handling),
        hit=body.hit,
    )
    draft = replace(
        draft,
        review=_coming(ask, "review", body.review),
        expiry=_coming(ask, "expiry", body.expiry),
    )
    return request_document(draft_request(ask.node, ask.actor, draft))


def _coming(ask: Ask[Any, Any], name: str, text: str | None) -> Any:
    instant = instant_of(name, text)
    if instant is not None and instant <= ask.node.clock.now():
        raise UnprocessableError(f"{name} is a day still to come")
    return instant


def _view(ask: Ask[Any, Any], what: str) -> tuple[RequestRow, RequestView]:
    """Return a request with what is known of it; that it is read is noted first."""
    row = _row(ask)
    with ask.node.database.read() as tx:
        view = view_request(tx, ask.node, row)
    held = [item.handle for each in view.holdings for item in each.items]
    ask.note_read(what, [row.item, *held])
    return row, view


def _show(ask: Ask[NoQuery, None]) -> Document:
    return request_view_document(_view(ask, "request show")[1])


def _preview(ask: Ask[NoQuery, None]) -> Document:
    row = _row(ask)
    [cell] = preview_request(ask.node, ask.actor, ask.gate, row)
    _, view = _view(ask, "request preview")
    decision = cell.decision
    reasons = [] if decision is None else [each.text for each in decision.reasons]
    return {
        **request_view_document(view),
        "verdict": "own" if decision is None else decision.verdict.value,
        "under": "" if decision is None else decision.article,
        "reasons": reasons + ([cell.unredactable] if cell.unredactable else []),
        "changes": [str(each.text) for each in cell.changes],
    }


def _approve(ask: Ask[NoQuery, ApproveRequest]) -> Document:
    row = approve_request(ask.node, ask.actor, _row(ask), neutrality=ask.body.neutrality)
    return request_document(row)


def _send(ask: Ask[NoQuery, None]) -> Document:
    row, done = send_request(ask.node, ask.actor, ask.gate, _row(ask))
    reasons = [each.reason for each in done.withheld]
    return {**request_document(row), "sent": not reasons, "reasons": reasons}


def _answer(ask: Ask[NoQuery, AnswerRequest]) -> Document:
    body, row = ask.body, _row(ask)
    with ask.node.database.read() as tx:
        items = resolve_all(tx, body.items)
    held = [each.handle for each in items if each.state is ItemState.HELD]
    if len(held) != len(items):
        raise RefusedError("some of these are not held: vouch for the drafts first")
    done = answer_request(
        ask.node,
        ask.actor,
        ask.gate,
        row,
        held,
        partial=body.partial,
        article=ArticleId(body.article) if body.article else None,
        threat_to_life=body.threat_to_life,
    )
    return {
        **request_document(done.row),
        "given": [{"id": each.object_id, "version": each.version} for each in done.given],
        "withheld": [{"code": each.code, "reason": each.reason} for each in done.withheld],
    }


def _reply(ask: Ask[NoQuery, ReplyRequest]) -> Document:
    row = _row(ask)
    item = draft_reply(ask.node, ask.actor, row, ask.body.text)
    return {"request": row.number, "number": str(item.number), "id": item.key.object_id}


def _extend(ask: Ask[NoQuery, ExtendRequest]) -> Document:
    until = instant_of("until", ask.body.until)
    return request_document(extend_request(ask.node, ask.actor, ask.gate, _row(ask), until=until))


def _refuse(ask: Ask[NoQuery, RefuseRequest]) -> Document:
    return request_document(
        refuse_request(ask.node, ask.actor, ask.gate, _row(ask), ask.body.ground)
    )


def _withdraw(ask: Ask[NoQuery, None]) -> Document:
    return request_document(withdraw_request(ask.node, ask.actor, ask.gate, _row(ask)))


def _close(ask: Ask[NoQuery, CloseRequest]) -> Document:
    return request_document(
        close_request(
            ask.node,
            ask.actor,
            ask.gate,
            _row(ask),
            usefulness=ask.body.useful,
            feedback=ask.body.feedback,
        )
    )


def _act(
    what: str,
    does: str,
    work: Callable[[Ask[Any, Any]], Document],
    roles: tuple[Role, ...],
    body: type[Struct] | None = None,
) -> CaseRoute:
    return CaseRoute(
        method="POST",
        path=f"requests/{{request}}/{what}",
        does=does,
        work=work,
        roles=roles,
        body=body,
    )


_DESK: Final = (Role.ANALYST, Role.SUPERVISOR)
_LEADS: Final = (Role.SUPERVISOR,)

REQUEST_ROUTES: Final[tuple[CaseRoute, ...]] = (
    CaseRoute(
        method="GET",
        path="requests",
        does="Requests, ours and those received, and how many there are of each",
        work=_list,
        query=RequestListing,
    ),
    CaseRoute(
        method="POST",
        path="requests",
        does="Draft a request; nothing leaves",
        work=_draft,
        roles=(Role.ANALYST,),
        body=DraftRequest,
        status=201,
    ),
    CaseRoute(
        method="GET",
        path="requests/inbox",
        does="What other members ask and wait for, the nearest deadline first",
        work=_inbox,
        query=InboxQuery,
    ),
    CaseRoute(
        method="GET",
        path="requests/{request}",
        does="A request by number or name: what it says, its history, what is held on it",
        work=_show,
    ),
    CaseRoute(
        method="GET",
        path="requests/{request}/preview",
        does="What the member asked would see, under which article, or why it would not",
        work=_preview,
        roles=(Role.ANALYST, Role.SUPERVISOR, Role.OFFICER, Role.LEGAL),
    ),
    _act(
        "approve", "Answer for a draft; its time counts from now", _approve, _DESK, ApproveRequest
    ),
    _act("send", "Send an approved request, if the treaty lets it go", _send, _LEADS),
    _act("answer", "Answer with items, under the treaty", _answer, _LEADS, AnswerRequest),
    _act("reply", "Draft a note that replies in words", _reply, (Role.ANALYST,), ReplyRequest),
    _act("extend", "Put the answer off, once", _extend, _DESK, ExtendRequest),
    _act("refuse", "Refuse on a ground of the treaty", _refuse, _LEADS, RefuseRequest),
    _act("withdraw", "Take a request of ours back", _withdraw, _DESK),
    _act(
        "close", "Close a request of ours, and say of what use it was", _close, _DESK, CloseRequest
    ),
)
"""Routes of requests for information."""
