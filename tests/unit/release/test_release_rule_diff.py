"""What changed in the machine rules, and whether an article lets through more or less."""

from __future__ import annotations

from pathlib import Path

import pytest

from foedus.release.rule_diff import Reach, RuleChanges, diff_rules
from foedus.treaty.parser import parse_treaty

RAW = (Path(__file__).parents[2] / "golden" / "release" / "small-treaty.md").read_text("utf-8")
HEAD = RAW.split("## Article 1 ")[0].replace('["6", "7", "8", "9"]', "[]")


def compared(old: str, new: str) -> RuleChanges | None:
    """Compare two bodies of rules of one article."""
    versions = [
        parse_treaty(f"{HEAD}## Article 1 — One\n\nWords.\n\n{_fenced(rules)}".encode())
        for rules in (old, new)
    ]
    found = diff_rules(*versions)
    assert len(found) <= 1
    return found[0] if found else None


def _fenced(rules: str) -> str:
    return f"```cedar\n{rules}\n```\n" if rules else ""


def permit(condition: str, before: str = "") -> str:
    scope = '(principal, action == Action::"disclose", resource)'
    return f"{before}permit {scope} when {{ {condition} }};"


def forbid(condition: str) -> str:
    return f"forbid (principal, action, resource) when {{ {condition} }};"


GREEN, AMBER = (
    f'["clear", {levels}].contains(resource.tlp)' for levels in ('"green"', '"green", "amber"')
)


@pytest.mark.parametrize(
    ("case", "old", "new", "reach"),
    [
        ("a wider list", permit(GREEN), permit(AMBER), Reach.WIDENS),
        ("a narrower list", permit(AMBER), permit(GREEN), Reach.NARROWS),
        ("another flag", permit("context.onward"), permit("context.consent"), Reach.BOTH),
        ("said otherwise", permit(GREEN), permit(f"!(!{GREEN})"), Reach.SAME),
        ("a permit more", permit(GREEN), permit(GREEN) + permit(AMBER), Reach.WIDENS),
        ("a permit less", permit(GREEN) + permit("context.onward"), permit(GREEN), Reach.NARROWS),
        ("no permit left", permit(GREEN), "", Reach.NARROWS),
        ("a prohibition more", "", forbid("context.onward"), Reach.NARROWS),
        ("a prohibition less", forbid("context.onward"), "", Reach.WIDENS),
        (
            "a stricter prohibition",
            forbid("context.onward"),
            forbid("context.onward || context.consent"),
            Reach.NARROWS,
        ),
        (
            "too much to examine",
            permit("context.onward"),
            permit(" || ".join(f'context.now == datetime("20{y}-01-01")' for y in range(30, 50))),
            Reach.UNKNOWN,
        ),
        ("a form unknown", permit(GREEN), permit("resource == resource"), Reach.UNKNOWN),
        (
            "a permit became a prohibition",
            permit("context.onward"),
            forbid("context.onward"),
            Reach.NARROWS,
        ),
    ],
)
def test_reach(case: str, old: str, new: str, reach: Reach) -> None:
    assert case
    found = compared(old, new)
    assert found is not None
    assert found.reach is reach


@pytest.mark.parametrize(
    ("case", "old", "new", "burden", "words"),
    [
        ("shorter", '@retain("P365D")', '@retain("P180D")', "tighter", "keep 365 days → 180 days"),
        ("longer", '@retain("P1D")', '@retain("P2D")', "looser", "keep 1 day → 2 days"),
        ("no limit", '@retain("P1D")', "", "looser", "keep 1 day → without limit"),
        ("approval", "", '@approvals("1")', "tighter", "approvals 0 → 1"),
        ("removes", "", '@redact("kind:iban")', "tighter", "now removes kind:iban"),
        ("keeps", '@redact("kind:iban")', "", "looser", "no longer removes kind:iban"),
        (
            "shorter here, longer there",
            '@retain("P2D") @acknowledge("P1D")',
            '@retain("P1D") @acknowledge("P2D")',
            "otherwise",
            "acknowledge within 1 day → 2 days",
        ),
    ],
)
def test_obligations(case: str, old: str, new: str, burden: str, words: str) -> None:
    assert case
    found = compared(permit(GREEN, f"{old} "), permit(GREEN, f"{new} "))
    assert found is not None
    assert (found.burden, found.reach) == (burden, Reach.SAME)
    assert any(words in each for each in found.changes)


def test_what_changed_is_told_part_by_part() -> None:
    found = compared(
        permit(f"context.recognised && {GREEN}"),
        'permit (principal == Member::"XB", action in [Action::"disclose", Action::"query"], '
        f"resource) when {{ context.recognised && {AMBER} }};",
    )
    assert found is not None
    assert found.changes == (
        "rule 1/1: no longer asks: the action is disclose",
        'rule 1/1: no longer asks: ["clear", "green"].contains(resource.tlp)',
        "rule 1/1: now asks: the action is disclose or query",
        "rule 1/1: now asks: the recipient is XB",
        'rule 1/1: now asks: ["clear", "green", "amber"].contains(resource.tlp)',
    )
    assert found.reach is Reach.BOTH


def test_rules_are_told_when_they_come_and_go() -> None:
    added = compared("", "forbid (principal, action, resource);")
    assert added is not None
    assert added.changes == ("prohibition 1/1 was added: on whatever is asked",)
    gone = compared(permit(GREEN), "")
    assert gone is not None
    assert gone.changes == ("permit 1/1 was removed",)


def test_a_rule_that_moved_is_the_same() -> None:
    one, other = permit(GREEN), permit("context.onward")
    assert compared(one + other, other + one) is None
    again = compared(
        permit("context.onward || context.consent"), permit("context.consent || context.onward")
    )
    assert again is not None
    assert again.reach is Reach.SAME
    turned = compared(
        permit("context.onward && context.consent"), permit("context.consent && context.onward")
    )
    assert turned is not None
    assert turned.changes == ("rule 1/1: its conditions stand otherwise",)


def test_a_duty_is_compared_by_what_it_asks() -> None:
    one = permit("context.onward", '@duty("one") @retain("P1D") ')
    renamed = compared(one, one.replace("one", "another"))
    assert renamed is not None
    assert renamed.changes == ("rule 1/1: the duty was “one” and is “another”",)
    wider = compared(one, one.replace("context.onward", "context.onward || context.consent"))
    assert wider is not None
    assert (wider.reach, wider.burden) == (Reach.SAME, "otherwise")
    gone = compared(one, "")
    assert gone is not None
    assert gone.burden == "looser"
    new = compared("", one)
    assert new is not None
    assert new.burden == "tighter"


def test_two_obligations_that_went_apart_are_otherwise() -> None:
    old = permit(GREEN, '@retain("P2D") ') + permit("context.onward", '@retain("P2D") ')
    new = permit(GREEN, '@retain("P1D") ') + permit("context.onward", '@retain("P3D") ')
    found = compared(old, new)
    assert found is not None
    assert found.burden == "otherwise"
