"""Erasing for good.

What lingers of it below the statements is each engine's to end: see ``forget`` of its database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import ObjectId
from foedus.node.ports import Receipted
from foedus.node.ports.erasure import (
    CopyRow,
    ErasureRow,
    NewErasure,
    NewTombstone,
    OpenedItem,
    ReservedRow,
)
from foedus.store.sql.feeds import receipted
from foedus.store.sql.purging import copies_of, erase_copies, erase_entries, erase_items
from foedus.store.sql.quarantine import wipe_copies
from foedus.store.sql.session import Row, Session
from foedus.store.sql.tombstones import (
    any_tombstone,
    lift_tombstones,
    release_items,
    reserve_items,
    reserved_items,
    set_tombstones,
    tombstones,
)

__all__ = ["StoredErasure"]

_SELECT: Final = (
    'SELECT e.number, e.reference, e.reason, e."user", e.at, e.items, e.entry_index FROM erasure e'
)


class StoredErasure:
    """Implements :class:`foedus.node.ports.erasure.ErasureStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, erasure: NewErasure) -> int:
        """Keep an act of erasing and return its number."""
        return self._session.insert(
            'INSERT INTO erasure (reference, reason, "user", at, items, entry_index)'
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING number",
            (
                erasure.reference,
                erasure.reason,
                erasure.user,
                to_micros(erasure.at),
                erasure.items,
                erasure.entry_index,
            ),
        )

    def removals(self) -> int:
        """Return how often served bytes were taken away or changed, where that is counted."""
        return self._session.number("SELECT revision FROM removal")

    def bury(self, items: Sequence[tuple[int, bytes]], *, erasure: int) -> None:
        """Note under which act items were erased."""
        known = self._session.rows(
            "SELECT handle FROM erased_item WHERE handle IN (SELECT value FROM integers(?) w)",
            ([handle for handle, _ in items],),
        )
        buried = {handle for (handle,) in known}
        self._session.run_many(
            "INSERT INTO erased_item (handle, tombstone, erasure) VALUES (?, ?, ?)",
            [(handle, tombstone, erasure) for handle, tombstone in items if handle not in buried],
        )

    def any_tombstone(self) -> bool:
        """Return whether anything is kept out at all."""
        return any_tombstone(self._session)

    def tombstones(self, marks: Sequence[bytes]) -> frozenset[bytes]:
        """Return which of these keep something out."""
        return tombstones(self._session, marks)

    def set_tombstones(self, stones: Sequence[NewTombstone], *, erasure: int | None) -> None:
        """Keep something out from now on."""
        set_tombstones(self._session, stones, erasure=erasure)

    def lift_tombstones(self, marks: Collection[bytes], *, kind: str) -> int:
        """Take away all tombstones of a kind of the items that these marks are of."""
        return lift_tombstones(self._session, marks, kind=kind)

    def reserve(self, rows: Sequence[ReservedRow]) -> None:
        """Keep items against orders, each on its ground."""
        reserve_items(self._session, rows)

    def reserved(self, handles: Sequence[int], *, at: datetime) -> Mapping[int, ReservedRow]:
        """Return which of these items are kept at an instant."""
        return reserved_items(self._session, handles, at=at)

    def release(self, handles: Sequence[int]) -> int:
        """End the grounds on which items are kept."""
        return release_items(self._session, handles)

    def given(self, handles: Sequence[int]) -> Sequence[Receipted]:
        """Return every disclosure of these very versions or variants, oldest first."""
        rows = self._session.rows(
            "SELECT l.recipient, l.name, b.treaty, b.article, b.document, b.entry_index,"
            " f.position, f.position - b.first - 1, f.handle, b.at"
            " FROM integers(?) w CROSS JOIN feed_row f ON f.handle = w.value"
            " CROSS JOIN lane l ON l.lane = f.lane"
            " CROSS JOIN batch b ON b.lane = f.lane AND b.first = (SELECT max(c.first) FROM batch c"
            "  WHERE c.lane = f.lane AND c.first <= f.position)"
            " WHERE f.position > b.first ORDER BY b.entry_index, f.position",
            (list(handles),),
        )
        return [receipted(row) for row in rows]

    def namesakes(self, handles: Sequence[int]) -> Mapping[int, frozenset[int]]:
        """Return for each item the others that stand here under its id."""
        rows = self._session.rows(
            "SELECT w.value, o.handle FROM integers(?) w CROSS JOIN item i ON i.handle = w.value"
            " CROSS JOIN item o ON o.object_id = i.object_id"
            " WHERE o.handle <> i.handle AND o.state <> 'discarded'"
            " AND (o.originator <> i.originator OR o.state = 'draft')",
            (list(handles),),
        )
        found: defaultdict[int, set[int]] = defaultdict(set)
        for handle, other in rows:
            found[handle].add(other)
        return {handle: frozenset(others) for handle, others in found.items()}

    def copies(self, names: Sequence[ObjectId]) -> Sequence[CopyRow]:
        """Return what stands in named collections under these ids."""
        return [
            CopyRow(collection=number, object_id=ObjectId(name), version=version, raw=bytes(raw))
            for number, name, version, raw in copies_of(self._session, names)
        ]

    def erase_copies(self, copies: Sequence[CopyRow]) -> None:
        """Erase these from their collections."""
        erase_copies(self._session, copies)

    def of_item(self, handle: int) -> ErasureRow | None:
        """Return the act that erased an item."""
        row = self._session.row(
            _SELECT + " JOIN erased_item i ON i.erasure = e.number WHERE i.handle = ?", (handle,)
        )
        return None if row is None else _erasure(row)

    def of_tombstone(self, tombstone: bytes) -> ErasureRow | None:
        """Return the newest act that erased something of this name."""
        row = self._session.row(
            _SELECT + " JOIN erased_item i ON i.erasure = e.number WHERE i.tombstone = ?"
            " ORDER BY e.number DESC LIMIT 1",
            (tombstone,),
        )
        return None if row is None else _erasure(row)

    def buried(self, tombstone: bytes) -> Sequence[int]:
        """Return what was erased of this name, by handle."""
        rows = self._session.rows(
            "SELECT handle FROM erased_item WHERE tombstone = ? ORDER BY handle", (tombstone,)
        )
        return [handle for (handle,) in rows]

    def all(self, *, after: int, limit: int) -> Sequence[ErasureRow]:
        """Return acts by number, greater than ``after``."""
        rows = self._session.rows(
            _SELECT + " WHERE e.number > ? ORDER BY e.number LIMIT ?", (after, limit)
        )
        return [_erasure(row) for row in rows]

    def variants(self, handles: Sequence[int]) -> Sequence[int]:
        """Return the redacted variants made of these items."""
        rows = self._session.rows(
            "SELECT v.handle FROM integers(?) w CROSS JOIN item v ON v.variant_of = w.value",
            (list(handles),),
        )
        return [handle for (handle,) in rows]

    def open_document(self, document: int, header: bytes, items: Sequence[OpenedItem]) -> None:
        """Keep a disclosure item by item instead of as one document; its bytes are erased."""
        self._session.run(
            "INSERT INTO opened_disclosure (document, header) VALUES (?, ?)", (document, header)
        )
        self._session.run_many(
            "INSERT INTO opened_item (document, place, commitment, salt, record)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                (document, place, item.commitment, item.salt, item.record)
                for place, item in enumerate(items)
            ],
        )
        self._session.run("DELETE FROM item_bytes WHERE handle = ?", (document,))

    def opened(self, document: int) -> tuple[bytes, Sequence[OpenedItem]] | None:
        """Return header and items of a disclosure kept item by item; None if it is not."""
        row = self._session.row(
            "SELECT header FROM opened_disclosure WHERE document = ?", (document,)
        )
        if row is None:
            return None
        rows = self._session.rows(
            "SELECT commitment, salt, record FROM opened_item WHERE document = ? ORDER BY place",
            (document,),
        )
        return row[0], [
            OpenedItem(commitment=commitment, salt=salt, record=record)
            for commitment, salt, record in rows
        ]

    def erase_places(self, document: int, header: bytes, places: Sequence[int]) -> None:
        """Erase salt and record of items of a disclosure kept item by item, and copies of it."""
        wipe_copies(self._session, [document])
        self._session.run(
            "UPDATE opened_item SET salt = NULL, record = NULL WHERE document = ?"
            " AND place IN (SELECT value FROM integers(?) w)",
            (document, list(places)),
        )
        self._session.run(
            "UPDATE opened_disclosure SET header = ? WHERE document = ?", (header, document)
        )

    def erase_items(self, handles: Sequence[int], names: Sequence[ObjectId]) -> Mapping[str, int]:
        """Erase bytes, selectors, text, title, name and hash of items, and all that names them."""
        return erase_items(self._session, handles, names)

    def erase_entries(self, indices: Sequence[int]) -> None:
        """Erase salt and record of log entries; the entries stay."""
        erase_entries(self._session, indices)

    def erase_entries_before(self, at: datetime) -> int:
        """Erase salts and records of entries older than an instant, with what else opens them."""
        before = to_micros(at)
        # A disclosure is erased with its document, which its recipient must have taken first. What
        # carries orders or law is not: a member that was restored must be able to read it again.
        batches = self._session.rows(
            "SELECT b.entry_index, b.document, b.lane, b.first, b.count,"
            " EXISTS (SELECT 1 FROM lane n WHERE n.lane = b.lane AND n.name = 'bulk')"
            " AND b.first + b.count - 1 <= coalesce((SELECT h.count FROM lane l JOIN peer_head h"
            "  ON h.member = l.recipient AND h.lane = l.name WHERE l.lane = b.lane), 0)"
            " FROM batch b JOIN ledger_entry e ON e.position = b.entry_index WHERE e.at < ?",
            (before,),
        )
        taken = [row for row in batches if row[5]]
        kept = [row[0] for row in batches if not row[5]]
        self._session.run_many(
            "UPDATE feed_row SET salt = ? WHERE lane = ? AND position > ? AND position < ?",
            [(b"", lane, first, first + count) for _, _, lane, first, count, _ in taken],
        )
        wipe_copies(self._session, [row[1] for row in taken])
        documents = [row[1] for row in taken]
        for statement in (
            "DELETE FROM item_bytes WHERE handle IN (SELECT value FROM integers(?) w)",
            "UPDATE opened_item SET salt = NULL, record = NULL"
            " WHERE document IN (SELECT value FROM integers(?) w)",
        ):
            self._session.run(statement, (documents,))
        self._session.run(
            "UPDATE opened_disclosure SET header = ?"
            " WHERE document IN (SELECT value FROM integers(?) w)",
            (b"", documents),
        )
        return self._session.run(
            "UPDATE ledger_entry SET salt = NULL, record = NULL WHERE at < ?"
            " AND salt IS NOT NULL AND position NOT IN (SELECT value FROM integers(?) w)",
            (before, list(kept)),
        )


def _erasure(row: Row) -> ErasureRow:
    number, reference, reason, user, at, items, entry_index = row
    return ErasureRow(
        number=number,
        erasure=NewErasure(
            reference=reference,
            reason=reason,
            user=user,
            at=from_micros(at),
            items=items,
            entry_index=entry_index,
        ),
    )
