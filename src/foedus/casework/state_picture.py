"""State machines as people read them: a table and a picture, both made of the table code follows.

The pages under ``docs`` show exactly what these functions return, and a test compares them, so that
no page tells of a step that the code does not take. What is made is deterministic: states and
events stand in the order in which their enumerations declare them.

1. The first state an enumeration declares is where a case begins.
2. A state that no event leaves is where it ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

__all__ = ["diagram_of", "table_of"]

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)

_PLAIN = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def table_of(transitions: Mapping[tuple[S, E], S]) -> str:
    """Return a table of transitions as Markdown.

    Args:
        transitions: (from, event) → to; at least one.

    Returns:
        ``| from | event | to |`` with one line per transition; it ends with a line break.
    """
    rows = [f"| {start} | {event} | {to} |" for start, event, to in _ordered(transitions)]
    return "\n".join(["| from | event | to |", "|---|---|---|", *rows]) + "\n"


def diagram_of(transitions: Mapping[tuple[S, E], S]) -> str:
    """Return a table of transitions as a mermaid ``stateDiagram-v2``, without the fence around it.

    Args:
        transitions: (from, event) → to; at least one.

    Returns:
        Its text; it ends with a line break. Events between the same two states share an arrow.
    """
    ordered = _ordered(transitions)
    states = _states(transitions)
    used = {state for start, _, to in ordered for state in (start, to)}
    lines = ["stateDiagram-v2"]
    lines += [
        f'    state "{each}" as {_name(each)}'
        for each in states
        if each in used and _name(each) != each.value
    ]
    lines.append(f"    [*] --> {_name(states[0])}")
    arrows: dict[tuple[S, S], list[E]] = {}
    for start, event, to in ordered:
        arrows.setdefault((start, to), []).append(event)
    lines += [
        f"    {_name(start)} --> {_name(to)}: {', '.join(events)}"
        for (start, to), events in arrows.items()
    ]
    left = {start for start, _, _ in ordered}
    lines += [f"    {_name(each)} --> [*]" for each in states if each in used - left]
    return "\n".join(lines) + "\n"


def _states(transitions: Mapping[tuple[S, E], S]) -> list[S]:
    start, _ = next(iter(transitions))
    return list(type(start))


def _ordered(transitions: Mapping[tuple[S, E], S]) -> list[tuple[S, E, S]]:
    """Return transitions in the order of their enumerations, whatever that of the mapping is."""
    _, event = next(iter(transitions))
    events = list(type(event))
    return [
        (start, each, transitions[start, each])
        for start in _states(transitions)
        for each in events
        if (start, each) in transitions
    ]


def _name(state: StrEnum) -> str:
    """Return a state as mermaid names it: a word; what else it says stands in its label."""
    text = re.sub(r"[^a-z0-9_]", "_", state.value)
    return text if _PLAIN.fullmatch(text) and text not in _RESERVED else f"s_{text}"


_RESERVED = frozenset({"state", "end", "note", "direction", "as", "default", "class"})
