"""Members introduced to this node, and what they last proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId
from foedus.node.ports import PeerRow
from foedus.store.errors import StoreMissingError
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.law import note_change
from foedus.store.sql.session import Row, Session

__all__ = ["StoredPeers"]

_SELECT = "SELECT member, credence, accepted_at, accepted_by, heard, checkpoint FROM peer"
_Heads = dict[str, tuple[int, str, datetime]]


class StoredPeers:
    """Implements :class:`foedus.node.ports.PeerStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, peer: PeerRow) -> None:
        """Accept or replace a peer's credence.

        What the peer proved before stays where the new row says nothing: a new credence does not
        make it unheard of, nor forget its log head or its acknowledgements.
        """
        self._session.run(
            "INSERT INTO peer (member, credence, accepted_at, accepted_by, heard, checkpoint)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (member) DO UPDATE SET"
            " credence = excluded.credence, accepted_at = excluded.accepted_at,"
            " accepted_by = excluded.accepted_by,"
            " heard = CASE WHEN peer.heard IS NULL OR excluded.heard > peer.heard"
            " THEN excluded.heard ELSE peer.heard END,"
            " checkpoint = coalesce(excluded.checkpoint, peer.checkpoint)",
            (
                peer.member,
                peer.credence,
                to_micros(peer.accepted_at),
                peer.accepted_by,
                micros(peer.heard),
                peer.checkpoint,
            ),
        )
        for lane, (count, digest, at) in peer.head.items():
            self.set_head(peer.member, lane, count=count, digest=digest, at=at)
        note_change(self._session)

    def get(self, member: MemberId) -> PeerRow | None:
        """Return one peer."""
        row = self._session.row(_SELECT + " WHERE member = ?", (member,))
        if row is None:
            return None
        heads = self._session.rows(
            "SELECT member, lane, count, digest, at FROM peer_head WHERE member = ?", (member,)
        )
        return _peer(row, _heads(heads))

    def all(self) -> Sequence[PeerRow]:
        """Return every peer by member id."""
        rows = self._session.rows(_SELECT + " ORDER BY member")
        heads = self._session.rows("SELECT member, lane, count, digest, at FROM peer_head")
        by_member = _heads(heads)
        return [_peer(row, by_member) for row in rows]

    def set_heard(self, member: MemberId, at: datetime) -> None:
        """Note that the peer proved itself alive at an instant; never moves back.

        Raises:
            StoreMissingError: The member was never introduced.
        """
        self._update(
            "UPDATE peer SET heard = CASE WHEN heard > ?1 THEN heard ELSE ?1 END WHERE member = ?2",
            to_micros(at),
            member,
        )

    def set_checkpoint(self, member: MemberId, checkpoint: bytes) -> None:
        """Keep the peer's newest verified log head.

        Raises:
            StoreMissingError: The member was never introduced.
        """
        self._update("UPDATE peer SET checkpoint = ?1 WHERE member = ?2", checkpoint, member)

    def set_head(
        self, member: MemberId, lane: str, *, count: int, digest: str, at: datetime
    ) -> None:
        """Keep what the peer confirms of our lane to it.

        Raises:
            StoreMissingError: The member was never introduced.
        """
        self._session.run(
            "INSERT INTO peer_head (member, lane, count, digest, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (member, lane) DO UPDATE SET count = excluded.count,"
            " digest = excluded.digest, at = excluded.at",
            (member, lane, count, digest, to_micros(at)),
        )

    def keep_acknowledgement(self, member: MemberId, lane: str, document: bytes) -> None:
        """Keep a peer's newest acknowledgement of our lane to it, as it signed it.

        Raises:
            StoreMissingError: The member was never introduced.
        """
        self._session.run(
            "INSERT INTO acknowledgement (member, lane, document) VALUES (?, ?, ?)"
            " ON CONFLICT (member, lane) DO UPDATE SET document = excluded.document",
            (member, lane, document),
        )

    def acknowledgement(self, member: MemberId, lane: str) -> bytes | None:
        """Return a peer's newest acknowledgement of our lane to it, as it signed it."""
        row = self._session.row(
            "SELECT document FROM acknowledgement WHERE member = ? AND lane = ?", (member, lane)
        )
        return None if row is None else bytes(row[0])

    def _update(self, sql: str, value: object, member: MemberId) -> None:
        changed = self._session.run(sql, (value, member))
        if changed == 0:
            raise StoreMissingError(f"{member} was never introduced to this node")


def _heads(rows: Sequence[Row]) -> Mapping[str, _Heads]:
    heads: dict[str, _Heads] = {}
    for member, lane, count, digest, at in rows:
        heads.setdefault(member, {})[lane] = (count, digest, from_micros(at))
    return heads


def _peer(row: Row, heads: Mapping[str, _Heads]) -> PeerRow:
    member, credence, accepted_at, accepted_by, heard, checkpoint = row
    return PeerRow(
        member=MemberId(member),
        credence=credence,
        accepted_at=from_micros(accepted_at),
        accepted_by=accepted_by,
        heard=instant(heard),
        checkpoint=checkpoint,
        head=heads.get(member, {}),
    )
