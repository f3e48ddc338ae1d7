"""What a node's operations need from outside: storage, peers, randomness.

One transaction object gives narrow stores as attributes, so that item state, ledger entry and feed
rows of one act commit together or not at all. Promises every implementation keeps:

* ``Database.write()`` is exclusive: one writer at a time over all processes of the node. Leaving
  the block without an exception commits durably before returning; an exception rolls back all.
* ``Database.read()`` sees one consistent snapshot and never blocks a writer.
* Positions, log indexes and ``added`` instants are given inside the writing transaction, so order
  of visibility is order of position.
* ``added`` instants are unique and strictly increasing within one database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from foedus.model.identifiers import ItemKey, LocalNumber, MemberId, ObjectId, TreatyId
from foedus.model.objects import StixObject
from foedus.model.selectors import Selector

__all__ = [
    "Act",
    "ActStore",
    "Alarm",
    "AlarmStore",
    "BatchRow",
    "Database",
    "FeedRow",
    "FeedStore",
    "HitRow",
    "HitState",
    "HitStore",
    "InCursor",
    "InboxStore",
    "ItemFilter",
    "ItemRow",
    "ItemState",
    "ItemStore",
    "LawStore",
    "LedgerRow",
    "LedgerStore",
    "NewBatch",
    "NewHit",
    "NewItem",
    "NewQuarantine",
    "OutLane",
    "PeerRow",
    "PeerStore",
    "PeopleStore",
    "Posting",
    "QuarantineRow",
    "QuarantineStore",
    "Receipted",
    "SourceRow",
    "SourceStore",
    "Stored",
    "StoredOutcome",
    "TokenRow",
    "Transaction",
    "UserRow",
]


class ItemState(StrEnum):
    """Where an item version stands in this node."""

    DRAFT = "draft"
    """Read from a source; nobody has vouched for terms; matched and shown only as a draft."""
    HELD = "held"
    """Vouched for here, or accepted from another member. The only visible state."""
    QUARANTINED = "quarantined"
    """Received and refused by this node's own decision; kept apart with its reason."""
    VARIANT = "variant"
    """A redacted variant made for one recipient; never listed, matched or released to another."""
    PROTOCOL = "protocol"
    """A Foedus document: disclosure, instrument, discrepancy; carries no case content."""
    DISCARDED = "discarded"
    """A draft thrown away; its bytes are gone."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """What is known of one stored item version, without its bytes.

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

    def by_number(self, number: LocalNumber) -> Sequence[ItemRow]:
        """Return every version that carries a local number, oldest first."""
        ...

    def by_object_id(self, object_id: ObjectId) -> Sequence[ItemRow]:
        """Return every version of an object id of any originator, oldest first."""
        ...

    def page(self, which: ItemFilter, *, after: datetime | None, limit: int) -> Sequence[ItemRow]:
        """Return rows in order of ``added``, later than ``after``; keyset paging."""
        ...

    def counts(self) -> Mapping[ItemState, int]:
        """Return how many rows stand in each state."""
        ...

    def selectors(self, handles: Sequence[int]) -> Mapping[int, frozenset[Selector]]:
        """Return the selectors of many items, in a few statements; items without any are left out."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRow:
    """A member whose credence was accepted here.

    Attributes:
        credence: Exact bytes of the credence's envelope.
        heard: When this node last heard from it under its own signature; None if never.
        checkpoint: Its newest verified log head, exact bytes; None before the first.
        head: Its newest acknowledgement of our lanes by lane: (count, digest hex, instant).
    """

    member: MemberId
    credence: bytes
    accepted_at: datetime
    accepted_by: str
    heard: datetime | None
    checkpoint: bytes | None
    head: Mapping[str, tuple[int, str, datetime]] = field(default_factory=dict)


class PeerStore(Protocol):
    """Members introduced to this node."""

    def put(self, peer: PeerRow) -> None:
        """Accept or replace a peer's credence."""
        ...

    def get(self, member: MemberId) -> PeerRow | None:
        """Return one peer."""
        ...

    def all(self) -> Sequence[PeerRow]:
        """Return every peer by member id."""
        ...

    def set_heard(self, member: MemberId, at: datetime) -> None:
        """Note that the peer proved itself alive at an instant; never moves back."""
        ...

    def set_checkpoint(self, member: MemberId, checkpoint: bytes) -> None:
        """Keep the peer's newest verified log head."""
        ...

    def set_head(
        self, member: MemberId, lane: str, *, count: int, digest: str, at: datetime
    ) -> None:
        """Keep what the peer confirms of our lane to it."""
        ...


class LawStore(Protocol):
    """Treaty texts and instruments, as the exact bytes that were signed."""

    def put_treaty(self, treaty: TreatyId, raw: bytes, *, at: datetime) -> bool:
        """Keep a treaty text; returns False if it was there."""
        ...

    def treaties(self) -> Mapping[TreatyId, bytes]:
        """Return every treaty text."""
        ...

    def put_instrument(
        self, document: StixObject, *, member: MemberId, treaty: TreatyId | None, at: datetime
    ) -> bool:
        """Keep an instrument document (a ``foedus-instrument`` object); False if it was there."""
        ...

    def instruments(self) -> Sequence[StixObject]:
        """Return every instrument document, by object id."""
        ...

    def revision(self) -> int:
        """Return a number that changes whenever treaties, instruments or peers change."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One log entry with what it commits to; salt and record are None once erased."""

    index: int
    entry: bytes
    salt: bytes | None
    record: bytes | None
    at: datetime


class LedgerStore(Protocol):
    """The journal of log entries. Appending takes the log's head until commit."""

    def count(self) -> int:
        """Return how many entries are committed (or appended in this transaction)."""
        ...

    def append(self, entry: bytes, *, salt: bytes, record: bytes, at: datetime) -> int:
        """Append one 32-byte entry and return its index."""
        ...

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """Return entries ``start`` (inclusive) to ``end`` (exclusive)."""
        ...

    def row(self, index: int) -> LedgerRow | None:
        """Return one entry with its record."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutLane:
    """A recipient's lane as it stands.

    Attributes:
        count: Rows so far; the next position is ``count + 1``.
        digest: 32 bytes, folded over the rows' commitments.
    """

    recipient: MemberId
    lane: str
    count: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One row of a batch: the item's handle, its salt and its commitment (32 bytes each)."""

    handle: int
    salt: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A sealed batch to append to a lane: the disclosure document first, then its items in order.

    Attributes:
        document: Handle of the stored disclosure document.
        entry_index: Its log entry.
        entry: The 32-byte log entry, the commitment of the disclosure's own row.
        decided: Per row of ``rows``: the verdict as text (kept for the holder's view).
        digest_after: The lane's digest after the last row.
    """

    recipient: MemberId
    lane: str
    treaty: TreatyId | None
    article: str
    document: int
    entry_index: int
    entry: bytes
    rows: tuple[BatchRow, ...]
    digest_after: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """One row of a lane as served: exact bytes and its ``date_added``."""

    position: int
    handle: int
    object_id: ObjectId
    type: str
    version: str
    raw: bytes
    added: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipted:
    """One disclosure of one item version: who got it, where it is logged.

    Attributes:
        document: Handle of the disclosure document.
        position: The item's position in the lane.
        offset: The item's index within its batch, from 0.
        handle: The handle that was sent (the variant's, if redacted).
    """

    recipient: MemberId
    lane: str
    treaty: TreatyId | None
    article: str
    document: int
    entry_index: int
    position: int
    offset: int
    handle: int
    at: datetime


class FeedStore(Protocol):
    """Outgoing lanes: what each recipient is given, in order."""

    def lane(self, recipient: MemberId, lane: str) -> OutLane:
        """Return a lane, empty if nothing was ever put in it."""
        ...

    def append(self, batch: NewBatch) -> None:
        """Append a batch; the rows must continue the lane exactly."""
        ...

    def page(
        self, recipient: MemberId, lane: str, *, after: datetime | None, limit: int
    ) -> Sequence[FeedRow]:
        """Return rows in lane order whose ``added`` is later than ``after``."""
        ...

    def given(
        self, recipient: MemberId, object_ids: Sequence[ObjectId]
    ) -> Mapping[ObjectId, ObjectId]:
        """Map original object ids to the id under which the recipient was given them."""
        ...

    def holds(self, recipient: MemberId, handles: Sequence[int]) -> frozenset[int]:
        """Return which of these versions (or a variant of them) the recipient was given."""
        ...

    def disclosures(self, handle: int) -> Sequence[Receipted]:
        """Return every disclosure of one version (or of variants of it), oldest first."""
        ...

    def batches(self, *, after: int, limit: int) -> Sequence[NewBatch]:
        """Return batches in order of log entry, entry index greater than ``after``; rows empty."""
        ...

    def counts(self) -> Mapping[tuple[MemberId, str], int]:
        """Return items (without disclosure rows) per recipient and lane."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InCursor:
    """How far this node has taken a sender's lane.

    Attributes:
        count: Rows processed (disclosure rows included).
        digest: 32 bytes over their commitments.
        added_after: The sender's own ``date_added`` text at the end of the last page before which
            every row is processed; "" at the start.
        anchor: How many rows come before ``added_after``; rows from there to ``count`` are skipped
            when the page is read again.
        halted: Why the lane stands still; "" when it does not.
    """

    sender: MemberId
    lane: str
    count: int
    digest: bytes
    added_after: str
    anchor: int
    halted: str


class InboxStore(Protocol):
    """Incoming lanes: durable cursors and what became of each row."""

    def cursor(self, sender: MemberId, lane: str) -> InCursor:
        """Return a cursor, at the start if the lane was never read."""
        ...

    def advance(self, cursor: InCursor) -> None:
        """Keep a cursor; the same transaction stores what was received."""
        ...

    def received(self, sender: MemberId, lane: str, rows: Sequence[tuple[int, int, str]]) -> None:
        """Note (position, handle, outcome code) of processed rows; idempotent by position."""
        ...

    def counts(self) -> Mapping[tuple[MemberId, str, str], int]:
        """Return rows per (sender, lane, outcome code), disclosure rows left out."""
        ...

    def cursors(self) -> Sequence[InCursor]:
        """Return every cursor."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQuarantine:
    """Something received and refused. ``raw`` is kept for the officer; ``handle`` if it is stored."""

    sender: MemberId
    lane: str
    position: int
    object_id: str
    raw: bytes
    code: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """A quarantined row with its handle."""

    handle: int
    entry: NewQuarantine


class QuarantineStore(Protocol):
    """What was refused on arrival, with its reason; apart from everything else."""

    def add(self, entry: NewQuarantine) -> bool:
        """Keep it; False if the same bytes stand there for the same place and code."""
        ...

    def page(self, *, after: int, limit: int) -> Sequence[QuarantineRow]:
        """Return rows by handle."""
        ...


class HitState(StrEnum):
    """What a person made of a hit."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHit:
    """A question for a person: two items of different originators share a selector.

    Attributes:
        arrived: Handle of the item that caused the look-up.
        held: Handle of the item that was there.
        how: ``exact`` or ``sighting``.
        frequency: How many visible items carry the selector.
    """

    arrived: int
    held: int
    selector: Selector
    how: str
    frequency: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HitRow:
    """A stored hit."""

    number: int
    hit: NewHit
    state: HitState
    by: str
    reason: str


class HitStore(Protocol):
    """Hits and what people made of them."""

    def add(self, hits: Sequence[NewHit]) -> int:
        """Store hits not there yet (arrived, held, selector); returns how many were new."""
        ...

    def page(self, *, states: frozenset[HitState], after: int, limit: int) -> Sequence[HitRow]:
        """Return hits by number; no states means all."""
        ...

    def get(self, number: int) -> HitRow | None:
        """Return one hit."""
        ...

    def set_state(self, number: int, state: HitState, *, by: str, reason: str) -> None:
        """Record a person's answer."""
        ...

    def counts(self) -> Mapping[HitState, int]:
        """Return hits per state."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """A person of this node."""

    name: str
    roles: frozenset[str]
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A tool's token; only its SHA-256 is kept."""

    token_id: str
    user: str
    digest: bytes
    scope: str
    created: datetime
    revoked: datetime | None


class PeopleStore(Protocol):
    """Users and tokens."""

    def put_user(self, user: UserRow) -> None:
        """Add a user or replace the roles."""
        ...

    def user(self, name: str) -> UserRow | None:
        """Return one user."""
        ...

    def users(self) -> Sequence[UserRow]:
        """Return all users by name."""
        ...

    def put_token(self, token: TokenRow) -> None:
        """Add a token or replace its row (to revoke it)."""
        ...

    def token_by_digest(self, digest: bytes) -> TokenRow | None:
        """Return the token with this digest."""
        ...

    def tokens(self) -> Sequence[TokenRow]:
        """Return all tokens, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing a person did here: ids and digests only, never content."""

    at: datetime
    user: str
    act: str
    subject: str


class ActStore(Protocol):
    """The journal of acts: every act carries a user."""

    def record(self, act: Act) -> None:
        """Append one act."""
        ...

    def page(self, *, after: int, limit: int) -> Sequence[tuple[int, Act]]:
        """Return acts by number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person must know: a halted lane, a mismatch, a conflict.

    Attributes:
        code: Stable dotted name.
        subject: What it concerns, for example ``XB/bulk``; one open alarm per (code, subject).
    """

    code: str
    subject: str
    text: str
    since: datetime


class AlarmStore(Protocol):
    """Open alarms."""

    def set(self, alarm: Alarm) -> None:
        """Open an alarm, or refresh its text keeping its first instant."""
        ...

    def clear(self, code: str, subject: str) -> None:
        """Close an alarm that no longer holds."""
        ...

    def open(self) -> Sequence[Alarm]:
        """Return open alarms, oldest first."""
        ...


class Transaction(Protocol):
    """One consistent view; in a writing transaction, one unit of work."""

    @property
    def items(self) -> ItemStore: ...
    @property
    def sources(self) -> SourceStore: ...
    @property
    def law(self) -> LawStore: ...
    @property
    def peers(self) -> PeerStore: ...
    @property
    def ledger(self) -> LedgerStore: ...
    @property
    def feeds(self) -> FeedStore: ...
    @property
    def inbox(self) -> InboxStore: ...
    @property
    def quarantine(self) -> QuarantineStore: ...
    @property
    def hits(self) -> HitStore: ...
    @property
    def people(self) -> PeopleStore: ...
    @property
    def acts(self) -> ActStore: ...
    @property
    def alarms(self) -> AlarmStore: ...


class Database(Protocol):
    """The node's store."""

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a consistent snapshot."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """Open the exclusive unit of work; commits durably on leaving, rolls back on an exception."""
        ...
