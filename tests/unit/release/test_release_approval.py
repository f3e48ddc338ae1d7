"""Approvals and consents: what is signed, what voids it, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.canonical import canonical_bytes, parse_json
from foedus.model.identifiers import ArticleId, ItemKey, MemberId, ObjectId, TreatyId
from foedus.model.terms import HandlingCondition
from foedus.release.approval import (
    APPROVAL_TYPE,
    Approval,
    ApprovalSubject,
    open_approval,
    sign_approval,
    subject_of,
)
from foedus.release.consent import (
    CONSENT_TYPE,
    Consent,
    claimed_originator,
    open_consent,
    sign_consent,
)
from foedus.release.decide import Verdict
from foedus.release.errors import ApprovalError, ConsentError
from foedus.release.facts import AssertedFacts, LinkFacts
from foedus.release.gate import Candidate
from foedus.release.obligations import Obligations
from foedus.signing.envelope import Envelope, sign_envelope
from foedus.signing.keys import SigningKey

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(32))
H3 = frozenset({HandlingCondition.H3})


def subject(world: World, **changes: Any) -> ApprovalSubject:
    facts = world.facts(world.terms(handling=H3))
    decision = world.decide(facts)
    assert decision.verdict is Verdict.NEEDS_APPROVAL
    found = subject_of(world.obj(), facts, world.question(), decision, threat_to_life=False)
    assert found is not None
    return replace(found, **changes)


def approval(world: World, **changes: Any) -> Approval:
    plain = Approval(
        exercise=True,
        member=XA,
        user="ada",
        role="supervisor",
        at=world.now,
        subject=subject(world).digest,
    )
    return replace(plain, **changes)


def consent(world: World, **changes: Any) -> Consent:
    obj = world.obj()
    plain = Consent(
        exercise=True,
        item=ItemKey(originator=XC, object_id=obj.id, version=obj.version),
        sha256=obj.content_hash,
        user="olga",
        recipient=XB,
        treaty=world.treaty,
        purpose="prevention",
        at=world.now,
        until=world.now + timedelta(days=30),
    )
    return replace(plain, **changes)


def resigned(envelope: Envelope, as_type: str, **changes: Any) -> Envelope:
    body = parse_json(envelope.payload)
    assert isinstance(body, dict)
    return sign_envelope(canonical_bytes({**body, **changes}), as_type, KEY)


@pytest.mark.parametrize(
    "changed",
    [
        {"item": ItemKey(originator=XC, object_id=ObjectId("x"), version="1")},
        {"sha256": "0" * 64},
        {"terms": ObjectId("marking-definition--1")},
        {"recipient": XC},
        {"treaty": TreatyId("1" * 64)},
        {"article": ArticleId("6")},
        {"purpose": "investigation"},
        {"law_digest": "2" * 64},
        {"obligations": Obligations(approvals=2, retain=timedelta(days=1))},
        {"threat_to_life": True},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_any_change_makes_it_another_approval(world: World, changed: dict[str, Any]) -> None:
    assert subject(world, **changed).digest != subject(world).digest


def test_without_an_article_there_is_nothing_to_approve(world: World) -> None:
    decision = replace(world.decide(), article=None)
    assert subject_of(world.obj(), world.facts(), world.question(), decision,
                      threat_to_life=False) is None  # fmt: skip


def test_an_approval_reads_as_it_was_signed(world: World) -> None:
    one = approval(world)
    assert open_approval(sign_approval(one, KEY), (KEY.public,)) == one


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "consent"},
        {"subject": "nothing"},
        {"user": ""},
        {"more": 1},
        {"v": 2},
        {"instant": "yesterday"},
    ],
    ids=str,
)
def test_a_malformed_approval_is_refused(world: World, changes: dict[str, Any]) -> None:
    envelope = resigned(sign_approval(approval(world), KEY), APPROVAL_TYPE, **changes)
    with pytest.raises(ApprovalError):
        open_approval(envelope, (KEY.public,))


def test_an_approval_of_another_node_is_refused(world: World) -> None:
    with pytest.raises(ApprovalError, match="no valid signature"):
        open_approval(sign_approval(approval(world), OTHER), (KEY.public,))
    with pytest.raises(ApprovalError):
        sign_approval(approval(world, subject="?"), KEY)


def test_a_consent_reads_as_it_was_signed(world: World) -> None:
    one = consent(world)
    envelope = sign_consent(one, KEY)
    assert open_consent(envelope, (KEY.public,)) == one
    assert claimed_originator(envelope) == XC
    assert one.holds(world.now)
    assert not one.holds(one.until)
    assert not one.holds(world.now - timedelta(seconds=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "approval"},
        {"sha256": "?"},
        {"until": "2020-01-01T00:00:00.000000Z"},
        {"id": "no id"},
        {"treaty": "no treaty"},
        {"recipient": ""},
        {"more": 1},
    ],
    ids=str,
)
def test_a_malformed_consent_is_refused(world: World, changes: dict[str, Any]) -> None:
    envelope = resigned(sign_consent(consent(world), KEY), CONSENT_TYPE, **changes)
    with pytest.raises(ConsentError):
        open_consent(envelope, (KEY.public,))


def test_what_is_no_consent_claims_nobody() -> None:
    with pytest.raises(ConsentError):
        claimed_originator(sign_envelope(b"{}", CONSENT_TYPE, KEY))


def test_the_gate_counts_approvals_item_by_item(world: World) -> None:
    candidates = [
        replace(
            world.candidate(number, world.indicator(number), world.terms(handling=H3)),
            asserted=None if number == 3 else AssertedFacts(approvals=number),
        )
        for number in (1, 2, 3)
    ]
    outcome = world.gate().release(
        candidates,
        recipient=XB,
        law=world.law(),
        link=LinkFacts(fresh=True),
        purpose="prevention",
        at=world.now,
    )
    assert [(each.handle, each.code) for each in outcome.withheld] == [
        (1, "needs-approval"),
        (3, "needs-approval"),
    ]
    [batch] = outcome.batches
    assert [item.handle for item in batch.items] == [2]
    assert batch.asserted == AssertedFacts(approvals=2)


def test_items_asserted_differently_leave_in_batches_of_their_own(world: World) -> None:
    until = world.now + timedelta(hours=1)

    def one(number: int, asserted: AssertedFacts) -> Candidate:
        return replace(world.candidate(number, world.indicator(number)), asserted=asserted)

    gate = world.gate()
    candidates = [
        one(1, AssertedFacts(approvals=1)),
        one(2, AssertedFacts()),
        one(3, AssertedFacts(approvals=1, consent_until=until)),
    ]
    arguments: dict[str, Any] = {
        "recipient": XB,
        "law": world.law(),
        "link": LinkFacts(fresh=True),
        "purpose": "prevention",
        "at": world.now,
    }
    outcome = gate.release(candidates, **arguments)
    assert [[item.handle for item in batch.items] for batch in outcome.batches] == [[1, 3], [2]]
    assert [batch.asserted.approvals for batch in outcome.batches] == [1, 0]
    assert gate.preview(candidates, **arguments).decisions[3].valid_until == until
