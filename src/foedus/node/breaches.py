"""Breaches: orders that were not carried out in time, on record until an officer closes them.

1. The clock makes one record for each holder whose time ran out, with an entry in the log, an alarm
   and an event. What was kept in time on a reserved ground is no breach.
2. Carrying the order out late is noted in the record and never removes it.
3. A record is closed by a data-protection officer with a reason, which is entered in the log, and
   by somebody else than who gave the order. Nothing else closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.four_eyes import require_other
from foedus.node.own_log import enter
from foedus.node.ports import Alarm, Transaction
from foedus.node.ports.orders import BreachRow, HolderRow, NewBreach
from foedus.node.ports.webhooks import EventKind
from foedus.node.webhooks import tell
from foedus.release.gate import Gate

__all__ = ["close_breach", "list_breaches", "note_breaches"]

_OVERDUE: Final = "order.overdue"
_AT_ONCE: Final = 200
_MAX_REASON: Final = 1_000


def note_breaches(node: Node, gate: Gate) -> int:  # noqa: ARG001  # a step of the case clock
    """Make a record of each order whose time ran out at a holder; returns how many."""
    now = node.clock.now()
    with node.database.read() as tx:
        if not tx.orders.overdue(now, limit=1):
            return 0
    with node.database.write() as tx:
        late = tx.orders.overdue(now, limit=_AT_ONCE)
        for row in late:
            _note(tx, node, row)
    node.settle()
    return len(late)


def _note(tx: Transaction, node: Node, row: HolderRow) -> None:
    now, member, due = node.clock.now(), row.holder.member, row.holder.due
    entry = enter(tx, node, {"kind": "order-breach", "order": row.name, "holder": member}, at=now)
    record = tx.orders.add_breach(
        NewBreach(number=row.number, member=member, due=due, noted=now, entry_index=entry)
    )
    tx.alarms.set(
        Alarm(
            code=_OVERDUE,
            subject=f"{row.name}/{member}",
            text=f"{member} did not carry out order {row.name} by {due:%Y-%m-%d %H:%M} "
            f"({row.state.value}); breach {record} (`foedus orders breaches`)",
            since=now,
        )
    )
    tell(
        tx,
        EventKind.ORDER_OVERDUE,
        now,
        order=row.name,
        holder=member,
        state=row.state.value,
        breach=record,
    )


def list_breaches(
    tx: Transaction, *, open_only: bool, after: int, limit: int
) -> Sequence[BreachRow]:
    """Return breach records by number."""
    return tx.orders.breaches(open_only=open_only, after=after, limit=limit)


def close_breach(node: Node, actor: Actor, record: int, reason: str) -> BreachRow:
    """Close a breach record.

    Args:
        node: The node.
        actor: A data-protection officer, not the one who gave the order.
        record: Its number.
        reason: What was found and done; it stays on record, so it should name nobody.

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        FourEyesError: The actor gave the order.
        NotFoundError: There is no such record.
        RefusedError: It is closed already, or no reason is given.
    """
    require_role(actor, Role.OFFICER)
    reason = reason.strip()
    if not 1 <= len(reason) <= _MAX_REASON:
        raise RefusedError(f"say what was found and done, in 1 to {_MAX_REASON} characters")
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        row = tx.orders.breach(record)
        if row is None:
            raise NotFoundError(f"there is no breach {record}; `foedus orders breaches`")
        if row.closed is not None:
            raise RefusedError(
                f"breach {record} was closed by {row.closed_by} on {row.closed:%Y-%m-%d}"
            )
        require_other(tx, actor, {row.issued_by}, what=f"order {row.name}")
        enter(
            tx,
            node,
            {
                "kind": "order-breach-closed",
                "order": row.name,
                "holder": row.breach.member,
                "breach": row.breach.entry_index,
                "user": actor.user,
                "reason": reason,
            },
            at=now,
        )
        tx.orders.close_breach(record, user=actor.user, reason=reason, at=now)
        tx.alarms.clear(_OVERDUE, f"{row.name}/{row.breach.member}")
        note_act(tx, node, actor, "order.breach", f"breach {record} closed")
        closed = tx.orders.breach(record)
    node.settle()
    return row if closed is None else closed
