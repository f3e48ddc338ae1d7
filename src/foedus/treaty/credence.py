"""The letter of credence: how a member introduces itself before any treaty binds.

It is signed by the very authority key it names, so it proves only that its author holds that key.
Trust comes from people: two members compare the fingerprint out of band and accept the letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from foedus.canonical import canonical_bytes
from foedus.clock import InstantError, instant_text
from foedus.model.identifiers import MemberId
from foedus.signing.envelope import Envelope, sign_envelope, verify_envelope
from foedus.signing.errors import EnvelopeError
from foedus.signing.keys import PublicKey, SigningKey
from foedus.treaty.errors import TreatyError
from foedus.treaty.payload import PayloadError, read_payload
from foedus.treaty.pins import read_pin_texts

__all__ = [
    "CREDENCE_TYPE",
    "Credence",
    "CredenceError",
    "fingerprint",
    "open_credence",
    "sign_credence",
]

CREDENCE_TYPE: Final = "application/vnd.foedus.credence+json;v=1"
"""Payload type of the envelope of a letter of credence."""

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class CredenceError(TreatyError):
    """A letter of credence is malformed or not signed by the authority it names."""

    code: ClassVar[str] = "treaty.credence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credence:
    """What a member says of itself.

    Attributes:
        member: Its id.
        name: Its name, for people.
        authority: The key of its competent authority, which signs instruments.
        next_authority_hash: SHA-256 of the raw bytes of the authority's next key, 64 hex digits;
            None if it declares none. A rotation must reveal this key.
        node: The key with which its node signs.
        log: The key with which it signs the heads of its log.
        log_origin: Name of that log.
        address: Base URL of its node.
        issued: When the letter was issued; aware UTC.
        exercise: Whether the member introduces itself for an exercise.
        tls: Pins of the keys its node may show over TLS, rising; empty for none named. They hold,
            as the node key does, until its full powers name others.
    """

    member: MemberId
    name: str
    authority: PublicKey
    next_authority_hash: str | None
    node: PublicKey
    log: PublicKey
    log_origin: str
    address: str
    issued: datetime
    exercise: bool
    tls: tuple[str, ...] = ()


def sign_credence(credence: Credence, authority_key: SigningKey) -> Envelope:
    """Sign a letter of credence.

    Args:
        credence: What it says.
        authority_key: The key whose public half it names as authority.

    Raises:
        CredenceError: The key is another, or the letter could not be opened again.
    """
    try:
        payload = canonical_bytes(
            {
                "v": 1,
                "kind": "credence",
                "member": credence.member,
                "name": credence.name,
                "authority": credence.authority.text,
                "next_authority_hash": credence.next_authority_hash,
                "node": credence.node.text,
                "log": credence.log.text,
                "log_origin": credence.log_origin,
                "address": credence.address,
                "issued": instant_text(credence.issued),
                "exercise": credence.exercise,
                **({"tls": sorted(credence.tls)} if credence.tls else {}),
            }
        )
    except InstantError as error:
        raise CredenceError(str(error)) from error
    envelope = sign_envelope(payload, CREDENCE_TYPE, authority_key)
    open_credence(envelope)
    return envelope


def open_credence(envelope: Envelope) -> Credence:
    """Read a letter of credence and check its own signature.

    Args:
        envelope: Untrusted. That it opens says nothing about who sent it: compare the
            :func:`fingerprint` with its member, over another channel.

    Raises:
        CredenceError: It is malformed, of another type, or not signed by the key it names.
    """
    try:
        credence = _read(envelope.payload)
        verify_envelope(envelope, (credence.authority,), payload_type=CREDENCE_TYPE)
    except (PayloadError, EnvelopeError) as error:
        raise CredenceError(f"no letter of credence: {error}") from error
    return credence


def fingerprint(credence: Credence) -> str:
    """Return what two people compare: the fingerprint of the authority's key."""
    return credence.authority.fingerprint


def _read(payload: bytes) -> Credence:
    fields = read_payload(payload)
    if fields.text("kind") != "credence":
        raise PayloadError("kind is not credence")
    hint = (
        None if fields.value("next_authority_hash") is None else fields.text("next_authority_hash")
    )
    if hint is not None and not _HASH.fullmatch(hint):
        raise PayloadError("next_authority_hash is 64 hex digits or null")
    credence = Credence(
        member=fields.member("member"),
        name=fields.text("name"),
        authority=fields.key("authority"),
        next_authority_hash=hint,
        node=fields.key("node"),
        log=fields.key("log"),
        log_origin=fields.log_origin("log_origin"),
        address=fields.address("address"),
        issued=fields.instant("issued"),
        exercise=fields.flag("exercise"),
        tls=read_pin_texts(fields),
    )
    if fields.unread():
        raise PayloadError("it says something this version does not know")
    if credence.authority in (credence.node, credence.log):
        # A stolen node must not be able to speak for the State.
        raise PayloadError("the authority's key must differ from those of the node and the log")
    return credence
