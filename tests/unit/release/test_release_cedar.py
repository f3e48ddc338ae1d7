"""Every trap of the policy engine, closed."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cedarpy
import pytest

from foedus.model.identifiers import ArticleId, MemberId, PolicyId
from foedus.release import cedar
from foedus.release.bounds import check_block
from foedus.release.cedar import (
    EngineClass,
    EngineQuestion,
    PolicyEngine,
    parse_block,
    validate_block,
)
from foedus.release.errors import BlockError, EngineError

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CLASS = EngineClass(
    key="class 1",
    originator=MemberId("XA"),
    attributes={
        "purposes": ["prevention"],
        "offence": "financing",
        "person": "none",
        "personal": False,
        "tlp": "green",
        "handling": [],
        "source": "A",
        "information": "1",
        "neutral": True,
        "exercise": True,
    },
)
QUESTION = EngineQuestion(
    resource=CLASS,
    recipient=MemberId("XB"),
    sender=MemberId("XA"),
    action="disclose",
    purpose="prevention",
    now=NOW,
    kind="indicator",
    onward=False,
    consent=False,
    recognised=True,
    concerns_recipient=False,
    threat_to_life=False,
)


def engine(*texts: str) -> PolicyEngine:
    policies = {
        PolicyId(f"{article}/{ordinal}"): policy
        for article, text in enumerate(texts, start=1)
        for ordinal, policy in enumerate(parse_block(text), start=1)
    }
    return PolicyEngine(policies, duties=frozenset())


def _of_another_type(question: EngineQuestion) -> EngineQuestion:
    wrong: Any = 7
    return replace(question, kind=wrong)


def when(condition: str, effect: str = "permit") -> str:
    return f"{effect} (principal, action, resource) when {{ {condition} }};"


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("brackets nested 65 deep", when("(" * 64 + "true" + ")" * 64)),
        (
            "brackets hidden from a naive count by a comment",
            when("// ))))))))\n" + "(" * 64 + "true" + ")" * 64),
        ),
        ("brackets hidden by a text", when('"))))))))" == "" || ' + "(" * 64 + "true" + ")" * 64)),
        ("a chain of 41 conjunctions", when(" && ".join(["context.onward"] * 42))),
        ("a chain of 41 alternatives", when(" || ".join(["context.onward"] * 42))),
        ("nine conditionals", when("if true then true else " * 9 + "true")),
        ("a chain of 97 calls", when("resource.purposes" + ".contains(true)" * 97)),
        ("a chain of 97 dots", when("context" + ".a" * 97)),
        ("a chain of 97 indexes", when("context" + '["a"]' * 97)),
        ("has along a path, which takes minutes", when("context has a.a")),
        ("has along a path on three lines", when("context has a\n .\n a")),
        ("17 KB", when("true") + "//" + "x" * 17_000),
        ("a Cyrillic letter", when('context.p\u0443rpose == "x"')),
        ("no Cedar", "permit everything"),
        ("a text without end", when('"')),
        ("an empty condition", when("")),
        ("an annotation given twice", '@retain("P1D") @retain("P2D") ' + when("true")),
        ("a template", "permit (principal == ?principal, action, resource);"),
        ("an unknown function", when('nosuch("x")')),
    ],
)
def test_text_is_refused_before_or_by_parsing(case: str, text: str) -> None:
    assert case
    with pytest.raises(BlockError):
        parse_block(text)


def test_the_slow_path_is_refused_at_once() -> None:
    started = time.perf_counter()
    with pytest.raises(BlockError):
        parse_block(when("context has a" + ".a" * 4_000))
    assert time.perf_counter() - started < 1


def test_bounds_are_counted_for_each_policy_alone() -> None:
    check_block(when(" && ".join(["context.onward"] * 41)) * 5)


def test_brackets_in_texts_and_comments_do_not_count() -> None:
    check_block(when('context.purpose == "((((((((" // ((((((((\n') * 20)


def test_policies_keep_the_order_of_the_text_beyond_ten() -> None:
    text = "\n".join(when(f'context.purpose == "p{number}"') for number in range(12))
    values = [
        policy["conditions"][0]["body"]["=="]["right"]["Value"] for policy in parse_block(text)
    ]
    assert values == [f"p{number}" for number in range(12)]


@pytest.mark.parametrize(
    ("case", "condition"),
    [
        ("an optional attribute unguarded", "resource.expiry > context.now"),
        ("a wrong type", "resource.tlp == 1"),
        ("an attribute that does not exist", "context.nothing"),
        ("a date that does not exist", 'context.now < datetime("2026-13-01")'),
    ],
)
def test_strict_validation_finds(case: str, condition: str) -> None:
    assert case
    text = when("true") + when(condition)
    found = validate_block(text)
    assert {position for position, _ in found} == {1}
    assert all(reason for _, reason in found)


def test_strict_validation_finds_an_unknown_action() -> None:
    assert validate_block('permit (principal, action == Action::"sell", resource);')


def test_all_satisfied_policies_are_listed_whatever_their_effect() -> None:
    asked = engine(
        when("context.recognised") + when("context.onward"), when("context.recognised", "forbid")
    )
    assert asked.satisfied(QUESTION) == frozenset(map(PolicyId, ("1/1", "2/1")))


def test_an_article_is_confirmed_by_its_own_permits_against_every_prohibition() -> None:
    asked = engine(when("context.recognised"), when("context.onward", "forbid"))
    asked.confirm(ArticleId("1"), QUESTION)
    with pytest.raises(EngineError):
        asked.confirm(ArticleId("1"), replace(QUESTION, onward=True))
    with pytest.raises(EngineError):
        asked.confirm(ArticleId("2"), QUESTION)


def test_one_article_never_permits_for_another() -> None:
    asked = engine(when("context.recognised"), when("context.onward"))
    with pytest.raises(EngineError):
        asked.confirm(ArticleId("2"), QUESTION)


def test_a_rule_that_errs_is_an_error_not_a_skipped_prohibition() -> None:
    """The engine alone would allow this: the prohibition errs and is skipped."""
    asked = engine(when("context.recognised"), when("resource.expiry > context.now", "forbid"))
    with pytest.raises(EngineError):
        asked.satisfied(QUESTION)
    with pytest.raises(EngineError, match="could not be evaluated"):
        asked.confirm(ArticleId("1"), QUESTION)


@pytest.mark.parametrize(
    ("case", "question"),
    [
        ("an action that does not exist", replace(QUESTION, action="sell")),
        (
            "an attribute missing",
            replace(QUESTION, resource=replace(CLASS, key="c2", attributes={"tlp": "green"})),
        ),
        (
            "an attribute of another type",
            replace(
                QUESTION,
                resource=replace(CLASS, key="c3", attributes={**CLASS.attributes, "tlp": 3}),
            ),
        ),
        (
            "an attribute that is not in the schema",
            replace(
                QUESTION, resource=replace(CLASS, key="c4", attributes={**CLASS.attributes, "x": 3})
            ),
        ),
        ("a context value of another type", _of_another_type(QUESTION)),
    ],
)
def test_a_bad_question_is_an_error_and_spoils_no_other(case: str, question: Any) -> None:
    assert case
    asked = engine(when("context.recognised"))
    with pytest.raises(EngineError):
        asked.satisfied(question)
    assert asked.satisfied(QUESTION) == frozenset({PolicyId("1/1")})
    with pytest.raises(EngineError):
        asked.confirm(ArticleId("1"), question)


class _Answers:
    """Stands in for the engine's answer."""

    def __init__(self, decision: str, reasons: list[str], errors: list[str]) -> None:
        self.decision = type("D", (), {"value": decision})()
        self.diagnostics = type("G", (), {"reasons": reasons, "errors": errors})()


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        ("no decision", _Answers("NoDecision", [], [])),
        ("an error beside an Allow", _Answers("Allow", ["1/1"], ["1/1 failed"])),
        ("an unknown policy", _Answers("Allow", ["9/9"], [])),
        ("an Allow without a reason", _Answers("Allow", [], [])),
        ("a denial with a reason", _Answers("Deny", ["1/1"], [])),
    ],
)
def test_an_unclean_answer_is_an_error(
    case: str, answer: _Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert case
    asked = engine(when("context.recognised"))

    def ask(requests: list[object], *_: object) -> list[_Answers]:
        return [answer for _ in requests]

    monkeypatch.setattr("foedus.release.cedar.cedarpy.is_authorized_batch", ask)
    with pytest.raises(EngineError):
        asked.satisfied(QUESTION)
    with pytest.raises(EngineError):
        asked.confirm(ArticleId("1"), QUESTION)


@pytest.mark.parametrize("failure", [ValueError, KeyError, TypeError, RuntimeError, RecursionError])
def test_an_exception_of_the_engine_is_an_error(
    failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = engine(when("context.recognised"))

    def ask(*_: object) -> list[object]:
        raise failure("broken")

    monkeypatch.setattr("foedus.release.cedar.cedarpy.is_authorized_batch", ask)
    with pytest.raises(EngineError, match="the engine failed"):
        asked.satisfied(QUESTION)


def test_an_engine_that_loses_a_question_denies_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = engine(when("context.recognised"))
    monkeypatch.setattr("foedus.release.cedar.cedarpy.is_authorized_batch", lambda *_: [])
    with pytest.raises(EngineError):
        asked.satisfied(QUESTION)


def test_every_entity_of_a_question_exists_and_the_schema_is_given_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[set[str], object]] = []
    genuine = cedarpy.is_authorized_batch

    def ask(requests: list[Any], policies: Any, entities: Any, schema: Any) -> Any:
        uids = {each["uid"]["id"] for each in json.loads(str(entities))}
        for request in requests:
            assert request["principal"]["id"] in uids
            assert request["resource"]["id"] in uids
        seen.append((uids, schema))
        return genuine(requests, policies, entities, schema)

    monkeypatch.setattr("foedus.release.cedar.cedarpy.is_authorized_batch", ask)
    engine(when("context.recognised")).satisfied(QUESTION)
    ((uids, schema),) = seen
    assert uids >= {"XA", "XB", "class 1"}
    assert schema is not None


def test_a_context_is_one_dictionary_serialised() -> None:
    keys: list[str] = []

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        keys.extend(key for key, _ in found)
        return dict(found)

    text = cedar._request(QUESTION)["context"]
    assert isinstance(text, str)
    context = json.loads(text, object_pairs_hook=pairs)
    assert len(context) == 9
    assert keys.count("purpose") == 1


def test_what_fails_is_told_by_its_parts_and_guards_stay_with_what_they_guard() -> None:
    text = when("context.recognised && !resource.personal && context.onward")
    guarded = when("resource has expiry && resource.expiry > context.now")
    asked = engine(text + guarded)
    held = asked.parts_held(QUESTION)
    assert asked.lacking(PolicyId("1/1"), held) == ("context.onward",)
    assert len(asked.lacking(PolicyId("1/2"), held)) == 1


def test_parsed_entities_are_bounded(world: World) -> None:
    asked = engine(when("context.recognised"))
    for number in range(cedar.MAX_ENTITY_SETS + 5):
        asked.satisfied(replace(QUESTION, resource=replace(CLASS, key=f"c{number}")))
    assert len(asked._entity_sets) == cedar.MAX_ENTITY_SETS
    assert world.compiled.engine.policies[0] == "1/1"


def test_only_one_module_imports_the_engine() -> None:
    source = Path(cedar.__file__).parents[1]
    importers = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if "import cedarpy" in path.read_text(encoding="utf-8")
    }
    assert importers == {"release/cedar.py"}
