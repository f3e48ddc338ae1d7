"""What holds of every decision: it only narrows, it replays, parsers raise only their error.

What exactly holds when articles are taken away (``R`` removed, ``A`` relied on):

* ``A`` in ``R``: denied. Otherwise verdict, obligations and reasons are the same.
* Through a proposal, the place of the decision (verdict, then burden of obligations) never falls.
  Which obligations are owed may differ, since another article may be proposed; those of every duty
  in force are among them, always.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes, parse_json
from foedus.ledger.commitment import EMPTY_LANE
from foedus.model.identifiers import ArticleId, MemberId, PolicyId, TreatyId
from foedus.model.kinds import unwrap_document
from foedus.model.markings import TLP, TLP_MARKING_IDS
from foedus.model.terms import CategoryOfPerson, HandlingCondition, Terms, TermsError, join_terms
from foedus.release.cedar import parse_block
from foedus.release.compile import CompiledTreaty
from foedus.release.decide import Decision, Law, Verdict, decide, engine_question, propose
from foedus.release.decider import Decider
from foedus.release.errors import BlockError, DisclosureError, RedactionError
from foedus.release.evaluation import Evaluator
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts
from foedus.release.gate import Candidate, LaneState
from foedus.release.question import Question
from foedus.release.record import (
    parse_batch_record,
    parse_disclosure,
    parse_item_record,
)
from foedus.release.redact import redact, redacted_content, residue
from foedus.release.replay import replay
from foedus.signing.envelope import parse_envelope
from foedus.signing.keys import SigningKey

_PLACE = Path(__file__).parents[1] / "unit" / "release" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("release_world", _PLACE)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
sys.modules["release_world"] = _MODULE
_SPEC.loader.exec_module(_MODULE)

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

WORLD: World = _MODULE.World()
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
FRESH = LinkFacts(fresh=True)
KEY = SigningKey.from_seed(bytes(range(32)))
MEMORY = Evaluator()
ARTICLES = tuple(article.id for article in WORLD.compiled.treaty.articles)
PURPOSES = ("prevention", "investigation", "protection-of-life")
LEVELS = tuple(TLP)

profile = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def terms_of(draw: st.DrawFn) -> Terms:
    person = draw(st.sampled_from(list(CategoryOfPerson)))
    personal = person is not CategoryOfPerson.NONE
    some = st.integers(min_value=1, max_value=60).map(lambda day: WORLD.now + timedelta(days=day))
    review = draw(some if personal else st.none() | some)
    purposes = draw(st.frozensets(st.sampled_from(PURPOSES), min_size=int(personal)))
    made: Terms = WORLD.terms(
        originator=draw(st.sampled_from([XA, XA, XC])),
        purposes=purposes,
        offence=draw(st.sampled_from(["financing", "recruitment", "financing; recruitment", ""])),
        person=person,
        personal=personal,
        tlp=draw(st.sampled_from(LEVELS)),
        handling=draw(st.frozensets(st.sampled_from(list(HandlingCondition)))),
        review=review,
        expiry=draw(st.none() | some),
        neutrality=draw(st.sampled_from([WORLD.terms().neutrality] * 5 + [None])),
    )
    return made


def facts_of(terms: Terms, *, kind: str, concerns: bool) -> ItemFacts:
    received = None if terms.originator == XA else WORLD.treaty
    facts = WORLD.facts(terms, concerns_recipient=concerns, received_under=received)
    return replace(facts, kind=kind)


facts_strategy = st.builds(
    facts_of,
    terms_of(),
    kind=st.sampled_from(["indicator", "identity", "sighting"]),
    concerns=st.booleans(),
)
asserted_strategy = st.builds(
    AssertedFacts,
    consent=st.booleans(),
    threat_to_life=st.booleans(),
    approvals=st.integers(min_value=0, max_value=2),
)
question_strategy = st.builds(
    Question,
    treaty=st.just(WORLD.treaty),
    article=st.sampled_from(ARTICLES),
    sender=st.just(XA),
    recipient=st.just(XB),
    purpose=st.sampled_from(PURPOSES),
    at=st.integers(min_value=0, max_value=70).map(lambda day: WORLD.now + timedelta(days=day)),
    action=st.sampled_from(["disclose", "disclose", "screen", "query"]),
)
reserved_strategy = st.frozensets(st.sampled_from(["6", "7", "8", "9"]))


def law_without(removed: frozenset[str]) -> Law:
    return WORLD.law(reserved=dict.fromkeys(removed, (XC,)))


def ask(
    question: Question,
    facts: ItemFacts,
    asserted: AssertedFacts,
    law: Law,
    *,
    proposal: bool = False,
) -> Decision:
    chosen = propose if proposal else decide
    return chosen(question, facts, asserted, law, link=FRESH, evaluator=MEMORY)


def duties_owed(
    question: Question, facts: ItemFacts, asserted: AssertedFacts, law: Law
) -> list[Any]:
    compiled: CompiledTreaty = law.compiled
    held = MEMORY.about(compiled, engine_question(question, facts, asserted, law)).satisfied()
    return [compiled.duties[name].obligations for name in compiled.duties if name in held]


@profile
@given(question_strategy, facts_strategy, asserted_strategy, reserved_strategy, reserved_strategy)
def test_taking_articles_away_only_narrows(
    question: Question,
    facts: ItemFacts,
    asserted: AssertedFacts,
    some: frozenset[str],
    more: frozenset[str],
) -> None:
    before = ask(question, facts, asserted, law_without(some))
    after = ask(question, facts, asserted, law_without(some | more))
    if question.article in some | more:
        assert after.verdict is Verdict.DENY
    else:
        assert (after.verdict, after.obligations, after.reasons) == (
            before.verdict,
            before.obligations,
            before.reasons,
        )


@profile
@given(question_strategy, facts_strategy, asserted_strategy, reserved_strategy, reserved_strategy)
def test_taking_articles_away_only_narrows_what_is_proposed(
    question: Question,
    facts: ItemFacts,
    asserted: AssertedFacts,
    some: frozenset[str],
    more: frozenset[str],
) -> None:
    before = ask(question, facts, asserted, law_without(some), proposal=True)
    law = law_without(some | more)
    after = ask(question, facts, asserted, law, proposal=True)
    assert after.place >= before.place
    if after.verdict is not Verdict.DENY:
        assumed = replace(
            asserted, consent=asserted.consent or after.verdict is Verdict.NEEDS_CONSENT
        )
        for duty in duties_owed(question, facts, assumed, law):
            assert after.obligations.covers(duty)


def tightened(draw: Any, facts: ItemFacts) -> ItemFacts:
    """Return the same item under a stricter marking or with a restriction added."""
    terms = facts.terms
    which = draw(st.sampled_from(["tlp", "handling", "purposes", "bytes", "join", "unknown"]))
    obj = WORLD.obj()
    match which:
        case "tlp":
            terms = replace(terms, tlp=draw(st.sampled_from([t for t in LEVELS if t >= terms.tlp])))
        case "handling":
            terms = replace(
                terms, handling=terms.handling | {draw(st.sampled_from(list(HandlingCondition)))}
            )
        case "purposes":
            kept = draw(st.frozensets(st.sampled_from(PURPOSES)))
            assume(terms.purposes & kept or not terms.personal)
            terms = replace(terms, purposes=terms.purposes & kept)
        case "bytes":
            obj = WORLD.obj(object_marking_refs=[TLP_MARKING_IDS[draw(st.sampled_from(LEVELS))]])
        case "unknown":
            obj = WORLD.obj(
                object_marking_refs=["marking-definition--11111111-2222-4333-8444-555555555555"]
            )
        case _:
            other = draw(terms_of())
            try:
                joined = join_terms(terms, other, originator=terms.originator)
            except TermsError:
                assume(False)  # noqa: FBT003 - hypothesis asks for it so
            # Offence and person say what the item is about; the rest restricts it.
            terms = replace(
                joined,
                offence=terms.offence,
                person=terms.person,
                personal=terms.personal,
                review=terms.review,
            )
    made: ItemFacts = WORLD.facts(
        terms,
        obj=obj,
        concerns_recipient=facts.concerns_recipient,
        received_under=facts.received_under,
    )
    return replace(made, kind=facts.kind)


@profile
@given(st.data(), question_strategy, facts_strategy, asserted_strategy, st.booleans())
def test_a_stricter_marking_or_an_added_restriction_only_narrows(
    data: st.DataObject,
    question: Question,
    facts: ItemFacts,
    asserted: AssertedFacts,
    proposal: bool,  # noqa: FBT001 - hypothesis passes by position
) -> None:
    stricter = tightened(data.draw, facts)
    before = ask(question, facts, asserted, law_without(frozenset()), proposal=proposal)
    after = ask(question, stricter, asserted, law_without(frozenset()), proposal=proposal)
    assert after.place >= before.place


@profile
@given(question_strategy, facts_strategy, asserted_strategy, reserved_strategy)
def test_nothing_leaves_without_a_permit_and_every_denial_has_a_reason(
    question: Question, facts: ItemFacts, asserted: AssertedFacts, removed: frozenset[str]
) -> None:
    decision = ask(question, facts, asserted, law_without(removed))
    assert decision.reasons
    assert all(reason.text for reason in decision.reasons)
    if decision.verdict is Verdict.DENY:
        assert decision.obligations.burden == (0, 0, 0, 0, 0)
        return
    (permit,) = [reason.ref for reason in decision.reasons if reason.kind == "permit"]
    assert permit.partition("/")[0] == decision.article
    assert decision.article not in removed
    owed = WORLD.compiled.permits[PolicyId(permit)]
    assert decision.obligations.covers(owed)


@profile
@given(
    facts_strategy,
    asserted_strategy,
    st.lists(st.tuples(question_strategy, reserved_strategy), min_size=1, max_size=6),
)
def test_what_is_remembered_is_what_would_be_decided(
    facts: ItemFacts, asserted: AssertedFacts, asked: list[tuple[Question, frozenset[str]]]
) -> None:
    decider = Decider()
    for question, removed in [*asked, *asked]:
        law = law_without(removed)
        remembered = decider.decide(question, facts, asserted, law, link=FRESH)
        assert remembered == decide(question, facts, asserted, law, link=FRESH)


@profile
@given(terms_of(), asserted_strategy, reserved_strategy, st.sampled_from(PURPOSES))
def test_a_release_replays_from_its_records(
    terms: Terms, asserted: AssertedFacts, removed: frozenset[str], purpose: str
) -> None:
    obj = WORLD.indicator(1)
    received = None if terms.originator == XA else WORLD.treaty
    facts = WORLD.facts(terms, obj=obj, received_under=received)
    law = law_without(removed)
    outcome = WORLD.gate().release(
        [Candidate(handle=1, obj=obj, facts=facts)],
        recipient=XB,
        law=law,
        link=FRESH,
        purpose=purpose,
        at=WORLD.now,
        asserted=asserted,
    )
    for batch in outcome.batches:
        sealed = batch.seal(
            LaneState(name="bulk", count=0, digest=EMPTY_LANE),
            log_origin="xa.example/log",
            log_index=0,
            signer=KEY,
        )
        payload = parse_disclosure(parse_envelope(unwrap_document(sealed.document)).payload)
        again = replay(
            parse_batch_record(sealed.record),
            parse_item_record(payload.item_record(0)),
            payload.terms_of(0),
            law,
        )
        assert again == batch.items[0].decision


TEXTS = st.text(alphabet=st.sampled_from(list("abc XYZ 0123456789 @.+-/:[]()")), max_size=60)
TARGETS = st.frozensets(
    st.sampled_from(
        [
            "kind:email",
            "kind:phone",
            "kind:document",
            "kind:account",
            "kind:name",
            "kind:handle",
            "property:description",
            "property:contact_information",
        ]
    ),
    min_size=1,
)


@profile
@given(TEXTS, TEXTS, st.text(min_size=1, max_size=12), TARGETS)
def test_redaction_removes_is_idempotent_and_only_ever_withholds(
    description: str, contact: str, name: str, targets: frozenset[str]
) -> None:
    obj = WORLD.identity(description=description, contact_information=contact, name=name)
    try:
        variant = redact(obj, targets, recipient=XB, secret=b"s" * 32, given=lambda each: each)
    except RedactionError:
        return
    assert residue(variant, targets) == ()
    again = redacted_content(variant, targets, given=lambda each: each)
    assert again == variant.document()
    assert variant.version == obj.version
    assert obj.id.encode() not in variant.raw


@profile
@given(st.binary(max_size=200))
def test_parsers_raise_only_their_error(data: bytes) -> None:
    for parse in (parse_disclosure, parse_batch_record, parse_item_record):
        with pytest.raises(DisclosureError):
            parse(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
PAYLOAD: Any = parse_json(
    (Path(__file__).parents[1] / "golden" / "release" / "disclosure-payload.json").read_bytes()
)


@profile
@given(st.data(), json_values)
def test_a_payload_with_one_part_changed_is_refused_or_reads_back(
    data: st.DataObject, value: Any
) -> None:
    changed = parse_json(canonical_bytes(PAYLOAD))
    node: Any = changed
    while True:
        key = data.draw(
            st.sampled_from(sorted(node))
            if isinstance(node, dict)
            else st.sampled_from(range(len(node)))
        )
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            node[key] = value
            break
        node = node[key]
    try:
        raw = canonical_bytes(changed)
    except Exception:  # noqa: BLE001 - no canonical form: nothing to parse
        return
    try:
        assert parse_disclosure(raw).encode() == raw
    except DisclosureError:
        return


@profile
@given(
    st.text(alphabet=st.sampled_from(list("permitforbd(){}[];,\"'@ \n./&|!<>=?:x1")), max_size=120)
)
def test_a_block_is_parsed_or_refused(text: str) -> None:
    try:
        parse_block(text)
    except BlockError:
        return


def test_the_world_is_the_one_of_the_unit_tests() -> None:
    assert isinstance(WORLD.treaty, str)
    assert TreatyId(WORLD.treaty) == WORLD.compiled.treaty.id
    assert ArticleId("7") in ARTICLES
