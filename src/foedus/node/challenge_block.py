"""The precautionary block of a challenge: here at once, at the originators, at every holder.

1. Every version of what is concerned is blocked here in the unit of work that takes the challenge
   in: nobody is shown, matched with or given it. What is not visible yet is blocked as it becomes.
2. Of other members' items a challenge goes to each originator in the same unit of work.
3. Items of ours are blocked at every holder by orders; then the challenge is *blocked*. What fails
   is tried again by the clock, and said by an alarm.
4. Who sent the challenge on is told so.

A challenge that concerns nothing takes the same steps and writes the same rows of its case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from foedus.access import Actor
from foedus.casework.challenge import (
    MAX_CONCERNED,
    Challenge,
    ChallengeStatus,
    StatusWord,
    sign_challenge,
    sign_challenge_status,
)
from foedus.casework.challenge_course import ChallengeEvent, ChallengeState, next_state
from foedus.casework.order import OrderAction, OrderReason
from foedus.errors import FoedusError
from foedus.model.identifiers import MemberId, ObjectId, TreatyId, treaty_id
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.node.apply_orders import restrict_rows
from foedus.node.challenge_cases import challenge_of, next_look, own_rows, standing_rows
from foedus.node.challenge_orders import OrderDesk, Wanted
from foedus.node.context import Node
from foedus.node.dispatch import LANE_ORDERS, send_documents
from foedus.node.ports import Alarm, ItemRow, ItemState, Transaction
from foedus.node.ports.challenges import (
    CaseKind,
    CaseSide,
    ChallengeRow,
    OrderPurpose,
    Referral,
)
from foedus.release.gate import Gate

__all__ = [
    "ALARM_UNDONE",
    "ALARM_UNKNOWN",
    "block_arrived",
    "block_here",
    "block_holders",
    "of_challenge",
    "order_rows",
    "refer",
    "tell_sender",
]

_MOST_ARRIVED: Final = 10_000
_ORDERABLE: Final = frozenset({ItemState.HELD, ItemState.RESTRICTED})

ALARM_UNDONE: Final = "challenge.undone"
"""A step of a challenge failed and is tried again; subject: its name."""

ALARM_UNKNOWN: Final = "challenge.unknown"
"""A challenge sent on names items that its sender was not given; subject: its name."""


def block_here(tx: Transaction, number: int, rows: Sequence[ItemRow], at: datetime) -> None:
    """Block items at this node for a challenge (rule 1); idempotent.

    Args:
        tx: A writing transaction.
        number: The challenge.
        rows: Items it concerns, of every originator.
        at: Instant of the act.
    """
    handles = [row.handle for row in rows]
    tx.challenges.concern(number, handles)
    visible = [row for row in rows if row.state is ItemState.HELD]
    restrict_rows(tx, visible, at=at)
    tx.challenges.block(number, [row.handle for row in visible], moved=at)
    tx.challenges.block(number, handles, moved=None)


def block_arrived(tx: Transaction, handles: Collection[int], *, at: datetime) -> frozenset[int]:
    """Block what has just become held though a challenge blocks its item; return which it is.

    Args:
        tx: A writing transaction, in which these became held and are not matched yet.
        handles: Of them.
        at: Now.
    """
    found: defaultdict[int, list[int]] = defaultdict(list)
    for number, handle in tx.challenges.unblocked(limit=_MOST_ARRIVED):
        if handle in handles:
            found[number].append(handle)
    for number, of_it in found.items():
        block_here(tx, number, standing_rows(tx, of_it), at)
    return frozenset(handle for of_it in found.values() for handle in of_it)


def refer(
    tx: Transaction,
    node: Node,
    gate: Gate,
    row: ChallengeRow,
    rows: Sequence[ItemRow],
    at: datetime,
) -> None:
    """Send a challenge to the originators of other members' items (rule 2).

    Args:
        tx: A writing transaction.
        node: The node.
        gate: The node's gate.
        row: A challenge of a person that turned to this member.
        rows: Items it concerns.
        at: Instant of the act.
    """
    named: defaultdict[tuple[MemberId, TreatyId], set[ObjectId]] = defaultdict(set)
    for each in rows:
        if each.key.originator != node.identity.member and each.received_under is not None:
            named[each.key.originator, each.received_under].add(each.key.object_id)
    for (member, treaty), ids in sorted(named.items()):
        rising = sorted(ids)
        tx.challenges.refer(row.number, Referral(member=member, sent=at, items=len(rising)))
        if tx.peers.get(member) is None:
            continue  # nothing can be sent; that it is late will be said by the clock
        for start in range(0, len(rising), MAX_CONCERNED):
            _send(tx, node, gate, row, member, treaty, rising[start : start + MAX_CONCERNED], at)


def _send(
    tx: Transaction,
    node: Node,
    gate: Gate,
    row: ChallengeRow,
    member: MemberId,
    treaty: TreatyId,
    ids: Sequence[ObjectId],
    at: datetime,
) -> None:
    taken = row.challenge
    envelope = sign_challenge(
        Challenge(
            exercise=node.identity.exercise,
            name=taken.name,
            member=node.identity.member,
            originator=member,
            treaty=treaty,
            received=taken.received,
            block=taken.block_due,
            decide=taken.decide_due,
            at=at,
            ids=tuple(ids),
        ),
        node.identity.node,
    )
    document = wrap_object(
        FoedusKind.REQUEST, envelope.document(), payload=envelope.payload, issued=at
    )
    send_documents(
        tx,
        node.identity,
        gate,
        [document],
        recipients=[member],
        lane=LANE_ORDERS,
        treaty=treaty,
        at=at,
    )


def tell_sender(
    tx: Transaction, node: Node, gate: Gate, row: ChallengeRow, word: StatusWord, at: datetime
) -> None:
    """Tell the member that sent a challenge on what was done (rule 4); nothing where none did."""
    taken = row.challenge
    if taken.side is not CaseSide.REFERRED or tx.peers.get(MemberId(taken.sender)) is None:
        return
    member = MemberId(taken.sender)
    envelope = sign_challenge_status(
        ChallengeStatus(
            exercise=node.identity.exercise,
            name=taken.name,
            member=member,
            originator=node.identity.member,
            word=word,
            at=at,
        ),
        node.identity.node,
    )
    document = wrap_object(
        FoedusKind.ANSWER, envelope.document(), payload=envelope.payload, issued=at
    )
    send_documents(
        tx,
        node.identity,
        gate,
        [document],
        recipients=[member],
        lane=LANE_ORDERS,
        treaty=treaty_id(taken.treaty),
        at=at,
    )


def order_rows(tx: Transaction, node: Node, number: int) -> list[ItemRow]:
    """Return the items of ours that orders of a challenge name: whoever was given them, or nobody.

    An order stands though nobody holds the item: it keeps every version from being given.
    """
    handles = [each.handle for each in tx.challenges.concerned(number)]
    return [row for row in own_rows(node, standing_rows(tx, handles)) if row.state in _ORDERABLE]


def block_holders(
    node: Node, actor: Actor, gate: Gate, number: int, desk: OrderDesk
) -> ChallengeRow:
    """Block at every holder what a challenge concerns (rule 3); safe to repeat.

    Returns:
        The challenge: blocked, or as it was where an order could not be issued.
    """
    with node.database.read() as tx:
        row = challenge_of(tx, number)
        free = _unbarred(tx, node, number, node.clock.now())
    names: Sequence[str] = ()
    try:
        if free:
            names = desk.issue(
                node,
                actor,
                gate,
                Wanted(
                    action=OrderAction.RESTRICT,
                    handles=tuple(each.handle for each in free),
                    due=row.challenge.block_due,
                ),
            )
    except FoedusError as error:
        return _undone(node, number, error)
    return _blocked(node, gate, number, names)


def _unbarred(tx: Transaction, node: Node, number: int, at: datetime) -> list[ItemRow]:
    """Return what was given and no live order bars yet."""
    rows = order_rows(tx, node, number)
    barred = tx.orders.barred(node.identity.member, [row.handle for row in rows], at=at)
    return [row for row in rows if row.handle not in barred]


def _blocked(node: Node, gate: Gate, number: int, names: Sequence[str]) -> ChallengeRow:
    now = node.clock.now()
    with node.database.write() as tx:
        row = challenge_of(tx, number)
        for name in names:
            tx.challenges.note_order(number, name, OrderPurpose.BLOCK)
        handles = [each.handle for each in order_rows(tx, node, number)]
        for name in set(tx.orders.barred(node.identity.member, handles, at=now).values()):
            if of_challenge(tx, name):  # issued before a crash, or for another challenge
                tx.challenges.note_order(number, name, OrderPurpose.BLOCK)
        tx.alarms.clear(ALARM_UNDONE, row.challenge.name)
        if row.state is ChallengeState.RECEIVED:
            state = next_state(row.state, ChallengeEvent.BLOCK)
            row = replace(row, state=state, blocked=now)
            row = replace(row, wake=next_look(row, now))
            tx.challenges.keep(row)
            tx.challenges.make_good(
                CaseKind.CHALLENGE, number, "block", node.identity.member, at=now
            )
            tell_sender(tx, node, gate, row, StatusWord.BLOCKED, now)
    node.settle()
    return row


def of_challenge(tx: Transaction, name: str) -> bool:
    """Say whether an order of ours was given for a challenge."""
    issued = tx.orders.issued(name)
    return issued is not None and issued.order.reason is OrderReason.CHALLENGE


def _undone(node: Node, number: int, error: FoedusError) -> ChallengeRow:
    now = node.clock.now()
    with node.database.write() as tx:
        row = challenge_of(tx, number)
        row = replace(row, wake=next_look(row, now))
        tx.challenges.keep(row)
        tx.alarms.set(
            Alarm(
                code=ALARM_UNDONE,
                subject=row.challenge.name,
                text=f"a step of challenge {row.challenge.name} failed and is tried again: {error}",
                since=now,
            )
        )
    return row
