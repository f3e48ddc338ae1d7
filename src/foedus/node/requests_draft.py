"""Draft a request for information, and approve it: signed with its deadline, held on its terms.

1. A draft is a draft item: found, discarded and erased like every other. It follows a hit, or names
   values, items or words; terms are checked at once, so that personal data has its category of
   person and its review date before anybody else sees it.
2. Approving signs it anew: its deadline counts from then. Whoever drafted it may approve it, unless
   it asks about more selectors than the treaty lets one person ask in a day; then a supervisor does
   who is not its author.
3. Its terms end ninety days after the deadline, if nobody said otherwise.

Spec: Convention Article 15; design §2 rules 6 and 11.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.casework.request import (
    MAX_SELECTORS,
    ItemName,
    Request,
    Urgency,
    answer_time,
    open_request,
    request_name,
    sign_request,
)
from foedus.casework.request_course import RequestEvent, RequestState, next_state
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.kinds import FoedusKind, unwrap_document, wrap_object
from foedus.model.markings import TLP
from foedus.model.objects import StixObject, parse_object
from foedus.model.observables import selectors_of
from foedus.model.selectors import Selector
from foedus.model.terms import (
    CategoryOfPerson,
    HandlingCondition,
    InformationGrade,
    NeutralityReview,
    SourceGrade,
    Terms,
    parse_terms,
    terms_document,
    terms_id,
)
from foedus.node.context import Node, note_act
from foedus.node.display import display_text
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import ItemState, NewItem, Stored, Transaction
from foedus.node.ports.requests import RequestRow, RequestSide
from foedus.node.requests import move
from foedus.release.facts import holds_personal_data
from foedus.signing import parse_envelope
from foedus.treaty.articles import Treaty

__all__ = ["RequestDraft", "approve_request", "draft_request", "question_of_hit"]

_AFTER: Final = timedelta(days=90)
"""How long a request is kept after its deadline, unless its terms say otherwise."""

_LATEST: Final = timedelta(days=366)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDraft:
    """What a person wants to ask, and on what basis.

    Attributes:
        to: The member to ask.
        treaty: The treaty relied on.
        article: The article relied on, or None to have the freest proposed at sending.
        purpose: One of its purposes.
        offence: One of its offences, or "".
        legal_basis: The domestic provision relied on, cited.
        selectors: What to ask about.
        about: Items to ask about, by the ids the other member knows.
        description: What to ask, in words.
        due: A later deadline than the treaty's; None takes the treaty's.
        person: Category of the persons it is about.
        review: When its personal data is reviewed.
        expiry: When it ends here and there; None for ninety days after the deadline.
        hit: Number of the hit it follows; None if it follows none.
    """

    to: MemberId
    treaty: TreatyId
    purpose: str
    legal_basis: str
    urgency: Urgency
    article: ArticleId | None = None
    offence: str = ""
    selectors: frozenset[Selector] = frozenset()
    about: frozenset[ItemName] = frozenset()
    description: str = ""
    due: datetime | None = None
    person: CategoryOfPerson = CategoryOfPerson.NONE
    tlp: TLP = TLP.AMBER
    handling: frozenset[HandlingCondition] = frozenset()
    review: datetime | None = None
    expiry: datetime | None = None
    hit: int | None = None


def question_of_hit(
    tx: Transaction, node: Node, number: int, *, to: MemberId | None = None
) -> tuple[MemberId, Selector, ItemName]:
    """Return whom a hit suggests to ask, about which selector, and which item of theirs.

    Nothing is said of the item of ours that it matched.

    Args:
        tx: A transaction.
        node: The node.
        number: The hit.
        to: The member to ask, where both items are other members'.

    Raises:
        NotFoundError: There is no such hit.
        RefusedError: Neither item is another member's, or both are and none was named.
    """
    hit = tx.hits.get(number)
    if hit is None:
        raise NotFoundError(f"no hit {number}")
    theirs = {
        row.key.originator: row
        for row in tx.items.rows([hit.hit.arrived, hit.hit.held])
        if row.key.originator != node.identity.member and row.state is ItemState.HELD
    }
    if to is not None:
        theirs = {member: row for member, row in theirs.items() if member == to}
    if not theirs:
        raise RefusedError(
            f"hit {number} has no item of {to or 'another member'} to ask about; name values "
            "instead (`--value`)"
        )
    if len(theirs) > 1:
        names = " or ".join(sorted(theirs))
        raise RefusedError(f"hit {number} is between items of {names}: say whom to ask (--to)")
    [(member, row)] = theirs.items()
    return (
        member,
        hit.hit.selector,
        ItemName(object_id=row.key.object_id, version=row.key.version),
    )


def draft_request(node: Node, actor: Actor, draft: RequestDraft) -> RequestRow:
    """Make a draft; nothing leaves.

    Raises:
        AccessDeniedError: The actor is no analyst.
        RefusedError: It asks ourselves, a stranger, too much, or what the treaty does not know.
        RequestError: It cannot be signed as it is, with the reason.
        TermsError: Its terms break a rule: personal data without category of person or review date.
    """
    require_role(actor, Role.ANALYST)
    now = node.clock.now()
    with node.database.write() as tx:
        treaty = _treaty(tx, node, draft)
        _check_addressee(tx, node, draft)
        name = request_name(node.identity.member, now.year, tx.requests.next_sequence(now.year))
        request = _request(node, draft, treaty, name, now)
        obj = _signed(node, request)
        terms = _terms(node, draft, request, personal=holds_personal_data(obj))
        tx.items.put_terms(terms_id(terms), terms_document(terms))
        handle = _stored(tx, node, obj, terms, ItemState.DRAFT, now)
        row = RequestRow(
            side=RequestSide.ASKED,
            name=name,
            member=draft.to,
            object_id=obj.id,
            item=handle,
            treaty=draft.treaty,
            article=request.article,
            purpose=request.purpose,
            offence=request.offence,
            urgency=request.urgency,
            selectors=len(request.selectors),
            hit=draft.hit,
            state=RequestState.DRAFT,
            at=request.at,
            due=request.due,
            author=actor.user,
        )
        row = replace(row, number=tx.requests.add(row))
        tx.accounts.note_hands([handle], actor.user, "drafted")
        note_act(tx, node, actor, "request.draft", f"{row.number} {name} to {draft.to}")
    return row


def approve_request(
    node: Node, actor: Actor, row: RequestRow, *, neutrality: str = ""
) -> RequestRow:
    """Answer for a draft: sign it with its deadline and hold it on its terms.

    Args:
        node: The node.
        actor: An analyst or a supervisor; for many selectors a supervisor who is not its author.
        row: The draft.
        neutrality: Why it is not predominantly political, military, religious or racial; needs an
            officer or a supervisor. "" leaves it unreviewed.

    Raises:
        AccessDeniedError: The actor may not.
        RefusedError: It is not the actor's to approve, or its draft was thrown away.
        CaseCourseError: It is no draft any more.
    """
    require_role(actor, Role.ANALYST, Role.SUPERVISOR)
    if neutrality:
        require_role(actor, Role.OFFICER, Role.SUPERVISOR)
    now = node.clock.now()
    with node.database.write() as tx:
        row = tx.requests.get(row.number) or row
        next_state(row.state, RequestEvent.APPROVE)
        treaty = node.law.view(tx).treaty(row.treaty).treaty
        _check_batch(tx, actor, row, treaty, now)
        old, terms = _of_draft(tx, node, row)
        length = max(answer_time(row.urgency, treaty.clocks), old.due - old.at)
        request = replace(old, at=now, due=now + length)
        obj = _signed(node, request)
        review = NeutralityReview(by=actor.user, reason=neutrality, at=now) if neutrality else None
        terms = replace(terms, neutrality=review, expiry=terms.expiry or request.due + _AFTER)
        tx.items.put_terms(terms_id(terms), terms_document(terms))
        handle = _replaced(tx, node, row, obj, terms, now)
        row = replace(
            row, object_id=obj.id, item=handle, at=now, due=request.due, approved_by=actor.user
        )
        row = move(tx, row, RequestEvent.APPROVE, by=actor.user, at=now)
        tx.accounts.note_hands([handle], row.author, "drafted")
        tx.accounts.note_hands([handle], actor.user, "vouched")
        note_act(tx, node, actor, "request.approve", f"{row.number} {row.name}")
    return row


def _treaty(tx: Transaction, node: Node, draft: RequestDraft) -> Treaty:
    treaty = node.law.view(tx).treaty(draft.treaty).treaty
    for what, word, known in (
        ("purpose", draft.purpose, treaty.purposes),
        ("offence", draft.offence, treaty.offences),
    ):
        if word not in known and not (what == "offence" and not word):
            raise RefusedError(
                f"{what} {word or '(none)'} is not one of {treaty.short_title}; it has "
                f"{', '.join(sorted(known))}"
            )
    if draft.article is not None:
        treaty.article(draft.article)
    return treaty


def _check_addressee(tx: Transaction, node: Node, draft: RequestDraft) -> None:
    if draft.to == node.identity.member:
        raise RefusedError("nobody asks itself; `foedus search` finds what is held here")
    if draft.to not in node.law.view(tx).credences:
        raise RefusedError(f"{draft.to} was never introduced here; `foedus peers` lists who was")


def _request(node: Node, draft: RequestDraft, treaty: Treaty, name: str, now: datetime) -> Request:
    if len(draft.selectors) > MAX_SELECTORS:
        raise RefusedError(
            f"{len(draft.selectors)} values in one request; it holds at most {MAX_SELECTORS}"
        )
    length = answer_time(draft.urgency, treaty.clocks)
    due = now + length if draft.due is None else draft.due
    if not now + length <= due <= now + _LATEST:
        raise RefusedError(
            f"a {draft.urgency.value} request is due {now + length:%Y-%m-%d %H:%M} UTC or later, "
            "within a year: so the treaty lets the member asked have"
        )
    return Request(
        exercise=node.identity.exercise,
        name=name,
        asker=node.identity.member,
        asked=draft.to,
        treaty=draft.treaty,
        article=draft.article or ArticleId(""),
        purpose=draft.purpose,
        offence=draft.offence,
        legal_basis=draft.legal_basis.strip(),
        urgency=draft.urgency,
        at=now,
        due=due,
        selectors=tuple(sorted(draft.selectors, key=str)),
        about=tuple(sorted(draft.about)),
        description=draft.description.strip(),
    )


def _signed(node: Node, request: Request) -> StixObject:
    envelope = sign_request(request, node.identity.node)
    return wrap_object(
        FoedusKind.REQUEST, envelope.document(), payload=envelope.payload, issued=request.at
    )


def _terms(node: Node, draft: RequestDraft, request: Request, *, personal: bool) -> Terms:
    if personal and draft.person is CategoryOfPerson.NONE:
        raise RefusedError(
            "what it asks is personal data: say in what capacity the persons appear (--person) "
            "and when it is reviewed (--review)"
        )
    return Terms(
        treaties=frozenset({draft.treaty}),
        originator=node.identity.member,
        purposes=frozenset({draft.purpose}),
        legal_basis=request.legal_basis,
        offence=draft.offence,
        person=draft.person if personal else CategoryOfPerson.NONE,
        personal=personal,
        tlp=draft.tlp,
        handling=draft.handling,
        source=SourceGrade.X,
        information=InformationGrade("4"),
        review=draft.review,
        expiry=draft.expiry,
        neutrality=None,
        exercise=node.identity.exercise,
    )


def _stored(
    tx: Transaction,
    node: Node,
    obj: StixObject,
    terms: Terms,
    state: ItemState,
    now: datetime,
) -> int:
    title, text = display_text(obj)
    [stored] = tx.items.add(
        [
            NewItem(
                obj=obj,
                originator=node.identity.member,
                state=state,
                terms_id=terms_id(terms),
                selectors=selectors_of(obj),
                title=title,
                text=text,
            )
        ],
        at=now,
    )
    if stored.outcome is not Stored.NEW:
        raise RefusedError("the same request stands here already")
    return stored.handle


def _of_draft(tx: Transaction, node: Node, row: RequestRow) -> tuple[Request, Terms]:
    item = next(iter(tx.items.rows([row.item])), None)
    raw = tx.items.raw([row.item]).get(row.item)
    if item is None or item.state is not ItemState.DRAFT or item.terms_id is None or raw is None:
        raise RefusedError(f"the draft of request {row.number} was thrown away; draft it anew")
    envelope = parse_envelope(unwrap_document(parse_object(raw)))
    request = open_request(envelope, (node.identity.node.public,))
    return request, parse_terms(tx.items.terms([item.terms_id])[item.terms_id])


def _check_batch(
    tx: Transaction, actor: Actor, row: RequestRow, treaty: Treaty, now: datetime
) -> None:
    """Refuse more values than one person asks about; what was asked in parts today counts too."""
    most = treaty.clocks.request_batch
    before = tx.requests.asked_since(row.author, row.member, now - _DAY, most)
    if before + row.selectors <= most:
        return
    if Role.SUPERVISOR not in actor.roles or actor.user == row.author:
        today = f", and {row.author} asked {row.member} about {before} today" if before else ""
        raise RefusedError(
            f"request {row.number} asks about {row.selectors} values{today}; "
            f"{treaty.short_title} lets one person ask about {most}: a supervisor who is not its "
            f"author ({row.author}) approves it"
        )


def _replaced(
    tx: Transaction,
    node: Node,
    row: RequestRow,
    obj: StixObject,
    terms: Terms,
    now: datetime,
) -> int:
    """Hold the request in place of its draft; return its handle."""
    if obj.id == row.object_id:  # signed in the very instant of its draft
        tx.items.settle([row.item], state=ItemState.HELD, terms_id=terms_id(terms), at=now)
        return row.item
    tx.items.discard([row.item])
    return _stored(tx, node, obj, terms, ItemState.HELD, now)
