"""Requests for information, asked and received, and their clocks."""

from __future__ import annotations

from foedus.store.sql.session import Session

__all__ = ["StoredRequests"]


class StoredRequests:
    """Implements :class:`foedus.node.ports.requests.RequestStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session
