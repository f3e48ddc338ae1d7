"""What is remembered of the engine's answers is what it would answer; what is "never" never is."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.model.identifiers import MemberId, PolicyId
from foedus.release.breadth import words_of
from foedus.release.cedar import EngineClass, EngineQuestion, PolicyEngine, parse_block
from foedus.release.compile import CompiledTreaty, assemble
from foedus.release.errors import EngineError
from foedus.release.evaluation import Evaluator
from foedus.release.rules import read_rules
from foedus.release.satisfy import Goal, Space
from foedus.treaty.parser import parse_treaty

SMALL = Path(__file__).parents[1] / "golden" / "release" / "small-treaty.md"
MOMENT = datetime(2027, 1, 1, tzinfo=UTC)
MOMENTS = st.sampled_from(
    [MOMENT + timedelta(microseconds=each) for each in (-90_000_000, -1, 0, 1, 999, 1_000, 90_000)]
)
ATOMS = (
    "context.onward",
    "context.consent == context.recognised",
    "!context.concerns_recipient",
    "resource.personal",
    'resource.tlp == "green"',
    '["amber+strict", "red"].contains(resource.tlp)',
    'resource.person != "none"',
    '["A", "B"].contains(resource.source)',
    '"2" == resource.information',
    'resource.handling.contains("H1")',
    'resource.handling.containsAny(["H1", "H2"])',
    'resource.handling.containsAll(["H2", "H3"])',
    '["H0", "H1"].containsAll(resource.handling)',
    "resource.handling.isEmpty()",
    "resource.purposes.contains(context.purpose)",
    'resource.purposes == ["prevention"]',
    '["prevention", "investigation"].contains(context.purpose)',
    "principal == resource.originator",
    "context.sender == resource.originator",
    'principal == Member::"XB"',
    "(if resource has expiry then context.now < resource.expiry else context.onward)",
    "resource has review && context.now >= resource.review",
    "resource has review && resource has expiry && resource.review <= resource.expiry",
    'context.now == datetime("2027-01-01")',
    'datetime("2027-01-01T00:00:00.001Z") > context.now',
    '["indicator", "file"].contains(context.kind)',
    "[context.kind].contains(resource.offence)",
    'action == Action::"screen"',
    "(if context.onward then resource else resource).exercise",
)


@lru_cache(maxsize=1)
def every_atom() -> CompiledTreaty:
    """Return a treaty each rule of which is one or two atoms."""
    pairs = zip(ATOMS, ATOMS[5:] + ATOMS[:5], strict=True)
    rules = [
        f'forbid (principal, action == Action::"disclose", resource) when {{ {one} && ({two}) }};'
        for one, two in pairs
    ]
    rules += [f"permit (principal, action, resource) when {{ {one} }};" for one in ATOMS]
    text = SMALL.read_text(encoding="utf-8")
    head = text.split("## Article 1 ")[0].replace('["6", "7", "8", "9"]', "[]")
    articles = "".join(
        f"## Article {number} — One\n\nWords.\n\n```cedar\n{rule}\n```\n\n"
        for number, rule in enumerate(rules, start=1)
    )
    treaty = parse_treaty((head + articles).encode())
    # Rules that may widen are faults in a treaty, and as good as others to be told apart here.
    return assemble(treaty, read_rules(treaty))


@st.composite
def questions(draw: st.DrawFn) -> EngineQuestion:
    members = st.sampled_from([MemberId("XA"), MemberId("XB"), MemberId("XC")])
    words = ("prevention", "investigation", "protection-of-life", "trade")
    attributes: dict[str, object] = {
        "purposes": sorted(draw(st.sets(st.sampled_from(words)))),
        "offence": draw(st.sampled_from(["financing", "recruitment", "file"])),
        "person": draw(st.sampled_from(["none", "suspect"])),
        "personal": draw(st.booleans()),
        "tlp": draw(st.sampled_from(["clear", "green", "amber", "amber+strict", "red"])),
        "handling": sorted(draw(st.sets(st.sampled_from(["H0", "H1", "H2", "H3"])))),
        "source": draw(st.sampled_from(["A", "B", "C"])),
        "information": draw(st.sampled_from(["1", "2"])),
        "neutral": draw(st.booleans()),
        "exercise": draw(st.booleans()),
    }
    for name in ("review", "expiry"):
        if draw(st.booleans()):
            attributes[name] = draw(MOMENTS)
    originator = draw(members)
    flags = {
        name: draw(st.booleans())
        for name in ("onward", "consent", "recognised", "concerns_recipient", "threat_to_life")
    }
    return EngineQuestion(
        resource=EngineClass(
            key=f"{originator} {sorted((k, str(v)) for k, v in attributes.items())}",
            originator=originator,
            attributes=attributes,
        ),
        recipient=draw(members),
        sender=draw(members),
        action=draw(st.sampled_from(["disclose", "screen", "query"])),
        purpose=draw(st.sampled_from(words)),
        now=draw(MOMENTS),
        kind=draw(st.sampled_from(["indicator", "file", "malware"])),
        **flags,
    )


MEMORY = Evaluator()


@settings(max_examples=150, deadline=None)
@given(asked=questions())
def test_what_is_remembered_is_what_the_engine_answers(asked: EngineQuestion) -> None:
    compiled = every_atom()
    seen = MEMORY.about(compiled, asked)
    assert seen.satisfied() == compiled.engine.satisfied(asked)
    held = compiled.engine.parts_held(asked)
    for article, permits in compiled.by_article.items():
        lacking = [reason.change for reason in seen.lacking(article)[1:]]
        fewest = min((compiled.engine.lacking(each, held) for each in permits), key=len)
        assert lacking == list(fewest)


CONDITIONS = st.recursive(
    st.sampled_from(ATOMS).map(lambda each: f"({each})"),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" && ".join).map(lambda each: f"({each})"),
        st.tuples(inner, inner).map(" || ".join).map(lambda each: f"({each})"),
        inner.map(lambda each: f"(!{each})"),
    ),
    max_leaves=4,
)
EXAMINED = tuple(each for each in ATOMS if "then resource" not in each and "[context" not in each)


@settings(max_examples=80, deadline=None)
@given(
    condition=CONDITIONS.filter(lambda each: "then resource" not in each and "[con" not in each),
    asked=st.lists(questions(), min_size=8, max_size=8),
)
def test_what_holds_once_is_possible(condition: str, asked: list[EngineQuestion]) -> None:
    (policy,) = parse_block(f"permit (principal, action, resource) when {{ {condition} }};")
    words = words_of(parse_treaty(SMALL.read_bytes()))
    engine = PolicyEngine({PolicyId("1/1"): policy}, duties=frozenset())
    listed = []
    for question in asked:
        with suppress(EngineError):
            if question.purpose != "trade":
                listed.append(engine.satisfied(question))
    space = Space([policy], words, budget=50_000)
    assert space.possible([Goal(policy)]) or not any(listed)
    assert space.possible([Goal(policy, value=False)]) or all(listed)


@pytest.mark.parametrize("condition", EXAMINED)
def test_every_form_is_examined(condition: str) -> None:
    (policy,) = parse_block(f"permit (principal, action, resource) when {{ {condition} }};")
    space = Space([policy], words_of(parse_treaty(SMALL.read_bytes())), budget=50_000)
    assert space.possible([Goal(policy)])
    assert space.possible([Goal(policy, value=False)])
