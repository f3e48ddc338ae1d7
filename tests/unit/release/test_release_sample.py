"""The sample convention compiles, and decides a score of situations as its words say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import MemberId
from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson, HandlingCondition, SourceGrade
from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.facts import AssertedFacts
from foedus.signing.keys import PublicKey
from foedus.treaty.articles import Party
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.parser import parse_treaty

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
FINANCING: dict[str, Any] = {"offence": "financing"}
PERSON: dict[str, Any] = {
    "personal": True,
    "person": CategoryOfPerson.SUSPECT,
    "review": NOW + timedelta(days=100),
}
LIFE: dict[str, Any] = {"purposes": frozenset({"protection-of-life"})}


@lru_cache(maxsize=1)
def sample() -> CompiledTreaty:
    parties = [
        Party(member=member, name=member, authority=PublicKey(bytes([n]) * 32).fingerprint)
        for n, member in enumerate((XA, XB, XC, MemberId("XD")))
    ]
    # Of four members none may lie, if those who do not are to be a quorum by themselves.
    text = sample_text().replace(b"liars = 1", b"liars = 0")
    filled = fill_parties(text, parties, exercise=True, depositary=XA)
    return compile_treaty(parse_treaty(filled))


def test_the_sample_convention_compiles() -> None:
    made = sample()
    assert tuple(made.by_article) == ("6", "7", "8", "9", "10", "11", "12", "13", "14")
    assert made.duties
    assert made.forbids


@pytest.mark.parametrize(
    ("situation", "terms", "given", "verdict", "article"),
    [
        ("a technical sign goes out", {}, {}, "permit", None),
        (
            "its article is reserved",
            {},
            {"reserved": {"6": (XB,)}, "kind": "malware"},
            "permit",
            "8",
        ),
        (
            "every article that could is reserved",
            {},
            {"reserved": {"6": (XB,), "8": (XC,)}},
            "deny",
            None,
        ),
        ("a technical sign nobody reviewed", {"neutrality": None}, {}, "deny", None),
        (
            "an offence the other does not recognise",
            {},
            {"recognised": frozenset({"travel"})},
            "deny",
            None,
        ),
        ("a sign marked amber+strict, on financing", {"tlp": TLP.AMBER_STRICT}, {}, "permit", "8"),
        ("a sign marked red", {"tlp": TLP.RED}, {}, "deny", None),
        ("a suspect financier", PERSON, {"kind": "identity"}, "permit", "8"),
        (
            "a suspect recruiter without documents",
            {**PERSON, "offence": "recruitment"},
            {"kind": "identity"},
            "permit-redacted",
            "7",
        ),
        (
            "a contact of a financier, not approved",
            {**PERSON, "person": CategoryOfPerson.CONTACT},
            {"kind": "identity"},
            "needs-approval",
            "8",
        ),
        (
            "a contact of a financier, approved",
            {**PERSON, "person": CategoryOfPerson.CONTACT},
            {"kind": "identity", "approvals": 1},
            "permit-redacted",
            "8",
        ),
        (
            "a returnee, not approved",
            {**PERSON, "offence": "travel"},
            {"kind": "identity"},
            "needs-approval",
            "10",
        ),
        (
            "a witness",
            {**PERSON, "person": CategoryOfPerson.WITNESS},
            {"kind": "identity"},
            "deny",
            None,
        ),
        (
            "a witness whose life is in danger",
            {**PERSON, **LIFE, "person": CategoryOfPerson.WITNESS},
            {"kind": "identity", "purpose": "protection-of-life", "threat_to_life": True},
            "permit",
            "14",
        ),
        ("a review overdue", {**PERSON, "review": NOW}, {"kind": "identity"}, "deny", None),
        ("another's item without consent", {"originator": XC}, {}, "needs-consent", None),
        ("another's item with consent", {"originator": XC}, {"consent": True}, "permit", None),
        (
            "another's item marked amber+strict, with consent",
            {"originator": XC, "tlp": TLP.AMBER_STRICT},
            {"consent": True},
            "deny",
            None,
        ),
        (
            "an entry of a published list",
            {**PERSON, "tlp": TLP.CLEAR, "purposes": frozenset({"screening"})},
            {"kind": "identity", "purpose": "screening"},
            "permit-redacted",
            "11",
        ),
        (
            "a suspect on a screening list, not approved",
            {**PERSON, "purposes": frozenset({"screening"})},
            {"kind": "identity", "purpose": "screening", "action": "screen"},
            "needs-approval",
            "12",
        ),
        (
            "a suspect from a poor source on a screening list",
            {**PERSON, "purposes": frozenset({"screening"}), "source": SourceGrade.X},
            {"kind": "identity", "purpose": "screening", "action": "screen", "approvals": 1},
            "deny",
            None,
        ),
        (
            "a sighting of the recipient's own item",
            {"offence": "travel"},
            {"kind": "sighting", "concerns": True, "reserved": {"10": (XA,)}},
            "permit",
            "13",
        ),
        (
            "a sighting goes out as feedback, whatever else is in force",
            FINANCING,
            {"kind": "sighting", "concerns": True},
            "permit",
            "13",
        ),
        (
            "who reserves feedback gives none, under no other article",
            FINANCING,
            {"kind": "sighting", "concerns": True, "reserved": {"13": (XB,)}},
            "deny",
            None,
        ),
        (
            "a sighting of nobody's item",
            {"offence": "travel"},
            {"kind": "sighting", "reserved": {"10": (XA,)}},
            "deny",
            None,
        ),
        (
            "H3 not approved",
            {"handling": frozenset({HandlingCondition.H3})},
            {},
            "needs-approval",
            None,
        ),
        (
            "H1 for a prosecution",
            {"handling": frozenset({HandlingCondition.H1}), "purposes": frozenset({"prosecution"})},
            {"purpose": "prosecution"},
            "needs-consent",
            "8",
        ),
        ("an item in earnest under an exercise", {"exercise": False}, {}, "deny", None),
    ],
)
def test_situations(
    world: World,
    situation: str,
    terms: dict[str, Any],
    given: dict[str, Any],
    verdict: str,
    article: str | None,
) -> None:
    assert situation
    compiled = sample()
    treaty = compiled.treaty.id
    used = world.terms(**{**FINANCING, "treaties": frozenset({treaty}), **terms})
    facts = replace(
        world.facts(
            used,
            received_under=None if used.originator == XA else treaty,
            concerns_recipient=given.get("concerns", False),
        ),
        kind=given.get("kind", "indicator"),
    )
    law = {name: given[name] for name in ("reserved", "recognised") if name in given}
    decision = world.decide(
        facts,
        law=world.law(compiled=compiled, **law),
        asserted=AssertedFacts(
            consent=given.get("consent", False),
            threat_to_life=given.get("threat_to_life", False),
            approvals=given.get("approvals", 0),
        ),
        treaty=treaty,
        article=None,
        purpose=given.get("purpose", "prevention"),
        action=given.get("action", "disclose"),
    )
    assert decision.verdict == verdict, decision
    if article is not None:
        assert decision.article == article
