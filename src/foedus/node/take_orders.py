"""Orders of others: taken once, carried out, and attested when nothing of them lingers.

1. An order is believed for the signature of its originator, at its instant, whoever brought it: it
   comes from the originator, or is relayed by a member that passed the item on. One relayed that
   is for another holder concerns nothing that the originator gave us itself.
2. It is stored once, with the items it names, so that what arrives later under those names meets
   it. It goes on to everyone to whom we passed them on.
3. Where the treaty says so it is carried out in the very unit of work that takes it: what it names
   is not visible between. Otherwise a person does it before it is due (:func:`execute_order`).
4. What could not be done at once (the version that replaces has not come, a reserved ground runs)
   is done by the clock when its time has come.
5. Nothing is attested before it is true of the files too: the journal is emptied, exports are
   deleted, and only then the attestation is sent (:func:`finish_orders`). A crash between is taken
   up by the next look of the clock.

Spec: design §2 rule 5; Convention Article 21(2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.canonical import canonical_bytes
from foedus.casework.attestation import (
    MAX_LISTED,
    Attestation,
    Kept,
    Outcome,
    ReservedGround,
    sign_attestation,
)
from foedus.casework.errors import AttestationError
from foedus.casework.order import (
    Order,
    OrderAction,
    claimed_originator,
    digest_of,
    open_order,
)
from foedus.casework.order_course import OrderEvent, OrderState, next_state
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.node.apply_orders import apply_order
from foedus.node.context import Node, note_act
from foedus.node.dispatch import LANE_ORDERS, send_documents
from foedus.node.errors import NotFoundError, NotReadyError, RefusedError
from foedus.node.exports import beyond_reach, delete_queued_exports
from foedus.node.grounds import read_envelope
from foedus.node.onward import relay_order
from foedus.node.ports import Alarm, ItemRow, ItemState, Transaction
from foedus.node.ports.received_orders import Applied, NewReceived, ReceivedOrder
from foedus.node.ports.webhooks import EventKind
from foedus.node.webhooks import tell
from foedus.release.gate import Gate
from foedus.signing import Envelope, KeyPurpose

__all__ = ["apply_due", "execute_order", "finish_orders", "remind_late", "take_order"]

_AHEAD: Final = timedelta(hours=1)
_AT_ONCE: Final = 100
_DAYS_TOLD: Final = 30
"""Days of one ground that an attestation tells apart, where there are too many for it."""
_LATE: Final = "order.late"
_BY_HAND: Final = "order.by-hand"
_UNATTESTED: Final = "order.unattested"
_ERASING: Final = frozenset({"versions", "variants", "drafts", "copies"})
"""Counts that say that something was erased, which a backup may still hold."""
_STANDING: Final = frozenset({ItemState.HELD, ItemState.RESTRICTED})


def take_order(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take an order from a member's lane; the same document again changes nothing.

    Args:
        tx: A writing transaction.
        node: The node.
        gate: The node's gate.
        sender: Whose lane it came in.
        envelope: Untrusted.
        at: Instant of the act.

    Raises:
        NotReadyError: Its originator was never introduced here.
        OrderError: It is no order, or not signed by its originator.
        RefusedError: It is of the other of exercise and real, our own, for somebody else, or dated
            too far ahead.
    """
    originator, given = claimed_originator(envelope)
    if originator == node.identity.member:
        raise RefusedError("an order of our own does not bind us from outside")
    if given > at + _AHEAD:
        raise RefusedError("an order that is dated further ahead than any clock may err")
    view = node.law.view(tx)
    keys = view.keys(originator, KeyPurpose.NODE, given)
    if not keys:
        raise NotReadyError(f"an order of {originator}, of whom no key is known here")
    order = open_order(envelope, keys)
    if order.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix: the order says the other of the two")
    if sender == originator and order.holder != node.identity.member:
        raise RefusedError(f"an order for {order.holder}, sent to us by its originator")
    if order.holder != node.identity.member and _of_others(tx, order):
        return
    known = view.treaties.get(order.treaty)
    received = tx.orders.take(
        NewReceived(
            order=order,
            sender=sender,
            digest=digest_of(envelope),
            envelope=canonical_bytes(dict(envelope.document())),
            received=at,
            automatic=known is None or known.treaty.clocks.orders_automatic,
        )
    )
    if received is None:
        return
    if received.taken.automatic:
        _carry_out(tx, node, gate, received, at)
        return
    passed = relay_order(tx, node, gate, envelope, order.lines)
    tx.orders.put_reach(received.number, passed_on=passed, beyond=())
    tx.alarms.set(
        Alarm(
            code=_BY_HAND,
            subject=str(received.number),
            text=f"{order.originator} orders {order.action.value} of {len(order.lines)} items "
            f"by {order.due:%Y-%m-%d %H:%M}: `foedus orders execute {received.number}`",
            since=at,
        )
    )


def _of_others(tx: Transaction, order: Order) -> bool:
    """Say whether a relayed order, for another holder, says nothing of us.

    What the originator gave us itself it orders of us itself: who else is to block or lose it says
    nothing of us, and whoever has such an order could else bring it to everyone. An order that also
    concerns what another passed on to us is carried out; a narrowing takes away too much then.
    """
    rows = tx.items.rows(
        tx.orders.named(order.originator, [line.object_id for line in order.lines])
    )
    direct = [row.received_from == order.originator for row in rows if row.state in _STANDING]
    return any(direct) if order.action is OrderAction.NARROW else bool(direct) and all(direct)


def execute_order(node: Node, actor: Actor, gate: Gate, number: int) -> ReceivedOrder:
    """Carry out an order received, where the treaty leaves it to a person's hand.

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        NotFoundError: There is no such order.
        RefusedError: It was carried out before.
    """
    require_role(actor, Role.OFFICER)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        received = tx.orders.received(number)
        if received is None:
            raise NotFoundError(f"no order {number} was received; `foedus orders received`")
        if received.executed is not None:
            raise RefusedError(f"order {number} was carried out on {received.executed:%Y-%m-%d}")
        _carry_out(tx, node, gate, received, now, by=actor.user)
        note_act(tx, node, actor, "order.execute", f"received order {number}")
    finish_orders(node, gate)
    with node.database.read() as tx:
        after = tx.orders.received(number)
    node.settle()
    return received if after is None else after


def apply_due(node: Node, gate: Gate) -> int:
    """Carry out what is to be carried out by itself now; returns how many orders. For the clock."""
    now = node.clock.now()
    with node.database.read() as tx:
        due = [each.number for each in tx.orders.to_apply(now, limit=_AT_ONCE)]
    for number in due:
        with node.database.write() as tx:
            received = tx.orders.received(number)
            if received is not None and received.reconsider is not None:
                _carry_out(tx, node, gate, received, node.clock.now())
    if due:
        node.settle()
    return len(due)


def _carry_out(
    tx: Transaction,
    node: Node,
    gate: Gate,
    received: ReceivedOrder,
    at: datetime,
    *,
    by: str = "",
) -> None:
    """Relay, note what lies beyond reach, apply, and keep what came of it: one unit of work."""
    first = received.applied is None
    rows = _held(tx, received)
    if first:
        envelope = read_envelope(received.taken.envelope)
        passed = relay_order(tx, node, gate, envelope, received.taken.order.lines)
        tx.orders.put_reach(received.number, passed_on=passed, beyond=beyond_reach(tx, rows))
    applied = apply_order(tx, node, gate, received, by=by)
    applied = _with_backups(tx, rows, received.applied, applied, at)
    whole = _together(received.applied, applied)
    state = _after(received.state, applied)
    changed = bool(applied.counts) or applied.kept != _kept_before(received)
    untold = applied.done and (received.attested is None or changed or state is not received.state)
    ends = [each.until for each in applied.kept if each.until is not None]
    tx.orders.put_applied(
        received.number,
        whole,
        state=state,
        at=at,
        unattested=untold or received.unattested,
        reconsider=min(ends, default=None),
    )
    tx.alarms.clear(_BY_HAND, str(received.number))


def _held(tx: Transaction, received: ReceivedOrder) -> list[ItemRow]:
    """Return what stands here of the items an order names."""
    order = received.taken.order
    names = [line.object_id for line in order.lines]
    rows = tx.items.rows(tx.orders.named(order.originator, names))
    return [row for row in rows if row.state in _STANDING]


def _with_backups(
    tx: Transaction,
    rows: Sequence[ItemRow],
    before: Applied | None,
    applied: Applied,
    at: datetime,
) -> Applied:
    """Add the backups that may hold what was erased, until the last of them is gone."""
    ends = [
        each.until
        for each in (() if before is None else before.kept)
        if each.ground is ReservedGround.BACKUP and each.until is not None and each.until > at
    ]
    since = min((row.added for row in rows), default=None)
    if since is not None and not _ERASING.isdisjoint(applied.counts):
        until = tx.withheld.backups_until(since=since, at=at)
        ends += [] if until is None else [until]
    if not ends:
        return applied
    backup = Kept(ground=ReservedGround.BACKUP, items=0, until=max(ends))
    return replace(applied, kept=(*applied.kept, backup))


def _kept_before(received: ReceivedOrder) -> tuple[Kept, ...]:
    return () if received.applied is None else received.applied.kept


def _together(before: Applied | None, now: Applied) -> Applied:
    """Return what all applications did together; what is kept is what is kept now."""
    if before is None:
        return now
    counts = Counter(before.counts)
    counts.update(now.counts)
    return Applied(
        held=max(before.held, now.held),
        counts=dict(sorted(counts.items())),
        kept=now.kept,
        done=now.done,
    )


def _after(state: OrderState, applied: Applied) -> OrderState:
    """Return where carrying out leads; carried out again, an order stays where it is."""
    if not applied.done or state in {OrderState.EXECUTED, OrderState.ATTESTED}:
        return state
    if not applied.kept:
        return next_state(state, OrderEvent.EXECUTION)
    if state is OrderState.EXECUTED_IN_PART:
        return state
    return next_state(state, OrderEvent.EXECUTION_IN_PART)


def finish_orders(node: Node, gate: Gate) -> int:
    """Attest what was carried out, once nothing of it lingers; returns how many orders.

    A step of the clock. Where another process keeps the journal from being emptied, or a file
    cannot be deleted, the attestation waits: it never says more than is true.
    """
    with node.database.read() as tx:
        away = tx.recovery.pending()
        waiting = tx.orders.to_attest(limit=_AT_ONCE, but_of=away)
    if not waiting or not node.database.forget():
        return 0
    while delete_queued_exports(node):  # so many at a time
        pass
    with node.database.write() as tx:
        # What was applied since the journal was emptied waits for the next time: it may linger.
        again = tx.orders.to_attest(limit=_AT_ONCE, but_of=away)
        done = [each for each in again if each in waiting]
        sent = sum(_attested(tx, node, gate, received) for received in done)
    node.settle()
    return sent


def _attested(tx: Transaction, node: Node, gate: Gate, received: ReceivedOrder) -> bool:
    """Attest an order; what cannot be said of one holds up no other."""
    try:
        return _attest(tx, node, gate, received)
    except AttestationError as error:  # nothing is written before it is signed
        tx.alarms.set(
            Alarm(
                code=_UNATTESTED,
                subject=str(received.number),
                text=f"order {received.taken.order.name} was carried out and cannot be attested: "
                f"{error}",
                since=node.clock.now(),
            )
        )
        return False


def _attest(tx: Transaction, node: Node, gate: Gate, received: ReceivedOrder) -> bool:
    """Send what is to be said of an order; returns whether it could be sent."""
    now = node.clock.now()
    order, applied = received.taken.order, received.applied
    executed = received.executed or now
    if applied is None:
        return False
    final = received.state in {OrderState.EXECUTED, OrderState.ATTESTED} and not applied.kept
    # A clock that was put back between would have the holder say what cannot be.
    at = max(now, executed, received.taken.received)
    told = Attestation(
        exercise=node.identity.exercise,
        order=order.name,
        order_digest=received.taken.digest,
        holder=node.identity.member,
        originator=order.originator,
        received=received.taken.received,
        executed=max(executed, received.taken.received),
        at=at,
        outcome=_outcome(applied),
        counts={name: count for name, count in applied.counts.items() if count},
        kept=_told_kept(applied.kept),
        beyond=received.beyond,
        passed_on=received.passed_on,
        final=final,
    )
    envelope = sign_attestation(told, node.identity.node)
    document = wrap_object(
        FoedusKind.ATTESTATION, envelope.document(), payload=envelope.payload, issued=at
    )
    sent = send_documents(
        tx,
        node.identity,
        gate,
        [document],
        recipients=[order.originator],
        lane=LANE_ORDERS,
        treaty=order.treaty,
        at=now,
    )
    if not sent:
        return False  # its lanes are still to be rebuilt: the clock tries again
    state = received.state
    if final and state is OrderState.EXECUTED:
        state = next_state(state, OrderEvent.ATTESTATION)
    tx.orders.put_attested(received.number, state=state, at=at)
    for code in (_LATE, _UNATTESTED):
        tx.alarms.clear(code, str(received.number))
    tell(
        tx,
        EventKind.ORDER_EXECUTED,
        now,
        order=order.name,
        originator=order.originator,
        holder=node.identity.member,
        outcome=told.outcome.value,
        final=final,
        late=told.executed > order.due,
    )
    return True


def _told_kept(kept: Sequence[Kept]) -> tuple[Kept, ...]:
    """Return what is kept, with the later days of a ground in one where there are too many."""
    if len(kept) <= MAX_LISTED:
        return tuple(kept)
    told: list[Kept] = []
    for ground in ReservedGround:
        of_it = [each for each in kept if each.ground is ground]
        told += of_it[:_DAYS_TOLD]
        rest = of_it[_DAYS_TOLD:]
        days = [each.until for each in rest if each.until is not None]
        if rest:
            last = max(days) if len(days) == len(rest) else None
            told.append(Kept(ground=ground, items=sum(each.items for each in rest), until=last))
    return tuple(told)


def _outcome(applied: Applied) -> Outcome:
    if applied.kept:
        return Outcome.IN_PART
    return Outcome.EXECUTED if applied.held or applied.counts else Outcome.NOTHING_HELD


def remind_late(node: Node, gate: Gate) -> int:  # noqa: ARG001  # a step of the case clock
    """Raise an alarm for each order received whose time ran out; returns how many."""
    now = node.clock.now()
    with node.database.read() as tx:
        late = tx.orders.late_here(now, limit=_AT_ONCE)
    if not late:
        return 0
    with node.database.write() as tx:
        for each in late:
            tx.orders.put_late(each.number)
            tx.alarms.set(
                Alarm(
                    code=_LATE,
                    subject=str(each.number),
                    text=f"order {each.taken.order.name} was due on "
                    f"{each.taken.order.due:%Y-%m-%d %H:%M} and is not attested "
                    f"({each.state.value}); its originator records a breach",
                    since=now,
                )
            )
    return len(late)
