"""What a machine rule may not say, beyond what the engine's own validation refuses.

Strict validation passes integer overflow, conditions that never change, literals that name nobody,
misspelt words and letters that look alike. So a rule is held to these as well:

1. Only the operators of :data:`OPERATORS`: no arithmetic, no pattern, no record, no tag, no
   hierarchy, no function but ``datetime``. Numbers have no use, for the vocabulary holds none.
2. Literals are ASCII. A member named is a party; a word compared with an attribute is a word that
   attribute can have (a TLP level, a purpose or offence of the treaty, a category of person, ...).
3. No condition, and no part of one, is the same for every item: no bare ``true`` or ``false``
   except as a branch of ``if``, no comparison of literals.
4. The scope names the recipient by ``==`` only, and no single class of terms.
5. A prohibition carries no annotation. A duty says what it is.
6. The rule can only narrow when an item is restricted further (:mod:`foedus.release.monotone`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson, HandlingCondition, InformationGrade, SourceGrade
from foedus.release.monotone import only_narrows
from foedus.treaty.articles import Treaty
from foedus.treaty.faults import nearest
from foedus.treaty.vocabulary import ACTIONS

__all__ = [
    "OPERATORS",
    "Finding",
    "Mentions",
    "attribute_of",
    "cut_to_engine",
    "faults_of",
    "instant_of",
    "mentions_of_policy",
    "words_of_set",
]

OPERATORS: Final = frozenset(
    {
        "Value",
        "Var",
        "Set",
        ".",
        "has",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "&&",
        "||",
        "!",
        "contains",
        "containsAll",
        "containsAny",
        "isEmpty",
        "if-then-else",
        "datetime",
    }
)
"""Operators of the engine's JSON form that a rule may use."""

_COMPARISONS: Final = frozenset(
    {"==", "!=", "<", "<=", ">", ">=", "contains", "containsAll", "containsAny", "isEmpty"}
)
_LOGICAL: Final = frozenset({"&&", "||", "!"})
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{1,248}[a-z0-9]", re.ASCII)

Expression = Mapping[str, Any]


class Finding(NamedTuple):
    """One thing wrong with a rule.

    Attributes:
        reason: What, in words.
        words: What to look for in its text to point to it, the best first; none for the whole rule.
    """

    reason: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """What the value of a rule can depend on, besides its class of terms.

    Attributes:
        consent: Whether it looks at the originator's consent.
        permits_look_at_consent: Whether a permit or a duty does, and not only a prohibition.
        instants: Instants it compares with, aware.
    """

    consent: bool
    permits_look_at_consent: bool
    instants: frozenset[datetime]


def faults_of(policy: Mapping[str, Any], treaty: Treaty) -> tuple[Finding, ...]:
    """Return what is wrong with a policy by the rules of this module; none when it keeps to them.

    Args:
        policy: One policy in the engine's JSON form.
        treaty: The treaty it stands in.
    """
    faults = [*_scope_faults(policy, treaty)]
    words = _words(treaty)
    for condition in policy["conditions"]:
        body = condition["body"]
        if "Value" in body:
            faults.append(Finding("a condition is the same for every item", ("true", "false")))
        faults += _expression_faults(body, words, treaty)
    permits = policy["effect"] == "permit" and "duty" not in policy.get("annotations", {})
    if not faults and not only_narrows(policy, permits=permits):
        faults.append(
            Finding(
                "a stricter marking, a further handling condition or fewer purposes would widen it",
                ("tlp", "handling", "purposes"),
            )
        )
    return tuple(dict.fromkeys([*faults, *_annotation_faults(policy)]))


def mentions_of_policy(policy: Mapping[str, Any]) -> Mentions:
    """Return what a policy that has no faults looks at."""
    consent = False
    instants: set[datetime] = set()
    for condition in policy["conditions"]:
        for operator, body in _nodes(condition["body"]):
            match operator:
                case "." if body["left"] == {"Var": "context"}:
                    consent = consent or body["attr"] == "consent"
                case "datetime":
                    instants.add(instant_of(body[0]["Value"]))
                case _:
                    pass
    return Mentions(
        consent=consent,
        permits_look_at_consent=consent and policy["effect"] == "permit",
        instants=frozenset(instants),
    )


def instant_of(text: str) -> datetime:
    """Return the instant that a literal of ``datetime()`` names; without a zone it is UTC."""
    instant = datetime.fromisoformat(text)
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def cut_to_engine(instant: datetime) -> datetime:
    """Return the millisecond an instant lies in, which is what the engine sees of it."""
    beyond = instant.microsecond % 1000
    return instant.replace(microsecond=instant.microsecond - beyond) if beyond else instant


def attribute_of(expression: Expression) -> str:
    """Return ``variable.name`` of an expression that is one attribute; "" of any other."""
    match expression:
        case {".": {"left": {"Var": variable}, "attr": name}}:
            return f"{variable}.{name}"
        case _:
            return ""


def words_of_set(expression: Expression) -> frozenset[str] | None:
    """Return the texts of a set of literal texts; None if it is anything else."""
    members = expression.get("Set")
    if not isinstance(members, list):
        return None
    texts = [each.get("Value") for each in members]
    return frozenset(texts) if all(isinstance(text, str) for text in texts) else None


def _nodes(expression: object) -> Iterator[tuple[str, Any]]:
    """Yield each operator in an expression with what it applies to."""
    match expression:
        case {"Value": value}:
            yield "Value", value
        case {"Var": name}:
            yield "Var", name
        case Mapping() if len(expression) == 1:
            ((operator, body),) = expression.items()
            yield operator, body
            operands = body.values() if isinstance(body, Mapping) else body
            for operand in operands:
                if isinstance(operand, Mapping | list):
                    yield from _nodes(operand)
        case list():
            for operand in expression:
                yield from _nodes(operand)
        case _:
            yield "an operator of unknown form", None


def _expression_faults(
    expression: Expression, words: Mapping[str, frozenset[str]], treaty: Treaty
) -> Iterator[Finding]:
    for operator, body in _nodes(expression):
        if operator not in OPERATORS:
            yield Finding(f"{operator!r} is not an operator of the vocabulary", (operator,))
        elif operator == "Value":
            yield from _literal_faults(body, treaty)
        elif operator in _LOGICAL or operator in _COMPARISONS:
            yield from _constant_faults(operator, body)
            yield from _word_faults(body, words)
        elif operator == "Var" and body == "context":
            pass
        elif operator == "datetime" and "Value" not in body[0]:
            yield Finding("datetime() takes a literal", ("datetime",))


def _literal_faults(value: object, treaty: Treaty) -> Iterator[Finding]:
    match value:
        case bool():
            return
        case str():
            if not value.isascii():
                yield Finding(f"the literal {value[:40]!r} is not ASCII", (value,))
        case {"__entity": {"type": kind, "id": name}}:
            yield from _entity_faults(kind, name, treaty)
        case _:
            yield Finding(
                f"the literal {value!r} has no use: the vocabulary holds no numbers", (str(value),)
            )


def _entity_faults(kind: str, name: str, treaty: Treaty) -> Iterator[Finding]:
    match kind:
        case "Member":
            if name not in {party.member for party in treaty.parties}:
                yield Finding(f"{name[:40]!r} is not a member listed in the annex", (name,))
        case "Action":
            if name not in ACTIONS:
                yield Finding(f"{name[:40]!r} is not an action{nearest(name, ACTIONS)}", (name,))
        case _:
            yield Finding(f"a rule names no single {kind[:40]}", (kind,))


def _constant_faults(operator: str, body: Mapping[str, Any]) -> Iterator[Finding]:
    operands = [operand for operand in body.values() if isinstance(operand, Mapping)]
    if operator in _LOGICAL and any("Value" in operand for operand in operands):
        yield Finding(
            f"{operator} joins a literal: a part of the condition never changes", ("true", "false")
        )
    if not any(name == "Var" for operand in operands for name, _ in _nodes(operand)):
        yield Finding(
            f"{operator} compares only literals: a part of the condition never changes",
            (operator,),
        )


def _word_faults(body: Mapping[str, Any], words: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    left, right = body.get("left"), body.get("right")
    if left is None or right is None:
        return
    for one, other in ((left, right), (right, left)):
        name = attribute_of(one)
        for literal in _literals(other):
            if name == "context.kind":
                if not _KIND.fullmatch(literal):
                    yield Finding(f"{literal[:40]!r} is not a STIX type", (literal,))
            elif name in words and literal not in words[name]:
                yield Finding(
                    f"{literal[:40]!r} is not a word of {name}{nearest(literal, words[name])}",
                    (literal,),
                )


def _literals(expression: Expression) -> Iterator[str]:
    match expression:
        case {"Value": str(text)}:
            yield text
        case {"Set": list(members)}:
            for member in members:
                yield from _literals(member)
        case _:
            return


def _words(treaty: Treaty) -> dict[str, frozenset[str]]:
    purposes = frozenset(treaty.purposes)
    return {
        "context.purpose": purposes,
        "resource.purposes": purposes,
        "resource.offence": frozenset(treaty.offences),
        "resource.tlp": frozenset(TLP),
        "resource.person": frozenset(CategoryOfPerson),
        "resource.handling": frozenset(HandlingCondition),
        "resource.source": frozenset(SourceGrade),
        "resource.information": frozenset(InformationGrade),
    }


def _scope_faults(policy: Mapping[str, Any], treaty: Treaty) -> Iterator[Finding]:
    principal, action, resource = policy["principal"], policy["action"], policy["resource"]
    match principal:
        case {"op": "All"} | {"op": "is", "entity_type": "Member"} if "in" not in principal:
            pass
        case {"op": "==", "entity": {"type": kind, "id": name}}:
            yield from _entity_faults(kind, name, treaty)
        case _:
            yield Finding("the scope names the recipient by == only", ("principal",))
    for entity in (action.get("entity"), *action.get("entities", ())):
        if entity is not None:
            yield from _entity_faults(entity["type"], entity["id"], treaty)
    match resource:
        case {"op": "All"} | {"op": "is", "entity_type": "Terms"} if "in" not in resource:
            pass
        case _:
            yield Finding("the scope names no single class of terms", ("resource",))


def _annotation_faults(policy: Mapping[str, Any]) -> Iterator[Finding]:
    annotations = policy.get("annotations", {})
    if policy["effect"] == "forbid" and annotations:
        yield Finding("a prohibition carries no annotation", ("@",))
    if "duty" in annotations and not (annotations["duty"] or "").strip():
        yield Finding("@duty does not say what the duty is", ("duty",))
