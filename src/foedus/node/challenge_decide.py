"""Decide on a challenge, and carry the outcome out.

1. A reviewer decides, with a reason: nobody who entered, vouched for, reviewed, approved or gave
   away an item concerned (:mod:`foedus.node.challenge_hands`), whatever that person's roles.
2. Where nothing tells whose hands an item of ours went through, two persons have to find the same;
   the second may be an officer.
3. The outcome is recorded and logged in one unit of work; then it is carried out: *uphold* recalls
   at every holder, *correct* orders the right version in place, *restrict* leaves the block,
   *reject* lifts it. What fails is tried again by the clock.
4. On other members' items the originator decides, and its orders reach us as they reach all. Until
   then our copy stays blocked, unless we rejected.
5. A block is lifted only where nothing else blocks: another challenge, or an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.casework.challenge import StatusWord
from foedus.casework.challenge_course import (
    DECIDED,
    ChallengeEvent,
    ChallengeState,
    Outcome,
    next_state,
)
from foedus.casework.order import OrderAction
from foedus.errors import FoedusError
from foedus.node.apply_orders import lift_rows
from foedus.node.challenge_block import (
    ALARM_UNDONE,
    ALARM_UNKNOWN,
    of_challenge,
    order_rows,
    tell_sender,
)
from foedus.node.challenge_cases import (
    ACTS,
    case_words,
    challenge_of,
    next_look,
    require_acting,
    standing_rows,
)
from foedus.node.challenge_hands import makers_of
from foedus.node.challenge_orders import OrderDesk, Wanted
from foedus.node.context import Node, note_act
from foedus.node.errors import RefusedError
from foedus.node.four_eyes import require_other
from foedus.node.own_log import enter
from foedus.node.ports import Alarm, ItemRow, ItemState, Transaction
from foedus.node.ports.challenges import CaseKind, ChallengeRow, OrderPurpose, Proposal
from foedus.release.gate import Gate

__all__ = [
    "Decided",
    "Finding",
    "carry_out",
    "decide_challenge",
    "is_carried_out",
    "withdraw_challenge",
]

_DONE: Final = "carried-out"
_WITH: Final = "with:"
_LIFTS: Final = frozenset({ChallengeState.REJECTED, ChallengeState.WITHDRAWN})
_ACTIONS: Final = {
    ChallengeState.UPHELD: OrderAction.RECALL,
    ChallengeState.CORRECTED: OrderAction.CORRECT,
    ChallengeState.REJECTED: OrderAction.LIFT,
    ChallengeState.WITHDRAWN: OrderAction.LIFT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a reviewer found.

    Attributes:
        outcome: What becomes of what is concerned.
        reason: Why; kept with what was written at intake, erasable.
        replacements: Of a correction: (reference of an item concerned, or "" where there is but
            one; reference of the version that replaces it).
    """

    outcome: Outcome
    reason: str
    replacements: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What became of a finding.

    Attributes:
        row: The challenge.
        unknown: Items of which nothing tells whose hands they went through; where there are any
            and nothing is decided yet, a second person has to find the same.
    """

    row: ChallengeRow
    unknown: tuple[str, ...]


def decide_challenge(
    node: Node, actor: Actor, gate: Gate, number: int, finding: Finding, desk: OrderDesk
) -> Decided:
    """Decide on a challenge and carry the outcome out.

    Raises:
        AccessDeniedError: The actor is no reviewer (nor, as the second person, an officer).
        NotFoundError: There is no such challenge.
        FourEyesError: The actor had a hand in an item concerned.
        RefusedError: No reason is given, a correction names no right version, or a second person
            found otherwise than the first.
        CaseCourseError: It is not blocked yet, or decided already.
    """
    require_role(actor, *ACTS)
    reason = case_words(finding.reason)
    if not reason:
        raise RefusedError("say why")
    if (finding.outcome is Outcome.CORRECT) is not bool(finding.replacements):
        raise RefusedError("a correction, and nothing else, names the right versions (--with)")
    if any(" " in each for pair in finding.replacements for each in pair):
        raise RefusedError("a version is named by its local number or id")
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        row = challenge_of(tx, number)
        state = next_state(row.state, ChallengeEvent(finding.outcome.value))
        rows = standing_rows(tx, (each.handle for each in tx.challenges.concerned(number)))
        makers = makers_of(tx, node, rows)
        require_other(tx, actor, makers.users, what="an item this challenge concerns")
        if not _found_before(row, actor, finding, needed=bool(makers.unknown)):
            row = replace(row, proposal=Proposal(outcome=finding.outcome, user=actor.user, at=now))
            tx.challenges.keep(row)
            note_act(tx, node, actor, "challenge.propose", row.challenge.name)
            return Decided(row=row, unknown=makers.unknown)
        marks = {f"{_WITH}{old}={new}" for old, new in finding.replacements}
        row = replace(row, done=row.done | marks)
        row = _recorded(tx, node, actor, row, state, now)
        tx.challenges.put_reason(number, reason)
        note_act(tx, node, actor, "challenge.decide", f"{row.challenge.name} {state.value}")
    node.settle()
    done = carry_out(node, actor, gate, number, desk)
    return Decided(row=done, unknown=makers.unknown)


def _found_before(row: ChallengeRow, actor: Actor, finding: Finding, *, needed: bool) -> bool:
    """Say whether what is found now decides (rules 1 and 2)."""
    before = row.proposal
    if not needed:
        require_role(actor, Role.REVIEWER)
        return True
    if before is None or before.user == actor.user:
        require_role(actor, Role.REVIEWER)
        return False
    if before.outcome is not finding.outcome:
        raise RefusedError(
            f"{before.user} found {before.outcome.value}: two persons have to find the same"
        )
    return True


def _recorded(
    tx: Transaction,
    node: Node,
    actor: Actor,
    row: ChallengeRow,
    state: ChallengeState,
    now: datetime,
) -> ChallengeRow:
    """Record an outcome in the unit of work that finds it."""
    enter(
        tx,
        node,
        {
            "kind": "challenge-outcome",
            "challenge": row.challenge.name,
            "outcome": state.value,
            "user": actor.user,
        },
        at=now,
    )
    row = replace(
        row,
        state=state,
        outcome=state,
        decided=now,
        decided_by=actor.user,
        proposal=None,
        wake=now,
    )
    tx.challenges.keep(row)
    tx.challenges.make_good(CaseKind.CHALLENGE, row.number, "decide", node.identity.member, at=now)
    tx.alarms.clear(ALARM_UNKNOWN, row.challenge.name)
    return row


def withdraw_challenge(
    node: Node, actor: Actor, gate: Gate, number: int, desk: OrderDesk
) -> ChallengeRow:
    """Record that the person took a challenge back, and lift its block.

    Raises:
        AccessDeniedError: The actor is neither officer nor reviewer.
        NotFoundError: There is no such challenge.
        FourEyesError: The actor had a hand in an item concerned.
        CaseCourseError: It is decided already.
    """
    require_acting(actor)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        row = challenge_of(tx, number)
        state = next_state(row.state, ChallengeEvent.WITHDRAW)
        rows = standing_rows(tx, (each.handle for each in tx.challenges.concerned(number)))
        makers = makers_of(tx, node, rows)
        require_other(tx, actor, makers.users, what="an item this challenge concerns")
        row = _recorded(tx, node, actor, row, state, now)
        note_act(tx, node, actor, "challenge.withdraw", row.challenge.name)
    node.settle()
    return carry_out(node, actor, gate, number, desk)


def carry_out(node: Node, actor: Actor, gate: Gate, number: int, desk: OrderDesk) -> ChallengeRow:
    """Carry an outcome out (rules 3 to 5); safe to repeat.

    Returns:
        The challenge, as it stands.
    """
    with node.database.read() as tx:
        row = challenge_of(tx, number)
        meant = _to_order(tx, node, row)
    if row.state not in DECIDED or _DONE in row.done:
        return row
    action = _ACTIONS.get(row.state)
    names: Sequence[str] = ()
    try:
        if action is not None and meant:
            names = desk.issue(
                node,
                actor,
                gate,
                Wanted(
                    action=action,
                    handles=tuple(each.handle for each in meant),
                    due=row.challenge.decide_due,
                    replacements=_replacements(row),
                ),
            )
    except FoedusError as error:
        return _failed(node, number, error)
    return _carried(node, gate, number, names)


def _replacements(row: ChallengeRow) -> tuple[tuple[str, str], ...]:
    """Return what replaces what, as it was found."""
    found = [each.removeprefix(_WITH) for each in sorted(row.done) if each.startswith(_WITH)]
    return tuple((old, new) for old, _, new in (each.partition("=") for each in found))


def is_carried_out(row: ChallengeRow) -> bool:
    """Say whether an outcome was carried out here, and ordered of the holders."""
    return _DONE in row.done


def _to_order(tx: Transaction, node: Node, row: ChallengeRow) -> list[ItemRow]:
    """Return the items of ours that an order of the outcome names."""
    if any(purpose is OrderPurpose.OUTCOME for _, purpose in tx.challenges.orders(row.number)):
        return []
    rows = order_rows(tx, node, row.number)
    if row.state not in _LIFTS:
        return rows
    return [each for each in rows if not _blocked_otherwise(tx, node, row.number, each)]


def _carried(node: Node, gate: Gate, number: int, names: Sequence[str]) -> ChallengeRow:
    now = node.clock.now()
    with node.database.write() as tx:
        row = challenge_of(tx, number)
        for name in names:
            tx.challenges.note_order(number, name, OrderPurpose.OUTCOME)
        if row.state in _LIFTS:
            _lift_here(tx, node, row, now)
        elif row.state is ChallengeState.CORRECTED:
            _free_right(tx, row)
        tx.alarms.clear(ALARM_UNDONE, row.challenge.name)
        row = replace(row, done=row.done | {_DONE}, wake=now)
        row = replace(row, wake=next_look(row, now))
        tx.challenges.keep(row)
        word = (
            StatusWord.REJECTED
            if row.state is ChallengeState.WITHDRAWN
            else StatusWord(row.state.value)
        )
        tell_sender(tx, node, gate, row, word, now)
    node.settle()
    return row


def _failed(node: Node, number: int, error: FoedusError) -> ChallengeRow:
    now = node.clock.now()
    with node.database.write() as tx:
        row = challenge_of(tx, number)
        row = replace(row, wake=next_look(row, now))
        tx.challenges.keep(row)
        tx.alarms.set(
            Alarm(
                code=ALARM_UNDONE,
                subject=row.challenge.name,
                text=f"the outcome of {row.challenge.name} could not be carried out: {error}",
                since=now,
            )
        )
    return row


def _lift_here(tx: Transaction, node: Node, row: ChallengeRow, now: datetime) -> None:
    """Lift the block of a challenge at this node (rule 5)."""
    handles = [each.handle for each in tx.challenges.concerned(row.number)]
    moved = tx.challenges.moved(handles)
    tx.challenges.release(row.number, handles)
    rows = [each for each in standing_rows(tx, handles) if each.handle in moved]
    lift_rows(tx, node, rows, at=now)


def _free_right(tx: Transaction, row: ChallengeRow) -> None:
    """Let a challenge keep the right versions of a correction blocked no longer."""
    concerned = tx.items.rows([each.handle for each in tx.challenges.concerned(row.number)])
    right = [each.handle for each in concerned if each.state is ItemState.HELD]
    tx.challenges.release(row.number, right)


def _blocked_otherwise(tx: Transaction, node: Node, number: int, row: ItemRow) -> bool:
    """Say whether something besides one challenge keeps an item blocked."""
    if tx.challenges.blocked_by_other(number, row.handle):
        return True
    names = tx.orders.barred(node.identity.member, [row.handle], at=node.clock.now()).values()
    return any(not of_challenge(tx, name) for name in names)
