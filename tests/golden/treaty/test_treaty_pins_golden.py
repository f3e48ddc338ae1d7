"""Byte-exact documents of wire version 1 that name pins of TLS: they must never change."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from foedus.canonical import canonical_bytes, parse_json
from foedus.model.identifiers import MemberId
from foedus.signing.envelope import Envelope, parse_envelope, sign_envelope
from foedus.signing.keyring import KeyGrant, KeyPurpose
from foedus.signing.keys import SigningKey
from foedus.signing.pins import MAX_PINS, TLSPin
from foedus.treaty.credence import (
    CREDENCE_TYPE,
    Credence,
    CredenceError,
    open_credence,
    sign_credence,
)
from foedus.treaty.in_force import InstrumentSet
from foedus.treaty.instrument import (
    FullPowers,
    Instrument,
    InstrumentDraft,
    InstrumentError,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.powers import pins_of

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XA = MemberId("XA")
OLD, NEW = (hashlib.sha256(name).hexdigest() for name in (b"old", b"new"))
DAY = timedelta(days=1)


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


CREDENCE = Credence(
    member=XA,
    name="Arland",
    authority=key_of("XA").public,
    next_authority_hash=None,
    node=key_of("XA node").public,
    log=key_of("XA log").public,
    log_origin="xa.example/log",
    address="https://xa.example",
    issued=NOW,
    exercise=True,
    tls=tuple(sorted((OLD, NEW))),
)
POWERS = FullPowers(
    keys=(
        KeyGrant(
            name="XA",
            purpose=KeyPurpose.NODE,
            key=key_of("XA node").public,
            valid_from=NOW,
            valid_until=None,
        ),
    ),
    log_origin="xa.example/log",
    address="https://xa.example",
    wire_versions=(1,),
    tls=tuple(
        sorted(
            (
                TLSPin(spki=OLD, valid_from=NOW - DAY, valid_until=NOW + DAY),
                TLSPin(spki=NEW, valid_from=NOW),
            ),
            key=lambda pin: pin.spki,
        )
    ),
)


def signed(body: FullPowers, *, serial: int = 1, at: datetime = NOW) -> Envelope:
    draft = InstrumentDraft(member=XA, treaty=None, serial=serial, issued=at, body=body)
    return sign_instrument(draft, key_of("XA"))


def opened(body: FullPowers, *, serial: int = 1, at: datetime = NOW) -> Instrument:
    return open_instrument(signed(body, serial=serial, at=at), key_of("XA").public)


@pytest.mark.parametrize(
    ("name", "envelope"),
    [
        ("credence-tls.json", sign_credence(CREDENCE, key_of("XA"))),
        ("full-powers-tls.json", signed(POWERS)),
    ],
)
def test_documents_are_unchanged_and_say_what_they_said(name: str, envelope: Envelope) -> None:
    kept = (HERE / name).read_bytes()
    assert canonical_bytes(envelope.document()) == kept
    document = parse_json(kept)
    assert isinstance(document, dict)
    if name.startswith("credence"):
        assert open_credence(parse_envelope(document)) == CREDENCE
    else:
        assert open_instrument(parse_envelope(document), key_of("XA").public).body == POWERS


def test_without_pins_the_documents_do_not_mention_them() -> None:
    assert b"tls" not in sign_credence(replace(CREDENCE, tls=()), key_of("XA")).payload
    assert b"tls" not in signed(replace(POWERS, tls=())).payload


BAD_PINS: list[tuple[str, object]] = [
    ("none", []),
    ("too many", [f"{number:064x}" for number in range(MAX_PINS + 1)]),
    ("twice", [OLD, OLD]),
    ("not in order", sorted((OLD, NEW), reverse=True)),
    ("capitals", [OLD.upper()]),
    ("short", [OLD[1:]]),
    ("no text", [7]),
    ("no list", OLD),
    ("null", None),
]


@pytest.mark.parametrize(("name", "pins"), BAD_PINS, ids=[name for name, _ in BAD_PINS])
def test_pins_have_one_spelling(name: str, pins: object) -> None:
    letter = parse_json(sign_credence(CREDENCE, key_of("XA")).payload)
    powers = parse_json(signed(POWERS).payload)
    assert isinstance(letter, dict)
    assert isinstance(powers, dict)
    letter["tls"] = pins
    with pytest.raises(CredenceError):
        open_credence(sign_envelope(canonical_bytes(letter), CREDENCE_TYPE, key_of("XA")))
    powers["tls"] = (
        [
            {"spki_sha256": pin, "valid_from": "2026-11-24T10:00:00.000000Z", "valid_until": None}
            for pin in pins
        ]
        if isinstance(pins, list)
        else pins
    )
    envelope = signed(POWERS)
    again = sign_envelope(canonical_bytes(powers), envelope.payload_type, key_of("XA"))
    with pytest.raises(InstrumentError):
        open_instrument(again, key_of("XA").public)
    assert name


def test_a_pin_that_is_never_valid_is_refused() -> None:
    powers = parse_json(signed(POWERS).payload)
    assert isinstance(powers, dict)
    instant = "2026-11-24T10:00:00.000000Z"
    powers["tls"] = [{"spki_sha256": OLD, "valid_from": instant, "valid_until": instant}]
    envelope = signed(POWERS)
    again = sign_envelope(canonical_bytes(powers), envelope.payload_type, key_of("XA"))
    with pytest.raises(InstrumentError, match="never valid"):
        open_instrument(again, key_of("XA").public)


# Which of them hold.

PLAIN = replace(POWERS, tls=())
NO_PINS = replace(CREDENCE, tls=())
HOLDING: list[tuple[str, Credence, list[Instrument], timedelta, set[str] | None]] = [
    ("nobody ever named one", NO_PINS, [opened(PLAIN)], DAY, None),
    ("a letter, before any full powers", CREDENCE, [], DAY, {OLD, NEW}),
    ("both while they overlap", NO_PINS, [opened(POWERS)], timedelta(0), {OLD, NEW}),
    ("the old one ends at its instant", NO_PINS, [opened(POWERS)], DAY, {NEW}),
    ("full powers replace the letter", CREDENCE, [opened(PLAIN)], DAY, set()),
    (
        "newer full powers end a pin at once",
        CREDENCE,
        [opened(POWERS), opened(PLAIN, serial=2, at=NOW + DAY / 2)],
        DAY / 2,
        set(),
    ),
    (
        "and not before their instant",
        CREDENCE,
        [opened(POWERS), opened(PLAIN, serial=2, at=NOW + DAY / 2)],
        DAY / 3,
        {OLD, NEW},
    ),
    (
        "full powers in conflict count for nothing",
        CREDENCE,
        [opened(POWERS), opened(PLAIN)],
        DAY / 3,
        set(),
    ),
]


@pytest.mark.parametrize(
    ("name", "letter", "instruments", "after", "holding"), HOLDING, ids=[row[0] for row in HOLDING]
)
def test_which_pins_hold_when(
    name: str,
    letter: Credence,
    instruments: list[Instrument],
    after: timedelta,
    holding: set[str] | None,
) -> None:
    found = pins_of(InstrumentSet(instruments), letter, NOW + after)
    assert found == (None if holding is None else frozenset(holding)), name
