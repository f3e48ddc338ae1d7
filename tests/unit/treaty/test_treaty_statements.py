"""Letters of credence and instruments: signing, opening, and everything that must be refused."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import JSONValue, canonical_bytes, parse_json
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId, derived_object_id
from foedus.signing.envelope import Envelope, sign_envelope
from foedus.signing.keyring import KeyGrant, KeyPurpose
from foedus.signing.keys import SigningKey
from foedus.treaty.credence import (
    CREDENCE_TYPE,
    Credence,
    CredenceError,
    fingerprint,
    open_credence,
    sign_credence,
)
from foedus.treaty.instrument import (
    INSTRUMENT_TYPE,
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Form,
    FullPowers,
    InstrumentDraft,
    InstrumentError,
    Objection,
    Ratification,
    Reservation,
    Revocation,
    Signature,
    Statement,
    Suspension,
    UnknownInstrument,
    Withdrawal,
    claimed_member,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.payload import MAX_STATEMENT_BYTES
from foedus.treaty.statements import is_about_a_treaty, only_narrows

if TYPE_CHECKING:
    from tests.unit.treaty.conftest import World


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


AUTHORITY = key_of("XA")
NOW = datetime.fromisoformat("2026-11-24T10:00:00+00:00")
TREATY = TreatyId("ab" * 32)
LETTER = Credence(
    member=MemberId("XA"),
    name="Arland",
    authority=AUTHORITY.public,
    next_authority_hash=None,
    node=key_of("node").public,
    log=key_of("log").public,
    log_origin="xa.example/log",
    address="https://xa.example:8443",
    issued=NOW,
    exercise=True,
)


def document(payload: bytes) -> dict[str, Any]:
    value = parse_json(payload)
    assert isinstance(value, dict)
    return value


def signed(value: JSONValue, kind: str = INSTRUMENT_TYPE, key: SigningKey = AUTHORITY) -> Envelope:
    return sign_envelope(canonical_bytes(value), kind, key)


def test_credence_round_trip() -> None:
    letter = dataclasses.replace(LETTER, next_authority_hash="0" * 64)
    assert open_credence(sign_credence(letter, AUTHORITY)) == letter
    assert fingerprint(letter) == AUTHORITY.public.fingerprint


CREDENCE_CHANGES: list[tuple[str, dict[str, JSONValue]]] = [
    ("another member", {"member": "xa"}),
    ("empty name", {"name": ""}),
    ("name of two lines", {"name": "Arland\nBorland"}),
    ("name is no text", {"name": 3}),
    ("no key", {"node": "ed25519:"}),
    ("the authority's key is the node's", {"node": AUTHORITY.public.text}),
    ("the authority's key is the log's", {"log": AUTHORITY.public.text}),
    ("hash too short", {"next_authority_hash": "00"}),
    ("origin with plus", {"log_origin": "a+b"}),
    ("address of a file", {"address": "file:///etc/passwd"}),
    ("address with user", {"address": "https://a@b.example"}),
    ("address with query", {"address": "https://b.example/?a=1"}),
    ("instant without fraction", {"issued": "2026-11-24T10:00:00Z"}),
    ("no instant", {"issued": "2026-13-24T10:00:00.000000Z"}),
    ("flag is a number", {"exercise": 1}),
    ("version 2", {"v": 2}),
    ("version true", {"v": True}),
    ("another kind", {"kind": "signature"}),
    ("something more", {"territory": "all"}),
]


@pytest.mark.parametrize(
    "change", [case[1] for case in CREDENCE_CHANGES], ids=[case[0] for case in CREDENCE_CHANGES]
)
def test_credence_refused(change: dict[str, JSONValue]) -> None:
    value = document(sign_credence(LETTER, AUTHORITY).payload) | change
    with pytest.raises(CredenceError):
        open_credence(signed(value, CREDENCE_TYPE))


def test_credence_with_a_missing_field() -> None:
    value = document(sign_credence(LETTER, AUTHORITY).payload)
    for name in value:
        with pytest.raises(CredenceError):
            open_credence(signed({k: v for k, v in value.items() if k != name}, CREDENCE_TYPE))


def test_credence_is_signed_by_the_key_it_names() -> None:
    value = document(sign_credence(LETTER, AUTHORITY).payload)
    with pytest.raises(CredenceError):
        open_credence(signed(value, CREDENCE_TYPE, key_of("thief")))
    with pytest.raises(CredenceError):
        open_credence(signed(value, INSTRUMENT_TYPE))
    with pytest.raises(CredenceError):
        sign_credence(LETTER, key_of("thief"))
    with pytest.raises(CredenceError):
        sign_credence(dataclasses.replace(LETTER, issued=NOW.replace(tzinfo=None)), AUTHORITY)


POWERS = FullPowers(
    keys=(
        KeyGrant(
            name="XA",
            purpose=KeyPurpose.NODE,
            key=key_of("node").public,
            valid_from=NOW,
            valid_until=NOW + timedelta(days=1),
        ),
        KeyGrant(name="XA", purpose=KeyPurpose.LOG, key=key_of("log").public, valid_from=NOW),
    ),
    log_origin="xa.example/log",
    address="https://xa.example",
    wire_versions=(1,),
)
RATIFICATION = Ratification(
    form=Form.ACCEPTANCE,
    reservations=(ArticleId("10"), ArticleId("8")),
    recognises=("financing", "recruitment"),
)


EIGHT = (ArticleId("8"),)
KINDS: dict[str, Statement] = {
    "full powers": POWERS,
    "revocation": Revocation(keys=(key_of("node").public,)),
    "signature": Signature(),
    "ratification": RATIFICATION,
    "admission": Admission(
        candidate=MemberId("NY"), name="Newland", authority=key_of("NY").public.fingerprint
    ),
    "accession": Accession(reservations=EIGHT, recognises=("financing",)),
    "reservation": Reservation(articles=EIGHT),
    "objection": Objection(to=MemberId("XB"), articles=EIGHT, opposing=True),
    "withdrawal": Withdrawal(of=ObjectId("foedus-instrument--1"), articles=EIGHT),
    "declaration": Declaration(
        text="Our law.", recognises=("financing",), definitions=(("financing", "To pay."),)
    ),
    "declaration without words": Declaration(text=None, recognises=("financing",), definitions=()),
    "amendment": Amendment(successor=TreatyId("cd" * 32)),
    "suspension of one": Suspension(of=MemberId("XB"), until=NOW + timedelta(days=1)),
    "suspension between all": Suspension(of=None, until=None),
    "denunciation": Denunciation(),
}


def draft(body: Statement, serial: int = 1) -> InstrumentDraft:
    treaty = TREATY if is_about_a_treaty(body) else None
    return InstrumentDraft(
        member=MemberId("XA"), serial=serial, issued=NOW, treaty=treaty, body=body
    )


@pytest.mark.parametrize("body", KINDS.values(), ids=KINDS.keys())
def test_instrument_round_trip(body: Statement) -> None:
    envelope = sign_instrument(draft(body, 7), AUTHORITY)
    instrument = open_instrument(envelope, AUTHORITY.public)
    assert instrument.body == body
    assert (instrument.member, instrument.serial, instrument.issued) == ("XA", 7, NOW)
    assert instrument.authority == AUTHORITY.public.fingerprint
    assert instrument.id == derived_object_id("foedus-instrument", envelope.payload)
    assert claimed_member(envelope) == "XA"


def test_lists_are_sorted_on_signing() -> None:
    unsorted = dataclasses.replace(RATIFICATION, reservations=(ArticleId("8"), ArticleId("10")))
    one, two = (sign_instrument(draft(body), AUTHORITY) for body in (unsorted, RATIFICATION))
    assert one.payload == two.payload


INSTRUMENT_CHANGES: list[tuple[str, dict[str, JSONValue]]] = [
    ("serial 0", {"serial": 0}),
    ("serial as text", {"serial": "1"}),
    ("no treaty", {"treaty": None}),
    ("treaty misspelt", {"treaty": "AB" * 32}),
    ("member misspelt", {"member": "X"}),
    ("unknown form", {"form": "adoption"}),
    ("reservations unsorted", {"reservations": ["8", "10"]}),
    ("reservations twice", {"reservations": ["8", "8"]}),
    ("reservations of numbers", {"reservations": [8]}),
    ("reservations one text", {"reservations": "8"}),
    ("recognises an empty text", {"recognises": [""]}),
    ("instant of another zone", {"issued": "2026-11-24T10:00:00.000000+01:00"}),
]


@pytest.mark.parametrize(
    "change", [case[1] for case in INSTRUMENT_CHANGES], ids=[case[0] for case in INSTRUMENT_CHANGES]
)
def test_instrument_refused(change: dict[str, JSONValue]) -> None:
    value = document(sign_instrument(draft(RATIFICATION), AUTHORITY).payload) | change
    with pytest.raises(InstrumentError):
        open_instrument(signed(value), AUTHORITY.public)


KIND_CHANGES: list[tuple[str, str, dict[str, JSONValue]]] = [
    ("revokes nothing", "revocation", {"keys": []}),
    ("revokes no key", "revocation", {"keys": ["key"]}),
    ("revocation names a treaty", "revocation", {"treaty": TREATY}),
    ("admits itself", "admission", {"candidate": "XA"}),
    ("key misspelt", "admission", {"authority": "AAAA"}),
    ("candidate misspelt", "admission", {"candidate": "x"}),
    ("accession without list", "accession", {"reservations": None}),
    ("reserves nothing", "reservation", {"articles": []}),
    ("objects to itself", "objection", {"to": "XA"}),
    ("objects to nothing", "objection", {"articles": []}),
    ("opposing maybe", "objection", {"opposing": None}),
    ("withdraws no id", "withdrawal", {"of": None}),
    ("says nothing", "declaration", {"text": None, "recognises": [], "definitions": {}}),
    ("definitions in a list", "declaration", {"definitions": []}),
    ("definition is a number", "declaration", {"definitions": {"financing": 1}}),
    ("too many definitions", "declaration", {"definitions": {f"o{n}": "x" for n in range(1001)}}),
    ("text of two lines", "declaration", {"text": "a\nb"}),
    ("successor misspelt", "amendment", {"successor": "ab"}),
    ("suspends itself", "suspension of one", {"of": "XA"}),
    ("until some day", "suspension of one", {"until": "tomorrow"}),
    ("denounces no treaty", "denunciation", {"treaty": None}),
]


@pytest.mark.parametrize(
    ("kind", "change"), [case[1:] for case in KIND_CHANGES], ids=[case[0] for case in KIND_CHANGES]
)
def test_kind_refused(kind: str, change: dict[str, JSONValue]) -> None:
    value = document(sign_instrument(draft(KINDS[kind]), AUTHORITY).payload) | change
    with pytest.raises(InstrumentError):
        open_instrument(signed(value), AUTHORITY.public)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_needs_each_field_and_knows_no_other(kind: str) -> None:
    value = document(sign_instrument(draft(KINDS[kind]), AUTHORITY).payload)
    body = open_instrument(signed(value | {"zeal": 1}), AUTHORITY.public).body
    assert body == UnknownInstrument(kind=value["kind"], why="the field 'zeal' is not known")
    for name in value:
        with pytest.raises(InstrumentError):
            open_instrument(signed({k: v for k, v in value.items() if k != name}), AUTHORITY.public)


def test_what_only_narrows() -> None:
    narrowing = {name for name, body in KINDS.items() if only_narrows(body)}
    assert narrowing == {"revocation", "reservation", "objection", "denunciation"}
    assert only_narrows(UnknownInstrument(kind="x", why="y"))


GRANT_CHANGES: list[tuple[str, dict[str, JSONValue]]] = [
    ("for another member", {"name": "XB"}),
    ("of the authority", {"purpose": "authority"}),
    ("of an unknown purpose", {"purpose": "seal"}),
    ("never valid", {"valid_until": "2020-01-01T00:00:00.000000Z"}),
    ("without key", {"key": ""}),
]


@pytest.mark.parametrize(
    "change", [case[1] for case in GRANT_CHANGES], ids=[case[0] for case in GRANT_CHANGES]
)
def test_grant_refused(change: dict[str, JSONValue]) -> None:
    value = document(sign_instrument(draft(POWERS), AUTHORITY).payload)
    value["keys"][0] |= change
    with pytest.raises(InstrumentError):
        open_instrument(signed(value), AUTHORITY.public)


@pytest.mark.parametrize("versions", [[], [2, 1], [0], ["1"], [True], 1])
def test_wire_versions_refused(versions: JSONValue) -> None:
    value = document(sign_instrument(draft(POWERS), AUTHORITY).payload)
    with pytest.raises(InstrumentError):
        open_instrument(signed(value | {"wire_versions": versions}), AUTHORITY.public)


def test_grants_are_objects() -> None:
    value = document(sign_instrument(draft(POWERS), AUTHORITY).payload)
    with pytest.raises(InstrumentError):
        open_instrument(signed(value | {"keys": ["a key"]}), AUTHORITY.public)


def test_full_powers_name_no_treaty() -> None:
    value = document(sign_instrument(draft(POWERS), AUTHORITY).payload)
    with pytest.raises(InstrumentError):
        open_instrument(signed(value | {"treaty": TREATY}), AUTHORITY.public)


def test_unknown_is_kept() -> None:
    value = document(sign_instrument(draft(RATIFICATION), AUTHORITY).payload)
    body = open_instrument(signed(value | {"kind": "protest"}), AUTHORITY.public).body
    assert body == UnknownInstrument(kind="protest", why="the kind 'protest' is not known")
    body = open_instrument(signed(value | {"territories": []}), AUTHORITY.public).body
    assert body == UnknownInstrument(
        kind="ratification", why="the field 'territories' is not known"
    )


def test_unknown_field_of_a_grant_makes_the_whole_unknown() -> None:
    value = document(sign_instrument(draft(POWERS), AUTHORITY).payload)
    value["keys"][1]["only_for"] = "tests"
    assert isinstance(open_instrument(signed(value), AUTHORITY.public).body, UnknownInstrument)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"v": 1}',
        b'{"v":1,"v":1}',
        b'{"v":1.0}',
        b"[" * 900 + b"]" * 900,
        b"[" * 20_000,
        b'{"v":"' + b"x" * MAX_STATEMENT_BYTES + b'"}',
    ],
    ids=["empty", "list", "latin", "space", "twice", "float", "deep", "deeper", "long"],
)
def test_other_payloads_refused(payload: bytes) -> None:
    envelope = sign_envelope(payload, INSTRUMENT_TYPE, AUTHORITY)
    with pytest.raises(InstrumentError):
        open_instrument(envelope, AUTHORITY.public)
    with pytest.raises(InstrumentError):
        claimed_member(envelope)
    with pytest.raises(CredenceError):
        open_credence(dataclasses.replace(envelope, payload_type=CREDENCE_TYPE))


def test_only_the_authority_opens_it() -> None:
    envelope = sign_instrument(draft(Signature()), AUTHORITY)
    with pytest.raises(InstrumentError):
        open_instrument(envelope, key_of("XB").public)
    with pytest.raises(InstrumentError):
        open_instrument(dataclasses.replace(envelope, payload=b"{}"), AUTHORITY.public)
    with pytest.raises(InstrumentError):
        open_instrument(signed(document(envelope.payload), CREDENCE_TYPE), AUTHORITY.public)


def test_a_draft_that_cannot_be_opened_is_not_signed(world: World) -> None:
    with pytest.raises(InstrumentError):
        sign_instrument(draft(Signature(), serial=0), AUTHORITY)
    naive = dataclasses.replace(draft(Signature()), issued=NOW.replace(tzinfo=None))
    with pytest.raises(InstrumentError):
        sign_instrument(naive, AUTHORITY)
    alien = dataclasses.replace(POWERS.keys[0], name="XB")
    with pytest.raises(InstrumentError):
        sign_instrument(draft(dataclasses.replace(POWERS, keys=(alien,))), AUTHORITY)
    assert world.signature("XA", 0).body == Signature()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 400), st.integers(0, 20))
def test_only_instrument_errors_are_raised(noise: bytes, place: int, cut: int) -> None:
    for body in KINDS.values():
        payload = sign_instrument(draft(body), AUTHORITY).payload
        damaged = payload[:place] + noise + payload[place + cut :]
        with contextlib.suppress(InstrumentError):
            open_instrument(sign_envelope(damaged, INSTRUMENT_TYPE, AUTHORITY), AUTHORITY.public)
