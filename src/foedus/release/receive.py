"""The receiver decides again, and quarantines what it would not have been sent.

Rules of :func:`judge`, in the order the code applies them; the first that is broken is told:

1. The bytes are those the disclosure names: id, version, hash.
2. The terms are those it names, and the facts it states are those that follow from bytes and terms
   here.
3. The law known here for that pair and instant has the digest it states. Otherwise one side lacks
   an instrument: *stale law*, which is not yet a refusal (:mod:`foedus.node.law_holds`).
4. Of another originator's item, a consent that its originator signed came with it, to exactly this
   item version and bytes, this recipient, treaty and purpose, and it holds at the stated instant. A
   sender's word for it is nothing: it could put words into another member's mouth
   (:func:`check_consent`).
5. Decided here, at the stated instant, under the stated article, with what the sender asserts, it
   may leave with the same obligations. Freshness, the witnessing of its log and who has forked were
   the sender's duty and are not asked.
6. The obligations hold on what came: nothing that had to be removed shows.
7. The item has not expired here and now.

Whether commitments, signature and log hold is checked before, on the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from foedus.model.identifiers import ArticleId, ItemKey
from foedus.model.objects import StixObject
from foedus.release.consent import Consent
from foedus.release.decide import Decision, Law, decide
from foedus.release.errors import ProtocolActError
from foedus.release.evaluation import Evaluator
from foedus.release.facts import ItemFacts, LinkFacts
from foedus.release.protocol import check_protocol_act
from foedus.release.question import Question
from foedus.release.record import PROTOCOL, DisclosurePayload
from foedus.release.redact import residue

__all__ = ["Judgement", "JudgementKind", "check_consent", "judge", "judge_protocol"]

_DUTY_DONE = LinkFacts(fresh=True)


class JudgementKind(StrEnum):
    """What a receiver found; all but ``accepted`` mean quarantine."""

    ACCEPTED = "accepted"
    BYTES_DIFFER = "bytes-differ"
    TERMS_DIFFER = "terms-differ"
    FACTS_DIFFER = "facts-differ"
    STALE_LAW = "stale-law"
    CONSENT_UNPROVED = "consent-unproved"
    VERDICT_DIFFERS = "verdict-differs"
    OBLIGATIONS_DIFFER = "obligations-differ"
    OBLIGATION_UNMET = "obligation-unmet"
    EXPIRED = "expired"
    NOT_PROTOCOL = "not-protocol"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a receiver does with one item, and why.

    Attributes:
        kind: What was found.
        reason: In words; names facts and rules, never content.
        decision: What was decided here; None if it did not come to that.
    """

    kind: JudgementKind
    reason: str
    decision: Decision | None = None

    @property
    def accepted(self) -> bool:
        """Whether the item is held; otherwise it is quarantined."""
        return self.kind is JudgementKind.ACCEPTED


def judge(
    payload: DisclosurePayload,
    obj: StixObject,
    item_index: int,
    law: Law,
    facts: ItemFacts,
    *,
    now: datetime | None = None,
    evaluator: Evaluator | None = None,
) -> Judgement:
    """Judge one received item.

    Args:
        payload: The disclosure's verified payload.
        obj: The item as it came.
        item_index: Which item of the payload it is.
        law: The law of (sender, recipient) at the payload's instant, as known here.
        facts: The derivable facts, derived here from ``obj`` and the terms in the payload, for the
            payload's sender and the item's originator.
        now: The receiver's own instant, for its own rules for keeping; None leaves rule 7 out.
        evaluator: Remembers what the engine answered.
    """
    fault = _form_fault(payload, obj, item_index, facts)
    if fault is not None:
        return fault
    if law.pair.digest != payload.law_digest:
        return _quarantine(
            JudgementKind.STALE_LAW, "the law it was sent under is not the law known here"
        )
    decision = _decided(payload, law, facts, evaluator)
    return (
        _verdict_fault(payload, decision)
        or _own_fault(payload, obj, facts, now)
        or Judgement(kind=JudgementKind.ACCEPTED, reason="", decision=decision)
    )


def check_consent(
    payload: DisclosurePayload, item_index: int, consents: Sequence[Consent]
) -> Judgement | None:
    """Judge whether another originator's item may be taken (rule 4); None if it may.

    Args:
        payload: The disclosure's verified payload.
        item_index: Which item of the payload it is.
        consents: Those that came with the payload, each opened with keys that spoke for its
            originator at the payload's instant.
    """
    item = payload.items[item_index]
    for consent in consents:
        if (
            consent.item
            == ItemKey(originator=item.originator, object_id=item.id, version=item.version)
            and consent.sha256 == item.sha256
            and (consent.recipient, consent.treaty, consent.purpose)
            == (payload.recipient, payload.treaty, payload.purpose)
            and consent.exercise is payload.exercise
            and consent.holds(payload.instant)
        ):
            return None
    return _quarantine(
        JudgementKind.CONSENT_UNPROVED,
        f"it is {item.originator}'s item, and no consent of {item.originator} that came with it "
        "is proved here to be one to exactly this",
    )


def judge_protocol(payload: DisclosurePayload, obj: StixObject, item_index: int) -> Judgement:
    """Judge one document of a batch that relies on the fixed rules for protocol acts.

    Args:
        payload: The disclosure's verified payload.
        obj: The document as it came.
        item_index: Which item of the payload it is.
    """
    fault = _bytes_fault(payload, obj, item_index)
    if fault is not None:
        return fault
    if payload.article != PROTOCOL or payload.purpose != PROTOCOL:
        return _quarantine(JudgementKind.NOT_PROTOCOL, "the batch relies on an article")
    try:
        kind = check_protocol_act(obj, payload.lane)
    except ProtocolActError as error:
        return _quarantine(JudgementKind.NOT_PROTOCOL, str(error))
    stated = payload.classes[payload.items[item_index].class_index]
    if stated.terms or stated.facts != {"kind": kind.value}:
        return _quarantine(
            JudgementKind.FACTS_DIFFER, "the kind stated is not that of the document"
        )
    return Judgement(kind=JudgementKind.ACCEPTED, reason="")


def _decided(
    payload: DisclosurePayload, law: Law, facts: ItemFacts, evaluator: Evaluator | None
) -> Decision:
    question = Question(
        treaty=payload.treaty,
        article=ArticleId(payload.article),
        sender=payload.sender,
        recipient=payload.recipient,
        purpose=payload.purpose,
        at=payload.instant,
    )
    if facts.onward and facts.received_under is None:
        # Under which treaty the sender itself received it is the sender's to answer for; its terms
        # name every treaty that governs it, the one relied on among them.
        facts = replace(facts, received_under=payload.treaty)
    return decide(question, facts, payload.asserted, law, link=_DUTY_DONE, evaluator=evaluator)


def _bytes_fault(payload: DisclosurePayload, obj: StixObject, index: int) -> Judgement | None:
    """Rule 1."""
    if not 0 <= index < len(payload.items):
        return _quarantine(JudgementKind.BYTES_DIFFER, "no such item in the disclosure")
    item = payload.items[index]
    if (item.id, item.version, item.sha256) != (obj.id, obj.version, obj.content_hash):
        return _quarantine(JudgementKind.BYTES_DIFFER, "the bytes are not those disclosed")
    return None


def _form_fault(
    payload: DisclosurePayload, obj: StixObject, index: int, facts: ItemFacts
) -> Judgement | None:
    """Rules 1 and 2."""
    fault = _bytes_fault(payload, obj, index)
    if fault is not None:
        return fault
    item = payload.items[index]
    stated = payload.classes[item.class_index]
    if stated.terms != facts.terms_id or facts.terms.exercise is not payload.exercise:
        return _quarantine(JudgementKind.TERMS_DIFFER, "the terms are not those disclosed")
    if item.originator != facts.originator:
        return _quarantine(JudgementKind.FACTS_DIFFER, "the originator is another than stated")
    derived = facts.document()
    differing = sorted(name for name in derived if derived[name] != stated.facts.get(name))
    if differing or derived.keys() != stated.facts.keys():
        return _quarantine(
            JudgementKind.FACTS_DIFFER, f"derived otherwise here: {', '.join(differing)}"
        )
    return None


def _verdict_fault(payload: DisclosurePayload, decision: Decision) -> Judgement | None:
    """Rule 5."""
    if not decision.verdict.releases:
        reasons = "; ".join(reason.text for reason in decision.reasons)
        return _quarantine(
            JudgementKind.VERDICT_DIFFERS, f"decided here: {decision.verdict}: {reasons}", decision
        )
    if decision.obligations != payload.obligations:
        return _quarantine(
            JudgementKind.OBLIGATIONS_DIFFER, "the obligations are others than stated", decision
        )
    return None


def _own_fault(
    payload: DisclosurePayload, obj: StixObject, facts: ItemFacts, now: datetime | None
) -> Judgement | None:
    """Rules 6 and 7."""
    left = residue(obj, payload.obligations.redact) if payload.obligations.redact else ()
    if left:
        return _quarantine(
            JudgementKind.OBLIGATION_UNMET, f"it still shows what had to go: {', '.join(left)}"
        )
    expiry = facts.terms.expiry
    if now is not None and expiry is not None and now >= expiry:
        return _quarantine(JudgementKind.EXPIRED, "the item expired before it came")
    return None


def _quarantine(kind: JudgementKind, reason: str, decision: Decision | None = None) -> Judgement:
    return Judgement(kind=kind, reason=reason, decision=decision)
