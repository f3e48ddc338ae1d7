"""Orders: what was ordered of whom, and how far each holder has come.

Figures are kept as tallies with every change of a holder row, and each list of the matrix has an
index of its own: no view counts or passes over rows, however many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from foedus.casework.attestation import Outcome
from foedus.casework.order import OrderAction, OrderReason
from foedus.casework.order_course import OrderState
from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.node.ports.orders import (
    Attested,
    Given,
    HolderRow,
    IssuedOrder,
    MatrixPlace,
    NewHolder,
    NewIssued,
    Rows,
    Tally,
)
from foedus.store.errors import StoreMissingError
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.order_breaches import ALL, BREACH, OVERDUE, StoredBreaches
from foedus.store.sql.session import Row

__all__ = ["StoredOrders"]

_NEVER: Final = 2**62
_ISSUED: Final = (
    'SELECT number, name, action, reason, treaty, article, at, due, life, "user", entry_index,'
    " expiry FROM issued_order"
)
_HOLDER: Final = (
    "SELECT h.number, o.name, h.member, h.digest, h.document, h.position, h.items, h.via,"
    " h.ordered, h.due, h.state, h.received, h.executed, h.attested, h.outcome, h.kept,"
    " h.kept_until, h.breach"
)
_JOINED: Final = _HOLDER + " FROM order_holder h JOIN issued_order o ON o.number = h.number"
_DRIVEN: Final = _HOLDER + " FROM order_holder h CROSS JOIN issued_order o ON o.number = h.number"
# The conditions are written as their indexes have them; a page reads an index from its place on.
_CONDITION: Final[Mapping[Rows, str]] = {
    Rows.ALL: "",
    Rows.OPEN: " AND h.state <> 'attested'",
    Rows.OVERDUE: " AND h.executed IS NULL AND h.breach > 0",
    Rows.KEPT: " AND h.state = 'executed-in-part'",
}


_PAGES: Final = {
    (rows, of_one): _DRIVEN
    + (" WHERE h.number = ? AND h.member > ?" if of_one else " WHERE (h.number, h.member) > (?, ?)")
    + condition
    + " ORDER BY h.number, h.member LIMIT ?"
    for rows, condition in _CONDITION.items()
    for of_one in (False, True)
}
_NUMBERS_REACHED: Final = (
    "SELECT number FROM order_holder"
    " WHERE member = ? AND position <= ? AND state = 'ordered' AND position > 0"
)
_RECEIVE: Final = (
    "UPDATE order_holder SET state = 'received', received = ?"
    " WHERE member = ? AND position <= ? AND state = 'ordered' AND position > 0"
)


class StoredOrders(StoredBreaches):
    """Implements :class:`foedus.node.ports.orders.OrderStore`."""

    __slots__ = ()

    def versions(self, handles: Sequence[int]) -> Sequence[int]:
        """Return every version of these items, by handle."""
        rows = self._session.rows(
            "SELECT DISTINCT v.handle FROM integers(?) w CROSS JOIN item i ON i.handle = w.value"
            " CROSS JOIN item v ON v.object_id = i.object_id AND v.originator = i.originator"
            " ORDER BY v.handle",
            (list(handles),),
        )
        return [handle for (handle,) in rows]

    def given(self, handles: Sequence[int]) -> Sequence[Given]:
        """Return to whom these versions, or redacted variants of them, were given."""
        rows = self._session.rows(
            "SELECT l.recipient, s.original, i.object_id, i.version, i.content_hash, b.document"
            " FROM (SELECT w.value AS handle, w.value AS original FROM integers(?1) w UNION ALL"
            "  SELECT v.handle, v.variant_of FROM integers(?1) x"
            "  CROSS JOIN item v ON v.variant_of = x.value) s"
            " CROSS JOIN item i ON i.handle = s.handle"
            " CROSS JOIN feed_row f ON f.handle = s.handle"
            " CROSS JOIN lane l ON l.lane = f.lane"
            " CROSS JOIN batch b ON b.lane = f.lane AND b.first = (SELECT max(c.first) FROM batch c"
            "  WHERE c.lane = f.lane AND c.first <= f.position)"
            " WHERE f.position > b.first"
            " ORDER BY l.recipient, i.object_id, i.version, b.entry_index",
            (list(handles),),
        )
        found = {
            (member, object_id, version): Given(
                member=MemberId(member),
                handle=original,
                object_id=ObjectId(object_id),
                version=version,
                sha256=content_hash.hex(),
                document=document,
            )
            for member, original, object_id, version, content_hash, document in rows
        }
        return list(found.values())

    def next_sequence(self, year: int) -> int:
        """Return the number, from 1, that the next order of a year is given."""
        return 1 + self._session.number(
            "SELECT coalesce(max(sequence), 0) FROM issued_order WHERE year = ?", (year,)
        )

    def issue(self, order: NewIssued, *, sequence: int) -> int:
        """Keep an order of ours and return its number."""
        number = self._session.insert(
            "INSERT INTO issued_order (name, year, sequence, action, reason, treaty, article, at,"
            ' due, life, "user", entry_index, expiry)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
            (
                order.name,
                order.at.year,
                sequence,
                order.action.value,
                order.reason.value,
                order.treaty,
                order.article,
                to_micros(order.at),
                to_micros(order.due),
                order.life,
                order.user,
                order.entry_index,
                micros(order.expiry),
            ),
        )
        self.widen(number, order.handles)
        return number

    def widen(self, number: int, handles: Sequence[int]) -> None:
        """Add item versions to those an order of ours concerns."""
        self._session.run_many(
            "INSERT INTO order_item (number, handle) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(number, handle) for handle in dict.fromkeys(handles)],
        )

    def address(self, number: int, holders: Sequence[NewHolder]) -> None:
        """Add members it went to, in state ordered; who stands there already is left alone."""
        added = sum(
            self._session.run(
                "INSERT INTO order_holder (number, member, digest, document, position, items, via,"
                " ordered, due, state, kept, breach) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)"
                " ON CONFLICT (number, member) DO NOTHING",
                (
                    number,
                    each.member,
                    each.digest,
                    each.document,
                    each.position,
                    each.items,
                    each.via,
                    to_micros(each.ordered),
                    to_micros(each.due),
                    OrderState.ORDERED.value,
                ),
            )
            for each in holders
        )
        self.count(number, {OrderState.ORDERED.value: added})

    def unsent(self, members: Collection[MemberId], *, limit: int) -> Sequence[HolderRow]:
        """Return rows of these members whose document does not stand in their lane yet."""
        rows = self._session.rows(
            _DRIVEN  # noqa: S608  # words of our own
            + " WHERE h.state = 'ordered' AND h.position = 0 AND h.document > 0"
            " AND h.member IN (SELECT value FROM texts(?) w) ORDER BY h.number, h.member LIMIT ?",
            (sorted(members), limit),
        )
        return [_holder(row) for row in rows]

    def sent(self, number: int, member: MemberId, *, position: int) -> None:
        """Note where in a member's lane an order's document stands now."""
        self._session.run(
            "UPDATE order_holder SET position = ? WHERE number = ? AND member = ?",
            (position, number, member),
        )

    def issued(self, name: str) -> IssuedOrder | None:
        """Return an order of ours by its name."""
        row = self._session.row(_ISSUED + " WHERE name = ?", (name,))
        if row is None:
            return None
        items = self._session.rows(
            "SELECT handle, ended FROM order_item WHERE number = ? ORDER BY handle", (row[0],)
        )
        ends = [ended for _, ended in items]
        return _issued(
            row,
            tuple(handle for handle, _ in items),
            max(ends) if ends and None not in ends else None,
        )

    def all_issued(self, *, before: int | None, limit: int) -> Sequence[IssuedOrder]:
        """Return orders of ours, newest first."""
        rows = self._session.rows(
            _ISSUED + " WHERE number < ? ORDER BY number DESC LIMIT ?",
            (_NEVER if before is None else before, limit),
        )
        return [_issued(row, (), None) for row in rows]

    def holder(self, number: int, member: MemberId) -> HolderRow | None:
        """Return how far a holder has come with an order of ours."""
        row = self._session.row(_JOINED + " WHERE h.number = ? AND h.member = ?", (number, member))
        return None if row is None else _holder(row)

    def by_digest(self, digest: str) -> HolderRow | None:
        """Return the holder row of the document with a payload of that digest."""
        row = self._session.row(_JOINED + " WHERE h.digest = ? AND h.digest <> ''", (digest,))
        return None if row is None else _holder(row)

    def matrix(
        self, rows: Rows, *, after: MatrixPlace | None, limit: int, number: int | None = None
    ) -> Sequence[HolderRow]:
        """Return holder rows by order number and member."""
        start = MatrixPlace(number=0, member="") if after is None else after
        of_one = number is not None
        found = self._session.rows(
            _PAGES[rows, of_one],
            (number if of_one else start.number, start.member, limit),
        )
        return [_holder(row) for row in found]

    def tallies(self, numbers: Sequence[int]) -> Mapping[int, Tally]:
        """Return the figures of several orders, in one statement."""
        kept: dict[int, dict[str, int]] = {number: {} for number in numbers}
        for number, word, rows in self._session.rows(
            "SELECT t.number, t.word, t.rows FROM integers(?) w CROSS JOIN order_tally t"
            " ON t.number = w.value",
            (list(kept),),
        ):
            kept[number][word] = rows
        return {
            number: Tally(
                states={state: words.get(state.value, 0) for state in OrderState},
                overdue=words.get(OVERDUE, 0),
                breaches=words.get(BREACH, 0),
            )
            for number, words in kept.items()
        }

    def tally(self, number: int | None = None) -> Tally:
        """Return the figures of one order, or of all."""
        of = ALL if number is None else number
        return self.tallies([of])[of]

    def awaiting_receipt(self) -> Sequence[MemberId]:
        """Return the members with an order in state ordered that stands in their lane."""
        # One look at the index for each member, however many orders wait with it.
        rows = self._session.rows(
            "WITH RECURSIVE waiting(member) AS (SELECT min(member) FROM order_holder"
            " WHERE state = 'ordered' AND position > 0 UNION ALL"
            " SELECT (SELECT min(h.member) FROM order_holder h WHERE h.state = 'ordered'"
            "  AND h.position > 0 AND h.member > w.member) FROM waiting w"
            " WHERE w.member IS NOT NULL) SELECT member FROM waiting WHERE member IS NOT NULL"
        )
        return [MemberId(member) for (member,) in rows]

    def first_awaiting(self, member: MemberId) -> int:
        """Return the first lane position of an order in state ordered; 0 where there is none."""
        return self._session.number(
            "SELECT coalesce(min(position), 0) FROM order_holder"
            " WHERE member = ? AND state = 'ordered' AND position > 0",
            (member,),
        )

    def note_receipts(self, member: MemberId, *, count: int, at: datetime) -> int:
        """Lead a member's orders up to a position of its lane from ordered to received."""
        found = self._session.rows(_NUMBERS_REACHED, (member, count))
        if not found:
            return 0
        self._session.run(_RECEIVE, (to_micros(at), member, count))
        for (number,) in found:
            self.count(number, {"ordered": -1, "received": 1})
        return len(found)

    def note_attested(self, number: int, member: MemberId, told: Attested) -> None:
        """Keep what a holder attests."""
        before = self.holder(number, member)
        if before is None:
            raise StoreMissingError(f"{member} stands not under order {number}")
        executed = to_micros(told.executed)
        self._session.run(
            "UPDATE order_holder SET state = ?, received = ?, executed = ?, attested = ?,"
            " outcome = ?, kept = ?, kept_until = ? WHERE number = ? AND member = ?",
            (
                told.state.value,
                to_micros(told.received),
                executed,
                to_micros(told.attested),
                told.outcome.value,
                told.kept,
                micros(told.kept_until),
                number,
                member,
            ),
        )
        self._session.run(
            "INSERT INTO order_attestation (number, member, at, payload) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (number, member, at) DO NOTHING",
            (number, member, to_micros(told.attested), told.payload),
        )
        change = Counter({told.state.value: 1})
        change[before.state.value] -= 1
        if before.breach and before.executed is None:
            change[OVERDUE] -= 1
            self._session.run(
                "UPDATE order_breach SET executed = ? WHERE record = ?", (executed, before.breach)
            )
        self.count(number, change)

    def attestations(self, number: int) -> Mapping[MemberId, Sequence[bytes]]:
        """Return the payloads of what each holder attested under an order, oldest first."""
        found: dict[MemberId, list[bytes]] = {}
        for member, payload in self._session.rows(
            "SELECT member, payload FROM order_attestation WHERE number = ? ORDER BY member, at",
            (number,),
        ):
            found.setdefault(MemberId(member), []).append(bytes(payload))
        return found

    def overdue(self, now: datetime, *, limit: int) -> Sequence[HolderRow]:
        """Return rows due by now, neither carried out nor in a breach record."""
        rows = self._session.rows(
            _DRIVEN + " WHERE h.executed IS NULL AND h.breach = 0 AND h.due < ?"
            " ORDER BY h.due, h.number, h.member LIMIT ?",
            (to_micros(now), limit),
        )
        return [_holder(row) for row in rows]

    def barred(
        self, member: MemberId, handles: Sequence[int], *, at: datetime
    ) -> Mapping[int, str]:
        """Return which versions an order of ours keeps from being given, with its name."""
        if self._session.row("SELECT 1 FROM order_item WHERE ended IS NULL LIMIT 1") is None:
            return {}
        rows = self._session.rows(
            "SELECT w.value, o.name FROM integers(?1) w CROSS JOIN item i ON i.handle = w.value"
            " CROSS JOIN item v ON v.object_id = i.object_id AND v.originator = i.originator"
            " CROSS JOIN order_item x ON x.handle = v.handle AND x.ended IS NULL"
            " CROSS JOIN issued_order o ON o.number = x.number"
            " WHERE o.action = 'restrict' OR (o.action = 'recall'"
            "  AND (o.reason <> 'superseded' OR x.handle = w.value))"
            " OR (o.action = 'expire' AND o.expiry <= ?2)"
            " OR (o.action = 'correct' AND x.handle = w.value)"
            " OR (o.action = 'narrow' AND EXISTS (SELECT 1 FROM order_holder h"
            "  WHERE h.number = o.number AND h.member = ?3)) ORDER BY w.value, o.number",
            (list(handles), to_micros(at), member),
        )
        return dict(rows)

    def expiring(self, handles: Sequence[int], member: MemberId) -> Sequence[str]:
        """Return the names of orders of expiry on these items that a member was not sent."""
        if self._session.row("SELECT 1 FROM order_item WHERE ended IS NULL LIMIT 1") is None:
            return []
        rows = self._session.rows(
            "SELECT DISTINCT o.name FROM integers(?1) w CROSS JOIN item i ON i.handle = w.value"
            " CROSS JOIN item b ON b.handle = coalesce(i.variant_of, i.handle)"
            " CROSS JOIN item v ON v.object_id = b.object_id AND v.originator = b.originator"
            " CROSS JOIN order_item x ON x.handle = v.handle AND x.ended IS NULL"
            " CROSS JOIN issued_order o ON o.number = x.number"
            " WHERE o.action = 'expire' AND NOT EXISTS (SELECT 1 FROM order_holder h"
            "  WHERE h.number = o.number AND h.member = ?2) ORDER BY o.name",
            (list(handles), member),
        )
        return [name for (name,) in rows]

    def end(self, handles: Sequence[int], actions: Sequence[OrderAction], *, at: datetime) -> int:
        """End what orders of these actions, given by an instant, bar of these items."""
        return self._session.run(
            "UPDATE order_item SET ended = ? WHERE ended IS NULL"
            " AND handle IN (SELECT value FROM integers(?) w)"
            " AND number IN (SELECT o.number FROM issued_order o"
            "  WHERE o.action IN (SELECT value FROM texts(?) a) AND o.at <= ?)",
            (to_micros(at), list(handles), [each.value for each in actions], to_micros(at)),
        )


def _issued(row: Row, handles: tuple[int, ...], ended: int | None) -> IssuedOrder:
    return IssuedOrder(
        number=row[0],
        order=NewIssued(
            name=row[1],
            action=OrderAction(row[2]),
            reason=OrderReason(row[3]),
            treaty=TreatyId(row[4]),
            article=ArticleId(row[5]),
            at=from_micros(row[6]),
            due=from_micros(row[7]),
            life=bool(row[8]),
            user=row[9],
            entry_index=row[10],
            handles=handles,
            expiry=instant(row[11]),
        ),
        ended=instant(ended),
    )


def _holder(row: Row) -> HolderRow:
    return HolderRow(
        number=row[0],
        name=row[1],
        holder=NewHolder(
            member=MemberId(row[2]),
            digest=row[3],
            document=row[4],
            position=row[5],
            items=row[6],
            via=row[7],
            ordered=from_micros(row[8]),
            due=from_micros(row[9]),
        ),
        state=OrderState(row[10]),
        received=instant(row[11]),
        executed=instant(row[12]),
        attested=instant(row[13]),
        outcome=None if row[14] is None else Outcome(row[14]),
        kept=row[15],
        kept_until=instant(row[16]),
        breach=row[17],
    )
