"""Signed documents: bytes, their type, and signatures over both (DSSE).

A signature covers the type as well as the bytes, so a document signed as one kind can never be
presented as another. The key id in an envelope is a hint that says which key to try; trust comes
only from the keys the verifier brings along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error, EnvelopeError, SignatureError
from foedus.signing.keys import SIGNATURE_BYTES, PublicKey, SigningKey, verify_signature

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "MAX_SIGNATURES",
    "Envelope",
    "EnvelopeSignature",
    "parse_envelope",
    "pre_authentication_encoding",
    "sign_envelope",
    "verify_envelope",
]

MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
"""Largest payload a parser accepts, in bytes."""

MAX_SIGNATURES: Final = 16
"""Most signatures a parser accepts; each may cost one verification."""

MAX_TYPE_CHARACTERS: Final = 256
"""Longest payload type or key id a parser accepts, in characters."""

_URL_SAFE_TO_STANDARD: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeSignature:
    """One signature of an envelope.

    Attributes:
        key_id: Which key to try; unauthenticated, empty when the signer gave none.
        signature: 64 bytes.
    """

    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A payload with its type and signatures. Nothing in it is verified by itself.

    Attributes:
        payload: The exact bytes signed.
        payload_type: What the payload is, for example ``application/vnd.foedus.head+json;v=1``.
        signatures: At least one.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[EnvelopeSignature, ...]

    def document(self) -> dict[str, str | list[dict[str, str]]]:
        """Return the JSON form.

        Spec: DSSE v1.0.2, envelope "Standard JSON envelope".
        """
        return {
            "payload": to_base64(self.payload),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": one.key_id, "sig": to_base64(one.signature)} for one in self.signatures
            ],
        }


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes a signature covers.

    Spec: DSSE v1.0.2, protocol "Signature Definition".
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload: bytes, payload_type: str, key: SigningKey) -> Envelope:
    """Sign bytes as a document of a type.

    Args:
        payload: The document's exact bytes.
        payload_type: Its type, up to 256 characters.
        key: The signer's key.
    """
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    return Envelope(
        payload=payload,
        payload_type=payload_type,
        signatures=(EnvelopeSignature(key_id=key.public.key_id, signature=signature),),
    )


def verify_envelope(envelope: Envelope, keys: Iterable[PublicKey], *, payload_type: str) -> bytes:
    """Return the payload if one of the keys signed it as this type, or raise.

    Args:
        envelope: Untrusted.
        keys: The keys whose signature counts; any one of them is enough.
        payload_type: The only type accepted.

    Returns:
        The payload, now vouched for by one of ``keys``.

    Raises:
        EnvelopeError: Another type, or no valid signature by any of the keys.

    Spec: DSSE v1.0.2, protocol "Protocol" (to verify).
    """
    if envelope.payload_type != payload_type:
        raise EnvelopeError(
            f"expected a document of type {payload_type!r}, got {envelope.payload_type[:64]!r}"
        )
    message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    known = tuple(keys)
    for one in envelope.signatures:
        for key in known:
            if one.key_id not in ("", key.key_id):
                continue
            try:
                verify_signature(key, message, one.signature)
            except SignatureError:
                # Another signature may still hold: a bad one beside a good one must not let a
                # third party spoil a document by adding a line to it.
                continue
            return envelope.payload
    raise EnvelopeError("no valid signature by an expected key")


def parse_envelope(document: Mapping[str, object]) -> Envelope:
    """Read the JSON form, checking types and limits; verify nothing.

    Fields this version does not know are ignored, and both base64 alphabets are read, as the
    specification demands.

    Args:
        document: A decoded JSON object; untrusted.

    Raises:
        EnvelopeError: A field is missing, of another type, too long or not base64.

    Spec: DSSE v1.0.2, envelope "Parsing rules".
    """
    payload_type = _text(document, "payloadType")
    if not payload_type or len(payload_type) > MAX_TYPE_CHARACTERS:
        raise EnvelopeError(f"payloadType has 1 to {MAX_TYPE_CHARACTERS} characters")
    encoded = _text(document, "payload")
    if len(encoded) > (MAX_PAYLOAD_BYTES + 2) // 3 * 4:
        raise EnvelopeError(f"payload is larger than {MAX_PAYLOAD_BYTES} bytes")
    signatures = document.get("signatures")
    if not isinstance(signatures, list | tuple) or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise EnvelopeError(f"signatures is a list of 1 to {MAX_SIGNATURES}")
    return Envelope(
        payload=_bytes(encoded, "payload"),
        payload_type=payload_type,
        signatures=tuple(_signature(one) for one in signatures),
    )


def _signature(document: object) -> EnvelopeSignature:
    if not isinstance(document, Mapping):
        raise EnvelopeError("a signature is an object")
    key_id = document.get("keyid", "")
    if not isinstance(key_id, str) or len(key_id) > MAX_TYPE_CHARACTERS:
        raise EnvelopeError(f"keyid is a text of up to {MAX_TYPE_CHARACTERS} characters")
    signature = _bytes(_text(document, "sig"), "sig")
    if len(signature) != SIGNATURE_BYTES:
        raise EnvelopeError(f"sig has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    return EnvelopeSignature(key_id=key_id, signature=signature)


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise EnvelopeError(f"{name} is missing or not a text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise EnvelopeError(f"{name} is not Unicode text") from error
    return value


def _bytes(text: str, name: str) -> bytes:
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            raise EnvelopeError(f"{name} mixes two base64 alphabets")
        text = text.translate(_URL_SAFE_TO_STANDARD)
    try:
        return from_base64(text)
    except Base64Error as error:
        raise EnvelopeError(f"{name} is not base64") from error
