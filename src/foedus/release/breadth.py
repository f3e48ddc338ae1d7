"""How far the rules of a treaty reach: what can never apply, what is idle, what is too wide.

Found by search, never guessed (:mod:`foedus.release.satisfy`). Two things are *faults*, for the
text then says something that can never come about:

1. A rule whose own condition can never hold.
2. A permit that can hold only where a prohibition holds too.

Some are *warnings*: the rules can be run, and whoever drafted them should look again:

3. A prohibition that holds only where one other prohibition holds: it is shadowed by it.
4. A permit that can hold for a purpose that the treaty does not list, or that the item's terms do
   not name, and no prohibition stands against it. A node refuses such a question anyway (rule 8 of
   :mod:`foedus.release.decide`), but another reader of the text may not.
5. Two permits of one article that can hold together: it is not plain which obligations apply.

One is a *note*: 6. a prohibition that stands against nothing any permit allows. A convention says
such things twice on purpose, so that a later permit does not open a door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

from foedus.model.identifiers import PolicyId, article_of_policy
from foedus.release.cedar import PolicyTree
from foedus.release.rules import is_duty
from foedus.release.satisfy import OTHER, Goal, NotExamined, Space, Words
from foedus.treaty.articles import Treaty

__all__ = ["MAX_EVALUATIONS", "Remark", "Severity", "examine", "words_of"]

MAX_EVALUATIONS: Final = 150_000
"""Most evaluations of a rule in one examination; a few seconds of work at most."""


class Severity(StrEnum):
    """What follows from a finding."""

    FAULT = "fault"
    """The text is refused."""
    WARNING = "warning"
    """The text can be adopted; look again."""
    NOTE = "note"
    """Nothing is wrong; worth knowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One finding about a rule.

    Attributes:
        severity: What follows from it.
        policy: The rule; empty for one about the examination as a whole.
        text: What was found, in words.
    """

    severity: Severity
    policy: PolicyId | None
    text: str


def words_of(*treaties: Treaty) -> Words:
    """Return the vocabulary of treaties, together."""
    return Words(
        purposes=frozenset(purpose for treaty in treaties for purpose in treaty.purposes),
        offences=frozenset(offence for treaty in treaties for offence in treaty.offences),
    )


def examine(policies: Mapping[PolicyId, PolicyTree], treaty: Treaty) -> tuple[Remark, ...]:
    """Examine rules that have no fault of their own.

    Args:
        policies: The rules in the engine's JSON form, in the order of the treaty.
        treaty: The treaty they stand in.

    Returns:
        What was found, in the order of the rules; what could not be settled is a note.
    """
    try:
        space = Space(policies.values(), words_of(treaty), budget=MAX_EVALUATIONS)
    except NotExamined:
        return (_unsettled("the rules tell too much apart to be examined"),)
    return tuple(_Examination(policies, space).remarks())


def _unsettled(text: str) -> Remark:
    return Remark(severity=Severity.NOTE, policy=None, text=f"not examined: {text}")


class _Examination:
    """The rules of the module docstring, one method each."""

    def __init__(self, policies: Mapping[PolicyId, PolicyTree], space: Space) -> None:
        self.policies = policies
        self.space = space
        self.forbids = [name for name in policies if policies[name]["effect"] == "forbid"]
        self.permits = [
            name
            for name, policy in policies.items()
            if policy["effect"] == "permit" and not is_duty(policy)
        ]
        self.against = [Goal(policies[name], value=False) for name in self.forbids]
        self.dead: set[PolicyId] = set()

    def remarks(self) -> Iterator[Remark]:
        open_questions: set[PolicyId] = set()
        steps: list[tuple[list[PolicyId], Callable[[PolicyId], Iterator[Remark]]]] = [
            (list(self.policies), self._never),
            (self.permits, self._always_forbidden),
            (self.permits, self._too_wide),
            (self.permits, self._together),
            (self.forbids, self._shadowed),
            (self.forbids, self._idle),
        ]
        for names, step in steps:
            for name in names:
                if name in self.dead:
                    continue
                try:
                    yield from step(name)
                except NotExamined:
                    open_questions.add(name)
        if open_questions:
            listed = ", ".join(sorted(open_questions)[:20])
            yield _unsettled(f"some of what rules {listed} can do")

    def _possible(self, *goals: Goal, fixed: Mapping[str, object] | None = None) -> bool:
        return self.space.possible(goals, fixed=fixed)

    def _holds(self, name: PolicyId, *, value: bool = True) -> Goal:
        return Goal(self.policies[name], value)

    def _never(self, name: PolicyId) -> Iterator[Remark]:
        """Rule 1."""
        if not self._possible(self._holds(name)):
            self.dead.add(name)
            yield Remark(
                severity=Severity.FAULT,
                policy=name,
                text="the rule can never apply: no question meets all of its conditions",
            )

    def _always_forbidden(self, name: PolicyId) -> Iterator[Remark]:
        """Rule 2."""
        if self._possible(self._holds(name), *self.against):
            return
        self.dead.add(name)
        alone = [
            other
            for other in self.forbids
            if not self._possible(self._holds(name), self._holds(other, value=False))
        ]
        by = f"rule {alone[0]}" if alone else "one rule or another"
        yield Remark(
            severity=Severity.FAULT,
            policy=name,
            text=f"the permit can never apply: {by} forbids whatever it permits",
        )

    def _too_wide(self, name: PolicyId) -> Iterator[Remark]:
        """Rule 4."""
        goals = (self._holds(name), *self.against)
        if self._possible(*goals, fixed={"context.purpose": OTHER}):
            yield Remark(
                severity=Severity.WARNING,
                policy=name,
                text="the permit is wider than the treaty's purposes: it would permit a purpose "
                "that the treaty does not list",
            )
            return
        for purpose in self.space.domains["context.purpose"]:
            unnamed = {"context.purpose": purpose, f"resource.purposes#{purpose}": False}
            if self._possible(*goals, fixed=unnamed):
                yield Remark(
                    severity=Severity.WARNING,
                    policy=name,
                    text="the permit does not ask whether the item's terms name the purpose "
                    f"({purpose}, for one)",
                )
                return

    def _together(self, name: PolicyId) -> Iterator[Remark]:
        """Rule 5."""
        article = article_of_policy(name)
        mine = [one for one in self.permits if article_of_policy(one) == article]
        for one, other in combinations(mine, 2):
            if other == name and self._possible(
                self._holds(one), self._holds(other), *self.against
            ):
                yield Remark(
                    severity=Severity.WARNING,
                    policy=name,
                    text=f"it can apply together with rule {one}: it is not plain which "
                    "obligations bind (the fewer do)",
                )

    def _shadowed(self, name: PolicyId) -> Iterator[Remark]:
        """Rule 3; of two that are the same, the later is shadowed."""
        for other in self.forbids:
            if other == name or other in self.dead:
                continue
            if self._possible(self._holds(name), self._holds(other, value=False)):
                continue
            same = not self._possible(self._holds(other), self._holds(name, value=False))
            if same and self.forbids.index(other) > self.forbids.index(name):
                continue
            self.dead.add(name)
            yield Remark(
                severity=Severity.WARNING,
                policy=name,
                text=f"the prohibition is shadowed: rule {other} forbids all that it forbids",
            )
            return

    def _idle(self, name: PolicyId) -> Iterator[Remark]:
        """Rule 6."""
        alive = [one for one in self.permits if one not in self.dead]
        if not any(self._possible(self._holds(name), self._holds(one)) for one in alive):
            yield Remark(
                severity=Severity.NOTE,
                policy=name,
                text="the prohibition stands against nothing that any permit allows",
            )
