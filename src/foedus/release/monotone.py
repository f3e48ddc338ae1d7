"""Whether a rule can only narrow when an item is restricted further.

Rule 8 of the design: a stricter marking, an added handling condition or fewer purposes never
widen a release. Nobody can test that for a treaty not yet written, so it is read off the rules
themselves. Each condition is given a direction, which says how it can change while the TLP level
rises, handling conditions are added and purposes are taken away:

1. A condition that looks at none of the three keeps its value.
2. The level is compared with a closed end of its scale: ``clear`` up to some level falls, some
   level up to ``red`` rises.
3. ``handling`` holding something rises, being within something or empty falls; ``purposes`` the
   other way round.
4. ``!`` turns the direction; ``&&`` and ``||`` keep a common one; ``if`` keeps that of its branches
   when its test keeps its value.
5. Anything else may go either way.

A permit may only fall. A prohibition and a duty may only rise. Rules that break this are refused
when the treaty is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from foedus.model.markings import TLP

__all__ = ["Direction", "direction_of", "only_narrows"]

Expression = Mapping[str, Any]
"""An expression in the engine's JSON form: one operator and what it applies to."""


class Direction(Enum):
    """How a condition can change while an item is restricted further."""

    KEEPS = "keeps its value"
    FALLS = "can only become false"
    RISES = "can only become true"
    EITHER = "can become either"


_TURNED: Final = {
    Direction.KEEPS: Direction.KEEPS,
    Direction.FALLS: Direction.RISES,
    Direction.RISES: Direction.FALLS,
    Direction.EITHER: Direction.EITHER,
}
_LEVELS: Final = tuple(level.value for level in TLP)
_GROWING: Final = "handling"
_SHRINKING: Final = "purposes"
_RESTRICTIONS: Final = frozenset({"tlp", _GROWING, _SHRINKING})


def only_narrows(policy: Mapping[str, Any], *, permits: bool) -> bool:
    """Whether a policy keeps to rule 8.

    Args:
        policy: The policy in the engine's JSON form.
        permits: True for a permit; False for a prohibition or a duty.
    """
    wanted = Direction.FALLS if permits else Direction.RISES
    for condition in policy["conditions"]:
        direction = direction_of(condition["body"])
        if condition["kind"] == "unless":
            direction = _TURNED[direction]
        if direction not in {wanted, Direction.KEEPS}:
            return False
    return True


def direction_of(expression: Expression) -> Direction:  # noqa: PLR0911 - one rule a case
    """Return how an expression can change (rules in the module docstring)."""
    if not _looks_at_restriction(expression):
        return Direction.KEEPS
    ((operator, body),) = expression.items()
    match operator:
        case "!":
            return _TURNED[direction_of(body["arg"])]
        case "&&" | "||":
            return _common(direction_of(body["left"]), direction_of(body["right"]))
        case "if-then-else" if direction_of(body["if"]) is Direction.KEEPS:
            return _common(direction_of(body["then"]), direction_of(body["else"]))
        case "==" | "contains" | "containsAny" | "containsAll":
            return _of_comparison(operator, body["left"], body["right"])
        case "!=":
            return _TURNED[_of_comparison("==", body["left"], body["right"])]
        case "isEmpty":
            return {
                _GROWING: Direction.FALLS,
                _SHRINKING: Direction.RISES,
            }.get(_restriction(body["arg"]), Direction.EITHER)
        case _:
            return Direction.EITHER


def _of_comparison(operator: str, left: Expression, right: Expression) -> Direction:
    of_left, of_right = _restriction(left), _restriction(right)
    if of_left == "tlp" and operator == "==":
        return _of_levels([right])
    if of_right == "tlp" and operator == "==":
        return _of_levels([left])
    if of_right == "tlp" and operator == "contains":
        return _of_levels(left.get("Set"))
    if of_left and not _looks_at_restriction(right):
        return _of_set(of_left, holds=True)
    if of_right and not _looks_at_restriction(left) and operator != "contains":
        return _of_set(of_right, holds=operator == "containsAny")
    return Direction.EITHER


def _of_set(name: str, *, holds: bool) -> Direction:
    """Rule 3: a set holds something, or (``holds`` false) lies within something."""
    match name:
        case "handling":
            return Direction.RISES if holds else Direction.FALLS
        case "purposes":
            return Direction.FALLS if holds else Direction.RISES
        case _:
            return Direction.EITHER


def _of_levels(members: object) -> Direction:
    """Rule 2."""
    if not isinstance(members, list):
        return Direction.EITHER
    named = {member.get("Value") for member in members}
    held = [level in named for level in _LEVELS]
    if not named <= set(_LEVELS):
        return Direction.EITHER
    if held == sorted(held, reverse=True):
        return Direction.KEEPS if all(held) else Direction.FALLS
    return Direction.RISES if held == sorted(held) else Direction.EITHER


def _common(a: Direction, b: Direction) -> Direction:
    if a is Direction.KEEPS:
        return b
    return a if b in {a, Direction.KEEPS} else Direction.EITHER


def _restriction(expression: Expression) -> str:
    access = expression.get(".")
    if access is not None and access["left"] == {"Var": "resource"}:
        name: str = access["attr"]
        return name if name in _RESTRICTIONS else ""
    return ""


def _looks_at_restriction(node: object) -> bool:
    match node:
        case {"Value": _}:
            return False
        case {"attr": str(name), "left": {"Var": "resource"}} if name in _RESTRICTIONS:
            return True
        case Mapping():
            return any(_looks_at_restriction(value) for value in node.values())
        case list():
            return any(_looks_at_restriction(value) for value in node)
        case _:
            return False
