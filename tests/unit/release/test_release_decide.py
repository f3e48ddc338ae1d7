"""Decisions on the small treaty, as a table; each rule of the decision fails closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.markings import TLP, TLP_MARKING_IDS
from foedus.model.terms import CategoryOfPerson, HandlingCondition, NeutralityReview, terms_id
from foedus.release.cedar import PolicyEngine
from foedus.release.compile import compile_treaty
from foedus.release.decide import ReasonKind, Verdict
from foedus.release.decider import Decider
from foedus.release.errors import EngineError, ReleaseError
from foedus.release.facts import AssertedFacts, LinkFacts, derive_facts, holds_personal_data
from foedus.treaty.parser import parse_treaty

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
OTHER_TREATY = TreatyId("ab" * 32)
MS = timedelta(milliseconds=1)


def kinds(decision: Any) -> set[str]:
    return {reason.kind.value for reason in decision.reasons}


def test_a_plain_permit(world: World) -> None:
    decision = world.decide()
    assert decision.verdict is Verdict.PERMIT
    assert decision.article == "7"
    assert [reason.ref for reason in decision.reasons] == ["7/1"]
    assert decision.law_digest == world.law().pair.digest


def test_a_permit_with_redaction_and_every_duty_that_applies(world: World) -> None:
    decision = world.decide(world.facts(world.personal_terms()))
    assert decision.verdict is Verdict.PERMIT_REDACTED
    assert decision.obligations.redact == {"kind:document", "property:contact_information"}
    assert decision.obligations.retain == timedelta(days=365)
    assert decision.obligations.acknowledge == timedelta(days=7)
    assert [reason.ref for reason in decision.reasons] == ["7/2", "4/1"]


def test_an_approval_is_asked_and_its_number_counts(world: World) -> None:
    facts = world.facts(world.personal_terms(person=CategoryOfPerson.CONTACT))
    assert world.decide(facts).verdict is Verdict.NEEDS_APPROVAL
    granted = world.decide(facts, asserted=AssertedFacts(approvals=1))
    assert granted.verdict is Verdict.PERMIT_REDACTED
    strict = world.facts(
        world.personal_terms(
            person=CategoryOfPerson.CONTACT, handling=frozenset({HandlingCondition.H3})
        )
    )
    one = world.decide(strict, asserted=AssertedFacts(approvals=1))
    assert one.verdict is Verdict.NEEDS_APPROVAL
    assert "one more person approves" in one.reasons[-1].change


def test_passing_on_needs_only_the_consent_that_lacks(world: World) -> None:
    terms = world.terms(originator=XC)
    facts = world.facts(terms, received_under=world.treaty)
    lacking = world.decide(facts)
    assert lacking.verdict is Verdict.NEEDS_CONSENT
    assert ReasonKind.CONSENT in {reason.kind for reason in lacking.reasons}
    assert world.decide(facts, asserted=AssertedFacts(consent=True)).verdict is Verdict.PERMIT


def test_passing_on_needs_consent_even_if_no_rule_of_the_treaty_says_so(world: World) -> None:
    raw = world.compiled.treaty.raw.decode()
    start, end = raw.index("## Article 3 "), raw.index("## Article 4 ")
    compiled = compile_treaty(parse_treaty((raw[:start] + raw[end:]).encode()))
    treaty = compiled.treaty.id
    assert not compiled.mentions.consent
    facts = world.facts(
        world.terms(originator=XC, treaties=frozenset({treaty})), received_under=treaty
    )
    law = world.law(compiled=compiled)
    assert world.decide(facts, law=law, treaty=treaty).verdict is Verdict.NEEDS_CONSENT


def test_consent_does_not_help_where_something_else_lacks(world: World) -> None:
    facts = world.facts(world.terms(originator=XC, tlp=TLP.RED), received_under=world.treaty)
    decision = world.decide(facts)
    assert decision.verdict is Verdict.DENY
    assert {"consent", "prohibition"} <= kinds(decision)


@pytest.mark.parametrize(
    ("case", "terms", "question", "kind"),
    [
        ("neutrality not reviewed", {"neutrality": None}, {}, "neutrality"),
        ("purpose outside the terms", {}, {"purpose": "protection-of-life"}, "purpose"),
        ("purpose outside the treaty", {}, {"purpose": "trade"}, "purpose"),
        ("no purpose at all", {"purposes": frozenset()}, {}, "purpose"),
        ("another treaty's item", {"treaties": frozenset({OTHER_TREATY})}, {}, "treaty"),
        ("nobody's treaty", {"treaties": frozenset()}, {}, "treaty"),
        ("reality in an exercise", {"exercise": False}, {}, "exercise"),
        ("an offence nobody defined", {"offence": "spying"}, {}, "missing-fact"),
        ("an action nobody defined", {}, {"action": "sell"}, "missing-fact"),
        ("no article relied on but a decision asked", {}, {"article": ArticleId("")}, "law"),
        ("an article that permits nothing", {}, {"article": ArticleId("1")}, "no-permit"),
        ("an article that does not exist", {}, {"article": ArticleId("77")}, "law"),
        ("marked red", {"tlp": TLP.RED}, {}, "prohibition"),
        ("another offence than the article's", {"offence": "recruitment"}, {}, "no-permit"),
        ("to oneself", {}, {"recipient": XA}, "law"),
        ("law of another pair", {}, {"recipient": XC}, "law"),
        ("law of another treaty", {}, {"treaty": OTHER_TREATY}, "law"),
        ("an instant without zone", {}, {"at": datetime(2026, 11, 24)}, "law"),  # noqa: DTZ001 - the case
        ("a time before the law at hand", {}, {"at": datetime(2026, 11, 23, tzinfo=UTC)}, "law"),
    ],
)
def test_denied(
    world: World, case: str, terms: dict[str, Any], question: dict[str, Any], kind: str
) -> None:
    assert case
    decision = world.decide(world.facts(world.terms(**terms)), **question)
    assert decision.verdict is Verdict.DENY
    assert kind in kinds(decision)
    assert decision.obligations.burden == (0, 0, 0, 0, 0)
    assert all(reason.text for reason in decision.reasons)


@pytest.mark.parametrize(
    ("case", "law", "kind"),
    [
        ("not bound", {"binds": False, "why_not": "XB has not ratified"}, "law"),
        ("unknown member", {"binds": False, "why_not": "", "articles": frozenset()}, "law"),
        ("reserved by the recipient", {"reserved": {"7": (XB,)}}, "reservation"),
        ("reserved by the sender", {"reserved": {"7": (XA,)}}, "reservation"),
        ("not in force", {"articles": frozenset({ArticleId("6")})}, "law"),
        ("offence not recognised", {"recognised": frozenset({"recruitment"})}, "no-permit"),
        ("law of a later time", {"at": datetime(2026, 12, 1, tzinfo=UTC)}, "law"),
        ("law that ended", {"valid_until": datetime(2026, 11, 24, 10, tzinfo=UTC)}, "law"),
    ],
)
def test_denied_by_law(world: World, case: str, law: dict[str, Any], kind: str) -> None:
    assert case
    decision = world.decide(law=world.law(**law))
    assert decision.verdict is Verdict.DENY
    assert kind in kinds(decision)


def test_a_stale_link_stops_everything_new(world: World) -> None:
    decision = world.decide(link=LinkFacts(fresh=False, why="silent for nine days"))
    assert decision.verdict is Verdict.DENY
    assert "silent for nine days" in decision.reasons[0].text


@pytest.mark.parametrize(
    ("case", "link", "expected"),
    [
        (
            "unwitnessed for too long",
            LinkFacts(fresh=True, witnessed=False, unwitnessed="not witnessed since Monday"),
            {("witness", "XA", "not witnessed since Monday")},
        ),
        (
            "unwitnessed, and nobody said since when",
            LinkFacts(fresh=True, witnessed=False),
            {("witness", "XA", "the log of XA is not witnessed")},
        ),
        (
            "proven forked",
            LinkFacts(fresh=True, forked=True),
            {("fork", "XB", "the log of XB is proven forked; nothing new is released to it")},
        ),
        (
            "our own log proven forked",
            LinkFacts(fresh=True, own_fork=True),
            {("fork", "XA", "the log of XA is proven forked; it releases nothing new")},
        ),
        (
            "all at once",
            LinkFacts(fresh=False, why="silence", witnessed=False, unwitnessed="no", forked=True),
            {
                ("link", "XB", "the picture of XB is stale: silence"),
                ("witness", "XA", "no"),
                ("fork", "XB", "the log of XB is proven forked; nothing new is released to it"),
            },
        ),
    ],
)
def test_what_the_sender_owes_before_anything_new(
    world: World, case: str, link: LinkFacts, expected: set[tuple[str, str, str]]
) -> None:
    for article in (ArticleId("7"), None):
        decision = world.decide(link=link, article=article)
        assert decision.verdict is Verdict.DENY
        told = {(reason.kind.value, reason.ref, reason.text) for reason in decision.reasons}
        assert told >= expected, case
        assert all(reason.change for reason in decision.reasons if reason.kind.value != "no-permit")


def test_an_unknown_marking_stops_the_item(world: World) -> None:
    marking = "marking-definition--11111111-2222-4333-8444-555555555555"
    facts = world.facts(obj=world.obj(object_marking_refs=[marking]))
    decision = world.decide(facts)
    assert decision.verdict is Verdict.DENY
    first = decision.reasons[0]
    assert (first.kind, first.ref) == (ReasonKind.MARKING, marking)


def test_a_marking_in_the_bytes_binds_beside_the_terms(world: World) -> None:
    obj = world.obj(object_marking_refs=[TLP_MARKING_IDS[TLP.RED]])
    facts = world.facts(world.terms(tlp=TLP.CLEAR), obj=obj)
    assert facts.tlp is TLP.RED
    assert world.decide(facts).verdict is Verdict.DENY


def test_expiry_and_review_count_from_their_millisecond(world: World) -> None:
    edge = world.now + timedelta(days=1, microseconds=1500)
    cut = world.now + timedelta(days=1, milliseconds=1)
    for name in ("expiry", "review"):
        facts = world.facts(world.terms(**{name: edge}))
        before = world.decide(facts, at=cut - timedelta(microseconds=1))
        assert before.verdict is Verdict.PERMIT
        assert before.valid_until == cut
        assert world.decide(facts, at=cut).verdict is Verdict.DENY
        assert world.decide(facts).valid_until == cut


def test_a_review_from_the_future_is_none(world: World) -> None:
    later = NeutralityReview(by="officer", reason="x", at=world.now + timedelta(seconds=1))
    decision = world.decide(world.facts(world.terms(neutrality=later)))
    assert decision.verdict is Verdict.DENY
    assert kinds(decision) == {"neutrality"}
    assert decision.valid_until == later.at


def test_personal_data_under_terms_that_know_of_none(world: World) -> None:
    facts = world.facts(obj=world.obj(pattern="[email-addr:value = 'jon@pay.example']"))
    assert facts.personal
    decision = world.decide(facts)
    assert decision.verdict is Verdict.DENY
    assert "personal-data" in kinds(decision)


@pytest.mark.parametrize(
    ("case", "changes", "personal"),
    [
        ("an individual", {"identity_class": "individual"}, True),
        ("an identity that does not say", {"identity_class": None}, True),
        ("an organisation", {"identity_class": "organization"}, False),
        (
            "an organisation with somebody's address",
            {"identity_class": "organization", "contact_information": "jon@pay.example"},
            True,
        ),
        (
            "a group of actors",
            {
                "type": "threat-actor",
                "id": "threat-actor--1f2e3d4c-0000-4000-8000-00000000abcd",
                "resource_level": "team",
                "identity_class": None,
            },
            False,
        ),
        (
            "an actor that does not say",
            {
                "type": "threat-actor",
                "id": "threat-actor--1f2e3d4c-0000-4000-8000-00000000abcd",
                "identity_class": None,
            },
            True,
        ),
    ],
)
def test_whose_name_is_personal(
    world: World,
    case: str,
    changes: dict[str, Any],
    personal: bool,  # noqa: FBT001 - a table
) -> None:
    assert case
    assert holds_personal_data(world.identity(**changes)) is personal


def test_another_members_item_without_treaty_of_receipt(world: World) -> None:
    facts = world.facts(world.terms(originator=XC))
    decision = world.decide(facts, asserted=AssertedFacts(consent=True))
    assert decision.verdict is Verdict.DENY
    assert kinds(decision) >= {"missing-fact"}


def test_the_treaty_of_receipt_goes_on_governing(world: World) -> None:
    facts = world.facts(world.terms(originator=XC), received_under=OTHER_TREATY)
    decision = world.decide(facts, asserted=AssertedFacts(consent=True))
    assert decision.verdict is Verdict.DENY
    assert "treaty" in kinds(decision)


def test_facts_that_name_another_originator_are_passing_on(world: World) -> None:
    facts = world.facts(originator=XC, received_under=world.treaty)
    assert facts.onward
    assert world.decide(facts).verdict is Verdict.NEEDS_CONSENT
    forged = replace(facts, onward=False)
    assert world.decide(forged).verdict is not Verdict.PERMIT


def test_facts_name_their_own_terms(world: World) -> None:
    with pytest.raises(ReleaseError):
        derive_facts(
            world.obj(),
            world.terms(),
            terms_id(world.terms(tlp=TLP.RED)),
            originator=XA,
            sender=XA,
            known_markings={},
            concerns_recipient=False,
            received_under=None,
        )


@pytest.mark.parametrize("broken", ["satisfied", "confirm"])
def test_an_engine_error_is_a_denial(
    world: World, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise EngineError("broken")

    monkeypatch.setattr(PolicyEngine, broken, failing)
    decision = world.decide()
    assert decision.verdict is Verdict.DENY
    assert kinds(decision) == {"engine"}
    proposed = Decider().decide(
        world.question(article=None),
        world.facts(),
        AssertedFacts(),
        world.law(),
        link=LinkFacts(fresh=True),
    )
    assert proposed.verdict is Verdict.DENY


def test_an_engine_error_is_never_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    decider = Decider()

    def decided(purpose: str) -> Verdict:
        question = world.question(purpose=purpose)
        return decider.decide(
            question, world.facts(), AssertedFacts(), world.law(), link=LinkFacts(fresh=True)
        ).verdict

    def broken(*_: object) -> None:
        raise EngineError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(PolicyEngine, "_ask", broken)
        assert decided("prevention") is Verdict.DENY
    assert decided("investigation") is Verdict.PERMIT


def test_what_lacks_is_named_by_the_nearest_permit(world: World) -> None:
    decision = world.decide(
        law=world.law(recognised=frozenset({"recruitment"})), article=ArticleId("7")
    )
    changes = [reason.change for reason in decision.reasons if reason.kind is ReasonKind.CONDITION]
    assert changes == ["context.recognised"]


def test_a_reserved_article_says_so_and_that_nothing_else_lacks(world: World) -> None:
    decision = world.decide(law=world.law(reserved={"7": (XB, XC)}))
    assert [reason.text for reason in decision.reasons] == ["article 7 is reserved by XB, XC"]


def test_the_freest_article_is_proposed(world: World) -> None:
    plain = world.decide(article=None)
    assert (plain.verdict, plain.article) == (Verdict.PERMIT, "7")
    reserved = world.decide(law=world.law(reserved={"7": (XB,)}), article=None)
    assert (reserved.verdict, reserved.article) == (Verdict.PERMIT, "6")
    clear = world.facts(world.personal_terms(tlp=TLP.CLEAR, offence="recruitment"))
    proposed = world.decide(clear, article=None)
    assert (proposed.verdict, proposed.article) == (Verdict.NEEDS_APPROVAL, "9")


def test_where_every_article_denies_the_nearest_denial_is_told(world: World) -> None:
    facts = world.facts(world.personal_terms())
    decision = world.decide(facts, law=world.law(reserved={"7": (XC,)}), article=None)
    assert decision.verdict is Verdict.DENY
    assert decision.article == "7"
    assert "reserved by XC" in decision.reasons[0].text


def test_a_sighting_goes_to_whom_it_concerns(world: World) -> None:
    sighting = world.obj(
        type="sighting",
        id="sighting--1f2e3d4c-0000-4000-8000-00000000abcd",
        sighting_of_ref="indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        pattern=None,
        pattern_type=None,
        name=None,
        valid_from=None,
    )
    concerned = world.facts(obj=sighting, concerns_recipient=True)
    assert world.decide(concerned, article=ArticleId("8")).verdict is Verdict.PERMIT
    assert world.decide(world.facts(obj=sighting), article=ArticleId("8")).verdict is Verdict.DENY


def test_until_the_treaty_says(world: World) -> None:
    facts = world.facts(world.terms(tlp=TLP.CLEAR))
    asserted = AssertedFacts(approvals=2)
    turn = datetime(2027, 1, 1, tzinfo=UTC)
    open_still = world.decide(facts, article=ArticleId("9"), asserted=asserted)
    assert open_still.verdict is Verdict.PERMIT
    assert open_still.valid_until == turn
    over = world.decide(facts, article=ArticleId("9"), asserted=asserted, at=turn)
    assert over.verdict is Verdict.DENY
    assert over.valid_until == turn + MS


def test_valid_until_is_the_first_of_all_turns(world: World) -> None:
    law = world.law(valid_until=world.now + timedelta(days=3))
    link = LinkFacts(fresh=True, until=world.now + timedelta(days=2))
    facts = world.facts(world.terms(expiry=world.now + timedelta(days=1)))
    assert world.decide(facts, law=law, link=link).valid_until == world.now + timedelta(days=1)
    assert world.decide(law=law, link=link).valid_until == world.now + timedelta(days=2)
    assert world.decide(law=law).valid_until == world.now + timedelta(days=3)


def test_the_decider_never_decides_otherwise(world: World) -> None:
    decider = Decider()
    expiry = world.now + timedelta(days=1)
    facts = world.facts(world.terms(expiry=expiry))
    instants = [world.now, expiry - MS, expiry, world.now + timedelta(hours=3), expiry + MS]
    for at in [*instants, *reversed(instants)]:
        question = world.question(at=at)
        remembered = decider.decide(
            question, facts, AssertedFacts(), world.law(), link=LinkFacts(fresh=True)
        )
        assert remembered == world.decide(facts, at=at)


def test_the_decider_keeps_apart_what_differs(world: World) -> None:
    decider = Decider()
    cases = [
        (world.law(), LinkFacts(fresh=True), AssertedFacts(), Verdict.PERMIT),
        (world.law(reserved={"7": (XB,)}), LinkFacts(fresh=True), AssertedFacts(), Verdict.DENY),
        (world.law(binds=False), LinkFacts(fresh=True), AssertedFacts(), Verdict.DENY),
        (world.law(), LinkFacts(fresh=False, why="silence"), AssertedFacts(), Verdict.DENY),
        (world.law(), LinkFacts(fresh=True, witnessed=False), AssertedFacts(), Verdict.DENY),
        (world.law(), LinkFacts(fresh=True, forked=True), AssertedFacts(), Verdict.DENY),
    ]
    for law, link, asserted, verdict in cases * 2:
        found = decider.decide(world.question(), world.facts(), asserted, law, link=link)
        assert found.verdict is verdict


def test_assertions_have_bounds() -> None:
    with pytest.raises(ReleaseError):
        AssertedFacts(approvals=-1)
