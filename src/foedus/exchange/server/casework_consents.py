"""Casework over HTTP: consents to pass on, and what is thought of items."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from foedus.access import Role
from foedus.casework.consent_case import ConsentGround
from foedus.casework.feedback import Stance
from foedus.exchange.server.casework_call import (
    Ask,
    CaseRoute,
    Count,
    Document,
    Line,
    Listing,
    NoQuery,
    Number,
    Reference,
    instant_of,
    next_of,
    treaty_of,
)
from foedus.model.identifiers import member_id
from foedus.node.consent_requests import (
    ask_consent,
    give_requested,
    list_requests,
    refuse_request,
    withdraw_given,
)
from foedus.node.consents import list_consents
from foedus.node.feedback import draft, list_feedback, withdraw_draft
from foedus.node.shown_consents import (
    consent_document,
    consent_request_document,
    consent_state,
)
from foedus.node.shown_feedback import feedback_document
from foedus.node.wish import Wish
from foedus.release.consent import ConsentCondition

__all__ = ["CONSENT_ROUTES", "FEEDBACK_ROUTES"]


class AskConsent(Struct, frozen=True, forbid_unknown_fields=True):
    """A consent to ask for."""

    item: Reference
    to: Reference
    purpose: Reference
    until: str
    treaty: Annotated[str, Meta(max_length=80)] = ""
    life: bool = False


class GiveConsent(Struct, frozen=True, forbid_unknown_fields=True):
    """How a consent that was asked for is given."""

    until: str | None = None
    conditions: Annotated[tuple[ConsentCondition, ...], Meta(max_length=10)] = ()
    keep_until: str | None = None


class RefuseConsent(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a consent is refused."""

    ground: ConsentGround


class InboxListing(Struct, frozen=True, forbid_unknown_fields=True):
    """A page; of what waits, unless all is asked for."""

    after: Number = 0
    limit: Count = 50
    all: bool = False


class DraftFeedback(Struct, frozen=True, forbid_unknown_fields=True):
    """What is thought of an item."""

    item: Reference
    stance: Stance
    text: Annotated[str, Meta(max_length=2_000)] = ""


class WithdrawFeedback(Struct, frozen=True, forbid_unknown_fields=True):
    """What was thought of an item, taken back."""

    item: Reference
    reason: Line


def _ask(ask: Ask[NoQuery, AskConsent]) -> Document:
    body = ask.body
    wish = Wish(
        treaty=treaty_of(ask, body.treaty),
        purpose=body.purpose,
        recipients=(member_id(body.to),),
        threat_to_life=body.life,
    )
    row = ask_consent(
        ask.node, ask.actor, ask.gate, body.item, wish, until=instant_of("until", body.until)
    )
    return consent_request_document(row)


def _asked(ask: Ask[Listing, None]) -> Document:
    return _requests(ask, ours=True, waiting=False)


def _inbox(ask: Ask[InboxListing, None]) -> Document:
    return _requests(ask, ours=False, waiting=not ask.query.all)


def _requests(
    ask: Ask[Listing, None] | Ask[InboxListing, None], *, ours: bool, waiting: bool
) -> Document:
    after, limit = ask.query.after, ask.query.limit
    with ask.node.database.read() as tx:
        found = list_requests(tx, ours=ours, waiting=waiting, after=after, limit=limit)
    return {
        "requests": [consent_request_document(row, item) for row, item in found],
        "next": next_of(found, limit, lambda each: each[0].number),
    }


def _give(ask: Ask[NoQuery, GiveConsent]) -> Document:
    body, number = ask.body, ask.number()
    done = give_requested(
        ask.node,
        ask.actor,
        ask.gate,
        number,
        until=instant_of("until", body.until),
        conditions=frozenset(body.conditions),
        keep_until=instant_of("keep_until", body.keep_until),
    )
    state = consent_state(done.row, ask.node.clock.now())
    return consent_document(done.row) | {"state": state, "request": number}


def _refuse(ask: Ask[NoQuery, RefuseConsent]) -> Document:
    row = refuse_request(ask.node, ask.actor, ask.gate, ask.number(), ask.body.ground)
    return consent_request_document(row)


def _list(ask: Ask[Listing, None]) -> Document:
    query, now = ask.query, ask.node.clock.now()
    with ask.node.database.read() as tx:
        rows = list_consents(tx, after=query.after, limit=query.limit)
    return {
        "consents": [consent_document(row) | {"state": consent_state(row, now)} for row in rows],
        "next": next_of(rows, query.limit, lambda row: row.number),
    }


def _withdraw(ask: Ask[NoQuery, None]) -> Document:
    row, told = withdraw_given(ask.node, ask.actor, ask.gate, ask.number())
    return {"consent": row.number, "state": "withdrawn", "told": told}


def _draft(ask: Ask[NoQuery, DraftFeedback]) -> Document:
    body = ask.body
    done = draft(ask.node, ask.actor, body.item, body.stance, text=body.text)
    return {
        "number": str(done.item.number or done.item.key.object_id),
        "id": done.item.key.object_id,
        "state": done.item.state.value,
        "stance": body.stance.value,
        "to": done.to,
        "new": done.new,
    }


def _feedback(ask: Ask[Listing, None]) -> Document:
    query = ask.query
    with ask.node.database.read() as tx:
        found = list_feedback(tx, after=query.after, limit=query.limit)
    return {
        "feedback": [feedback_document(*each) for each in found],
        "next": next_of(found, query.limit, lambda each: each[0].item),
    }


def _take_back(ask: Ask[NoQuery, WithdrawFeedback]) -> Document:
    body = ask.body
    held = withdraw_draft(ask.node, ask.actor, body.item, body.reason)
    return {"feedback": body.item, "state": "withdrawn" if held is None else "held"}


_ANSWERERS: Final = (Role.OFFICER, Role.SUPERVISOR)

CONSENT_ROUTES: Final[tuple[CaseRoute, ...]] = (
    CaseRoute(
        method="GET",
        path="consents",
        does="Consents given and taken, those withdrawn or run out included",
        work=_list,
        query=Listing,
    ),
    CaseRoute(
        method="GET",
        path="consents/requests",
        does="Consents asked of others, with what became of each",
        work=_asked,
        query=Listing,
    ),
    CaseRoute(
        method="POST",
        path="consents/requests",
        does="Ask an originator whether its item may be passed on to one other member",
        work=_ask,
        roles=(Role.ANALYST, Role.OFFICER, Role.SUPERVISOR),
        body=AskConsent,
        status=201,
    ),
    CaseRoute(
        method="GET",
        path="consents/inbox",
        does="Consents that holders of our items ask for",
        work=_inbox,
        query=InboxListing,
    ),
    CaseRoute(
        method="POST",
        path="consents/inbox/{number}/give",
        does="Give a consent that was asked for",
        work=_give,
        roles=_ANSWERERS,
        body=GiveConsent,
    ),
    CaseRoute(
        method="POST",
        path="consents/inbox/{number}/refuse",
        does="Refuse a consent that was asked for",
        work=_refuse,
        roles=_ANSWERERS,
        body=RefuseConsent,
    ),
    CaseRoute(
        method="POST",
        path="consents/{number}/withdraw",
        does="Take a consent back for the future",
        work=_withdraw,
        roles=_ANSWERERS,
    ),
)
"""Routes of consents."""

FEEDBACK_ROUTES: Final[tuple[CaseRoute, ...]] = (
    CaseRoute(
        method="GET",
        path="feedback",
        does="What is said of items here: by us of others' items, by others of ours",
        work=_feedback,
        query=Listing,
    ),
    CaseRoute(
        method="POST",
        path="feedback",
        does="Draft an opinion on an item of another member, or a proposal to its originator",
        work=_draft,
        roles=(Role.ANALYST,),
        body=DraftFeedback,
        status=201,
    ),
    CaseRoute(
        method="POST",
        path="feedback/withdraw",
        does="Take a draft opinion back; one that is held is recalled by an order",
        work=_take_back,
        roles=(Role.ANALYST,),
        body=WithdrawFeedback,
    ),
)
"""Routes of feedback."""
