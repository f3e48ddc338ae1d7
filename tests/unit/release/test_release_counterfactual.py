"""The smallest change that frees a verdict, each confirmed by deciding again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import ArticleId, MemberId
from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson, HandlingCondition
from foedus.release.counterfactual import Change, StepKind, smallest_changes
from foedus.release.decide import Verdict
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
FRESH = LinkFacts(fresh=True)
DAY = timedelta(days=1)


def changes_of(world: World, facts: ItemFacts | None = None, **more: Any) -> tuple[Change, ...]:
    law = more.pop("law", None) or world.law()
    link = more.pop("link", FRESH)
    asserted = more.pop("asserted", AssertedFacts())
    obj = more.pop("obj", None)
    question = world.question(**more)
    return smallest_changes(question, facts or world.facts(), asserted, law, link=link, obj=obj)


def told(changes: tuple[Change, ...]) -> list[list[tuple[str, str]]]:
    return [[(step.kind.value, step.ref) for step in each.steps] for each in changes]


def test_what_may_leave_needs_no_change(world: World) -> None:
    assert changes_of(world) == ()


@pytest.mark.parametrize(
    ("case", "terms", "question", "expected"),
    [
        ("neutrality", {"neutrality": None}, {}, ("neutrality", "XA")),
        ("a purpose", {}, {"purpose": "protection-of-life"}, ("purpose", "protection-of-life")),
        ("another purpose", {}, {"purpose": "protection-of-life"}, ("other-purpose", "prevention")),
        ("the marking", {"tlp": TLP.RED}, {}, ("tlp", "amber+strict")),
        ("the treaty", {"treaties": frozenset()}, {}, ("treaty", "")),
        ("the expiry", {"expiry": -DAY}, {}, ("expiry", "2027-02-22")),
        ("the review", {"review": -DAY}, {}, ("review", "2027-02-22")),
        ("the article", {"offence": "recruitment"}, {}, ("other-article", "6")),
        (
            "two persons",
            {"handling": frozenset({HandlingCondition.H3})},
            {},
            ("approval", "2"),
        ),
        ("the condition", {"handling": frozenset({HandlingCondition.H3})}, {}, ("handling", "H3")),
    ],
)
def test_one_change_is_named(
    world: World,
    case: str,
    terms: dict[str, Any],
    question: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    dated = {
        name: world.now + value if isinstance(value, timedelta) else value
        for name, value in terms.items()
    }
    facts = world.facts(world.terms(**dated))
    kind, ref = expected
    found = told(changes_of(world, facts, **question))
    assert [(kind, ref or world.treaty)] in found, (case, found)


def test_each_change_is_what_is_decided_with_it(world: World) -> None:
    facts = world.facts(world.terms(tlp=TLP.RED))
    [change] = [each for each in changes_of(world, facts) if each.steps[0].kind is StepKind.TLP]
    assert change.decision.verdict is Verdict.PERMIT
    assert change.text == "the originator lowers the marking to TLP:AMBER+STRICT"
    assert world.decide(facts).verdict is Verdict.DENY


def test_the_least_lowering_that_helps_is_told(world: World) -> None:
    facts = world.facts(world.terms(tlp=TLP.RED, offence="recruitment"))
    found = told(changes_of(world, facts, article=ArticleId("6")))
    assert found == [[("tlp", "amber")]]


def test_consent_of_the_originator(world: World) -> None:
    facts = world.facts(world.terms(originator=XC), received_under=world.treaty)
    assert told(changes_of(world, facts)) == [[("consent", "XC")]]


def test_a_stale_picture(world: World) -> None:
    link = LinkFacts(fresh=False, why="8 days")
    assert told(changes_of(world, link=link)) == [[("link", "XB")]]


@pytest.mark.parametrize(
    ("case", "link", "expected"),
    [
        ("our log", LinkFacts(fresh=True, witnessed=False), [("witness", "XA")]),
        ("its log", LinkFacts(fresh=True, forked=True), [("fork", "XB")]),
        ("our log", LinkFacts(fresh=True, own_fork=True), [("fork", "XA")]),
        ("both", LinkFacts(fresh=True, witnessed=False, forked=True), ["witness XA", "fork XB"]),
        ("silence too", LinkFacts(fresh=False, forked=True), ["link XB", "fork XB"]),
        (
            "everything",
            LinkFacts(fresh=False, witnessed=False, forked=True),
            ["link XB", "witness XA", "fork XB"],
        ),
    ],
)
def test_what_the_sender_owes(
    world: World, case: str, link: LinkFacts, expected: list[str | tuple[str, str]]
) -> None:
    wanted = [each if isinstance(each, tuple) else tuple(each.split()) for each in expected]
    [found] = changes_of(world, link=link)
    assert [(step.kind.value, step.ref) for step in found.steps] == wanted, case
    assert found.decision.verdict is Verdict.PERMIT


def test_a_reservation_of_one(world: World) -> None:
    law = world.law(reserved={"7": (XB,)})
    found = told(changes_of(world, law=law))
    assert [("reservation", "XB:7")] in found
    assert [("other-article", "6")] in found


def test_a_reservation_of_both_takes_both(world: World) -> None:
    facts = world.facts(world.terms(tlp=TLP.AMBER_STRICT))
    law = world.law(reserved={"7": (XA, XB)})
    found = told(changes_of(world, facts, law=law, article=None))
    assert [("tlp", "amber")] in found
    plain = told(changes_of(world, facts, law=world.law(reserved={"7": (XA, XB), "6": (XB,)})))
    assert [("reservation", "XA:7"), ("reservation", "XB:7")] in plain


def test_only_reservations_of_articles_that_permit_are_looked_at(world: World) -> None:
    law = world.law(reserved={"1": (XB,), "7": (XB,)})
    kinds = {step.ref for each in changes_of(world, law=law) for step in each.steps}
    assert "XB:1" not in kinds


def test_a_treaty_that_does_not_bind(world: World) -> None:
    law = world.law(
        binds=False,
        why_not="XB is not a party",
        articles=frozenset(),
        recognised=frozenset(),
        reserved={"7": (XB,)},
    )
    found = told(changes_of(world, law=law, article=ArticleId("6")))
    assert found == [[("binding", "XB")]]
    both = told(changes_of(world, law=law))
    assert [("reservation", "XB:7"), ("binding", "XB")] in [sorted(one)[::-1] for one in both]


def test_an_opposing_objection_is_withdrawn_by_whoever_made_it(world: World) -> None:
    law = world.law(
        binds=False,
        why_not="XB objects to a reservation of XA and opposes the treaty with it",
        opposed_by=(XB,),
        articles=frozenset(),
        recognised=frozenset(),
    )
    [change] = changes_of(world, law=law)
    assert [step.text for step in change.steps] == ["XB withdraws its objection"]
    law = world.law(
        binds=False,
        why_not="they oppose it",
        opposed_by=(XA, XB),
        articles=frozenset(),
        recognised=frozenset(),
    )
    [change] = changes_of(world, law=law)
    assert [step.text for step in change.steps] == ["XA and XB withdraw their objections"]


def test_an_offence_one_side_does_not_recognise(world: World) -> None:
    law = world.law(recognised=frozenset())
    assert [("recognition", "financing")] in told(changes_of(world, law=law))


def test_an_unknown_marking(world: World) -> None:
    marking = "marking-definition--11111111-1111-4111-8111-111111111111"
    facts = replace(world.facts(), unknown_markings=(marking,))
    assert told(changes_of(world, facts)) == [[("marking", marking)]]


def test_data_on_a_person_without_a_category(world: World) -> None:
    obj = world.identity()
    facts = world.facts(obj=obj)
    assert facts.personal
    assert not facts.terms.personal
    found = told(changes_of(world, facts))
    assert found[0][0][0] == "person"
    assert {step[0][1] for step in found} == {"suspect", "convicted", "contact"}


def test_an_item_without_the_property_that_names_a_person(world: World) -> None:
    obj = world.identity(
        identity_class="organization", name="Trade House", contact_information="a@pay.example"
    )
    terms = world.personal_terms(person=CategoryOfPerson.WITNESS)
    facts = world.facts(terms, obj=obj)
    found = told(changes_of(world, facts, obj=obj))
    assert [("without", "property:contact_information")] in found


def test_an_item_without_what_it_is_of_is_no_item(world: World) -> None:
    obj = world.identity()
    facts = world.facts(world.personal_terms(person=CategoryOfPerson.WITNESS), obj=obj)
    kinds = {step.kind for each in changes_of(world, facts, obj=obj) for step in each.steps}
    assert StepKind.WITHOUT not in kinds


def test_two_changes_where_no_single_one_helps(world: World) -> None:
    facts = world.facts(world.terms(neutrality=None, tlp=TLP.RED))
    found = changes_of(world, facts)
    assert told(found) == [[("neutrality", "XA"), ("tlp", "amber+strict")]]
    assert found[0].text.count(" and ") >= 1


def test_nothing_is_said_where_nothing_helps(world: World) -> None:
    assert changes_of(world, action="sell") == ()
    link = LinkFacts(fresh=False, why="8 days")
    terms = world.terms(neutrality=None, tlp=TLP.RED, purposes=frozenset(), treaties=frozenset())
    assert changes_of(world, world.facts(terms), link=link) == ()


def test_terms_that_cannot_be_are_not_offered(world: World) -> None:
    """Personal data without a purpose is no terms: no category is proposed, and none fails."""

    def kinds(facts: ItemFacts) -> set[StepKind]:
        found = changes_of(world, replace(facts, personal=True))
        return {step.kind for each in found for step in each.steps}

    assert StepKind.PERSON in kinds(world.facts()), "it is proposed where the terms have a purpose"
    bare = replace(world.terms(), purposes=frozenset())
    assert StepKind.PERSON not in kinds(world.facts(bare))
