"""Tombstones: what was erased stays out, by whatever way it comes back.

A tombstone is an HMAC under the node's secret. It recognises what was erased and tells nothing:
without the secret nobody learns from it what it stands for, and no id is kept. There are three
kinds, each for a way in that knows something else of what comes:

1. **name**, of originator and id: asked of everything that names its originator, which is all that
   members give, pass on, or return in a recovery; and of our own items, ours being the name.
2. **id**, of the id alone, where it is not derived from values (a UUID of version 3 or 5 may be:
   STIX derives those of observables from their values, so that originators share them): asked of
   what this member's own tools and people bring in, which names no originator.
3. **content**, of the hash of the exact bytes: asked of the same. It recognises observables too;
   where the id is derived from values, so does a hash of the object however its JSON is spaced and
   ordered (:func:`form_of`).

A version that a correction replaced has a *name* of its own, of originator, id and version, for
the id goes on; it has no *id*.

An observable is alike whoever saw it. Where an officer says that it comes from a source of our own
it is not kept out for its content; for everything else what was recalled stays out.

No tombstone of kind 2 or 3 is set where another originator's item of that id or those bytes stands
here, and neither is ever asked of what another member gives: whoever recalls an item of its own
cannot keep out anybody else's.

Spec: design §2 rule 5.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.ports import Transaction

__all__ = [
    "REFUSED",
    "Offered",
    "barred",
    "barred_here",
    "derived",
    "form_of",
    "marks_of",
    "name_mark",
    "version_mark",
]

REFUSED: Final = "recalled under an order"
"""What our own people and tools are told of what is kept out; it names none."""

_NAME: Final = b"foedus/v1/tombstone\n"
_ID: Final = b"foedus/v1/tombstone-id\n"
_CONTENT: Final = b"foedus/v1/tombstone-content\n"
_DERIVED: Final = frozenset("35")
_VERSION_DIGIT: Final = -22
"""Where a STIX id has the version of its UUID, from its end."""

_decode: Final = msgspec.json.Decoder().decode
_ordered: Final = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One item version that comes in, of whoever is named as its originator.

    Attributes:
        content_hash: Hex SHA-256 of its exact bytes; "" where they are not known.
        raw: These bytes, where what comes in is to be recognised however it is spaced.
    """

    originator: MemberId
    object_id: ObjectId
    version: str
    content_hash: str
    raw: bytes = field(default=b"", repr=False)


def derived(name: str) -> bool:
    """Return whether an id may be derived from values, so that originators may share it."""
    return name[_VERSION_DIGIT] in _DERIVED


def form_of(raw: bytes) -> str:
    """Return hex SHA-256 of an object however its JSON is spaced and ordered; "" if it is none."""
    try:
        return hashlib.sha256(_ordered(_decode(raw))).hexdigest()
    except msgspec.MsgspecError:
        return ""


def name_mark(secret: bytes, originator: MemberId, name: ObjectId) -> bytes:
    """Return the tombstone of a name, 32 bytes."""
    return _mark(secret, _NAME, f"{originator}\n{name}")


def version_mark(secret: bytes, originator: MemberId, name: ObjectId, version: str) -> bytes:
    """Return the tombstone of one version of a name, 32 bytes."""
    return _mark(secret, _NAME, f"{originator}\n{name}\n{version}")


def marks_of(
    secret: bytes, offered: Offered, *, whole: bool, shared: bool, served: Collection[str] = ()
) -> list[bytes]:
    """Return the tombstones to set for a version that is erased.

    Args:
        secret: The node's.
        offered: The version.
        whole: Whether the name is kept out; otherwise this version of it only.
        shared: Whether another originator's item of this id stands here.
        served: What else it is recognised by, hex SHA-256 each: of its rendition, as tools were
            served it, and of the form of both.
    """
    name = offered.object_id
    found = [
        name_mark(secret, offered.originator, name)
        if whole
        else version_mark(secret, offered.originator, name, offered.version)
    ]
    if shared:
        return found
    if whole and not derived(name):
        found.append(_mark(secret, _ID, name))
    known = dict.fromkeys(each for each in (offered.content_hash, *served) if each)
    return [*found, *(_mark(secret, _CONTENT, each) for each in known)]


def barred(tx: Transaction, secret: bytes, offered: Sequence[Offered]) -> frozenset[int]:
    """Return which of these that members give are kept out: places in the list, from 0.

    One look-up for all of them; nothing but the name is asked (see this module).
    """
    asked: list[tuple[int, bytes]] = []
    for place, each in enumerate(offered):
        asked.append((place, name_mark(secret, each.originator, each.object_id)))
        asked.append((place, version_mark(secret, each.originator, each.object_id, each.version)))
    return _found(tx, asked)


def barred_here(
    tx: Transaction, secret: bytes, offered: Sequence[Offered], *, own_source: bool = False
) -> frozenset[int]:
    """Return which of these that our own people and tools bring in are kept out.

    Args:
        tx: A transaction.
        secret: The node's.
        offered: Our own member stands as originator.
        own_source: Whether an officer says that they come from a source of our own: observables,
            which are alike whoever saw them, are then not kept out for their content.
    """
    if not tx.erasure.any_tombstone():
        return frozenset()
    asked: list[tuple[int, bytes]] = []
    for place, each in enumerate(offered):
        name = each.object_id
        asked.append((place, name_mark(secret, each.originator, name)))
        asked.append((place, version_mark(secret, each.originator, name, each.version)))
        if own_source and derived(name):
            continue
        asked.append((place, _mark(secret, _CONTENT, each.content_hash)))
        if not derived(name):
            asked.append((place, _mark(secret, _ID, name)))
        elif each.raw and (form := form_of(each.raw)):
            asked.append((place, _mark(secret, _CONTENT, form)))
    return _found(tx, asked)


def _found(tx: Transaction, asked: Collection[tuple[int, bytes]]) -> frozenset[int]:
    if not asked or not tx.erasure.any_tombstone():
        return frozenset()
    known = tx.erasure.tombstones([mark for _, mark in asked])
    return frozenset(place for place, mark in asked if mark in known)


def _mark(secret: bytes, context: bytes, text: str) -> bytes:
    return hmac.digest(secret, context + text.encode(), hashlib.sha256)
