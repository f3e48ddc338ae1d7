"""What a treaty's machine rules may say, and how they are read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.model.identifiers import ArticleId, PolicyId
from foedus.release.cedar import parse_block
from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.errors import CompileFaults
from foedus.release.monotone import Direction, direction_of
from foedus.release.obligations import Obligations
from foedus.treaty.parser import parse_treaty

if TYPE_CHECKING:
    from tests.unit.release.conftest import World


def compiled(world: World, body: str, *, reservable: bool = False) -> CompiledTreaty:
    return compile_treaty(parse_treaty(treaty(world, body, reservable=reservable)))


def treaty(world: World, body: str, *, reservable: bool = False) -> bytes:
    head = world.compiled.treaty.raw.decode().split("## Article 1 ")[0]
    numbers = '["1"]' if reservable else "[]"
    head = head.replace('["6", "7", "8", "9"]', numbers)
    return f"{head}## Article 1 — Only one\n\nWords.\n\n```cedar\n{body}\n```\n".encode()


def reasons(world: World, body: str, *, reservable: bool = False) -> str:
    with pytest.raises(CompileFaults) as caught:
        compiled(world, body, reservable=reservable)
    assert all(fault.article == "1" for fault in caught.value.faults)
    return str(caught.value)


def permit(condition: str) -> str:
    return f"permit (principal, action, resource) when {{ {condition} }};"


def forbid(condition: str, word: str = "when") -> str:
    return f"forbid (principal, action, resource) {word} {{ {condition} }};"


def test_the_small_treaty_compiles(world: World) -> None:
    made = world.compiled
    assert tuple(made.by_article) == ("6", "7", "8", "9", "10")
    assert made.by_article[ArticleId("7")] == ("7/1", "7/2")
    assert made.permits[PolicyId("7/2")] == Obligations(
        redact=frozenset({"kind:document", "property:contact_information"})
    )
    assert made.duties[PolicyId("4/1")].text == "keep personal data for one year at most"
    assert made.duties[PolicyId("4/1")].obligations.retain == timedelta(days=365)
    assert made.forbids == ("1/1", "2/1", "3/1", "5/2")
    assert made.mentions.consent
    assert len(made.mentions.instants) == 1


@pytest.mark.parametrize(
    ("case", "body", "part"),
    [
        ("arithmetic", permit("1 + 1 == 2"), "operator"),
        ("arithmetic that overflows", permit("9223372036854775807 * 2 > 1"), "operator"),
        (
            "a number",
            permit('context.recognised == (1 == 1) && resource.tlp == "red" || 1 == 2'),
            "number",
        ),
        ("a pattern", permit('context.kind like "mal*"'), "operator"),
        ("a record", permit("{a: context.onward}.a"), "operator"),
        ("an address", permit('ip("192.0.2.1").isIpv4()'), "operator"),
        ("an age", permit('context.now.offset(duration("1d")) > context.now'), "operator"),
        ("a tag", permit('resource.hasTag("x")'), ""),
        ("a hierarchy", permit('principal in Member::"XA"'), "operator"),
        ("always false", permit("false"), "same for every item"),
        ("always true", permit("true"), "same for every item"),
        ("a part that is always false", permit("context.onward && false"), "never changes"),
        ("a part that compares literals", permit('context.onward && "a" == "b"'), "never changes"),
        ("a literal that is not ASCII", permit('context.kind == "\\u{43f}"'), "not ASCII"),
        ("a member that is no party", permit('principal == Member::"ZZ"'), "annex"),
        ("a member that looks like a party", permit('principal == Member::"XA "'), "annex"),
        ("a single class of terms", 'permit (principal, action, resource == Terms::"x");', "scope"),
        (
            "a recipient in a group",
            'permit (principal in Member::"XA", action, resource);',
            "scope",
        ),
        ("a misspelt level", permit('resource.tlp == "gren"'), "word of resource.tlp"),
        ("a misspelt level in a set", permit('["clear", "gren"].contains(resource.tlp)'), "word"),
        ("a purpose the treaty lacks", permit('context.purpose == "trade"'), "context.purpose"),
        ("an offence the treaty lacks", permit('resource.offence == "spying"'), "offence"),
        ("a category of person", permit('resource.person == "vip"'), "person"),
        ("a handling condition", permit('!resource.handling.contains("H9")'), "handling"),
        ("a kind that is no type", permit('context.kind == "In Dicator"'), "STIX type"),
        ("an unguarded date", permit("resource.expiry > context.now"), "optional"),
        ("an unknown action", 'permit (principal, action == Action::"sell", resource);', "action"),
        ("an unknown annotation", '@secret("x") ' + permit("context.onward"), "not an annotation"),
        ("an id of its own", '@id("x") ' + permit("context.onward"), "not an annotation"),
        ("a bare redact", "@redact " + permit("context.onward"), "without a value"),
        ("an empty redact", '@redact(" ") ' + permit("context.onward"), "without a value"),
        ("redact what is no target", '@redact("name") ' + permit("context.onward"), "neither"),
        ("redact an unknown kind", '@redact("kind:soul") ' + permit("context.onward"), "kind of"),
        ("redact the id", '@redact("property:id") ' + permit("context.onward"), "never removed"),
        (
            "redact the markings",
            '@redact("property:object_marking_refs") ' + permit("context.onward"),
            "never removed",
        ),
        ("a duration Cedar would take", '@retain("180d") ' + permit("context.onward"), "duration"),
        ("a month", '@retain("P1M") ' + permit("context.onward"), "duration"),
        (
            "no time at all",
            '@acknowledge("P0D") ' + permit("context.onward"),
            "longer than nothing",
        ),
        ("three approvals", '@approvals("3") ' + permit("context.onward"), "1 to 2"),
        ("a bare duty", "@duty " + permit("context.onward"), "does not say"),
        (
            "a prohibition with obligations",
            '@retain("P1D") forbid (principal, action, resource);',
            "no annotation",
        ),
        ("no rule at all", "// nothing", "no rule"),
        ("no Cedar", "permit all", "not Cedar"),
    ],
)
def test_a_rule_is_refused(world: World, case: str, body: str, part: str) -> None:
    assert case
    assert part in reasons(world, body)


@pytest.mark.parametrize(
    ("case", "body"),
    [
        ("a permit above a level", permit('["amber", "red"].contains(resource.tlp)')),
        ("a permit at one level in between", permit('resource.tlp == "amber"')),
        ("a permit but for clear", permit('resource.tlp != "clear"')),
        ("a permit that needs a condition", permit('resource.handling.contains("H1")')),
        ("a permit that lacks a purpose", permit('!resource.purposes.contains("prevention")')),
        ("a permit for few purposes", permit('["prevention"].containsAll(resource.purposes)')),
        (
            "a permit unless unmarked",
            permit("context.recognised")[:-1] + ' unless { resource.tlp == "clear" };',
        ),
        ("a permit for any two alike", permit("resource.handling == resource.purposes")),
        (
            "a prohibition below a level",
            forbid('["clear", "green"].contains(resource.tlp)'),
        ),
        (
            "a prohibition of one level",
            forbid('resource.tlp == "amber+strict"'),
        ),
        (
            "a prohibition unless handled",
            forbid('resource.handling.contains("H1")', word="unless"),
        ),
        (
            "a duty for clear only",
            '@duty("x") @retain("P1D") ' + permit('resource.tlp == "clear"'),
        ),
        (
            "a choice by level",
            permit('if resource.tlp == "clear" then context.onward else context.consent'),
        ),
    ],
)
def test_a_rule_that_could_widen_is_refused(world: World, case: str, body: str) -> None:
    assert case
    assert "would widen" in reasons(world, body)


@pytest.mark.parametrize(
    ("case", "body"),
    [
        ("up to a level", permit('["clear", "green"].contains(resource.tlp)')),
        (
            "any level",
            permit('["clear", "green", "amber", "amber+strict", "red"].contains(resource.tlp)'),
        ),
        ("not red", permit('resource.tlp != "red"')),
        ("without a condition", permit('!resource.handling.contains("H1")')),
        ("without conditions", permit("resource.handling.isEmpty()")),
        ("with known conditions only", permit('["H0", "H1"].containsAll(resource.handling)')),
        ("for a purpose", permit("resource.purposes.contains(context.purpose)")),
        (
            "for any of two",
            permit('resource.purposes.containsAny(["prevention", "investigation"])'),
        ),
        (
            "a choice by fact",
            permit('if context.onward then resource.tlp == "clear" else resource.tlp != "red"'),
        ),
        (
            "a prohibition from a level",
            forbid('["amber+strict", "red"].contains(resource.tlp)'),
        ),
        (
            "a prohibition unless for a purpose",
            forbid("resource.purposes.contains(context.purpose)", word="unless"),
        ),
        ("a named recipient", 'permit (principal == Member::"XB", action, resource);'),
        ("a named sender", permit('context.sender == Member::"XA"')),
    ],
)
def test_a_rule_that_only_narrows_is_taken(world: World, case: str, body: str) -> None:
    assert case
    assert compiled(world, body).engine.policies == ("1/1",)


def test_every_fault_is_listed(world: World) -> None:
    body = (
        permit('resource.tlp == "gren"') + permit("false") + "@redact " + permit("context.onward")
    )
    with pytest.raises(CompileFaults) as caught:
        compiled(world, body)
    assert {fault.policy for fault in caught.value.faults} == {"1/1", "1/2", "1/3"}


@pytest.mark.parametrize(
    "body",
    [
        forbid("context.onward"),
        '@duty("x") @retain("P1D") permit (principal, action, resource) when { context.onward };',
    ],
)
def test_who_holds_a_prohibition_or_duty_admits_no_reservation(world: World, body: str) -> None:
    assert "admits no reservation" in reasons(world, body, reservable=True)


def test_a_duty_stands_apart_from_permits(world: World) -> None:
    body = '@duty("x") ' + permit("context.onward") + permit("context.consent")
    assert "article of its own" in reasons(world, body)


def test_what_a_treaty_looks_at_is_known(world: World) -> None:
    body = permit('principal == Member::"XB" && context.now < datetime("2030-01-01T12:00:00Z")')
    mentions = compiled(world, body).mentions
    assert [instant.isoformat() for instant in mentions.instants] == ["2030-01-01T12:00:00+00:00"]


def test_whole_terms_compared_go_either_way() -> None:
    (policy,) = parse_block(permit("resource has tlp"))
    assert direction_of(policy["conditions"][0]["body"]) is Direction.EITHER


def test_obligations_join_strictest_first() -> None:
    one = Obligations(redact=frozenset({"kind:email"}), retain=timedelta(days=9), approvals=1)
    two = Obligations(redact=frozenset({"kind:phone"}), retain=timedelta(days=3))
    both = one.join(two)
    assert both == Obligations(
        redact=frozenset({"kind:email", "kind:phone"}), retain=timedelta(days=3), approvals=1
    )
    assert both == two.join(one)
    assert both.covers(one)
    assert both.covers(two)
    assert not one.covers(two)
    assert both.document() == {
        "redact": ["kind:email", "kind:phone"],
        "retain_s": 259_200,
        "acknowledge_s": None,
        "approvals": 1,
    }
