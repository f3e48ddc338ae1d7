"""Single things one side could do about a decision, each as a change to the question's grounds.

The originator consents, reviews, lowers a marking or leaves something out; a member withdraws a
reservation; persons approve. Nothing that only a false statement could bring about is here: no
threat to life, no other originator, no other item. Whether a step helps is for
:mod:`foedus.release.counterfactual` to find out by deciding again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from foedus.model.identifiers import ArticleId, MemberId
from foedus.model.markings import TLP
from foedus.model.objects import StixObject
from foedus.model.observables import selectors_of
from foedus.model.selectors import PERSONAL_KINDS
from foedus.model.terms import CategoryOfPerson, NeutralityReview, terms_id
from foedus.release.decide import approvers_wanted, decide, propose
from foedus.release.errors import RedactionError
from foedus.release.evaluation import Evaluator
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts, holds_personal_data
from foedus.release.question import Question
from foedus.release.redact import redact
from foedus.release.verdict import NO_LAW, Decision, Law
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import PairLaw

__all__ = ["Scene", "Step", "StepKind", "parts_to_leave_out", "steps_of"]

_TERM: Final = timedelta(days=90)
"""How far ahead a date is set when one is tried."""

_STATED: Final = "to be stated"


class StepKind(StrEnum):
    """What kind of thing would be otherwise; in the order in which they are told."""

    APPROVAL = "approval"
    CONSENT = "consent"
    OTHER_ARTICLE = "other-article"
    OTHER_PURPOSE = "other-purpose"
    WITHOUT = "without"
    NEUTRALITY = "neutrality"
    REVIEW = "review"
    EXPIRY = "expiry"
    PERSON = "person"
    PURPOSE = "purpose"
    TREATY = "treaty"
    HANDLING = "handling"
    TLP = "tlp"
    MARKING = "marking"
    LINK = "link"
    WITNESS = "witness"
    FORK = "fork"
    RECOGNITION = "recognition"
    RESERVATION = "reservation"
    BINDING = "binding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One question with all its grounds.

    Attributes:
        question: What is asked.
        facts: The item's derivable facts.
        asserted: What the sender asserts.
        law: The law of the pair.
        link: The sender's own duty.
    """

    question: Question
    facts: ItemFacts
    asserted: AssertedFacts
    law: Law
    link: LinkFacts

    def decided(self, evaluator: Evaluator) -> Decision:
        """Decide it; without an article, the freest is proposed."""
        ask = propose if self.question.article is None else decide
        return ask(
            self.question, self.facts, self.asserted, self.law, link=self.link, evaluator=evaluator
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that would be otherwise.

    Attributes:
        kind: What kind of thing.
        ref: What it names: a member, an article, a level, a target of redaction.
        text: In words.
        apply: Returns a scene with it done; raises ``TermsError`` where that makes no terms.
    """

    kind: StepKind
    ref: str
    text: str
    apply: Callable[[Scene], Scene] = field(repr=False, compare=False)


def steps_of(scene: Scene, before: Decision, obj: StixObject | None) -> Iterator[Step]:
    """Yield every single thing that one side could do about a decision.

    Args:
        scene: The question with its grounds.
        before: What was decided.
        obj: The item; without it, leaving out parts of it is not thought of.
    """
    yield from _of_people(scene, before)
    yield from _of_link(scene)
    yield from _of_question(scene)
    yield from _of_law(scene)
    yield from _of_dates(scene)
    yield from _of_originator(scene)
    yield from _of_persons(scene, obj)


def _of_people(scene: Scene, before: Decision) -> Iterator[Step]:
    """Approvals and consent."""
    asserted, needed = scene.asserted, before.obligations.approvals
    if needed > asserted.approvals:
        yield Step(
            kind=StepKind.APPROVAL,
            ref=str(needed - asserted.approvals),
            text=f"{approvers_wanted(needed - asserted.approvals)} exactly this",
            apply=lambda old: replace(old, asserted=replace(old.asserted, approvals=needed)),
        )
    if not asserted.consent:
        who = scene.facts.originator
        yield Step(
            kind=StepKind.CONSENT,
            ref=who,
            text=f"{who} consents to it",
            apply=lambda old: replace(old, asserted=replace(old.asserted, consent=True)),
        )


def _of_link(scene: Scene) -> Iterator[Step]:
    """Hearing from the recipient; witnesses; a new log in the place of a forked one."""
    link, sender, recipient = scene.link, scene.question.sender, scene.question.recipient
    if not link.fresh:
        yield Step(
            kind=StepKind.LINK,
            ref=recipient,
            text=f"{recipient} is heard from again",
            apply=_linked(fresh=True, why="", until=None),
        )
    if not link.witnessed:
        yield Step(
            kind=StepKind.WITNESS,
            ref=sender,
            text=f"a quorum of the other members witnesses the log of {sender}",
            apply=_linked(witnessed=True, unwitnessed="", until=None),
        )
    if link.forked:
        yield Step(
            kind=StepKind.FORK,
            ref=recipient,
            text=f"{recipient} closes its forked log, and its full powers name another",
            apply=_linked(forked=False),
        )
    if link.own_fork:
        yield Step(
            kind=StepKind.FORK,
            ref=sender,
            text=f"{sender} closes its forked log and begins another",
            apply=_linked(own_fork=False),
        )


def _of_question(scene: Scene) -> Iterator[Step]:
    """Asking under another article or for another purpose."""
    question, treaty = scene.question, scene.law.compiled.treaty
    if question.article is not None:
        for article in scene.law.compiled.by_article:
            if article != question.article:
                yield Step(
                    kind=StepKind.OTHER_ARTICLE,
                    ref=article,
                    text=f"article {article} is relied on instead",
                    apply=_asked(article=article),
                )
    for purpose in sorted(scene.facts.terms.purposes & set(treaty.purposes)):
        if purpose != question.purpose:
            yield Step(
                kind=StepKind.OTHER_PURPOSE,
                ref=purpose,
                text=f"it is for {purpose} and asked for that purpose",
                apply=_asked(purpose=purpose),
            )


def _of_law(scene: Scene) -> Iterator[Step]:
    """What members could do about the law between them."""
    pair, treaty = scene.law.pair, scene.law.compiled.treaty
    if not pair.binds:
        yield Step(
            kind=StepKind.BINDING,
            ref=pair.recipient,
            text=_coming_to_bind(pair, treaty),
            apply=_under(
                binds=True,
                why_not="",
                opposed_by=(),
                articles=frozenset(article.id for article in treaty.articles) - set(pair.reserved),
                recognised=frozenset(treaty.offences),
            ),
        )
    lacking = scene.facts.terms.offences & set(treaty.offences) - pair.recognised
    if pair.binds and lacking:
        named = ", ".join(sorted(lacking))
        yield Step(
            kind=StepKind.RECOGNITION,
            ref=named,
            text=f"both recognise the offence {named}",
            apply=_under(recognised=pair.recognised | lacking),
        )
    for article in sorted(pair.reserved):
        if scene.question.article in (None, article) and article in scene.law.compiled.by_article:
            for member in pair.reserved[article]:
                yield Step(
                    kind=StepKind.RESERVATION,
                    ref=f"{member}:{article}",
                    text=f"{member} withdraws its reservation of article {article}",
                    apply=_withdrawn(member, article),
                )


def _coming_to_bind(pair: PairLaw, treaty: Treaty) -> str:
    match pair.opposed_by:
        case ():
            return f"{treaty.short_title} comes to bind both ({pair.why_not})"
        case (one,):
            return f"{one} withdraws its objection"
        case several:
            return f"{' and '.join(several)} withdraw their objections"


def _of_dates(scene: Scene) -> Iterator[Step]:
    """Dates the originator could set."""
    terms, at = scene.facts.terms, scene.question.at
    later = at + _TERM
    if terms.review is None or terms.review <= at:
        yield Step(
            kind=StepKind.REVIEW,
            ref=later.date().isoformat(),
            text="the originator reviews it and sets a later review date",
            apply=_on_terms(review=later),
        )
    if terms.expiry is not None and terms.expiry <= at:
        yield Step(
            kind=StepKind.EXPIRY,
            ref=later.date().isoformat(),
            text="the originator lets it run longer",
            apply=_on_terms(expiry=later),
        )


def _of_originator(scene: Scene) -> Iterator[Step]:
    """Terms and markings the originator could change."""
    terms, question = scene.facts.terms, scene.question
    treaty = scene.law.compiled.treaty
    if question.purpose in treaty.purposes and question.purpose not in terms.purposes:
        yield Step(
            kind=StepKind.PURPOSE,
            ref=question.purpose,
            text=f"the originator adds the purpose {question.purpose}",
            apply=_on_terms(purposes=terms.purposes | {question.purpose}),
        )
    if question.treaty not in terms.treaties:
        yield Step(
            kind=StepKind.TREATY,
            ref=question.treaty,
            text="the originator puts it under this treaty",
            apply=_on_terms(treaties=terms.treaties | {question.treaty}),
        )
    if terms.neutrality is None or terms.neutrality.at > question.at:
        review = NeutralityReview(by="an officer", reason=_STATED, at=question.at)
        yield Step(
            kind=StepKind.NEUTRALITY,
            ref=terms.originator,
            text="a named officer reviews its neutrality and records the reason",
            apply=_on_terms(neutrality=review),
        )
    for condition in sorted(terms.handling):
        yield Step(
            kind=StepKind.HANDLING,
            ref=condition.value,
            text=f"the originator lifts the handling condition {condition.value}",
            apply=_lifted(condition.value),
        )
    for level in TLP:
        if level < scene.facts.tlp:
            yield Step(
                kind=StepKind.TLP,
                ref=level.value,
                text=f"the originator lowers the marking to {level.label}",
                apply=_lowered(level),
            )
    for marking in scene.facts.unknown_markings:
        yield Step(
            kind=StepKind.MARKING,
            ref=marking,
            text=f"the definition of {marking} is obtained and narrows nothing",
            apply=_understood(marking),
        )


def _of_persons(scene: Scene, obj: StixObject | None) -> Iterator[Step]:
    """What makes an item personal could be said, or left out."""
    facts = scene.facts
    if not facts.personal:
        return
    if not facts.terms.personal:
        for category in CategoryOfPerson:
            if category is not CategoryOfPerson.NONE:
                yield Step(
                    kind=StepKind.PERSON,
                    ref=category.value,
                    text=f"the originator states that the person appears as {category.value}, "
                    "with legal basis and review date",
                    apply=_on_terms(
                        personal=True,
                        person=category,
                        legal_basis=facts.terms.legal_basis or _STATED,
                        review=facts.terms.review or scene.question.at + _TERM,
                    ),
                )
    if obj is not None:
        for targets in parts_to_leave_out(obj, scene.question.recipient):
            yield Step(
                kind=StepKind.WITHOUT,
                ref=targets,
                text=f"the originator issues it without {targets}",
                apply=_impersonal,
            )


def parts_to_leave_out(obj: StixObject, recipient: MemberId) -> Iterator[str]:
    """Yield targets of redaction without which an object holds no personal data."""
    kinds = sorted({each.kind for each in selectors_of(obj)} & PERSONAL_KINDS)
    targets = [f"property:{name}" for name in sorted(obj.document())]
    for target in (*targets, " ".join(f"kind:{kind.value}" for kind in kinds)):
        redactions = frozenset(target.split())
        try:
            left = redact(
                obj,
                redactions,
                recipient=recipient,
                secret=b"counterfactual",
                given=lambda identifier: identifier,
            )
        except RedactionError:
            continue
        if redactions and not holds_personal_data(left):
            yield target


def _asked(*, article: ArticleId | None = None, purpose: str = "") -> Callable[[Scene], Scene]:
    def apply(old: Scene) -> Scene:
        question = old.question
        if article is not None:
            question = replace(question, article=article)
        return replace(old, question=replace(question, purpose=purpose or question.purpose))

    return apply


def _linked(**changes: object) -> Callable[[Scene], Scene]:
    def apply(old: Scene) -> Scene:
        return replace(old, link=replace(old.link, **changes))  # type: ignore[arg-type]

    return apply


def _under(**changes: object) -> Callable[[Scene], Scene]:
    """Change the law of the pair; it is no law that has a digest."""

    def apply(old: Scene) -> Scene:
        pair = replace(old.law.pair, digest=NO_LAW, **changes)  # type: ignore[arg-type]
        return replace(old, law=Law(compiled=old.law.compiled, pair=pair))

    return apply


def _withdrawn(member: MemberId, article: ArticleId) -> Callable[[Scene], Scene]:
    def apply(old: Scene) -> Scene:
        pair = old.law.pair
        others = tuple(each for each in pair.reserved[article] if each != member)
        reserved = {name: who for name, who in pair.reserved.items() if name != article}
        if others:
            return _under(reserved={**reserved, article: others})(old)
        articles = pair.articles | {article} if pair.binds else pair.articles
        return _under(reserved=reserved, articles=articles)(old)

    return apply


def _on_terms(**changes: object) -> Callable[[Scene], Scene]:
    def apply(old: Scene) -> Scene:
        terms = replace(old.facts.terms, **changes)  # type: ignore[arg-type]
        facts = replace(old.facts, terms=terms, terms_id=terms_id(terms))
        return replace(old, facts=facts)

    return apply


def _lifted(condition: str) -> Callable[[Scene], Scene]:
    def apply(old: Scene) -> Scene:
        kept = frozenset(each for each in old.facts.terms.handling if each.value != condition)
        return _on_terms(handling=kept)(old)

    return apply


def _lowered(level: TLP) -> Callable[[Scene], Scene]:
    def apply(old: Scene) -> Scene:
        lowered = _on_terms(tlp=min(level, old.facts.terms.tlp))(old)
        return replace(lowered, facts=replace(lowered.facts, tlp=level))

    return apply


def _understood(marking: str) -> Callable[[Scene], Scene]:
    def apply(old: Scene) -> Scene:
        left = tuple(each for each in old.facts.unknown_markings if each != marking)
        return replace(old, facts=replace(old.facts, unknown_markings=left))

    return apply


def _impersonal(old: Scene) -> Scene:
    changed = _on_terms(personal=False, person=CategoryOfPerson.NONE)(old)
    return replace(changed, facts=replace(changed.facts, personal=False))
