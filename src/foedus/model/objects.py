"""A STIX 2.1 object: a typed view over the exact bytes received.

The bytes are what is hashed, signed, stored and sent on; they are never rebuilt. Everything else on
a :class:`StixObject` is read from them once, here, and trusted afterwards.

Rules of :func:`parse_object`, in the order they are applied:

1. At most :data:`MAX_OBJECT_BYTES` bytes; one JSON object in UTF-8; nested at most
   :data:`MAX_DEPTH` deep.
2. No key twice in one JSON object. Readers differ in which of the two they keep, so that one could
   be shown a harmless marking and the next another.
3. ``type`` and ``id`` are texts, the id is ``type--uuid`` in lower case, and the two agree. A
   bundle is a container, not an object.
4. ``spec_version`` is ``2.1``. Only a cyber-observable may leave it out (STIX 2.1 §3.2); an object
   of version 2.0 is refused, since its meaning differs without saying so.
5. ``created`` and ``modified``, where they stand, are RFC 3339 instants in UTC.
6. Each property ending in ``_ref`` or ``_refs`` holds STIX ids (STIX 2.1 §3.1), at any depth
   except inside the deprecated ``objects`` of observed data, whose references are local.

Spec: STIX 2.1 §2.9, §3.1, §3.2, §3.6.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, NoReturn

import msgspec

from foedus.clock import InstantError, parse_instant
from foedus.errors import FoedusError
from foedus.model.identifiers import IdentifierError, ObjectId, object_id

__all__ = [
    "MAX_DEPTH",
    "MAX_OBJECT_BYTES",
    "OBSERVABLE_TYPES",
    "SPEC_VERSION",
    "ModelError",
    "ObjectError",
    "ReadObject",
    "StixObject",
    "parse_object",
    "read_object",
    "reread_object",
]

MAX_OBJECT_BYTES = 1024 * 1024
"""Largest object read, in bytes."""

MAX_DEPTH = 32
"""Deepest nesting of JSON objects and arrays; the object itself is at depth 1."""

SPEC_VERSION = "2.1"
"""The one version of STIX read."""

OBSERVABLE_TYPES = frozenset(
    {
        "artifact",
        "autonomous-system",
        "directory",
        "domain-name",
        "email-addr",
        "email-message",
        "file",
        "ipv4-addr",
        "ipv6-addr",
        "mac-addr",
        "mutex",
        "network-traffic",
        "process",
        "software",
        "url",
        "user-account",
        "windows-registry-key",
        "x509-certificate",
    }
)
"""The cyber-observable types STIX defines (STIX 2.1 §6)."""

_VERSIONED_TYPES = frozenset(
    {
        "attack-pattern",
        "campaign",
        "course-of-action",
        "extension-definition",
        "grouping",
        "identity",
        "incident",
        "indicator",
        "infrastructure",
        "intrusion-set",
        "language-content",
        "location",
        "malware",
        "malware-analysis",
        "marking-definition",
        "note",
        "observed-data",
        "opinion",
        "relationship",
        "report",
        "sighting",
        "threat-actor",
        "tool",
        "vulnerability",
    }
)
_MARKING_KEYS = frozenset({"object_marking_refs", "marking_ref", "marking_refs"})
_REFERENCE_ENDINGS = ("_ref", "_refs")
_EVERYTHING = "*"
_PLAIN_KEYS = frozenset(
    {
        "created",
        "description",
        "external_id",
        "id",
        "kill_chain_name",
        "lang",
        "modified",
        "name",
        "pattern",
        "pattern_type",
        "pattern_version",
        "phase_name",
        "relationship_type",
        "source_name",
        "spec_version",
        "type",
        "url",
        "valid_from",
        "valid_until",
        "value",
    }
)
"""Frequent keys that are no references: found faster in a set than by their ending."""
_PLAIN_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_decode = msgspec.json.Decoder().decode
_reference = lru_cache(maxsize=16_384)(object_id)
"""Few authors and markings are referred to by many objects."""


class ModelError(FoedusError):
    """Base of the errors of what is exchanged."""

    code: ClassVar[str] = "model"


class ObjectError(ModelError):
    """Bytes are not a STIX 2.1 object, or not a bundle or envelope of them."""

    code: ClassVar[str] = "model.object"


@dataclass(frozen=True, slots=True, kw_only=True)
class StixObject:
    """One version of one STIX 2.1 object.

    Attributes:
        raw: The exact bytes received; UTF-8 JSON.
        id: STIX id, ``type--uuid``.
        type: STIX type, the first part of the id.
        version: The sender's own text of ``modified``, or ``sha256:`` and 64 hex digits of ``raw``
            where there is none.
        modified: ``modified`` as an aware UTC instant, cut to the microsecond.
        created: ``created``, likewise.
        content_hash: SHA-256 of ``raw``, 64 lower-case hex digits.
        marking_refs: Ids in ``object_marking_refs`` and in granular markings, each once, in the
            order they stand. Texts, because whether one is known is for the reader of markings.
        references: Ids in every other ``*_ref`` and ``*_refs`` property, each once, in order.
        spec_version: Always ``2.1``; an observable that leaves it out is read as such.
        revoked: Whether its author revoked it (STIX 2.1 §3.6.2).
    """

    raw: bytes
    id: ObjectId
    type: str
    version: str
    modified: datetime | None
    created: datetime | None
    content_hash: str
    marking_refs: tuple[str, ...]
    references: tuple[ObjectId, ...]
    spec_version: str
    revoked: bool

    def document(self) -> dict[str, Any]:
        """Decode the bytes anew; the caller may change what is returned."""
        document: dict[str, Any] = _decode(self.raw)
        return document


class ReadObject(NamedTuple):
    """An object that breaks no rule of :func:`parse_object`, with its decoded document.

    Attributes:
        document: What the bytes decode to; the reader's own.
        modified: ``modified`` as an aware UTC instant, cut to the microsecond.
        created: ``created``, likewise.
        marking_refs: See :class:`StixObject`.
        references: See :class:`StixObject`.
        revoked: Whether its author revoked it.
    """

    document: dict[str, Any]
    id: ObjectId
    type: str
    modified: datetime | None
    created: datetime | None
    marking_refs: Iterable[str]
    references: Iterable[ObjectId]
    revoked: bool


def read_object(raw: bytes) -> ReadObject:
    """Read one STIX 2.1 object by the same rules, for those who need its document too, or raise.

    Args:
        raw: The bytes of one JSON object; untrusted.

    Raises:
        ObjectError: A rule in the docstring of this module is broken; the message says which.
    """
    document = _read(raw)
    kind, identifier = _identify(document)
    _check_version(document, kind)
    created_text = document.get("created")
    modified_text = document.get("modified")
    created = _instant("created", created_text)
    modified = created if modified_text == created_text else _instant("modified", modified_text)
    revoked = document.get("revoked", False)
    if revoked is not True and revoked is not False:
        _refuse("'revoked' is neither true nor false")
    found = _Walk(document, "objects" if kind == "observed-data" else "")
    _check_duplicates(raw, found.keys)
    return ReadObject(
        document, identifier, kind, modified, created, found.markings, found.references, revoked
    )


def parse_object(raw: bytes) -> StixObject:
    """Read one STIX 2.1 object, or raise.

    Args:
        raw: The bytes of one JSON object; untrusted.

    Raises:
        ObjectError: A rule in the docstring of this module is broken; the message says which.
    """
    found = read_object(raw)
    content_hash = hashlib.sha256(raw).hexdigest()
    return StixObject(
        raw=raw,
        id=found.id,
        type=found.type,
        version=found.document.get("modified") or f"sha256:{content_hash}",
        modified=found.modified,
        created=found.created,
        content_hash=content_hash,
        marking_refs=tuple(found.marking_refs),
        references=tuple(found.references),
        spec_version=SPEC_VERSION,
        revoked=found.revoked,
    )


class _Head(msgspec.Struct, gc=False):
    """What most objects say of themselves at their top level."""

    type: str
    id: ObjectId
    created: str | None = None
    modified: str | None = None
    revoked: bool = False
    created_by_ref: ObjectId | None = None
    object_marking_refs: list[str] | None = None


_head = msgspec.json.Decoder(_Head)


def reread_object(raw: bytes, *, content_hash: str) -> StixObject:
    """Read again what :func:`parse_object` took before, at a third of the cost, or raise.

    The same bytes break no rule the second time, and their hash shows that they are the same. Where
    they hold other references than the author and markings of the object itself, all is read.

    Args:
        raw: Bytes from one's own store.
        content_hash: Their SHA-256 as it was when they were first read, 64 hex digits.

    Raises:
        ObjectError: They are other bytes.
    """
    if hashlib.sha256(raw).hexdigest() != content_hash:
        _refuse("the bytes are not those that were read before")
    try:
        head = _head.decode(raw)
    except (ValueError, RecursionError) as error:
        raise ObjectError(f"not an object that was read before: {error}") from error
    author, markings = head.created_by_ref, head.object_marking_refs
    known = (author is not None) + (markings is not None)
    if b"\\u" in raw or raw.count(b'_ref"') + raw.count(b'_refs"') != known:
        return parse_object(raw)
    created = _instant("created", head.created)
    same = head.modified == head.created
    return StixObject(
        raw=raw,
        id=head.id,
        type=head.type,
        version=head.modified or f"sha256:{content_hash}",
        modified=created if same else _instant("modified", head.modified),
        created=created,
        content_hash=content_hash,
        marking_refs=tuple(dict.fromkeys(markings)) if markings else (),
        references=() if author is None else (author,),
        spec_version=SPEC_VERSION,
        revoked=head.revoked,
    )


def _refuse(reason: str) -> NoReturn:
    raise ObjectError(reason)


def _read(raw: bytes) -> dict[str, Any]:
    """Rule 1, but for the depth."""
    if len(raw) > MAX_OBJECT_BYTES:
        _refuse(f"the object is larger than {MAX_OBJECT_BYTES} bytes")
    try:
        document = _decode(raw)
    except (ValueError, RecursionError) as error:
        raise ObjectError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        _refuse("not a JSON object")
    return document


def _identify(document: Mapping[str, Any]) -> tuple[str, ObjectId]:
    """Rule 3: return type and id."""
    kind = document.get("type")
    if not isinstance(kind, str):
        _refuse("no 'type'")
    if kind == "bundle":
        _refuse("a bundle is a container, not an object: split it first")
    text = document.get("id")
    if not isinstance(text, str):
        _refuse("no 'id'")
    try:
        identifier = object_id(text)
    except IdentifierError as error:
        raise ObjectError(str(error)) from error
    if not (len(kind) == len(text) - 38 and text.startswith(kind)):
        _refuse(f"type {kind[:40]!r} and id {text[:80]!r} do not agree")
    return kind, identifier


def _check_version(document: Mapping[str, Any], kind: str) -> None:
    """Rule 4: versioned objects must say 2.1; observables may say nothing."""
    said = document.get("spec_version")
    if said == SPEC_VERSION:
        return
    if "spec_version" in document:
        _refuse(f"spec_version is {str(said)[:10]!r}: only STIX 2.1 is read")
    if kind in _VERSIONED_TYPES or "created" in document:
        _refuse("no 'spec_version': STIX 2.0 is not read; ask the sender for 2.1 or convert it")


def _instant(name: str, text: object) -> datetime | None:
    """Rule 5. ``datetime.fromisoformat`` is fast, but takes many more forms, hence the pattern."""
    if text is None:
        return None
    if not isinstance(text, str):
        _refuse(f"{name!r} is not a text")
    try:
        if _PLAIN_INSTANT.fullmatch(text):
            return datetime.fromisoformat(text)
        return parse_instant(text)
    except (InstantError, ValueError):
        pass
    try:  # a leap second, which fromisoformat does not know
        return parse_instant(text)
    except InstantError as error:
        raise ObjectError(f"{name!r} is {error}") from error


class _Walk:
    """One pass over a document: its references and markings, the number of keys, the depth."""

    __slots__ = ("keys", "markings", "references")

    def __init__(self, document: dict[str, Any], embedded: str) -> None:
        self.keys = 0
        self.markings: dict[str, None] = {}
        self.references: dict[ObjectId, None] = {}
        self._object(document, 1, embedded)

    def _object(self, node: dict[str, Any], depth: int, local: str) -> None:
        """Visit one JSON object; ``local`` names the property inside which references are local."""
        if depth > MAX_DEPTH:
            _refuse(f"nested deeper than {MAX_DEPTH}")
        self.keys += len(node)
        for key, value in node.items():
            kind = type(value)
            if kind is str and key in _PLAIN_KEYS:
                continue
            if key.endswith(_REFERENCE_ENDINGS) and local != _EVERYTHING:
                self._refer(key, value)
            elif kind is dict:
                inner = _EVERYTHING if local in (key, _EVERYTHING) else ""
                self._object(value, depth + 1, inner)
            elif kind is list:
                self._array(value, depth + 1, _EVERYTHING if local == _EVERYTHING else "")

    def _array(self, node: list[Any], depth: int, local: str) -> None:
        if depth > MAX_DEPTH:
            _refuse(f"nested deeper than {MAX_DEPTH}")
        for value in node:
            kind = type(value)
            if kind is dict:
                self._object(value, depth + 1, local)
            elif kind is list:
                self._array(value, depth + 1, local)

    def _refer(self, key: str, value: object) -> None:
        """Rule 6."""
        texts: Iterable[object] = value if isinstance(value, list) else (value,)
        for text in texts:
            if not isinstance(text, str):
                _refuse(f"{key!r} does not hold STIX ids")
            try:
                identifier = _reference(text)
            except IdentifierError as error:
                raise ObjectError(f"{key!r}: {error}") from error
            if key in _MARKING_KEYS:
                self.markings[identifier] = None
            else:
                self.references[identifier] = None


def _check_duplicates(raw: bytes, keys: int) -> None:
    """Rule 2, without reading twice unless there is a doubt.

    White space aside, each key is followed by a quote and a colon. Where there are as many such
    pairs as keys were decoded, none was decoded over another. More pairs mean either that, or a
    pair inside a text, so the slow reader looks.
    """
    if raw.translate(None, b" \t\r\n").count(b'":') == keys:
        return
    try:
        json.loads(raw, object_pairs_hook=_refuse_duplicates)
    except (ValueError, RecursionError) as error:
        raise ObjectError(f"not JSON: {error}") from error


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            _refuse(f"key {key[:80]!r} stands twice in one JSON object")
        seen.add(key)
