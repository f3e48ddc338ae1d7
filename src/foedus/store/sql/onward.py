"""Consents asked for, who passed what on to whom, feedback and deconfliction."""

from __future__ import annotations

from foedus.store.sql.session import Session

__all__ = ["StoredOnward"]


class StoredOnward:
    """Implements :class:`foedus.node.ports.onward.OnwardStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session
