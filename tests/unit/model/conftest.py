"""Real signed documents of every kind: made by the code that makes them, from fixed seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

import pytest

from foedus.canonical import canonical_bytes
from foedus.clock import FixedClock
from foedus.ledger.commitment import EMPTY_LANE
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.kinds import FoedusKind, SignedStatement, unwrap_document, wrap_document
from foedus.model.markings import TLP
from foedus.model.objects import StixObject, parse_object
from foedus.model.terms import (
    CategoryOfPerson,
    HandlingCondition,
    InformationGrade,
    NeutralityReview,
    SourceGrade,
    Terms,
    terms_document,
    terms_id,
)
from foedus.node import discrepancy
from foedus.node.context import Node
from foedus.node.discrepancy import Finding
from foedus.node.heads import LaneHead, sign_head
from foedus.node.identity import NodeIdentity
from foedus.node.ports import Transaction
from foedus.node.treaty_text import wrap_treaty_text
from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.decide import Law
from foedus.release.facts import LinkFacts, derive_facts
from foedus.release.gate import Candidate, Gate, LaneState
from foedus.signing.envelope import Envelope, parse_envelope, sign_envelope
from foedus.signing.keyring import KeyGrant, KeyPurpose
from foedus.signing.keys import SigningKey
from foedus.treaty.credence import Credence, sign_credence
from foedus.treaty.in_force import PairLaw
from foedus.treaty.instrument import (
    INSTRUMENT_TYPE,
    Form,
    FullPowers,
    InstrumentDraft,
    Ratification,
    Signature,
    sign_instrument,
)
from foedus.treaty.parser import parse_treaty

TREATY = Path(__file__).parents[2] / "golden" / "release" / "small-treaty.md"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XA, XB = MemberId("XA"), MemberId("XB")
INDICATOR = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    "created": "2026-11-24T09:00:00.000Z",
    "modified": "2026-11-24T09:00:00.000Z",
    "name": "A page that asks for money",
    "pattern": "[domain-name:value = 'pay.example']",
    "pattern_type": "stix",
    "valid_from": "2026-11-24T09:00:00Z",
}
RESERVED = (
    FoedusKind.REQUEST,
    FoedusKind.ANSWER,
    FoedusKind.ORDER,
    FoedusKind.ATTESTATION,
    FoedusKind.WITHHELD,
)
"""Kinds whose payload is not laid down yet: nothing makes one, so this file wraps a bare one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One signed document.

    Attributes:
        schema: The schema of its payload.
        envelope: Its envelope as JSON.
        payload: What was signed, decoded.
        wrapper: The STIX object that carries the envelope; None when it travels bare.
    """

    schema: FoedusKind | SignedStatement
    envelope: Mapping[str, Any]
    payload: dict[str, Any]
    wrapper: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """All of them by name, the terms used, and the keys that signed for XA and, heads, for XB."""

    by_name: Mapping[str, Signed]
    terms: dict[str, Any]
    authority: SigningKey
    node: SigningKey
    peer: SigningKey

    def of(self, schema: FoedusKind | SignedStatement) -> list[Signed]:
        """Return those of kinds known today under one schema, in order."""
        return [
            each
            for name, each in self.by_name.items()
            if each.schema is schema and name != "unknown instrument"
        ]


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(f"schemas {name}".encode()).digest())


AUTHORITY, NODE, LOG = key_of("XA authority"), key_of("XA node"), key_of("XA log")
PEER = key_of("XB node")


class Dice:
    """Fixed "random" bytes: the same sequence in every run."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, count: int) -> bytes:
        self._calls += 1
        return hashlib.shake_256(f"dice {self._calls}".encode()).digest(count)


def bare(envelope: Mapping[str, Any], schema: SignedStatement) -> Signed:
    payload = json.loads(parse_envelope(envelope).payload)
    return Signed(schema=schema, envelope=envelope, payload=payload, wrapper=None)


def wrapped(obj: StixObject, schema: FoedusKind | SignedStatement) -> Signed:
    envelope = unwrap_document(obj)
    return Signed(
        schema=schema,
        envelope=envelope,
        payload=json.loads(parse_envelope(envelope).payload),
        wrapper=json.loads(obj.raw),
    )


def wrap(kind: FoedusKind, envelope: Envelope) -> StixObject:
    return parse_object(
        wrap_document(kind, envelope.document(), payload=envelope.payload, issued=NOW)
    )


@lru_cache(maxsize=1)
def compiled() -> CompiledTreaty:
    return compile_treaty(parse_treaty(TREATY.read_bytes()))


def instrument(
    serial: int, treaty: TreatyId | None, body: FullPowers | Signature | Ratification
) -> StixObject:
    draft = InstrumentDraft(member=XA, serial=serial, issued=NOW, treaty=treaty, body=body)
    return wrap(FoedusKind.INSTRUMENT, sign_instrument(draft, AUTHORITY))


def full_powers() -> FullPowers:
    return FullPowers(
        keys=tuple(
            KeyGrant(name=XA, purpose=purpose, key=key.public, valid_from=NOW, valid_until=until)
            for purpose, key, until in (
                (KeyPurpose.NODE, NODE, NOW + timedelta(days=365)),
                (KeyPurpose.LOG, LOG, None),
                (KeyPurpose.WITNESS, key_of("XA witness"), None),
            )
        ),
        log_origin="xa.example/log",
        address="https://xa.example",
        wire_versions=(1,),
    )


def ratification() -> Ratification:
    return Ratification(
        form=Form.ACCEPTANCE, reservations=(ArticleId("9"),), recognises=("financing",)
    )


def unknown_instrument() -> StixObject:
    """An instrument of a kind of some later version."""
    payload = canonical_bytes(
        {
            "v": 1,
            "kind": "concordat",
            "treaty": compiled().treaty.id,
            "member": XA,
            "serial": 4,
            "issued": "2026-11-24T10:00:00.000000Z",
            "articles": ["7"],
        }
    )
    return wrap(FoedusKind.INSTRUMENT, sign_envelope(payload, INSTRUMENT_TYPE, AUTHORITY))


def terms() -> Terms:
    return Terms(
        treaties=frozenset({compiled().treaty.id}),
        originator=XA,
        purposes=frozenset({"prevention", "investigation"}),
        legal_basis="Act 3, s. 9",
        offence="financing",
        person=CategoryOfPerson.SUSPECT,
        personal=True,
        tlp=TLP.AMBER,
        handling=frozenset({HandlingCondition("H1")}),
        source=SourceGrade("A"),
        information=InformationGrade("2"),
        review=NOW + timedelta(days=100),
        expiry=NOW + timedelta(days=400),
        neutrality=NeutralityReview(by="officer-7", reason="An offence, no opinion.", at=NOW),
        exercise=True,
    )


def gate() -> Gate:
    return Gate(member=XA, secret=b"s" * 32, random=Dice(), exercise=True)


def disclosure() -> StixObject:
    """One item released by the gate under article 7."""
    treaty = compiled().treaty
    law = PairLaw(
        treaty=treaty.id,
        sender=XA,
        recipient=XB,
        at=NOW,
        binds=True,
        why_not="",
        articles=frozenset(article.id for article in treaty.articles),
        reserved={},
        recognised=frozenset(treaty.offences),
        digest=hashlib.sha256(b"law").hexdigest(),
        valid_until=None,
    )
    obj = parse_object(json.dumps(INDICATOR).encode())
    facts = derive_facts(
        obj,
        terms(),
        terms_id(terms()),
        originator=XA,
        sender=XA,
        known_markings={},
        concerns_recipient=False,
        received_under=None,
    )
    outcome = gate().release(
        [Candidate(handle=1, obj=obj, facts=facts)],
        recipient=XB,
        law=Law(compiled=compiled(), pair=law),
        link=LinkFacts(fresh=True),
        purpose="prevention",
        at=NOW,
        article=ArticleId("7"),
    )
    (batch,) = outcome.batches
    lane = LaneState(name="bulk", count=0, digest=EMPTY_LANE)
    return batch.seal(lane, log_origin="xa.example/log", log_index=0, signer=NODE).document


def protocol_disclosure() -> StixObject:
    """Full powers on their way, which no treaty governs."""
    batch = gate().protocol(
        [(1, instrument(1, None, full_powers()))],
        recipient=XB,
        lane="instruments",
        treaty=None,
        at=NOW,
    )
    lane = LaneState(name="instruments", count=0, digest=EMPTY_LANE)
    return batch.seal(lane, log_origin="xa.example/log", log_index=0, signer=NODE).document


def discrepancy_note() -> StixObject:
    """What :func:`send_findings` hands on to be put into a lane."""
    sent: list[StixObject] = []

    def catch(
        _tx: object, _identity: object, _gate: object, documents: Sequence[StixObject], **_: object
    ) -> None:
        sent.extend(documents)

    identity = NodeIdentity(
        member=XA,
        name="Aland",
        address="https://xa.example",
        exercise=True,
        authority=None,
        node=NODE,
        log=LOG,
        log_origin="xa.example/log",
        secret=b"s" * 32,
    )
    finding = Finding(
        object_id=INDICATOR["id"],
        version=INDICATOR["modified"],
        sha256=hashlib.sha256(b"bytes received").hexdigest(),
        code="verdict-differs",
        reason="article 7 does not permit this to XA",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discrepancy, "send_documents", catch)
        discrepancy.send_findings(
            cast("Transaction", None),
            cast("Node", SimpleNamespace(identity=identity, clock=FixedClock(NOW))),
            gate(),
            XB,
            compiled().treaty.id,
            [finding],
            entry_index=7,
        )
    (document,) = sent
    return document


def credence() -> Mapping[str, Any]:
    letter = Credence(
        member=XA,
        name="Aland",
        authority=AUTHORITY.public,
        next_authority_hash=hashlib.sha256(key_of("XA next").public.raw).hexdigest(),
        node=NODE.public,
        log=LOG.public,
        log_origin="xa.example/log",
        address="https://xa.example",
        issued=NOW,
        exercise=True,
    )
    return sign_credence(letter, AUTHORITY).document()


def head() -> Mapping[str, Any]:
    said = LaneHead(
        speaker=XB,
        sender=XA,
        recipient=XB,
        lane="bulk",
        count=2,
        digest=hashlib.sha256(b"lane").hexdigest(),
        instruments=hashlib.sha256(b"instruments").hexdigest(),
        instant=NOW,
    )
    signed: dict[str, Any] = json.loads(sign_head(said, PEER))
    return signed


def reserved(kind: FoedusKind) -> StixObject:
    name = kind.value.removeprefix("foedus-")
    payload = canonical_bytes({"v": 1, "kind": name})
    return wrap(kind, sign_envelope(payload, f"application/vnd.foedus.{name}+json;v=1", NODE))


@lru_cache(maxsize=1)
def documents() -> Documents:
    treaty = compiled().treaty.id
    text = wrap_treaty_text(TREATY.read_bytes(), member=XA, at=NOW, key=NODE)
    by_name = {
        "full-powers": wrapped(instrument(1, None, full_powers()), FoedusKind.INSTRUMENT),
        "signature": wrapped(instrument(2, treaty, Signature()), FoedusKind.INSTRUMENT),
        "ratification": wrapped(instrument(3, treaty, ratification()), FoedusKind.INSTRUMENT),
        "unknown instrument": wrapped(unknown_instrument(), FoedusKind.INSTRUMENT),
        "treaty text": wrapped(text, SignedStatement.TREATY_TEXT),
        "disclosure": wrapped(disclosure(), FoedusKind.DISCLOSURE),
        "protocol disclosure": wrapped(protocol_disclosure(), FoedusKind.DISCLOSURE),
        "discrepancy": wrapped(discrepancy_note(), FoedusKind.DISCREPANCY),
        "credence": bare(credence(), SignedStatement.CREDENCE),
        "head": bare(head(), SignedStatement.HEAD),
        **{kind.value: wrapped(reserved(kind), kind) for kind in RESERVED},
    }
    return Documents(
        by_name=MappingProxyType(by_name),
        terms=json.loads(terms_document(terms())),
        authority=AUTHORITY,
        node=NODE,
        peer=PEER,
    )


@pytest.fixture(name="real", scope="session")
def _real() -> Documents:
    return documents()
