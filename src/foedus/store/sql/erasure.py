"""Erasing for good.

What lingers of it below the statements is each engine's to end: see ``forget`` of its database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.ports import ItemState
from foedus.node.ports.erasure import ErasureRow, NewErasure, OpenedItem, ReceivedPlace
from foedus.store.errors import StoreMissingError
from foedus.store.sql.alarms import clear_about
from foedus.store.sql.grounds import note_lapse
from foedus.store.sql.postings import erase_postings
from foedus.store.sql.quarantine import wipe_copies, wipe_named
from foedus.store.sql.session import Row, Session

__all__ = ["StoredErasure"]

_SELECT: Final = (
    'SELECT e.number, e.reference, e.reason, e."user", e.at, e.items, e.entry_index FROM erasure e'
)
_NO_BYTES: Final = hashlib.sha256(b"").digest()


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

    def bury(self, handle: int, tombstone: bytes, erasure: int) -> None:
        """Note under which act an item was erased."""
        self._session.run(
            "INSERT INTO erased_item (handle, tombstone, erasure) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (handle, tombstone, erasure),
        )

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

    def all(self, *, after: int, limit: int) -> Sequence[ErasureRow]:
        """Return acts by number, greater than ``after``."""
        rows = self._session.rows(
            _SELECT + " WHERE e.number > ? ORDER BY e.number LIMIT ?", (after, limit)
        )
        return [_erasure(row) for row in rows]

    def received(
        self, handle: int, *, opening: str, awaiting: Collection[str]
    ) -> Sequence[ReceivedPlace]:
        """Return where an item stands in the disclosures received."""
        # No index leads here, for intake would pay for it: an erasure reads the rows once.
        rows = self._session.rows(
            "SELECT in_lane, position FROM in_row WHERE handle = ? AND code <> ?",
            (handle, opening),
        )
        return [self._place(lane, position, opening, awaiting) for lane, position in rows]

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
        self._session.run_many(
            "UPDATE opened_item SET salt = NULL, record = NULL WHERE document = ? AND place = ?",
            [(document, place) for place in places],
        )
        self._session.run(
            "UPDATE opened_disclosure SET header = ? WHERE document = ?", (header, document)
        )

    def erase_items(self, handles: Sequence[int], names: Sequence[ObjectId]) -> None:
        """Erase bytes, selectors, text, title, name and hash of items, and all that names them."""
        asked = (list(handles),)
        rows = self._session.rows(
            "SELECT i.handle, i.object_id, i.originator, i.version, i.added FROM integers(?) w"
            " CROSS JOIN item i ON i.handle = w.value",
            asked,
        )
        if len(rows) != len(handles):
            raise StoreMissingError("an item named by its handle is not stored")
        self._erase_grounds(rows)
        for statement in (
            "DELETE FROM item_bytes WHERE handle IN (SELECT value FROM integers(?) w)",
            "DELETE FROM hit WHERE arrived IN (SELECT value FROM integers(?1) w)"
            " OR held IN (SELECT value FROM integers(?1) w)",
        ):
            self._session.run(statement, asked)
        self._session.run(
            "UPDATE feed_row SET salt = ? WHERE handle IN (SELECT value FROM integers(?) w)",
            (b"", *asked),
        )
        erase_postings(self._session, handles)
        self._session.words.erase(self._session, [row[4] for row in rows])
        wipe_named(self._session, [(row[0], ObjectId(row[1]), MemberId(row[2])) for row in rows])
        clear_about(self._session, [ObjectId(row[1]) for row in rows])
        self._session.run_many(
            "UPDATE item SET state = ?, title = '', object_id = ?, version = ?,"
            " modified = NULL, content_hash = ?, terms = NULL WHERE handle = ?",
            [
                (ItemState.DISCARDED.value, name, f"erased.{handle}", _NO_BYTES, handle)
                for handle, name in zip(handles, names, strict=True)
            ],
        )

    def erase_entries(self, indices: Sequence[int]) -> None:
        """Erase salt and record of log entries; the entries stay."""
        self._session.run(
            "UPDATE ledger_entry SET salt = NULL, record = NULL"
            " WHERE position IN (SELECT value FROM integers(?) w)",
            (list(indices),),
        )

    def erase_entries_before(self, at: datetime) -> int:
        """Erase salts and records of entries older than an instant, with what else opens them."""
        before = to_micros(at)
        # A disclosure is erased with its document, which its recipient must have taken first.
        batches = self._session.rows(
            "SELECT b.entry_index, b.document, b.lane, b.first, b.count,"
            " b.first + b.count - 1 <= coalesce((SELECT h.count FROM lane l JOIN peer_head h"
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

    def _place(
        self, lane: int, position: int, opening: str, awaiting: Collection[str]
    ) -> ReceivedPlace:
        """Return where a received row stands in its batch."""
        opened = self._session.row(
            "SELECT position, handle FROM in_row WHERE in_lane = ? AND position < ? AND code = ?"
            " ORDER BY position DESC LIMIT 1",
            (lane, position, opening),
        )
        if opened is None:
            raise StoreMissingError(f"row {position} of a lane has no disclosure before it")
        following = self._session.number(
            "SELECT coalesce(min(position), 0) FROM in_row WHERE in_lane = ? AND position > ?"
            " AND code = ?",
            (lane, position, opening),
        )
        open_rows = self._session.number(
            "SELECT count(*) FROM in_row WHERE in_lane = ? AND position > ?"
            " AND (? = 0 OR position < ?) AND code IN (SELECT value FROM texts(?) w)",
            (lane, opened[0], following, following, list(awaiting)),
        )
        return ReceivedPlace(
            document=opened[1], place=position - opened[0] - 1, settled=not open_rows
        )

    def _erase_grounds(self, rows: Sequence[Row]) -> None:
        """Erase approvals and consents on items, and what the journal of the log says of them."""
        handles = [row[0] for row in rows]
        consents = self._session.rows(
            "SELECT c.number, c.entry_index, CASE WHEN c.withdrawn IS NULL THEN ''"
            " ELSE c.digest END FROM integers(?) w CROSS JOIN item i ON i.handle = w.value"
            " CROSS JOIN consent c ON c.object_id = i.object_id AND c.originator = i.originator"
            " AND c.version = i.version",
            (handles,),
        )
        approvals = self._session.rows(
            "SELECT number, entry_index, CASE WHEN withdrawn IS NULL THEN '' ELSE subject END"
            " FROM approval"
            " WHERE item IN (SELECT value FROM integers(?) w)",
            (handles,),
        )
        self._session.run_many(
            "DELETE FROM approval WHERE number = ?", [(number,) for number, _, _ in approvals]
        )
        self._session.run_many(
            "DELETE FROM consent WHERE number = ?", [(number,) for number, _, _ in consents]
        )
        both = (*approvals, *consents)
        self.erase_entries([index for _, index, _ in both])
        # What took one back names it by an unsalted hash. No index leads there: see `received`.
        for digest in sorted({digest for _, _, digest in both if digest}):
            self._session.erase_records_with(digest.encode())
        note_lapse(self._session)


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
