"""Orders: of ours and received, grounds on which items are kept, breaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct

from foedus.client.case_call import CaseCall, Instant, Page, segment

__all__ = [
    "Attested",
    "Breach",
    "Grounds",
    "HolderRow",
    "IssuedOrders",
    "KeptItem",
    "KeptOn",
    "Matrix",
    "NotGiven",
    "Order",
    "OrderFigures",
    "OrderView",
    "Orders",
    "ReceivedOrder",
]


class NotGiven(Struct, frozen=True, kw_only=True):
    """A holder that was not given the corrected version, and erases the old one."""

    member: str
    reason: str


class IssuedOrders(Struct, frozen=True, kw_only=True):
    """What an order that was just given comes to.

    Attributes:
        orders: Names.
        lingering: Whether what was erased here still lies in the database's journal.
    """

    orders: list[str]
    items: int
    holders: list[str]
    due: datetime
    not_given: list[NotGiven]
    erased: int
    lingering: bool


class OrderFigures(Struct, frozen=True, kw_only=True):
    """How far holders have come: state → how many, and how many are late."""

    holders: dict[str, int]
    overdue: int
    breaches: int


class Order(Struct, frozen=True, kw_only=True):
    """An order of ours. In a list it comes with the figures."""

    order: str
    action: str
    reason: str
    treaty: str
    article: str
    given: datetime
    given_by: str
    due: datetime
    life: bool
    expiry: datetime | None
    ended: datetime | None
    log_entry: int
    holders: dict[str, int] = {}
    overdue: int = 0
    breaches: int = 0


class KeptOn(Struct, frozen=True, kw_only=True):
    """Items that a holder kept on a reserved ground."""

    ground: str
    items: int
    until: datetime | None


class Attested(Struct, frozen=True, kw_only=True):
    """What a holder attested: counts by store, what it kept, what it cannot reach."""

    outcome: str
    final: bool
    executed: datetime
    attested: datetime
    counts: dict[str, int]
    kept: list[KeptOn]
    beyond_reach: dict[str, int]
    passed_on: list[str]


class HolderRow(Struct, frozen=True, kw_only=True):
    """An order and a holder: when it came how far."""

    order: str
    holder: str
    items: int
    state: str
    ordered: datetime
    received: datetime | None
    executed: datetime | None
    attested: datetime | None
    due: datetime
    overdue: bool
    outcome: str | None
    kept: int
    kept_until: datetime | None
    breach: int | None
    via: str
    attested_as: list[Attested] = []


class OrderView(Struct, frozen=True, kw_only=True):
    """An order of ours with everyone it went to."""

    order: str
    action: str
    reason: str
    treaty: str
    article: str
    given: datetime
    given_by: str
    due: datetime
    life: bool
    expiry: datetime | None
    ended: datetime | None
    log_entry: int
    figures: OrderFigures
    rows: list[HolderRow]


class Matrix(Struct, frozen=True, kw_only=True):
    """A page of the matrix of orders and holders; the figures are over all of it."""

    rows: list[HolderRow]
    figures: OrderFigures
    next: str


class ReceivedOrder(Struct, frozen=True, kw_only=True, rename={"sender": "from"}):
    """An order that another member gave.

    Attributes:
        unattested: After carrying it out: whether it waits to be attested.
    """

    number: int
    order: str
    originator: str
    sender: str
    action: str
    reason: str
    treaty: str
    article: str
    items: list[str]
    state: str
    automatic: bool
    given: datetime
    received: datetime
    due: datetime
    executed: datetime | None
    attested: datetime | None
    counts: dict[str, int]
    kept: list[KeptOn]
    beyond_reach: dict[str, int]
    passed_on: list[str]
    unattested: bool = False


class KeptItem(Struct, frozen=True, kw_only=True):
    """An item that is kept, or is kept no more, and how many versions of it."""

    item: str
    versions: int
    ground: str = ""


class Breach(Struct, frozen=True, kw_only=True):
    """The record of an order not carried out in time."""

    breach: int
    order: str
    holder: str
    due: datetime
    noted: datetime
    log_entry: int
    executed: datetime | None
    late_by_seconds: int | None
    closed: datetime | None
    closed_by: str
    reason: str


class _Orders(Struct):
    orders: list[Order]
    next: str


class _Received(Struct):
    orders: list[ReceivedOrder]
    next: str


class _Breaches(Struct):
    breaches: list[Breach]
    next: str


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders on what was given."""

    call: CaseCall = field(repr=False)

    def list(self, *, after: str = "", limit: int = 50) -> Page[Order]:
        """Return orders of ours, newest first."""
        found = self.call.get("orders", _Orders, after=after, limit=limit)
        return Page(rows=found.orders, next=found.next)

    def show(self, order: str) -> OrderView:
        """Return one order of ours, by its name."""
        return self.call.get(f"orders/{segment(order)}", OrderView)

    def matrix(
        self, *, order: str = "", rows: str = "all", after: str = "", limit: int = 100
    ) -> Matrix:
        """Return a page of the matrix.

        Args:
            order: Of one order only.
            rows: ``all``, ``open``, ``overdue`` or ``kept``.
            after: Where the page before ended.
            limit: Rows at most.
        """
        return self.call.get(
            "orders/matrix", Matrix, order=order, rows=rows, after=after, limit=limit
        )

    def issue(
        self,
        action: str,
        items: Iterable[str],
        *,
        article: str,
        reason: str,
        treaty: str = "",
        members: Iterable[str] = (),
        **more: Instant | str | bool | None,
    ) -> IssuedOrders:
        """Give an order on items of ours to everyone who holds them.

        Args:
            action: ``correct``, ``restrict``, ``lift``, ``recall``, ``narrow`` or ``expire``.
            items: Local numbers or ids.
            article: Article of the treaty it rests on.
            reason: One of the closed list.
            treaty: The only one if "".
            members: Only these holders; all if none is named.
            more: ``due``, ``life``, ``replacement``, ``expiry``, ``erase``, as the page says.
        """
        body = {
            "action": action,
            "items": tuple(items),
            "article": article,
            "reason": reason,
            "treaty": treaty,
            "members": tuple(members),
            **more,
        }
        return self.call.post("orders", IssuedOrders, body)

    def received(
        self, *, open_only: bool = False, after: str = "", limit: int = 50
    ) -> Page[ReceivedOrder]:
        """Return orders that other members gave, newest first."""
        found = self.call.get(
            "orders/received", _Received, open=open_only, after=after, limit=limit
        )
        return Page(rows=found.orders, next=found.next)

    def execute(self, number: int) -> ReceivedOrder:
        """Carry out an order received, where the treaty leaves it to a person's hand."""
        return self.call.post(f"orders/received/{segment(number)}/execute", ReceivedOrder)

    def breaches(
        self, *, open_only: bool = False, after: str = "", limit: int = 50
    ) -> Page[Breach]:
        """Return the records of orders not carried out in time."""
        found = self.call.get("breaches", _Breaches, open=open_only, after=after, limit=limit)
        return Page(rows=found.breaches, next=found.next)

    def close_breach(self, number: int, reason: str) -> Breach:
        """Close such a record; not by the officer who gave the order."""
        return self.call.post(f"breaches/{segment(number)}/close", Breach, {"reason": reason})


@dataclass(frozen=True, slots=True)
class Grounds:
    """Reserved grounds, on which an order blocks an item instead of erasing it."""

    call: CaseCall = field(repr=False)

    def keep(
        self, item: str, *, ground: str, reason: str, until: Instant | None = None
    ) -> KeptItem:
        """Keep an item: ``court-file`` or ``other-law``."""
        body: Mapping[str, object] = {
            "item": item,
            "ground": ground,
            "reason": reason,
            "until": until,
        }
        return self.call.post("grounds", KeptItem, body)

    def release(self, item: str) -> KeptItem:
        """End the ground; what was ordered of it is carried out."""
        return self.call.post("grounds/release", KeptItem, {"item": item})
