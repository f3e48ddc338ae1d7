"""The tools that read rules are total: what cannot occur in a treaty is answered all the same."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from foedus.model.identifiers import ArticleId
from foedus.release import distinctions, places, rule_diff, satisfy
from foedus.release.breadth import Severity
from foedus.release.check import Finding
from foedus.release.compile import compile_treaty
from foedus.release.errors import CompileFaults
from foedus.release.rules import Rules
from foedus.treaty import body, diff

if TYPE_CHECKING:
    from tests.unit.release.conftest import World


def test_a_finding_is_told_to_programs_in_full() -> None:
    finding = Finding(
        severity=Severity.FAULT, line=7, column=3, article="6", rule="6/1", text="What is wrong."
    )
    assert finding.document() == {
        "severity": "fault",
        "line": 7,
        "column": 3,
        "article": "6",
        "rule": "6/1",
        "text": "What is wrong.",
    }


def test_an_instant_that_is_no_literal_is_a_fault(world: World) -> None:
    article = world.compiled.treaty.article(ArticleId("7"))
    block = (
        "permit (principal, action, resource) when { context.now < datetime(resource.offence) };"
    )
    treaty = replace(world.compiled.treaty, articles=(replace(article, blocks=(block,)),))
    with pytest.raises(CompileFaults, match=r"datetime\(\) takes a literal"):
        compile_treaty(treaty)


def test_a_refusal_that_names_no_word_points_to_the_rule() -> None:
    tokens = list(re.finditer(r"\S+", "permit a ; forbid b ;"))
    assert places._named(tokens, 5, "it is refused") == tokens[3].start()
    assert places._named(tokens, 5, "`b` is refused") in {tokens[3].start(), tokens[4].start()}
    assert places._named(tokens, 5, "`zz` is refused") == tokens[3].start()
    assert places._named(tokens, 1, "it is refused") == tokens[1].start()


def test_a_rule_in_neither_version_changed_nothing() -> None:
    article = rule_diff._Article(ArticleId("7"), Rules(), Rules())
    assert list(article._change(None, None)) == []
    assert not article._moved(None, None)


def test_what_is_no_literal_names_nothing() -> None:
    assert list(satisfy._literals([{"Value": "a"}, 7])) == [frozenset({"a"})]


def test_an_aspect_nobody_knows_is_a_fault_of_the_program() -> None:
    with pytest.raises(AssertionError):
        distinctions._reader(cast("Any", ("nonsense",)))


def test_a_block_of_ascii_has_no_other_character() -> None:
    assert body._first_not_ascii("permit\nforbid") == (0, 0)
    assert body._first_not_ascii("permit\nf\u043erbid") == (1, 2)


def test_a_clause_of_another_type_says_nothing() -> None:
    assert diff._clause(cast("Any", 7)) is None
