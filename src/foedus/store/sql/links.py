"""Peers that could not be followed of late."""

from __future__ import annotations

from collections.abc import Sequence

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId
from foedus.node.ports.links import LinkRow
from foedus.store.sql.session import Session

__all__ = ["StoredLinks"]


class StoredLinks:
    """Implements :class:`foedus.node.ports.links.LinkStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def failed(self, row: LinkRow) -> None:
        """Keep a failure; ``since`` of the first in a row stays."""
        self._session.run(
            "INSERT INTO peer_link (member, failures, since, again, reason) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (member) DO UPDATE SET failures = excluded.failures,"
            " again = excluded.again, reason = excluded.reason",
            (
                row.member,
                row.failures,
                to_micros(row.since),
                to_micros(row.again),
                row.reason,
            ),
        )

    def answered(self, member: MemberId) -> bool:
        """Forget a peer's failures; returns whether there were any."""
        stands = self._session.row("SELECT 1 FROM peer_link WHERE member = ?", (member,))
        if stands is not None:
            self._session.run("DELETE FROM peer_link WHERE member = ?", (member,))
        return stands is not None

    def all(self) -> Sequence[LinkRow]:
        """Return the peers that fail, by member."""
        rows = self._session.rows(
            "SELECT member, failures, since, again, reason FROM peer_link ORDER BY member"
        )
        return [
            LinkRow(
                member=MemberId(member),
                failures=failures,
                since=from_micros(since),
                again=from_micros(again),
                reason=reason,
            )
            for member, failures, since, again, reason in rows
        ]
