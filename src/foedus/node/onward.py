"""Passing on: the originator is told to whom, and orders follow what was passed on.

1. Whoever passes another's item on notes it in the very unit of work of the disclosure, and puts a
   notice into the originator's order lane there; if that lane cannot take it now, the clock does it
   later (:func:`tell_originators`).
2. The originator takes the notice (:func:`take_notice`): from then on the new holder belongs to the
   set that orders on the item are addressed to. What the notice says of items that were never given
   to its sender counts for nothing.
3. A holder relays an order it gets, as its originator signed it, to everyone to whom it passed the
   item on (:func:`relay_order`). A relayed order is the same document wherever it comes from, so it
   goes to nobody twice, and a circle of members ends.
4. On what conditions something was passed on stands with the copy (:func:`attach_conditions`).

Spec: design §2 rules 4 and 5; Convention Articles 17 (2), 18 (4).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from foedus.casework.consent_case import payload_digest
from foedus.casework.onward_notice import MAX_PASSED, OnwardNotice, open_notice, sign_notice
from foedus.casework.order import OrderLine, claimed_originator
from foedus.casework.payload import claimed_instant
from foedus.model.identifiers import ItemKey, MemberId, ObjectId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_ORDERS, send_documents
from foedus.node.errors import RefusedError
from foedus.node.judgements import proved_consents
from foedus.node.order_expiries import tell_expiries
from foedus.node.ports import Alarm, Transaction
from foedus.node.ports.onward import CopyCondition
from foedus.node.tombstones import name_mark
from foedus.release.gate import Gate, ReleasedBatch
from foedus.release.record import DisclosurePayload
from foedus.signing import Envelope, KeyPurpose

__all__ = [
    "attach_conditions",
    "held_by",
    "note_passed_on",
    "relay_order",
    "take_notice",
    "tell_originators",
]

_UNTOLD: Final = "onward.untold"
_AT_ONCE: Final = 5_000
_CONSENT: Final = "consent"
"""Under this name a consent's end date stands among those of an item."""


def note_passed_on(
    tx: Transaction, node: Node, gate: Gate, batch: ReleasedBatch, *, at: datetime
) -> None:
    """Note what a committed batch passes on, and tell the originators; part of its unit of work.

    Args:
        tx: The transaction that committed the batch.
        node: The node.
        gate: For the notices.
        batch: What was given, under an article of a treaty.
        at: The instant of the act.
    """
    others = [item for item in batch.items if item.originator != node.identity.member]
    if not others or batch.treaty is None:
        return
    treaty, recipient = batch.treaty, batch.recipient
    handles = [item.handle for item in others]
    tx.onward.note_passed_on(handles, recipient, treaty, at=at, told=False)
    told: dict[MemberId, list[tuple[ObjectId, str]]] = {}
    for item in others:
        told.setdefault(item.originator, []).append((item.obj.id, item.obj.version))
    reached = _reachable(tx, told)
    for originator in reached:
        _tell(tx, node, gate, originator, recipient, treaty, told[originator], at)
    named = [item.handle for item in others if item.originator in reached]
    tx.onward.told(named, recipient, at=at)


def tell_originators(node: Node, gate: Gate) -> int:
    """Send the notices that could not be sent when something was passed on; returns how many items.

    A step of the clock: it writes only where there is something to tell.
    """
    with node.database.read() as tx:
        if not tx.onward.untold(limit=1):
            return 0
    with node.database.write() as tx:
        done = _tell_waiting(tx, node, gate)
    if done:
        node.settle()
    return done


def _tell_waiting(tx: Transaction, node: Node, gate: Gate) -> int:
    now = node.clock.now()
    waiting = tx.onward.untold(limit=_AT_ONCE)
    rows = {row.handle: row for row in tx.items.rows(sorted({each.item for each in waiting}))}
    groups: dict[tuple[MemberId, MemberId, TreatyId], list[int]] = {}
    for each in waiting:
        originator = rows[each.item].key.originator
        groups.setdefault((originator, each.recipient, each.treaty), []).append(each.item)
    reached = _reachable(tx, {originator for originator, _, _ in groups})
    done = 0
    for (originator, recipient, treaty), items in groups.items():
        if originator not in reached:
            tx.alarms.set(
                Alarm(
                    code=_UNTOLD,
                    subject=originator,
                    text=f"{originator} was not told yet that items of its own were passed on: it "
                    "is not introduced here, or its lanes are still to be rebuilt",
                    since=now,
                )
            )
            continue
        named = [(rows[item].key.object_id, rows[item].key.version) for item in items]
        _tell(tx, node, gate, originator, recipient, treaty, named, now)
        tx.onward.told(items, recipient, at=now)
        tx.alarms.clear(_UNTOLD, originator)
        done += len(items)
    return done


def _reachable(tx: Transaction, members: Collection[MemberId]) -> frozenset[MemberId]:
    away = tx.recovery.pending()
    return frozenset(
        each for each in members if each not in away and tx.peers.get(each) is not None
    )


def _tell(
    tx: Transaction,
    node: Node,
    gate: Gate,
    originator: MemberId,
    recipient: MemberId,
    treaty: TreatyId,
    items: Sequence[tuple[ObjectId, str]],
    at: datetime,
) -> None:
    names = sorted(set(items))
    documents = []
    for start in range(0, len(names), MAX_PASSED):
        envelope = sign_notice(
            OnwardNotice(
                exercise=node.identity.exercise,
                holder=node.identity.member,
                originator=originator,
                recipient=recipient,
                treaty=treaty,
                at=at,
                items=tuple(names[start : start + MAX_PASSED]),
            ),
            node.identity.node,
        )
        documents.append(
            wrap_object(
                FoedusKind.ATTESTATION, envelope.document(), payload=envelope.payload, issued=at
            )
        )
    send_documents(
        tx,
        node.identity,
        gate,
        documents,
        recipients=[originator],
        lane=LANE_ORDERS,
        treaty=treaty,
        at=at,
    )


def take_notice(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take a holder's word on what it passed on; the same word again changes nothing.

    Args:
        tx: A writing transaction.
        node: The node of the items' originator.
        gate: For the orders that the new holder is to be told too.
        sender: Whose lane it came in.
        envelope: Untrusted.
        at: The instant of the act.

    Raises:
        NoticeError: It is malformed, or the sender did not sign it.
        RefusedError: It is between other members, of an exercise and this node is not, or the
            reverse.
    """
    signed = claimed_instant(envelope.payload, at)
    notice = open_notice(envelope, node.law.view(tx).keys(sender, KeyPurpose.NODE, signed))
    if (notice.holder, notice.originator) != (sender, node.identity.member):
        raise RefusedError("an onward notice between other members")
    if notice.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix: the notice says the other of the two")
    handles = []
    for name, version in notice.items:
        key = ItemKey(originator=node.identity.member, object_id=name, version=version)
        row = tx.items.by_key(key)
        if row is not None:
            handles.append(row.handle)
    held = held_by(tx, sender, handles)
    tx.onward.add_holders(held, notice.recipient, sender, at=notice.at)
    tell_expiries(tx, node, gate, notice.recipient, held, at=at, via=sender)


def held_by(tx: Transaction, member: MemberId, handles: Sequence[int]) -> list[int]:
    """Return those of our items that a member has, from us or another's hand.

    While its lanes are still to be rebuilt nobody here knows what it was given: its word counts.
    """
    if member in tx.recovery.pending():
        return list(handles)
    given = tx.feeds.holds(member, handles)
    return [
        handle
        for handle in handles
        if handle in given or any(holder == member for holder, _, _ in tx.onward.onward_of(handle))
    ]


def attach_conditions(
    tx: Transaction,
    node: Node,
    payload: DisclosurePayload,
    *,
    new: Collection[int],
    known: Collection[int],
) -> None:
    """Attach to the copies just taken the conditions of the consents that came with them.

    A copy that its originator gives us itself is bound by none; one that we had already keeps those
    it has.

    Args:
        tx: The transaction that took the batch.
        node: The node.
        payload: What came; the consents in it were judged with its items.
        new: Handles of what is held since this batch.
        known: Handles of what was held before.
    """
    if known:
        rows = tx.items.rows(list(known))
        own = [row.handle for row in rows if row.key.originator == payload.sender]
        bound = sorted(tx.onward.conditions(own))
        if bound:
            tx.onward.detach(bound)
            _end_copies(tx, bound, None)
    if not payload.consents:
        return
    for consent, envelope in proved_consents(node.law.view(tx), payload):
        if not consent.conditions and consent.keep_until is None:
            continue
        row = tx.items.by_key(consent.item)
        if row is None or row.handle not in new or row.key.originator == payload.sender:
            continue
        tx.onward.attach(
            [
                CopyCondition(
                    item=row.handle,
                    digest=payload_digest(envelope),
                    words=tuple(each.value for each in consent.conditions),
                    keep_until=consent.keep_until,
                )
            ]
        )
        if consent.keep_until is not None:
            _end_copies(tx, [row.handle], consent.keep_until)


def _end_copies(tx: Transaction, items: Sequence[int], at: datetime | None) -> None:
    """Set, or take away, the day a consent lets copies end; retention purges by it."""
    if items:
        tx.retention.set_end(items, at, _CONSENT)


def relay_order(
    tx: Transaction, node: Node, gate: Gate, envelope: Envelope, lines: Sequence[OrderLine]
) -> tuple[MemberId, ...]:
    """Send a received order on to everyone to whom we passed on what it names.

    Called before the order is carried out here, since what is erased has no name any more.

    Args:
        tx: A writing transaction.
        node: The node.
        gate: For the documents.
        envelope: The order, verified.
        lines: Its lines.

    Returns:
        The members that have it from us, now or from before; sorted.

    Raises:
        OrderError: It is no order.
    """
    originator, issued = claimed_originator(envelope)
    treaties = _passed_to(tx, node, originator, [line.object_id for line in lines])
    if not treaties:
        return ()
    document = wrap_object(
        FoedusKind.ORDER, envelope.document(), payload=envelope.payload, issued=issued
    )
    for recipient, treaty in sorted(treaties.items()):
        send_documents(
            tx,
            node.identity,
            gate,
            [document],
            recipients=[recipient],
            lane=LANE_ORDERS,
            treaty=treaty,
            at=node.clock.now(),
        )
    return tuple(sorted(treaties))


def _passed_to(
    tx: Transaction, node: Node, originator: MemberId, names: Sequence[ObjectId]
) -> Mapping[MemberId, TreatyId]:
    """Return the members to whom items of an originator were passed on, and under which treaty."""
    if originator == node.identity.member:
        return {}
    handles = [
        row.handle
        for name in names
        for row in tx.items.by_object_id(name)
        if row.key.originator == originator
    ]
    # What ended here since was passed on all the same, and whoever has it may have it still.
    for name in names:
        handles += tx.erasure.buried(name_mark(node.identity.secret, originator, name))
    return {
        member: treaty
        for _, member, treaty in tx.onward.recipients_of(handles)
        if member != originator
    }
