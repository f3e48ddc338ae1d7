"""Law, peers and the journal of log entries, as an operation needs them stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.objects import StixObject

__all__ = ["LawStore", "LedgerRow", "LedgerStore", "NewEntry", "PeerRow", "PeerStore"]


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

    def keep_acknowledgement(self, member: MemberId, lane: str, document: bytes) -> None:
        """Keep a peer's newest acknowledgement of our lane to it, as it signed it."""
        ...

    def acknowledgement(self, member: MemberId, lane: str) -> bytes | None:
        """Return a peer's newest acknowledgement of our lane to it, as it signed it."""
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
        """Return a number that changes whenever treaties, instruments or peers change.

        One seen in a transaction that was rolled back is never given again.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One log entry with what it commits to; salt and record are None once erased."""

    index: int
    entry: bytes
    salt: bytes | None
    record: bytes | None
    at: datetime


class NewEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry to append in bulk: 32 bytes, with what they commit to.

    A struct, since an import makes a great many: it is made in a fraction of the time.
    """

    entry: bytes
    salt: bytes | None
    record: bytes | None


class LedgerStore(Protocol):
    """The journal of log entries. Appending takes the log's head until commit."""

    def count(self) -> int:
        """Return how many entries are committed (or appended in this transaction)."""
        ...

    def append(self, entry: bytes, *, salt: bytes, record: bytes, at: datetime) -> int:
        """Append one 32-byte entry and return its index."""
        ...

    def append_many(self, entries: Sequence[NewEntry], *, at: datetime) -> int:
        """Append entries in order and return the index of the first."""
        ...

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """Return entries ``start`` (inclusive) to ``end`` (exclusive)."""
        ...

    def row(self, index: int) -> LedgerRow | None:
        """Return one entry with its record."""
        ...
