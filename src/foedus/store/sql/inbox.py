"""Incoming lanes: durable cursors and what became of each row."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from foedus.ledger.commitment import EMPTY_LANE
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind
from foedus.node.ports import AwaitingBatch, InCursor
from foedus.store.errors import StoreMissingError
from foedus.store.sql.session import Row, Session

__all__ = ["StoredInbox"]

_SELECT = "SELECT sender, name, count, digest, added_after, anchor, halted FROM in_lane"


class StoredInbox:
    """Implements :class:`foedus.node.ports.InboxStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def cursor(self, sender: MemberId, lane: str) -> InCursor:
        """Return a cursor, at the start if the lane was never read."""
        row = self._session.row(_SELECT + " WHERE sender = ? AND name = ?", (sender, lane))
        return _cursor(row or (sender, lane, 0, EMPTY_LANE, "", 0, ""))

    def advance(self, cursor: InCursor) -> None:
        """Keep a cursor; the same transaction stores what was received."""
        self._session.run(
            "INSERT INTO in_lane (sender, name, count, digest, added_after, anchor,"
            " halted) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sender, name) DO UPDATE SET"
            " count = excluded.count, digest = excluded.digest,"
            " added_after = excluded.added_after, anchor = excluded.anchor,"
            " halted = excluded.halted",
            (
                cursor.sender,
                cursor.lane,
                cursor.count,
                cursor.digest,
                cursor.added_after,
                cursor.anchor,
                cursor.halted,
            ),
        )

    def received(self, sender: MemberId, lane: str, rows: Sequence[tuple[int, int, str]]) -> None:
        """Note (position, handle, outcome code) of processed rows; idempotent by position."""
        number = self._lane(sender, lane)
        known = self._session.rows(
            "SELECT position FROM in_row WHERE in_lane = ?"
            " AND position IN (SELECT value FROM integers(?) w)",
            (number, [position for position, _, _ in rows]),
        )
        seen = {position for (position,) in known}
        fresh: list[tuple[int, int, int, str]] = []
        for position, handle, code in rows:
            if position not in seen:
                seen.add(position)
                fresh.append((number, position, handle, code))
        self._session.run_many(
            "INSERT INTO in_row (in_lane, position, handle, code) VALUES (?, ?, ?, ?)", fresh
        )
        self._tally(number, fresh)

    def resettle(self, sender: MemberId, lane: str, rows: Sequence[tuple[int, int, str]]) -> None:
        """Change what became of rows that were noted: (position, handle, outcome code)."""
        number = self._lane(sender, lane)
        before: dict[int, str] = dict(
            self._session.rows(
                "SELECT position, code FROM in_row WHERE in_lane = ?"
                " AND position IN (SELECT value FROM integers(?) w)",
                (number, [position for position, _, _ in rows]),
            )
        )
        changed = [row for row in rows if row[0] in before]
        self._session.run_many(
            "UPDATE in_row SET handle = ?, code = ? WHERE in_lane = ? AND position = ?",
            [(handle, code, number, position) for position, handle, code in changed],
        )
        moved = Counter(code for _, _, code in changed)
        moved.subtract(before.values())
        self._session.run_many(
            "INSERT INTO in_tally (in_lane, code, rows) VALUES (?, ?, ?)"
            " ON CONFLICT (in_lane, code) DO UPDATE SET rows = in_tally.rows + excluded.rows",
            [(number, code, count) for code, count in moved.items() if count],
        )

    def openings(self, sender: MemberId, lane: str, *, opening: str) -> Sequence[tuple[int, int]]:
        """Return (position, handle) of the disclosure rows of a lane, in order."""
        return self._session.rows(
            "SELECT r.position, r.handle FROM in_lane l JOIN in_row r ON r.in_lane = l.in_lane"
            " WHERE l.sender = ? AND l.name = ? AND r.code = ? ORDER BY r.position",
            (sender, lane, opening),
        )

    def awaiting(self, code: str, *, opening: str) -> Sequence[AwaitingBatch]:
        """Return the batches with rows of an outcome, by sender, lane and position."""
        lanes = self._session.rows(
            "SELECT l.in_lane, l.sender, l.name FROM in_tally t"
            " JOIN in_lane l ON l.in_lane = t.in_lane"
            " WHERE t.code = ? AND t.rows > 0 ORDER BY l.sender, l.name",
            (code,),
        )
        found = []
        for number, sender, lane in lanes:
            rows = self._session.rows(
                "SELECT position, handle FROM in_row WHERE in_lane = ? AND code = ?"
                " ORDER BY position",
                (number, code),
            )
            while rows:
                first, document, following = self._batch_of(number, rows[0][0], opening)
                mine = [row for row in rows if row[0] < following]
                rows = rows[len(mine) :]
                found.append(
                    AwaitingBatch(
                        sender=MemberId(sender),
                        lane=lane,
                        first=first,
                        document=document,
                        rows=tuple(mine),
                    )
                )
        return found

    def _batch_of(self, number: int, position: int, opening: str) -> tuple[int, int, int]:
        """Return the opening row of a row's batch, its handle, and where the next batch opens."""
        opened = self._session.row(
            "SELECT position, handle FROM in_row WHERE in_lane = ? AND position < ? AND code = ?"
            " ORDER BY position DESC LIMIT 1",
            (number, position, opening),
        )
        if opened is None:
            raise StoreMissingError(f"row {position} of a lane has no disclosure before it")
        following = self._session.number(
            "SELECT position FROM in_row WHERE in_lane = ? AND position > ? AND code = ?"
            " ORDER BY position LIMIT 1",
            (number, position, opening),
        )
        return opened[0], opened[1], following or sys.maxsize

    def counts(self) -> Mapping[tuple[MemberId, str, str], int]:
        """Return rows per (sender, lane, outcome code), disclosure rows left out."""
        rows = self._session.rows(
            "SELECT l.sender, l.name, t.code, t.rows FROM in_tally t"
            " JOIN in_lane l ON l.in_lane = t.in_lane WHERE t.rows > 0"
        )
        return {(MemberId(sender), lane, code): count for sender, lane, code, count in rows}

    def cursors(self) -> Sequence[InCursor]:
        """Return every cursor."""
        rows = self._session.rows(_SELECT + " ORDER BY sender, name")
        return [_cursor(row) for row in rows]

    def _lane(self, sender: MemberId, lane: str) -> int:
        """Return the row of a lane, making it at the start if it was never read."""
        self._session.run(
            "INSERT INTO in_lane (sender, name, count, digest, added_after, anchor,"
            " halted) VALUES (?, ?, 0, ?, '', 0, '') ON CONFLICT DO NOTHING",
            (sender, lane, EMPTY_LANE),
        )
        return self._session.number(
            "SELECT in_lane FROM in_lane WHERE sender = ? AND name = ?", (sender, lane)
        )

    def _tally(self, number: int, fresh: Sequence[tuple[int, int, int, str]]) -> None:
        """Count new rows by outcome, so that a report need not read a million of them."""
        documents = self._session.rows(
            "SELECT i.handle FROM integers(?) w CROSS JOIN item i ON i.handle = w.value"
            " WHERE i.type = ?",
            ([handle for _, _, handle, _ in fresh], FoedusKind.DISCLOSURE.value),
        )
        left_out = {handle for (handle,) in documents}
        tally = Counter(code for _, _, handle, code in fresh if handle not in left_out)
        self._session.run_many(
            "INSERT INTO in_tally (in_lane, code, rows) VALUES (?, ?, ?)"
            " ON CONFLICT (in_lane, code) DO UPDATE SET rows = in_tally.rows + excluded.rows",
            [(number, code, count) for code, count in tally.items()],
        )


def _cursor(row: Row) -> InCursor:
    sender, lane, count, digest, added_after, anchor, halted = row
    return InCursor(
        sender=MemberId(sender),
        lane=lane,
        count=count,
        digest=digest,
        added_after=added_after,
        anchor=anchor,
        halted=halted,
    )
