"""Consents on their way: with the item through the gate, into the payload, and out of it again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.canonical import JSONValue, canonical_bytes, parse_json
from foedus.model.identifiers import ArticleId, ItemKey, MemberId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.terms import CategoryOfPerson
from foedus.model.validation import validate_payload
from foedus.release.batching import MAX_DOCUMENT_BYTES
from foedus.release.consent import Consent, sign_consent
from foedus.release.decide import Verdict
from foedus.release.errors import DisclosureError
from foedus.release.facts import AssertedFacts, LinkFacts
from foedus.release.gate import Candidate, LaneState, ReleasedBatch, ReleaseOutcome
from foedus.release.record import DisclosurePayload, parse_disclosure
from foedus.signing import Envelope, SigningKey, parse_envelope
from foedus.signing.envelope import MAX_SIGNATURES, EnvelopeSignature

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
KEY = SigningKey.from_seed(bytes(range(32)))


def consent(world: World, number: int, user: str = "olga") -> Envelope:
    obj = world.indicator(number)
    return sign_consent(
        Consent(
            exercise=True,
            item=ItemKey(originator=XC, object_id=obj.id, version=obj.version),
            sha256=obj.content_hash,
            user=user,
            recipient=XB,
            treaty=world.treaty,
            purpose="prevention",
            at=world.now,
            until=world.now + timedelta(days=1),
        ),
        KEY,
    )


def passed_on(world: World, number: int, envelope: Envelope | None, **terms: Any) -> Candidate:
    """Return an item of XC that XA passes on."""
    obj = world.indicator(number)
    used = world.terms(originator=XC, **terms)
    return Candidate(
        handle=number,
        obj=obj,
        facts=world.facts(used, obj=obj, received_under=world.treaty),
        asserted=AssertedFacts(consent=envelope is not None),
        consent=envelope,
    )


def release(world: World, candidates: list[Candidate], **changes: Any) -> ReleaseOutcome:
    plain: dict[str, Any] = {
        "recipient": XB,
        "law": world.law(),
        "link": LinkFacts(fresh=True),
        "purpose": "prevention",
        "at": world.now,
        "article": ArticleId("7"),
    }
    return world.gate().release(candidates, **{**plain, **changes})


def payload_of(batch: ReleasedBatch) -> bytes:
    lane = LaneState(name="bulk", count=0, digest=bytes(32))
    sealed = batch.seal(lane, log_origin="foedus/xa/log", log_index=0, signer=KEY)
    return parse_envelope(unwrap_document(sealed.document)).payload


def changed(data: bytes, **changes: JSONValue) -> bytes:
    body = parse_json(data)
    assert isinstance(body, dict)
    return canonical_bytes({**body, **changes})


def test_consents_travel_with_what_is_passed_on_each_once(world: World) -> None:
    one, two = consent(world, 1), consent(world, 2)
    [batch] = release(world, [passed_on(world, 1, one), passed_on(world, 2, two)]).batches
    payload = parse_disclosure(payload_of(batch))
    assert payload.consents == (one, two)
    assert payload.asserted == AssertedFacts(consent=True)
    assert payload.encode() == payload_of(batch) == canonical_bytes(parse_json(payload_of(batch)))
    [alike] = release(world, [passed_on(world, 1, one), passed_on(world, 2, one)]).batches
    assert alike.consents == (one,)


def test_without_a_consent_the_payload_has_no_such_field(world: World) -> None:
    [batch] = release(world, [world.candidate(1, world.indicator(1))]).batches
    assert b'"consents"' not in payload_of(batch)
    assert parse_disclosure(payload_of(batch)).consents == ()


def test_what_lacks_its_consent_stays(world: World) -> None:
    outcome = release(world, [passed_on(world, 1, consent(world, 1)), passed_on(world, 2, None)])
    assert [each.code for each in outcome.withheld] == ["needs-consent"]
    assert [item.handle for batch in outcome.batches for item in batch.items] == [1]


REFUSED: dict[str, JSONValue] = {
    "an empty list": [],
    "no list": {},
    "nothing": None,
    "a list of nothings": [None],
    "a consent that is no envelope": [{}],
    "more than a batch has items": [{"payload": "", "payloadType": "x", "signatures": []}] * 1_001,
}


@pytest.mark.parametrize("consents", REFUSED.values(), ids=REFUSED.keys())
def test_a_payload_is_refused_with(world: World, consents: JSONValue) -> None:
    [batch] = release(world, [passed_on(world, 1, consent(world, 1))]).batches
    with pytest.raises(DisclosureError):
        parse_disclosure(changed(payload_of(batch), consents=consents))


def test_a_consent_in_another_spelling_is_refused(world: World) -> None:
    [batch] = release(world, [passed_on(world, 1, consent(world, 1))]).batches
    document = dict(consent(world, 1).document())
    spelt = [{**document, "more": True}]
    with pytest.raises(DisclosureError, match="canonical form"):
        parse_disclosure(changed(payload_of(batch), consents=spelt))


def test_a_batch_with_many_consents_still_fits_one_document(world: World) -> None:
    envelopes = [consent(world, number, user="o" * 1_000) for number in range(400)]
    candidates = [passed_on(world, number, each) for number, each in enumerate(envelopes)]
    outcome = release(world, candidates)
    assert len(outcome.batches) > 1
    assert sum(len(batch.consents) for batch in outcome.batches) == len(envelopes)
    for batch in outcome.batches:
        assert len(payload_of(batch)) <= MAX_DOCUMENT_BYTES
        payload: DisclosurePayload = parse_disclosure(payload_of(batch))
        assert payload.consents == batch.consents


def test_a_batch_of_consents_padded_with_signatures_still_fits_one_document(world: World) -> None:
    idle = EnvelopeSignature(key_id="\x01" * 256, signature=bytes(64))
    padded = [
        replace(one, signatures=(*one.signatures, *[idle] * (MAX_SIGNATURES - 1)))
        for one in (consent(world, number) for number in range(60))
    ]
    outcome = release(world, [passed_on(world, at, one) for at, one in enumerate(padded)])
    assert sum(len(batch.items) for batch in outcome.batches) == 60
    for batch in outcome.batches:
        assert len(payload_of(batch)) <= MAX_DOCUMENT_BYTES


def test_anothers_item_that_would_leave_redacted_stays(world: World) -> None:
    person = {
        "person": CategoryOfPerson.SUSPECT,
        "personal": True,
        "review": world.now + timedelta(days=100),
    }
    obj = world.obj(
        id="indicator--8e2e2d2b-17d4-4cbf-938f-000000000001", description="Passport X1234567"
    )
    used = world.terms(originator=XC, **person)
    theirs = Candidate(
        handle=1,
        obj=obj,
        facts=world.facts(used, obj=obj, received_under=world.treaty),
        asserted=AssertedFacts(consent=True),
        consent=consent(world, 1),
    )
    ours = replace(theirs, facts=world.facts(world.terms(**person), obj=obj), consent=None)
    decided = world.gate().decisions(
        [theirs],
        recipient=XB,
        law=world.law(),
        link=LinkFacts(fresh=True),
        purpose="prevention",
        at=world.now,
        article=ArticleId("7"),
    )
    assert decided[1].verdict is Verdict.PERMIT_REDACTED
    outcome = release(world, [theirs])
    if not release(world, [ours]).batches[0].items[0].variant:
        pytest.fail("the sample shows nothing to redact")
    [kept] = outcome.withheld
    assert (kept.code, outcome.batches) == ("redaction", ())
    assert "no consent of its originator can be matched" in kept.reason


WRONG: list[JSONValue] = [[], None, [{}], {"payload": ""}]


def test_a_payload_with_consents_keeps_to_its_published_schema(world: World) -> None:
    [batch] = release(world, [passed_on(world, 1, consent(world, 1))]).batches
    assert validate_payload(FoedusKind.DISCLOSURE, parse_json(payload_of(batch))) == ()
    for consents in WRONG:
        data = changed(payload_of(batch), consents=consents)
        assert validate_payload(FoedusKind.DISCLOSURE, parse_json(data)) != ()
