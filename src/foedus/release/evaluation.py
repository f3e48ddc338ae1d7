"""What the engine answered, remembered while it must answer the same.

The engine is pure: the value of a rule depends on what the rule looks at
(:mod:`foedus.release.distinctions`) and on nothing else. So a rule's value is kept under that, and
serves every item, pair and instant that agree in it. A question is put to the engine only when the
value of some rule is not known yet; then the engine answers for all rules at once, and its answer
must agree with every value known before, or nothing is believed any more and everything is denied
until the process starts anew. Errors are never remembered.

That an article allows by itself is confirmed by the engine for each set of its own permits and of
prohibitions that hold, on the first question that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, TypeVar, cast

from foedus.model.identifiers import ArticleId, PolicyId
from foedus.release.cedar import EngineQuestion, PolicyEngine
from foedus.release.compile import CompiledTreaty
from foedus.release.distinctions import Distinctions, Group
from foedus.release.errors import EngineError
from foedus.release.verdict import Reason, ReasonKind
from foedus.release.weighing import Weighed, weigh

__all__ = ["MAX_REMEMBERED", "Evaluator", "Memory", "Standpoint"]

MAX_REMEMBERED: Final = 100_000
"""Most answers of one sort kept."""

MAX_WEIGHED: Final = 10_000
"""Most sets of policies kept weighed."""

MAX_TREATIES: Final = 64
"""Most treaties whose answers are kept."""

CONTRADICTION: Final = "the engine contradicts what it answered before"

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


@dataclass(slots=True)
class Memory(Generic[_Key, _Value]):
    """Values with the span of instants in which they hold; the oldest make way."""

    most: int = MAX_REMEMBERED
    _kept: dict[_Key, tuple[_Value, datetime, datetime | None]] = field(default_factory=dict)

    def get(self, key: _Key, at: datetime) -> _Value | None:
        """Return the value kept for a key, if it holds at this instant."""
        kept = self._kept.get(key)
        if kept is None or at < kept[1]:
            return None
        return kept[0] if kept[2] is None or at < kept[2] else None

    def put(self, key: _Key, value: _Value, *, start: datetime, end: datetime | None) -> None:
        """Keep a value that holds from ``start`` until before ``end``."""
        make_room(self._kept, self.most)
        self._kept[key] = (value, start, end)


def make_room(kept: dict[_Key, _Value], most: int) -> None:
    """Drop the oldest quarter if a memory is full."""
    if len(kept) >= most:
        for old in list(kept)[: max(1, most // 4)]:
            kept.pop(old, None)


class _Table:
    """The values of a set of rules, by what each looks at."""

    def __init__(
        self,
        distinctions: Distinctions,
        groups: Sequence[Group],
        ask: Callable[[EngineQuestion], frozenset[str]],
    ) -> None:
        self._distinctions = distinctions
        self._groups: tuple[tuple[Group, dict[object, frozenset[str]]], ...] = tuple(
            (group, {}) for group in groups
        )
        self._ask = ask
        self._alike: dict[frozenset[str], frozenset[str]] = {}

    def held(self, values: tuple[object, ...], asked: EngineQuestion) -> frozenset[str]:
        """Return the rules that hold; equal sets are one and the same.

        Raises:
            EngineError: The engine gave no clean answer, or contradicted itself once.
        """
        found = self._known(values)
        if found is None:
            found = self._ask(asked)
            self._learn(values, found)
        if self._distinctions.disproved:
            raise EngineError(CONTRADICTION)
        make_room(self._alike, MAX_REMEMBERED)
        return self._alike.setdefault(found, found)

    def _known(self, values: tuple[object, ...]) -> frozenset[str] | None:
        """Return the rules that hold if each one's value is known; None if one's is not."""
        parts: list[frozenset[str]] = []
        for group, kept in self._groups:
            part = kept.get(group.pick(values))
            if part is None:
                return None
            if part:
                parts.append(part)
        return frozenset[str]().union(*parts)

    def _learn(self, values: tuple[object, ...], answer: frozenset[str]) -> None:
        for group, kept in self._groups:
            part = answer & group.names
            make_room(kept, MAX_REMEMBERED)
            if kept.setdefault(group.pick(values), part) != part:
                self._distinctions.disproved = True


class _Treaty:
    """What is remembered of one treaty."""

    def __init__(self, compiled: CompiledTreaty) -> None:
        engine, distinctions = compiled.engine, compiled.distinctions
        self.compiled = compiled
        self.satisfied = _Table(
            distinctions,
            distinctions.once(
                "rules",
                lambda: distinctions.groups(
                    {str(name): policy for name, policy in engine.bare.items()}
                ),
            ),
            engine.satisfied,
        )
        self.parts = _Table(
            distinctions,
            distinctions.once("parts", lambda: distinctions.groups(engine.parts)),
            engine.parts_held,
        )
        self.answers: dict[tuple[object, ...], frozenset[PolicyId]] = {}
        self.weighed: dict[tuple[frozenset[PolicyId], int], Weighed] = {}
        self.confirmed: set[tuple[ArticleId, frozenset[PolicyId]]] = set()
        forbids = frozenset(compiled.forbids)
        self.deciding = {
            article: forbids | frozenset(permits)
            for article, permits in compiled.by_article.items()
        }
        self.pickers = distinctions.once(
            "pickers",
            lambda: {
                article: distinctions.picker(
                    engine.parts[part] for permit in permits for part in engine.part_names[permit]
                )
                for article, permits in compiled.by_article.items()
            },
        )
        self.lacking: dict[tuple[ArticleId, object], tuple[Reason, ...]] = {}


@dataclass(frozen=True, slots=True)
class Standpoint:
    """One question as the rules of its treaty see it."""

    _treaty: _Treaty
    _asked: EngineQuestion
    _values: tuple[object, ...]

    def satisfied(self) -> frozenset[PolicyId]:
        """Return every policy whose condition holds.

        Raises:
            EngineError: The engine gave no clean answer.
        """
        treaty = self._treaty
        if treaty.compiled.distinctions.disproved:
            raise EngineError(CONTRADICTION)
        found = treaty.answers.get(self._values)
        if found is None:
            held = treaty.satisfied.held(self._values, self._asked)
            found = cast("frozenset[PolicyId]", held)
            make_room(treaty.answers, MAX_REMEMBERED)
            treaty.answers[self._values] = found
        return found

    def weighed(self, *, approvals: int) -> Weighed:
        """Return what the policies that hold amount to.

        Raises:
            EngineError: The engine gave no clean answer.
        """
        policies = self.satisfied()
        kept = self._treaty.weighed
        found = kept.get((policies, approvals))
        if found is None:
            make_room(kept, MAX_WEIGHED)
            found = weigh(self._treaty.compiled, policies, approvals=approvals)
            kept[policies, approvals] = found
        return found

    def confirm(self, article: ArticleId) -> None:
        """Check that the article's own permits and every prohibition say Allow, or raise.

        Raises:
            EngineError: They do not.
        """
        treaty = self._treaty
        place = (article, self.satisfied() & treaty.deciding.get(article, frozenset()))
        if place not in treaty.confirmed:
            treaty.compiled.engine.confirm(article, self._asked)
            treaty.confirmed.add(place)

    def lacking(self, article: ArticleId) -> tuple[Reason, ...]:
        """Say that an article does not permit, and what its nearest permit still lacks."""
        treaty = self._treaty
        pick = treaty.pickers.get(article)
        if pick is None:
            return (_no_permit(article, 0),)
        place = (article, pick(self._values))
        found = treaty.lacking.get(place)
        if found is None:
            make_room(treaty.lacking, MAX_REMEMBERED)
            found = treaty.lacking[place] = tuple(self._lacking(article))
        return found

    def _lacking(self, article: ArticleId) -> Iterator[Reason]:
        treaty = self._treaty
        permits = treaty.compiled.by_article[article]
        yield _no_permit(article, len(permits))
        try:
            held = treaty.parts.held(self._values, self._asked)
        except EngineError:
            held = frozenset()
        lacking = {name: treaty.compiled.engine.lacking(name, held) for name in permits}
        nearest = min(permits, key=lambda name: len(lacking[name]))
        for condition in lacking[nearest]:
            yield Reason(
                kind=ReasonKind.CONDITION,
                ref=nearest,
                text=f"rule {nearest} does not apply",
                change=condition,
            )


def _no_permit(article: ArticleId, permits: int) -> Reason:
    told = f"none of the {permits} permits of article {article} applies"
    if permits == 1:
        told = f"the one permit of article {article} does not apply"
    return Reason(
        kind=ReasonKind.NO_PERMIT,
        ref=article,
        text=f"no article permits: {told}",
    )


class Evaluator:
    """Asks the engines of compiled treaties and remembers their answers.

    One per process is enough. Two threads may compute the same answer twice; neither sees a wrong
    one.
    """

    def __init__(self) -> None:
        self._treaties: dict[PolicyEngine, _Treaty] = {}

    def about(self, compiled: CompiledTreaty, asked: EngineQuestion) -> Standpoint:
        """Return a question as the rules of a treaty see it; nothing is asked yet."""
        treaty = self._treaties.get(compiled.engine)
        if treaty is None:
            make_room(self._treaties, MAX_TREATIES)
            treaty = self._treaties[compiled.engine] = _Treaty(compiled)
        return Standpoint(treaty, asked, compiled.distinctions.values(asked))
