"""Names of members, treaties, articles and objects, and the deterministic ids Foedus derives.

Rules:

1. A member id is 2 to 8 capital letters or digits and starts with a letter (``XA``).
2. A treaty id is the lower-case hex SHA-256 of the treaty's manifest.
3. An article id is its number as printed (``7``, ``7bis``); a policy id adds an ordinal (``7/2``).
4. A STIX object id is ``type--uuid`` (STIX 2.1 §2.9).
5. An item is named by (originator, object id, version); the version is the originator's own text
   of ``modified`` or, for objects without it, ``sha256:`` and the hash of the exact bytes.
6. A local number is ``MEMBER-YEAR-SEQUENCE`` (``XA-2026-00042``); it never leaves the node.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import ClassVar, NewType

from foedus.errors import FoedusError

__all__ = [
    "FOEDUS_NAMESPACE",
    "ArticleId",
    "IdentifierError",
    "ItemKey",
    "LocalNumber",
    "MemberId",
    "ObjectId",
    "PolicyId",
    "TreatyId",
    "article_of_policy",
    "derived_object_id",
    "member_id",
    "object_id",
    "object_type",
    "treaty_id",
]

MemberId = NewType("MemberId", str)
TreatyId = NewType("TreatyId", str)
ArticleId = NewType("ArticleId", str)
PolicyId = NewType("PolicyId", str)
ObjectId = NewType("ObjectId", str)

FOEDUS_NAMESPACE = uuid.UUID("5d8f0c1e-6c0b-4c55-9f0e-2b6f6d6f6564")
"""UUIDv5 namespace of every id Foedus derives (RFC 9562 §5.5)."""

_MEMBER = re.compile(r"[A-Z][A-Z0-9]{1,7}", re.ASCII)
_TREATY = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OBJECT = re.compile(
    r"([a-z][a-z0-9-]{1,248}[a-z0-9])--"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    re.ASCII,
)
_NUMBER = re.compile(r"([A-Z][A-Z0-9]{1,7})-(\d{4})-(\d{5,9})", re.ASCII)


class IdentifierError(FoedusError):
    """A text does not name what it should."""

    code: ClassVar[str] = "model.identifier"


def member_id(text: str) -> MemberId:
    """Read a member id, or raise :class:`IdentifierError`."""
    if not _MEMBER.fullmatch(text):
        raise IdentifierError(f"not a member id (2 to 8 capitals or digits): {text[:40]!r}")
    return MemberId(text)


def treaty_id(text: str) -> TreatyId:
    """Read a treaty id (64 hex digits), or raise :class:`IdentifierError`."""
    if not _TREATY.fullmatch(text):
        raise IdentifierError(f"not a treaty id (64 hex digits): {text[:80]!r}")
    return TreatyId(text)


def object_id(text: str) -> ObjectId:
    """Read a STIX object id, or raise :class:`IdentifierError`. Spec: STIX 2.1 §2.9."""
    if not _OBJECT.fullmatch(text):
        raise IdentifierError(f"not a STIX id (type--uuid): {text[:80]!r}")
    return ObjectId(text)


def object_type(identifier: ObjectId) -> str:
    """Return the type part of a STIX object id."""
    return identifier.partition("--")[0]


def article_of_policy(policy: PolicyId) -> ArticleId:
    """Return the article a policy stands under (``7/2`` → ``7``)."""
    return ArticleId(policy.partition("/")[0])


def derived_object_id(kind: str, name: bytes) -> ObjectId:
    """Return the id Foedus derives for content of its own: UUIDv5 over exact bytes.

    Args:
        kind: STIX type, for example ``foedus-disclosure``.
        name: The bytes that identify the content; equal bytes give equal ids.
    """
    digest = hashlib.sha1(  # UUIDv5 is SHA-1 by definition; `uuid.uuid5` takes bytes from 3.12 only
        FOEDUS_NAMESPACE.bytes + kind.encode() + b"\n" + name, usedforsecurity=False
    ).digest()
    return ObjectId(f"{kind}--{uuid.UUID(bytes=digest[:16], version=5)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKey:
    """Names one version of one object of one originator.

    Attributes:
        originator: Who made it; nobody else changes it.
        object_id: Its STIX id.
        version: The originator's text of ``modified``, or ``sha256:`` + 64 hex digits.
    """

    originator: MemberId
    object_id: ObjectId
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNumber:
    """A readable number of an item, order or request, unique within one node.

    Attributes:
        member: The node's own member.
        year: Four digits, UTC year in which the number was given.
        sequence: From 1, within the year.
    """

    member: MemberId
    year: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.member}-{self.year}-{self.sequence:05d}"

    @classmethod
    def parse(cls, text: str) -> LocalNumber:
        """Read ``XA-2026-00042``, or raise :class:`IdentifierError`."""
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise IdentifierError(f"not a local number (XA-2026-00042): {text[:40]!r}")
        return cls(member=MemberId(match[1]), year=int(match[2]), sequence=int(match[3]))
