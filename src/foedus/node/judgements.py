"""Step 5 of receiving: decide again on each item of a batch, and sort what becomes of it.

An item is *taken*, *refused*, or *awaits law*: what came with it is in order, but the law it was
sent under is not the law known here. What awaiting means is in :mod:`foedus.node.law_holds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.objects import StixObject
from foedus.model.observables import selectors_of
from foedus.model.terms import Terms
from foedus.node.candidates import concerns_given, known_markings
from foedus.node.context import Node
from foedus.node.display import display_text
from foedus.node.lawbook import LawView
from foedus.node.ports import ItemState, NewItem, Transaction
from foedus.release.consent import Consent, claimed_originator, open_consent
from foedus.release.decide import Law
from foedus.release.errors import ConsentError
from foedus.release.evaluation import Evaluator
from foedus.release.facts import FactsMaker, ItemFacts
from foedus.release.receive import Judgement, JudgementKind, check_consent, judge
from foedus.release.record import DisclosurePayload
from foedus.signing import Envelope, KeyPurpose

__all__ = ["Judged", "Placed", "Sorting", "law_here", "proved_consents", "sort_items"]

_NOT_ITS_OWN: Final = Judgement(
    kind=JudgementKind.VERDICT_DIFFERS,
    reason="it is another member's item, and no consent signed by that member came with it",
)
_UNKNOWN_TREATY: Final = Judgement(
    kind=JudgementKind.STALE_LAW, reason="the treaty relied on is not known here"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One item as it came.

    Attributes:
        position: In the sender's lane.
        offset: Within its batch, from 0.
    """

    position: int
    offset: int
    obj: StixObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One item with what was found of it."""

    position: int
    item: NewItem
    judgement: Judgement


@dataclass(slots=True, kw_only=True)
class Sorting:
    """Items of one batch, sorted by what becomes of them; each list in lane order."""

    taken: list[Judged] = field(default_factory=list)
    awaiting: list[Judged] = field(default_factory=list)
    refused: list[Judged] = field(default_factory=list)
    terms: dict[ObjectId, Terms] = field(default_factory=dict)

    def put(self, judged: Judged) -> None:
        """Sort one in."""
        match judged.judgement.kind:
            case JudgementKind.ACCEPTED:
                self.taken.append(judged)
            case JudgementKind.STALE_LAW:
                self.awaiting.append(judged)
            case _:
                self.refused.append(judged)


_STATES: Final = {
    JudgementKind.ACCEPTED: ItemState.HELD,
    JudgementKind.STALE_LAW: ItemState.AWAITING,
}


def law_here(tx: Transaction, node: Node, payload: DisclosurePayload) -> Law | None:
    """Return the law of a disclosure's pair at its instant; None where the text is not known."""
    view = node.law.view(tx)
    if payload.treaty not in view.treaties:
        return None
    return view.law(payload.treaty, payload.sender, payload.recipient, payload.instant)


def sort_items(
    tx: Transaction, node: Node, payload: DisclosurePayload, items: Sequence[Placed]
) -> Sorting:
    """Judge items of a batch by the law known here.

    Args:
        tx: A transaction.
        node: The node.
        payload: The batch's verified payload.
        items: All of the batch, or those that awaited law.
    """
    objects = [each.obj for each in items]
    markings = known_markings(tx, objects)
    # A marking definition given in the same batch is known by the time its users are judged.
    given = {str(obj.id): obj for obj in objects if obj.type == "marking-definition"}
    markings = {**markings, **given}
    sorting = Sorting()
    terms_of = [payload.terms_of_class(index) for index in range(len(payload.classes))]
    judged = _Judge(
        payload,
        law_here(tx, node, payload),
        consents=[consent for consent, _ in proved_consents(node.law.view(tx), payload)],
        now=node.clock.now(),
    )
    maker = FactsMaker(sender=payload.sender, known_markings=markings)
    for each in items:
        item = payload.items[each.offset]
        terms = terms_of[item.class_index]
        selectors = selectors_of(each.obj)
        facts = maker.facts(
            each.obj,
            terms,
            ObjectId(payload.classes[item.class_index].terms),
            originator=item.originator,
            concerns_recipient=concerns_given(
                tx, each.obj, payload.sender, originator=node.identity.member
            ),
            received_under=None if item.originator == payload.sender else payload.treaty,
            selectors=selectors,
        )
        judgement = judged(each.obj, each.offset, facts)
        title, text = display_text(each.obj)
        sorting.terms[facts.terms_id] = terms
        sorting.put(
            Judged(
                position=each.position,
                judgement=judgement,
                item=NewItem(
                    obj=each.obj,
                    originator=item.originator,
                    state=_STATES.get(judgement.kind, ItemState.QUARANTINED),
                    terms_id=facts.terms_id,
                    received_from=payload.sender,
                    received_under=payload.treaty,
                    selectors=selectors,
                    title=title,
                    text=text,
                ),
            )
        )
    return sorting


def proved_consents(
    view: LawView, payload: DisclosurePayload
) -> tuple[tuple[Consent, Envelope], ...]:
    """Return the consents of a payload that their originators' keys of its instant signed."""
    opened = []
    for envelope in payload.consents:
        try:
            originator = claimed_originator(envelope)
            revoked = view.revoked(originator)
            # A revoked key proves nothing, whatever instant its thief writes on the disclosure.
            keys = view.keys(originator, KeyPurpose.NODE, payload.instant)
            consent = open_consent(envelope, tuple(key for key in keys if key not in revoked))
            opened.append((consent, envelope))
        except ConsentError:
            continue  # it proves nothing here; the items it is said to cover are refused for that
    return tuple(opened)


class _Judge:
    """Judges the items of one batch; items of one class with equal facts are judged once.

    Items are judged one by one where something had to be removed, since that is looked for in
    each. That the bytes are those disclosed was checked for every item before.
    """

    def __init__(
        self,
        payload: DisclosurePayload,
        law: Law | None,
        *,
        consents: Sequence[Consent],
        now: datetime,
    ) -> None:
        self._payload = payload
        self._law = law
        self._consents = consents
        self._now = now
        self._evaluator = Evaluator()
        self._known: dict[tuple[int, str, MemberId], Judgement] = {}

    def __call__(self, obj: StixObject, offset: int, facts: ItemFacts) -> Judgement:
        if facts.onward:
            # Before the law is asked: without its originator's word nothing of another member is
            # kept here under that member's name, not even to wait.
            if not self._payload.consents:
                return _NOT_ITS_OWN
            fault = check_consent(self._payload, offset, self._consents)
            if fault is not None:
                return fault
        if self._law is None:
            return _UNKNOWN_TREATY
        return self._judged(obj, offset, facts, self._law)

    def _judged(self, obj: StixObject, offset: int, facts: ItemFacts, law: Law) -> Judgement:
        item = self._payload.items[offset]
        place = (item.class_index, facts.key, item.originator)
        known = None if self._payload.obligations.redact else self._known.get(place)
        if known is None:
            known = self._known[place] = judge(
                self._payload,
                obj,
                offset,
                law,
                facts,
                now=self._now,
                evaluator=self._evaluator,
            )
        return known
