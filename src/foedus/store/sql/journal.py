"""The journal of log entries: what the ledger's tiles are derived from.

An entry commits with the act it records, in one transaction; tiles and head follow and can be
derived again after a crash. Salt and record can be erased, the entry stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.node.ports import LedgerRow
from foedus.node.ports.law import NewEntry
from foedus.store.sql.entry_rows import append_rows
from foedus.store.sql.recovery import StoredRecovery
from foedus.store.sql.session import Session

__all__ = ["StoredJournal"]


class StoredJournal:
    """Implements :class:`foedus.node.ports.LedgerStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def count(self) -> int:
        """Return how many entries are committed (or appended in this transaction)."""
        # Entries are numbered from 0 without gaps and never deleted.
        # Below 0 stand those of logs that were closed.
        return max(0, self._session.number("SELECT max(position) + 1 FROM ledger_entry"))

    def append(self, entry: bytes, *, salt: bytes, record: bytes, at: datetime) -> int:
        """Append one 32-byte entry and return its index.

        Raises:
            StoreBrokenError: The entry is not 32 bytes long.
            RecoveringError: The node was restored and not recovered yet.
        """
        StoredRecovery(self._session).refuse()
        index = self.count()
        self._session.run(
            "INSERT INTO ledger_entry (position, entry, at, salt, record) VALUES (?, ?, ?, ?, ?)",
            (index, entry, to_micros(at), salt, record),
        )
        return index

    def append_many(self, entries: Sequence[NewEntry], *, at: datetime) -> int:
        """Append entries in order and return the index of the first; a statement or two in all.

        Raises:
            StoreBrokenError: An entry is not 32 bytes long; none is kept.
            RecoveringError: The node was restored and not recovered yet.
        """
        StoredRecovery(self._session).refuse()
        first = self.count()
        append_rows(self._session, entries, first=first, at=to_micros(at))
        return first

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """Return entries ``start`` (inclusive) to ``end`` (exclusive)."""
        rows = self._session.rows(
            "SELECT entry FROM ledger_entry WHERE position >= ? AND position < ? ORDER BY position",
            (start, end),
        )
        return [entry for (entry,) in rows]

    def row(self, index: int) -> LedgerRow | None:
        """Return one entry with its record."""
        row = self._session.row(
            "SELECT entry, salt, record, at FROM ledger_entry WHERE position = ?", (index,)
        )
        if row is None:
            return None
        entry, salt, record, at = row
        return LedgerRow(index=index, entry=entry, salt=salt, record=record, at=from_micros(at))
