"""Attestations taken: what each holder did under an order of ours, and what follows.

1. An attestation counts for the holder that signed it and for the order whose payload it names by
   its digest. A holder that has the order from another member gets a row of its own.
2. It leads the holder's row on, in whatever order it came; the same again changes nothing.
3. Where the holder had passed items on to someone not ordered yet, that member is sent the order
   too, by itself: at once, or when it is introduced if it is a party of the treaty. Of others an
   alarm tells.
4. Late is late: the breach record stays, and says when it was carried out after all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from foedus.casework.attestation import Attestation, Outcome, open_attestation
from foedus.casework.order import read_order
from foedus.casework.order_course import OrderEvent, OrderState, next_state
from foedus.casework.payload import claimed_instant
from foedus.model.identifiers import MemberId
from foedus.model.kinds import unwrap_document
from foedus.model.objects import parse_object
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.order_documents import send_order
from foedus.node.ports import Alarm, Transaction
from foedus.node.ports.orders import Attested, HolderRow
from foedus.node.ports.webhooks import EventKind
from foedus.node.webhooks import tell
from foedus.release.gate import Gate
from foedus.signing import Envelope, KeyPurpose, parse_envelope

__all__ = ["take_attestation"]

_OVERDUE: Final = "order.overdue"
_UNKNOWN: Final = "order.unknown"
_UNREACHED: Final = "order.unreached"
_NAMED: Final = 5
_CLOCKS: Final = timedelta(hours=1)
"""How far the clocks of two members may be apart."""


def take_attestation(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take an attestation from a holder's order lane.

    Args:
        tx: A writing transaction.
        node: The node.
        gate: The node's gate.
        sender: Whose lane it came in.
        envelope: Untrusted.
        at: Instant of the act.

    Raises:
        AttestationError: It is none, or not signed by the holder.
        RefusedError: It is between other members, names another order than its digest, or its
            instants cannot be.
    """
    signed = claimed_instant(envelope.payload, at)
    keys = node.law.view(tx).keys(sender, KeyPurpose.NODE, signed)
    told = open_attestation(envelope, keys)
    if (told.holder, told.originator) != (sender, node.identity.member):
        raise RefusedError("an attestation between other members")
    if told.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix: it says the other of the two")
    named = tx.orders.by_digest(told.order_digest)
    if named is None:
        tx.alarms.set(
            Alarm(
                code=_UNKNOWN,
                subject=sender,
                text=f"{sender} attests order {told.order}, which is not on record here",
                since=at,
            )
        )
        return
    if named.name != told.order:
        raise RefusedError("an attestation that names another order than its digest")
    if told.received < named.holder.ordered - _CLOCKS or told.at > at + _CLOCKS:
        raise RefusedError("an attestation of before its order, or dated ahead")
    row = _row_of(tx, named, sender, at)
    changed = _led_on(row, told, envelope.payload)
    if changed is not None:
        tx.orders.note_attested(row.number, sender, changed)
        _settled(tx, row, told, at)
    _order_further(tx, node, gate, named, told.passed_on)


def _row_of(tx: Transaction, named: HolderRow, sender: MemberId, at: datetime) -> HolderRow:
    """Return the sender's own row; one that has the order from another member gets one now."""
    if named.holder.member == sender:
        return named
    own = tx.orders.holder(named.number, sender)
    if own is not None:
        return own
    relayed = replace(
        named.holder,
        member=sender,
        digest="",
        document=0,
        position=0,
        via=named.holder.member,
        ordered=at,
    )
    tx.orders.address(named.number, [relayed])
    own = tx.orders.holder(named.number, sender)
    if own is None:
        raise RefusedError("a holder that cannot be noted")
    return own


def _led_on(row: HolderRow, told: Attestation, payload: bytes) -> Attested | None:
    """Return what an attestation changes in a row; None if nothing."""
    if row.state is OrderState.ATTESTED and not _says_more(row, told):
        return None
    state = row.state
    for event in _events(row.state, told):
        state = next_state(state, event)
    days = [each.until for each in told.kept if each.until is not None]
    return Attested(
        payload=payload,
        state=state,
        received=told.received if row.received is None else min(row.received, told.received),
        executed=told.executed if row.executed is None else min(row.executed, told.executed),
        attested=told.at,
        outcome=told.outcome,
        kept=sum(each.items for each in told.kept),
        kept_until=min(days, default=None),
    )


def _says_more(row: HolderRow, told: Attestation) -> bool:
    """Say whether a settled row learns something: who first attested nothing held something.

    A holder reached by two documents of one order carries out the first and finds nothing left of
    it under the second, in whatever order the two attestations come.
    """
    return (
        told.final
        and row.outcome is Outcome.NOTHING_HELD
        and told.outcome is not Outcome.NOTHING_HELD
    )


def _events(state: OrderState, told: Attestation) -> Sequence[OrderEvent]:
    """Return what leads from a state to where an attestation says its holder is."""
    events: list[OrderEvent] = []
    if state is OrderState.ORDERED:
        events.append(OrderEvent.RECEIPT)
    if not told.final:
        waiting = state in {OrderState.ORDERED, OrderState.RECEIVED}
        return [*events, OrderEvent.EXECUTION_IN_PART] if waiting else ()
    if state not in {OrderState.EXECUTED, OrderState.ATTESTED}:
        events.append(OrderEvent.EXECUTION)
    return () if state is OrderState.ATTESTED else [*events, OrderEvent.ATTESTATION]


def _settled(tx: Transaction, row: HolderRow, told: Attestation, at: datetime) -> None:
    tx.alarms.clear(_OVERDUE, f"{row.name}/{row.holder.member}")
    tell(
        tx,
        EventKind.ORDER_EXECUTED,
        at,
        order=row.name,
        originator=told.originator,
        holder=row.holder.member,
        outcome=told.outcome.value,
        final=told.final,
        late=told.executed > row.holder.due,
    )


def _order_further(
    tx: Transaction, node: Node, gate: Gate, named: HolderRow, members: Sequence[MemberId]
) -> None:
    """Rule 3: the same lines, under the names under which the items were passed on."""
    new = [
        member
        for member in members
        if member != node.identity.member and tx.orders.holder(named.number, member) is None
    ]
    if not new or not named.holder.document:
        return
    raw = tx.items.raw([named.holder.document])[named.holder.document]
    order = read_order(parse_envelope(unwrap_document(parse_object(raw))).payload)
    known = node.law.view(tx).treaties.get(order.treaty)
    parties = () if known is None else {each.member for each in known.treaty.parties}
    strangers = [each for each in new if tx.peers.get(each) is None and each not in parties]
    if strangers:
        tx.alarms.set(
            Alarm(
                code=_UNREACHED,
                subject=f"{named.name}/{named.holder.member}",
                text=f"{named.holder.member} says that it passed on what order {named.name} names "
                f"to {len(strangers)} members that are not known here: "
                f"{', '.join(strangers[:_NAMED])}",
                since=node.clock.now(),
            )
        )
    for member in new:
        if member in strangers:
            continue
        send_order(
            tx,
            node,
            gate,
            named.number,
            replace(order, holder=member),
            via=named.holder.member,
        )
