"""What the engine answered, remembered while it must answer the same.

The value of every rule depends on the class of terms, the facts in the context, and on recipient or
sender only if some rule of the treaty looks at them; on the instant only through comparisons with
the dates of the class and the instants the treaty names. So one answer serves all recipients alike,
all articles, and every instant up to the next of those. Errors are never remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from foedus.model.identifiers import ArticleId, PolicyId, TreatyId
from foedus.release.cedar import EngineQuestion
from foedus.release.compile import CompiledTreaty
from foedus.release.errors import EngineError
from foedus.release.weighing import Weighed, weigh

__all__ = ["MAX_REMEMBERED", "Evaluator", "Memory"]

MAX_REMEMBERED: Final = 100_000
"""Most answers of one sort kept."""

MAX_WEIGHED: Final = 10_000
"""Most sets of policies kept weighed."""

_Value = TypeVar("_Value")
_Key = tuple[object, ...]
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(slots=True)
class Memory(Generic[_Value]):
    """Values with the span of instants in which they hold; the oldest make way."""

    most: int = MAX_REMEMBERED
    _kept: dict[object, tuple[_Value, datetime, datetime | None]] = field(default_factory=dict)

    def get(self, key: object, at: datetime) -> _Value | None:
        """Return the value kept for a key, if it holds at this instant."""
        kept = self._kept.get(key)
        if kept is None or at < kept[1]:
            return None
        return kept[0] if kept[2] is None or at < kept[2] else None

    def put(self, key: object, value: _Value, *, start: datetime, end: datetime | None) -> None:
        """Keep a value that holds from ``start`` until before ``end``."""
        if len(self._kept) >= self.most:
            for old in list(self._kept)[: max(1, self.most // 4)]:
                self._kept.pop(old, None)
        self._kept[key] = (value, start, end)


class Evaluator:
    """Asks the engines of compiled treaties and remembers their answers.

    One per process is enough. Two threads may compute the same answer twice; neither sees a wrong
    one.
    """

    def __init__(self) -> None:
        self._satisfied: Memory[frozenset[PolicyId]] = Memory()
        self._confirmed: Memory[bool] = Memory()
        self._weighed: dict[tuple[TreatyId, frozenset[PolicyId], int], Weighed] = {}
        self._failing: Memory[Mapping[PolicyId, tuple[str, ...]]] = Memory()

    def satisfied(self, compiled: CompiledTreaty, asked: EngineQuestion) -> frozenset[PolicyId]:
        """Return every policy whose condition holds.

        Raises:
            EngineError: The engine gave no clean answer.
        """
        return self._remembered(self._satisfied, (), compiled, asked, _satisfied)

    def weighed(
        self, compiled: CompiledTreaty, asked: EngineQuestion, *, approvals: int
    ) -> Weighed:
        """Return what the policies that hold amount to.

        Raises:
            EngineError: The engine gave no clean answer.
        """
        policies = self.satisfied(compiled, asked)
        key = (compiled.treaty.id, policies, approvals)
        found = self._weighed.get(key)
        if found is None:
            if len(self._weighed) >= MAX_WEIGHED:
                self._weighed.clear()
            found = self._weighed[key] = weigh(compiled, policies, approvals=approvals)
        return found

    def confirm(self, compiled: CompiledTreaty, article: ArticleId, asked: EngineQuestion) -> None:
        """Check that the article's own permits and every prohibition say Allow, or raise.

        Raises:
            EngineError: They do not.
        """

        def ask(compiled: CompiledTreaty, asked: EngineQuestion) -> bool:
            compiled.engine.confirm(article, asked)
            return True

        self._remembered(self._confirmed, (article,), compiled, asked, ask)

    def failing(
        self, compiled: CompiledTreaty, asked: EngineQuestion
    ) -> Mapping[PolicyId, tuple[str, ...]]:
        """Return for every permit the parts of its condition that do not hold."""
        return self._remembered(self._failing, (), compiled, asked, _failing)

    def prefetch(self, compiled: CompiledTreaty, asked: Iterable[EngineQuestion]) -> frozenset[int]:
        """Ask many questions in few calls, so that :meth:`satisfied` finds its answers ready.

        Returns:
            The positions of those that had to be asked; the others say the same as one of these, or
            were known.
        """
        fresh: dict[_Key, EngineQuestion] = {}
        positions: set[int] = set()
        for position, each in enumerate(asked):
            key = _key(compiled, each)
            if key not in fresh and self._satisfied.get(key, each.now) is None:
                fresh[key] = each
                positions.add(position)
        answers = compiled.engine.satisfied(list(fresh.values()))
        for (key, each), answer in zip(fresh.items(), answers, strict=True):
            if not isinstance(answer, EngineError):
                start, end = _span(compiled, each)
                self._satisfied.put(key, answer, start=start, end=end)
        return frozenset(positions)

    def prefetch_confirmations(
        self, compiled: CompiledTreaty, asked: Iterable[tuple[ArticleId, EngineQuestion]]
    ) -> None:
        """Confirm many articles in few calls, so that :meth:`confirm` finds its answers ready."""
        fresh: dict[ArticleId, dict[_Key, EngineQuestion]] = {}
        for article, each in asked:
            key = (*_key(compiled, each), article)
            if self._confirmed.get(key, each.now) is None:
                fresh.setdefault(article, {})[key] = each
        for article, of_article in fresh.items():
            faults = compiled.engine.confirmed(article, list(of_article.values()))
            for (key, each), fault in zip(of_article.items(), faults, strict=True):
                if fault is None:
                    start, end = _span(compiled, each)
                    self._confirmed.put(key, True, start=start, end=end)  # noqa: FBT003 - a value

    def _remembered(
        self,
        memory: Memory[_Value],
        more: _Key,
        compiled: CompiledTreaty,
        asked: EngineQuestion,
        ask: Callable[[CompiledTreaty, EngineQuestion], _Value],
    ) -> _Value:
        key = (*_key(compiled, asked), *more)
        kept = memory.get(key, asked.now)
        if kept is None:
            kept = ask(compiled, asked)
            start, end = _span(compiled, asked)
            memory.put(key, kept, start=start, end=end)
        return kept


def _satisfied(compiled: CompiledTreaty, asked: EngineQuestion) -> frozenset[PolicyId]:
    (answer,) = compiled.engine.satisfied([asked])
    if isinstance(answer, EngineError):
        raise answer
    return answer


def _failing(compiled: CompiledTreaty, asked: EngineQuestion) -> Mapping[PolicyId, tuple[str, ...]]:
    return compiled.engine.failing(compiled.permits, asked)


def _key(compiled: CompiledTreaty, asked: EngineQuestion) -> _Key:
    return (
        compiled.treaty.id,
        asked.resource.key,
        asked.action,
        asked.purpose,
        asked.kind,
        asked.onward,
        asked.consent,
        asked.recognised,
        asked.concerns_recipient,
        asked.threat_to_life,
        asked.recipient if compiled.mentions.principal else "",
        asked.sender if compiled.mentions.sender else "",
    )


def _span(compiled: CompiledTreaty, asked: EngineQuestion) -> tuple[datetime, datetime | None]:
    """Return from when until before when every comparison has the value it has now."""
    now = asked.now
    dates = list(compiled.mentions.instants)
    dates += [value for value in asked.resource.attributes.values() if isinstance(value, datetime)]
    cut = [date.replace(microsecond=date.microsecond // 1000 * 1000) for date in dates]
    turns = sorted([*cut, *(date + _MILLISECOND for date in cut)])
    start = max(
        (turn for turn in turns if turn <= now), default=datetime.min.replace(tzinfo=now.tzinfo)
    )
    return start, min((turn for turn in turns if turn > now), default=None)
