"""May this be released? One function decides, everywhere.

It decides for the preview, the approval, the sending, the screening feed, the onward transfer and
again at the receiver. It is pure: the same question, facts and law give the same decision.

Rules, in the order in which reasons are given:

 1. The law handed in is that of the treaty, the pair and the instant asked about, and the action is
    one of the vocabulary. Sender and recipient are two.
 2. The treaty binds both.
 3. The sender's picture of the recipient is fresh.
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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from foedus.model.identifiers import ArticleId, PolicyId
from foedus.release.cedar import EngineClass, EngineQuestion
from foedus.release.compile import CompiledTreaty
from foedus.release.errors import EngineError
from foedus.release.evaluation import Evaluator
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts
from foedus.release.obligations import NO_OBLIGATIONS, Obligations, join_all
from foedus.release.question import Question
from foedus.treaty.in_force import PairLaw
from foedus.treaty.vocabulary import ACTIONS

__all__ = [
    "Decision",
    "Law",
    "LinkFacts",
    "Reason",
    "ReasonKind",
    "Verdict",
    "decide",
    "engine_question",
    "propose",
]

_MILLISECOND: Final = timedelta(milliseconds=1)


class Verdict(StrEnum):
    """What was decided, from freest to strictest."""

    PERMIT = "permit"
    PERMIT_REDACTED = "permit-redacted"
    NEEDS_APPROVAL = "needs-approval"
    NEEDS_CONSENT = "needs-consent"
    DENY = "deny"

    @property
    def rank(self) -> int:
        """0 for permit to 4 for deny."""
        return _RANKS[self]

    @property
    def releases(self) -> bool:
        """Whether the item may leave now."""
        return self in {Verdict.PERMIT, Verdict.PERMIT_REDACTED}


_RANKS: Final = {verdict: rank for rank, verdict in enumerate(Verdict)}


class ReasonKind(StrEnum):
    """What a reason rests on."""

    LAW = "law"
    LINK = "link"
    RESERVATION = "reservation"
    TREATY = "treaty"
    EXERCISE = "exercise"
    MARKING = "marking"
    PURPOSE = "purpose"
    TIME = "time"
    PERSONAL_DATA = "personal-data"
    NEUTRALITY = "neutrality"
    PROHIBITION = "prohibition"
    NO_PERMIT = "no-permit"
    CONDITION = "condition"
    PERMIT = "permit"
    CONSENT = "consent"
    DUTY = "duty"
    APPROVAL = "approval"
    MISSING_FACT = "missing-fact"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of a decision.

    Attributes:
        kind: What it rests on.
        ref: What it names: an article, a policy, a member, a marking, a purpose; may be empty.
        text: In words, for people of one's own node.
        change: The smallest change that would remove it, in words; empty where there is none.
    """

    kind: ReasonKind
    ref: str
    text: str
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """What binds a pair: the treaty's rules and which of its articles are in force.

    Attributes:
        compiled: The treaty, compiled.
        pair: The law of the ordered pair at an instant.
        key: Equal exactly for laws that decide alike; what decisions are cached by.
    """

    compiled: CompiledTreaty
    pair: PairLaw
    key: tuple[object, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pair = self.pair
        reserved = tuple(sorted((article, *who) for article, who in pair.reserved.items()))
        object.__setattr__(
            self,
            "key",
            (
                self.compiled.treaty.id,
                pair.treaty,
                pair.sender,
                pair.recipient,
                pair.digest,
                pair.binds,
                pair.why_not,
                pair.valid_until,
                reserved,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, and why.

    Attributes:
        verdict: The verdict.
        article: The article relied on; None if none was.
        obligations: What a release binds to; empty for a denial.
        reasons: At least one, in the order of the rules.
        valid_until: The next instant at which law, dates or freshness could change it; None if none
            could.
        law_digest: Digest of the law it was decided under.
    """

    verdict: Verdict
    article: ArticleId | None
    obligations: Obligations
    reasons: tuple[Reason, ...]
    valid_until: datetime | None
    law_digest: str

    @property
    def place(self) -> tuple[int, tuple[int, int, int, int]]:
        """Where it stands from free to strict: verdict first, then the burden of obligations."""
        return self.verdict.rank, self.obligations.burden


def decide(  # noqa: PLR0913 - a question with all its grounds
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
        link: The sender's own freshness; a receiver hands in a fresh one.
        evaluator: Remembers what the engine answered; it changes no decision.
    """
    against = tuple(_objections(question, facts, law, link))
    if _unanswerable(question, law):
        return _decision(question, facts, law, link, reasons=against)
    memory = evaluator or Evaluator()
    outcome = _outcome(question, facts, asserted, law, memory)
    unconsented = _passes_on(question, facts) and not asserted.consent
    if not outcome.permits and not asserted.consent and law.compiled.mentions.consent:
        consented = _outcome(question, facts, replace(asserted, consent=True), law, memory)
        if consented.permits:
            outcome, unconsented = consented, True
    if against or not outcome.permits:
        consent = (_CONSENT,) if unconsented else ()
        denials = () if outcome.permits else outcome.reasons
        return _decision(question, facts, law, link, reasons=against + consent + denials)
    verdict, more = _granted(outcome.obligations, asserted)
    if unconsented:
        verdict, more = Verdict.NEEDS_CONSENT, (_CONSENT,)
    return _decision(
        question,
        facts,
        law,
        link,
        reasons=(*outcome.reasons, *more),
        verdict=verdict,
        obligations=outcome.obligations,
    )


def propose(  # noqa: PLR0913 - a question with all its grounds
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
    memory = evaluator or Evaluator()
    decisions = [
        decide(
            replace(question, article=article), facts, asserted, law, link=link, evaluator=memory
        )
        for article in law.compiled.permitting
    ]
    if not decisions:
        return decide(question, facts, asserted, law, link=link, evaluator=memory)
    return min(
        decisions,
        key=lambda each: (
            each.place,
            len(each.reasons) if each.verdict is Verdict.DENY else 0,
        ),
    )


def engine_question(
    question: Question, facts: ItemFacts, asserted: AssertedFacts, law: Law
) -> EngineQuestion:
    """Return what the engine is asked for a question."""
    terms = facts.terms
    attributes: dict[str, object] = {
        "purposes": sorted(terms.purposes),
        "offence": terms.offence,
        "person": terms.person.value,
        "personal": facts.personal,
        "tlp": facts.tlp.value,
        "handling": sorted(condition.value for condition in terms.handling),
        "source": terms.source.value,
        "information": terms.information.value,
        "neutral": terms.neutrality is not None,
        "exercise": terms.exercise,
    }
    if terms.review is not None:
        attributes["review"] = terms.review
    if terms.expiry is not None:
        attributes["expiry"] = terms.expiry
    return EngineQuestion(
        resource=EngineClass(
            key=f"{facts.terms_id}/{facts.tlp.value}/{int(facts.personal)}",
            originator=terms.originator,
            attributes=attributes,
        ),
        recipient=question.recipient,
        sender=question.sender,
        action=question.action,
        purpose=question.purpose,
        now=question.at,
        kind=facts.kind,
        onward=_passes_on(question, facts),
        consent=asserted.consent,
        recognised=bool(terms.offences) and terms.offences <= law.pair.recognised,
        concerns_recipient=facts.concerns_recipient,
        threat_to_life=asserted.threat_to_life,
    )


def _passes_on(question: Question, facts: ItemFacts) -> bool:
    """Whether the sender passes on what is another's, by the facts or by the names in question."""
    return facts.onward or not (question.sender == facts.originator == facts.terms.originator)


_CONSENT: Final = Reason(
    kind=ReasonKind.CONSENT,
    ref="",
    text="the originator has not consented",
    change="the originator consents to this release",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What the treaty's own rules say: rules 12, 13 and 15."""

    permits: bool
    obligations: Obligations
    reasons: tuple[Reason, ...]


def _objections(
    question: Question, facts: ItemFacts, law: Law, link: LinkFacts
) -> Iterator[Reason]:
    """Rules 1 to 11."""
    yield from _law_objections(question, law)
    if not link.fresh:
        yield Reason(
            kind=ReasonKind.LINK,
            ref=question.recipient,
            text=f"the picture of {question.recipient} is stale: {link.why}",
            change=f"{question.recipient} is heard from again",
        )
    yield from _article_objections(question, law)
    yield from _treaty_objections(question, facts, law.compiled)
    yield from _purpose_objections(question, facts, law.compiled)
    yield from _time_objections(question, facts)
    yield from _personal_objections(facts)
    yield from _neutrality_objections(question, facts)


def _unanswerable(question: Question, law: Law) -> bool:
    """Whether there is nothing to ask the engine: no article, or another law or action."""
    return (
        question.article is None
        or question.action not in ACTIONS
        or question.at.tzinfo is None
        or _law_mismatch(question, law) != ""
    )


def _law_mismatch(question: Question, law: Law) -> str:
    pair = law.pair
    if question.at.tzinfo is None:
        return "the instant has no time zone"
    if not question.treaty == pair.treaty == law.compiled.treaty.id:
        return "the law at hand is that of another treaty"
    if (question.sender, question.recipient) != (pair.sender, pair.recipient):
        return "the law at hand is that of another pair"
    if question.at < pair.at or (pair.valid_until is not None and question.at >= pair.valid_until):
        return "the law at hand is that of another time"
    return ""


def _law_objections(question: Question, law: Law) -> Iterator[Reason]:
    """Rules 1 and 2."""
    mismatch = _law_mismatch(question, law)
    if mismatch:
        yield Reason(kind=ReasonKind.LAW, ref=question.treaty, text=mismatch)
    if question.sender == question.recipient:
        yield Reason(
            kind=ReasonKind.LAW, ref=question.sender, text="sender and recipient are the same"
        )
    if question.action not in ACTIONS:
        yield Reason(
            kind=ReasonKind.MISSING_FACT,
            ref=question.action,
            text=f"{question.action[:40]!r} is not an action of the vocabulary",
        )
    if not law.pair.binds:
        yield Reason(
            kind=ReasonKind.LAW,
            ref=question.recipient,
            text=law.pair.why_not or "the treaty does not bind both",
            change=f"{law.compiled.treaty.short_title} binds both",
        )


def _article_objections(question: Question, law: Law) -> Iterator[Reason]:
    """Rule 4."""
    article = question.article
    if article is None:
        yield Reason(kind=ReasonKind.MISSING_FACT, ref="article", text="no article is relied on")
    elif article in law.pair.reserved:
        who = ", ".join(law.pair.reserved[article])
        yield Reason(
            kind=ReasonKind.RESERVATION,
            ref=article,
            text=f"article {article} is reserved by {who}",
            change=f"{who} withdraws the reservation of article {article}",
        )
    elif article not in law.pair.articles:
        yield Reason(
            kind=ReasonKind.LAW,
            ref=article,
            text=f"article {article} is not in force between the two",
        )


def _treaty_objections(
    question: Question, facts: ItemFacts, compiled: CompiledTreaty
) -> Iterator[Reason]:
    """Rules 5 to 7."""
    treaties = facts.terms.treaties
    if question.treaty not in treaties:
        yield Reason(
            kind=ReasonKind.TREATY,
            ref=question.treaty,
            text="the terms do not put the item under this treaty",
            change="the originator puts the item under this treaty",
        )
    if _passes_on(question, facts) and facts.received_under is None:
        yield Reason(
            kind=ReasonKind.MISSING_FACT,
            ref="received_under",
            text="another's item, and no treaty under which it was received",
        )
    if facts.received_under is not None and facts.received_under not in treaties:
        yield Reason(
            kind=ReasonKind.TREATY,
            ref=facts.received_under,
            text="the terms dropped the treaty under which the item was received",
        )
    if facts.terms.exercise is not compiled.treaty.exercise:
        yield Reason(
            kind=ReasonKind.EXERCISE,
            ref=question.treaty,
            text="an exercise and what is real never mix",
        )
    for marking in facts.unknown_markings:
        yield Reason(
            kind=ReasonKind.MARKING,
            ref=marking,
            text="the item bears a marking that is not known here",
            change="the marking's definition is obtained and understood",
        )


def _purpose_objections(
    question: Question, facts: ItemFacts, compiled: CompiledTreaty
) -> Iterator[Reason]:
    """Rule 8."""
    purpose, terms = question.purpose, facts.terms
    if purpose not in compiled.treaty.purposes:
        yield Reason(
            kind=ReasonKind.PURPOSE,
            ref=purpose,
            text=f"{purpose[:40]!r} is not a purpose of the treaty",
        )
    elif purpose not in terms.purposes:
        yield Reason(
            kind=ReasonKind.PURPOSE,
            ref=purpose,
            text=f"the terms do not admit the purpose {purpose}",
            change=f"the originator adds the purpose {purpose}",
        )
    for offence in sorted(terms.offences - set(compiled.treaty.offences)):
        yield Reason(
            kind=ReasonKind.MISSING_FACT,
            ref=offence,
            text=f"the treaty defines no offence {offence[:40]!r}",
        )


def _time_objections(question: Question, facts: ItemFacts) -> Iterator[Reason]:
    """Rule 9. Dates count from their millisecond on, which is what the engine sees of them."""
    for what, date, change in (
        ("the item expired", facts.terms.expiry, "the originator issues it anew"),
        ("its review is overdue", facts.terms.review, "the originator reviews it"),
    ):
        if date is not None and (question.at.tzinfo is None or question.at >= _cut(date)):
            yield Reason(kind=ReasonKind.TIME, ref=what, text=what, change=change)


def _personal_objections(facts: ItemFacts) -> Iterator[Reason]:
    """Rule 10."""
    if not facts.personal:
        return
    terms = facts.terms
    for what, present in (
        ("a purpose", bool(terms.purposes)),
        ("a legal basis", bool(terms.legal_basis)),
        ("a category of person", terms.personal),
        ("a review date", terms.review is not None),
    ):
        if not present:
            yield Reason(
                kind=ReasonKind.PERSONAL_DATA,
                ref=what,
                text=f"the item holds personal data and its terms lack {what}",
                change=f"the originator gives {what}",
            )


def _neutrality_objections(question: Question, facts: ItemFacts) -> Iterator[Reason]:
    """Rule 11."""
    review = facts.terms.neutrality
    if review is None:
        text = "nobody has reviewed the item's neutrality"
    elif question.at.tzinfo is None or review.at > question.at:
        text = "the neutrality review is dated after the release"
    else:
        return
    yield Reason(
        kind=ReasonKind.NEUTRALITY,
        ref="",
        text=text,
        change="a named officer reviews it and records the reason",
    )


def _outcome(
    question: Question, facts: ItemFacts, asserted: AssertedFacts, law: Law, memory: Evaluator
) -> _Outcome:
    """Ask the treaty's own rules; an engine error is a denial."""
    try:
        return _weigh(question, facts, asserted, law, memory)
    except EngineError as error:
        reason = Reason(
            kind=ReasonKind.ENGINE, ref="", text=f"no decision could be reached: {error}"
        )
        return _Outcome(permits=False, obligations=NO_OBLIGATIONS, reasons=(reason,))


def _weigh(
    question: Question, facts: ItemFacts, asserted: AssertedFacts, law: Law, memory: Evaluator
) -> _Outcome:
    compiled = law.compiled
    article = question.article
    if article is None:
        raise EngineError("no article is relied on")
    asked = engine_question(question, facts, asserted, law)
    held = memory.satisfied(compiled, asked)
    forbidding = sorted(held & compiled.forbids, key=compiled.place)
    permitting = [name for name in compiled.permits_of(article) if name in held]
    if forbidding or not permitting:
        prohibitions = tuple(_prohibition(name) for name in forbidding)
        lacking = () if permitting else tuple(_lacking(article, compiled, asked, memory))
        return _Outcome(permits=False, obligations=NO_OBLIGATIONS, reasons=prohibitions + lacking)
    memory.confirm(compiled, article, asked)
    duties = sorted(held & compiled.duties.keys(), key=compiled.place)
    owed = join_all(compiled.duties[name].obligations for name in duties)
    chosen, obligations = _freest(permitting, owed, compiled, asserted)
    return _Outcome(
        permits=True,
        obligations=obligations,
        reasons=(
            Reason(
                kind=ReasonKind.PERMIT,
                ref=chosen,
                text=f"article {article} permits it by rule {chosen}",
            ),
            *(
                Reason(kind=ReasonKind.DUTY, ref=name, text=compiled.duties[name].text)
                for name in duties
            ),
        ),
    )


def _freest(
    permitting: Sequence[PolicyId],
    owed: Obligations,
    compiled: CompiledTreaty,
    asserted: AssertedFacts,
) -> tuple[PolicyId, Obligations]:
    """Rule 13: of the permits that hold, the one that binds to least, every duty joined in."""
    joined = [(name, compiled.permits[name].join(owed)) for name in permitting]
    return min(joined, key=lambda each: (_granted(each[1], asserted)[0].rank, each[1].burden))


def _granted(
    obligations: Obligations, asserted: AssertedFacts
) -> tuple[Verdict, tuple[Reason, ...]]:
    """Rules 16 and 17."""
    lacking = obligations.approvals - asserted.approvals
    if lacking > 0:
        return Verdict.NEEDS_APPROVAL, (
            Reason(
                kind=ReasonKind.APPROVAL,
                ref=str(obligations.approvals),
                text=f"{obligations.approvals} approvals are needed, {asserted.approvals} given",
                change=f"{lacking} more of those entitled approve exactly this release",
            ),
        )
    return (Verdict.PERMIT_REDACTED if obligations.redact else Verdict.PERMIT), ()


def _prohibition(name: PolicyId) -> Reason:
    article = name.partition("/")[0]
    return Reason(
        kind=ReasonKind.PROHIBITION, ref=name, text=f"article {article} forbids it by rule {name}"
    )


def _lacking(
    article: ArticleId, compiled: CompiledTreaty, asked: EngineQuestion, memory: Evaluator
) -> Iterator[Reason]:
    """Say that no article permits, and what the nearest permit of the one relied on still lacks."""
    permits = compiled.permits_of(article)
    yield Reason(
        kind=ReasonKind.NO_PERMIT,
        ref=article,
        text=f"no article permits: none of the {len(permits)} permits of article {article} applies",
    )
    if not permits:
        return
    failing = memory.failing(compiled, asked)
    nearest = min(permits, key=lambda name: len(failing[name]))
    for condition in failing[nearest]:
        yield Reason(
            kind=ReasonKind.CONDITION,
            ref=nearest,
            text=f"rule {nearest} does not apply",
            change=condition,
        )


def _decision(  # noqa: PLR0913 - the whole of a decision comes together here
    question: Question,
    facts: ItemFacts,
    law: Law,
    link: LinkFacts,
    *,
    reasons: tuple[Reason, ...],
    verdict: Verdict = Verdict.DENY,
    obligations: Obligations = NO_OBLIGATIONS,
) -> Decision:
    return Decision(
        verdict=verdict,
        article=question.article,
        obligations=obligations,
        reasons=reasons,
        valid_until=_valid_until(question.at, facts, law, link),
        law_digest=law.pair.digest,
    )


def _valid_until(at: datetime, facts: ItemFacts, law: Law, link: LinkFacts) -> datetime | None:
    """Return the next instant at which a comparison could turn.

    The engine sees milliseconds, so a comparison with a date turns at its millisecond or at the
    next.
    """
    if at.tzinfo is None:
        return None
    terms = facts.terms
    dates = [*law.compiled.mentions.instants, terms.review, terms.expiry]
    turns = [_cut(date) + late for date in dates if date is not None for late in _LATENESS]
    turns += [instant for instant in (law.pair.valid_until, link.until) if instant is not None]
    if terms.neutrality is not None:
        turns.append(terms.neutrality.at)
    return min((turn for turn in turns if turn > at), default=None)


_LATENESS: Final = (timedelta(0), _MILLISECOND)


def _cut(instant: datetime) -> datetime:
    """Return the millisecond an instant lies in, which is what the engine sees of it."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
