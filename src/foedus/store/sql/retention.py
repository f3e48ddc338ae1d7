"""Review and expiry dates of what is held, and what was purged by them."""

from __future__ import annotations

from foedus.store.sql.session import Session

__all__ = ["StoredRetention"]


class StoredRetention:
    """Implements :class:`foedus.node.ports.retention.RetentionStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session
