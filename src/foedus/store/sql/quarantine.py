"""What was refused on arrival, with its reason; apart from everything else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.ports import NewQuarantine, QuarantineRow
from foedus.store.sql.session import Row, Session

__all__ = ["StoredQuarantine", "wipe_copies", "wipe_named"]


class StoredQuarantine:
    """Implements :class:`foedus.node.ports.QuarantineStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, entry: NewQuarantine) -> bool:
        """Keep it; False if the same bytes stand there for the same place and code."""
        added = self._session.run(
            "INSERT INTO quarantine (sender, lane, position, object_id, raw, raw_sha256, code,"
            " reason, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                entry.sender,
                entry.lane,
                entry.position,
                entry.object_id,
                entry.raw,
                hashlib.sha256(entry.raw).digest(),
                entry.code,
                entry.reason,
                to_micros(entry.at),
            ),
        )
        return added == 1

    def page(self, *, after: int, limit: int) -> Sequence[QuarantineRow]:
        """Return rows by handle, greater than ``after``."""
        rows = self._session.rows(
            "SELECT handle, sender, lane, position, object_id, raw, code, reason, at"
            " FROM quarantine WHERE handle > ? ORDER BY handle LIMIT ?",
            (after, limit),
        )
        return [_quarantined(row) for row in rows]


def wipe_named(session: Session, items: Sequence[tuple[int, ObjectId, MemberId]]) -> None:
    """Wipe what was quarantined under the names of items, where it is about those items.

    What another member sent under the same id stands: it is that member's own word, and may be what
    shows that it took somebody's name.

    Args:
        session: A writing session.
        items: Handle, id and originator of each.
    """
    for handle, name, originator in items:
        rows = session.rows(
            "SELECT handle FROM quarantine WHERE object_id = ?1 AND (sender = ?2"
            " OR sender = (SELECT received_from FROM item WHERE handle = ?3)"
            " OR sender IN (SELECT l.sender FROM in_row r JOIN in_lane l ON l.in_lane = r.in_lane"
            " WHERE r.handle = ?3))",
            (name, originator, handle),
        )
        _wipe(session, rows)


def wipe_copies(session: Session, handles: Sequence[int]) -> None:
    """Wipe what was quarantined with the very bytes of stored objects."""
    rows = session.rows(
        "SELECT q.handle FROM integers(?) w CROSS JOIN item i ON i.handle = w.value"
        " JOIN quarantine q ON q.raw_sha256 = i.content_hash",
        (list(handles),),
    )
    _wipe(session, rows)


def _wipe(session: Session, rows: Sequence[Row]) -> None:
    # The hash of nothing would be the same for all, and one place has each hash but once.
    session.run_many(
        "UPDATE quarantine SET raw = ?, raw_sha256 = ?, object_id = '', reason = 'erased'"
        " WHERE handle = ?",
        [(b"", f"erased {handle}".encode(), handle) for (handle,) in rows],
    )


def _quarantined(row: Row) -> QuarantineRow:
    entry = NewQuarantine(
        sender=MemberId(row[1]),
        lane=row[2],
        position=row[3],
        object_id=row[4],
        raw=row[5],
        code=row[6],
        reason=row[7],
        at=from_micros(row[8]),
    )
    return QuarantineRow(handle=row[0], entry=entry)
