"""Breach records of orders, and the tallies of their holders that change with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId
from foedus.node.ports.orders import BreachRow, NewBreach
from foedus.store.errors import StoreMissingError
from foedus.store.sql.instants import instant
from foedus.store.sql.received_orders import StoredReceivedOrders
from foedus.store.sql.session import Row

__all__ = ["ALL", "BREACH", "OVERDUE", "StoredBreaches"]

OVERDUE: Final = "overdue"
BREACH: Final = "breach"
ALL: Final = 0
_BREACHES: Final = (
    'SELECT b.record, o.name, o."user", b.number, b.member, b.due, b.noted, b.entry_index,'
    " b.executed, b.closed, b.closed_by, b.reason FROM order_breach b"
    " JOIN issued_order o ON o.number = b.number"
)


class StoredBreaches(StoredReceivedOrders):
    """The part of :class:`foedus.node.ports.orders.OrderStore` that is about breaches.

    It stands on that about orders of others, so that one object has both.
    """

    __slots__ = ()

    def add_breach(self, breach: NewBreach) -> int:
        """Keep a breach record and return its number."""
        record = self._session.insert(
            "INSERT INTO order_breach (number, member, due, noted, entry_index, closed_by, reason)"
            " VALUES (?, ?, ?, ?, ?, '', '') RETURNING record",
            (
                breach.number,
                breach.member,
                to_micros(breach.due),
                to_micros(breach.noted),
                breach.entry_index,
            ),
        )
        self._session.run(
            "UPDATE order_holder SET breach = ? WHERE number = ? AND member = ?",
            (record, breach.number, breach.member),
        )
        self.count(breach.number, {OVERDUE: 1, BREACH: 1})
        return record

    def breach(self, record: int) -> BreachRow | None:
        """Return a breach record."""
        row = self._session.row(_BREACHES + " WHERE b.record = ?", (record,))
        return None if row is None else _breach(row)

    def breaches(self, *, open_only: bool, after: int, limit: int) -> Sequence[BreachRow]:
        """Return breach records by number, greater than ``after``."""
        only = " AND b.closed IS NULL" if open_only else ""
        rows = self._session.rows(
            _BREACHES + " WHERE b.record > ?" + only + " ORDER BY b.record LIMIT ?", (after, limit)
        )
        return [_breach(row) for row in rows]

    def close_breach(self, record: int, *, user: str, reason: str, at: datetime) -> None:
        """Close an open breach record."""
        row = self._session.row(
            "SELECT number FROM order_breach WHERE record = ? AND closed IS NULL", (record,)
        )
        if row is None:
            raise StoreMissingError(f"no breach record {record} is open")
        self._session.run(
            "UPDATE order_breach SET closed = ?, closed_by = ?, reason = ? WHERE record = ?",
            (to_micros(at), user, reason, record),
        )
        self.count(row[0], {BREACH: -1})

    def count(self, number: int, change: Mapping[str, int]) -> None:
        """Change the tallies of an order, and of all, by so many rows under each word."""
        self._session.run_many(
            "INSERT INTO order_tally (number, word, rows) VALUES (?, ?, ?)"
            " ON CONFLICT (number, word) DO UPDATE SET rows = order_tally.rows + excluded.rows",
            [(of, word, by) for of in (number, ALL) for word, by in change.items() if by],
        )


def _breach(row: Row) -> BreachRow:
    return BreachRow(
        record=row[0],
        name=row[1],
        issued_by=row[2],
        breach=NewBreach(
            number=row[3],
            member=MemberId(row[4]),
            due=from_micros(row[5]),
            noted=from_micros(row[6]),
            entry_index=row[7],
        ),
        executed=instant(row[8]),
        closed=instant(row[9]),
        closed_by=row[10],
        reason=row[11],
    )
