"""Orders of others: what was ordered of us, what was done under it, and what is not attested yet.

A *received* order stands once for each document taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foedus.casework.attestation import Beyond, Kept
from foedus.casework.order import Order, OrderAction, OrderLine
from foedus.casework.order_course import OrderState
from foedus.model.identifiers import MemberId, ObjectId

__all__ = ["Applied", "NewReceived", "ReceivedLine", "ReceivedOrder", "ReceivedOrderStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReceived:
    """An order taken from a member's lane.

    Attributes:
        sender: Who sent it: its originator, or who relays it.
        digest: Hex SHA-256 of its payload.
        envelope: Bytes of the envelope, canonical JSON.
        automatic: Whether it is carried out without a person's hand.
    """

    order: Order
    sender: MemberId
    digest: str
    envelope: bytes
    received: datetime
    automatic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What carrying out an order did here.

    Attributes:
        held: Item versions it names that were held, those kept included.
        counts: What went or changed, by store; only what is at least 1.
        kept: What is kept, by ground.
        done: False while it waits (a correction, for the version that replaces): then nothing is
            attested, and it is applied again when it is reconsidered.
    """

    held: int
    counts: Mapping[str, int]
    kept: tuple[Kept, ...] = ()
    done: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedOrder:
    """A stored order received.

    Attributes:
        number: As this node numbers them.
        applied: What all applications of it did together; None before the first.
        passed_on: To whom its items had been passed on.
        beyond: What of it was handed out.
        executed: When it was first carried out.
        attested: When the newest attestation was sent.
        unattested: Whether something was done that no attestation says yet.
        reconsider: When it is to be applied again; None if not.
    """

    number: int
    taken: NewReceived
    state: OrderState
    applied: Applied | None
    passed_on: tuple[MemberId, ...]
    beyond: tuple[Beyond, ...]
    executed: datetime | None
    attested: datetime | None
    unattested: bool
    reconsider: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedLine:
    """One line of a received order, found by the item it names.

    Attributes:
        number: Of the received order.
        name: Of the order, as its originator numbers it.
        at: When it was given.
    """

    number: int
    name: str
    action: OrderAction
    at: datetime
    line: OrderLine


class ReceivedOrderStore(Protocol):
    """The half of the orders that is about those of others."""

    def take(self, received: NewReceived) -> ReceivedOrder | None:
        """Keep an order received; None if a document of its digest stands already."""
        ...

    def received(self, number: int) -> ReceivedOrder | None:
        """Return an order received."""
        ...

    def received_digest(self, digest: str) -> ReceivedOrder | None:
        """Return an order received by the digest of its payload."""
        ...

    def all_received(
        self, *, open_only: bool, before: int | None, limit: int
    ) -> Sequence[ReceivedOrder]:
        """Return orders received, newest first; open ones are those not attested for good."""
        ...

    def to_apply(self, now: datetime, *, limit: int) -> Sequence[ReceivedOrder]:
        """Return orders to be applied by themselves now: untouched, or to be reconsidered."""
        ...

    def to_attest(
        self, *, limit: int, but_of: Collection[MemberId] = ()
    ) -> Sequence[ReceivedOrder]:
        """Return orders that were carried out, in whole or in part, and await an attestation.

        Args:
            limit: How many at most.
            but_of: Originators to whom nothing can be sent now.
        """
        ...

    def late_here(self, now: datetime, *, limit: int) -> Sequence[ReceivedOrder]:
        """Return orders received whose time ran out before anything of them was attested.

        Each is returned until :meth:`put_late` notes that people were told.
        """
        ...

    def put_late(self, number: int) -> None:
        """Note that people were told that an order received is late."""
        ...

    def put_applied(
        self,
        number: int,
        applied: Applied,
        *,
        state: OrderState,
        at: datetime,
        unattested: bool,
        reconsider: datetime | None,
    ) -> None:
        """Keep what carrying out did, and the state it leads to.

        Args:
            number: Of the order received.
            applied: What all its applications did together.
            state: How far it has come.
            at: When; the first such instant is when it was carried out, once it is done.
            unattested: Whether something was done that no attestation says yet.
            reconsider: When it is to be applied again; None if not.
        """
        ...

    def put_reach(
        self, number: int, *, passed_on: Sequence[MemberId], beyond: Sequence[Beyond]
    ) -> None:
        """Keep to whom its items had been passed on and what of them was handed out."""
        ...

    def put_attested(self, number: int, *, state: OrderState, at: datetime) -> None:
        """Note that what was done is attested."""
        ...

    def reconsider(
        self, originator: MemberId, object_ids: Sequence[ObjectId], *, at: datetime
    ) -> int:
        """Have orders not attested for good that name these items applied again from an instant.

        For what was awaited has come, or a reserved ground ended. Returns how many.
        """
        ...

    def named(self, originator: MemberId | None, object_ids: Sequence[ObjectId]) -> Sequence[int]:
        """Return every version of these items that stands here, in any state, by handle.

        Of one originator, or with None of whomever.
        """
        ...

    def lines_on(
        self, originator: MemberId, object_ids: Sequence[ObjectId]
    ) -> Sequence[ReceivedLine]:
        """Return the lines of received orders that name these items, oldest order first.

        Lifts stand among them; what they end is for the reader to see.
        """
        ...
