"""What the rules of a treaty can tell apart.

A rule is a boolean combination of *aspects*: small questions about a request such as "is the TLP
level one of these", "do the terms name this purpose", "is now before the expiry". Two requests that
agree in every aspect of a rule give it the same value, whatever else they are; so one answer of the
engine about a rule serves all of them. Rules of reading, first that fits:

1. ``attribute == "word"``, ``["a", "b"].contains(attribute)``: whether it is one of the words.
2. ``set.contains("word")``, ``containsAny``, ``containsAll``, ``isEmpty``: that.
3. ``set.contains(attribute)``: whether it is among them.
4. Instants compared: which is earlier, or which is absent.
5. ``has``: whether it is there.
6. Anything else that is named: its whole value. A ``resource`` or ``context`` used as a whole:
   every value of the request.

Nothing is evaluated here. A rule whose form is not understood is only told apart more finely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar

from foedus.release.cedar import EngineQuestion
from foedus.release.lint import attribute_of, cut_to_engine, instant_of, words_of_set
from foedus.treaty.vocabulary import ATTRIBUTES

__all__ = ["Distinctions", "Group", "Picker", "aspects_of", "distinctions_of"]

Expression = Mapping[str, Any]
Policy = Mapping[str, Any]
Aspect = tuple[object, ...]
"""What is looked at, as a value: its sort first, then its parts."""

_Made = TypeVar("_Made")

Picker = Callable[[tuple[object, ...]], object]

_INSTANTS: Final = frozenset({"context.now", "resource.review", "resource.expiry"})
_SETS: Final = frozenset({"resource.purposes", "resource.handling"})
_WHOLE: Final[Mapping[str, tuple[Aspect, ...]]] = {
    variable: tuple(("value", f"{variable}.{name}") for name in names)
    for variable, names in ATTRIBUTES.items()
}


_PLAIN: Final[Mapping[str, str]] = {
    "principal": "recipient",
    "action": "action",
    "resource.originator": "resource.originator",
    **{f"context.{name}": name for name in ATTRIBUTES["context"]},
}
"""Values that stand in a question as they are, with the path to them."""


class Distinctions:
    """The aspects of sets of rules, and which rule looks at which.

    Attributes:
        disproved: Whether the engine ever told apart what the rules here do not: then nothing that
            was worked out with them is believed any more.
    """

    def __init__(self, aspects: Iterable[Aspect]) -> None:
        """Number the aspects."""
        every = sorted(set(aspects), key=repr)
        plain = [each for each in every if each[0] == "value" and each[1] in _PLAIN]
        others = [each for each in every if each[0] != "among" and each not in plain]
        order: list[Aspect] = []
        tables = []
        for name in dict.fromkeys(str(each[1]) for each in every if each[0] == "among"):
            mine = [each for each in every if each[:2] == ("among", name)]
            tables.append((_value(name), *_word_table([each[2] for each in mine])))
            order += mine
        self._words = tuple(tables)
        # The first two only make sure that the getter returns a tuple.
        self._plain = attrgetter("action", "purpose", *(_PLAIN[str(each[1])] for each in plain))
        self._others = tuple(_reader(aspect) for aspect in others)
        order += [("action",), ("purpose",), *plain, *others]
        self._place = {aspect: index for index, aspect in enumerate(order)}
        self._made: dict[str, Any] = {}
        self.disproved = False

    def once(self, name: str, make: Callable[[], _Made]) -> _Made:
        """Return what was made under a name before, or make it: it follows from the rules alone."""
        if name not in self._made:
            self._made[name] = make()
        made: _Made = self._made[name]
        return made

    def values(self, asked: EngineQuestion) -> tuple[object, ...]:
        """Return the value of every aspect for a question."""
        found: list[object] = []
        for read, table, absent in self._words:
            found += table.get(read(asked), absent)
        found += self._plain(asked)
        found += [read(asked) for read in self._others]
        return tuple(found)

    def picker(self, policies: Iterable[Policy]) -> Picker:
        """Return what takes the values of the aspects of some policies out of all values."""
        places = sorted({self._place[each] for policy in policies for each in aspects_of(policy)})
        return itemgetter(*places) if places else lambda _values: ()

    def groups(self, policies: Mapping[str, Policy]) -> tuple[Group, ...]:
        """Return policies, by id, sorted into those that look at the same aspects."""
        alike: dict[frozenset[Aspect], list[str]] = {}
        for name, policy in policies.items():
            alike.setdefault(aspects_of(policy), []).append(name)
        return tuple(
            Group(names=frozenset(names), pick=self.picker([policies[names[0]]]))
            for names in alike.values()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that look at the same aspects.

    Attributes:
        names: Their ids.
        pick: Takes the values of their aspects out of all values.
    """

    names: frozenset[str]
    pick: Picker


def distinctions_of(policies: Iterable[Policy]) -> Distinctions:
    """Return what policies in the engine's JSON form can tell apart."""
    return Distinctions(aspect for policy in policies for aspect in aspects_of(policy))


def aspects_of(policy: Policy) -> frozenset[Aspect]:
    """Return what one policy looks at."""
    return frozenset(_aspects(policy))


def _word_table(
    sets: Sequence[object],
) -> tuple[Mapping[object, tuple[bool, ...]], tuple[bool, ...]]:
    """Return for each word in which of the sets it is, and what holds of any other word."""
    words = [each for each in sets if isinstance(each, frozenset)]
    table = {
        word: tuple([word in each for each in words]) for word in frozenset[object]().union(*words)
    }
    return table, (False,) * len(words)


def _aspects(policy: Policy) -> Iterator[Aspect]:
    if policy["principal"]["op"] not in {"All", "is"}:
        yield "value", "principal"
    if policy["action"]["op"] != "All":
        yield "value", "action"
    for condition in policy["conditions"]:
        yield from _of_expression(condition["body"])


def _of_expression(expression: Expression) -> Iterator[Aspect]:
    ((operator, body),) = expression.items()
    match operator:
        case "Value" | "datetime":
            return
        case "Var":
            yield from _WHOLE.get(body, (("value", body),))
        case "." | "has":
            yield from _of_access(operator, body)
        case _:
            found = _of_operator(operator, body)
            if found is not None:
                yield found
                return
            for operand in body.values() if isinstance(body, Mapping) else body:
                yield from _of_expression(operand)


def _of_access(operator: str, body: Mapping[str, Any]) -> Iterator[Aspect]:
    name = attribute_of({".": body})
    if name:
        yield ("has" if operator == "has" else "value"), name
        return
    yield from _of_expression(body["left"])


def _of_operator(operator: str, body: Any) -> Aspect | None:  # noqa: PLR0911 - one rule a case
    """Return the aspect that an operator is as a whole, or None to look at its operands."""
    match operator:
        case "isEmpty":
            name = attribute_of(body["arg"])
            return ("empty", name) if name in _SETS else None
        case "==" | "!=":
            return _of_equality(body["left"], body["right"])
        case "<" | "<=" | ">" | ">=":
            return _of_instants(body["left"], body["right"])
        case "contains":
            return _of_contains(body["left"], body["right"])
        case "containsAny" | "containsAll":
            name, words = attribute_of(body["left"]), words_of_set(body["right"])
            if name in _SETS and words is not None:
                return operator, name, words
            return None
        case _:
            return None


def _of_equality(left: Expression, right: Expression) -> Aspect | None:
    for one, other in ((left, right), (right, left)):
        name, words = attribute_of(one), words_of_set({"Set": [other]})
        if name and name not in _SETS | _INSTANTS and words is not None:
            return "among", name, words
    return _of_instants(left, right)


def _of_instants(left: Expression, right: Expression) -> Aspect | None:
    sides = [_instant(left), _instant(right)]
    return None if None in sides else ("order", *sides)


def _of_contains(left: Expression, right: Expression) -> Aspect | None:
    name, words = attribute_of(right), words_of_set(left)
    if name and name not in _SETS | _INSTANTS and words is not None:
        return "among", name, words
    held = attribute_of(left)
    if held not in _SETS:
        return None
    if name and name not in _SETS | _INSTANTS:
        return "held", held, name
    lone = words_of_set({"Set": [right]})
    return None if lone is None else ("containsAny", held, lone)


def _instant(expression: Expression) -> str | datetime | None:
    match expression:
        case {"datetime": [{"Value": str(text)}]}:
            return instant_of(text)
        case _:
            name = attribute_of(expression)
            return name if name in _INSTANTS else None


def _reader(  # noqa: PLR0911 - one rule a case
    aspect: Aspect,
) -> Callable[[EngineQuestion], object]:
    match aspect:
        case ("value", str(name)):
            return _value(name)
        case ("has", str(name)):
            value = _value(name)
            return lambda asked: value(asked) is not None
        case ("empty", str(name)):
            kept = _name_of(name)
            return lambda asked: not asked.resource.attributes[kept]
        case ("held", str(name), str(other)):
            kept, word = _name_of(name), _value(other)
            return lambda asked: word(asked) in asked.resource.attributes[kept]
        case ("containsAny", str(name), frozenset() as words):
            kept = _name_of(name)
            return lambda asked: not words.isdisjoint(asked.resource.attributes[kept])
        case ("containsAll", str(name), frozenset() as words):
            kept = _name_of(name)
            return lambda asked: words.issubset(asked.resource.attributes[kept])
        case ("order", left, right):
            return _order(left, right)
        case _:
            raise AssertionError(aspect)


def _order(left: object, right: object) -> Callable[[EngineQuestion], object]:
    one, other = _moment(left), _moment(right)

    def order(asked: EngineQuestion) -> object:
        a, b = one(asked), other(asked)
        if a is None or b is None:
            return a is None, b is None
        return (a > b) - (a < b)

    return order


def _moment(what: object) -> Callable[[EngineQuestion], datetime | None]:
    if isinstance(what, datetime):
        fixed = cut_to_engine(what)
        return lambda _asked: fixed
    value = _value(str(what))

    def moment(asked: EngineQuestion) -> datetime | None:
        found = value(asked)
        return None if found is None else cut_to_engine(found)

    return moment


def _name_of(name: str) -> str:
    return name.partition(".")[2]


def _value(name: str) -> Callable[[EngineQuestion], Any]:
    if name in _PLAIN:
        return attrgetter(_PLAIN[name])
    attribute = _name_of(name)
    if name in _SETS:
        return lambda asked: tuple(sorted(asked.resource.attributes[attribute]))
    return lambda asked: asked.resource.attributes.get(attribute)
