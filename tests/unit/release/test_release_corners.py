"""The corners of the release folder: what happens when a part under it fails or lies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from foedus.canonical import CanonicalError, canonical_bytes, parse_json
from foedus.model import markings
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, PolicyId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.model.terms import terms_id
from foedus.release import cedar, monotone
from foedus.release import compile as compiling
from foedus.release.cedar import (
    EngineQuestion,
    PolicyEngine,
    condition_text,
    parse_block,
    validate_block,
)
from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.counterfactual import smallest_changes
from foedus.release.decide import Decision, Law, Verdict, decide, engine_question, propose
from foedus.release.decider import Decider
from foedus.release.errors import (
    BlockError,
    CompileFaults,
    DisclosureError,
    EngineError,
    GateError,
    ProtocolActError,
    RedactionError,
)
from foedus.release.evaluation import Evaluator, Standpoint
from foedus.release.facts import AssertedFacts, LinkFacts, holds_personal_data
from foedus.release.gate import Candidate, Gate
from foedus.release.monotone import Direction, direction_of
from foedus.release.obligations import read_annotations
from foedus.release.protocol import check_protocol_act
from foedus.release.record import (
    MAX_PAYLOAD_BYTES,
    ItemRecord,
    parse_disclosure,
    parse_item_record,
)
from foedus.release.redact import redact, redacted_content, residue
from foedus.release.replay import recorded_facts
from foedus.release.traces import Traces
from foedus.signing.envelope import sign_envelope
from foedus.signing.keys import SigningKey
from foedus.treaty.parser import parse_treaty

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

GOLDEN = Path(__file__).parents[2] / "golden" / "release"
XA, XC = MemberId("XA"), MemberId("XC")
FRESH = LinkFacts(fresh=True)
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
BLOCK = 'permit (principal, action, resource) when { resource.tlp == "clear" };'


def payload() -> dict[str, Any]:
    found = parse_json((GOLDEN / "disclosure-payload.json").read_bytes())
    assert isinstance(found, dict)
    return found


def fails(*_: object, **__: object) -> None:
    raise ValueError("out of order")


# The engine.


def test_an_engine_that_cannot_validate_refuses_the_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("foedus.release.cedar.cedarpy.validate_policies", fails)
    with pytest.raises(BlockError, match="cannot be validated"):
        validate_block(BLOCK)


def test_an_engine_that_says_no_and_not_why_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(errors=[], validation_passed=False)
    monkeypatch.setattr("foedus.release.cedar.cedarpy.validate_policies", lambda *_: answer)
    assert validate_block(BLOCK) == ((0, "does not pass validation"),)


def test_an_engine_that_cannot_write_a_rule_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    (policy,) = parse_block(BLOCK)
    monkeypatch.setattr("foedus.release.cedar.cedarpy.policies_from_json_str", fails)
    with pytest.raises(BlockError, match="cannot be written"):
        condition_text(policy)


def test_an_engine_that_takes_no_rules_compiles_no_treaty(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise EngineError("the engine refuses the policies")

    monkeypatch.setattr(compiling, "PolicyEngine", refused)
    with pytest.raises(CompileFaults, match="refuses the policies"):
        compile_treaty(world.compiled.treaty)


def test_rules_the_engine_refuses_make_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    (policy,) = parse_block(BLOCK)
    monkeypatch.setattr(
        "foedus.release.cedar.cedarpy.PolicySet", SimpleNamespace(from_json_str=fails)
    )
    with pytest.raises(EngineError, match="refuses the policies"):
        cedar.PolicyEngine({PolicyId("1/1"): policy}, duties=frozenset())


# Deciding.


def test_a_treaty_without_any_permit_proposes_nothing(world: World) -> None:
    text = (GOLDEN / "small-treaty.md").read_text(encoding="utf-8").split("## Article 1 ")[0]
    text = text.replace('["6", "7", "8", "9"]', "[]")
    rule = "forbid (principal, action, resource) unless { resource.neutral };"
    whole = f"{text}## Article 1 — Only one\n\nWords.\n\n```cedar\n{rule}\n```\n"
    compiled = compile_treaty(parse_treaty(whole.encode()))
    law = world.law(compiled=compiled)
    terms = world.terms(treaties=frozenset({compiled.treaty.id}))
    question = world.question(treaty=compiled.treaty.id, article=None)
    decision = propose(question, world.facts(terms), AssertedFacts(), law, link=FRESH)
    assert decision.verdict is Verdict.DENY
    assert decision.article is None
    assert [(reason.kind.value, reason.ref) for reason in decision.reasons] == [
        ("missing-fact", "article")
    ]


def test_a_change_that_makes_no_terms_is_not_proposed(world: World) -> None:
    """Personal data without a purpose are not made lawful by naming a category of person."""
    facts = replace(world.facts(world.terms(purposes=frozenset())), personal=True)
    changes = smallest_changes(world.question(), facts, AssertedFacts(), world.law(), link=FRESH)
    assert all(change.decision.verdict is not Verdict.DENY for change in changes)
    assert not any(step.kind.value == "person" for change in changes for step in change.steps[:1])


def test_consent_that_was_given_is_not_proposed(world: World) -> None:
    facts = world.facts(world.terms(originator=XC), received_under=world.treaty)
    stale = LinkFacts(fresh=False, why="nothing was heard")
    changes = smallest_changes(
        world.question(), facts, AssertedFacts(consent=True), world.law(), link=stale
    )
    assert [[step.kind.value for step in change.steps] for change in changes] == [["link"]]


def test_a_name_in_an_object_of_another_type_is_a_persons(world: World) -> None:
    """Only an identity or a threat actor can say that its name is no person's."""
    contact = world.obj(
        type="user-account",
        id="user-account--8e2e2d2b-17d4-5cbf-938f-98ee46b3cd3f",
        created=None,
        modified=None,
        name=None,
        pattern=None,
        pattern_type=None,
        valid_from=None,
        display_name="Jon Doe",
    )

    name = Selector(kind=SelectorKind.NAME, value="jon doe")
    assert holds_personal_data(contact, frozenset({name}))


# The gate.


def test_a_law_that_was_only_supposed_releases_nothing(world: World) -> None:
    supposed = world.law(digest="0" * 64)
    with pytest.raises(GateError, match="only supposed"):
        world.gate().release(
            [world.candidate(1, world.obj())],
            recipient=MemberId("XB"),
            law=supposed,
            link=FRESH,
            purpose="prevention",
            at=world.now,
        )


def test_classes_that_read_alike_are_stated_once(world: World) -> None:
    """Who the originator is stands with each item; it makes no class of its own."""
    terms = world.terms(originator=XC)
    one, two = world.indicator(1), world.indicator(2)
    facts = [
        world.facts(terms, obj=obj, originator=originator, received_under=world.treaty)
        for obj, originator in ((one, XC), (two, MemberId("XB")))
    ]
    outcome = world.gate().release(
        [
            Candidate(handle=handle, obj=obj, facts=each)
            for handle, (obj, each) in enumerate(zip((one, two), facts, strict=True), 1)
        ],
        recipient=MemberId("XB"),
        law=world.law(),
        link=FRESH,
        purpose="prevention",
        at=world.now,
        asserted=AssertedFacts(consent=True),
    )
    (batch,) = outcome.batches
    assert len(batch.items) == 2
    assert len(batch.classes) == 1
    assert {item.class_index for item in batch.items} == {0}


# Rule 8, read off the rules.

RESOURCE = {"Var": "resource"}
TLP = {".": {"left": RESOURCE, "attr": "tlp"}}
HANDLING = {".": {"left": RESOURCE, "attr": "handling"}}


def value(text: str) -> dict[str, Any]:
    return {"Value": text}


DIRECTIONS: list[tuple[str, dict[str, Any], Direction]] = [
    ("clear on the left", {"==": {"left": value("clear"), "right": TLP}}, Direction.FALLS),
    ("red on the left", {"==": {"left": value("red"), "right": TLP}}, Direction.RISES),
    ("a level in the middle", {"==": {"left": TLP, "right": value("amber")}}, Direction.EITHER),
    ("a level nobody knows", {"==": {"left": TLP, "right": value("blue")}}, Direction.EITHER),
    (
        "a list that is an attribute",
        {"contains": {"left": {".": {"left": RESOURCE, "attr": "kinds"}}, "right": TLP}},
        Direction.EITHER,
    ),
    (
        "a level asked as if it were a set",
        {"containsAny": {"left": TLP, "right": {"Set": [value("red")]}}},
        Direction.EITHER,
    ),
    (
        "two restrictions against each other",
        {"containsAny": {"left": HANDLING, "right": HANDLING}},
        Direction.EITHER,
    ),
    ("an operator nobody classed", {"like": {"left": TLP, "pattern": "*"}}, Direction.EITHER),
]


@pytest.mark.parametrize(
    ("expression", "direction"), [row[1:] for row in DIRECTIONS], ids=[row[0] for row in DIRECTIONS]
)
def test_the_direction_of_a_condition(expression: dict[str, Any], direction: Direction) -> None:
    assert direction_of(expression) is direction
    assert monotone.only_narrows(
        {"conditions": [{"kind": "when", "body": expression}]}, permits=True
    ) is (direction in {Direction.FALLS, Direction.KEEPS})


def test_a_property_that_is_no_name_is_no_target() -> None:
    with pytest.raises(BlockError, match="names no property"):
        read_annotations({"redact": "property:No-Name"})


# Records.


def test_a_protocol_document_that_holds_no_envelope_is_no_protocol_act() -> None:

    envelope = sign_envelope(b"{}", "x/y", SigningKey.from_seed(bytes(32)))
    raw = wrap_document(
        FoedusKind.ORDER,
        envelope.document(),
        payload=envelope.payload,
        issued=NOW,
    )
    whole = parse_json(raw)
    assert isinstance(whole, dict)
    signed = envelope.document()
    broken: Any
    for broken in ("no envelope", {}, {**signed, "signatures": [{}]}):
        document: Any = {**whole, "envelope": broken}
        with pytest.raises(ProtocolActError):
            check_protocol_act(parse_object(canonical_bytes(document)), "orders")
    assert check_protocol_act(parse_object(raw), "orders") is FoedusKind.ORDER


def test_terms_of_a_class_there_is_not() -> None:
    found = parse_disclosure(canonical_bytes(payload()))
    for index in (-1, len(found.classes)):
        with pytest.raises(DisclosureError, match="no class"):
            found.terms_of_class(index)


def test_a_payload_too_large_is_not_read() -> None:
    with pytest.raises(DisclosureError, match="larger than"):
        parse_disclosure(b" " * (MAX_PAYLOAD_BYTES + 1))


def test_a_batch_of_too_many_classes_is_refused() -> None:
    document = payload()
    document["classes"] = document["classes"] * 1001
    with pytest.raises(DisclosureError, match="more than"):
        parse_disclosure(canonical_bytes(document))


def test_terms_under_another_id_are_refused() -> None:
    document = payload()
    (name,) = list(document["terms"])[:1]
    other = name[:-1] + ("0" if name[-1] != "0" else "1")
    raw = canonical_bytes(document).replace(f'"{name}":{{'.encode(), f'"{other}":{{'.encode())
    changed: Any = parse_json(raw)
    for each in changed["classes"]:
        if each["terms"] == name:
            each["terms"] = other
    with pytest.raises(DisclosureError, match="other terms stand under"):
        parse_disclosure(canonical_bytes(changed))


def test_an_item_record_of_nobody_is_refused() -> None:
    document: Any = parse_json((GOLDEN / "item-record.json").read_bytes())
    with pytest.raises(DisclosureError):
        parse_item_record(canonical_bytes({**document, "originator": "?!"}))


def test_a_fact_of_another_type_is_refused() -> None:
    document: Any = parse_json((GOLDEN / "item-record.json").read_bytes())
    document["facts"] = {**document["facts"], "personal": "yes"}
    with pytest.raises(DisclosureError, match="another type"):
        parse_item_record(canonical_bytes(document))


def test_a_text_that_is_no_unicode_has_no_canonical_form() -> None:
    record = parse_item_record((GOLDEN / "item-record.json").read_bytes())
    with pytest.raises(CanonicalError):
        replace(record, version="\ud800").encode()


def test_recorded_facts_of_another_form_are_not_replayed(world: World) -> None:

    terms = world.terms()
    facts = world.facts(terms).document()
    record = ItemRecord(
        originator=XA,
        id=world.obj().id,
        version=world.obj().version,
        sha256=world.obj().content_hash,
        terms=terms_id(terms),
        facts={**facts, "unknown_markings": "none"},
        variant=False,
    )
    batch: Any = SimpleNamespace(treaty=world.treaty)
    with pytest.raises(DisclosureError, match="no list"):
        recorded_facts(batch, record, terms)
    with pytest.raises(DisclosureError, match="no TLP level"):
        recorded_facts(batch, replace(record, facts={**facts, "tlp": "blue"}), terms)


# Redaction.


def nothing(_: ObjectId) -> ObjectId | None:
    return None


def test_numbers_flags_and_lists_of_words_pass_through(world: World) -> None:
    obj = world.identity(
        description="call +44 20 7946 0018",
        roles=["call +44 20 7946 0018", "driver"],
        x_count=3,
        x_known=True,
        x_nested={"words": ["a", "b"], "number": 7},
    )
    left = redacted_content(obj, frozenset({"kind:phone"}), given=nothing)
    assert left["x_count"] == 3
    assert left["x_known"] is True
    assert left["x_nested"] == {"words": ["a", "b"], "number": 7}
    assert left["roles"][1] == "driver"
    assert "7946" not in str(left)


def test_markings_of_parts_that_name_none_leave_none(world: World) -> None:
    obj = world.identity(
        contact_information="call me",
        granular_markings=[{"lang": "en", "selectors": ["name"]}],
    )
    left = redacted_content(obj, frozenset({"property:contact_information"}), given=nothing)
    assert "granular_markings" not in left
    assert "object_marking_refs" not in left


def test_an_id_as_a_key_tells_nothing(world: World) -> None:
    obj = world.identity(x_by_id={"identity--1f2e3d4c-0000-4000-8000-00000000abce": "friend"})
    assert residue(obj, frozenset({"kind:phone"})) == ()


def test_a_number_in_an_external_reference_names_nobody(world: World) -> None:
    obj = world.identity(
        description="call +44 20 7946 0018",
        external_references=[{"source_name": "ledger", "external_id": "a page", "x_page": 12}],
    )
    left = redact(obj, frozenset({"kind:phone"}), recipient=XC, secret=b"s" * 32, given=nothing)
    assert left.document()["external_references"] == [
        {"source_name": "ledger", "external_id": "a page", "x_page": 12}
    ]


def test_observed_data_that_embed_what_must_go_are_withheld(world: World) -> None:
    obj = world.obj(
        type="observed-data",
        id="observed-data--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        name=None,
        pattern=None,
        pattern_type=None,
        valid_from=None,
        first_observed="2026-11-24T09:00:00Z",
        last_observed="2026-11-24T09:00:00Z",
        number_observed=1,
        objects={"0": {"type": "email-addr", "value": "jon@doe.example"}},
    )
    with pytest.raises(RedactionError, match="embed"):
        redact(obj, frozenset({"kind:email"}), recipient=XC, secret=b"s" * 32, given=nothing)


def test_a_handle_is_found_without_its_platform() -> None:
    known = Selector(kind=SelectorKind.HANDLE, value="telegram:joedoe77")
    traces = Traces(frozenset({SelectorKind.HANDLE}), [known])
    assert "joedoe77" not in traces.remove("ask joedoe77 today")


def test_of_the_articles_that_might_permit_the_denial_with_fewest_reasons_is_told(
    world: World,
) -> None:
    """Two permits hold and a prohibition too; one of the two articles is reserved besides."""
    text = (GOLDEN / "small-treaty.md").read_text(encoding="utf-8").split("## Article 1 ")[0]
    text = text.replace('["6", "7", "8", "9"]', '["2", "3"]')
    rules = (
        'forbid (principal, action, resource) when { resource.tlp == "red" };',
        "permit (principal, action, resource) when { context.recognised };",
        "permit (principal, action, resource) when { context.recognised };",
    )
    for number, rule in enumerate(rules, 1):
        text += f"## Article {number} — No. {number}\n\nWords.\n\n```cedar\n{rule}\n```\n\n"
    compiled = compile_treaty(parse_treaty(text.encode()))
    law = world.law(compiled=compiled, reserved={"2": (XC,)})
    terms = world.terms(treaties=frozenset({compiled.treaty.id}), tlp=markings.TLP.RED)
    question = world.question(treaty=compiled.treaty.id, article=None)
    decision = propose(question, world.facts(terms), AssertedFacts(), law, link=FRESH)
    assert decision.article == ArticleId("3")
    assert [reason.kind.value for reason in decision.reasons] == ["prohibition"]


def test_conditions_of_which_an_engine_says_nothing_count_as_lacking(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For telling people only: an article is never said to hold because the engine was silent."""

    def silent(*_: object) -> frozenset[str]:
        raise EngineError("out of order")

    asked = engine_question(world.question(), world.facts(), AssertedFacts(), world.law())
    monkeypatch.setattr(PolicyEngine, "parts_held", silent)
    told = Evaluator().about(world.compiled, asked).lacking(ArticleId("7"))
    engine = world.compiled.engine
    permits = world.compiled.by_article[ArticleId("7")]
    assert len(told) - 1 == min(len(engine.part_names[permit]) for permit in permits)


def test_a_treaty_of_too_many_rules_is_refused(world: World) -> None:
    rule = 'permit (principal, action, resource) when { resource.offence == "financing" };\n'
    article = world.compiled.treaty.article(ArticleId("7"))
    many = tuple(
        replace(article, id=ArticleId(str(number)), blocks=(rule * 20,)) for number in range(6, 17)
    )
    with pytest.raises(CompileFaults, match="more than 200 rules in all"):
        compile_treaty(replace(world.compiled.treaty, articles=many))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ('principal == Member::"ZZ"', "not a member listed"),
        ('action == Action::"publish"', "publish"),
        ('resource == Terms::"this one"', "names no single Terms"),
    ],
)
def test_a_rule_on_what_there_is_not_is_refused(world: World, condition: str, words: str) -> None:
    article = world.compiled.treaty.article(ArticleId("7"))
    block = f"permit (principal, action, resource) when {{ {condition} }};"
    treaty = replace(world.compiled.treaty, articles=(replace(article, blocks=(block,)),))
    with pytest.raises(CompileFaults, match=words):
        compile_treaty(treaty)


def consenting(world: World) -> Law:
    """A treaty of which some permits ask for consent themselves."""
    text = (GOLDEN / "small-treaty.md").read_text(encoding="utf-8").split("## Article 1 ")[0]
    text = text.replace('["6", "7", "8", "9"]', '["2", "3"]')
    rules = (
        "forbid (principal, action, resource) unless { resource.neutral };",
        "permit (principal, action, resource) when { context.consent };\n"
        '@retain("P10D")\npermit (principal, action, resource) when { context.recognised };',
        'permit (principal, action, resource) when { context.consent && resource.tlp == "clear" };',
    )
    for number, rule in enumerate(rules, 1):
        text += f"## Article {number} — No. {number}\n\nWords.\n\n```cedar\n{rule}\n```\n\n"
    return world.law(compiled=compile_treaty(parse_treaty(text.encode())))


def asked_under(
    world: World, law: Law, article: str | None, *, consent: bool = False, **pair: Any
) -> Decision:
    treaty = law.compiled.treaty.id
    law = Law(compiled=law.compiled, pair=replace(law.pair, **pair))
    terms = world.terms(treaties=frozenset({treaty}), tlp=markings.TLP.CLEAR)
    question = world.question(
        treaty=treaty, article=None if article is None else ArticleId(article)
    )
    ask = propose if article is None else decide
    return ask(question, world.facts(terms), AssertedFacts(consent=consent), law, link=FRESH)


def refs(decision: Decision) -> list[str]:
    return [f"{reason.kind.value} {reason.ref}".strip() for reason in decision.reasons]


def test_what_needs_no_consent_does_not_wait_for_it(world: World) -> None:
    """A permit that asks for consent stands beside one that asks for nothing but a time limit."""
    law = consenting(world)
    without = asked_under(world, law, "2")
    assert (without.verdict, refs(without)) == (Verdict.PERMIT, ["permit 2/2"])
    assert without.obligations.retain == timedelta(days=10)
    given = asked_under(world, law, "2", consent=True)
    assert (given.verdict, refs(given)) == (Verdict.PERMIT, ["permit 2/1"])
    assert given.obligations.retain is None


def test_a_permit_that_asks_for_consent_waits_for_it(world: World) -> None:
    law = consenting(world)
    waiting = asked_under(world, law, "3")
    assert (waiting.verdict, refs(waiting)) == (
        Verdict.NEEDS_CONSENT,
        ["permit 3/1", "consent"],
    )
    given = asked_under(world, law, "3", consent=True)
    assert (given.verdict, refs(given)) == (Verdict.PERMIT, ["permit 3/1"])


def test_an_article_that_only_consent_opens_is_proposed_where_no_other_is(world: World) -> None:
    law = consenting(world)
    proposed = asked_under(world, law, None, recognised=frozenset())
    assert proposed.verdict is Verdict.NEEDS_CONSENT
    assert proposed.article == ArticleId("2")
    elsewhere = asked_under(
        world,
        law,
        None,
        reserved={ArticleId("2"): (XC,)},
        articles=law.pair.articles - {ArticleId("2")},
    )
    assert (elsewhere.verdict, elsewhere.article) == (Verdict.NEEDS_CONSENT, ArticleId("3"))


class SilentWithoutConsent(Evaluator):
    """Stands for an engine that answers only where consent is taken as given."""

    def about(self, compiled: CompiledTreaty, asked: EngineQuestion) -> Standpoint:
        found = super().about(compiled, asked)
        if asked.consent:
            return found
        return Silence(found._treaty, found._asked, found._values)


class Silence(Standpoint):
    def satisfied(self) -> frozenset[PolicyId]:
        raise EngineError("the engine does not answer")


@pytest.mark.parametrize("article", ["7", None])
def test_an_engine_that_failed_once_is_not_asked_a_kinder_question(
    world: World, article: str | None
) -> None:
    """Any engine error is a denial: never a verdict that waits for consent alone."""
    facts = world.facts(world.terms(originator=XC), received_under=world.treaty)
    question = world.question(article=None if article is None else ArticleId(article))
    ask = propose if article is None else decide
    evaluator = SilentWithoutConsent()
    decision = ask(question, facts, AssertedFacts(), world.law(), link=FRESH, evaluator=evaluator)
    assert decision.verdict is Verdict.DENY
    assert "engine" in {reason.kind.value for reason in decision.reasons}


def test_a_prohibition_names_its_article(world: World) -> None:
    facts = world.facts(world.terms(tlp=markings.TLP.RED))
    decision = world.decide(facts, article=ArticleId("7"))
    (reason,) = decision.reasons
    assert (reason.ref, reason.text) == ("2/1", "article 2 forbids it by rule 2/1")


class CountingDecider(Decider):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def decide(self, *case: Any, **rest: Any) -> Decision:
        self.asked += 1
        return super().decide(*case, **rest)


def test_what_the_gate_decides_is_what_it_previews_and_releases(world: World) -> None:
    """One decider for all three, and one decision for each class of item."""
    decider = CountingDecider()
    gate = Gate(member=XA, secret=b"s" * 32, random=bytes, exercise=True, decider=decider)
    candidates = [
        world.candidate(1, world.indicator(1)),
        world.candidate(2, world.indicator(2)),
        world.candidate(3, world.indicator(3), world.terms(neutrality=None)),
    ]
    asked: dict[str, Any] = {
        "recipient": MemberId("XB"),
        "law": world.law(),
        "link": FRESH,
        "purpose": "prevention",
        "at": world.now,
    }
    decided = gate.decisions(candidates, **asked)
    assert decider.asked == 2
    assert [decided[handle].verdict for handle in (1, 2, 3)] == [
        Verdict.PERMIT,
        Verdict.PERMIT,
        Verdict.DENY,
    ]
    assert gate.preview(candidates, **asked).decisions == decided
    outcome = gate.release(candidates, **asked)
    (batch,) = outcome.batches
    assert {item.handle: item.decision for item in batch.items} == {
        handle: decided[handle] for handle in (1, 2)
    }
    assert [(each.handle, each.decision) for each in outcome.withheld] == [(3, decided[3])]


def test_the_gate_asks_about_the_act_that_was_named(world: World) -> None:
    """What may be given and asked for may not be screened, and the gate tells them apart."""
    candidate = world.candidate(1, world.obj())
    verdicts = {
        action: world.gate()
        .decisions(
            [candidate],
            recipient=MemberId("XB"),
            law=world.law(),
            link=FRESH,
            purpose="prevention",
            at=world.now,
            article=ArticleId("6"),
            action=action,
        )[1]
        .verdict
        for action in ("disclose", "query", "screen")
    }
    assert verdicts == {
        "disclose": Verdict.PERMIT,
        "query": Verdict.PERMIT,
        "screen": Verdict.DENY,
    }


def test_a_protocol_batch_holds_a_thousand_documents_and_no_more(world: World) -> None:
    envelope = sign_envelope(b"{}", "x/y", SigningKey.from_seed(bytes(32)))
    order = parse_object(
        wrap_document(FoedusKind.ORDER, envelope.document(), payload=envelope.payload, issued=NOW)
    )
    asked: dict[str, Any] = {
        "recipient": MemberId("XB"),
        "lane": "orders",
        "treaty": world.treaty,
        "at": world.now,
    }
    whole = [(handle, order) for handle in range(1000)]
    assert len(world.gate().protocol(whole, **asked).items) == 1000
    for documents in ([], [*whole, (1000, order)]):
        with pytest.raises(GateError, match="1 to 1000"):
            world.gate().protocol(documents, **asked)
