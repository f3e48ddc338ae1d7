"""What falls due in challenges and requests to see what is held; a step of the clock of casework.

1. What became visible though a challenge blocks its item (a new version, a draft vouched for) is
   blocked.
2. A challenge that was taken in and is not blocked yet is blocked at every holder.
3. A quarter of its time before a deadline people are reminded; when it passed it is recorded
   (:mod:`foedus.node.challenge_lates`), of originators a challenge was sent on to as well.
4. An outcome not carried out yet is; a challenge is closed once every holder attested and every
   originator answered.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Final

from foedus.casework.access_course import OPEN
from foedus.casework.challenge_course import (
    DECIDED,
    EXAMINED,
    ChallengeEvent,
    ChallengeState,
    next_state,
)
from foedus.node.challenge_block import block_here, block_holders
from foedus.node.challenge_cases import next_look, reminder_of, standing_rows
from foedus.node.challenge_decide import carry_out, is_carried_out
from foedus.node.challenge_desk import IssuingDesk
from foedus.node.challenge_lates import note_late, remind
from foedus.node.challenge_orders import CLOCK, OrderDesk, orders_settled
from foedus.node.context import Node
from foedus.node.ports import Transaction
from foedus.node.ports.challenges import AccessRow, CaseKind, CaseSide, ChallengeRow
from foedus.release.gate import Gate

__all__ = ["watch_challenges", "watch_challenges_with"]

_MOST: Final = 100
_MOST_ITEMS: Final = 1_000


def watch_challenges(node: Node, gate: Gate) -> None:
    """Do what is due now of challenges and of requests to see what is held."""
    watch_challenges_with(node, gate, IssuingDesk())


def watch_challenges_with(node: Node, gate: Gate, desk: OrderDesk) -> None:
    """Do what is due now of challenges, with a desk that issues orders."""
    now = node.clock.now()
    with node.database.read() as tx:
        visible = bool(tx.challenges.unblocked(limit=1))
        awake = tx.challenges.awake(now, limit=_MOST)
        accesses = tx.challenges.awake_accesses(now, limit=_MOST)
    if visible:
        _block_visible(node, now)
    for row in awake:
        if row.state is ChallengeState.RECEIVED or _may_be_fresh(row):
            block_holders(node, CLOCK, gate, row.number, desk)
        elif row.state in DECIDED:
            carry_out(node, CLOCK, gate, row.number, desk)
        _look(node, row.number)
    for access in accesses:
        _look_access(node, access.number)


def _may_be_fresh(row: ChallengeRow) -> bool:
    """Say whether a challenge sent on was added to since it was blocked."""
    return row.state is ChallengeState.BLOCKED and row.challenge.side is CaseSide.REFERRED


def _block_visible(node: Node, now: datetime) -> None:
    """Rule 1."""
    with node.database.write() as tx:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for number, handle in tx.challenges.unblocked(limit=_MOST_ITEMS):
            found[number].append(handle)
        for number, handles in found.items():
            block_here(tx, number, standing_rows(tx, handles), now)


def _look(node: Node, number: int) -> None:
    now = node.clock.now()
    with node.database.write() as tx:
        row = tx.challenges.get(number)
        if row is None:
            return
        if row.state in EXAMINED:
            row = _deadlines(tx, node, row, now)
        _originators(tx, node, row, now)
        if row.state in DECIDED and is_carried_out(row) and _settled(tx, row):
            state = next_state(row.state, ChallengeEvent.CLOSE)
            row = replace(row, state=state, closed=now)
        tx.challenges.keep(replace(row, wake=next_look(row, now)))


def _deadlines(tx: Transaction, node: Node, row: ChallengeRow, now: datetime) -> ChallengeRow:
    """Rule 3, of what is ours to do."""
    taken = row.challenge
    blocked = row.state is not ChallengeState.RECEIVED
    for what, due, owed in (
        ("block", taken.block_due, not blocked),
        ("decide", taken.decide_due, True),
    ):
        mark = f"reminded-{what}"
        if owed and now >= due:
            note_late(
                tx,
                node,
                CaseKind.CHALLENGE,
                row.number,
                taken.name,
                what=what,
                member=node.identity.member,
                due=due,
                at=now,
            )
        elif owed and now >= reminder_of(taken.received, due) and mark not in row.done:
            remind(tx, taken.name, what, due, now, overdue=False)
            row = replace(row, done=row.done | {mark})
    return row


def _originators(tx: Transaction, node: Node, row: ChallengeRow, now: datetime) -> None:
    """Rule 3, of what is for originators to do."""
    taken = row.challenge
    for each in tx.challenges.referrals(row.number):
        for what, due, done in (
            ("block", taken.block_due, each.blocked),
            ("decide", taken.decide_due, each.answered),
        ):
            if done is None and now >= due:
                note_late(
                    tx,
                    node,
                    CaseKind.CHALLENGE,
                    row.number,
                    taken.name,
                    what=what,
                    member=each.member,
                    due=due,
                    at=now,
                )


def _settled(tx: Transaction, row: ChallengeRow) -> bool:
    """Rule 4."""
    names = [name for name, _ in tx.challenges.orders(row.number)]
    if not orders_settled(tx, names):
        return False
    withdrawn = row.state is ChallengeState.WITHDRAWN
    return withdrawn or all(
        each.answered is not None for each in tx.challenges.referrals(row.number)
    )


def _look_access(node: Node, number: int) -> None:
    now = node.clock.now()
    with node.database.write() as tx:
        row = tx.challenges.access(number)
        if row is None:
            return
        if row.state in OPEN:
            row = _access_deadline(tx, node, row, now)
        tx.challenges.keep_access(replace(row, wake=_access_look(row, now)))


def _access_deadline(tx: Transaction, node: Node, row: AccessRow, now: datetime) -> AccessRow:
    taken = row.access
    if now >= taken.due:
        note_late(
            tx,
            node,
            CaseKind.ACCESS,
            row.number,
            taken.name,
            what="answer",
            member=node.identity.member,
            due=taken.due,
            at=now,
        )
    elif now >= reminder_of(taken.received, taken.due) and "reminded-answer" not in row.done:
        remind(tx, taken.name, "answer", taken.due, now, overdue=False)
        row = replace(row, done=row.done | {"reminded-answer"})
    return row


def _access_look(row: AccessRow, now: datetime) -> datetime | None:
    if row.state not in OPEN:
        return None
    taken = row.access
    ahead = [at for at in (reminder_of(taken.received, taken.due), taken.due) if at > now]
    return min(ahead) if ahead else None
