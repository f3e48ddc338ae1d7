"""Byte-exact documents of wire version 1: they must never change.

The files beside this test were written once. A change that breaks one is a new wire version.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from foedus.canonical import canonical_bytes, parse_json
from foedus.clock import instant_text
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.signing.envelope import Envelope, parse_envelope
from foedus.signing.keyring import KeyGrant, KeyPurpose
from foedus.signing.keys import SigningKey
from foedus.treaty.articles import Treaty
from foedus.treaty.credence import Credence, open_credence, sign_credence
from foedus.treaty.in_force import InstrumentSet, law_between, status
from foedus.treaty.instrument import (
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Form,
    FullPowers,
    Instrument,
    InstrumentBody,
    InstrumentDraft,
    Objection,
    Ratification,
    Reservation,
    Revocation,
    Signature,
    Statement,
    Suspension,
    UnknownInstrument,
    Withdrawal,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.pair_table import pair_table
from foedus.treaty.parser import parse_treaty
from foedus.treaty.timeline import timeline

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


def bilateral() -> Treaty:
    return parse_treaty((HERE / "bilateral.md").read_bytes())


def letter() -> Envelope:
    return sign_credence(
        Credence(
            member=XA,
            name="République d'Arland (阿兰)",
            authority=key_of("XA").public,
            next_authority_hash=hashlib.sha256(key_of("XA next").public.raw).hexdigest(),
            node=key_of("XA node").public,
            log=key_of("XA log").public,
            log_origin="xa.example/log",
            address="https://xa.example",
            issued=NOW,
            exercise=True,
        ),
        key_of("XA"),
    )


def instruments() -> list[Envelope]:
    treaty = bilateral()
    envelopes: list[Envelope] = []
    for member, reservations in ((XA, ()), (XB, (ArticleId("2"),))):
        powers = FullPowers(
            keys=tuple(
                KeyGrant(
                    name=member,
                    purpose=purpose,
                    key=key_of(f"{member} {purpose}").public,
                    valid_from=NOW,
                    valid_until=NOW + timedelta(days=365) if purpose is KeyPurpose.NODE else None,
                )
                for purpose in (KeyPurpose.NODE, KeyPurpose.LOG, KeyPurpose.WITNESS)
            ),
            log_origin=f"{member.lower()}.example/log",
            address=f"https://{member.lower()}.example",
            wire_versions=(1,),
        )
        consent = Ratification(
            form=Form.ACCEPTANCE if reservations else Form.RATIFICATION,
            reservations=reservations,
            recognises=("financing", "recruitment"),
        )
        bodies: tuple[FullPowers | Signature | Ratification, ...] = (powers, Signature(), consent)
        envelopes += [
            sign_instrument(
                InstrumentDraft(
                    member=member,
                    serial=serial,
                    issued=NOW + timedelta(hours=serial),
                    treaty=None if isinstance(body, FullPowers) else treaty.id,
                    body=body,
                ),
                key_of(member),
            )
            for serial, body in enumerate(bodies, 1)
        ]
    return envelopes


def later_kinds() -> list[Envelope]:
    """One of each kind beyond the first three, by XA."""
    two = (ArticleId("2"),)
    bodies: list[Statement] = [
        Revocation(keys=(key_of("XA node").public,)),
        Admission(candidate=XC, name="Cecland", authority=key_of("XC").public.fingerprint),
        Accession(reservations=two, recognises=("financing",)),
        Reservation(articles=two),
        Objection(to=XB, articles=two, opposing=True),
        Withdrawal(of=ObjectId("foedus-instrument--1"), articles=two),
        Declaration(
            text="Arland declares (声明).",
            recognises=("recruitment",),
            definitions=(("financing", "To pay for it."),),
        ),
        Amendment(successor=TreatyId("ab" * 32)),
        Suspension(of=XB, until=NOW + timedelta(days=9)),
        Denunciation(),
    ]
    return [
        sign_instrument(
            InstrumentDraft(
                member=XA,
                serial=serial,
                issued=NOW + timedelta(hours=serial),
                treaty=None if isinstance(body, Revocation) else bilateral().id,
                body=body,
            ),
            key_of("XA"),
        )
        for serial, body in enumerate(bodies, 10)
    ]


def story() -> InstrumentSet:
    """XA and XB, and what XA said later."""
    return InstrumentSet(
        open_instrument(one, key_of("XA" if b'"member":"XA"' in one.payload else "XB").public)
        for one in (*instruments(), *later_kinds())
    )


def compute() -> dict[str, bytes]:
    treaty = bilateral()
    held = InstrumentSet(
        open_instrument(one, key_of(member).public)
        for member, one in zip(["XA", "XA", "XA", "XB", "XB", "XB"], instruments(), strict=True)
    )
    at = NOW + timedelta(days=1)
    whole, later = story(), NOW + timedelta(days=3)
    return {
        "kinds.json": canonical_bytes([one.document() for one in later_kinds()]),
        "kinds-status.json": canonical_bytes(status(treaty, whole, later).document()),
        "kinds-pairs.json": canonical_bytes(pair_table(treaty, whole, later).document()),
        "kinds-law-digest.txt": f"{law_between(treaty, whole, XA, XB, later).digest}\n".encode(),
        "kinds-timeline.json": canonical_bytes(
            [
                {
                    "at": instant_text(event.at),
                    "member": event.member,
                    "what": event.what.value,
                    "instrument": event.instrument,
                    "detail": event.detail,
                }
                for event in timeline(treaty, whole)
            ]
        ),
        "treaty-id.txt": f"{treaty.id}\n".encode(),
        "credence.json": canonical_bytes(letter().document()),
        "instruments.json": canonical_bytes([one.document() for one in instruments()]),
        "instrument-ids.txt": "".join(f"{one.id}\n" for one in held).encode(),
        "set-digest.txt": f"{held.digest}\n".encode(),
        "status.json": canonical_bytes(status(treaty, held, at).document()),
        "law-digest.txt": f"{law_between(treaty, held, XA, XB, at).digest}\n".encode(),
    }


def test_documents_are_unchanged() -> None:
    for name, content in compute().items():
        assert content == (HERE / name).read_bytes(), name


def test_kept_documents_still_open() -> None:
    kept = parse_json((HERE / "credence.json").read_bytes())
    assert isinstance(kept, dict)
    assert open_credence(parse_envelope(kept)).name == "République d'Arland (阿兰)"
    listed = parse_json((HERE / "instruments.json").read_bytes())
    assert isinstance(listed, list)
    opened: list[Instrument] = []
    for document in listed:
        assert isinstance(document, dict)
        envelope = parse_envelope(document)
        member = "XA" if b'"member":"XA"' in envelope.payload else "XB"
        opened.append(open_instrument(envelope, key_of(member).public))
    bodies: list[InstrumentBody] = [one.body for one in opened]
    assert not any(isinstance(body, UnknownInstrument) for body in bodies)
    assert len(InstrumentSet(opened)) == 6
