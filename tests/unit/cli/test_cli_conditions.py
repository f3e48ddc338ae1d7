"""Conditions of rules, told to people."""

from __future__ import annotations

import pytest

from foedus.cli.conditions import condition_in_words


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("context.recognised", "an offence that both recognise"),
        ("!resource.personal", "no personal data"),
        (
            "if (resource has expiry) then (context.now < resource.expiry) else true",
            "an item that has not expired",
        ),
        ('resource.offence == "travel"', "the offence travel"),
        ('["financing", "support"].contains(resource.offence)', "the offence financing or support"),
        ('resource.tlp == "amber+strict"', "the marking TLP:AMBER+STRICT"),
        ('resource.person == "none"', "no person in it"),
        ('["suspect", "convicted"].contains(resource.person)', "a person as suspect or convicted"),
        ('context.purpose == "screening"', "the purpose screening"),
        ('context.kind == "sighting"', "an item of type sighting"),
        (
            '["a", "b", "c", "d", "e", "f", "g"].contains(context.kind)',
            "an item of type a, b, c, d, e or one of 2 others",
        ),
        ('resource.handling.contains("H1")', "handling condition H1"),
        ('!(resource.handling.contains("H3"))', "no handling condition H3"),
    ],
)
def test_a_condition_that_treaties_use_has_words(condition: str, words: str) -> None:
    assert condition_in_words(condition) == words


@pytest.mark.parametrize("condition", ["resource.invented", 'resource.new == "x"', "true", ""])
def test_any_other_condition_is_shown_as_it_is_written(condition: str) -> None:
    assert condition_in_words(condition) == condition


def test_a_long_condition_is_cut() -> None:
    told = condition_in_words("context.consent || " * 40)
    assert told.endswith("…")
    assert len(told) < 80
