"""Who read personal data, when and for what purpose; what was exported."""

from __future__ import annotations

from foedus.store.sql.session import Session

__all__ = ["StoredReadings"]


class StoredReadings:
    """Implements :class:`foedus.node.ports.readings.ReadingStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session
