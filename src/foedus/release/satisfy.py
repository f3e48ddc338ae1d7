"""Whether rules can hold together: decided by going through what they can see, never guessed.

A rule has no arithmetic and its words are finite, so requests fall into finitely many kinds. A
search assigns one attribute after another and drops a branch as soon as a rule can no longer have
the value it must have. Rules of the space searched:

1. Words that stand in exactly the same lists of the rules are one; so are all that stand in none.
   Of purposes two are kept of each sort, since a set may hold one and the question name the other.
2. Instants are places on a line, with room between any two that the rules name.
3. Sets are a yes or no for each word; there, words that the rules name are never one.
4. The space is at least as large as what can occur: what is told to be impossible is impossible.
5. A budget of evaluations bounds the search, and what it cannot settle, or a rule of a form not
   known here, is *not examined*. It counts steps, not time: everyone gets the same answer.

This never decides a release. The policy engine alone does that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final

from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson, HandlingCondition, InformationGrade, SourceGrade
from foedus.release.cedar import PolicyTree
from foedus.release.lint import attribute_of, instant_of, words_of_set
from foedus.treaty.vocabulary import ACTIONS, ATTRIBUTES

__all__ = ["OTHER", "Goal", "NotExamined", "Space", "Words"]

OTHER: Final = "(another)"
"""Stands for every word that is not in the vocabulary; no word has this form."""

MAX_INSTANTS: Final = 16
"""Most instants that rules may name to be examined."""

MAX_UNIVERSE: Final = 64
"""Most words of a set."""

MAX_SORTING: Final = 4_000_000
"""Most looks at a word in a list to sort the words."""

QUERY_EVALUATIONS: Final = 20_000
"""Most evaluations of one rule in one search."""

Expression = Mapping[str, Any]
Assigned = dict[str, object]
Judge = Callable[["_Scene"], "bool | None"]
Valuer = Callable[["_Scene"], object]
Holder = Callable[["_Scene", object], "bool | None"]

_ABSENT: Final = object()
_SETS: Final = frozenset({"resource.purposes", "resource.handling"})
_INSTANTS: Final = ("context.now", "resource.review", "resource.expiry")
_MEMBERS: Final = frozenset({"principal", "context.sender", "resource.originator"})
_OTHERS: Final = ("(a second)", "(a third)", "(a fourth)")
_STEP: Final = 8


class NotExamined(Exception):  # noqa: N818 - it is an answer and never leaves the folder
    """The search would be too long, or a rule has a form that is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The vocabulary of a treaty, or of two that are compared."""

    purposes: frozenset[str]
    offences: frozenset[str]


@dataclass(frozen=True, slots=True)
class Goal:
    """A rule and the value it must have."""

    policy: PolicyTree
    value: bool = True


class _Scene:
    """What is assigned so far, and what was missed first."""

    __slots__ = ("assigned", "missed")

    def __init__(self) -> None:
        self.assigned: Assigned = {}
        self.missed: str | None = None

    def value(self, name: str) -> object:
        found = self.assigned.get(name)
        if found is None and self.missed is None:
            self.missed = name
        return found


class Space:
    """The requests that some rules can tell apart."""

    def __init__(self, policies: Iterable[PolicyTree], words: Words, *, budget: int) -> None:
        """Lay out the space.

        Args:
            policies: Every rule that will be asked about.
            words: The vocabulary.
            budget: Most evaluations of a rule in all searches together.

        Raises:
            NotExamined: The rules tell too much apart.
        """
        kept = list(policies)
        bodies = [each["body"] for policy in kept for each in policy["conditions"]]
        literals = list(chain.from_iterable(map(_literals, bodies)))
        self.budget = budget
        sorts = {each for each in literals if isinstance(each, frozenset)}
        self._sorts = tuple(sorted(sorts, key=sorted))
        instants = sorted({each for each in literals if isinstance(each, datetime)})
        known = [word for sort in self._sorts for word in sort]
        if len(self._sorts) * len(known) > MAX_SORTING or len(instants) > MAX_INSTANTS:
            raise NotExamined
        self._places = {instant: (n + 1) * _STEP for n, instant in enumerate(instants)}
        named = {str(each) for each in literals if isinstance(each, str)}
        scopes = [policy["principal"] for policy in kept]
        named |= {_entity(scope["entity"]) for scope in scopes if "entity" in scope}
        self._members = sorted(name for name in named if name.startswith("Member::"))
        self.domains = self._domains(words, known)
        self._universe = {name: list(self.domains[name]) for name in _SETS}
        if any(len(universe) > MAX_UNIVERSE for universe in self._universe.values()):
            raise NotExamined
        self._left = 0
        self._judges: dict[int, tuple[PolicyTree, Judge]] = {}

    def _domains(self, words: Words, known: Sequence[str]) -> dict[str, list[object]]:
        purposes = [*self._kinds_of(words.purposes, each=2), OTHER]
        points = range(_STEP // 2, (len(self._places) + 1) * _STEP)
        line: list[object] = [point for point in points if point % _STEP in (0, 3, 4, 5)]
        domains: dict[str, list[object]] = {
            "action": [*ACTIONS],
            "context.purpose": [word for word in purposes if word != OTHER],
            "resource.purposes": [*dict.fromkeys([*purposes, *sorted(words.purposes & {*known})])],
            "resource.handling": [*HandlingCondition],
            "resource.offence": [*self._kinds_of(words.offences), OTHER],
            "resource.person": [*self._kinds_of(CategoryOfPerson)],
            "resource.tlp": [*self._kinds_of(TLP)],
            "resource.source": [*self._kinds_of(SourceGrade)],
            "resource.information": [*self._kinds_of(InformationGrade)],
            "context.kind": [*self._kinds_of(known), OTHER],
            "context.now": line,
            "resource.review": [_ABSENT, *line],
            "resource.expiry": [_ABSENT, *line],
        }
        for name in _MEMBERS:
            domains[name] = [*self._members, *_OTHERS]
        for variable, names in ATTRIBUTES.items():
            for attribute in names:
                domains.setdefault(f"{variable}.{attribute}", [False, True])
        return domains

    def _kinds_of(self, words: Iterable[str], *, each: int = 1) -> list[str]:
        """Return of each sort of words some; see rule 1."""
        sorts: dict[tuple[bool, ...], list[str]] = {}
        for word in sorted({str(word) for word in words}):
            sorts.setdefault(tuple(word in sort for sort in self._sorts), []).append(word)
        return [word for alike in sorts.values() for word in alike[:each]]

    def possible(self, goals: Sequence[Goal], *, fixed: Mapping[str, object] | None = None) -> bool:
        """Say whether some request gives every rule the value it must have.

        Args:
            goals: The rules.
            fixed: Attributes that have one value.

        Raises:
            NotExamined: It could not be settled.
        """
        judges = [(self._judge(goal.policy), goal.value) for goal in goals]
        scene = _Scene()
        scene.assigned.update(fixed or {})
        self._left = QUERY_EVALUATIONS
        return self._search(scene, judges)

    def _search(self, scene: _Scene, judges: list[tuple[Judge, bool]]) -> bool:
        open_goals: list[tuple[Judge, bool]] = []
        branch: str | None = None
        for judge, wanted in judges:
            self._spend()
            scene.missed = None
            value = judge(scene)
            if value is None:
                branch = branch or scene.missed
                open_goals.append((judge, wanted))
            elif value is not wanted:
                return False
        if branch is None:
            return True
        name, _, word = branch.partition("#")
        choices: Sequence[object] = (True, False) if word else self.domains[name]
        for choice in choices:
            scene.assigned[branch] = choice
            if self._search(scene, open_goals):
                return True
        del scene.assigned[branch]
        return False

    def _spend(self) -> None:
        self.budget -= 1
        self._left -= 1
        if self.budget < 0 or self._left < 0:
            raise NotExamined

    def _judge(self, policy: PolicyTree) -> Judge:
        kept = self._judges.get(id(policy))
        if kept is None:
            kept = self._judges[id(policy)] = policy, _all_of(list(self._parts(policy)))
        return kept[1]

    def _parts(self, policy: PolicyTree) -> Iterator[Judge]:
        principal, action = policy["principal"], policy["action"]
        if "entity" in principal:
            yield _among("principal", frozenset({_entity(principal["entity"])}))
        if action["op"] != "All":
            entities = action.get("entities") or [action["entity"]]
            yield _among("action", frozenset(each["id"] for each in entities))
        for condition in policy["conditions"]:
            judge = self._truth(condition["body"])
            yield _negated(judge) if condition["kind"] == "unless" else judge

    def _truth(self, expression: Expression) -> Judge:  # noqa: PLR0911 - one rule a case
        ((operator, body),) = expression.items()
        match operator:
            case "!":
                return _negated(self._truth(body["arg"]))
            case "&&":
                return _all_of([self._truth(body["left"]), self._truth(body["right"])])
            case "||":
                sides = [_negated(self._truth(body[side])) for side in ("left", "right")]
                return _negated(_all_of(sides))
            case "if-then-else":
                return self._choice(body)
            case "has":
                return self._presence(body)
            case "contains" | "containsAny" | "containsAll" | "isEmpty":
                return self._of_sets(operator, body)
            case "==" | "!=" | "<" | "<=" | ">" | ">=":
                return self._comparison(operator, body)
            case _:
                value = self._value(expression)
                return lambda scene: _boolean(value(scene))

    def _choice(self, body: Mapping[str, Any]) -> Judge:
        test, then, other = (self._truth(body[name]) for name in ("if", "then", "else"))

        def choice(scene: _Scene) -> bool | None:
            chosen = test(scene)
            if chosen is None:
                one, two = then(scene), other(scene)
                return one if one is two else None
            return then(scene) if chosen else other(scene)

        return choice

    def _presence(self, body: Mapping[str, Any]) -> Judge:
        name = attribute_of({".": body})
        if name not in self.domains:
            raise NotExamined

        def present(scene: _Scene) -> bool | None:
            if name not in _INSTANTS:
                return True
            value = scene.value(name)
            return None if value is None else value is not _ABSENT

        return present

    def _comparison(self, operator: str, body: Mapping[str, Any]) -> Judge:
        left, right = body["left"], body["right"]
        if self._is_set(left) or self._is_set(right):
            equal = self._equal_sets(self._holder(left), self._holder(right))
            return equal if operator == "==" else _negated(equal)
        names = {attribute_of(left), attribute_of(right)} - {""}
        flags = all(self.domains.get(name) == [False, True] for name in names)
        if len(names) > 1 and not (flags or names <= set(_INSTANTS) or names <= _MEMBERS):
            raise NotExamined
        one, two = self._value(left), self._value(right)
        compare = _COMPARISONS[operator]

        def comparison(scene: _Scene) -> bool | None:
            a = one(scene)
            b = two(scene)
            if a is None or b is None:
                return None
            return a is not _ABSENT and b is not _ABSENT and compare(a, b)

        return comparison

    def _value(self, expression: Expression) -> Valuer:
        match expression:
            case {"Value": {"__entity": entity}}:
                fixed: object = _entity(entity) if entity["type"] == "Member" else entity["id"]
            case {"Value": value}:
                fixed = value
            case {"datetime": [{"Value": str(text)}]}:
                fixed = self._places[instant_of(text)]
            case {"Var": "principal" | "action" as name}:
                return lambda scene: scene.value(name)
            case {".": _} if attribute_of(expression) in self.domains.keys() - _SETS:
                name = attribute_of(expression)
                return lambda scene: scene.value(name)
            case _ if next(iter(expression)) in _TRUTHS:
                return self._truth(expression)
            case _:
                raise NotExamined
        return lambda _scene: fixed

    def _is_set(self, expression: Expression) -> bool:
        return "Set" in expression or attribute_of(expression) in _SETS

    def _holder(self, expression: Expression) -> Holder:
        """Return what says whether a set holds a word."""
        name = attribute_of(expression)
        if name in _SETS:
            known = frozenset(self._universe[name])
            return lambda scene, word: (
                _boolean(scene.value(f"{name}#{word}")) if word in known else False
            )
        members = expression.get("Set")
        if not isinstance(members, list):
            raise NotExamined
        words = words_of_set(expression)
        if words is not None:
            return lambda _scene, word: word in words
        values = [self._value(member) for member in members]
        return lambda scene, word: _any_of([_same(value(scene), word) for value in values])

    def _of_sets(self, operator: str, body: Mapping[str, Any]) -> Judge:
        if operator == "isEmpty":
            holder = self._holder(body["arg"])
            return _negated(self._some(holder))
        left = self._holder(body["left"])
        if operator == "contains":
            value = self._value(body["right"])

            def contains(scene: _Scene) -> bool | None:
                word = value(scene)
                return None if word is None else left(scene, word)

            return contains
        right = self._holder(body["right"])
        if operator == "containsAny":
            return self._some(lambda scene, word: _both(left(scene, word), right(scene, word)))
        return _negated(
            self._some(lambda scene, word: _both(right(scene, word), _opposite(left(scene, word))))
        )

    def _equal_sets(self, left: Holder, right: Holder) -> Judge:
        def differs(scene: _Scene, word: object) -> bool | None:
            a, b = left(scene, word), right(scene, word)
            return None if a is None or b is None else a is not b

        return _negated(self._some(differs))

    def _some(self, holder: Holder) -> Judge:
        words = sorted(
            {str(word) for words in self._universe.values() for word in words}
            | {word for sort in self._sorts for word in sort}
        )
        return lambda scene: _any_of([holder(scene, word) for word in words])


def _both(a: bool | None, b: bool | None) -> bool | None:  # noqa: FBT001 - operands
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def _opposite(a: bool | None) -> bool | None:  # noqa: FBT001 - an operand
    return None if a is None else not a


def _any_of(values: Sequence[bool | None]) -> bool | None:
    if True in values:
        return True
    return None if None in values else False


def _all_of(judges: Sequence[Judge]) -> Judge:
    def every(scene: _Scene) -> bool | None:
        unknown = False
        for judge in judges:
            value = judge(scene)
            if value is False:
                return False
            unknown = unknown or value is None
        return None if unknown else True

    return every


def _negated(judge: Judge) -> Judge:
    return lambda scene: _opposite(judge(scene))


def _among(name: str, words: frozenset[str]) -> Judge:
    def among(scene: _Scene) -> bool | None:
        value = scene.value(name)
        return None if value is None else value in words

    return among


def _same(value: object, word: object) -> bool | None:
    return None if value is None else value == word


def _boolean(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise NotExamined


_TRUTHS: Final = frozenset(
    {"!", "&&", "||", "has", "contains", "containsAny", "containsAll", "isEmpty"}
    | {"==", "!=", "<", "<=", ">", ">=", "if-then-else"}
)
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _entity(entity: Mapping[str, str]) -> str:
    return f"{entity['type']}::{entity['id']}"


def _literals(expression: object) -> Iterator[object]:
    """Yield what an expression names: sets of words, instants, members."""
    match expression:
        case {"Set": list(members)}:
            plain = [member.get("Value") for member in members]
            yield frozenset(word for word in plain if isinstance(word, str))
            others = [member for member in members if not isinstance(member.get("Value"), str)]
            yield from chain.from_iterable(map(_literals, others))
        case {"Value": str(text)}:
            yield frozenset({text})
        case {"Value": {"__entity": entity}}:
            yield _entity(entity)
        case {"datetime": [{"Value": str(text)}]}:
            yield instant_of(text)
        case Mapping():
            yield from chain.from_iterable(map(_literals, expression.values()))
        case list():
            yield from chain.from_iterable(map(_literals, expression))
        case _:
            return
