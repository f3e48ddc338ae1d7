"""Orders of others: what was taken, what was done under it, and what is still to be attested."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec

from foedus.casework.attestation import Beyond, BeyondKind, Kept, ReservedGround
from foedus.casework.order import Order, read_order
from foedus.casework.order_course import OrderState
from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.ports.received_orders import Applied, NewReceived, ReceivedLine, ReceivedOrder
from foedus.signing import parse_envelope
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.session import Row, Session, json_list

__all__ = ["StoredReceivedOrders"]

_SELECT: Final = (
    "SELECT number, digest, sender, envelope, received, automatic, state, applied, passed_on,"
    " beyond, executed, attested, unattested, reconsider FROM received_order"
)
_NEVER: Final = 2**62


class StoredReceivedOrders:
    """The half of :class:`foedus.node.ports.orders.OrderStore` that is about orders of others."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def take(self, received: NewReceived) -> ReceivedOrder | None:
        """Keep an order received; None if a document of its digest stands already."""
        order = received.order
        if self._session.row("SELECT 1 FROM received_order WHERE digest = ?", (received.digest,)):
            return None
        number = self._session.insert(
            "INSERT INTO received_order (digest, name, sender, originator, action, at, due,"
            " envelope, received, automatic, state, passed_on, beyond, unattested, reconsider,"
            " late) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', '[]', 0, ?, 0) RETURNING number",
            (
                received.digest,
                order.name,
                received.sender,
                order.originator,
                order.action.value,
                to_micros(order.at),
                to_micros(order.due),
                received.envelope,
                to_micros(received.received),
                received.automatic,
                OrderState.RECEIVED.value,
                to_micros(received.received) if received.automatic else None,
            ),
        )
        self._session.run_many(
            "INSERT INTO received_line (originator, object_id, number) VALUES (?, ?, ?)",
            [(order.originator, line.object_id, number) for line in order.lines],
        )
        return ReceivedOrder(
            number=number,
            taken=received,
            state=OrderState.RECEIVED,
            applied=None,
            passed_on=(),
            beyond=(),
            executed=None,
            attested=None,
            unattested=False,
            reconsider=received.received if received.automatic else None,
        )

    def received(self, number: int) -> ReceivedOrder | None:
        """Return an order received."""
        row = self._session.row(_SELECT + " WHERE number = ?", (number,))
        return None if row is None else _received(row)

    def received_digest(self, digest: str) -> ReceivedOrder | None:
        """Return an order received by the digest of its payload."""
        row = self._session.row(_SELECT + " WHERE digest = ?", (digest,))
        return None if row is None else _received(row)

    def all_received(
        self, *, open_only: bool, before: int | None, limit: int
    ) -> Sequence[ReceivedOrder]:
        """Return orders received, newest first."""
        only = " AND state <> 'attested'" if open_only else ""
        rows = self._session.rows(
            _SELECT + " WHERE number < ?" + only + " ORDER BY number DESC LIMIT ?",
            (_NEVER if before is None else before, limit),
        )
        return [_received(row) for row in rows]

    def to_apply(self, now: datetime, *, limit: int) -> Sequence[ReceivedOrder]:
        """Return orders to be applied by themselves now: untouched, or to be reconsidered."""
        rows = self._session.rows(
            _SELECT + " WHERE reconsider IS NOT NULL AND reconsider <= ?"
            " ORDER BY reconsider, number LIMIT ?",
            (to_micros(now), limit),
        )
        return [_received(row) for row in rows]

    def to_attest(
        self, *, limit: int, but_of: Collection[MemberId] = ()
    ) -> Sequence[ReceivedOrder]:
        """Return orders that were carried out and await an attestation."""
        rows = self._session.rows(
            _SELECT  # noqa: S608  # words of our own
            + " WHERE unattested = 1 AND originator NOT IN (SELECT value FROM texts(?) w)"
            " ORDER BY number LIMIT ?",
            (sorted(but_of), limit),
        )
        return [_received(row) for row in rows]

    def late_here(self, now: datetime, *, limit: int) -> Sequence[ReceivedOrder]:
        """Return orders whose time ran out before anything was attested and nobody was told."""
        rows = self._session.rows(
            _SELECT + " WHERE attested IS NULL AND late = 0 AND due < ? ORDER BY due LIMIT ?",
            (to_micros(now), limit),
        )
        return [_received(row) for row in rows]

    def put_late(self, number: int) -> None:
        """Note that people were told that an order received is late."""
        self._session.run("UPDATE received_order SET late = 1 WHERE number = ?", (number,))

    def put_applied(
        self,
        number: int,
        applied: Applied,
        *,
        state: OrderState,
        at: datetime,
        unattested: bool,
        reconsider: datetime | None,
    ) -> None:
        """Keep what carrying out did, and the state it leads to."""
        done = to_micros(at) if applied.done else None
        self._session.run(
            "UPDATE received_order SET applied = ?, state = ?, executed = coalesce(executed, ?),"
            " unattested = ?, reconsider = ? WHERE number = ?",
            (_applied_out(applied), state.value, done, unattested, micros(reconsider), number),
        )

    def put_reach(
        self, number: int, *, passed_on: Sequence[MemberId], beyond: Sequence[Beyond]
    ) -> None:
        """Keep to whom its items had been passed on and what of them was handed out."""
        told = json_list([each.kind.value, each.count] for each in beyond)
        self._session.run(
            "UPDATE received_order SET passed_on = ?, beyond = ? WHERE number = ?",
            (json_list(sorted(set(passed_on))), told, number),
        )

    def put_attested(self, number: int, *, state: OrderState, at: datetime) -> None:
        """Note that what was done is attested."""
        self._session.run(
            "UPDATE received_order SET state = ?, attested = ?, unattested = 0 WHERE number = ?",
            (state.value, to_micros(at), number),
        )

    def reconsider(
        self, originator: MemberId, object_ids: Sequence[ObjectId], *, at: datetime
    ) -> int:
        """Have orders not attested for good that name these items applied again from an instant."""
        return self._session.run(
            "UPDATE received_order SET reconsider = ? WHERE applied IS NOT NULL"
            " AND state <> 'attested' AND number IN (SELECT l.number FROM texts(?) w"
            " CROSS JOIN received_line l ON l.object_id = w.value AND l.originator = ?)",
            (to_micros(at), list(object_ids), originator),
        )

    def named(self, originator: MemberId | None, object_ids: Sequence[ObjectId]) -> Sequence[int]:
        """Return every version of these items that stands here, in any state, by handle."""
        rows = self._session.rows(
            "SELECT DISTINCT i.handle FROM texts(?1) w CROSS JOIN item i ON i.object_id = w.value"
            " AND (?2 = '' OR i.originator = ?2) ORDER BY i.handle",
            (list(object_ids), originator or ""),
        )
        return [handle for (handle,) in rows]

    def lines_on(
        self, originator: MemberId, object_ids: Sequence[ObjectId]
    ) -> Sequence[ReceivedLine]:
        """Return the lines of received orders that name these items, oldest order first."""
        rows = self._session.rows(
            "SELECT o.number, o.envelope FROM received_order o WHERE o.number IN"
            " (SELECT l.number FROM texts(?) w CROSS JOIN received_line l"
            "  ON l.object_id = w.value AND l.originator = ?) ORDER BY o.at, o.number",
            (list(object_ids), originator),
        )
        wanted = frozenset(object_ids)
        return [
            ReceivedLine(
                number=number, name=order.name, action=order.action, at=order.at, line=line
            )
            for number, envelope in rows
            for order in [_order(envelope)]
            for line in order.lines
            if line.object_id in wanted
        ]


def _order(envelope: bytes) -> Order:
    return read_order(parse_envelope(msgspec.json.decode(envelope)).payload)


def _applied_out(applied: Applied) -> str:
    kept = [[each.ground.value, each.items, micros(each.until)] for each in applied.kept]
    return msgspec.json.encode([applied.held, dict(applied.counts), kept, applied.done]).decode()


def _applied_in(text: str) -> Applied:
    held, counts, kept, done = msgspec.json.decode(
        text, type=tuple[int, dict[str, int], list[tuple[str, int, int | None]], bool]
    )
    return Applied(
        held=held,
        counts=counts,
        kept=tuple(
            Kept(ground=ReservedGround(ground), items=items, until=instant(until))
            for ground, items, until in kept
        ),
        done=done,
    )


def _received(row: Row) -> ReceivedOrder:
    beyond = msgspec.json.decode(row[9], type=list[tuple[str, int]])
    return ReceivedOrder(
        number=row[0],
        taken=NewReceived(
            order=_order(row[3]),
            sender=MemberId(row[2]),
            digest=row[1],
            envelope=row[3],
            received=from_micros(row[4]),
            automatic=bool(row[5]),
        ),
        state=OrderState(row[6]),
        applied=None if row[7] is None else _applied_in(row[7]),
        passed_on=tuple(MemberId(each) for each in msgspec.json.decode(row[8], type=list[str])),
        beyond=tuple(Beyond(kind=BeyondKind(kind), count=count) for kind, count in beyond),
        executed=instant(row[10]),
        attested=instant(row[11]),
        unattested=bool(row[12]),
        reconsider=instant(row[13]),
    )
