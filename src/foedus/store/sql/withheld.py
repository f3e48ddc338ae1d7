"""What is erased later, what a restore leaves open, backups made, residual orders received."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import ItemKey, MemberId, ObjectId, TreatyId
from foedus.node.ports.erasure import ReceivedPlace
from foedus.node.ports.withheld import BatchEnd, NewResidual, ResidualRow
from foedus.store.errors import StoreMissingError
from foedus.store.sql.session import Row, Session

__all__ = ["StoredWithheld"]

_FORGET = "forget_due"
_SELECT_RESIDUAL = (
    "SELECT d.number, d.digest, d.originator, d.object_id, d.version, d.kind, d.treaty,"
    " d.left_member, d.due, d.received, coalesce(d.handle, 0), d.done FROM residual_duty d"
)
_GONE = (
    " WHERE d.done IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM item i WHERE i.handle = d.handle AND i.state <> 'discarded')"
)


class StoredWithheld:
    """Implements :class:`foedus.node.ports.withheld.WithheldStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def ends(self, entries: Collection[int]) -> Mapping[int, BatchEnd]:
        """Return where batches end, by their log entries."""
        rows = self._session.rows(
            "SELECT b.entry_index, b.lane, b.first + b.count - 1, coalesce(h.count, 0)"
            " FROM integers(?) w CROSS JOIN batch b ON b.entry_index = w.value"
            " JOIN lane l ON l.lane = b.lane"
            " LEFT JOIN peer_head h ON h.member = l.recipient AND h.lane = l.name",
            (list(entries),),
        )
        return {
            entry: BatchEnd(lane=lane, past=past, taken=past <= head)
            for entry, lane, past, head in rows
        }

    def received(
        self, handles: Collection[int], *, opening: str, awaiting: Collection[str]
    ) -> Sequence[ReceivedPlace]:
        """Return where items stand in the disclosures received."""
        # No index leads here, for intake would pay for it: the rows are read once.
        rows = self._session.rows(
            "SELECT in_lane, position FROM in_row"
            " WHERE handle IN (SELECT value FROM integers(?) w) AND code <> ?"
            " ORDER BY in_lane, position DESC",
            (list(handles), opening),
        )
        found: list[ReceivedPlace] = []
        lane, first, document, settled = 0, 0, 0, False
        for each, position in rows:
            # From the end of a lane back: rows up to the opening found last are of its batch.
            if each != lane or position < first:
                lane = each
                first, document = self._opening(lane, position, opening)
                settled = not self._open(lane, first, opening, awaiting)
            found.append(
                ReceivedPlace(document=document, place=position - first - 1, settled=settled)
            )
        return found

    def _opening(self, lane: int, position: int, opening: str) -> tuple[int, int]:
        row = self._session.row(
            "SELECT position, handle FROM in_row WHERE in_lane = ? AND position < ? AND code = ?"
            " ORDER BY position DESC LIMIT 1",
            (lane, position, opening),
        )
        if row is None:
            raise StoreMissingError(f"row {position} of a lane has no disclosure before it")
        return row[0], row[1]

    def _open(self, lane: int, first: int, opening: str, awaiting: Collection[str]) -> bool:
        """Say whether a row of the batch awaits anything."""
        tallied = self._session.number(
            "SELECT coalesce(sum(rows), 0) FROM in_tally WHERE in_lane = ?"
            " AND code IN (SELECT value FROM texts(?) w)",
            (lane, list(awaiting)),
        )
        if not tallied:
            return False
        following = self._session.row(
            "SELECT position FROM in_row WHERE in_lane = ? AND position > ? AND code = ?"
            " ORDER BY position LIMIT 1",
            (lane, first, opening),
        )
        past = 2**62 if following is None else following[0]
        return bool(
            self._session.number(
                "SELECT count(*) FROM in_row WHERE in_lane = ? AND position > ? AND position < ?"
                " AND code IN (SELECT value FROM texts(?) w)",
                (lane, first, past, list(awaiting)),
            )
        )

    def wait(self, document: int, places: Collection[int], *, until: BatchEnd | None) -> None:
        """Note places of a disclosure to be erased later."""
        lane, past = (None, 0) if until is None else (until.lane, until.past)
        self._session.run_many(
            "INSERT INTO waiting_place (document, place, lane, past) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            [(document, place, lane, past) for place in sorted(places)],
        )

    def taken(self, recipient: MemberId, lane: str, count: int) -> Mapping[int, frozenset[int]]:
        """Return what waits in batches of a lane that lie within its first rows, by document."""
        rows = self._session.rows(
            "SELECT w.document, w.place FROM lane l JOIN waiting_place w ON w.lane = l.lane"
            " WHERE l.recipient = ? AND l.name = ? AND w.past <= ?",
            (recipient, lane, count),
        )
        found: defaultdict[int, set[int]] = defaultdict(set)
        for document, place in rows:
            found[document].add(place)
        return {document: frozenset(places) for document, places in found.items()}

    def waiting(self, document: int) -> frozenset[int]:
        """Return which places of a disclosure wait."""
        rows = self._session.rows("SELECT place FROM waiting_place WHERE document = ?", (document,))
        return frozenset(place for (place,) in rows)

    def done(self, document: int) -> None:
        """Forget what waited of a disclosure."""
        self._session.run("DELETE FROM waiting_place WHERE document = ?", (document,))

    def count(self) -> int:
        """Return how many places wait."""
        return self._session.number("SELECT count(*) FROM waiting_place")

    def forget_due(self) -> bool:
        """Say whether something was erased since the journal was last emptied for it."""
        return self._session.row("SELECT 1 FROM counter WHERE name = ?", (_FORGET,)) is not None

    def set_forget_due(self, *, due: bool) -> None:
        """Note that something was erased, or that the journal was emptied."""
        if due:
            self._session.run(
                "INSERT INTO counter (name, value) VALUES (?, 1) ON CONFLICT DO NOTHING",
                (_FORGET,),
            )
        else:
            self._session.run("DELETE FROM counter WHERE name = ?", (_FORGET,))

    def unheard(self) -> frozenset[MemberId]:
        """Return whose order lane was not read since this store went back to an earlier state."""
        rows = self._session.rows("SELECT member FROM orders_unheard")
        return frozenset(MemberId(member) for (member,) in rows)

    def heard(self, member: MemberId) -> None:
        """Note that a member's order lane was read to its end."""
        self._session.run("DELETE FROM orders_unheard WHERE member = ?", (member,))

    def note_backup(self, *, at: datetime, kept_until: datetime) -> None:
        """Note that a backup was made, and until when it is kept."""
        self._session.insert(
            "INSERT INTO backup_made (at, kept_until) VALUES (?, ?) RETURNING number",
            (to_micros(at), to_micros(kept_until)),
        )

    def backups_until(self, *, since: datetime, at: datetime) -> datetime | None:
        """Return until when the last of the backups made since an instant is kept."""
        row = self._session.row(
            "SELECT max(kept_until) FROM backup_made WHERE at >= ? AND kept_until > ?",
            (to_micros(since), to_micros(at)),
        )
        return None if row is None or row[0] is None else from_micros(row[0])

    def take_residual(self, order: NewResidual) -> bool:
        """Keep a residual order received; False if its document was taken before."""
        return bool(
            self._session.run(
                "INSERT INTO residual_duty (digest, originator, object_id, version, kind, treaty,"
                " left_member, due, received) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (
                    order.digest,
                    order.item.originator,
                    order.item.object_id,
                    order.item.version,
                    order.kind,
                    order.treaty,
                    order.left,
                    to_micros(order.due),
                    to_micros(order.received),
                ),
            )
        )

    def residuals(self, *, after: int, limit: int) -> Sequence[ResidualRow]:
        """Return residual orders received by number, greater than ``after``."""
        rows = self._session.rows(
            _SELECT_RESIDUAL + " WHERE d.number > ? ORDER BY d.number LIMIT ?", (after, limit)
        )
        return [_residual(row) for row in rows]

    def residuals_arrived(self, *, limit: int) -> Sequence[ResidualRow]:
        """Return open residual orders whose item has come since, with the item's handle."""
        rows = self._session.rows(
            _SELECT_RESIDUAL.replace("coalesce(d.handle, 0)", "i.handle")
            + " CROSS JOIN item i ON i.object_id = d.object_id AND i.originator = d.originator"
            " AND i.version = d.version AND i.state <> 'discarded'"
            " WHERE d.done IS NULL AND d.handle IS NULL ORDER BY d.due, d.number LIMIT ?",
            (limit,),
        )
        return [_residual(row) for row in rows]

    def residuals_due(self, at: datetime, *, limit: int) -> Sequence[ResidualRow]:
        """Return open residual orders due by an instant whose item is not, or no more, here."""
        rows = self._session.rows(
            _SELECT_RESIDUAL + _GONE + " AND d.due <= ? ORDER BY d.due, d.number LIMIT ?",
            (to_micros(at), limit),
        )
        return [_residual(row) for row in rows]

    def residual_here(self, number: int, handle: int) -> None:
        """Note which item a residual order is about."""
        self._session.run("UPDATE residual_duty SET handle = ? WHERE number = ?", (handle, number))

    def residual_done(self, numbers: Sequence[int], *, at: datetime) -> None:
        """Note that residual orders are carried out."""
        self._session.run(
            "UPDATE residual_duty SET done = ? WHERE number IN (SELECT value FROM integers(?) w)",
            (to_micros(at), list(numbers)),
        )


def _residual(row: Row) -> ResidualRow:
    return ResidualRow(
        number=row[0],
        order=NewResidual(
            digest=row[1],
            item=ItemKey(originator=MemberId(row[2]), object_id=ObjectId(row[3]), version=row[4]),
            kind=row[5],
            treaty=TreatyId(row[6]),
            left=MemberId(row[7]),
            due=from_micros(row[8]),
            received=from_micros(row[9]),
        ),
        handle=row[10],
        done=None if row[11] is None else from_micros(row[11]),
    )
