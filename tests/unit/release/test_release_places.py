"""A fault of a machine rule points to the word it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from foedus.release.cedar import parse_block
from foedus.release.places import Block, first_unreadable
from foedus.release.rules import read_rules
from foedus.treaty.parser import read_treaty

SMALL = Path(__file__).parents[2] / "golden" / "release" / "small-treaty.md"


def faults_of(rule: str, *, reservable: bool = False) -> list[tuple[str, str, str]]:
    """Return of each fault the rule's id, the text it points to, and its reason."""
    text = SMALL.read_text(encoding="utf-8").split("## Article 1 ")[0]
    text = text.replace('["6", "7", "8", "9"]', '["1"]' if reservable else "[]")
    text += (
        f"## Article 1 — Only one\n\nWords.\n\n```cedar\n// A comment; and a sign.\n{rule}\n```\n"
    )
    reading = read_treaty(text.encode())
    assert reading.treaty is not None
    lines = text.split("\n")
    return [
        (fault.policy, lines[fault.line - 1][fault.column - 1 :], fault.reason)
        for fault in read_rules(reading.treaty).faults
    ]


def permit(condition: str) -> str:
    return f'permit (principal, action == Action::"disclose", resource)\nwhen {{ {condition} }};'


@pytest.mark.parametrize(
    ("rule", "word", "reason"),
    [
        (permit("resource.personl"), "personl", "did you mean personal or person?"),
        (permit("context.knd == context.kind"), "knd", "did you mean kind?"),
        (permit("resource.review > context.now"), "review", "optional attribute `review`"),
        (permit('resource.tlp == "gren"'), '"gren"', "did you mean green?"),
        (permit('context.purpose == "preventoin"'), '"preventoin"', "did you mean prevention?"),
        (permit("context.onward && true"), "true", "never changes"),
        (permit("true"), "true", "same for every item"),
        (permit('principal == Member::"ZZ"'), '"ZZ"', "not a member listed"),
        (permit('context.kind like "a*"'), "like", "not an operator"),
        (permit('"a" == "b" || context.onward'), "==", "compares only literals"),
        (permit('resource.tlp == "red"'), "tlp", "would widen"),
        ('@retian("P1D") ' + permit("context.onward"), "retian", "did you mean retain?"),
        ('@retain("5d") ' + permit("context.onward"), "retain", "not a duration"),
        ("@duty " + permit("context.onward"), "duty", "does not say"),
        ('@retain("P1D") forbid (principal, action, resource);', "@", "no annotation"),
        (
            'permit (principal, action == Action::"sell", resource);',
            '"sell"',
            "unrecognized action",
        ),
        (permit("context.onward &&& context.consent"), "& context.consent", "invalid token"),
        (permit("context.onward.maybe(1)"), "maybe", "not a valid method"),
        ("permit (principal, action)", ")", "not Cedar"),
        ('permit (principal, action, resource) when { "a }', '"a }', "not Cedar"),
        ("permit (principal, action, resource) when { context.a", "a", "not Cedar"),
    ],
)
def test_a_fault_points_to_its_word(rule: str, word: str, reason: str) -> None:
    found = [each for each in faults_of(rule) if reason in each[2]]
    assert found, faults_of(rule)
    assert found[0][1].startswith(word)


def test_of_several_rules_each_is_told() -> None:
    rules = "\n".join((permit("context.onward &&&"), permit("resource.foo"), permit("true")))
    found = faults_of(rules)
    assert [each[0] for each in found] == ["", "1/2", "1/3"]
    assert [each[1][:4] for each in found] == ["& };", "foo ", "true"]


def test_a_fault_of_an_article_points_to_its_heading() -> None:
    found = faults_of(
        "forbid (principal, action, resource) when { context.onward };", reservable=True
    )
    assert found[0][1].startswith("## Article 1")


def test_a_bound_that_is_passed_points_to_the_rule() -> None:
    many = " && ".join(["context.onward"] * 60)
    assert faults_of(permit(many))[0][1].startswith("permit")


def test_a_block_that_stands_in_no_file_has_no_places() -> None:
    block = Block("permit (principal, action, resource);", 0)
    assert block.place(0) == (0, 0)
    assert block.at(5) == (0, 0)


def test_a_policy_that_is_not_there_is_placed_at_the_beginning() -> None:
    assert Block("\n  // nothing", 7).place(3, ["x"]) == (7, 1)


@pytest.mark.parametrize("text", ["", "permit (", "permit (principal, action, resource);"])
def test_a_text_that_could_go_on_is_readable_to_its_end(text: str) -> None:
    last = text.rstrip().rfind(text[-1]) if text else 0
    assert first_unreadable(text, parse_block) == last
