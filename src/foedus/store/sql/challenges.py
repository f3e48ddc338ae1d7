"""Challenges of persons against what is held on them."""

from __future__ import annotations

from foedus.store.sql.session import Session

__all__ = ["StoredChallenges"]


class StoredChallenges:
    """Implements :class:`foedus.node.ports.challenges.ChallengeStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session
