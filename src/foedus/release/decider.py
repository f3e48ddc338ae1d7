"""Decisions remembered while they hold.

A decision depends on the item's class, not on the item: many items share one. It is kept under
everything it depends on (class, treaty, article, pair, purpose, action, law, assertions, link)
until its ``valid_until``; an earlier instant than the one it was made for is decided anew.
"""

from __future__ import annotations

from foedus.release.decide import Decision, Law, decide, propose
from foedus.release.evaluation import Evaluator, Memory
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts
from foedus.release.question import Question

__all__ = ["Decider"]


class Decider:
    """Decides, and remembers. It never decides otherwise than :mod:`foedus.release.decide`.

    One per process is enough; threads may share it.
    """

    def __init__(self) -> None:
        self._evaluator = Evaluator()
        self._decisions: Memory[tuple[object, ...], Decision] = Memory()

    def decide(
        self,
        question: Question,
        facts: ItemFacts,
        asserted: AssertedFacts,
        law: Law,
        *,
        link: LinkFacts,
    ) -> Decision:
        """Decide a question; one that relies on no article is answered by a proposal."""
        key = _key(question, facts, asserted, law, link)
        kept = self._decisions.get(key, question.at)
        if kept is not None and not law.compiled.distinctions.disproved:
            return kept
        ask = propose if question.article is None else decide
        made = ask(question, facts, asserted, law, link=link, evaluator=self._evaluator)
        self._decisions.put(key, made, start=question.at, end=made.valid_until)
        return made


def _key(
    question: Question, facts: ItemFacts, asserted: AssertedFacts, law: Law, link: LinkFacts
) -> tuple[object, ...]:
    """Return everything a decision depends on but the instant."""
    return (
        facts.key,
        question.article,
        question.purpose,
        question.action,
        question.treaty,
        question.sender,
        question.recipient,
        law.key,
        asserted.consent,
        asserted.threat_to_life,
        asserted.approvals,
        asserted.consent_until,
        link,
    )
