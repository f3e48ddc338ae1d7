"""What changed between the machine rules of two versions of a treaty, article by article.

Rules of one article are matched when they say the same; then those with the same condition, which
differ in their obligations; then the rest in their order. Whether an article permits or forbids
more than before is decided by search (:mod:`foedus.release.satisfy`), with the words of both
versions, and is not told where that cannot be settled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from foedus.model.identifiers import ArticleId, PolicyId, article_of_policy
from foedus.release.breadth import MAX_EVALUATIONS, words_of
from foedus.release.cedar import PolicyTree, parts_of
from foedus.release.obligations import NO_OBLIGATIONS, Obligations
from foedus.release.rules import Rules, is_duty, read_rules
from foedus.release.satisfy import Goal, NotExamined, Space
from foedus.treaty.articles import Treaty
from foedus.treaty.durations import length_text

__all__ = ["Reach", "RuleChanges", "diff_rules"]


class Reach(StrEnum):
    """How what an article lets through changed."""

    SAME = "lets through what it did"
    WIDENS = "widens: it lets through what it did not"
    NARROWS = "narrows: it no longer lets through all that it did"
    BOTH = "shifts: it lets through what it did not, and no longer all that it did"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChanges:
    """What changed in the machine rules of one article.

    Attributes:
        article: Its number.
        changes: In words; at least one.
        reach: How what it lets through changed, obligations aside.
        burden: What happened to the obligations: "tighter", "looser", "otherwise" or "same".
    """

    article: ArticleId
    changes: tuple[str, ...]
    reach: Reach
    burden: str


def diff_rules(old: Treaty, new: Treaty) -> tuple[RuleChanges, ...]:
    """Compare the machine rules of two versions.

    Returns:
        The articles whose rules changed, in the order of the newer version, those it dropped last.
    """
    before, after = read_rules(old), read_rules(new)
    numbers = dict.fromkeys(article.id for article in (*new.articles, *old.articles))
    try:
        policies = [*before.policies.values(), *after.policies.values()]
        space = Space(policies, words_of(old, new), budget=MAX_EVALUATIONS)
    except NotExamined:
        space = None
    found = (_Article(number, before, after).changes(space) for number in numbers)
    return tuple(each for each in found if each is not None)


class _Article:
    """The rules of one article in both versions."""

    def __init__(self, number: ArticleId, before: Rules, after: Rules) -> None:
        self.number = number
        self.before = before
        self.after = after
        self.old = [name for name in before.policies if article_of_policy(name) == number]
        self.new = [name for name in after.policies if article_of_policy(name) == number]

    def changes(self, space: Space | None) -> RuleChanges | None:
        words: list[str] = []
        burdens: set[str] = set()
        for one, other in self._pairs():
            words += self._change(one, other)
            burdens.add(self._burden(one, other))
        if not words:
            return None
        burdens -= {"same"}
        return RuleChanges(
            article=self.number,
            changes=tuple(words),
            reach=self._reach(space),
            burden="same" if not burdens else burdens.pop() if len(burdens) == 1 else "otherwise",
        )

    def _pairs(self) -> Iterator[tuple[PolicyId | None, PolicyId | None]]:
        """Match the rules; a pair with None was added or removed."""
        old, new = list(self.old), list(self.new)
        for alike in (_whole, _bare, _effect):
            for one in list(old):
                mine = alike(self.before.policies[one])
                match = next(
                    (name for name in new if alike(self.after.policies[name]) == mine), None
                )
                if match is not None:
                    old.remove(one)
                    new.remove(match)
                    yield one, match
        yield from ((one, None) for one in old)
        yield from ((None, one) for one in new)

    def _change(self, one: PolicyId | None, other: PolicyId | None) -> Iterator[str]:
        if one is None and other is not None:
            policy = self.after.policies[other]
            yield f"{_sort(policy)} {other} was added: {_told(policy)}"
            yield from _obligations(NO_OBLIGATIONS, self.after.obligations[other], other)
        elif other is None and one is not None:
            yield f"{_sort(self.before.policies[one])} {one} was removed"
        elif one is not None and other is not None:
            yield from self._altered(one, other)

    def _altered(self, one: PolicyId, other: PolicyId) -> Iterator[str]:
        old, new = self.before.policies[one], self.after.policies[other]
        duties = [str(each.get("annotations", {}).get("duty", "")) for each in (old, new)]
        if duties[0] != duties[1] and all(duties):
            yield f"rule {other}: the duty was “{duties[0]}” and is “{duties[1]}”"
        before, after = parts_of(old), parts_of(new)
        told = [f"no longer asks: {part}" for part in before if part not in after]
        told += [f"now asks: {part}" for part in after if part not in before]
        if not told and _bare(old) != _bare(new):
            told.append("its conditions stand otherwise")
        yield from (f"rule {other}: {each}" for each in told)
        yield from _obligations(self.before.obligations[one], self.after.obligations[other], other)

    def _burden(self, one: PolicyId | None, other: PolicyId | None) -> str:
        none = NO_OBLIGATIONS
        duty = [
            name is not None and is_duty(rules.policies[name])
            for name, rules in ((one, self.before), (other, self.after))
        ]
        if (one is None or other is None) and not any(duty):
            return "same"
        old = none if one is None else self.before.obligations[one]
        new = none if other is None else self.after.obligations[other]
        if old == new:
            return "otherwise" if all(duty) and self._moved(one, other) else "same"
        if new.covers(old):
            return "tighter"
        return "looser" if old.covers(new) else "otherwise"

    def _moved(self, one: PolicyId | None, other: PolicyId | None) -> bool:
        """Whether a rule stands in both versions on other conditions."""
        if one is None or other is None:
            return False
        return _bare(self.before.policies[one]) != _bare(self.after.policies[other])

    def _reach(self, space: Space | None) -> Reach:
        if space is None:
            return Reach.UNKNOWN
        old, new = self._sides(self.before, self.old), self._sides(self.after, self.new)
        try:
            more = _beyond(space, new["permit"], old["permit"])
            more = more or _beyond(space, old["prohibition"], new["prohibition"])
            less = _beyond(space, old["permit"], new["permit"])
            less = less or _beyond(space, new["prohibition"], old["prohibition"])
        except NotExamined:
            return Reach.UNKNOWN
        if more and less:
            return Reach.BOTH
        return Reach.WIDENS if more else Reach.NARROWS if less else Reach.SAME

    @staticmethod
    def _sides(rules: Rules, names: Sequence[PolicyId]) -> Mapping[str, list[PolicyTree]]:
        sides: dict[str, list[PolicyTree]] = {"permit": [], "prohibition": [], "duty": []}
        for name in names:
            sides[_sort(rules.policies[name])].append(rules.policies[name])
        return sides


def _beyond(space: Space, these: Sequence[PolicyTree], those: Sequence[PolicyTree]) -> bool:
    """Say whether one of these can hold where none of those does."""
    none = [Goal(policy, value=False) for policy in those]
    return any(space.possible([Goal(policy), *none]) for policy in these if policy not in those)


def _whole(policy: PolicyTree) -> object:
    return dict(policy)


def _bare(policy: PolicyTree) -> object:
    return {name: value for name, value in policy.items() if name != "annotations"}


def _effect(policy: PolicyTree) -> object:
    return _sort(policy)


def _sort(policy: PolicyTree) -> str:
    if is_duty(policy):
        return "duty"
    return "prohibition" if policy["effect"] == "forbid" else "permit"


def _told(policy: PolicyTree) -> str:
    return "; ".join(parts_of(policy)) or "on whatever is asked"


def _obligations(old: Obligations, new: Obligations, name: PolicyId) -> Iterator[str]:
    for what, a, b in (
        ("keep", old.retain, new.retain),
        ("acknowledge within", old.acknowledge, new.acknowledge),
        ("review within", old.review, new.review),
    ):
        if a != b:
            yield f"rule {name}: {what} {_limit(a)} → {_limit(b)}"
    if old.approvals != new.approvals:
        yield f"rule {name}: approvals {old.approvals} → {new.approvals}"
    for target in sorted(new.redact - old.redact):
        yield f"rule {name}: now removes {target}"
    for target in sorted(old.redact - new.redact):
        yield f"rule {name}: no longer removes {target}"


def _limit(limit: timedelta | None) -> str:
    return "without limit" if limit is None else length_text(limit)
