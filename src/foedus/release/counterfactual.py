"""What would have to be otherwise: the smallest changes after which another verdict is reached.

Rules of :func:`smallest_changes`:

1. What can be changed is in :mod:`foedus.release.steps`.
2. A step counts only when the same question, decided again with it, has a freer verdict. Nothing is
   inferred from the words of a reason.
3. Single steps first; only where none suffices two together, then three. Each returned set is
   smallest: no part of it suffices.
4. Of several levels to which a marking could be lowered, the least lowering is told.

Spec: design §6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from foedus.model.markings import TLP
from foedus.model.objects import StixObject
from foedus.model.terms import TermsError
from foedus.release.evaluation import Evaluator
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts
from foedus.release.question import Question
from foedus.release.steps import Scene, Step, StepKind, steps_of
from foedus.release.verdict import Decision, Law

__all__ = ["MAX_STEPS", "Change", "Step", "StepKind", "smallest_changes"]

MAX_STEPS: Final = 3
"""Most things changed together before the search gives up."""

_ONE_OF: Final = frozenset(
    {
        StepKind.TLP,
        StepKind.OTHER_ARTICLE,
        StepKind.OTHER_PURPOSE,
        StepKind.PERSON,
        StepKind.WITHOUT,
    }
)
"""Kinds of which two steps exclude each other."""

_ORDER: Final = {kind: place for place, kind in enumerate(StepKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Steps that together lead to a freer verdict, none of them to spare.

    Attributes:
        steps: At least one.
        decision: What is decided with them.
    """

    steps: tuple[Step, ...]
    decision: Decision

    @property
    def text(self) -> str:
        """In words."""
        return " and ".join(step.text for step in self.steps)


def smallest_changes(
    question: Question,
    facts: ItemFacts,
    asserted: AssertedFacts,
    law: Law,
    *,
    link: LinkFacts,
    obj: StixObject | None = None,
    evaluator: Evaluator | None = None,
) -> tuple[Change, ...]:
    """Return the smallest changes that free a verdict, each confirmed by deciding again.

    Args:
        question: What is asked; without an article, the freest is proposed each time.
        facts: The item's derivable facts.
        asserted: What the sender asserts.
        law: The law of the pair.
        link: The sender's own duty.
        obj: The item itself; with it, leaving out what makes it personal is tried too.
        evaluator: Remembers what the engine answered.

    Returns:
        Nothing when the item may leave already or nothing tried helps; else changes of the same
        number of steps, freest first.
    """
    memory = evaluator or Evaluator()
    scene = Scene(question=question, facts=facts, asserted=asserted, law=law, link=link)
    before = scene.decided(memory)
    if before.verdict.releases:
        return ()
    tried = [
        (step, after)
        for step in steps_of(scene, before, obj)
        if (after := _after(scene, (step,), memory)) is not None
    ]
    single = [
        Change(steps=(step,), decision=after)
        for step, after in tried
        if after.verdict.rank < before.verdict.rank
    ]
    if single:
        return _told(single)
    # What leaves every reason as it was does not help beside another step either.
    helpful = [
        step
        for step, after in tried
        if after.reasons != before.reasons and len(after.reasons) <= len(before.reasons)
    ]
    for size in range(2, MAX_STEPS + 1):
        found = [
            Change(steps=steps, decision=after)
            for steps in combinations(helpful, size)
            if _compatible(steps)
            and (after := _after(scene, steps, memory)) is not None
            and after.verdict.rank < before.verdict.rank
        ]
        if found:
            return _told(found)
    return ()


def _after(scene: Scene, steps: Sequence[Step], memory: Evaluator) -> Decision | None:
    """Decide again with the steps taken; None where they make no terms."""
    try:
        for step in steps:
            scene = step.apply(scene)
    except TermsError:
        return None
    return scene.decided(memory)


def _compatible(steps: Sequence[Step]) -> bool:
    kinds = [step.kind for step in steps if step.kind in _ONE_OF]
    return len(kinds) == len(set(kinds))


def _told(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Order changes, freest first; of lowered markings keep the least lowering (rule 4)."""
    ordered = sorted(
        changes,
        key=lambda each: (each.decision.place, [_ORDER[step.kind] for step in each.steps]),
    )
    lowest: dict[tuple[object, ...], TLP] = {}
    for each in ordered:
        level = _level(each)
        if level is not None:
            place = _beside_level(each)
            lowest[place] = max(lowest.get(place, level), level)
    return tuple(
        each
        for each in ordered
        if (level := _level(each)) is None or lowest[_beside_level(each)] == level
    )


def _level(change: Change) -> TLP | None:
    return next((TLP(step.ref) for step in change.steps if step.kind is StepKind.TLP), None)


def _beside_level(change: Change) -> tuple[object, ...]:
    others = tuple(step for step in change.steps if step.kind is not StepKind.TLP)
    return (change.decision.verdict, others)
