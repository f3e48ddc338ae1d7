"""What was refused on arrival, with its reason; apart from everything else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId
from foedus.node.ports import NewQuarantine, QuarantineRow
from foedus.store.sqlite.session import Row, Session

__all__ = ["SQLiteQuarantine"]


class SQLiteQuarantine:
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
