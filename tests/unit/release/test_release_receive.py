"""The receiver decides again; an auditor replays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.ledger.commitment import EMPTY_LANE
from foedus.model.identifiers import ArticleId, ItemKey, MemberId, ObjectId, TreatyId
from foedus.model.kinds import FoedusKind, unwrap_document, wrap_document
from foedus.model.markings import TLP
from foedus.model.objects import parse_object
from foedus.release.consent import Consent
from foedus.release.decide import Decision
from foedus.release.errors import DisclosureError
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts, derive_facts
from foedus.release.gate import Candidate, LaneState, ReleasedBatch
from foedus.release.obligations import Obligations
from foedus.release.receive import JudgementKind, check_consent, judge, judge_protocol
from foedus.release.record import (
    DisclosurePayload,
    parse_batch_record,
    parse_disclosure,
    parse_item_record,
)
from foedus.release.replay import replay
from foedus.signing.envelope import parse_envelope, sign_envelope
from foedus.signing.keys import SigningKey

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
KEY = SigningKey.from_seed(bytes(range(32)))


def payload_of(batch: ReleasedBatch, lane: str = "bulk") -> DisclosurePayload:
    sealed = batch.seal(
        LaneState(name=lane, count=0, digest=EMPTY_LANE),
        log_origin="xa.example/log",
        log_index=0,
        signer=KEY,
    )
    return parse_disclosure(parse_envelope(unwrap_document(sealed.document)).payload)


def released(world: World, *candidates: Candidate, **changes: Any) -> ReleasedBatch:
    arguments = {"link": LinkFacts(fresh=True), "article": ArticleId("7"), **changes}
    outcome = world.gate().release(
        candidates,
        recipient=XB,
        law=world.law(),
        purpose="prevention",
        at=world.now,
        **arguments,
    )
    (batch,) = outcome.batches
    return batch


def facts_here(payload: DisclosurePayload, batch: ReleasedBatch, index: int = 0) -> ItemFacts:
    """What the receiver derives from what it got."""
    item = payload.items[index]
    terms = payload.terms_of(index)
    return derive_facts(
        batch.items[index].obj,
        terms,
        ObjectId(payload.classes[item.class_index].terms),
        originator=item.originator,
        sender=payload.sender,
        known_markings={},
        concerns_recipient=False,
        received_under=None,
    )


def whole(world: World) -> tuple[ReleasedBatch, DisclosurePayload, ItemFacts]:
    batch = released(world, world.candidate(1, world.indicator(1)))
    payload = payload_of(batch)
    return batch, payload, facts_here(payload, batch)


def test_what_was_released_rightly_is_accepted(world: World) -> None:
    batch, payload, facts = whole(world)
    found = judge(payload, batch.items[0].obj, 0, world.law(), facts, now=world.now)
    assert found.accepted
    assert found.decision is not None
    assert found.decision.article == "7"


def test_a_redacted_variant_is_accepted(world: World) -> None:
    person = world.identity(contact_information="jon@pay.example")
    batch = released(world, world.candidate(1, person, world.personal_terms()))
    payload = payload_of(batch)
    assert payload.items[0].variant
    found = judge(
        payload, batch.items[0].obj, 0, world.law(), facts_here(payload, batch), now=world.now
    )
    assert found.accepted


def test_what_was_passed_on_with_consent_is_accepted(world: World) -> None:
    terms = world.terms(originator=XC)
    obj = world.indicator(1)
    facts = world.facts(terms, obj=obj, received_under=world.treaty)
    batch = released(
        world,
        Candidate(handle=1, obj=obj, facts=facts),
        asserted=AssertedFacts(consent=True),
    )
    payload = payload_of(batch)
    assert payload.items[0].originator == XC
    assert judge(payload, obj, 0, world.law(), facts_here(payload, batch)).accepted


@pytest.mark.parametrize("later", [timedelta(days=30), timedelta(0)])
def test_freshness_was_the_senders_duty(world: World, later: timedelta) -> None:
    batch, payload, facts = whole(world)
    found = judge(payload, batch.items[0].obj, 0, world.law(), facts, now=world.now + later)
    assert found.accepted


def test_quarantined(world: World) -> None:
    batch, payload, facts = whole(world)
    obj = batch.items[0].obj
    law = world.law()
    stated = payload.classes[0]
    cases = {
        "other bytes": (
            judge(payload, world.indicator(2), 0, law, facts),
            JudgementKind.BYTES_DIFFER,
        ),
        "no such item": (judge(payload, obj, 1, law, facts), JudgementKind.BYTES_DIFFER),
        "other terms": (
            judge(payload, obj, 0, law, world.facts(world.terms(tlp=TLP.CLEAR), obj=obj)),
            JudgementKind.TERMS_DIFFER,
        ),
        "an exercise passed off as real": (
            judge(replace(payload, exercise=False), obj, 0, law, facts),
            JudgementKind.TERMS_DIFFER,
        ),
        "another originator": (
            judge(payload, obj, 0, law, replace(facts, originator=XC)),
            JudgementKind.FACTS_DIFFER,
        ),
        "a marking only the receiver sees": (
            judge(payload, obj, 0, law, replace(facts, tlp=TLP.RED)),
            JudgementKind.FACTS_DIFFER,
        ),
        "a fact left out": (
            judge(
                replace(
                    payload,
                    classes=(replace(stated, facts={**stated.facts, "more": True}),),
                ),
                obj,
                0,
                law,
                facts,
            ),
            JudgementKind.FACTS_DIFFER,
        ),
        "law one side lacks": (
            judge(payload, obj, 0, world.law(reserved={"8": (XB,)}), facts),
            JudgementKind.STALE_LAW,
        ),
        "an article that does not permit it": (
            judge(replace(payload, article="10"), obj, 0, law, facts),
            JudgementKind.VERDICT_DIFFERS,
        ),
        "a purpose outside the terms": (
            judge(replace(payload, purpose="protection-of-life"), obj, 0, law, facts),
            JudgementKind.VERDICT_DIFFERS,
        ),
        "obligations left out": (
            judge(replace(payload, obligations=Obligations(approvals=1)), obj, 0, law, facts),
            JudgementKind.OBLIGATIONS_DIFFER,
        ),
    }
    for case, (found, kind) in cases.items():
        assert (case, found.kind) == (case, kind)
        assert not found.accepted
        assert found.reason


def test_a_redaction_that_was_not_made_is_noticed(world: World) -> None:
    person = world.identity(contact_information="jon@pay.example")
    terms = world.personal_terms()
    batch = released(world, world.candidate(1, person, terms))
    payload = payload_of(batch)
    item = replace(
        payload.items[0],
        id=person.id,
        version=person.version,
        sha256=person.content_hash,
        variant=False,
    )
    cheated = replace(payload, items=(item,))
    found = judge(cheated, person, 0, world.law(), world.facts(terms, obj=person))
    assert found.kind is JudgementKind.OBLIGATION_UNMET
    assert "jon" not in found.reason


def test_approvals_asserted_too_few_are_noticed(world: World) -> None:
    terms = world.terms(tlp=TLP.CLEAR, offence="recruitment")
    candidate = world.candidate(1, world.indicator(1), terms)
    batch = released(world, candidate, article=ArticleId("9"), asserted=AssertedFacts(approvals=2))
    payload = payload_of(batch)
    facts = facts_here(payload, batch)
    assert judge(payload, batch.items[0].obj, 0, world.law(), facts).accepted
    cheated = replace(payload, asserted=AssertedFacts(approvals=1))
    found = judge(cheated, batch.items[0].obj, 0, world.law(), facts)
    assert found.kind is JudgementKind.VERDICT_DIFFERS


def test_what_expired_on_the_way_is_not_kept(world: World) -> None:
    expiry = world.now + timedelta(days=1)
    batch = released(world, world.candidate(1, world.indicator(1), world.terms(expiry=expiry)))
    payload = payload_of(batch)
    facts = facts_here(payload, batch)
    obj = batch.items[0].obj
    assert judge(payload, obj, 0, world.law(), facts, now=world.now).accepted
    found = judge(payload, obj, 0, world.law(), facts, now=expiry)
    assert found.kind is JudgementKind.EXPIRED


def test_protocol_documents_are_judged_by_the_fixed_rules(world: World) -> None:
    inner = b'{"kind":"order"}'
    envelope = sign_envelope(inner, "application/vnd.foedus.order+json;v=1", KEY)
    order = parse_object(
        wrap_document(FoedusKind.ORDER, envelope.document(), payload=inner, issued=world.now)
    )
    batch = world.gate().protocol(
        [(1, order)], recipient=XB, lane="orders", treaty=world.treaty, at=world.now
    )
    payload = payload_of(batch, "orders")
    assert judge_protocol(payload, order, 0).accepted
    for cheated in (
        replace(payload, lane="bulk"),
        replace(payload, article="7"),
        replace(payload, classes=(replace(payload.classes[0], facts={"kind": "indicator"}),)),
    ):
        assert not judge_protocol(cheated, order, 0).accepted
    assert not judge_protocol(payload, world.indicator(1), 0).accepted


def test_case_content_is_no_protocol_document_at_the_receiver(world: World) -> None:
    batch, payload, _ = whole(world)
    cheated = replace(payload, article="protocol", purpose="protocol", lane="orders")
    found = judge_protocol(cheated, batch.items[0].obj, 0)
    assert found.kind is JudgementKind.NOT_PROTOCOL


def replayed(world: World, batch: ReleasedBatch) -> Decision:
    payload = payload_of(batch)
    return replay(
        parse_batch_record(payload.batch_record()),
        parse_item_record(payload.item_record(0)),
        payload.terms_of(0),
        world.law(),
    )


def test_a_decision_replays_from_its_records(world: World) -> None:
    plain = released(world, world.candidate(1, world.indicator(1)))
    assert replayed(world, plain) == plain.items[0].decision
    redacted = released(
        world,
        world.candidate(
            1, world.identity(contact_information="jon@pay.example"), world.personal_terms()
        ),
    )
    assert replayed(world, redacted) == redacted.items[0].decision


def test_records_of_another_decision_do_not_replay(world: World) -> None:
    batch = released(world, world.candidate(1, world.indicator(1)))
    payload = payload_of(batch)
    record = parse_batch_record(payload.batch_record())
    item = parse_item_record(payload.item_record(0))
    with pytest.raises(DisclosureError, match="law"):
        replay(record, item, payload.terms_of(0), world.law(reserved={"8": (XB,)}))
    with pytest.raises(DisclosureError, match="terms"):
        replay(record, item, world.terms(tlp=TLP.CLEAR), world.law())
    with pytest.raises(DisclosureError, match="TLP"):
        replay(
            record,
            replace(item, facts={**item.facts, "tlp": "mauve"}),
            payload.terms_of(0),
            world.law(),
        )


# Rule 4: another originator's item.


def passed_on(world: World) -> tuple[DisclosurePayload, Consent]:
    """Return a payload with an item of XC, and the consent that covers it."""
    obj = world.indicator(1)
    facts = world.facts(world.terms(originator=XC), obj=obj, received_under=world.treaty)
    batch = released(
        world,
        Candidate(handle=1, obj=obj, facts=facts),
        asserted=AssertedFacts(consent=True),
    )
    payload = payload_of(batch)
    consent = Consent(
        exercise=payload.exercise,
        item=ItemKey(originator=XC, object_id=obj.id, version=obj.version),
        sha256=obj.content_hash,
        user="clerk",
        recipient=payload.recipient,
        treaty=payload.treaty,
        purpose=payload.purpose,
        at=payload.instant - timedelta(hours=1),
        until=payload.instant + timedelta(hours=1),
    )
    return payload, consent


def test_a_consent_to_exactly_this_is_enough(world: World) -> None:
    payload, consent = passed_on(world)
    other = replace(consent, sha256="0" * 64)
    assert check_consent(payload, 0, [other, consent]) is None


OTHERS: list[tuple[str, Callable[[Consent], Consent]]] = [
    ("of another member", lambda one: replace(one, item=replace(one.item, originator=XB))),
    ("to another version", lambda one: replace(one, item=replace(one.item, version="9"))),
    ("to other bytes", lambda one: replace(one, sha256="0" * 64)),
    ("for another recipient", lambda one: replace(one, recipient=XC)),
    ("under another treaty", lambda one: replace(one, treaty=TreatyId("cd" * 32))),
    ("for another purpose", lambda one: replace(one, purpose="screening")),
    ("of an exercise, or not", lambda one: replace(one, exercise=not one.exercise)),
    ("that has run out", lambda one: replace(one, until=one.at + timedelta(minutes=1))),
    ("that is not given yet", lambda one: replace(one, at=one.until - timedelta(minutes=1))),
]


@pytest.mark.parametrize("change", [row[1] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_a_consent_to_anything_else_is_none(
    world: World, change: Callable[[Consent], Consent]
) -> None:
    payload, consent = passed_on(world)
    found = check_consent(payload, 0, [change(consent)])
    assert found is not None
    assert (found.kind, found.accepted) == (JudgementKind.CONSENT_UNPROVED, False)
    assert "XC" in found.reason


def test_no_consent_is_none(world: World) -> None:
    payload, _ = passed_on(world)
    assert check_consent(payload, 0, []) is not None
