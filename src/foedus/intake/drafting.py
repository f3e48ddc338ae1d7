"""STIX 2.1 objects of our own making: observables, indicators, identities, reports, notes.

Rules:

1. The bytes are canonical (RFC 8785), so that equal content is equal bytes.
2. The id of an observable is UUIDv5 over its contributing properties in the namespace STIX gives
   (STIX 2.1 §2.9), so that all who see the same value name it alike.
3. The id of anything else follows from the reading member and what identifies the entry in its
   source. Two members who read one list make two objects: each answers for its own.
4. A value is written in the normal form of its selector where that form loses nothing; names keep
   the spelling of the source.
5. Phone numbers, bank accounts and wallets use the published community extensions for them;
   identity documents an extension of ours, since none is published.

Spec: STIX 2.1 §2.9, §4, §6, §9.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from foedus.canonical import JSONValue, canonical_bytes
from foedus.clock import instant_text
from foedus.intake.drafts import IntakeContext
from foedus.model.identifiers import ObjectId, derived_object_id
from foedus.model.markings import TLP, TLP_MARKING_IDS
from foedus.model.selectors import Selector, SelectorKind

__all__ = [
    "DOCUMENT_EXTENSION_ID",
    "Dates",
    "comparison_of",
    "described",
    "hashes",
    "indicator",
    "instant_of",
    "named",
    "note",
    "observable",
    "observable_id",
    "observed",
    "own_id",
    "pattern_of",
    "quoted",
]

DOCUMENT_EXTENSION_ID: Final = ObjectId(
    "extension-definition--9e5c447a-32e2-529f-abb0-ecdeec5289c2"
)
"""The extension that declares the observable ``identity-document``."""

_STIX_NAMESPACE: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")

_NEW_TYPES: Final[Mapping[str, str]] = {
    "bank-account": "extension-definition--f19f3291-6a84-5674-b311-d75a925d5bd9",
    "cryptocurrency-wallet": "extension-definition--be78509e-6958-51b1-8b26-d17ee0eba2d7",
    "phone-number": "extension-definition--14a97ee2-e666-5ada-a6bd-b7177f79e211",
    "identity-document": DOCUMENT_EXTENSION_ID,
}
"""Observable types STIX does not define, and the extension that declares each."""

_VALUE_TYPES: Final[Mapping[SelectorKind, tuple[str, str]]] = {
    SelectorKind.URL: ("url", "value"),
    SelectorKind.DOMAIN: ("domain-name", "value"),
    SelectorKind.IPV4: ("ipv4-addr", "value"),
    SelectorKind.IPV6: ("ipv6-addr", "value"),
    SelectorKind.EMAIL: ("email-addr", "value"),
    SelectorKind.PHONE: ("phone-number", "value"),
    SelectorKind.WALLET: ("cryptocurrency-wallet", "value"),
    SelectorKind.IBAN: ("bank-account", "iban"),
    SelectorKind.ACCOUNT: ("bank-account", "account_number"),
    SelectorKind.DOCUMENT: ("identity-document", "number"),
}
_HASH_NAMES: Final[Mapping[SelectorKind, str]] = {
    SelectorKind.MD5: "MD5",
    SelectorKind.SHA1: "SHA-1",
    SelectorKind.SHA256: "SHA-256",
    SelectorKind.SHA512: "SHA-512",
    SelectorKind.SSDEEP: "SSDEEP",
    SelectorKind.TLSH: "TLSH",
    SelectorKind.PDQ: "PDQ",
}
_ID_HASHES: Final = ("MD5", "SHA-1", "SHA-256", "SHA-512")
_CONTRIBUTING: Final[Mapping[str, tuple[str, ...]]] = {
    "autonomous-system": ("number",),
    "bank-account": ("iban", "account_number"),
    "file": ("hashes", "name"),
    "identity-document": ("number",),
    "mutex": ("name",),
    "user-account": ("account_type", "user_id", "account_login"),
    "windows-registry-key": ("key", "values"),
}
"""Properties an observable's id is made of; ``value`` for all types not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """When an object of ours was first and last changed, by its source.

    Attributes:
        created: Aware UTC.
        modified: Aware UTC, never before ``created``.
    """

    created: datetime
    modified: datetime

    @classmethod
    def of(cls, created: datetime, modified: datetime | None = None) -> Dates:
        """Return dates in order, whatever the source says of them."""
        return cls(created=created, modified=max(created, modified or created))


def observable(selector: Selector, tlp: TLP | None = None) -> dict[str, JSONValue]:
    """Return the observable that has a selector as its value.

    Args:
        selector: Any kind but ``name``: a name is no observable, see :func:`named`.
        tlp: The level the source gives, if any.
    """
    if selector.kind is SelectorKind.HANDLE:
        platform, _, login = selector.value.partition(":")
        return observed("user-account", {"account_type": platform, "account_login": login}, tlp)
    if selector.kind in _HASH_NAMES:
        return observed("file", {"hashes": hashes([selector])}, tlp)
    kind, key = _VALUE_TYPES[selector.kind]
    return observed(kind, {key: selector.value}, tlp)


def observed(
    kind: str, properties: Mapping[str, JSONValue], tlp: TLP | None = None
) -> dict[str, JSONValue]:
    """Return an observable of a type with these properties, its id derived from them."""
    document: dict[str, JSONValue] = {
        "type": kind,
        "spec_version": "2.1",
        "id": observable_id(kind, properties),
        **properties,
    }
    extension = _NEW_TYPES.get(kind)
    if extension is not None:
        document["extensions"] = {extension: {"extension_type": "new-sco"}}
    return _marked(document, tlp)


def observable_id(kind: str, properties: Mapping[str, JSONValue]) -> ObjectId:
    """Return the deterministic id of an observable. Spec: STIX 2.1 §2.9."""
    contributing: dict[str, JSONValue] = {}
    for key in _CONTRIBUTING.get(kind, ("value",)):
        value = properties.get(key)
        if key == "hashes" and isinstance(value, Mapping):
            first = next((name for name in _ID_HASHES if name in value), None)
            value = {first: value[first]} if first else value
        if value is not None:
            contributing[key] = value
    return ObjectId(
        f"{kind}--{uuid.uuid5(_STIX_NAMESPACE, canonical_bytes(contributing).decode())}"
    )


def hashes(selectors: Sequence[Selector]) -> dict[str, JSONValue]:
    """Return the ``hashes`` dictionary of a file."""
    return {_HASH_NAMES[s.kind]: s.value.removeprefix("T1") for s in selectors}


def pattern_of(selector: Selector) -> str:
    """Return the STIX pattern that matches one selector of any kind but ``name``."""
    return f"[{comparison_of(selector)}]"


def comparison_of(selector: Selector) -> str:
    """Return the comparison expression that matches one selector. Spec: STIX 2.1 §9.3."""
    if selector.kind is SelectorKind.HANDLE:
        platform, _, login = selector.value.partition(":")
        account = f"user-account:account_type = {quoted(platform)}"
        return f"{account} AND user-account:account_login = {quoted(login)}"
    if selector.kind in _HASH_NAMES:
        digest = selector.value.removeprefix("T1")
        return f"file:hashes.'{_HASH_NAMES[selector.kind]}' = {quoted(digest)}"
    kind, key = _VALUE_TYPES[selector.kind]
    return f"{kind}:{key} = {quoted(selector.value)}"


def quoted(text: str) -> str:
    """Return a text as a string literal of a STIX pattern. Spec: STIX 2.1 §9.2."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def indicator(
    identifier: ObjectId, pattern: str, *, dates: Dates, valid_from: datetime, name: str
) -> dict[str, JSONValue]:
    """Return an indicator; what it indicates is left to the person who vouches for it."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": identifier,
        "created": instant_text(dates.created),
        "modified": instant_text(dates.modified),
        "name": name,
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": instant_text(valid_from),
    }


def named(kind: str, identifier: ObjectId, name: str, dates: Dates) -> dict[str, JSONValue]:
    """Return the frame of a domain object that has a name: a report, identity, vulnerability."""
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": identifier,
        "created": instant_text(dates.created),
        "modified": instant_text(dates.modified),
        "name": name,
    }


def note(
    identifier: ObjectId, content: str, refs: Sequence[ObjectId], dates: Dates
) -> dict[str, JSONValue]:
    """Return a note on other objects."""
    return {
        "type": "note",
        "spec_version": "2.1",
        "id": identifier,
        "created": instant_text(dates.created),
        "modified": instant_text(dates.modified),
        "content": content,
        "object_refs": list(refs),
    }


def described(
    document: dict[str, JSONValue],
    *,
    creator: ObjectId,
    tlp: TLP | None = None,
    labels: Sequence[str] = (),
    description: str = "",
) -> bytes:
    """Finish a domain object with what is the same for all of them, and return its bytes."""
    document["created_by_ref"] = creator
    if labels:
        document["labels"] = list(dict.fromkeys(labels))
    if description:
        document["description"] = description
    return canonical_bytes(_marked(document, tlp))


def own_id(context: IntakeContext, kind: str, *identity: str) -> ObjectId:
    """Return the id of an object of ours from what identifies it in its source (rule 3)."""
    return derived_object_id(kind, canonical_bytes([context.member, *identity]))


def instant_of(seconds: object) -> datetime | None:
    """Return the instant of a count of seconds since 1970 as MISP writes it; None if it is none."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | str):
        return None
    text = str(seconds)
    if not (text.isascii() and text.isdigit()) or not 0 < len(text) <= _SECONDS_DIGITS:
        return None
    value = int(text)
    return datetime.fromtimestamp(value, UTC) if value else None


_SECONDS_DIGITS: Final = 11
"""Enough for any instant before the year 5000; more digits are milliseconds or nonsense."""


def _marked(document: dict[str, JSONValue], tlp: TLP | None) -> dict[str, JSONValue]:
    if tlp is not None:
        document["object_marking_refs"] = [TLP_MARKING_IDS[tlp]]
    return document
