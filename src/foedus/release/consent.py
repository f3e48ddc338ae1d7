"""Consents: an originator's signed word that one item version may be passed on to one member.

A consent names the item version with its content hash, the recipient, treaty and purpose, and the
instant at which it runs out. It covers nothing else: a new version, another recipient or another
purpose needs a consent of its own, and it gives no permit, only takes away what stood against one.

The record is canonical JSON, ``v kind exercise originator user id version sha256 recipient treaty
purpose instant until``, in an envelope signed by the node key of the originator.

Spec: design §2 rule 4, §6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.canonical import canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import (
    IdentifierError,
    ItemKey,
    MemberId,
    TreatyId,
    object_id,
    treaty_id,
)
from foedus.release.errors import ConsentError
from foedus.signing.envelope import Envelope, sign_envelope, verify_envelope
from foedus.signing.errors import EnvelopeError
from foedus.signing.keys import PublicKey, SigningKey
from foedus.treaty.payload import Fields, PayloadError, read_payload

__all__ = ["CONSENT_TYPE", "Consent", "claimed_originator", "open_consent", "sign_consent"]

CONSENT_TYPE: Final = "application/vnd.foedus.consent+json;v=1"
"""Payload type of the envelope of a consent."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One consent.

    Attributes:
        exercise: Whether it belongs to an exercise.
        item: The item version; its originator is who consents.
        sha256: SHA-256 of its exact bytes, 64 hex digits.
        user: The originator's officer who gave it.
        recipient: To whom the item may be passed on.
        treaty: Under which treaty.
        purpose: What for.
        at: When it was given; aware.
        until: When it runs out; aware, later than ``at``.
    """

    exercise: bool
    item: ItemKey
    sha256: str
    user: str
    recipient: MemberId
    treaty: TreatyId
    purpose: str
    at: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        """Whether it was given by then and has not run out."""
        return self.at <= at < self.until


def sign_consent(consent: Consent, key: SigningKey) -> Envelope:
    """Sign a consent with the node key of the originator.

    Raises:
        ConsentError: It could not be opened again, with the reason.
    """
    payload = canonical_bytes(
        {
            "v": 1,
            "kind": "consent",
            "exercise": consent.exercise,
            "originator": consent.item.originator,
            "user": consent.user,
            "id": consent.item.object_id,
            "version": consent.item.version,
            "sha256": consent.sha256,
            "recipient": consent.recipient,
            "treaty": consent.treaty,
            "purpose": consent.purpose,
            "instant": instant_text(consent.at),
            "until": instant_text(consent.until),
        }
    )
    envelope = sign_envelope(payload, CONSENT_TYPE, key)
    open_consent(envelope, (key.public,))
    return envelope


def claimed_originator(envelope: Envelope) -> MemberId:
    """Say for whom an envelope claims to speak, so that the reader can look up its keys.

    Raises:
        ConsentError: It is no consent.
    """
    try:
        return read_payload(envelope.payload).member("originator")
    except PayloadError as error:
        raise ConsentError(f"no consent: {error}") from error


def open_consent(envelope: Envelope, keys: tuple[PublicKey, ...]) -> Consent:
    """Verify a consent and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the originator's node.

    Raises:
        ConsentError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    try:
        fields = read_payload(verify_envelope(envelope, keys, payload_type=CONSENT_TYPE))
        kind = fields.text("kind")
        consent = _read(fields)
    except (EnvelopeError, PayloadError, IdentifierError) as error:
        raise ConsentError(f"no consent: {error}") from error
    if kind != "consent" or fields.unread() or not _DIGEST.fullmatch(consent.sha256):
        raise ConsentError("no consent: a field is of another form")
    if consent.until <= consent.at:
        raise ConsentError("no consent: it runs out before it is given")
    return consent


def _read(fields: Fields) -> Consent:
    return Consent(
        exercise=fields.flag("exercise"),
        item=ItemKey(
            originator=fields.member("originator"),
            object_id=object_id(fields.text("id")),
            version=fields.text("version"),
        ),
        sha256=fields.text("sha256"),
        user=fields.text("user"),
        recipient=fields.member("recipient"),
        treaty=treaty_id(fields.text("treaty")),
        purpose=fields.text("purpose"),
        at=fields.instant("instant"),
        until=fields.instant("until"),
    )
