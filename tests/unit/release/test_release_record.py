"""The wire format, byte for byte, and what its parser refuses."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.canonical import canonical_bytes, parse_json
from foedus.ledger.commitment import (
    EMPTY_LANE,
    batch_root,
    commit_item,
    commit_record,
    lane_digest,
)
from foedus.model.identifiers import ArticleId, MemberId, ObjectId
from foedus.model.kinds import FoedusKind, unwrap_document, wrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.model.validation import validate_object, validate_payload
from foedus.release.errors import DisclosureError
from foedus.release.facts import LinkFacts
from foedus.release.gate import LaneState, ReleasedBatch, SealedBatch
from foedus.release.obligations import Obligations, read_annotations
from foedus.release.record import (
    DISCLOSURE_TYPE,
    DisclosurePayload,
    parse_batch_record,
    parse_disclosure,
    parse_item_record,
)
from foedus.signing.envelope import parse_envelope, sign_envelope, verify_envelope
from foedus.signing.keys import SigningKey

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

GOLDEN = Path(__file__).parents[2] / "golden" / "release"
XB = MemberId("XB")
KEY = SigningKey.from_seed(bytes(range(32)))
LANE = LaneState(name="bulk", count=4, digest=bytes.fromhex("11" * 32))


def batch_of(world: World) -> ReleasedBatch:
    """Three items of two classes: one whole, one with nothing to redact, one redacted."""
    person = world.personal_terms(expiry=world.now + timedelta(days=400))
    outcome = world.gate().release(
        [
            world.candidate(1, world.indicator(1), person),
            world.candidate(2, world.identity(), person),
            world.candidate(
                3,
                world.identity(
                    id="identity--1f2e3d4c-0000-4000-8000-00000000abce",
                    contact_information="jon@pay.example",
                ),
                person,
            ),
        ],
        recipient=XB,
        law=world.law(),
        link=LinkFacts(fresh=True),
        purpose="prevention",
        at=world.now,
        article=ArticleId("7"),
    )
    (batch,) = outcome.batches
    assert not outcome.withheld
    return batch


def sealed(world: World) -> tuple[ReleasedBatch, SealedBatch, DisclosurePayload]:
    batch = batch_of(world)
    made = batch.seal(LANE, log_origin="xa.example/log", log_index=7, signer=KEY)
    envelope = parse_envelope(unwrap_document(made.document))
    data = verify_envelope(envelope, [KEY.public], payload_type=DISCLOSURE_TYPE)
    return batch, made, parse_disclosure(data)


def protocol(world: World) -> bytes:
    payload = b'{"kind":"instrument","v":1}'
    envelope = sign_envelope(payload, "application/vnd.foedus.instrument+json;v=1", KEY)
    document = parse_object(
        wrap_document(FoedusKind.INSTRUMENT, envelope.document(), payload=payload, issued=world.now)
    )
    batch = world.gate().protocol(
        [(9, document)], recipient=XB, lane="instruments", treaty=None, at=world.now
    )
    lane = LaneState(name="instruments", count=0, digest=EMPTY_LANE)
    made = batch.seal(lane, log_origin="xa.example/log", log_index=0, signer=KEY)
    return parse_envelope(unwrap_document(made.document)).payload


def golden_texts(world: World) -> dict[str, bytes]:
    batch, made, payload = sealed(world)
    return {
        "batch-record.json": made.record,
        "item-record.json": batch.items[0].record,
        "item-record-variant.json": batch.items[2].record,
        "disclosure-payload.json": payload.encode(),
        "disclosure-object.json": made.document.raw,
        "protocol-payload.json": protocol(world),
    }


@pytest.mark.parametrize(
    "name",
    [
        "batch-record.json",
        "item-record.json",
        "item-record-variant.json",
        "disclosure-payload.json",
        "disclosure-object.json",
        "protocol-payload.json",
    ],
)
def test_the_wire_format_is_that_of_version_1(world: World, name: str) -> None:
    assert golden_texts(world)[name] == (GOLDEN / name).read_bytes()


def test_what_parses_encodes_to_the_same_bytes() -> None:
    for name in ("disclosure-payload.json", "protocol-payload.json"):
        data = (GOLDEN / name).read_bytes()
        assert parse_disclosure(data).encode() == data
    data = (GOLDEN / "batch-record.json").read_bytes()
    assert parse_batch_record(data).encode() == data
    for name in ("item-record.json", "item-record-variant.json"):
        data = (GOLDEN / name).read_bytes()
        assert parse_item_record(data).encode() == data


def test_the_payload_keeps_to_its_published_schema(world: World) -> None:
    _, made, payload = sealed(world)
    assert validate_payload(FoedusKind.DISCLOSURE, parse_json(payload.encode())) == ()
    assert validate_object(made.document) == ()
    assert validate_payload(FoedusKind.DISCLOSURE, parse_json(protocol(world))) == ()


def test_the_reader_computes_what_the_sender_committed(world: World) -> None:
    batch, made, payload = sealed(world)
    assert payload.item_records() == [item.record for item in batch.items]
    assert payload.commitments() == [item.commitment for item in batch.items]
    assert payload.batch_record() == made.record
    assert payload.entry() == made.entry == commit_record(batch.salt, made.record)
    assert payload.root == batch_root(payload.commitments()).hex()
    payload.check_commitments()
    digest = lane_digest(LANE.digest, made.entry)
    for item in batch.items:
        assert item.commitment == commit_item(item.salt, item.record)
        digest = lane_digest(digest, item.commitment)
    assert made.lane_after == LaneState(name="bulk", count=8, digest=digest)
    assert (payload.lane_count, payload.lane_digest) == (8, digest.hex())
    assert payload.terms_of(0) == world.personal_terms(expiry=world.now + timedelta(days=400))


def test_records_hold_no_content(world: World) -> None:
    batch, made, _ = sealed(world)
    for record in [made.record, *(item.record for item in batch.items)]:
        assert b"Jon" not in record
        assert b"pay.example" not in record


def changed(world: World, **changes: Any) -> bytes:
    document = parse_json(sealed(world)[2].encode())
    assert isinstance(document, dict)
    return canonical_bytes({**document, **changes})


def first(world: World, name: str, **changes: Any) -> dict[str, Any]:
    document: Any = parse_json(sealed(world)[2].encode())
    listed = document[name]
    return {name: [{**listed[0], **changes}, *listed[1:]]}


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("another version", {"v": 2}),
        ("another kind", {"kind": "head"}),
        ("a field nobody knows", {"more": 1}),
        ("a sender that is no member", {"sender": "xa"}),
        ("a treaty that is no hash", {"treaty": "7"}),
        ("an instant without microseconds", {"instant": "2026-11-24T10:00:00Z"}),
        ("an instant that does not exist", {"instant": "2026-13-24T10:00:00.000000Z"}),
        ("no article", {"article": ""}),
        ("a very long purpose", {"purpose": "x" * 300}),
        ("a lane with a space", {"lane": "bulk lane"}),
        ("a negative count", {"lane_count": -1}),
        ("a salt that is too short", {"salt": "00"}),
        ("a root in capitals", {"root": "AB" * 32}),
        ("terms left out", {"terms": {}}),
        (
            "negative approvals",
            {"asserted": {"consent": False, "threat_to_life": False, "approvals": -1}},
        ),
        (
            "an endless retention",
            {
                "obligations": {
                    "redact": [],
                    "retain_s": 2**53 - 1,
                    "acknowledge_s": None,
                    "approvals": 0,
                }
            },
        ),
        (
            "targets out of order",
            {
                "obligations": {
                    "redact": ["b", "a"],
                    "retain_s": None,
                    "acknowledge_s": None,
                    "approvals": 0,
                }
            },
        ),
        ("a number as a switch", {"exercise": 1}),
        ("too many items", {"items": [{}] * 1001}),
    ],
)
def test_a_payload_is_refused(world: World, case: str, changes: dict[str, Any]) -> None:
    assert case
    with pytest.raises(DisclosureError):
        parse_disclosure(changed(world, **changes))


@pytest.mark.parametrize(
    ("case", "name", "changes"),
    [
        ("an item of no class", "items", {"class": 9}),
        ("an item of a class before the first", "items", {"class": -1}),
        ("an item with no STIX id", "items", {"id": "indicator"}),
        ("a class with other facts", "classes", {"facts": {"kind": "indicator"}}),
        ("a class without terms but with facts", "classes", {"terms": ""}),
        (
            "a class whose terms are not there",
            "classes",
            {"terms": "marking-definition--11111111-2222-5333-8444-555555555555"},
        ),
    ],
)
def test_a_part_of_a_payload_is_refused(
    world: World, case: str, name: str, changes: dict[str, Any]
) -> None:
    assert case
    with pytest.raises(DisclosureError):
        parse_disclosure(changed(world, **first(world, name, **changes)))


def test_terms_that_were_touched_are_refused(world: World) -> None:
    document: Any = parse_json(sealed(world)[2].encode())
    ((name, terms),) = document["terms"].items()
    (extension,) = terms["extensions"].values()
    extension["purposes"] = ["prevention"]
    with pytest.raises(DisclosureError):
        parse_disclosure(canonical_bytes({**document, "terms": {name: terms}}))


def test_one_form_only(world: World) -> None:
    data = sealed(world)[2].encode()
    for other in (data + b"\n", json.dumps(json.loads(data)).encode(), data[:-1], b"", b"\xff"):
        with pytest.raises(DisclosureError):
            parse_disclosure(other)


def test_a_root_of_other_items_is_noticed(world: World) -> None:
    payload = parse_disclosure(changed(world, root="00" * 32))
    with pytest.raises(DisclosureError, match="root"):
        payload.check_commitments()
    short = parse_disclosure(changed(world, lane_count=2))
    with pytest.raises(DisclosureError, match="rows"):
        short.check_commitments()


def test_there_is_no_item_beyond_the_last(world: World) -> None:
    payload = sealed(world)[2]
    for ask in (payload.item_record, payload.terms_of):
        with pytest.raises(DisclosureError):
            ask(3)
    with pytest.raises(DisclosureError):
        parse_disclosure(protocol(world)).terms_of(0)


def test_records_of_another_form_are_refused(world: World) -> None:
    batch, made, _ = sealed(world)
    for parse, data in (
        (parse_batch_record, made.record),
        (parse_item_record, batch.items[0].record),
    ):
        for other in (data + b" ", data.replace(b'"v":1', b'"v":2'), b"{}", b"[]", b"\xff"):
            with pytest.raises(DisclosureError):
                parse(other)


def test_a_variant_is_named_by_its_own_id(world: World) -> None:
    batch, _, payload = sealed(world)
    ids = [item.id for item in payload.items]
    assert ids[0] == world.indicator(1).id
    assert ids[1] == world.identity().id
    assert ids[2] != ObjectId("identity--1f2e3d4c-0000-4000-8000-00000000abce")
    assert [item.variant for item in payload.items] == [False, False, True]
    assert [isinstance(item.obj, StixObject) for item in batch.items] == [True] * 3


def test_a_review_stands_on_the_wire_only_where_one_is_owed() -> None:
    owed = Obligations(review=timedelta(hours=72))
    assert owed.document()["review_s"] == 72 * 3600
    assert "review_s" not in Obligations(approvals=1).document()
    assert owed.join(Obligations(review=timedelta(hours=1))).review == timedelta(hours=1)
    assert owed.burden > Obligations().burden
    assert read_annotations({"review": "PT72H"}) == owed
