"""Casework over HTTP: challenges of persons, and their requests to see what is held."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from foedus.access import Role
from foedus.casework.challenge_course import Outcome
from foedus.casework.challenge_letters import Letter
from foedus.exchange.server.casework_call import (
    Ask,
    CaseRoute,
    Count,
    Document,
    Line,
    NoQuery,
    Number,
    Reference,
    References,
    Text,
    instant_of,
    next_of,
)
from foedus.node.challenge_access import (
    AccessIntake,
    access_letter,
    answer_access,
    forget_access,
    list_accesses,
    open_access,
    search_access,
    withdraw_access,
)
from foedus.node.challenge_decide import Finding, decide_challenge, withdraw_challenge
from foedus.node.challenge_desk import IssuingDesk
from foedus.node.challenge_lates import close_late, list_lates
from foedus.node.challenges import (
    Intake,
    challenge_letter,
    extend_challenge,
    figures_of,
    forget_words,
    list_challenges,
    open_challenge_case,
    show_challenge,
)
from foedus.node.shown_challenges import (
    access_document,
    access_figures_document,
    challenge_document,
    challenge_figures_document,
    challenge_view_document,
    late_document,
)
from foedus.node.shown_retention import subject_document

__all__ = ["CHALLENGE_ROUTES"]

Value = Annotated[str, Meta(min_length=1, max_length=1_000)]


class OpenChallenge(Struct, frozen=True, forbid_unknown_fields=True):
    """A challenge as it is taken in; the reference names nobody."""

    reference: Reference
    received: str | None = None
    items: Annotated[tuple[Reference, ...], Meta(max_length=1_000)] = ()
    values: Annotated[tuple[Value, ...], Meta(max_length=50)] = ()
    words: Text = ""


class BlockItems(Struct, frozen=True, forbid_unknown_fields=True):
    """Further items concerned."""

    items: References


class Replacement(Struct, frozen=True, forbid_unknown_fields=True):
    """What is right instead of an item; without one, of the only item."""

    right: Reference
    item: Annotated[str, Meta(max_length=200)] = ""


class DecideChallenge(Struct, frozen=True, forbid_unknown_fields=True):
    """What was found."""

    outcome: Outcome
    reason: Annotated[str, Meta(min_length=1, max_length=20_000)]
    replacements: Annotated[tuple[Replacement, ...], Meta(max_length=1_000)] = ()


class CaseListing(Struct, frozen=True, forbid_unknown_fields=True):
    """A page; of what is open, unless all is asked for."""

    after: Number = 0
    limit: Count = 50
    all: bool = False


class LetterQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which letter: that of receipt, or that of the end."""

    outcome: bool = False


class FiguresQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which year."""

    year: Annotated[int, Meta(ge=1970, le=9_999)]


class CloseLate(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it was late; entered in the log."""

    reason: Line


class OpenAccess(Struct, frozen=True, forbid_unknown_fields=True):
    """A request to see what is held; values are kept as codes."""

    reference: Reference
    values: Annotated[tuple[Value, ...], Meta(min_length=1, max_length=50)]
    received: str | None = None
    words: Text = ""


class SearchAccess(Struct, frozen=True, forbid_unknown_fields=True):
    """What the person gave at intake."""

    values: Annotated[tuple[Value, ...], Meta(min_length=1, max_length=50)]


def _list(ask: Ask[CaseListing, None]) -> Document:
    query = ask.query
    with ask.node.database.read() as tx:
        rows = list_challenges(
            tx, ask.actor, open_only=not query.all, after=query.after, limit=query.limit
        )
    return {
        "challenges": [challenge_document(row) for row in rows],
        "next": next_of(rows, query.limit, lambda row: row.number),
    }


def _open(ask: Ask[NoQuery, OpenChallenge]) -> Document:
    body = ask.body
    intake = Intake(
        reference=body.reference,
        received=instant_of("received", body.received) or ask.node.clock.now(),
        items=body.items,
        values=body.values,
        words=body.words,
    )
    view = open_challenge_case(ask.node, ask.actor, ask.gate, intake, IssuingDesk())
    return challenge_document(view.row) | {"orders": list(view.orders)}


def _show(ask: Ask[NoQuery, None]) -> Document:
    view = show_challenge(ask.node, ask.actor, ask.number())
    ask.note_read("challenge show", [row.handle for row in view.items])
    return challenge_view_document(view)


def _block(ask: Ask[NoQuery, BlockItems]) -> Document:
    view = extend_challenge(
        ask.node, ask.actor, ask.gate, ask.number(), ask.body.items, IssuingDesk()
    )
    return challenge_document(view.row) | {"orders": list(view.orders)}


def _decide(ask: Ask[NoQuery, DecideChallenge]) -> Document:
    body = ask.body
    finding = Finding(
        outcome=body.outcome,
        reason=body.reason,
        replacements=tuple((each.item, each.right) for each in body.replacements),
    )
    done = decide_challenge(ask.node, ask.actor, ask.gate, ask.number(), finding, IssuingDesk())
    return challenge_document(done.row) | {"unknown": list(done.unknown)}


def _withdraw(ask: Ask[NoQuery, None]) -> Document:
    row = withdraw_challenge(ask.node, ask.actor, ask.gate, ask.number(), IssuingDesk())
    return challenge_document(row)


def _letter(ask: Ask[LetterQuery, None]) -> Document:
    which = Letter.OUTCOME if ask.query.outcome else Letter.RECEIPT
    return {"letter": challenge_letter(ask.node, ask.actor, ask.number(), which)}


def _forget(ask: Ask[NoQuery, None]) -> Document:
    number = ask.number()
    return {"challenge": number, "lingering": not forget_words(ask.node, ask.actor, number)}


def _figures(ask: Ask[FiguresQuery, None]) -> Document:
    year, now = ask.query.year, ask.node.clock.now()
    with ask.node.database.read() as tx:
        found, seen = figures_of(tx, ask.actor, year, now)
    return {
        "year": year,
        "challenges": challenge_figures_document(found),
        "access": access_figures_document(seen),
    }


def _lates(ask: Ask[CaseListing, None]) -> Document:
    query = ask.query
    with ask.node.database.read() as tx:
        rows = list_lates(
            tx, ask.actor, open_only=not query.all, after=query.after, limit=query.limit
        )
    return {
        "breaches": [late_document(row) for row in rows],
        "next": next_of(rows, query.limit, lambda row: row.record),
    }


def _close_late(ask: Ask[NoQuery, CloseLate]) -> Document:
    return late_document(close_late(ask.node, ask.actor, ask.number(), ask.body.reason))


def _accesses(ask: Ask[CaseListing, None]) -> Document:
    query = ask.query
    with ask.node.database.read() as tx:
        rows = list_accesses(
            tx, ask.actor, open_only=not query.all, after=query.after, limit=query.limit
        )
    return {
        "requests": [access_document(row) for row in rows],
        "next": next_of(rows, query.limit, lambda row: row.number),
    }


def _open_access(ask: Ask[NoQuery, OpenAccess]) -> Document:
    body = ask.body
    intake = AccessIntake(
        reference=body.reference,
        received=instant_of("received", body.received) or ask.node.clock.now(),
        values=body.values,
        words=body.words,
    )
    return access_document(open_access(ask.node, ask.actor, intake))


def _search_access(ask: Ask[NoQuery, SearchAccess]) -> Document:
    found = search_access(ask.node, ask.actor, ask.number(), ask.body.values)
    return access_document(found.row) | subject_document(found.report)


def _answer_access(ask: Ask[NoQuery, None]) -> Document:
    return access_document(answer_access(ask.node, ask.actor, ask.number()))


def _withdraw_access(ask: Ask[NoQuery, None]) -> Document:
    return access_document(withdraw_access(ask.node, ask.actor, ask.number()))


def _access_letter(ask: Ask[LetterQuery, None]) -> Document:
    which = Letter.ACCESS_ANSWER if ask.query.outcome else Letter.ACCESS_RECEIPT
    return {"letter": access_letter(ask.node, ask.actor, ask.number(), which)}


def _forget_access(ask: Ask[NoQuery, None]) -> Document:
    number = ask.number()
    return {"request": number, "lingering": not forget_access(ask.node, ask.actor, number)}


_ACTS: Final = (Role.OFFICER, Role.REVIEWER)
_LOOKS: Final = (*_ACTS, Role.AUDITOR)

CHALLENGE_ROUTES: Final[tuple[CaseRoute, ...]] = (
    CaseRoute(
        method="GET",
        path="challenges",
        does="Challenges and their deadlines; nothing of what they concern",
        work=_list,
        roles=_LOOKS,
        query=CaseListing,
    ),
    CaseRoute(
        method="POST",
        path="challenges",
        does="Take a challenge in, and block what it concerns",
        work=_open,
        roles=_ACTS,
        body=OpenChallenge,
        status=201,
    ),
    CaseRoute(
        method="GET",
        path="challenges/figures",
        does="Figures of a year",
        work=_figures,
        roles=_LOOKS,
        query=FiguresQuery,
    ),
    CaseRoute(
        method="GET",
        path="challenges/breaches",
        does="Deadlines of challenges and requests that passed",
        work=_lates,
        roles=_LOOKS,
        query=CaseListing,
    ),
    CaseRoute(
        method="POST",
        path="challenges/breaches/{number}/close",
        does="Close such a record with a reason",
        work=_close_late,
        roles=(Role.OFFICER,),
        body=CloseLate,
    ),
    CaseRoute(
        method="GET",
        path="challenges/{number}",
        does="A challenge with what it concerns; looking is noted",
        work=_show,
        roles=_LOOKS,
    ),
    CaseRoute(
        method="GET",
        path="challenges/{number}/letter",
        does="The letter to the person: neither yes nor no",
        work=_letter,
        roles=_ACTS,
        query=LetterQuery,
    ),
    CaseRoute(
        method="POST",
        path="challenges/{number}/block",
        does="Add items to a challenge, and block them",
        work=_block,
        roles=_ACTS,
        body=BlockItems,
    ),
    CaseRoute(
        method="POST",
        path="challenges/{number}/decide",
        does="Decide, and have the outcome carried out everywhere",
        work=_decide,
        roles=_ACTS,
        body=DecideChallenge,
    ),
    CaseRoute(
        method="POST",
        path="challenges/{number}/withdraw",
        does="Record that the person took it back, and lift its block",
        work=_withdraw,
        roles=_ACTS,
    ),
    CaseRoute(
        method="POST",
        path="challenges/{number}/forget",
        does="Erase what was written of a closed challenge; its figures stay",
        work=_forget,
        roles=_ACTS,
    ),
    CaseRoute(
        method="GET",
        path="access",
        does="Requests of persons to see what is held",
        work=_accesses,
        roles=_LOOKS,
        query=CaseListing,
    ),
    CaseRoute(
        method="POST",
        path="access",
        does="Take such a request in",
        work=_open_access,
        roles=_ACTS,
        body=OpenAccess,
        status=201,
    ),
    CaseRoute(
        method="POST",
        path="access/{number}/search",
        does="Look for all that is held of the person; safe to repeat, and noted each time",
        work=_search_access,
        roles=(Role.OFFICER,),
        body=SearchAccess,
        remembered=False,
    ),
    CaseRoute(
        method="GET",
        path="access/{number}/letter",
        does="The letter to the person: neither yes nor no",
        work=_access_letter,
        roles=_ACTS,
        query=LetterQuery,
    ),
    CaseRoute(
        method="POST",
        path="access/{number}/answer",
        does="Record that the person is answered",
        work=_answer_access,
        roles=_ACTS,
    ),
    CaseRoute(
        method="POST",
        path="access/{number}/withdraw",
        does="Record that the person took it back",
        work=_withdraw_access,
        roles=_ACTS,
    ),
    CaseRoute(
        method="POST",
        path="access/{number}/forget",
        does="Erase what was written of a request that ended",
        work=_forget_access,
        roles=_ACTS,
    ),
)
"""Routes of challenges."""
