"""Deadlines that releases set, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.ports import DutyKind, DutyRow, DutySide, NewDuty
from foedus.store.errors import StoreMissingError
from foedus.store.sql.instants import instant
from foedus.store.sql.session import Row, Session

__all__ = ["StoredDuties"]

_SELECT = (
    "SELECT number, kind, side, member, treaty, article, lane, lane_count, entry_index, items, at,"
    " due, done, done_by, reason FROM duty"
)
_NEVER = 2**62


class StoredDuties:
    """Implements :class:`foedus.node.ports.DutyStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, duties: Sequence[NewDuty]) -> None:
        """Keep duties; idempotent by side, member, entry and kind."""
        self._session.run_many(
            "INSERT INTO duty (kind, side, member, treaty, article, lane, lane_count, entry_index,"
            " items, at, due, done_by, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '')"
            " ON CONFLICT (side, member, entry_index, kind) DO NOTHING",
            [
                (
                    duty.kind.value,
                    duty.side.value,
                    duty.member,
                    duty.treaty,
                    duty.article,
                    duty.lane,
                    duty.lane_count,
                    duty.entry_index,
                    duty.items,
                    to_micros(duty.at),
                    to_micros(duty.due),
                )
                for duty in duties
            ],
        )

    def get(self, number: int) -> DutyRow | None:
        """Return one duty."""
        row = self._session.row(_SELECT + " WHERE number = ?", (number,))
        return None if row is None else _duty(row)

    def open(self, *, due_by: datetime | None, limit: int) -> Sequence[DutyRow]:
        """Return duties not done, by deadline; only those due by an instant, if one is given."""
        rows = self._session.rows(
            _SELECT + " WHERE done IS NULL AND due <= ? ORDER BY due, number LIMIT ?",
            (_NEVER if due_by is None else to_micros(due_by), limit),
        )
        return [_duty(row) for row in rows]

    def overdue(self, at: datetime) -> Sequence[tuple[DutyKind, DutySide, MemberId, int, datetime]]:
        """Return (kind, side, member, how many, the earliest deadline) of what is overdue."""
        rows = self._session.rows(
            "SELECT kind, side, member, count(*), min(due) FROM duty"
            " WHERE done IS NULL AND due <= ? GROUP BY kind, side, member"
            " ORDER BY min(due), kind, member",
            (to_micros(at),),
        )
        return [
            (DutyKind(kind), DutySide(side), MemberId(member), count, from_micros(due))
            for kind, side, member, count, due in rows
        ]

    def awaiting(self, side: DutySide, member: MemberId, lane: str, *, count: int) -> int:
        """Return how many acknowledgements of a lane up to ``count`` rows are still owed."""
        return self._session.number(
            "SELECT count(*) FROM duty WHERE side = ? AND member = ? AND lane = ?"
            " AND kind = 'acknowledge' AND lane_count <= ? AND done IS NULL",
            (side.value, member, lane, count),
        )

    def acknowledged(
        self, side: DutySide, member: MemberId, lane: str, *, count: int, at: datetime
    ) -> int:
        """Mark acknowledgements of a lane up to ``count`` rows as done; returns how many were."""
        return self._session.run(
            "UPDATE duty SET done = ? WHERE side = ? AND member = ? AND lane = ?"
            " AND kind = 'acknowledge' AND lane_count <= ? AND done IS NULL",
            (to_micros(at), side.value, member, lane, count),
        )

    def done(self, number: int, *, by: str, reason: str, at: datetime) -> None:
        """Mark one duty as done by a person.

        Raises:
            StoreMissingError: No duty of that number is owed.
        """
        changed = self._session.run(
            "UPDATE duty SET done = ?, done_by = ?, reason = ? WHERE number = ? AND done IS NULL",
            (to_micros(at), by, reason, number),
        )
        if changed == 0:
            raise StoreMissingError(f"no duty {number} is owed")


def _duty(row: Row) -> DutyRow:
    return DutyRow(
        number=row[0],
        duty=NewDuty(
            kind=DutyKind(row[1]),
            side=DutySide(row[2]),
            member=MemberId(row[3]),
            treaty=TreatyId(row[4]),
            article=row[5],
            lane=row[6],
            lane_count=row[7],
            entry_index=row[8],
            items=row[9],
            at=from_micros(row[10]),
            due=from_micros(row[11]),
        ),
        done=instant(row[12]),
        done_by=row[13],
        reason=row[14],
    )
