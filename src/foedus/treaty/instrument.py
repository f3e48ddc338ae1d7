"""Instruments: signed statements by a member's competent authority.

Every instrument says who issued it, about which treaty, when, and under which serial number; then
what its kind needs. Rules of reading, in the order the code applies them:

1. The envelope is signed by the authority key the reader holds for that member, or it is refused.
2. The payload is canonical JSON of version 1 with ``kind``, ``treaty``, ``member``, ``serial``
   (from 1, across all instruments of the member) and ``issued``. Full powers name no treaty, every
   other kind names one.
3. A kind this version does not know, or a known kind that says more than this version understands,
   is kept as :class:`UnknownInstrument`. What it does is for :mod:`foedus.treaty.in_force` to say.
4. The id is derived from the payload, so that signing again makes no second instrument.

Spec: VCLT Art. 2(1) for the words; DSSE v1.0.2 for the signature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from foedus.canonical import JSONValue, canonical_bytes
from foedus.clock import InstantError, instant_text
from foedus.model.identifiers import (
    ArticleId,
    IdentifierError,
    MemberId,
    ObjectId,
    TreatyId,
    derived_object_id,
    treaty_id,
)
from foedus.signing.envelope import Envelope, sign_envelope, verify_envelope
from foedus.signing.errors import EnvelopeError, KeyringError
from foedus.signing.keyring import KeyGrant, KeyPurpose
from foedus.signing.keys import PublicKey, SigningKey
from foedus.treaty.errors import TreatyError
from foedus.treaty.payload import Fields, PayloadError, read_payload

__all__ = [
    "INSTRUMENT_TYPE",
    "Form",
    "FullPowers",
    "Instrument",
    "InstrumentBody",
    "InstrumentDraft",
    "InstrumentError",
    "InstrumentKind",
    "Ratification",
    "Signature",
    "UnknownInstrument",
    "claimed_member",
    "open_instrument",
    "sign_instrument",
]

INSTRUMENT_TYPE: Final = "application/vnd.foedus.instrument+json;v=1"
"""Payload type of the envelope of an instrument."""

_OBJECT_TYPE: Final = "foedus-instrument"
_GRANTED: Final = (KeyPurpose.NODE, KeyPurpose.LOG, KeyPurpose.WITNESS)


class InstrumentError(TreatyError):
    """An instrument is malformed, or not signed by the authority of its member."""

    code: ClassVar[str] = "treaty.instrument"


class InstrumentKind(StrEnum):
    """The kinds this version understands."""

    FULL_POWERS = "full-powers"
    """Which keys speak for the member (VCLT Art. 2(1)(c), 7)."""

    SIGNATURE = "signature"
    """The text is authentic and the member means to go on (VCLT Art. 10, 12, 18)."""

    RATIFICATION = "ratification"
    """The member consents to be bound (VCLT Art. 2(1)(b), 14)."""


class Form(StrEnum):
    """How a member calls its consent to be bound; the effect is the same (VCLT Art. 14(2))."""

    RATIFICATION = "ratification"
    ACCEPTANCE = "acceptance"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class FullPowers:
    """Which keys speak for the member, and where its node is.

    Attributes:
        keys: Keys of node, log and witness with their validity; never the authority's own.
        log_origin: Name of the member's log.
        address: Base URL of its node.
        wire_versions: Versions of the wire format the node speaks, rising.
    """

    keys: tuple[KeyGrant, ...]
    log_origin: str
    address: str
    wire_versions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The member signs the text; it is not bound by that alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratification:
    """The member consents to be bound.

    Attributes:
        form: How it calls this.
        reservations: Articles it reserves, in code-point order.
        recognises: Ids of the offences its law recognises, in code-point order.
    """

    form: Form
    reservations: tuple[ArticleId, ...]
    recognises: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownInstrument:
    """A statement this version does not understand. It is kept, shown, and stops new releases.

    Attributes:
        kind: What it calls itself.
        why: What is not understood, for people.
    """

    kind: str
    why: str


InstrumentBody = FullPowers | Signature | Ratification | UnknownInstrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """An instrument whose signature was verified.

    Attributes:
        id: Derived from the payload.
        member: Who issued it.
        authority: Fingerprint of the key that vouched for it. Whether that key is the member's is
            judged again under each treaty, whose annex names it.
        serial: Its number among the member's instruments.
        issued: The instant it bears; aware UTC.
        treaty: Which treaty it is about; None for full powers.
        body: What it says.
        envelope: As received.
    """

    id: ObjectId
    member: MemberId
    authority: str
    serial: int
    issued: datetime
    treaty: TreatyId | None
    body: InstrumentBody
    envelope: Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentDraft:
    """What a member's authority is about to sign. Fields as in :class:`Instrument`."""

    member: MemberId
    serial: int
    issued: datetime
    treaty: TreatyId | None
    body: FullPowers | Signature | Ratification


def sign_instrument(draft: InstrumentDraft, key: SigningKey) -> Envelope:
    """Sign an instrument.

    Args:
        draft: What it says. Lists may be in any order; they are sorted here.
        key: The key of the member's competent authority.

    Raises:
        InstrumentError: The draft could not be opened again, with the reason.
    """
    try:
        payload = canonical_bytes(
            {
                "v": 1,
                "treaty": draft.treaty,
                "member": draft.member,
                "serial": draft.serial,
                "issued": instant_text(draft.issued),
                **_body_document(draft.body),
            }
        )
    except InstantError as error:
        raise InstrumentError(str(error)) from error
    envelope = sign_envelope(payload, INSTRUMENT_TYPE, key)
    open_instrument(envelope, key.public)
    return envelope


def claimed_member(envelope: Envelope) -> MemberId:
    """Say for whom an envelope claims to speak, so that the reader can look up its authority.

    Args:
        envelope: Untrusted; nothing about it is verified here.

    Raises:
        InstrumentError: It is no instrument.
    """
    try:
        return read_payload(envelope.payload).member("member")
    except PayloadError as error:
        raise InstrumentError(f"no instrument: {error}") from error


def open_instrument(envelope: Envelope, authority: PublicKey) -> Instrument:
    """Verify an instrument and read it.

    Args:
        envelope: Untrusted.
        authority: The authority key the reader accepted for :func:`claimed_member` of it.

    Raises:
        InstrumentError: It is not signed by that key, or malformed. Nothing else is raised.
    """
    try:
        payload = verify_envelope(envelope, (authority,), payload_type=INSTRUMENT_TYPE)
        fields = read_payload(payload)
        kind = fields.text("kind")
        member = fields.member("member")
        serial = fields.integer("serial", least=1)
        issued = fields.instant("issued")
        treaty = None if fields.value("treaty") is None else treaty_id(fields.text("treaty"))
        body = _read_body(kind, fields, member)
    except (EnvelopeError, PayloadError, IdentifierError, KeyringError) as error:
        raise InstrumentError(f"no instrument: {error}") from error
    if not isinstance(body, UnknownInstrument) and (treaty is None) != isinstance(body, FullPowers):
        raise InstrumentError("full powers name no treaty, and every other kind names one")
    return Instrument(
        id=derived_object_id(_OBJECT_TYPE, payload),
        member=member,
        authority=authority.fingerprint,
        serial=serial,
        issued=issued,
        treaty=treaty,
        body=body,
        envelope=envelope,
    )


def _body_document(body: FullPowers | Signature | Ratification) -> dict[str, JSONValue]:
    match body:
        case FullPowers():
            return {
                "kind": InstrumentKind.FULL_POWERS.value,
                "keys": _grant_documents(body.keys),
                "log_origin": body.log_origin,
                "address": body.address,
                "wire_versions": sorted(body.wire_versions),
            }
        case Signature():
            return {"kind": InstrumentKind.SIGNATURE.value}
        case Ratification():
            return {
                "kind": InstrumentKind.RATIFICATION.value,
                "form": body.form.value,
                "reservations": sorted(body.reservations),
                "recognises": sorted(body.recognises),
            }


def _grant_documents(grants: Iterable[KeyGrant]) -> list[JSONValue]:
    return [
        {
            "name": grant.name,
            "purpose": grant.purpose.value,
            "key": grant.key.text,
            "valid_from": instant_text(grant.valid_from),
            "valid_until": None if grant.valid_until is None else instant_text(grant.valid_until),
        }
        for grant in grants
    ]


def _read_body(kind: str, fields: Fields, member: MemberId) -> InstrumentBody:
    if kind not in set(InstrumentKind):
        return UnknownInstrument(kind=kind, why=f"the kind {kind[:60]!r} is not known")
    body: InstrumentBody
    match InstrumentKind(kind):
        case InstrumentKind.FULL_POWERS:
            body = _read_full_powers(fields, member)
        case InstrumentKind.SIGNATURE:
            body = Signature()
        case InstrumentKind.RATIFICATION:
            body = _read_ratification(fields)
    if unread := fields.unread():
        # It may restrict what it seems to grant, so it is not read as if it did not.
        return UnknownInstrument(kind=kind, why=f"the field {min(unread)[:60]!r} is not known")
    return body


def _read_full_powers(fields: Fields, member: MemberId) -> FullPowers:
    grants = tuple(_read_grant(grant, member) for grant in fields.objects("keys"))
    return FullPowers(
        keys=grants,
        log_origin=fields.log_origin("log_origin"),
        address=fields.address("address"),
        wire_versions=fields.rising_integers("wire_versions"),
    )


def _read_grant(fields: Fields, member: MemberId) -> KeyGrant:
    purpose = fields.text("purpose")
    if purpose not in _GRANTED:
        raise PayloadError("full powers grant keys of a node, a log or a witness")
    if fields.text("name") != member:
        raise PayloadError("full powers grant keys that speak for their own member only")
    return KeyGrant(
        name=member,
        purpose=KeyPurpose(purpose),
        key=fields.key("key"),
        valid_from=fields.instant("valid_from"),
        valid_until=fields.optional_instant("valid_until"),
    )


def _read_ratification(fields: Fields) -> Ratification:
    form = fields.text("form")
    if form not in set(Form):
        raise PayloadError("form is ratification, acceptance or approval")
    return Ratification(
        form=Form(form),
        reservations=tuple(ArticleId(one) for one in fields.rising_texts("reservations")),
        recognises=fields.rising_texts("recognises"),
    )
