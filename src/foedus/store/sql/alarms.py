"""Open alarms: one per (code, subject)."""

from __future__ import annotations

from collections.abc import Sequence

from foedus.clock import from_micros, to_micros
from foedus.node.ports import Alarm
from foedus.node.ports.webhooks import EventKind, NewEvent
from foedus.store.sql.session import Session
from foedus.store.sql.webhooks import tell_event

__all__ = ["StoredAlarms"]


class StoredAlarms:
    """Implements :class:`foedus.node.ports.AlarmStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def set(self, alarm: Alarm) -> None:
        """Open an alarm, or refresh its text keeping its first instant; a new one is told of."""
        named = (alarm.code, alarm.subject)
        if not self._session.rows("SELECT 1 FROM alarm WHERE code = ? AND subject = ?", named):
            data = {"alarm": alarm.code, "subject": alarm.subject}
            tell_event(
                self._session,
                NewEvent(kind=EventKind.ALARM_RAISED, at=alarm.since, data=data),
            )
        self._session.run(
            "INSERT INTO alarm (code, subject, text, since) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (code, subject) DO UPDATE SET text = excluded.text",
            (alarm.code, alarm.subject, alarm.text, to_micros(alarm.since)),
        )

    def clear(self, code: str, subject: str) -> None:
        """Close an alarm that no longer holds."""
        self._session.run("DELETE FROM alarm WHERE code = ? AND subject = ?", (code, subject))

    def open(self) -> Sequence[Alarm]:
        """Return open alarms, oldest first."""
        rows = self._session.rows(
            "SELECT code, subject, text, since FROM alarm ORDER BY since, code, subject"
        )
        return [
            Alarm(code=code, subject=subject, text=text, since=from_micros(since))
            for code, subject, text, since in rows
        ]
