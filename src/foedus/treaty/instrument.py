"""Instruments: signed statements by a member's competent authority.

Every instrument says who issued it, about which treaty, when, and under which serial number; then
what its kind needs. Rules of reading, in the order the code applies them:

1. The envelope is signed by the authority key the reader holds for that member, or it is refused.
2. The payload is canonical JSON with ``v`` (1 in this version), ``kind``, ``treaty``, ``member``,
   ``serial`` (from 1, across all instruments of the member) and ``issued``. Full powers and their
   revocation name no treaty, every other kind names one.
3. A later version of the format, a kind this version does not know, or a known kind that says more
   than this version understands, is kept as :class:`UnknownInstrument`. What it does is for
   :mod:`foedus.treaty.in_force` to say.
4. The id is derived from the payload, so that signing again makes no second instrument.

Spec: VCLT Art. 2(1) for the words; DSSE v1.0.2 for the signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from foedus.canonical import canonical_bytes
from foedus.clock import InstantError, instant_text
from foedus.model.identifiers import (
    IdentifierError,
    MemberId,
    ObjectId,
    TreatyId,
    derived_object_id,
    treaty_id,
)
from foedus.signing.envelope import Envelope, sign_envelope, verify_envelope
from foedus.signing.errors import EnvelopeError, KeyringError
from foedus.signing.keys import PublicKey, SigningKey
from foedus.treaty.errors import TreatyError
from foedus.treaty.payload import Fields, PayloadError, read_payload
from foedus.treaty.statement_codec import read_statement, statement_document
from foedus.treaty.statements import (
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Form,
    FullPowers,
    InstrumentBody,
    InstrumentKind,
    Objection,
    Ratification,
    Reservation,
    Revocation,
    Signature,
    Statement,
    Suspension,
    UnknownInstrument,
    Withdrawal,
    is_about_a_treaty,
)

__all__ = [
    "INSTRUMENT_TYPE",
    "Accession",
    "Admission",
    "Amendment",
    "Declaration",
    "Denunciation",
    "Form",
    "FullPowers",
    "Instrument",
    "InstrumentBody",
    "InstrumentDraft",
    "InstrumentError",
    "InstrumentKind",
    "Objection",
    "Ratification",
    "Reservation",
    "Revocation",
    "Signature",
    "Statement",
    "Suspension",
    "UnknownInstrument",
    "Withdrawal",
    "claimed_member",
    "open_instrument",
    "sign_instrument",
]

INSTRUMENT_TYPE: Final = "application/vnd.foedus.instrument+json;v=1"
"""Payload type of the envelope of an instrument."""

_OBJECT_TYPE: Final = "foedus-instrument"
_VERSION: Final = 1


class InstrumentError(TreatyError):
    """An instrument is malformed, or not signed by the authority of its member."""

    code: ClassVar[str] = "treaty.instrument"


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
        treaty: Which treaty it is about; None for full powers and their revocation.
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
    body: Statement


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
                **statement_document(draft.body),
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
        return read_payload(envelope.payload, newer=True).member("member")
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
        fields = read_payload(payload, newer=True)
        kind = fields.text("kind")
        member = fields.member("member")
        serial = fields.integer("serial", least=1)
        issued = fields.instant("issued")
        treaty = None if fields.value("treaty") is None else treaty_id(fields.text("treaty"))
        body = _read(kind, fields, member)
    except (EnvelopeError, PayloadError, IdentifierError, KeyringError) as error:
        raise InstrumentError(f"no instrument: {error}") from error
    if not isinstance(body, UnknownInstrument) and (treaty is None) == is_about_a_treaty(body):
        raise InstrumentError(
            "full powers and their revocation name no treaty, and every other kind names one"
        )
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


def _read(kind: str, fields: Fields, member: MemberId) -> InstrumentBody:
    """Read what an instrument says; of a later version only that it is one (rule 3)."""
    version = fields.integer("v", least=1)
    if version != _VERSION:
        why = f"this node does not understand version {version} of {kind[:60]!r}"
        return UnknownInstrument(kind=kind, why=why)
    return read_statement(kind, fields, member)
