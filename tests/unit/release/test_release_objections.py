"""Objections one by one: what each names, and what would remove it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import ArticleId, MemberId
from foedus.release.decide import ReasonKind, Verdict
from foedus.release.facts import AssertedFacts, LinkFacts
from foedus.release.gate import Candidate

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
UNKNOWN = "marking-definition--11111111-2222-4333-8444-555555555555"

REMOVABLE: list[tuple[str, dict[str, Any], dict[str, Any], ReasonKind, str]] = [
    ("nobody was heard", {}, {"stale": True}, ReasonKind.LINK, "XB is heard from again"),
    (
        "nothing binds the two",
        {},
        {"binds": False, "why_not": "the treaty is not in force"},
        ReasonKind.LAW,
        "Small Treaty binds both",
    ),
    (
        "the article is reserved",
        {},
        {"reserved": {"6": (XC,)}},
        ReasonKind.RESERVATION,
        "XC withdraws the reservation of article 6",
    ),
    (
        "the terms name no treaty",
        {"treaties": frozenset()},
        {},
        ReasonKind.TREATY,
        "the originator puts the item under this treaty",
    ),
    (
        "the terms name another purpose",
        {"purposes": frozenset({"investigation"})},
        {},
        ReasonKind.PURPOSE,
        "the originator adds the purpose prevention",
    ),
    (
        "nobody examined it",
        {"neutrality": None},
        {},
        ReasonKind.NEUTRALITY,
        "a named officer reviews it and records the reason",
    ),
]


@pytest.mark.parametrize(
    ("terms", "law", "kind", "change"),
    [row[1:] for row in REMOVABLE],
    ids=[row[0] for row in REMOVABLE],
)
def test_an_objection_says_what_would_remove_it(
    world: World, terms: dict[str, Any], law: dict[str, Any], kind: ReasonKind, change: str
) -> None:
    changes = dict(law)
    link = LinkFacts(fresh=not changes.pop("stale", False), why="nothing came")
    decision = world.decide(
        world.facts(world.terms(**terms)),
        law=world.law(**changes),
        link=link,
        article=ArticleId("6"),
    )
    assert decision.verdict is Verdict.DENY
    assert change in [reason.change for reason in decision.reasons if reason.kind is kind]


def test_a_marking_nobody_knows_waits_for_its_definition(world: World) -> None:
    facts = world.facts(obj=world.obj(object_marking_refs=[UNKNOWN]))
    (reason,) = world.decide(facts, article=ArticleId("6")).reasons
    assert (reason.kind, reason.ref) == (ReasonKind.MARKING, UNKNOWN)
    assert reason.change == "the marking's definition is obtained and understood"


def test_sender_and_recipient_are_two_whatever_the_law_says(world: World) -> None:
    """Even a law that claimed to bind a member to itself would not release to itself."""
    decision = world.decide(law=world.law(recipient=XA), recipient=XA, article=ArticleId("6"))
    assert [reason.text for reason in decision.reasons] == ["sender and recipient are the same"]


def test_what_is_said_to_be_passed_on_is_so_whoever_is_named(world: World) -> None:
    """The fact alone is enough, though sender, originator and terms name one member."""
    facts = replace(world.facts(), onward=True, received_under=world.treaty)
    decision = world.decide(facts, article=ArticleId("6"))
    assert decision.verdict is Verdict.NEEDS_CONSENT


def test_offences_nobody_wrote_down_are_told_in_order(world: World) -> None:
    offence = "; ".join(sorted(("zeal", "heresy", "gossip", "sloth", "envy", "wrath")))
    decision = world.decide(world.facts(world.terms(offence=offence)), article=ArticleId("6"))
    told = [each.ref for each in decision.reasons if each.kind is ReasonKind.MISSING_FACT]
    assert told == ["envy", "gossip", "heresy", "sloth", "wrath", "zeal"]


def test_consents_that_run_out_on_different_days_make_one_batch(world: World) -> None:
    """When a consent runs out is not stated, so it parts no batch."""
    terms = world.terms(originator=XC)
    candidates = [
        Candidate(
            handle=handle,
            obj=world.indicator(handle),
            facts=world.facts(terms, obj=world.indicator(handle), received_under=world.treaty),
            asserted=AssertedFacts(consent=True, consent_until=world.now + timedelta(days=handle)),
        )
        for handle in (1, 2)
    ]
    outcome = world.gate().release(
        candidates,
        recipient=XB,
        law=world.law(),
        link=LinkFacts(fresh=True),
        purpose="prevention",
        at=world.now,
    )
    (batch,) = outcome.batches
    assert [item.handle for item in batch.items] == [1, 2]
    assert batch.asserted == AssertedFacts(consent=True)


def test_what_is_overdue_or_lacking_says_who_could_mend_it(world: World) -> None:
    late = world.terms(expiry=world.now, review=world.now)
    told = {one.ref: one.change for one in world.decide(world.facts(late)).reasons}
    assert told["the item expired"] == "the originator issues it anew"
    assert told["its review is overdue"] == "the originator reviews it"
    bare = replace(world.facts(world.terms(purposes=frozenset(), legal_basis="")), personal=True)
    lacking = {
        one.ref: one.change
        for one in world.decide(bare).reasons
        if one.kind is ReasonKind.PERSONAL_DATA
    }
    assert lacking == {
        what: f"the originator gives {what}"
        for what in ("a purpose", "a legal basis", "a category of person", "a review date")
    }


def test_an_instant_without_a_zone_is_denied_and_compared_with_nothing(world: World) -> None:
    dated = world.terms(expiry=world.now + timedelta(days=9), review=world.now + timedelta(days=9))
    decision = world.decide(world.facts(dated), at=world.now.replace(tzinfo=None))
    assert decision.verdict is Verdict.DENY
    assert "the instant has no time zone" in [reason.text for reason in decision.reasons]
    assert decision.valid_until is None


def test_a_law_that_binds_not_and_says_not_why_is_told_in_words(world: World) -> None:
    told = [one.text for one in world.decide(law=world.law(binds=False)).reasons]
    assert told[0] == "the treaty does not bind both"
    told = [one.text for one in world.decide(law=world.law(binds=False, why_not="No.")).reasons]
    assert told[0] == "No."
