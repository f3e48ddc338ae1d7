"""What was refused on arrival, with its reason; apart from everything else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId
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


def wipe_named(session: Session, items: Sequence[tuple[int, str, str]]) -> int:
    """Wipe what was quarantined under the names of items, where it is about those items.

    What another member sent under the same id stands: it is that member's own word, and may be what
    shows that it took somebody's name.

    Args:
        session: A writing session.
        items: Handle, id and originator of each.

    Returns:
        How many were wiped.
    """
    # One reading of the rows for all: no index leads to a name.
    found = session.rows(
        "SELECT handle, object_id, sender FROM quarantine"
        " WHERE object_id IN (SELECT value FROM texts(?) w)",
        (sorted({name for _, name, _ in items}),),
    )
    if not found:
        return 0
    named = {name for _, name, _ in found}
    about = [item for item in items if item[1] in named]
    senders = {(name, originator) for _, name, originator in about}
    names = {handle: name for handle, name, _ in about}
    came = session.rows(
        "SELECT handle, received_from FROM item WHERE received_from IS NOT NULL"
        " AND handle IN (SELECT value FROM integers(?1) w)"
        " UNION SELECT r.handle, l.sender FROM in_row r JOIN in_lane l ON l.in_lane = r.in_lane"
        " WHERE r.handle IN (SELECT value FROM integers(?1) w)",
        (list(names),),
    )
    senders.update((names[handle], sender) for handle, sender in came)
    return _wipe(session, [handle for handle, name, sender in found if (name, sender) in senders])


def wipe_copies(session: Session, handles: Sequence[int]) -> int:
    """Wipe what was quarantined with the very bytes of stored objects; returns how many."""
    rows = session.rows(
        "SELECT handle FROM quarantine WHERE raw_sha256 IN"
        " (SELECT i.content_hash FROM item i WHERE i.handle IN (SELECT value FROM integers(?) w))",
        (list(handles),),
    )
    return _wipe(session, [handle for (handle,) in rows])


def _wipe(session: Session, handles: Sequence[int]) -> int:
    # The hash of nothing would be the same for all, and one place has each hash but once.
    session.run_many(
        "UPDATE quarantine SET raw = ?, raw_sha256 = ?, object_id = '', reason = 'erased'"
        " WHERE handle = ?",
        [(b"", f"erased {handle}".encode(), handle) for handle in handles],
    )
    return len(handles)


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
