"""Items and the sources they were read from, as an operation needs them stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from foedus.model.identifiers import ItemKey, LocalNumber, MemberId, ObjectId, TreatyId
from foedus.model.objects import StixObject
from foedus.model.selectors import Selector, SelectorKind

__all__ = [
    "EVERY_STATE",
    "ItemFilter",
    "ItemRow",
    "ItemState",
    "ItemStore",
    "NewItem",
    "Posting",
    "SourceRow",
    "SourceStore",
    "Stored",
    "StoredOutcome",
]


class ItemState(StrEnum):
    """Where an item version stands in this node."""

    DRAFT = "draft"
    """Read from a source; nobody has vouched for terms; matched and shown only as a draft."""
    HELD = "held"
    """Vouched for here, or accepted from another member. The only visible state."""
    QUARANTINED = "quarantined"
    """Received and refused by this node's own decision; kept apart with its reason."""
    AWAITING = "awaiting"
    """Received under a law that is not the one known here; kept apart until the two agree."""
    VARIANT = "variant"
    """A redacted variant made for one recipient; never listed, matched or released to another."""
    PROTOCOL = "protocol"
    """A Foedus document: disclosure, instrument, discrepancy; carries no case content."""
    RESTRICTED = "restricted"
    """Held, and blocked by an order or a challenge: its bytes stay, nobody is shown or given it."""
    DISCARDED = "discarded"
    """A draft thrown away; its bytes are gone."""


EVERY_STATE = frozenset(ItemState)
"""Of items in whatever state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """One item version to store.

    Attributes:
        obj: The object; its exact bytes are kept.
        originator: Whose it is.
        state: Where it enters.
        terms_id: Its terms, already stored; None for drafts and protocol documents.
        received_from: The member it came from; None when it began here.
        received_under: The treaty it was received under; None when it began here.
        source: Row of the intake source it was read from, if any.
        selectors: Normalised selectors found in it.
        title: Short text for people and for search (name, pattern or value).
        text: Further text for search.
        variant_of: Handle of the original, for a redacted variant.
        numbered: Whether it gets a local number.
    """

    obj: StixObject
    originator: MemberId
    state: ItemState
    terms_id: ObjectId | None = None
    received_from: MemberId | None = None
    received_under: TreatyId | None = None
    source: int | None = None
    selectors: frozenset[Selector] = frozenset()
    title: str = ""
    text: str = ""
    variant_of: int | None = None
    numbered: bool = True


class Stored(StrEnum):
    """What became of one :class:`NewItem`."""

    NEW = "new"
    DUPLICATE = "duplicate"
    """The same key with the same bytes is stored already; nothing changed."""
    CONFLICT = "conflict"
    """The same key is stored with other bytes; nothing changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutcome:
    """The handle now standing for a :class:`NewItem`, and whether it was new."""

    handle: int
    outcome: Stored


class ItemRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known of one stored item version, without its bytes.

    A struct, since a list makes thousands of them: it is made in a fraction of the time.

    Attributes:
        handle: Local row number; never leaves the node.
        added: When this row entered its present state (unique, increasing).
    """

    handle: int
    key: ItemKey
    type: str
    state: ItemState
    number: LocalNumber | None
    terms_id: ObjectId | None
    content_hash: str
    modified: datetime | None
    received_from: MemberId | None
    received_under: TreatyId | None
    source: int | None
    title: str
    variant_of: int | None
    added: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """Which items to list. Empty collections mean no restriction; all that are given must hold.

    Attributes:
        states: Defaults to held only (the one visibility filter).
        added_after: Only rows whose ``added`` is later.
        newest_only: Only the newest version of each (originator, object id).
        text: Full-text query over titles and texts; plain words, all must occur.
        unheard: Also what a restored node shows to nobody before the orders on it were read. For
            what carries orders out and for what answers for everything that stands here.
    """

    states: frozenset[ItemState] = frozenset({ItemState.HELD})
    types: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    originators: frozenset[MemberId] = frozenset()
    received_from: frozenset[MemberId] = frozenset()
    sources: frozenset[int] = frozenset()
    added_after: datetime | None = None
    newest_only: bool = False
    text: str = ""
    unheard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """Visible items that carry one selector.

    Attributes:
        frequency: How many visible items carry it in all.
        handles: At most the asked-for number of them, newest first.
    """

    frequency: int
    handles: tuple[int, ...]


class ItemStore(Protocol):
    """Item versions, their bytes, numbers, terms and selectors."""

    def add(self, items: Sequence[NewItem], *, at: datetime) -> Sequence[StoredOutcome]:
        """Store versions in order, idempotent by key and content hash.

        A duplicate of a row that is only a draft, offered as held, is a ``DUPLICATE`` and keeps
        its state; promotion goes through :meth:`settle`.
        """
        ...

    def settle(
        self, handles: Sequence[int], *, state: ItemState, terms_id: ObjectId | None, at: datetime
    ) -> None:
        """Move rows to a state with their terms, giving each a fresh ``added`` instant."""
        ...

    def move(self, handles: Sequence[int], *, state: ItemState, at: datetime) -> None:
        """Move rows to a state under the terms they have, giving each a fresh ``added`` instant."""
        ...

    def discard(self, handles: Sequence[int]) -> None:
        """Erase bytes, selectors and text of drafts; the rows stay as discarded."""
        ...

    def rows(self, handles: Sequence[int]) -> Sequence[ItemRow]:
        """Return the rows of handles that exist, in the order asked."""
        ...

    def raw(self, handles: Sequence[int]) -> Mapping[int, bytes]:
        """Return the exact bytes of each handle that has them."""
        ...

    def by_key(self, key: ItemKey) -> ItemRow | None:
        """Return the row of one item version in any state."""
        ...

    def by_number(
        self, number: LocalNumber, *, states: Collection[ItemState] = EVERY_STATE
    ) -> Sequence[ItemRow]:
        """Return the versions in some states that carry a local number, oldest first.

        Rows in other states are not read.
        """
        ...

    def by_object_id(
        self, object_id: ObjectId, *, states: Collection[ItemState] = EVERY_STATE
    ) -> Sequence[ItemRow]:
        """Return the versions in some states of an id of any originator, oldest first.

        Rows in other states are not read: who shows an answer asks for what it may show only.
        """
        ...

    def page(self, which: ItemFilter, *, after: datetime | None, limit: int) -> Sequence[ItemRow]:
        """Return rows in order of ``added``, later than ``after``; keyset paging."""
        ...

    def counts(self) -> Mapping[ItemState, int]:
        """Return how many rows stand in each state."""
        ...

    def selectors(
        self, handles: Sequence[int], *, kinds: Collection[SelectorKind] | None = None
    ) -> Mapping[int, frozenset[Selector]]:
        """Return the selectors of many items, in few statements; items without are left out.

        Of the kinds given, or of all.
        """
        ...

    def postings(self, selectors: Sequence[Selector], *, cap: int) -> Mapping[Selector, Posting]:
        """Look up many selectors among visible items; absent ones are left out."""
        ...

    def markings(self, ids: Sequence[str]) -> Mapping[str, StixObject]:
        """Return the marking-definitions stored here under these ids, any originator."""
        ...

    def put_terms(self, terms_id: ObjectId, raw: bytes) -> None:
        """Keep a terms object; idempotent."""
        ...

    def terms(self, ids: Sequence[ObjectId]) -> Mapping[ObjectId, bytes]:
        """Return the terms objects stored under these ids."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One thing read by ``submit``.

    Attributes:
        handle: Local row number.
        sha256: Of the file's bytes, hex.
        read: Entries found in it; equals taken + duplicates + refused.
        added: Drafts our side made beside the entries (the tying report, the publisher).
        refused: (place, reason) of each entry refused singly.
    """

    handle: int
    sha256: str
    name: str
    format: str
    at: datetime
    by: str
    read: int
    taken: int
    duplicates: int
    added: int
    refused: tuple[tuple[str, str], ...]
    report: ObjectId | None


class SourceStore(Protocol):
    """What was submitted, and how it reconciles."""

    def add(self, source: SourceRow) -> int:
        """Store a source (its ``handle`` is ignored) and return the handle given."""
        ...

    def all(self) -> Sequence[SourceRow]:
        """Return every source, oldest first."""
        ...

    def editions(self, format_name: str) -> Mapping[ObjectId, tuple[str, str]]:
        """Return object id → (content hash, version) of the newest items of a format."""
        ...
