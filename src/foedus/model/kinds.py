"""Foedus's own kinds: signed documents that travel as STIX objects.

What a node states to another is signed once, over exact bytes, in an envelope (DSSE). The envelope
is the content of one property of a STIX object of a new type, so that any TAXII tool carries it
without understanding it. The object's id is derived from the payload: the same statement is the
same object wherever it is wrapped. This module knows the wrapping; what a payload says is read
where it is used, after its signature was verified.

Some statements have a schema but no kind of their own (:class:`SignedStatement`). Other tools are
told of the kinds by STIX objects, which :func:`extension_objects` returns.

Spec: STIX 2.1 §7.3 (extensions of type ``new-sdo``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib.resources
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final

import msgspec

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import ObjectId, derived_object_id
from foedus.model.objects import (
    MAX_OBJECT_BYTES,
    SPEC_VERSION,
    ModelError,
    StixObject,
    parse_object,
)

__all__ = [
    "EXTENSION_IDS",
    "REQUEST_TYPE",
    "TERMS_EXTENSION_ID",
    "FoedusKind",
    "KindError",
    "SignedStatement",
    "extension_objects",
    "kind_of",
    "statement_of",
    "unwrap_document",
    "wrap_document",
    "wrap_object",
]


class KindError(ModelError):
    """An object is not a well-formed wrapper of a Foedus kind."""

    code: ClassVar[str] = "model.kind"


class FoedusKind(StrEnum):
    """A kind of statement; the value is its STIX type."""

    DISCLOSURE = "foedus-disclosure"
    INSTRUMENT = "foedus-instrument"
    REQUEST = "foedus-request"
    ANSWER = "foedus-answer"
    ORDER = "foedus-order"
    ATTESTATION = "foedus-attestation"
    DISCREPANCY = "foedus-discrepancy"
    WITHHELD = "foedus-withheld"


class SignedStatement(StrEnum):
    """A statement whose schema describes its bare envelope; the value names that schema."""

    CREDENCE = "foedus-credence"
    HEAD = "foedus-head"
    TREATY_TEXT = "foedus-treaty-text"
    """Its envelope is the content of a ``foedus-instrument``, beside the instruments."""


EXTENSION_IDS: Mapping[FoedusKind, ObjectId] = MappingProxyType(
    {
        FoedusKind.DISCLOSURE: ObjectId(
            "extension-definition--10094433-7bbd-59bf-be7c-14b49f969385"
        ),
        FoedusKind.INSTRUMENT: ObjectId(
            "extension-definition--956834ce-d29d-5061-9aaf-f7269960b82c"
        ),
        FoedusKind.REQUEST: ObjectId("extension-definition--790cac1e-b0ca-5692-9076-745bcc487afa"),
        FoedusKind.ANSWER: ObjectId("extension-definition--1642b93a-fbf8-5cd9-92de-31f978a6bd20"),
        FoedusKind.ORDER: ObjectId("extension-definition--d13c3ef1-7b77-5f72-915e-98f953b5df28"),
        FoedusKind.ATTESTATION: ObjectId(
            "extension-definition--32277636-de41-5dee-ae65-983e0c45dce3"
        ),
        FoedusKind.DISCREPANCY: ObjectId(
            "extension-definition--aee0c9cc-62a1-59a0-acd6-e5bacd9ab2e0"
        ),
        FoedusKind.WITHHELD: ObjectId("extension-definition--b664f02a-59a2-54a6-b737-9ae5a88059ef"),
    }
)
"""The extension definition that declares each kind. Fixed for ever: they are on the wire."""

TERMS_EXTENSION_ID = ObjectId("extension-definition--85edeac7-1d56-5af6-b5e8-56bcc942e8fe")
"""The extension by which a marking definition carries terms."""

REQUEST_TYPE: Final = "application/vnd.foedus.request+json;v=1"
"""Payload type of a request for information, which tells of a case: an item, not a protocol act."""

_KINDS: Mapping[str, FoedusKind] = MappingProxyType({kind.value: kind for kind in FoedusKind})


def kind_of(obj: StixObject) -> FoedusKind | None:
    """Return the Foedus kind of an object, or None for every other type."""
    return _KINDS.get(obj.type)


def extension_objects() -> tuple[StixObject, ...]:
    """Return what other tools need to know of our kinds, in an order in which references resolve.

    First comes the identity of the project, which created the rest; then the extension definition
    of each kind, in the order of :class:`FoedusKind`; last that of terms. The schema each one names
    is relative to the folder of these files, ``foedus/model/schemas/extensions``.

    Spec: STIX 2.1 §7.3.1.
    """
    folder = importlib.resources.files("foedus.model") / "schemas" / "extensions"
    names = ("identity", *(kind.value for kind in FoedusKind), "foedus-terms")
    return tuple(parse_object((folder / f"{name}.json").read_bytes()) for name in names)


def wrap_document(
    kind: FoedusKind, envelope: Mapping[str, JSONValue], *, payload: bytes, issued: datetime
) -> bytes:
    """Return the canonical bytes of the STIX object that carries a signed document.

    Args:
        kind: What the document is.
        envelope: The signed envelope as JSON: ``payload``, ``payloadType``, ``signatures``.
        payload: The exact bytes inside the envelope; the object's id is derived from them.
        issued: When it was signed; aware. It becomes ``created`` and ``modified``.

    Raises:
        KindError: The envelope is not one, or does not hold that payload.
    """
    if _payload(envelope) != payload:
        raise KindError("the envelope holds another payload than the one named")
    return _wrapped(kind, envelope, derived_object_id(kind.value, payload), issued)


def wrap_object(
    kind: FoedusKind, envelope: Mapping[str, JSONValue], *, payload: bytes, issued: datetime
) -> StixObject:
    """Return the STIX object of :func:`wrap_document`, without reading its bytes again.

    For what was signed just now: that the envelope holds the payload is not checked.

    Args:
        kind: As there.
        envelope: As there; of one's own making.
        payload: As there.
        issued: As there.

    Raises:
        KindError: The envelope has no canonical form, or the object would be larger than any read.
    """
    identifier = derived_object_id(kind.value, payload)
    raw = _wrapped(kind, envelope, identifier, issued)
    if len(raw) > MAX_OBJECT_BYTES:
        raise KindError(f"the object would be larger than {MAX_OBJECT_BYTES} bytes")
    at = issued.astimezone(UTC)
    return StixObject(
        raw=raw,
        id=identifier,
        type=kind.value,
        version=instant_text(issued),
        modified=at,
        created=at,
        content_hash=hashlib.sha256(raw).hexdigest(),
        marking_refs=(),
        references=(),
        spec_version=SPEC_VERSION,
        revoked=False,
    )


def unwrap_document(obj: StixObject) -> Mapping[str, Any]:
    """Return the envelope an object carries. Nothing in it is verified yet.

    Args:
        obj: An object of a Foedus kind; untrusted.

    Returns:
        The envelope as JSON, with ``payload``, ``payloadType`` and ``signatures`` of the right
        shape.

    Raises:
        KindError: The object is of another type, lacks its extension, holds no envelope, or its id
            is not the one derived from the payload.
    """
    kind = kind_of(obj)
    if kind is None:
        raise KindError(f"{obj.type[:40]!r} is not a Foedus kind")
    document = obj.document()
    extensions = document.get("extensions")
    if not (isinstance(extensions, dict) and EXTENSION_IDS[kind] in extensions):
        raise KindError(f"the object does not carry the extension of {kind.value}")
    envelope = document.get("envelope")
    if not isinstance(envelope, dict):
        raise KindError("the object carries no envelope")
    if derived_object_id(kind.value, _payload(envelope)) != obj.id:
        raise KindError("the object's id is not that of its payload")
    return envelope


def statement_of(obj: StixObject) -> Mapping[str, Any] | None:
    """Return what a request for information says, unverified; None for every other object.

    What it says is its content as much as the properties of other objects are theirs: its selectors
    are matched, and people and personal data are looked for in it.
    """
    if obj.type != FoedusKind.REQUEST.value:
        return None
    try:
        envelope = unwrap_document(obj)
        if envelope["payloadType"] != REQUEST_TYPE:
            return None
        statement = msgspec.json.decode(_payload(envelope))
    except (KindError, msgspec.DecodeError, RecursionError):
        return None
    return statement if isinstance(statement, dict) else None


def _wrapped(
    kind: FoedusKind, envelope: Mapping[str, JSONValue], identifier: ObjectId, issued: datetime
) -> bytes:
    instant = instant_text(issued)
    try:
        return canonical_bytes(
            {
                "type": kind.value,
                "spec_version": SPEC_VERSION,
                "id": identifier,
                "created": instant,
                "modified": instant,
                "extensions": {EXTENSION_IDS[kind]: {"extension_type": "new-sdo"}},
                "envelope": envelope,
            }
        )
    except CanonicalError as error:
        raise KindError(f"the envelope has no canonical form: {error}") from error


def _payload(envelope: Mapping[str, Any]) -> bytes:
    """Check the shape of an envelope and return its payload."""
    text = envelope.get("payload")
    signatures = envelope.get("signatures")
    if not (isinstance(text, str) and isinstance(envelope.get("payloadType"), str)):
        raise KindError("the envelope lacks its payload or the payload's type")
    if not (
        isinstance(signatures, list | tuple)
        and signatures
        and all(isinstance(signature, Mapping) for signature in signatures)
    ):
        raise KindError("the envelope carries no signatures")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KindError("the envelope's payload is not base64") from error
