"""Treaty texts and instruments, and the number that tells when they or the peers changed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from foedus.clock import to_micros
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.objects import StixObject, parse_object
from foedus.store.sql.session import Session

__all__ = ["StoredLaw", "note_change"]


def note_change(session: Session) -> None:
    """Give the law a new revision; part of the change's own transaction.

    The step is drawn by chance (1 to 2**40): a number given in a transaction that was rolled back
    does not come again with another content, and what was remembered under it is never found.
    """
    session.run(
        "UPDATE counter SET value = value + ? WHERE name = 'law_revision'",
        (1 + secrets.randbits(40),),
    )


class StoredLaw:
    """Implements :class:`foedus.node.ports.LawStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put_treaty(self, treaty: TreatyId, raw: bytes, *, at: datetime) -> bool:
        """Keep a treaty text; returns False if it was there."""
        return self._changed(
            "INSERT INTO treaty (treaty, raw, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (treaty, raw, to_micros(at)),
        )

    def treaties(self) -> Mapping[TreatyId, bytes]:
        """Return every treaty text."""
        rows = self._session.rows("SELECT treaty, raw FROM treaty ORDER BY treaty")
        return {TreatyId(treaty): raw for treaty, raw in rows}

    def put_instrument(
        self, document: StixObject, *, member: MemberId, treaty: TreatyId | None, at: datetime
    ) -> bool:
        """Keep an instrument document; False if one of its id was there, which then stays."""
        return self._changed(
            "INSERT INTO instrument (object_id, raw, member, treaty, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (document.id, document.raw, member, treaty, to_micros(at)),
        )

    def instruments(self) -> Sequence[StixObject]:
        """Return every instrument document, by object id."""
        rows = self._session.rows("SELECT raw FROM instrument ORDER BY object_id")
        return [parse_object(raw) for (raw,) in rows]

    def revision(self) -> int:
        """Return a number that changes whenever treaties, instruments or peers change.

        It is a row of the database, so that changes by other processes show too. What a peer does
        (heard from, log head, acknowledgement) is no change of the peer.
        """
        return self._session.number("SELECT value FROM counter WHERE name = 'law_revision'")

    def _changed(self, sql: str, parameters: tuple[object, ...]) -> bool:
        if self._session.run(sql, parameters) == 0:
            return False
        note_change(self._session)
        return True
