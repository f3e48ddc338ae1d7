"""Duties: what a release binds to afterwards, by when, and who did it.

A batch sets at most one duty of each kind, recorded in the unit of work that sends or takes it:

=============  ==================================  =================================================
kind           at the sender                       at the recipient
=============  ==================================  =================================================
*acknowledge*  waits for the recipient's word      returns its signed lane head, which is that word
*review*       a supervisor reviews the release    none
*retain*       none                                keeps the items until then, not longer
=============  ==================================  =================================================

1. Every deadline counts from the instant of the release, which both sides know and signed for.
2. An acknowledgement is done when a signed head covers the batch; nobody does it by hand.
3. A review is done by a supervisor with a reason, which is entered in the log.
4. What is overdue stands in ``foedus duties --overdue`` and as a fault in ``foedus doctor``.

Spec: design §2 rule 11, §3, §6.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.heads import LaneHead
from foedus.node.own_log import enter
from foedus.node.ports import DutyKind, DutyRow, DutySide, NewDuty, Transaction
from foedus.release.obligations import Obligations
from foedus.release.record import PROTOCOL, DisclosurePayload

__all__ = [
    "acknowledged_by",
    "acknowledged_to",
    "finish_review",
    "in_words",
    "list_duties",
    "note_received",
    "note_sent",
]

_MAX_REASON: Final = 1_000


def note_sent(  # noqa: PLR0913 - one batch
    tx: Transaction,
    obligations: Obligations,
    *,
    recipient: MemberId,
    treaty: TreatyId | None,
    article: str,
    lane: str,
    lane_count: int,
    entry_index: int,
    items: int,
    at: datetime,
) -> None:
    """Record what a batch sent binds to; part of its unit of work."""
    limits = {DutyKind.ACKNOWLEDGE: obligations.acknowledge, DutyKind.REVIEW: obligations.review}
    tx.duties.add(
        [
            NewDuty(
                kind=kind,
                side=DutySide.SENT,
                member=recipient,
                treaty=treaty or TreatyId(""),
                article=article,
                lane=lane,
                lane_count=lane_count,
                entry_index=entry_index,
                items=items,
                at=at,
                due=_after(at, limit),
            )
            for kind, limit in limits.items()
            if limit is not None
        ]
    )


def note_received(tx: Transaction, payload: DisclosurePayload, *, kept: int) -> None:
    """Record what a batch received binds to; part of its unit of work.

    Args:
        tx: A writing transaction.
        payload: The verified payload.
        kept: How many of its items stand here now and were not refused; nothing is retained of
            what was.
    """
    if payload.article == PROTOCOL:
        return
    wanted = (
        (DutyKind.ACKNOWLEDGE, payload.obligations.acknowledge, len(payload.items)),
        (DutyKind.RETAIN, payload.obligations.retain if kept else None, kept),
    )
    tx.duties.add(
        [
            NewDuty(
                kind=kind,
                side=DutySide.RECEIVED,
                member=payload.sender,
                treaty=payload.treaty,
                article=payload.article,
                lane=payload.lane,
                lane_count=payload.lane_count,
                entry_index=payload.log_index,
                items=items,
                at=payload.instant,
                due=_after(payload.instant, limit),
            )
            for kind, limit, items in wanted
            if limit is not None
        ]
    )


def acknowledged_by(tx: Transaction, member: MemberId, head: LaneHead, *, at: datetime) -> int:
    """Note that a recipient's signed head covers what it was sent; returns how many duties ended.

    Args:
        tx: A writing transaction.
        member: The recipient.
        head: Its head, verified, which agrees with our lane.
        at: When it came.
    """
    return tx.duties.acknowledged(DutySide.SENT, member, head.lane, count=head.count, at=at)


def acknowledged_to(node: Node, sender: MemberId, lane: str, count: int) -> None:
    """Note that our signed head of a sender's lane reached it; safe to repeat."""
    with node.database.read() as tx:
        owed = tx.duties.awaiting(DutySide.RECEIVED, sender, lane, count=count)
    if owed:
        with node.database.write() as tx:
            tx.duties.acknowledged(
                DutySide.RECEIVED, sender, lane, count=count, at=node.clock.now()
            )


def list_duties(tx: Transaction, *, now: datetime, overdue: bool, limit: int) -> Sequence[DutyRow]:
    """Return what is still owed, the nearest deadline first; only what is overdue, if so asked."""
    return tx.duties.open(due_by=now if overdue else None, limit=limit)


def finish_review(node: Node, actor: Actor, number: int, reason: str) -> DutyRow:
    """Record that a release was reviewed, and what was found.

    Args:
        node: The node.
        actor: A supervisor.
        number: The duty's number.
        reason: What the review found, for the record.

    Raises:
        AccessDeniedError: The actor is no supervisor.
        NotFoundError: There is no such duty.
        RefusedError: It is no review, is done already, or no reason is given.
    """
    require_role(actor, Role.SUPERVISOR)
    reason = reason.strip()
    if not 1 <= len(reason) <= _MAX_REASON:
        raise RefusedError(f"say what the review found, in 1 to {_MAX_REASON} characters")
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        row = tx.duties.get(number)
        if row is None:
            raise NotFoundError(f"there is no duty {number}; `foedus duties` lists them")
        _check_review(row)
        enter(
            tx,
            node,
            {
                "kind": "review",
                "member": node.identity.member,
                "user": actor.user,
                "disclosure": row.duty.entry_index,
                "recipient": row.duty.member,
                "reason": reason,
            },
            at=now,
        )
        tx.duties.done(number, by=actor.user, reason=reason, at=now)
        note_act(tx, node, actor, "review", f"{row.duty.member} entry {row.duty.entry_index}")
        done = tx.duties.get(number)
    node.settle()
    return row if done is None else done


def _check_review(row: DutyRow) -> None:
    match row.duty.kind:
        case DutyKind.ACKNOWLEDGE:
            raise RefusedError(
                f"duty {row.number} is an acknowledgement: a signed lane head does it, not a person"
                + (
                    f"; it is {row.duty.member} that owes it"
                    if row.duty.side is DutySide.SENT
                    else f"; `foedus pull {row.duty.member}` sends ours"
                )
            )
        case DutyKind.RETAIN:
            raise RefusedError(
                f"duty {row.number} is a limit of retention: it ends with the items or with a new "
                "decision to keep them, not with a word"
            )
        case DutyKind.REVIEW:
            if row.done is not None:
                raise RefusedError(
                    f"duty {row.number} was done by {row.done_by} on {row.done:%Y-%m-%d}"
                )


def in_words(kind: DutyKind, side: DutySide, member: MemberId) -> str:
    """Say who owes what."""
    match (kind, side):
        case (DutyKind.ACKNOWLEDGE, DutySide.SENT):
            return f"{member} acknowledges what it was given"
        case (DutyKind.ACKNOWLEDGE, DutySide.RECEIVED):
            return f"we acknowledge what {member} gave"
        case (DutyKind.REVIEW, _):
            return f"we review what was given to {member}"
        case _:
            return f"we keep what {member} gave until then, not longer"


def _after(at: datetime, limit: timedelta) -> datetime:
    try:
        return at + limit
    except OverflowError:
        return datetime.max.replace(tzinfo=at.tzinfo)
