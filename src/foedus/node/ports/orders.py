"""Orders: what was ordered of whom, how far each holder has come, and what was ordered of us.

An *issued* order stands once, with one *holder row* for each member it went to; the figures of all
rows are kept as tallies, so that no view counts rows. A *breach* is made of a holder row whose time
ran out; it is never removed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from foedus.casework.attestation import Outcome
from foedus.casework.order import OrderAction, OrderReason
from foedus.casework.order_course import OrderState
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.node.ports.received_orders import ReceivedOrderStore

__all__ = [
    "Attested",
    "BreachRow",
    "Given",
    "HolderRow",
    "IssuedOrder",
    "MatrixPlace",
    "NewBreach",
    "NewHolder",
    "NewIssued",
    "OrderStore",
    "Rows",
    "Tally",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIssued:
    """An order given by this node.

    Attributes:
        name: As it is numbered (``XA-O-2026-00007``).
        user: Who gave it.
        entry_index: The log entry of the act.
        handles: The item versions here that it concerns, without variants.
        expiry: When its items end, in an expiry.
    """

    name: str
    action: OrderAction
    reason: OrderReason
    treaty: TreatyId
    article: ArticleId
    at: datetime
    due: datetime
    life: bool
    user: str
    entry_index: int
    handles: tuple[int, ...]
    expiry: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedOrder:
    """A stored order of ours; ``ended`` is when a lift ended it, if one did.

    ``order.handles`` is read only where one order is asked for by its name.
    """

    number: int
    order: NewIssued
    ended: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An item version that a member was given.

    Attributes:
        handle: Of the version here; of the original, where a redacted form was given.
        object_id: Under which it was given.
        version: As it was given.
        sha256: Hex SHA-256 of the bytes given.
        document: Handle of the newest disclosure that gave it.
    """

    member: MemberId
    handle: int
    object_id: ObjectId
    version: str
    sha256: str
    document: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHolder:
    """One member an order went to.

    Attributes:
        digest: Hex SHA-256 of the payload of the document it was sent; "" where it has the order
            from another member only.
        document: Handle of that document; 0 where there is none.
        position: Its position in the member's order lane; 0 where it does not stand there (yet).
        items: How many items the document names.
        via: Who relayed it; "" where we sent it.
    """

    member: MemberId
    digest: str
    document: int
    position: int
    items: int
    via: str
    ordered: datetime
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderRow:
    """How far one holder has come with one order.

    Attributes:
        number: Of the order.
        name: Of the order.
        kept: Item versions kept on reserved grounds.
        kept_until: When the first of these grounds ends, where a day is set.
        outcome: What its attestation says; None before.
        breach: Number of its breach record; 0 without one.
    """

    number: int
    name: str
    holder: NewHolder
    state: OrderState
    received: datetime | None
    executed: datetime | None
    attested: datetime | None
    outcome: Outcome | None
    kept: int
    kept_until: datetime | None
    breach: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """What an attestation changes in a holder row; instants as the holder states them.

    Attributes:
        payload: Exact bytes of the attestation, which was verified.
    """

    payload: bytes
    state: OrderState
    received: datetime
    executed: datetime
    attested: datetime
    outcome: Outcome
    kept: int
    kept_until: datetime | None


class Rows(StrEnum):
    """Which rows of the matrix are asked for."""

    ALL = "all"
    OPEN = "open"
    """Not attested for good."""
    OVERDUE = "overdue"
    """Not carried out in time, and not yet."""
    KEPT = "kept"
    """Carried out in part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixPlace:
    """A place in the matrix: rows rise by order number and member."""

    number: int
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Figures over holder rows.

    Attributes:
        states: Rows in each state; all states are there.
        overdue: Rows whose time ran out and that are not carried out yet.
        breaches: Open breach records.
    """

    states: Mapping[OrderState, int]
    overdue: int
    breaches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBreach:
    """An order that was not carried out in time."""

    number: int
    member: MemberId
    due: datetime
    noted: datetime
    entry_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachRow:
    """A breach record.

    Attributes:
        record: The breach number.
        name: Of the order.
        issued_by: Who gave the order.
        executed: When the holder carried it out after all, as it states.
        closed: When an officer closed it; None while it is open.
    """

    record: int
    name: str
    issued_by: str
    breach: NewBreach
    executed: datetime | None
    closed: datetime | None
    closed_by: str
    reason: str


class OrderStore(ReceivedOrderStore, Protocol):
    """Orders: what was ordered of whom, how far each holder has come, and what others ordered."""

    def versions(self, handles: Sequence[int]) -> Sequence[int]:
        """Return every version of these items, also those only drafted or erased, by handle."""
        ...

    def given(self, handles: Sequence[int]) -> Sequence[Given]:
        """Return to whom these versions, or redacted variants of them, were given.

        By member, id and version, each once; one statement asks for all.
        """
        ...

    def next_sequence(self, year: int) -> int:
        """Return the number, from 1, that the next order of a year is given."""
        ...

    def issue(self, order: NewIssued, *, sequence: int) -> int:
        """Keep an order of ours and return its number; names are unique."""
        ...

    def widen(self, number: int, handles: Sequence[int]) -> None:
        """Add item versions to those an order of ours concerns; for a node that was restored."""
        ...

    def address(self, number: int, holders: Sequence[NewHolder]) -> None:
        """Add members it went to, in state ordered; who stands there already is left alone."""
        ...

    def unsent(self, members: Collection[MemberId], *, limit: int) -> Sequence[HolderRow]:
        """Return rows of these members whose document does not stand in their lane yet."""
        ...

    def sent(self, number: int, member: MemberId, *, position: int) -> None:
        """Note where in a member's lane an order's document stands now."""
        ...

    def issued(self, name: str) -> IssuedOrder | None:
        """Return an order of ours by its name."""
        ...

    def all_issued(self, *, before: int | None, limit: int) -> Sequence[IssuedOrder]:
        """Return orders of ours, newest first, numbers less than ``before``."""
        ...

    def holder(self, number: int, member: MemberId) -> HolderRow | None:
        """Return how far a holder has come with an order of ours."""
        ...

    def by_digest(self, digest: str) -> HolderRow | None:
        """Return the holder row of the document with a payload of that digest."""
        ...

    def matrix(
        self, rows: Rows, *, after: MatrixPlace | None, limit: int, number: int | None = None
    ) -> Sequence[HolderRow]:
        """Return holder rows by order number and member, of one order where it is named."""
        ...

    def tallies(self, numbers: Sequence[int]) -> Mapping[int, Tally]:
        """Return the figures of several orders, in one statement."""
        ...

    def tally(self, number: int | None = None) -> Tally:
        """Return the figures of one order, or of all."""
        ...

    def awaiting_receipt(self) -> Sequence[MemberId]:
        """Return the members with an order in state ordered that stands in their lane."""
        ...

    def first_awaiting(self, member: MemberId) -> int:
        """Return the first lane position of an order in state ordered; 0 where there is none."""
        ...

    def note_receipts(self, member: MemberId, *, count: int, at: datetime) -> int:
        """Lead a member's orders up to a position of its lane from ordered to received."""
        ...

    def note_attested(self, number: int, member: MemberId, told: Attested) -> None:
        """Keep what a holder attests."""
        ...

    def attestations(self, number: int) -> Mapping[MemberId, Sequence[bytes]]:
        """Return the payloads of what each holder attested under an order, oldest first."""
        ...

    def overdue(self, now: datetime, *, limit: int) -> Sequence[HolderRow]:
        """Return rows due by now, neither carried out nor in a breach record, first due first."""
        ...

    def barred(
        self, member: MemberId, handles: Sequence[int], *, at: datetime
    ) -> Mapping[int, str]:
        """Return which versions an order of ours keeps from being given, with the order's name.

        A live restriction, recall or expiry (from its day on) bars every version of its items for
        all; a narrowing for the members it went to; a correction, or a recall of what a correction
        supersedes, bars the versions it named.
        """
        ...

    def expiring(self, handles: Sequence[int], member: MemberId) -> Sequence[str]:
        """Return the names of orders of expiry on these items that a member was not sent."""
        ...

    def end(self, handles: Sequence[int], actions: Sequence[OrderAction], *, at: datetime) -> int:
        """End what orders of these actions bar of these items; returns how many lines it ended.

        Args:
            handles: The items, all versions meant among them.
            actions: Which orders.
            at: When it ends; what was ordered later stands.
        """
        ...

    # Breaches.

    def add_breach(self, breach: NewBreach) -> int:
        """Keep a breach record and return its number."""
        ...

    def breach(self, record: int) -> BreachRow | None:
        """Return a breach record."""
        ...

    def breaches(self, *, open_only: bool, after: int, limit: int) -> Sequence[BreachRow]:
        """Return breach records by number, greater than ``after``."""
        ...

    def close_breach(self, record: int, *, user: str, reason: str, at: datetime) -> None:
        """Close an open breach record."""
        ...
