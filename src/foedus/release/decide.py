"""May this be released? One function decides, everywhere.

It decides for the preview, the approval, the sending, the screening feed, the onward transfer and
again at the receiver. It is pure: the same question, facts and law give the same decision.

Rules, in the order in which reasons are given:

 1. The law handed in is that of the treaty, the pair and the instant asked about, and the action is
    one of the vocabulary. Sender and recipient are two.
 2. The treaty binds both.
 3. The sender's picture of the recipient is fresh, its own log is witnessed within the treaty's
    limit, and the recipient's log is not proven forked. Orders and receipts are not asked this.
 4. The article relied on is named, is in force for the pair and is reserved by neither.
 5. The terms put the item under this treaty, and under the treaty it was received under.
 6. Exercise and reality do not mix.
 7. No marking in the item is unknown.
 8. The purpose is one of the treaty and one of the terms; the offence is one of the treaty.
 9. The item has not expired, and its review is not overdue.
10. Personal data has a purpose, a legal basis, a category of person and a review date.
11. A neutrality review was made, not in the future.
12. No prohibition of the treaty holds.
13. A permit of the article relied on holds, and nothing else permits. Of several the one with the
    fewest obligations, never merged with another: taking a permit away can then only narrow.
14. Passing on what is another's needs the originator's consent. If that alone is missing, here or
    in the treaty's own rules, the verdict is *needs consent*.
15. Every duty whose condition holds is joined in, strictest first.
16. Approvals the obligations ask for beyond those given: *needs approval*.
17. Something to redact: *permit, redacted*. Otherwise *permit*.

Any engine error is a denial. All reasons against a release are collected, so that the number of
them says how far it is from being permitted.

Rule 8 of the design follows: an item restricted further satisfies fewer permits, more prohibitions
and more duties (:mod:`foedus.release.monotone`), and a reservation only takes a permit away; each
step can only raise the place of a verdict in the order permit, redacted, needs approval, needs
consent, deny, or, within one verdict, the burden of its obligations.

Spec: design §2, §6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from foedus.model.identifiers import ArticleId, PolicyId
from foedus.release.cedar import EngineClass, EngineQuestion
from foedus.release.errors import EngineError
from foedus.release.evaluation import Evaluator, Standpoint
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts
from foedus.release.objections import (
    article_objections,
    item_objections,
    law_objections,
    passes_on,
    unanswerable,
    valid_until,
)
from foedus.release.obligations import NO_OBLIGATIONS, Obligations
from foedus.release.question import Question
from foedus.release.verdict import Decision, Law, Reason, ReasonKind, Verdict
from foedus.release.weighing import Chosen, Weighed

__all__ = [
    "Decision",
    "Law",
    "LinkFacts",
    "Reason",
    "ReasonKind",
    "Verdict",
    "approvers_wanted",
    "decide",
    "engine_question",
    "propose",
]


def decide(
    question: Question,
    facts: ItemFacts,
    asserted: AssertedFacts,
    law: Law,
    *,
    link: LinkFacts,
    evaluator: Evaluator | None = None,
) -> Decision:
    """Decide one question (rules in the module docstring).

    Args:
        question: What is asked; its article is the one relied on.
        facts: The item's derivable facts.
        asserted: What the sender asserts.
        law: The law of the pair at the instant asked about.
        link: The sender's own duty; a receiver hands in one that is fulfilled.
        evaluator: Remembers what the engine answered; it changes no decision.
    """
    case = _Case(question, facts, asserted, law, link, evaluator or Evaluator())
    return case.decision(case.draft(question.article))


def propose(
    question: Question,
    facts: ItemFacts,
    asserted: AssertedFacts,
    law: Law,
    *,
    link: LinkFacts,
    evaluator: Evaluator | None = None,
) -> Decision:
    """Decide under each article that permits anything, and return the freest decision.

    The freest is the one whose verdict stands first, then the one with the least burden, then the
    one whose article stands first. Where every article denies, it is the denial with the fewest
    reasons. The question's own article is not looked at.
    """
    case = _Case(question, facts, asserted, law, link, evaluator or Evaluator())
    if not law.compiled.by_article:
        return case.decision(case.draft(None))
    best = min(case.drafts(), key=_place, default=None)
    if best is not None and best.verdict is not Verdict.DENY:
        return case.decision(best)
    return case.least_denied()


def engine_question(
    question: Question, facts: ItemFacts, asserted: AssertedFacts, law: Law
) -> EngineQuestion:
    """Return what the engine is asked for a question."""
    terms = facts.terms
    attributes: dict[str, object] = {
        "purposes": list(terms.purposes),
        "offence": terms.offence,
        "person": terms.person.value,
        "personal": facts.personal,
        "tlp": facts.tlp.value,
        "handling": [condition.value for condition in terms.handling],
        "source": terms.source.value,
        "information": terms.information.value,
        "neutral": terms.neutrality is not None,
        "exercise": terms.exercise,
    }
    if terms.review is not None:
        attributes["review"] = terms.review
    if terms.expiry is not None:
        attributes["expiry"] = terms.expiry
    offences = terms.offences
    return EngineQuestion(
        resource=EngineClass(
            key=facts.key,
            originator=terms.originator,
            attributes=attributes,
        ),
        recipient=question.recipient,
        sender=question.sender,
        action=question.action,
        purpose=question.purpose,
        now=question.at,
        kind=facts.kind,
        onward=passes_on(question, facts),
        consent=asserted.consent,
        recognised=bool(offences) and offences <= law.pair.recognised,
        concerns_recipient=facts.concerns_recipient,
        threat_to_life=asserted.threat_to_life,
    )


_CONSENT: Final = Reason(
    kind=ReasonKind.CONSENT,
    ref="",
    text="the originator has not consented",
    change="the originator consents to this release",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A decision under one article before it is confirmed and put in words.

    Attributes:
        permit: The permit relied on; None for a denial.
        consent: Whether the originator's consent was taken as given in asking the rules.
    """

    article: ArticleId | None
    verdict: Verdict = Verdict.DENY
    permit: PolicyId | None = None
    obligations: Obligations = NO_OBLIGATIONS
    consent: bool = False


def _place(draft: _Draft) -> tuple[int, tuple[int, ...]]:
    return draft.verdict.rank, draft.obligations.burden


@dataclass(slots=True)
class _Case:
    """One question with all its grounds; what does not depend on the article is worked out once."""

    question: Question
    facts: ItemFacts
    asserted: AssertedFacts
    law: Law
    link: LinkFacts
    memory: Evaluator
    _asked: EngineQuestion | None = None
    _seen: dict[bool, Standpoint] = field(default_factory=dict)
    _weighed: dict[bool, Weighed | EngineError] = field(default_factory=dict)
    _before: tuple[Reason, ...] | None = None
    _after: tuple[Reason, ...] = ()
    _mute: bool = False
    _helps: bool | None = None
    _forbidden: dict[bool, tuple[Reason, ...]] = field(default_factory=dict)

    def drafts(self) -> list[_Draft]:
        """Return a draft for each article that may permit it, in their order."""
        possible = self._possible()
        return [
            self.draft(article) for article in self.law.compiled.by_article if article in possible
        ]

    def _possible(self) -> frozenset[ArticleId]:
        """Return the articles a permit of which holds, if no rule stands against all of them."""
        self._objections(None)
        if self._before or self._after or self._mute:
            return frozenset()
        try:
            found = frozenset(self._with(consent=self.asserted.consent).chosen)
            if self._consent_may_help():
                found |= frozenset(self._with(consent=True).chosen)
        except EngineError:
            return frozenset()
        return found

    def draft(self, article: ArticleId | None) -> _Draft:
        """Decide under an article; nothing is confirmed yet."""
        denied = _Draft(article=article)
        if self._objections(article) or article is None or self._mute:
            return denied
        consent = self.asserted.consent
        chosen = self._chosen(article, consent=consent)
        if chosen is None and self._consent_may_help():
            consent = True
            chosen = self._chosen(article, consent=True)
        if chosen is None:
            return denied
        verdict = chosen.verdict
        if not self.asserted.consent and (consent or passes_on(self.question, self.facts)):
            verdict = Verdict.NEEDS_CONSENT
        return _Draft(
            article=article,
            verdict=verdict,
            permit=chosen.permit,
            obligations=chosen.obligations,
            consent=consent,
        )

    def decision(self, draft: _Draft) -> Decision:
        """Confirm a draft with the engine and give its reasons."""
        if draft.permit is None or draft.article is None:
            return self._made(draft, self._against(draft.article))
        try:
            self._about(consent=draft.consent).confirm(draft.article)
            duties = self._with(consent=draft.consent).duties
        except EngineError as error:
            return self._made(_Draft(article=draft.article), (_engine_reason(error),))
        return self._made(draft, self._in_favour(draft, draft.article, draft.permit, duties))

    def least_denied(self) -> Decision:
        """Return the denial with the fewest reasons, where every article denies."""
        articles = self.law.compiled.by_article
        nearest = min(articles, key=self._own_reasons)
        return self.decision(_Draft(article=nearest))

    def _own_reasons(self, article: ArticleId) -> int:
        """Return how many reasons of a denial are this article's and not those of all."""
        denials = () if self._mute else self._denials(article)
        return len(article_objections(article, self.law)) + len(denials)

    def _about(self, *, consent: bool) -> Standpoint:
        """Return how the rules see it, with the consent asserted or taken as given."""
        found = self._seen.get(consent)
        if found is None:
            if self._asked is None:
                self._asked = engine_question(self.question, self.facts, self.asserted, self.law)
            asked = self._asked
            if consent is not asked.consent:
                asked = replace(asked, consent=consent)
            found = self._seen[consent] = self.memory.about(self.law.compiled, asked)
        return found

    def _objections(self, article: ArticleId | None) -> tuple[Reason, ...]:
        """Rules 1 to 11."""
        if self._before is None:
            self._before = law_objections(self.question, self.law, self.link)
            self._after = item_objections(self.question, self.facts, self.law.compiled)
            self._mute = unanswerable(self.question, self.law)
        return self._before + article_objections(article, self.law) + self._after

    def _with(self, *, consent: bool) -> Weighed:
        """Ask the treaty's rules, once.

        Raises:
            EngineError: The engine gave no clean answer.
        """
        found = self._weighed.get(consent)
        if found is None:
            try:
                found = self._about(consent=consent).weighed(approvals=self.asserted.approvals)
            except EngineError as error:
                found = error
            self._weighed[consent] = found
        if isinstance(found, EngineError):
            raise found
        return found

    def _chosen(self, article: ArticleId, *, consent: bool) -> Chosen | None:
        """Return the permit chosen of an article; None if none holds or anything forbids."""
        try:
            weighed = self._with(consent=consent)
        except EngineError:
            return None
        return None if weighed.forbidding else weighed.chosen.get(article)

    def _consent_may_help(self) -> bool:
        """Whether consent, where it was not given, can change what the treaty's rules say."""
        if self._helps is None:
            self._helps = self._may_help()
        return self._helps

    def _may_help(self) -> bool:
        mentions = self.law.compiled.mentions
        if self.asserted.consent or not mentions.consent:
            return False
        try:
            return mentions.permits_look_at_consent or bool(self._with(consent=False).forbidding)
        except EngineError:
            return False

    def _in_favour(
        self,
        draft: _Draft,
        article: ArticleId,
        permit: PolicyId,
        duties: Sequence[PolicyId],
    ) -> Iterator[Reason]:
        """Give the reasons of a decision that does not deny."""
        yield Reason(
            kind=ReasonKind.PERMIT,
            ref=permit,
            text=f"article {article} permits it by rule {permit}",
        )
        for name in duties:
            yield Reason(kind=ReasonKind.DUTY, ref=name, text=self.law.compiled.duties[name].text)
        if draft.verdict is Verdict.NEEDS_CONSENT:
            yield _CONSENT
        elif draft.verdict is Verdict.NEEDS_APPROVAL:
            yield _approval_reason(draft.obligations.approvals, self.asserted.approvals)

    def _against(self, article: ArticleId | None) -> tuple[Reason, ...]:
        """Return every reason of a denial."""
        objections = self._objections(article)
        if article is None or self._mute:
            return objections
        unconsented = not self.asserted.consent and passes_on(self.question, self.facts)
        return (*objections, *((_CONSENT,) if unconsented else ()), *self._denials(article))

    def _denials(self, article: ArticleId) -> tuple[Reason, ...]:
        """Return what the treaty's rules say against it, consent aside if that alone decides."""
        try:
            consent = self.asserted.consent or (
                self._consent_may_help() and self._chosen(article, consent=True) is not None
            )
            weighed = self._with(consent=consent)
            if article in weighed.chosen:
                return self._forbidding(consent=consent)
            lacking = self._about(consent=consent).lacking(article)
            return self._forbidding(consent=consent) + lacking
        except EngineError as error:
            return (_engine_reason(error),)

    def _forbidding(self, *, consent: bool) -> tuple[Reason, ...]:
        found = self._forbidden.get(consent)
        if found is None:
            names = self._with(consent=consent).forbidding
            found = self._forbidden[consent] = tuple([_prohibition(name) for name in names])
        return found

    def _made(self, draft: _Draft, reasons: Iterable[Reason]) -> Decision:
        return Decision(
            verdict=draft.verdict,
            article=draft.article,
            obligations=draft.obligations,
            reasons=tuple(reasons),
            valid_until=valid_until(
                self.question.at, self.facts, self.asserted, self.law, self.link
            ),
            law_digest=self.law.pair.digest,
        )


def approvers_wanted(number: int) -> str:
    """Return who has to approve, up to the verb."""
    return "one more person approves" if number == 1 else f"{number} more persons approve"


def _approval_reason(needed: int, given: int) -> Reason:
    return Reason(
        kind=ReasonKind.APPROVAL,
        ref=str(needed),
        text=f"approvals needed: {needed}, given: {given}",
        change=f"{approvers_wanted(needed - given)} exactly this release",
    )


@lru_cache(maxsize=4096)
def _prohibition(name: PolicyId) -> Reason:
    article = name.partition("/")[0]
    return Reason(
        kind=ReasonKind.PROHIBITION, ref=name, text=f"article {article} forbids it by rule {name}"
    )


def _engine_reason(error: EngineError) -> Reason:
    return Reason(kind=ReasonKind.ENGINE, ref="", text=f"no decision could be reached: {error}")
