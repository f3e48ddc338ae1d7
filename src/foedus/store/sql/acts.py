"""The journal of acts: every act carries a user."""

from __future__ import annotations

from collections.abc import Sequence

from foedus.clock import from_micros, to_micros
from foedus.node.ports import Act
from foedus.store.sql.session import Session

__all__ = ["StoredActs"]


class StoredActs:
    """Implements :class:`foedus.node.ports.ActStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, act: Act) -> None:
        """Append one act."""
        self._session.run(
            'INSERT INTO act (at, "user", act, subject) VALUES (?, ?, ?, ?)',
            (to_micros(act.at), act.user, act.act, act.subject),
        )

    def page(self, *, after: int, limit: int) -> Sequence[tuple[int, Act]]:
        """Return acts by number, greater than ``after``."""
        rows = self._session.rows(
            'SELECT number, at, "user", act, subject FROM act WHERE number > ?'
            " ORDER BY number LIMIT ?",
            (after, limit),
        )
        return [
            (number, Act(at=from_micros(at), user=user, act=act, subject=subject))
            for number, at, user, act, subject in rows
        ]
