"""Requests of persons to see what is held, and deadlines of all cases that passed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from foedus.casework.challenge_figures import CaseSpan
from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId
from foedus.node.ports.challenges import AccessRow, CaseKind, LateRow, NewAccess, NewLate
from foedus.store.errors import StoreMissingError
from foedus.store.sql.challenge_rows import SELECT_ACCESS, SELECT_LATE, access_row, late_row
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.session import Session

__all__ = ["StoredCaseDeadlines"]


class StoredCaseDeadlines:
    """The part of :class:`foedus.node.ports.challenges.ChallengeStore` beside challenges."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_access(self, access: NewAccess, *, words: str, wake: datetime | None) -> int:
        """Keep a request in state received and return its number.

        Raises:
            StoreMissingError: The log entry is not stored.
            StoreBrokenError: A request of that name is stored already.
        """
        return self._session.insert(
            "INSERT INTO access_request (name, year, sequence, reference, received, received_year,"
            " due, opened, opened_by, entry_index, state, ended_by, words, done, wake)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'received', '', ?, '', ?) RETURNING number",
            (
                access.name,
                access.year,
                access.sequence,
                access.reference,
                to_micros(access.received),
                access.received.year,
                to_micros(access.due),
                to_micros(access.opened),
                access.opened_by,
                access.entry_index,
                words,
                micros(wake),
            ),
        )

    def access(self, number: int) -> AccessRow | None:
        """Return one request."""
        row = self._session.row(SELECT_ACCESS + " WHERE number = ?", (number,))
        return None if row is None else access_row(row)

    def accesses(self, *, open_only: bool, after: int, limit: int) -> Sequence[AccessRow]:
        """Return requests by number, greater than ``after``."""
        rows = self._session.rows(
            SELECT_ACCESS
            + " WHERE number > ? AND (? = 0 OR ended IS NULL) ORDER BY number LIMIT ?",
            (after, int(open_only), limit),
        )
        return [access_row(row) for row in rows]

    def keep_access(self, row: AccessRow) -> None:
        """Keep how far a request has come, and its words or what is left of them.

        Raises:
            StoreMissingError: There is no such request.
        """
        changed = self._session.run(
            "UPDATE access_request SET state = ?, ended = ?, ended_by = ?, words = ?, done = ?,"
            " wake = ? WHERE number = ?",
            (
                row.state.value,
                micros(row.ended),
                row.ended_by,
                row.words,
                " ".join(sorted(row.done)),
                micros(row.wake),
                row.number,
            ),
        )
        if changed == 0:
            raise StoreMissingError(f"no request {row.number} is stored")

    def awake_accesses(self, now: datetime, *, limit: int) -> Sequence[AccessRow]:
        """Return requests that the clock has to look at by now, first due first."""
        rows = self._session.rows(
            SELECT_ACCESS + " WHERE wake IS NOT NULL AND wake <= ? ORDER BY wake, number LIMIT ?",
            (to_micros(now), limit),
        )
        return [access_row(row) for row in rows]

    def access_spans(self, year: int) -> Sequence[CaseSpan]:
        """Return what the figures of a year need of its requests, by number."""
        rows = self._session.rows(
            "SELECT CASE WHEN ended IS NULL THEN '' ELSE state END, received, due, ended"
            " FROM access_request WHERE received_year = ? ORDER BY number",
            (year,),
        )
        return [
            CaseSpan(
                ended=ended,
                received=from_micros(received),
                due=from_micros(due),
                decided=instant(at),
            )
            for ended, received, due, at in rows
        ]

    def add_late(self, late: NewLate) -> int:
        """Keep a breach record and return its number; 0 if the same stands already."""
        named = (late.kind.value, late.number, late.what, late.member)
        if self._session.row(
            "SELECT 1 FROM challenge_breach WHERE kind = ? AND number = ? AND what = ?"
            " AND member = ?",
            named,
        ):
            return 0
        return self._session.insert(
            "INSERT INTO challenge_breach (kind, number, what, member, due, noted, entry_index,"
            " closed_by, reason) VALUES (?, ?, ?, ?, ?, ?, ?, '', '') RETURNING record",
            (*named, to_micros(late.due), to_micros(late.noted), late.entry_index),
        )

    def late(self, record: int) -> LateRow | None:
        """Return a breach record."""
        row = self._session.row(SELECT_LATE + " WHERE b.record = ?", (record,))
        return None if row is None else late_row(row)

    def lates_of(self, kind: CaseKind, number: int) -> Sequence[LateRow]:
        """Return the breach records of one case, by number."""
        rows = self._session.rows(
            SELECT_LATE + " WHERE b.kind = ? AND b.number = ? ORDER BY b.record",
            (kind.value, number),
        )
        return [late_row(row) for row in rows]

    def lates(self, *, open_only: bool, after: int, limit: int) -> Sequence[LateRow]:
        """Return breach records by number, greater than ``after``."""
        rows = self._session.rows(
            SELECT_LATE
            + " WHERE b.record > ? AND (? = 0 OR b.closed IS NULL) ORDER BY b.record LIMIT ?",
            (after, int(open_only), limit),
        )
        return [late_row(row) for row in rows]

    def make_good(
        self, kind: CaseKind, number: int, what: str, member: MemberId, *, at: datetime
    ) -> Sequence[int]:
        """Note that what was late was done after all; returns the records it concerns."""
        named = (kind.value, number, what, member)
        rows = self._session.rows(
            "SELECT record FROM challenge_breach WHERE kind = ? AND number = ? AND what = ?"
            " AND member = ? AND made_good IS NULL",
            named,
        )
        for (record,) in rows:
            self._session.run(
                "UPDATE challenge_breach SET made_good = ? WHERE record = ?",
                (to_micros(at), record),
            )
        return [record for (record,) in rows]

    def close_late(self, record: int, *, user: str, reason: str, at: datetime) -> None:
        """Close an open breach record.

        Raises:
            StoreMissingError: No record of that number is open.
        """
        changed = self._session.run(
            "UPDATE challenge_breach SET closed = ?, closed_by = ?, reason = ?"
            " WHERE record = ? AND closed IS NULL",
            (to_micros(at), user, reason, record),
        )
        if changed == 0:
            raise StoreMissingError(f"no breach record {record} is open")
