"""Who read personal data, and what was exported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from foedus.clock import from_micros, to_micros
from foedus.node.ports.readings import (
    ExportKind,
    ExportRow,
    ExportState,
    NewExport,
    NewReading,
    ReadingRow,
    ToolReading,
)
from foedus.store.sql.instants import instant
from foedus.store.sql.session import Row, Session

__all__ = ["StoredReadings"]

_LAST: Final = 2**62
_READINGS: Final = (
    'SELECT r.number, r.at, r."user", r.token, r.what, r.purpose, r.items, r.mark FROM reading r'
)
_EXPORTS: Final = (
    'SELECT e.number, e.at, e."user", e.purpose, e.kind, e.state, e.place, e.sha256, e.items,'
    " e.deleted FROM export e"
)


class StoredReadings:
    """Implements :class:`foedus.node.ports.readings.ReadingStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, reading: NewReading) -> int:
        """Keep a reading and return its number."""
        number = self._session.insert(
            'INSERT INTO reading (at, "user", token, what, purpose, items, mark)'
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number",
            (
                to_micros(reading.at),
                reading.user,
                reading.token,
                reading.what,
                reading.purpose,
                reading.count,
                reading.mark,
            ),
        )
        self._session.run_many(
            "INSERT INTO reading_item (handle, reading) VALUES (?, ?)",
            [(handle, number) for handle in dict.fromkeys(reading.handles)],
        )
        return number

    def add_tools(self, readings: Sequence[ToolReading]) -> None:
        """Keep what tools read; counts of one minute, token, way and purpose are added up."""
        for each in readings:
            self._session.run(
                'INSERT INTO reading (at, "user", token, what, purpose, items, mark)'
                " VALUES (?, ?, ?, ?, ?, ?, '')"
                " ON CONFLICT (token, what, at, purpose, \"user\") WHERE token <> ''"
                " DO UPDATE SET items = reading.items + excluded.items",
                (
                    to_micros(each.minute),
                    each.user,
                    each.token,
                    each.what,
                    each.purpose,
                    each.count,
                ),
            )

    def page(self, *, before: int | None, limit: int) -> Sequence[ReadingRow]:
        """Return readings, the newest first, by numbers lower than ``before``."""
        rows = self._session.rows(
            _READINGS + " WHERE r.number < ? ORDER BY r.number DESC LIMIT ?",
            (_LAST if before is None else before, limit),
        )
        return [_reading(row) for row in rows]

    def of_items(
        self, handles: Sequence[int], *, before: int | None, limit: int
    ) -> Sequence[ReadingRow]:
        """Return the readings that name one of these items, the newest first."""
        rows = self._session.rows(
            _READINGS + " WHERE r.number < ? AND r.number IN (SELECT n.reading FROM integers(?) w"  # noqa: S608  # all of ours
            " CROSS JOIN reading_item n ON n.handle = w.value) ORDER BY r.number DESC LIMIT ?",
            (_LAST if before is None else before, list(handles), limit),
        )
        return [_reading(row) for row in rows]

    def items_of(self, number: int, *, limit: int) -> Sequence[int]:
        """Return the items of a reading, by handle."""
        rows = self._session.rows(
            "SELECT handle FROM reading_item WHERE reading = ? ORDER BY handle LIMIT ?",
            (number, limit),
        )
        return [handle for (handle,) in rows]

    def tokens_since(self, at: datetime | None) -> Sequence[str]:
        """Return the tokens that read anything in a minute that ends after an instant, or ever."""
        since = 0 if at is None else to_micros(at - timedelta(minutes=1))
        rows = self._session.rows(
            "SELECT DISTINCT token FROM reading WHERE token <> '' AND at > ? ORDER BY token",
            (since,),
        )
        return [token for (token,) in rows]

    def add_export(self, export: NewExport) -> int:
        """Keep an export and return its number."""
        number = self._session.insert(
            'INSERT INTO export (at, "user", purpose, kind, state, place, sha256, items)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
            (
                to_micros(export.at),
                export.user,
                export.purpose,
                export.kind.value,
                export.state.value,
                export.place,
                export.sha256,
                export.count,
            ),
        )
        self._session.run_many(
            "INSERT INTO export_item (handle, export) VALUES (?, ?)",
            [(handle, number) for handle in dict.fromkeys(export.handles)],
        )
        return number

    def set_export(
        self,
        number: int,
        state: ExportState,
        *,
        was: frozenset[ExportState],
        at: datetime,
        sha256: str | None = None,
    ) -> bool:
        """Change where an export stands, if it is in one of some states; says whether it did."""
        deleted = to_micros(at) if state is ExportState.DELETED else None
        changed = self._session.run(
            "UPDATE export SET state = ?, sha256 = coalesce(?, sha256), deleted = ?"
            " WHERE number = ? AND state IN (SELECT value FROM texts(?) w)",
            (state.value, sha256, deleted, number, sorted(each.value for each in was)),
        )
        return changed > 0

    def exports_of(self, handles: Sequence[int]) -> Sequence[ExportRow]:
        """Return the exports that hold one of these items, oldest first; deleted ones too."""
        rows = self._session.rows(
            _EXPORTS + " WHERE e.number IN (SELECT x.export FROM integers(?) w"  # noqa: S608  # all of ours
            " CROSS JOIN export_item x ON x.handle = w.value) ORDER BY e.number",
            (list(handles),),
        )
        return [_export(row) for row in rows]

    def exports(self, *, states: frozenset[ExportState], limit: int) -> Sequence[ExportRow]:
        """Return exports in some states, oldest first; no states means all."""
        wanted = sorted(state.value for state in states or frozenset(ExportState))
        rows = self._session.rows(
            _EXPORTS + " WHERE e.state IN (SELECT value FROM texts(?) w) ORDER BY e.number LIMIT ?",  # noqa: S608  # all of ours
            (wanted, limit),
        )
        return [_export(row) for row in rows]

    def queue_exports(self, handles: Sequence[int]) -> int:
        """Queue for deletion what lies here and holds one of these items; returns how many."""
        return self._session.run(
            "UPDATE export SET state = 'queued' WHERE state IN ('here', 'writing') AND number IN"
            " (SELECT x.export FROM integers(?) w CROSS JOIN export_item x ON x.handle = w.value)",
            (list(handles),),
        )


def _reading(row: Row) -> ReadingRow:
    number, at, user, token, what, purpose, items, mark = row
    return ReadingRow(
        number=number,
        reading=NewReading(
            at=from_micros(at),
            user=user,
            token=token,
            what=what,
            purpose=purpose,
            count=items,
            mark=mark,
        ),
    )


def _export(row: Row) -> ExportRow:
    number, at, user, purpose, kind, state, place, sha256, items, deleted = row
    return ExportRow(
        number=number,
        export=NewExport(
            at=from_micros(at),
            user=user,
            purpose=purpose,
            kind=ExportKind(kind),
            state=ExportState(state),
            place=place,
            sha256=sha256,
            count=items,
            handles=(),
        ),
        deleted=instant(deleted),
    )
