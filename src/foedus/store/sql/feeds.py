"""Outgoing lanes: what each recipient is given, in order.

A lane is rows numbered from 1 without gaps. A batch is its disclosure row and its items after it; a
row references an item version and copies no bytes. Its ``added`` instant is the batch's first plus
its offset, so that it costs nothing per row.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.ledger.commitment import EMPTY_LANE, SALT_BYTES, lane_digest_over
from foedus.model.identifiers import ItemKey, MemberId, ObjectId, TreatyId
from foedus.node.ports import BatchRow, FeedRow, NewBatch, OutLane, Receipted
from foedus.store.errors import StoreLaneError, StoreMissingError
from foedus.store.sql.instants import reserve
from foedus.store.sql.session import Row, Session

__all__ = ["StoredFeeds", "receipted"]

_INSERT_ROW = (
    "INSERT INTO feed_row (lane, position, handle, salt, commitment) VALUES (?, ?, ?, ?, ?)"
)
# All rows of a batch in one step: salts and commitments travel joined and are cut by their place.
_INSERT_ROWS = (
    "INSERT INTO feed_row (lane, position, handle, salt, commitment)"
    " SELECT :lane, :first + w.key, w.value,"
    " substr(:salts, CAST(1 + 32 * w.key AS integer), 32),"
    " substr(:commitments, CAST(1 + 32 * w.key AS integer), 32) FROM integers(:handles) w"
)
# A row has no bytes to serve where they were erased, or where what would prove them was: only the
# first row of a batch, that of its disclosure, has no salt of its own.
_SELECT_ROWS = (
    "SELECT f.position, f.handle, i.object_id, i.type, i.version, b.raw,"
    " CASE WHEN b.raw IS NULL OR length(f.salt) = 0 THEN f.commitment END FROM feed_row f"
    " CROSS JOIN item i ON i.handle = f.handle"
    " LEFT JOIN item_bytes b ON b.handle = f.handle"
)
_WITHOUT_BYTES = (
    " WHERE f.lane = ? AND f.position > ? AND (b.raw IS NULL OR (length(f.salt) = 0"
    " AND NOT EXISTS (SELECT 1 FROM batch o WHERE o.lane = f.lane AND o.first = f.position)))"
)
_NAMED_ROWS = (
    " FROM item i WHERE i.object_id = ? AND i.state <> 'discarded' AND EXISTS"
    " (SELECT 1 FROM feed_row f WHERE f.handle = i.handle"
    "  AND f.lane = (SELECT l.lane FROM lane l WHERE l.recipient = ? AND l.name = ?))"
)
_SELECT_BATCH = (
    "SELECT l.recipient, l.name, b.treaty, b.article, b.document, b.entry_index, e.entry,"
    " b.digest_after, b.at FROM batch b JOIN lane l ON l.lane = b.lane"
    " JOIN ledger_entry e ON e.position = b.entry_index"
)
_KEPT_REVISION = "kept_revision"
_BEFORE_ALL = -(2**63)


class StoredFeeds:
    """Implements :class:`foedus.node.ports.FeedStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def lane(self, recipient: MemberId, lane: str) -> OutLane:
        """Return a lane, empty if nothing was ever put in it."""
        row = self._lane(recipient, lane)
        count, digest = (0, EMPTY_LANE) if row is None else (row[1], row[2])
        return OutLane(recipient=recipient, lane=lane, count=count, digest=digest)

    def append(self, batch: NewBatch) -> None:
        """Append a batch; the rows must continue the lane exactly.

        Raises:
            StoreLaneError: The digest after the batch is not the lane's digest folded over the
                entry and the rows, or the entry is not the one in the journal.
            StoreMissingError: The log entry, the document or an item is not stored.
        """
        lane, count, digest = self._open_lane(batch.recipient, batch.lane)
        self._check(batch, digest)
        first = count + 1
        rows = len(batch.rows) + 1
        added = reserve(self._session, at=batch.at, count=rows)
        self._session.run(
            "INSERT INTO batch (entry_index, lane, first, count, added, treaty, article, document,"
            " digest_after, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                batch.entry_index,
                lane,
                first,
                rows,
                added,
                batch.treaty,
                batch.article,
                batch.document,
                batch.digest_after,
                to_micros(batch.at),
            ),
        )
        self._session.run(_INSERT_ROW, (lane, first, batch.document, b"", batch.entry))
        if all(row.salt for row in batch.rows):
            self._session.run(
                _INSERT_ROWS,
                {
                    "lane": lane,
                    "first": first + 1,
                    "salts": b"".join([row.salt for row in batch.rows]),
                    "commitments": b"".join([row.commitment for row in batch.rows]),
                    "handles": [row.handle for row in batch.rows],
                },
            )
        else:
            self._session.run_many(
                _INSERT_ROW,
                [
                    (lane, first + 1 + offset, row.handle, row.salt, row.commitment)
                    for offset, row in enumerate(batch.rows)
                ],
            )
        self._session.run(
            "UPDATE lane SET count = count + ?, items = items + ?, digest = ? WHERE lane = ?",
            (rows, rows - 1, batch.digest_after, lane),
        )

    def page(
        self, recipient: MemberId, lane: str, *, after: datetime | None, limit: int
    ) -> Sequence[FeedRow]:
        """Return rows in lane order whose ``added`` is later than ``after``."""
        found = self._lane(recipient, lane)
        if found is None:
            return ()
        number = found[0]
        seen = 0 if after is None else self._position_at(number, to_micros(after))
        rows = self._session.rows(
            _SELECT_ROWS + " WHERE f.lane = ? AND f.position > ? ORDER BY f.position LIMIT ?",
            (number, seen, limit),
        )
        return self._page(number, rows)

    def without_bytes(
        self, recipient: MemberId, lane: str, *, after: int, limit: int
    ) -> Sequence[FeedRow]:
        """Return the rows of a lane that have no bytes to serve, by position."""
        found = self._lane(recipient, lane)
        if found is None:
            return ()
        rows = self._session.rows(
            _SELECT_ROWS + _WITHOUT_BYTES + " ORDER BY f.position LIMIT ?",
            (found[0], after, limit),
        )
        return self._page(found[0], rows)

    def batch_at(self, recipient: MemberId, lane: str, first: int) -> NewBatch | None:
        """Return the batch whose disclosure row stands at a position, with its rows."""
        row = self._session.row(
            _SELECT_BATCH + " WHERE l.recipient = ? AND l.name = ? AND b.first = ?",
            (recipient, lane, first),
        )
        if row is None:
            return None
        rows = self._session.rows(
            "SELECT f.handle, f.salt, f.commitment FROM lane l JOIN batch b ON b.lane = l.lane"
            " JOIN feed_row f ON f.lane = b.lane"
            " AND f.position > b.first AND f.position < b.first + b.count"
            " WHERE l.recipient = ? AND l.name = ? AND b.first = ? ORDER BY f.position",
            (recipient, lane, first),
        )
        return replace(
            _batch(row),
            rows=tuple(
                BatchRow(handle=handle, salt=salt, commitment=commitment)
                for handle, salt, commitment in rows
            ),
        )

    def _page(self, number: int, rows: Sequence[Row]) -> Sequence[FeedRow]:
        """Give rows of one lane, in order, their instants."""
        if not rows:
            return ()
        batches = self._session.rows(
            "SELECT first, added FROM batch WHERE lane = ? AND first <= ? AND first + count > ?"
            " AND first >= (SELECT max(first) FROM batch WHERE lane = ? AND first <= ?)"
            " ORDER BY first",
            (number, rows[-1][0], rows[0][0], number, rows[0][0]),
        )
        return _dated(rows, batches)

    def treaties(
        self, recipient: MemberId, lane: str, *, first: int, last: int
    ) -> Sequence[tuple[int, TreatyId | None]]:
        """Return (position of its last row, treaty) of each batch over a range of positions."""
        found = self._lane(recipient, lane)
        if found is None:
            return ()
        rows = self._session.rows(
            "SELECT first + count - 1, treaty FROM batch WHERE lane = ? AND first <= ?"
            " AND first >= coalesce("
            "(SELECT max(first) FROM batch WHERE lane = ? AND first <= ?), 0) ORDER BY first",
            (found[0], last, found[0], first),
        )
        return [(end, None if treaty is None else TreatyId(treaty)) for end, treaty in rows]

    def digest_at(self, recipient: MemberId, lane: str, count: int) -> bytes | None:
        """Return a lane's digest after its first rows; None where no batch ends there."""
        if count == 0:
            return EMPTY_LANE
        row = self._session.row(
            "SELECT b.first + b.count - 1, b.digest_after FROM lane l JOIN batch b"
            " ON b.lane = l.lane AND b.first <= ? WHERE l.recipient = ? AND l.name = ?"
            " ORDER BY b.first DESC LIMIT 1",
            (count, recipient, lane),
        )
        return None if row is None or row[0] != count else bytes(row[1])

    def added_at(self, recipient: MemberId, lane: str, position: int) -> datetime | None:
        """Return the ``added`` instant of a row of a lane; None where there is no such row."""
        row = self._session.row(
            "SELECT b.first, b.count, b.added FROM lane l JOIN batch b"
            " ON b.lane = l.lane AND b.first <= ? WHERE l.recipient = ? AND l.name = ?"
            " ORDER BY b.first DESC LIMIT 1",
            (position, recipient, lane),
        )
        if row is None or position >= row[0] + row[1]:
            return None
        return from_micros(row[2] + position - row[0])

    def stands(self, recipient: MemberId, lane: str, object_id: ObjectId) -> bool:
        """Say whether a row of a recipient's lane is an object of this id, and has not gone."""
        row = self._session.row("SELECT 1" + _NAMED_ROWS + " LIMIT 1", (object_id, recipient, lane))
        return row is not None

    def instants(self, recipient: MemberId, lane: str, object_id: ObjectId) -> Sequence[datetime]:
        """Return when each version of an object that stands in a lane was made."""
        rows = self._session.rows(
            "SELECT DISTINCT i.modified" + _NAMED_ROWS + " AND i.modified IS NOT NULL",
            (object_id, recipient, lane),
        )
        return [from_micros(modified) for (modified,) in rows]

    def given(
        self, recipient: MemberId, object_ids: Sequence[ObjectId]
    ) -> Mapping[ObjectId, ObjectId]:
        """Map original object ids to the id under which the recipient was given them.

        Of an original and its variant, both given, the original's own id stands.
        """
        rows = self._session.rows(
            "WITH sent AS ("
            "  SELECT o.object_id AS original, o.object_id AS given, o.handle AS handle"
            "  FROM texts(:ids) w CROSS JOIN item o ON o.object_id = w.value"
            "  UNION ALL"
            "  SELECT o.object_id, v.object_id, v.handle FROM texts(:ids) w"
            "  CROSS JOIN item o ON o.object_id = w.value"
            "  CROSS JOIN item v ON v.variant_of = o.handle)"
            " SELECT DISTINCT original, given FROM sent WHERE EXISTS (SELECT 1 FROM feed_row f"
            "  WHERE f.handle = sent.handle"
            "  AND f.lane IN (SELECT lane FROM lane WHERE recipient = :recipient))",
            {"ids": list(object_ids), "recipient": recipient},
        )
        found: dict[ObjectId, ObjectId] = {}
        for original, name in rows:
            if found.get(original) != original:
                found[ObjectId(original)] = ObjectId(name)
        return found

    def holds(self, recipient: MemberId, handles: Sequence[int]) -> frozenset[int]:
        """Return which of these versions (or a variant of them) the recipient was given."""
        rows = self._session.rows(
            "WITH sent AS ("
            "  SELECT value AS asked, value AS handle FROM integers(:handles) w"
            "  UNION ALL"
            "  SELECT w.value, v.handle FROM integers(:handles) w"
            "  CROSS JOIN item v ON v.variant_of = w.value)"
            " SELECT DISTINCT asked FROM sent WHERE EXISTS (SELECT 1 FROM feed_row f"
            "  WHERE f.handle = sent.handle"
            "  AND f.lane IN (SELECT lane FROM lane WHERE recipient = :recipient))",
            {"handles": list(handles), "recipient": recipient},
        )
        return frozenset(handle for (handle,) in rows)

    def keeps(self, recipient: MemberId, handles: Sequence[int]) -> frozenset[int]:
        """Return which of these versions the recipient was given and may still have."""
        return self.kept_of(recipient, self.holds(recipient, handles))

    def kept_of(self, recipient: MemberId, given: Collection[int]) -> frozenset[int]:
        """Return which of these versions, given to the recipient, it may still have."""
        if not given:
            return frozenset()
        refused = self._session.rows(
            "WITH sent AS ("
            "  SELECT value AS asked, value AS handle FROM integers(:handles) w"
            "  UNION ALL"
            "  SELECT w.value, v.handle FROM integers(:handles) w"
            "  CROSS JOIN item v ON v.variant_of = w.value),"
            " newest AS (SELECT sent.asked, f.lane, max(f.position) AS position FROM sent"
            "  CROSS JOIN feed_row f ON f.handle = sent.handle"
            "  AND f.lane IN (SELECT lane FROM lane WHERE recipient = :recipient)"
            "  GROUP BY sent.asked, f.lane)"
            " SELECT n.asked FROM newest n"
            " JOIN not_kept k ON k.lane = n.lane AND k.position = n.position",
            {"handles": list(given), "recipient": recipient},
        )
        return frozenset(given) - {handle for (handle,) in refused}

    def standing(self, recipient: MemberId) -> tuple[int, int]:
        """Return what changes whenever :meth:`holds` or :meth:`keeps` of a recipient could."""
        # Rows of a lane are only ever added; each word on what is kept counts the second number up.
        rows = self._session.number("SELECT sum(count) FROM lane WHERE recipient = ?", (recipient,))
        words = self._session.number("SELECT value FROM counter WHERE name = ?", (_KEPT_REVISION,))
        return rows, words

    def note_kept(
        self,
        recipient: MemberId,
        entry_index: int,
        object_ids: Sequence[ObjectId],
        *,
        code: str,
    ) -> int:
        """Keep a recipient's word on items of one disclosure to it; returns how many rows."""
        rows = self._session.rows(
            "SELECT f.lane, f.position FROM batch b"
            " JOIN lane l ON l.lane = b.lane AND l.recipient = ?"
            " JOIN feed_row f ON f.lane = b.lane"
            " AND f.position > b.first AND f.position < b.first + b.count"
            " JOIN item i ON i.handle = f.handle"
            " WHERE b.entry_index = ? AND i.object_id IN (SELECT value FROM texts(?) w)",
            (recipient, entry_index, list(object_ids)),
        )
        self._session.run(
            "INSERT INTO counter (name, value) VALUES (?, 1)"
            " ON CONFLICT (name) DO UPDATE SET value = counter.value + 1",
            (_KEPT_REVISION,),
        )
        if code:
            self._session.run_many(
                "INSERT INTO not_kept (lane, position, code) VALUES (?, ?, ?)"
                " ON CONFLICT (lane, position) DO UPDATE SET code = excluded.code",
                [(*row, code) for row in rows],
            )
        else:
            self._session.run_many("DELETE FROM not_kept WHERE lane = ? AND position = ?", rows)
        return len(rows)

    def disclosures(self, handle: int) -> Sequence[Receipted]:
        """Return every disclosure of one version (or of variants of it), oldest first."""
        rows = self._session.rows(
            "SELECT l.recipient, l.name, b.treaty, b.article, b.document, b.entry_index,"
            " f.position, f.position - b.first - 1, f.handle, b.at"
            " FROM (SELECT :handle AS handle UNION ALL"
            "  SELECT handle FROM item WHERE variant_of = :handle) sent"
            " CROSS JOIN feed_row f ON f.handle = sent.handle"
            " CROSS JOIN lane l ON l.lane = f.lane"
            " CROSS JOIN batch b ON b.lane = f.lane AND b.first = (SELECT max(c.first) FROM batch c"
            "  WHERE c.lane = f.lane AND c.first <= f.position)"
            " WHERE f.position > b.first ORDER BY b.entry_index, f.position",
            {"handle": handle},
        )
        return [receipted(row) for row in rows]

    def batches(self, *, after: int | None, limit: int) -> Sequence[NewBatch]:
        """Return batches in order of log entry, entry index greater than ``after``; rows empty."""
        rows = self._session.rows(
            _SELECT_BATCH + " WHERE b.entry_index > ? ORDER BY b.entry_index LIMIT ?",
            (_BEFORE_ALL if after is None else after, limit),
        )
        return [_batch(row) for row in rows]

    def items_given(self, entry_index: int) -> Sequence[ItemKey]:
        """Return which items a batch gave, in its order, from what outlives its document."""
        # Versions of this form stand for names that were erased.
        rows = self._session.rows(
            "SELECT i.object_id, coalesce(o.originator, i.originator), i.version FROM batch b"
            " CROSS JOIN feed_row f ON f.lane = b.lane"
            "  AND f.position > b.first AND f.position < b.first + b.count"
            " CROSS JOIN item i ON i.handle = f.handle"
            " LEFT JOIN item o ON o.handle = i.variant_of"
            " WHERE b.entry_index = ? AND i.version NOT LIKE 'erased%' ORDER BY f.position",
            (entry_index,),
        )
        return [
            ItemKey(originator=MemberId(originator), object_id=ObjectId(object_id), version=version)
            for object_id, originator, version in rows
        ]

    def counts(self) -> Mapping[tuple[MemberId, str], int]:
        """Return items (without disclosure rows) per recipient and lane."""
        rows = self._session.rows("SELECT recipient, name, items FROM lane")
        return {(MemberId(recipient), name): items for recipient, name, items in rows}

    def lengths(self) -> Mapping[MemberId, int]:
        """Return rows of all lanes to each recipient, disclosure rows included."""
        rows = self._session.rows("SELECT recipient, sum(count) FROM lane GROUP BY recipient")
        return {MemberId(recipient): int(count) for recipient, count in rows}

    def _lane(self, recipient: MemberId, lane: str) -> Row | None:
        return self._session.row(
            "SELECT lane, count, digest FROM lane WHERE recipient = ? AND name = ?",
            (recipient, lane),
        )

    def _open_lane(self, recipient: MemberId, lane: str) -> Row:
        """Return (number, count, digest), making the lane if it is not there."""
        row = self._lane(recipient, lane)
        if row is not None:
            return row
        number = self._session.insert(
            "INSERT INTO lane (recipient, name, count, items, digest) VALUES (?, ?, 0, 0, ?)"
            " RETURNING lane",
            (recipient, lane, EMPTY_LANE),
        )
        return number, 0, EMPTY_LANE

    def _check(self, batch: NewBatch, digest: bytes) -> None:
        """Refuse a batch that does not continue its lane from this digest."""
        if any(len(row.salt) not in {0, SALT_BYTES} for row in batch.rows):
            raise StoreLaneError(f"a row's salt has {SALT_BYTES} bytes, or none once erased")
        digest = lane_digest_over(digest, [batch.entry, *(row.commitment for row in batch.rows)])
        if digest != batch.digest_after:
            raise StoreLaneError(
                f"the batch does not continue lane {batch.recipient}/{batch.lane}: "
                "another digest results"
            )
        entry = self._session.row(
            "SELECT entry FROM ledger_entry WHERE position = ?", (batch.entry_index,)
        )
        if entry is None:
            raise StoreMissingError(f"log entry {batch.entry_index} is not in the journal")
        if entry[0] != batch.entry:
            raise StoreLaneError(f"log entry {batch.entry_index} is another than the batch's")

    def _position_at(self, lane: int, after: int) -> int:
        """Return the last position whose instant is not later than ``after``."""
        row = self._session.row(
            "SELECT first, count, added FROM batch WHERE lane = ? AND added <= ?"
            " ORDER BY added DESC LIMIT 1",
            (lane, after),
        )
        if row is None:
            return 0
        first, count, added = row
        return int(first + min(after - added, count - 1))


def _dated(rows: Iterable[Row], batches: Sequence[Row]) -> list[FeedRow]:
    """Give rows their instants: the batch's first plus the offset in it."""
    firsts = [first for first, _ in batches]
    page = []
    for position, handle, object_id, kind, version, raw, commitment in rows:
        first, added = batches[bisect_right(firsts, position) - 1]
        bare = raw is None or (commitment is not None and position != first)
        page.append(
            FeedRow(
                position=position,
                handle=handle,
                object_id=ObjectId(object_id),
                type=kind,
                version=version,
                raw=b"" if bare else raw,
                added=from_micros(added + position - first),
                commitment=commitment if bare else b"",
            )
        )
    return page


def receipted(row: Row) -> Receipted:
    """Return the value of a row: as selected by :meth:`StoredFeeds.disclosures`."""
    return Receipted(
        recipient=MemberId(row[0]),
        lane=row[1],
        treaty=None if row[2] is None else TreatyId(row[2]),
        article=row[3],
        document=row[4],
        entry_index=row[5],
        position=row[6],
        offset=row[7],
        handle=row[8],
        at=from_micros(row[9]),
    )


def _batch(row: Row) -> NewBatch:
    return NewBatch(
        recipient=MemberId(row[0]),
        lane=row[1],
        treaty=None if row[2] is None else TreatyId(row[2]),
        article=row[3],
        document=row[4],
        entry_index=row[5],
        entry=row[6],
        rows=(),
        digest_after=row[7],
        at=from_micros(row[8]),
    )
