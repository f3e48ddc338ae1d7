"""The gate: what leaves, what stays, and that nothing goes around it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

import foedus
from foedus.ledger.commitment import SALT_BYTES, commit_item
from foedus.model.identifiers import ArticleId, MemberId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.markings import TLP
from foedus.model.objects import StixObject, parse_object
from foedus.model.terms import CategoryOfPerson, HandlingCondition
from foedus.release.batching import MAX_DOCUMENT_BYTES
from foedus.release.decide import Verdict
from foedus.release.errors import GateError, ProtocolActError
from foedus.release.facts import AssertedFacts, LinkFacts
from foedus.release.gate import (
    Candidate,
    Gate,
    LaneState,
    Preview,
    Released,
    ReleasedBatch,
    ReleaseOutcome,
)
from foedus.release.record import MAX_BATCH_ITEMS, MAX_PAYLOAD_BYTES
from foedus.signing.envelope import sign_envelope
from foedus.signing.keys import SigningKey

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
FRESH = LinkFacts(fresh=True)
KEY = SigningKey.from_seed(bytes(range(32)))


def release(world: World, candidates: list[Candidate], **changes: Any) -> ReleaseOutcome:
    gate = changes.pop("gate", None) or world.gate()
    arguments = {
        "recipient": XB,
        "law": world.law(),
        "link": FRESH,
        "purpose": "prevention",
        "at": world.now,
        **changes,
    }
    outcome: ReleaseOutcome = gate.release(candidates, **arguments)
    return outcome


def document(world: World, kind: FoedusKind = FoedusKind.INSTRUMENT) -> StixObject:
    payload = f'{{"kind":"{kind.value}"}}'.encode()
    envelope = sign_envelope(payload, "application/vnd.foedus.instrument+json;v=1", KEY)
    return parse_object(wrap_document(kind, envelope.document(), payload=payload, issued=world.now))


def test_every_candidate_leaves_or_stays_with_a_reason(world: World) -> None:
    candidates = [
        world.candidate(1, world.indicator(1)),
        world.candidate(2, world.indicator(2), world.terms(tlp=TLP.RED)),
        world.candidate(
            3, world.indicator(3), world.personal_terms(person=CategoryOfPerson.CONTACT)
        ),
        Candidate(
            handle=4,
            obj=world.indicator(4),
            facts=world.facts(
                world.terms(originator=XC), obj=world.indicator(4), received_under=world.treaty
            ),
        ),
        world.candidate(
            5,
            world.obj(
                id="indicator--8e2e2d2b-17d4-4cbf-938f-00000000000e",
                pattern="[x-passport:number = 'X1234567']",
            ),
            world.personal_terms(),
        ),
    ]
    outcome = release(world, candidates, article=ArticleId("7"))
    (batch,) = outcome.batches
    assert [item.handle for item in batch.items] == [1]
    assert {each.handle: each.code for each in outcome.withheld} == {
        2: "denied",
        3: "needs-approval",
        4: "needs-consent",
        5: "redaction",
    }
    assert all(each.reason for each in outcome.withheld)
    decisions = {each.handle: each.decision.verdict for each in outcome.withheld}
    assert decisions[5] is Verdict.PERMIT_REDACTED
    foreseen = world.gate().preview(
        candidates,
        recipient=XB,
        law=world.law(),
        link=FRESH,
        purpose="prevention",
        at=world.now,
        article=ArticleId("7"),
    )
    told = {each.handle: each.reason for each in outcome.withheld}
    assert foreseen.unredactable == {5: told[5]}, "the preview says what the release will do"


def test_exact_bytes_leave_where_nothing_is_redacted(world: World) -> None:
    obj = world.indicator(1)
    (batch,) = release(world, [world.candidate(1, obj)]).batches
    assert batch.items[0].obj is obj
    assert not batch.items[0].variant
    assert batch.items[0].commitment == commit_item(batch.items[0].salt, batch.items[0].record)


def test_salts_are_drawn_once_for_each_batch_and_never_twice(world: World) -> None:
    drawn: list[int] = []

    def random(count: int) -> bytes:
        drawn.append(count)
        return bytes(byte % 251 for byte in range(count))

    gate = Gate(member=XA, secret=b"s" * 32, random=random, exercise=True)
    candidates = [world.candidate(n, world.indicator(n)) for n in range(3)]
    (batch,) = release(world, candidates, gate=gate).batches
    assert drawn == [4 * SALT_BYTES]
    salts = [batch.salt, *(item.salt for item in batch.items)]
    assert len(set(salts)) == 4


def test_too_little_randomness_releases_nothing(world: World) -> None:
    gate = Gate(member=XA, secret=b"s" * 32, random=lambda _: b"short", exercise=True)
    with pytest.raises(GateError):
        release(world, [world.candidate(1, world.indicator(1))], gate=gate)


def test_batches_part_by_article_and_obligations(world: World) -> None:
    candidates = [
        world.candidate(1, world.indicator(1)),
        world.candidate(2, world.indicator(2), world.terms(offence="recruitment")),
        world.candidate(3, world.indicator(3), world.personal_terms()),
        world.candidate(4, world.indicator(4)),
    ]
    outcome = release(world, candidates)
    assert [
        (batch.article, [item.handle for item in batch.items]) for batch in outcome.batches
    ] == [
        ("7", [1, 4]),
        ("6", [2]),
        ("7", [3]),
    ]
    assert not outcome.withheld


def test_a_batch_holds_a_thousand(world: World) -> None:
    count = 2 * MAX_BATCH_ITEMS + 1
    terms = world.terms()
    candidates = [world.candidate(n, world.indicator(n), terms) for n in range(count)]
    sizes = [len(batch.items) for batch in release(world, candidates).batches]
    assert sizes == [1000, 1000, 1]


def test_a_batch_of_many_terms_still_fits_one_object(world: World) -> None:
    candidates = [
        world.candidate(n, world.indicator(n), world.terms(legal_basis=f"Act {n} " + "x" * 2000))
        for n in range(500)
    ]
    outcome = release(world, candidates)
    assert len(outcome.batches) > 1
    assert sum(len(batch.items) for batch in outcome.batches) == 500
    lane = LaneState(name="bulk", count=0, digest=bytes(32))
    for batch in outcome.batches:
        sealed = batch.seal(lane, log_origin="xa.example/log", log_index=0, signer=KEY)
        assert len(sealed.document.raw) < 1024 * 1024
        assert MAX_DOCUMENT_BYTES < MAX_PAYLOAD_BYTES


def test_a_full_batch_fits_its_estimate(world: World) -> None:
    candidates = [world.candidate(n, world.indicator(n)) for n in range(1000)]
    (batch,) = release(world, candidates).batches
    lane = LaneState(name="bulk", count=0, digest=bytes(32))
    sealed = batch.seal(lane, log_origin="xa.example/log", log_index=0, signer=KEY)
    assert len(sealed.document.raw) < 1024 * 1024


def test_a_variant_is_marked_as_one_and_references_follow(world: World) -> None:
    person = world.identity(contact_information="jon@pay.example")
    relation = world.obj(
        type="relationship",
        id="relationship--1f2e3d4c-0000-4000-8000-00000000abcd",
        relationship_type="indicates",
        source_ref=world.indicator(1).id,
        target_ref=person.id,
        description="Passport X1234567.",
        pattern=None,
        pattern_type=None,
        name=None,
        valid_from=None,
    )
    terms = world.personal_terms()
    candidates = [
        world.candidate(1, relation, terms),
        world.candidate(2, person, terms),
        world.candidate(3, world.indicator(1), terms),
    ]
    (batch,) = release(world, candidates, article=ArticleId("7")).batches
    sent = {item.handle: item for item in batch.items}
    assert [item.handle for item in batch.items] == [1, 2, 3]
    assert (sent[1].variant, sent[2].variant, sent[3].variant) == (True, True, False)
    assert sent[1].obj.document()["target_ref"] == sent[2].obj.id
    assert sent[1].obj.document()["source_ref"] == world.indicator(1).id
    assert b"jon@pay.example" not in sent[2].obj.raw


def test_a_reference_to_what_was_given_before_stays(world: World) -> None:
    obj = world.obj(created_by_ref=world.identity().id, description="Passport X1234567.")
    candidate = world.candidate(1, obj, world.personal_terms())
    (kept,) = release(world, [candidate], given=lambda identifier: identifier).batches
    assert b"created_by_ref" in kept.items[0].obj.raw
    (gone,) = release(world, [candidate]).batches
    assert b"created_by_ref" not in gone.items[0].obj.raw


def test_what_a_sighting_is_about_is_known_to_whom_it_concerns(world: World) -> None:
    about = world.indicator(1).id
    sighting = world.obj(
        type="sighting",
        id="sighting--1f2e3d4c-0000-4000-8000-00000000abcd",
        sighting_of_ref=about,
        description="Passport X1234567.",
        pattern=None,
        pattern_type=None,
        name=None,
        valid_from=None,
    )
    terms = world.personal_terms()
    facts = world.facts(terms, obj=sighting, concerns_recipient=True)
    outcome = release(
        world, [Candidate(handle=1, obj=sighting, facts=facts)], article=ArticleId("7")
    )
    assert outcome.batches[0].items[0].obj.document()["sighting_of_ref"] == about


def test_a_preview_tells_what_the_release_does_and_draws_nothing(world: World) -> None:
    candidates = [
        world.candidate(1, world.indicator(1)),
        world.candidate(2, world.indicator(2), world.terms(tlp=TLP.RED)),
        world.candidate(
            3, world.indicator(3), world.terms(handling=frozenset({HandlingCondition.H3}))
        ),
    ]

    def random(_: int) -> bytes:
        raise AssertionError("a preview draws no salt")

    gate = Gate(member=XA, secret=b"s" * 32, random=random, exercise=True)
    seen = gate.preview(
        candidates, recipient=XB, law=world.law(), link=FRESH, purpose="prevention", at=world.now
    ).decisions
    outcome = release(world, candidates)
    assert [seen[n].verdict for n in (1, 2, 3)] == [
        Verdict.PERMIT,
        Verdict.DENY,
        Verdict.NEEDS_APPROVAL,
    ]
    assert outcome.batches[0].items[0].decision == seen[1]
    assert {each.handle: each.decision for each in outcome.withheld} == {2: seen[2], 3: seen[3]}


def test_a_yes_is_not_promised_where_nothing_would_be_left(world: World) -> None:
    """A pattern that compares with what must be removed stays, whoever approves; it is foreseen."""
    passport = world.obj(pattern="[x-passport:number = 'X1234567']")
    terms = world.personal_terms(
        person=CategoryOfPerson.CONTACT, handling=frozenset({HandlingCondition.H3})
    )
    candidate = world.candidate(1, passport, terms)

    def seen(approvals: int) -> Preview:
        return world.gate().preview(
            [candidate],
            recipient=XB,
            law=world.law(),
            link=FRESH,
            purpose="prevention",
            at=world.now,
            asserted=AssertedFacts(approvals=approvals),
            article=ArticleId("7"),
        )

    waiting, granted = seen(0), seen(2)
    assert waiting.decisions[1].verdict is Verdict.NEEDS_APPROVAL
    assert granted.decisions[1].verdict is Verdict.PERMIT_REDACTED
    assert waiting.unredactable == granted.unredactable
    assert "would still show what must be removed" in waiting.unredactable[1]


def test_approvals_given_let_it_leave(world: World) -> None:
    terms = world.terms(handling=frozenset({HandlingCondition.H3}))
    outcome = release(
        world,
        [world.candidate(1, world.indicator(1), terms)],
        asserted=AssertedFacts(approvals=2),
    )
    assert len(outcome.batches[0].items) == 1
    assert outcome.batches[0].obligations.approvals == 2


def test_the_gate_refuses_what_is_confused(world: World) -> None:
    one = world.candidate(1, world.indicator(1))
    with pytest.raises(GateError):
        release(world, [one, one])
    with pytest.raises(GateError):
        release(world, [Candidate(handle=1, obj=world.identity(), facts=one.facts)])
    earnest = Gate(member=XA, secret=b"s" * 32, random=bytes, exercise=False)
    with pytest.raises(GateError):
        release(world, [one], gate=earnest)


def test_nothing_to_release_is_no_batch(world: World) -> None:
    assert release(world, []) == ReleaseOutcome(batches=(), withheld=())


def test_a_stale_link_withholds_all(world: World) -> None:
    outcome = release(
        world,
        [world.candidate(1, world.indicator(1))],
        link=LinkFacts(fresh=False, why="silence"),
    )
    assert not outcome.batches
    assert "silence" in outcome.withheld[0].reason


def test_only_the_gate_makes_what_is_released(world: World) -> None:
    (batch,) = release(world, [world.candidate(1, world.indicator(1))]).batches
    item = batch.items[0]
    with pytest.raises(GateError):
        Released(**{**structs.asdict(item), "mark": object()})
    for changes in ({}, {"record": b"{}"}, {"mark": None}):
        with pytest.raises(GateError):
            structs.replace(item, **changes)
    fields = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    with pytest.raises(GateError):
        ReleasedBatch(**fields, mark=object())
    with pytest.raises((GateError, ValueError, TypeError)):
        dataclasses.replace(batch, mark=None)
    assert item.salt.hex() not in repr(item)
    assert repr(item.salt) not in repr(item)
    assert {type(item), type(batch)} == {Released, ReleasedBatch}


def test_only_the_gate_uses_its_mark() -> None:
    source = Path(foedus.__file__).parent
    users = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if "GATE_MARK" in path.read_text(encoding="utf-8")
    }
    assert users == {"release/gate.py", "release/released.py"}


@pytest.mark.parametrize(
    ("case", "kind", "lane"),
    [
        ("instruments in their lane", FoedusKind.INSTRUMENT, "instruments"),
        ("orders in theirs", FoedusKind.ORDER, "orders"),
        ("attestations with the orders", FoedusKind.ATTESTATION, "orders"),
        ("discrepancies with the orders", FoedusKind.DISCREPANCY, "orders"),
    ],
)
def test_protocol_acts_travel(world: World, case: str, kind: FoedusKind, lane: str) -> None:
    assert case
    batch = world.gate().protocol(
        [(5, document(world, kind))], recipient=XB, lane=lane, treaty=None, at=world.now
    )
    assert (batch.article, batch.purpose, batch.treaty) == ("protocol", "protocol", None)
    assert batch.items[0].handle == 5
    assert batch.items[0].decision is None


@pytest.mark.parametrize(
    ("case", "kind", "lane"),
    [
        ("a request is decided by an article", FoedusKind.REQUEST, "orders"),
        ("an answer too", FoedusKind.ANSWER, "bulk"),
        ("an order in the instrument lane", FoedusKind.ORDER, "instruments"),
        ("an instrument in the order lane", FoedusKind.INSTRUMENT, "orders"),
        ("an instrument in bulk", FoedusKind.INSTRUMENT, "bulk"),
        ("a disclosure by itself", FoedusKind.DISCLOSURE, "orders"),
        ("a lane nobody knows", FoedusKind.ORDER, "secret"),
    ],
)
def test_protocol_acts_refused(world: World, case: str, kind: FoedusKind, lane: str) -> None:
    assert case
    with pytest.raises(ProtocolActError):
        world.gate().protocol(
            [(5, document(world, kind))], recipient=XB, lane=lane, treaty=None, at=world.now
        )


def test_case_content_never_passes_as_protocol(world: World) -> None:
    for lane in ("instruments", "orders", "bulk"):
        with pytest.raises(ProtocolActError):
            world.gate().protocol(
                [(1, world.indicator(1))], recipient=XB, lane=lane, treaty=None, at=world.now
            )


def test_a_forged_wrapper_never_passes_as_protocol(world: World) -> None:
    genuine = document(world).raw
    forged = [
        genuine.replace(b'"created"', b'"x_content":"a secret","created"'),
        genuine.replace(b'"signatures"', b'"more":"a secret","signatures"'),
        genuine.replace(b'"extension_type"', b'"a":"secret","extension_type"'),
        genuine + b" ",
    ]
    world.gate().protocol(
        [(1, document(world))], recipient=XB, lane="instruments", treaty=None, at=world.now
    )
    for raw in forged:
        with pytest.raises(ProtocolActError):
            world.gate().protocol(
                [(1, parse_object(raw))],
                recipient=XB,
                lane="instruments",
                treaty=None,
                at=world.now,
            )


def test_a_protocol_batch_has_bounds(world: World) -> None:
    for documents in ([], [(n, document(world)) for n in range(MAX_BATCH_ITEMS + 1)]):
        with pytest.raises(GateError):
            world.gate().protocol(
                documents, recipient=XB, lane="instruments", treaty=None, at=world.now
            )


def test_a_decision_ends_with_its_law(world: World) -> None:
    law = world.law(valid_until=world.now + timedelta(minutes=1))
    outcome = release(
        world,
        [world.candidate(1, world.indicator(1))],
        law=law,
        at=world.now + timedelta(minutes=1),
    )
    assert not outcome.batches
