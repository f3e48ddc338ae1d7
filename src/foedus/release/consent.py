"""Consents: an originator's signed word that one item version may be passed on to one member.

A consent names the item version with its content hash, the recipient, treaty and purpose, and the
instant at which it runs out. It covers nothing else: a new version, another recipient or another
purpose needs a consent of its own, and it gives no permit, only takes away what stood against one.

It may be given on conditions, which bind whoever takes the copy: closed words, and an instant at
which the copy ends. They are part of what is signed and travel with the item. A node that does not
know one takes the whole for no consent.

The record is canonical JSON, ``v kind exercise originator user id version sha256 recipient treaty
purpose instant until``, and only where there are any ``conditions`` and ``keep_until``, in an
envelope signed by the node key of the originator.

Spec: design §2 rule 4, §6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from foedus.canonical import JSONValue, canonical_bytes
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

__all__ = [
    "CONSENT_TYPE",
    "Consent",
    "ConsentCondition",
    "claimed_originator",
    "open_consent",
    "sign_consent",
]

CONSENT_TYPE: Final = "application/vnd.foedus.consent+json;v=1"
"""Payload type of the envelope of a consent."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class ConsentCondition(StrEnum):
    """What binds whoever is passed an item on."""

    ASK_BEFORE_MEASURE = "ask-before-measure"
    """No measure that weighs on a person without asking the originator."""
    NO_FURTHER = "no-further"
    """It is not passed on further, whatever other consent is held."""
    NOT_EVIDENCE = "not-evidence"
    """It is not put before a court."""


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
        conditions: What binds the copy; in code-point order.
        keep_until: When the copy ends; aware, later than ``at``; None where nothing is said.
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
    conditions: tuple[ConsentCondition, ...] = ()
    keep_until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it was given by then and has not run out."""
        return self.at <= at < self.until


def sign_consent(consent: Consent, key: SigningKey) -> Envelope:
    """Sign a consent with the node key of the originator.

    Raises:
        ConsentError: It could not be opened again, with the reason.
    """
    bound: dict[str, JSONValue] = {}
    if consent.conditions:
        bound["conditions"] = [each.value for each in consent.conditions]
    if consent.keep_until is not None:
        bound["keep_until"] = instant_text(consent.keep_until)
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
            **bound,
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
    if consent.keep_until is not None and consent.keep_until <= consent.at:
        raise ConsentError("no consent: its copy ends before it is given")
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
        conditions=_conditions(fields),
        keep_until=fields.instant("keep_until") if fields.has("keep_until") else None,
    )


def _conditions(fields: Fields) -> tuple[ConsentCondition, ...]:
    if not fields.has("conditions"):
        return ()
    words = fields.rising_texts("conditions")
    if not words or not set(words) <= set(ConsentCondition):
        raise PayloadError("conditions are words of the list, at least one")
    return tuple(ConsentCondition(each) for each in words)
