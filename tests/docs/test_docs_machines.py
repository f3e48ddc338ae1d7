"""Every state machine is documented: its page holds the table and the picture made of the code.

A machine's texts are printed by::

    .venv/bin/python -c "from foedus.casework import state_picture as p, X_course as c; \
        print(p.table_of(c.TRANSITIONS)); print(p.diagram_of(c.TRANSITIONS))"
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from foedus.casework.state_picture import diagram_of, table_of

ROOT = Path(__file__).parents[2]
MACHINES: list[tuple[str, str]] = [
    ("foedus.casework.order_course", "docs/orders.md"),
    ("foedus.casework.request_course", "docs/requests.md"),
    ("foedus.casework.access_course", "docs/challenges.md"),
    ("foedus.casework.challenge_course", "docs/challenges.md"),
    ("foedus.casework.consent_course", "docs/consent.md"),
]
"""(module that holds TRANSITIONS, page that shows it); one line each, by name."""

DIAGRAM = re.compile(r"^```mermaid\n(stateDiagram-v2\n.*?)^```$", re.DOTALL | re.MULTILINE)


def transitions_of(module: str) -> Mapping[tuple[Any, Any], Any]:
    found: Mapping[tuple[Any, Any], Any] = importlib.import_module(module).TRANSITIONS
    return found


def _members(one: StrEnum) -> list[StrEnum]:
    return list(type(one))


@pytest.mark.parametrize(("module", "page"), MACHINES)
def test_the_page_shows_the_machine_the_code_follows(module: str, page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    table, diagram = table_of(transitions_of(module)), diagram_of(transitions_of(module))
    assert f"\n{table}\n" in text, f"{page} should hold:\n{table}"
    assert f"\n```mermaid\n{diagram}```\n" in text, f"{page} should hold:\n{diagram}"


@pytest.mark.parametrize("module", [module for module, _ in MACHINES])
def test_every_state_can_be_reached_and_every_event_happens(module: str) -> None:
    transitions = transitions_of(module)
    start, event = next(iter(transitions))
    states, events = _members(start), _members(event)
    assert set(states) == {states[0], *transitions.values()}
    assert set(events) == {each for _, each in transitions}


def test_every_course_is_listed() -> None:
    folder = ROOT / "src" / "foedus" / "casework"
    written = {f"foedus.casework.{each.stem}" for each in folder.glob("*_course.py")}
    assert written <= {module for module, _ in MACHINES}


def test_no_page_shows_a_machine_that_no_code_follows() -> None:
    made = {diagram_of(transitions_of(module)) for module, _ in MACHINES}
    pages = {each: each.read_text(encoding="utf-8") for each in (ROOT / "docs").rglob("*.md")}
    stray = [
        page.name
        for page, text in pages.items()
        for diagram in DIAGRAM.findall(text)
        if diagram not in made
    ]
    assert stray == []
