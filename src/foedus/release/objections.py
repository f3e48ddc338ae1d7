"""What stands against a release before the treaty's own rules are asked.

Rules 1 to 11 of :mod:`foedus.release.decide`. Each objection is a reason; together they say how far
an item is from being released.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from foedus.model.identifiers import ArticleId
from foedus.release.compile import CompiledTreaty
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts
from foedus.release.lint import cut_to_engine
from foedus.release.question import Question
from foedus.release.verdict import Law, Reason, ReasonKind
from foedus.treaty.vocabulary import ACTIONS

__all__ = [
    "article_objections",
    "item_objections",
    "law_objections",
    "passes_on",
    "unanswerable",
    "valid_until",
]

_MILLISECOND: Final = timedelta(milliseconds=1)
_LATENESS: Final = (timedelta(0), _MILLISECOND)


def law_objections(question: Question, law: Law, link: LinkFacts) -> tuple[Reason, ...]:
    """Return what rules 1 to 3 say against a question, whatever the article and the item."""
    return (*_law_objections(question, law), *_link_objections(question, link))


def item_objections(
    question: Question, facts: ItemFacts, compiled: CompiledTreaty
) -> tuple[Reason, ...]:
    """Return what rules 5 to 11 say against an item, whatever the article."""
    return (
        *_treaty_objections(question, facts, compiled),
        *_purpose_objections(question, facts, compiled),
        *_time_objections(question, facts),
        *_personal_objections(facts),
        *_neutrality_objections(question, facts),
    )


def unanswerable(question: Question, law: Law) -> bool:
    """Whether there is nothing to ask the treaty's rules: another law, or no such action."""
    return question.action not in ACTIONS or _law_mismatch(question, law) != ""


def passes_on(question: Question, facts: ItemFacts) -> bool:
    """Whether the sender passes on what is another's, by the facts or by the names in question."""
    return facts.onward or not question.sender == facts.originator == facts.terms.originator


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


def _link_objections(question: Question, link: LinkFacts) -> Iterator[Reason]:
    """Rule 3."""
    sender, recipient = question.sender, question.recipient
    if not link.fresh:
        yield Reason(
            kind=ReasonKind.LINK,
            ref=recipient,
            text=f"the picture of {recipient} is stale: {link.why}",
            change=f"{recipient} is heard from again",
        )
    if not link.witnessed:
        yield Reason(
            kind=ReasonKind.WITNESS,
            ref=sender,
            text=link.unwitnessed or f"the log of {sender} is not witnessed",
            change=f"a quorum of the other members witnesses the log of {sender}",
        )
    if link.forked:
        yield Reason(
            kind=ReasonKind.FORK,
            ref=recipient,
            text=f"the log of {recipient} is proven forked; nothing new is released to it",
            change=f"{recipient} closes that log, and its full powers name another",
        )
    if link.own_fork:
        yield Reason(
            kind=ReasonKind.FORK,
            ref=sender,
            text=f"the log of {sender} is proven forked; it releases nothing new",
            change=f"{sender} closes that log (`foedus recover --close`) and begins another",
        )


def article_objections(article: ArticleId | None, law: Law) -> tuple[Reason, ...]:
    """Return what rule 4 says against relying on an article."""
    return tuple(_article_objections(article, law))


def _article_objections(article: ArticleId | None, law: Law) -> Iterator[Reason]:
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
    if passes_on(question, facts) and facts.received_under is None:
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
        if date is not None and (question.at.tzinfo is None or question.at >= cut_to_engine(date)):
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


def valid_until(
    at: datetime, facts: ItemFacts, asserted: AssertedFacts, law: Law, link: LinkFacts
) -> datetime | None:
    """Return the next instant after ``at`` at which a decision could change; None if at none.

    The engine sees milliseconds, so a comparison with a date turns at its millisecond or at the
    next.
    """
    if at.tzinfo is None:
        return None
    terms = facts.terms
    dates = [*law.compiled.mentions.instants, terms.review, terms.expiry]
    turns = [cut_to_engine(date) + late for date in dates if date is not None for late in _LATENESS]
    others = (law.pair.valid_until, link.until, asserted.consent_until)
    turns += [instant for instant in others if instant is not None]
    if terms.neutrality is not None:
        turns.append(terms.neutrality.at)
    return min((turn for turn in turns if turn > at), default=None)
