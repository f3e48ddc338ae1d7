"""What is remembered of the engine's answers, and what happens when they do not fit together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from foedus.model.identifiers import ArticleId, PolicyId
from foedus.release.cedar import EngineQuestion, PolicyEngine
from foedus.release.decide import Verdict, engine_question
from foedus.release.decider import Decider
from foedus.release.errors import EngineError
from foedus.release.evaluation import Evaluator, make_room
from foedus.release.facts import AssertedFacts, LinkFacts

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

SEVEN = ArticleId("7")


def asked(world: World, **changes: object) -> EngineQuestion:
    question = engine_question(world.question(), world.facts(), AssertedFacts(), world.law())
    return replace(question, **changes)  # type: ignore[arg-type]


def failing(*_: object, **__: object) -> None:
    raise EngineError("broken")


class Counting:
    """Counts the questions that reach the engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        self.count = 0
        ask = getattr(PolicyEngine, method)

        def counted(engine: PolicyEngine, *arguments: object) -> object:
            self.count += 1
            return ask(engine, *arguments)

        monkeypatch.setattr(PolicyEngine, method, counted)


def test_what_no_rule_looks_at_is_not_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Counting(monkeypatch, "satisfied")
    memory = Evaluator()
    first = memory.about(world.compiled, asked(world)).satisfied()
    other = asked(world, purpose="investigation", recipient="XC")
    assert memory.about(world.compiled, other).satisfied() == first
    assert engine.count == 1


def test_values_learnt_apart_answer_a_new_question_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Evaluator()
    for onward, life in ((False, False), (True, False), (False, True)):
        memory.about(world.compiled, asked(world, onward=onward, threat_to_life=life)).satisfied()
    engine = Counting(monkeypatch, "satisfied")
    both = memory.about(world.compiled, asked(world, onward=True, threat_to_life=True)).satisfied()
    assert engine.count == 0
    fresh = Evaluator().about(world.compiled, asked(world, onward=True, threat_to_life=True))
    assert both == fresh.satisfied()


def test_an_article_is_confirmed_once_for_the_rules_that_hold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Counting(monkeypatch, "confirm")
    memory = Evaluator()
    for kind in ("indicator", "file"):
        memory.about(world.compiled, asked(world, kind=kind)).confirm(SEVEN)
    assert engine.count == 1
    with pytest.raises(EngineError, match="permits nothing"):
        memory.about(world.compiled, asked(world)).confirm(ArticleId("1"))


def test_an_engine_that_contradicts_itself_is_believed_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.compiled.distinctions, "disproved", False)  # put back afterwards
    decider = Decider()
    case = (world.question(), world.facts(), AssertedFacts(), world.law())
    assert decider.decide(*case, link=LinkFacts(fresh=True)).verdict is Verdict.PERMIT
    memory = Evaluator()
    plain = asked(world)
    assert PolicyId("7/1") in memory.about(world.compiled, plain).satisfied()
    with monkeypatch.context() as broken:
        broken.setattr(PolicyEngine, "_ask", lambda *_, **__: ("Deny", frozenset()))
        # Another question, of which some rules see what they have seen before.
        with pytest.raises(EngineError, match="contradicts"):
            memory.about(world.compiled, asked(world, onward=True)).satisfied()
    # Nor by anybody else who reads the same rules, nor what was decided before.
    for one in (memory, Evaluator()):
        for question in (plain, asked(world, onward=True), asked(world, threat_to_life=True)):
            with pytest.raises(EngineError, match="contradicts"):
                one.about(world.compiled, question).satisfied()
    assert decider.decide(*case, link=LinkFacts(fresh=True)).verdict is Verdict.DENY


def test_an_error_is_not_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Evaluator()
    with monkeypatch.context() as broken:
        broken.setattr(PolicyEngine, "_ask", failing)
        seen = memory.about(world.compiled, asked(world))
        with pytest.raises(EngineError, match="broken"):
            seen.weighed(approvals=0)
        lacking = memory.about(world.compiled, asked(world, kind="x-none")).lacking(SEVEN)
    assert memory.about(world.compiled, asked(world)).weighed(approvals=0).chosen
    # Where the engine cannot say what is missing, everything counts as missing.
    assert len(lacking) > 3


def test_what_an_article_lacks_is_told_of_its_nearest_permit(world: World) -> None:
    seen = Evaluator().about(world.compiled, asked(world, recognised=False))
    texts = [reason.change for reason in seen.lacking(SEVEN)]
    assert texts == ["", "context.recognised"]
    (none,) = seen.lacking(ArticleId("1"))
    assert "none of the 0 permits" in none.text
    (one, *_) = seen.lacking(ArticleId("6"))
    assert one.text == "no article permits: the one permit of article 6 does not apply"


def test_the_oldest_make_room() -> None:
    kept = dict.fromkeys(range(8), "x")
    make_room(kept, 9)
    assert len(kept) == 8
    make_room(kept, 8)
    assert list(kept) == [2, 3, 4, 5, 6, 7]
