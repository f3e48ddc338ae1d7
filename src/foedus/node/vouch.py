"""Vouch for drafts: give them terms, let them become held, ask whether others hold the same.

check role → check terms against each draft (personal data needs its category and review date) →
store terms, move the drafts to held, match → record. All drafts of one call become held, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import ObjectId, TreatyId
from foedus.model.kinds import FoedusKind
from foedus.model.markings import TLP
from foedus.model.objects import parse_object
from foedus.model.terms import (
    CategoryOfPerson,
    HandlingCondition,
    InformationGrade,
    NeutralityReview,
    SourceGrade,
    Terms,
    terms_document,
    terms_id,
)
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.match import match_visible
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.node.webhooks import tell_hits
from foedus.release.facts import holds_personal_data

__all__ = ["TermsOffer", "Vouched", "vouch"]

_BATCH_ITEMS = 2_000
_NAMED_IN_REFUSAL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsOffer:
    """The terms a person is ready to answer for.

    Attributes:
        treaties: Treaties under which the items may be disclosed.
        purposes: Purpose ids of those treaties.
        legal_basis: The domestic provision relied on, cited.
        offence: Offence category, or "".
        person: Category of the persons the data is about; ``none`` if it is about nobody.
        tlp: TLP 2.0 level; a stricter marking inside an item binds all the same.
        handling: Further handling conditions.
        source: Source grade.
        information: Information grade.
        review: When personal data is reviewed.
        expiry: When the items expire.
        neutrality_reason: Why they are not predominantly political, military, religious or racial
            in character; needs an officer or supervisor. Empty leaves them unreviewed.
    """

    treaties: frozenset[TreatyId]
    purposes: frozenset[str]
    legal_basis: str
    offence: str
    person: CategoryOfPerson
    tlp: TLP
    handling: frozenset[HandlingCondition]
    source: SourceGrade
    information: InformationGrade
    review: datetime | None
    expiry: datetime | None
    neutrality_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What became of the drafts.

    Attributes:
        held: Handles that are held now.
        personal: How many of them hold personal data.
        hits: How many new questions arose.
    """

    held: tuple[int, ...]
    personal: int
    hits: int


def vouch(
    node: Node,
    actor: Actor,
    handles: Sequence[int],
    offer: TermsOffer,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Vouched:
    """Give drafts their terms and hold them. A draft named twice is one draft.

    Raises:
        AccessDeniedError: The actor is no analyst, or gives a neutrality reason without being an
            officer or supervisor.
        RefusedError: A handle is no draft, or holds personal data that the offer leaves without
            category of person or review date; or neutrality is found for several sources at once.
        TermsError: The offer breaks a rule of terms.
    """
    require_role(actor, Role.ANALYST)
    if offer.neutrality_reason:
        require_role(actor, Role.OFFICER, Role.SUPERVISOR)
    now = node.clock.now()
    review = (
        NeutralityReview(by=actor.user, reason=offer.neutrality_reason, at=now)
        if offer.neutrality_reason
        else None
    )
    with node.database.write() as tx:
        _check_treaties(tx, node, offer)
        drafts = _drafts(tx, handles)
        if review is not None:
            _check_one_source(drafts)
        personal = _personal(tx, drafts)
        about_persons = {row.handle for row in personal}
        if personal and offer.person is CategoryOfPerson.NONE:
            raise RefusedError(_personal_refusal(personal))
        groups = (
            (True, [row.handle for row in personal]),
            (False, [row.handle for row in drafts if row.handle not in about_persons]),
        )
        for is_personal, group in groups:
            if group:
                terms = _terms(node, offer, review, personal=is_personal)
                _settle(tx, group, terms, at=now)
        hits = _match(tx, node, [row.handle for row in drafts], now, progress)
        tell_hits(tx, hits, now, member=None)
        tx.accounts.note_hands([row.handle for row in drafts], actor.user, "vouched")
        note_act(tx, node, actor, "vouch", f"{len(drafts)} drafts")
    return Vouched(held=tuple(row.handle for row in drafts), personal=len(personal), hits=hits)


def _match(
    tx: Transaction,
    node: Node,
    handles: Sequence[int],
    now: datetime,
    progress: Callable[[int, int], None] | None,
) -> int:
    hits = 0
    for start in range(0, len(handles), _BATCH_ITEMS):
        hits += match_visible(tx, node, handles[start : start + _BATCH_ITEMS], at=now)
        if progress is not None:
            progress(min(start + _BATCH_ITEMS, len(handles)), len(handles))
    return hits


def _check_treaties(tx: Transaction, node: Node, offer: TermsOffer) -> None:
    view = node.law.view(tx)
    for treaty in offer.treaties:
        known = view.treaty(treaty).treaty
        unknown = sorted(offer.purposes - set(known.purposes))
        if unknown:
            raise RefusedError(
                f"purpose {', '.join(unknown)} is not one of {known.short_title}; "
                f"it has {', '.join(sorted(known.purposes))}"
            )
        if offer.offence and offer.offence not in known.offences:
            raise RefusedError(
                f"offence {offer.offence} is not one of {known.short_title}; "
                f"it has {', '.join(sorted(known.offences))}"
            )


def _drafts(tx: Transaction, handles: Sequence[int]) -> list[ItemRow]:
    wanted = list(dict.fromkeys(handles))
    rows = list(tx.items.rows(wanted))
    if len(rows) != len(wanted):
        raise NotFoundError("some of these drafts are not here")
    for row in rows:
        if row.state is not ItemState.DRAFT:
            raise RefusedError(f"{row.number or row.key.object_id} is {row.state}, not a draft")
        if row.type == FoedusKind.REQUEST:
            raise RefusedError(f"{row.number} is a request: `foedus request approve` is for those")
    return rows


def _check_one_source(drafts: Sequence[ItemRow]) -> None:
    """Neutrality is never found in bulk: one source, which a person looked at, is one finding."""
    sources = {-row.handle if row.source is None else row.source for row in drafts}
    if len(sources) > 1:
        raise RefusedError(
            f"these drafts come from {len(sources)} sources: whether each is neutral is found and "
            "reasoned one by one; vouch for them source by source (`foedus vouch source:N`)"
        )


def _personal(tx: Transaction, rows: Sequence[ItemRow]) -> list[ItemRow]:
    """Return the drafts that are personal by their bytes: the same question as at every release."""
    found: list[ItemRow] = []
    for start in range(0, len(rows), _BATCH_ITEMS):
        part = rows[start : start + _BATCH_ITEMS]
        handles = [row.handle for row in part]
        raw, carried = tx.items.raw(handles), tx.items.selectors(handles)
        found += [
            row
            for row in part
            if holds_personal_data(
                parse_object(raw[row.handle]), carried.get(row.handle, frozenset())
            )
        ]
    return found


def _personal_refusal(personal: Sequence[ItemRow]) -> str:
    named = ", ".join(f"{row.number} ({row.title[:40]})" for row in personal[:_NAMED_IN_REFUSAL])
    more = len(personal) - _NAMED_IN_REFUSAL
    return (
        f"{len(personal)} of these drafts hold personal data: {named}"
        + (f" and {more} more" if more > 0 else "")
        + ". Say in what capacity the persons appear (--person) and when it is reviewed (--review)"
    )


def _terms(
    node: Node, offer: TermsOffer, review: NeutralityReview | None, *, personal: bool
) -> Terms:
    return Terms(
        treaties=offer.treaties,
        originator=node.identity.member,
        purposes=offer.purposes,
        legal_basis=offer.legal_basis,
        offence=offer.offence,
        person=offer.person if personal else CategoryOfPerson.NONE,
        personal=personal,
        tlp=offer.tlp,
        handling=offer.handling,
        source=offer.source,
        information=offer.information,
        review=offer.review,
        expiry=offer.expiry,
        neutrality=review,
        exercise=node.identity.exercise,
    )


def _settle(tx: Transaction, handles: Sequence[int], terms: Terms, *, at: datetime) -> ObjectId:
    identifier = terms_id(terms)
    tx.items.put_terms(identifier, terms_document(terms))
    tx.items.settle(handles, state=ItemState.HELD, terms_id=identifier, at=at)
    return identifier
