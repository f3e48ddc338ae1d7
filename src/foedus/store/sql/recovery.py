"""What a restored node must make good: the state of a recovery, and what is put back by it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.errors import RecoveringError
from foedus.node.ports import ItemState, NewBatch
from foedus.node.ports.law import NewEntry
from foedus.node.ports.recovery import ClosedLog, LostItem, ReceivedRow, Recovering
from foedus.store.errors import StoreLaneError
from foedus.store.sql.entry_rows import append_rows
from foedus.store.sql.feeds import StoredFeeds
from foedus.store.sql.instants import reserve
from foedus.store.sql.session import Session

__all__ = ["StoredRecovery"]

_MOVES = (
    "UPDATE ledger_entry SET position = position - ?",
    "UPDATE batch SET entry_index = entry_index - ?",
    "UPDATE approval SET entry_index = entry_index - ?",
    "UPDATE consent SET entry_index = entry_index - ?",
    "UPDATE erasure SET entry_index = entry_index - ?",
    "UPDATE issued_order SET entry_index = entry_index - ?",
    "UPDATE order_breach SET entry_index = entry_index - ?",
    "UPDATE challenge SET entry_index = entry_index - ?",
    "UPDATE challenge_breach SET entry_index = entry_index - ?",
    "UPDATE access_request SET entry_index = entry_index - ?",
    "UPDATE duty SET entry_index = entry_index - ? WHERE side = 'sent'",
    "UPDATE rebuilt_entries SET first = first - ?1, past = past - ?1",
)
"""Every row that names an entry of our log."""

_FAR_AWAY = 2**60
"""Rows are moved by way of a place so far off that none meets another, in whatever order."""

_SKIPPED = "serials_skipped"


class StoredRecovery:
    """Implements :class:`foedus.node.ports.recovery.RecoveryStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def state(self) -> Recovering | None:
        """Return why the node signs and releases nothing; None when it may."""
        row = self._session.row("SELECT since, reason FROM recovery")
        return None if row is None else Recovering(since=from_micros(row[0]), reason=row[1])

    def refuse(self) -> None:
        """Return when the node may sign and release.

        Raises:
            RecoveringError: It may not.
        """
        state = self.state()
        if state is not None:
            raise RecoveringError(
                f"this node is in recovery and signs and releases nothing: {state.reason}; "
                "`foedus recover` goes on"
            )

    def begin(self, reason: str, *, at: datetime) -> None:
        """Let the node sign and release nothing from the commit on; keeps an earlier reason."""
        self._session.run(
            "INSERT INTO recovery (only_row, since, reason) VALUES (1, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (to_micros(at), reason),
        )
        # What the others gave may have been recalled since the state that this store is in.
        self._session.run(
            "INSERT INTO orders_unheard (member, since) SELECT member, ? FROM peer"
            " WHERE member NOT IN (SELECT member FROM node) ON CONFLICT DO NOTHING",
            (to_micros(at),),
        )

    def end(self) -> None:
        """Let the node sign and release again."""
        self._session.run("DELETE FROM recovery")

    def pending(self) -> frozenset[MemberId]:
        """Return the members whose lanes are not rebuilt yet."""
        rows = self._session.rows("SELECT recipient FROM lane_recovery")
        return frozenset(MemberId(member) for (member,) in rows)

    def await_lanes(self, members: Sequence[MemberId], *, at: datetime) -> None:
        """Close the lanes to members until they are rebuilt."""
        self._session.run_many(
            "INSERT INTO lane_recovery (recipient, since) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(member, to_micros(at)) for member in members],
        )

    def lanes_rebuilt(self, member: MemberId) -> None:
        """Open the lanes to a member again."""
        self._session.run("DELETE FROM lane_recovery WHERE recipient = ?", (member,))

    def append_rebuilt(self, entries: Sequence[bytes], *, at: datetime) -> None:
        """Append log entries whose salts and records are lost, and note that they are."""
        first = max(0, self._session.number("SELECT max(position) + 1 FROM ledger_entry"))
        stored = to_micros(at)
        rows = [NewEntry(entry=entry, salt=None, record=None) for entry in entries]
        append_rows(self._session, rows, first=first, at=stored)
        if entries:
            self._session.run(
                "INSERT INTO rebuilt_entries (first, past, at) VALUES (?, ?, ?)",
                (first, first + len(entries), stored),
            )

    def rebuilt_without_batch(self) -> int:
        """Return how many of the entries put back are not those of a batch in a lane."""
        return self._session.number(
            "SELECT (SELECT coalesce(sum(past - first), 0) FROM rebuilt_entries) -"
            " (SELECT count(*) FROM batch b JOIN rebuilt_entries r"
            " ON b.entry_index >= r.first AND b.entry_index < r.past)"
        )

    def skip_serials(self, last: int) -> None:
        """Let no instrument of ours take a serial up to this one; keeps a higher one."""
        self._session.run(
            "INSERT INTO counter (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value ="
            " CASE WHEN counter.value > excluded.value THEN counter.value ELSE excluded.value END",
            (_SKIPPED, last),
        )

    def serials_skipped(self) -> int:
        """Return the highest serial that no instrument of ours may take; 0 for none."""
        return self._session.number(
            "SELECT coalesce(max(value), 0) FROM counter WHERE name = ?", (_SKIPPED,)
        )

    def closed(self) -> Sequence[ClosedLog]:
        """Return every log of ours that was closed, in order."""
        rows = self._session.rows("SELECT origin, moved, statement FROM closed_log ORDER BY number")
        return [
            ClosedLog(origin=origin, moved=moved, statement=statement)
            for origin, moved, statement in rows
        ]

    def close_log(self, log: ClosedLog, *, at: datetime) -> None:
        """Move the journal below zero, so that a new log begins at 0."""
        # Rows that name entries are moved with them; the names are checked at the commit.
        self._session.defer_names()
        for statement in _MOVES:
            self._session.run(statement, (log.moved + _FAR_AWAY,))
            self._session.run(statement, (-_FAR_AWAY,))
        for table in ("own_cosignature", "own_head", "own_witness"):
            self._session.run(f"DELETE FROM {table}")  # noqa: S608  names of our own
        self._session.run(
            "INSERT INTO closed_log (origin, moved, statement, at) VALUES (?, ?, ?, ?)",
            (log.origin, log.moved, log.statement, to_micros(at)),
        )

    def put_closed_entry(
        self, position: int, entry: bytes, *, salt: bytes, record: bytes, at: datetime
    ) -> None:
        """Put an entry of a closed log back in its place below zero, if it is not there.

        Raises:
            StoreLaneError: Another entry stands there, or the place is none of a closed log.
        """
        if position >= 0:
            raise StoreLaneError(f"place {position} is none of a closed log")
        row = self._session.row("SELECT entry FROM ledger_entry WHERE position = ?", (position,))
        if row is not None and row[0] != entry:
            raise StoreLaneError(f"another entry stands at place {position} of a closed log")
        if row is None:
            self._session.run(
                "INSERT INTO ledger_entry (position, entry, at, salt, record)"
                " VALUES (?, ?, ?, ?, ?)",
                (position, entry, to_micros(at), salt, record),
            )

    def restore_record(self, index: int, *, salt: bytes, record: bytes) -> None:
        """Give an entry back what it commits to, where that is lost."""
        self._session.run(
            "UPDATE ledger_entry SET salt = ?, record = ? WHERE position = ? AND salt IS NULL",
            (salt, record, index),
        )

    def append_batch(self, batch: NewBatch, *, added: datetime) -> None:
        """Append a batch to a lane as the feed store does, at a given ``added`` instant.

        Raises:
            StoreLaneError: It does not continue the lane.
            StoreMissingError: The log entry, the document or an item is not stored.
        """
        StoredFeeds(self._session).append(batch)
        first = to_micros(added)
        self._session.run(
            "UPDATE batch SET added = ? WHERE entry_index = ?", (first, batch.entry_index)
        )
        self._session.run(
            "UPDATE counter SET value = ?1 WHERE name = 'last_added' AND value < ?1",
            (first + len(batch.rows),),
        )

    def last_added(self, recipient: MemberId, lane: str) -> datetime | None:
        """Return the ``added`` instant of a lane's last row; None when it is empty."""
        row = self._session.row(
            "SELECT b.added + b.count - 1 FROM lane l JOIN batch b ON b.lane = l.lane"
            " WHERE l.recipient = ? AND l.name = ? ORDER BY b.first DESC LIMIT 1",
            (recipient, lane),
        )
        return None if row is None else from_micros(row[0])

    def lost(self, items: Sequence[LostItem], *, at: datetime) -> Sequence[int]:
        """Return a handle for each item, making a row without bytes where there is none."""
        handles = []
        for item in items:
            key = item.key
            row = self._session.row(
                "SELECT handle FROM item WHERE object_id = ? AND originator = ? AND version = ?",
                (key.object_id, key.originator, key.version),
            )
            if row is None:
                handle = self._session.insert(
                    "INSERT INTO item (handle, originator, object_id, version, type, state,"
                    " content_hash, title, added) VALUES"
                    " ((SELECT coalesce(max(handle), 0) + 1 FROM item), ?, ?, ?, ?, ?, ?, '', ?)"
                    " RETURNING handle",
                    (
                        key.originator,
                        key.object_id,
                        key.version,
                        key.object_id.partition("--")[0],
                        ItemState.DISCARDED.value,
                        bytes.fromhex(item.content_hash),
                        reserve(self._session, at=at, count=1),
                    ),
                )
            else:
                handle = row[0]
            handles.append(handle)
        return handles

    def unlinked_variants(self) -> Sequence[tuple[int, ObjectId, str]]:
        """Return (handle, object id, version) of variants whose original is not known."""
        rows = self._session.rows(
            "SELECT handle, object_id, version FROM item WHERE state = ? AND variant_of IS NULL",
            (ItemState.VARIANT.value,),
        )
        return [(handle, ObjectId(name), version) for handle, name, version in rows]

    def link_variant(self, handle: int, original: int) -> None:
        """Say of which item a variant is the redacted form."""
        self._session.run("UPDATE item SET variant_of = ? WHERE handle = ?", (original, handle))

    def received(
        self, sender: MemberId, lane: str, *, after: int, limit: int
    ) -> Sequence[ReceivedRow]:
        """Return rows of a member's lane to us, in order, from after a position on."""
        rows = self._session.rows(
            "SELECT r.position, r.handle, coalesce(b.raw, (SELECT q.raw FROM quarantine q"
            "  WHERE q.sender = l.sender AND q.lane = l.name AND q.position = r.position"
            "  ORDER BY q.handle DESC LIMIT 1))"
            " FROM in_lane l JOIN in_row r ON r.in_lane = l.in_lane"
            " LEFT JOIN item_bytes b ON b.handle = r.handle"
            " WHERE l.sender = ? AND l.name = ? AND r.position > ? ORDER BY r.position LIMIT ?",
            (sender, lane, after, limit),
        )
        # What was quarantined and erased since left an empty text in its place.
        return [
            ReceivedRow(position=position, handle=handle, raw=raw or None)
            for position, handle, raw in rows
        ]
