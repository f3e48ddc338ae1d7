"""Deadlines of challenges that passed: a record that nobody removes, and an officer closes.

1. What is late makes one record, entered in the log, with an alarm and an event. Doing it after all
   is noted in the record and does not close it.
2. The officer closes it with a reason, which is entered in the log too; nobody closes what was late
   in a case that person took in or decided, and nothing is closed before it is done, unless it is
   another member's to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId
from foedus.node.challenge_cases import LOOKS
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.four_eyes import require_other
from foedus.node.own_log import enter
from foedus.node.ports import Alarm, Transaction
from foedus.node.ports.challenges import CaseKind, LateRow, NewLate
from foedus.node.ports.webhooks import EventKind
from foedus.node.webhooks import tell

__all__ = ["ALARM_LATE", "close_late", "list_lates", "note_late", "remind"]

ALARM_LATE: Final = "challenge.overdue"
"""A deadline of a case passed; subject: its name, what, and whose doing it is."""

_MAX_REASON: Final = 1_000


def note_late(  # noqa: PLR0913 - one record
    tx: Transaction,
    node: Node,
    kind: CaseKind,
    number: int,
    name: str,
    *,
    what: str,
    member: MemberId,
    due: datetime,
    at: datetime,
) -> None:
    """Record that a deadline passed (rule 1); once for each case, deadline and member."""
    if any(
        (each.late.kind, each.late.number, each.late.what, each.late.member)
        == (kind, number, what, member)
        for each in tx.challenges.lates_of(kind, number)
    ):
        return
    entry = enter(
        tx,
        node,
        {
            "kind": "challenge-late",
            "case": name,
            "what": what,
            "member": member,
            "due": instant_text(due),
        },
        at=at,
    )
    tx.challenges.add_late(
        NewLate(
            kind=kind,
            number=number,
            what=what,
            member=member,
            due=due,
            noted=at,
            entry_index=entry,
        )
    )
    tx.alarms.set(
        Alarm(
            code=ALARM_LATE,
            subject=f"{name} {what} {member}",
            text=f"{name}: {what} was due from {member} by {due:%Y-%m-%d %H:%M} "
            "(`foedus challenge breaches`)",
            since=at,
        )
    )
    remind(tx, name, what, due, at, overdue=True)


def remind(
    tx: Transaction, name: str, what: str, due: datetime, at: datetime, *, overdue: bool
) -> None:
    """Tell own tools that a deadline is near, or passed."""
    tell(
        tx,
        EventKind.CHALLENGE_DUE,
        at,
        case=name,
        what=what,
        due=instant_text(due),
        overdue=overdue,
    )


def list_lates(
    tx: Transaction, actor: Actor, *, open_only: bool, after: int, limit: int
) -> Sequence[LateRow]:
    """Return breach records by number.

    Raises:
        AccessDeniedError: The actor may not see challenges.
    """
    require_role(actor, *LOOKS)
    return tx.challenges.lates(open_only=open_only, after=after, limit=limit)


def close_late(node: Node, actor: Actor, record: int, reason: str) -> LateRow:
    """Close a breach record with a reason (rule 2).

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        NotFoundError: There is no such record.
        FourEyesError: The actor took the case in or decided it.
        RefusedError: No reason is given, it is closed, or what was late is not done yet.
    """
    require_role(actor, Role.OFFICER)
    reason = reason.strip()
    if not 1 <= len(reason) <= _MAX_REASON:
        raise RefusedError(f"say why it was late, in 1 to {_MAX_REASON} characters")
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        row = tx.challenges.late(record)
        if row is None:
            raise NotFoundError(f"there is no breach record {record}")
        if row.closed is not None:
            raise RefusedError(f"{row.closed_by} closed it on {row.closed:%Y-%m-%d}")
        if row.made_good is None and row.late.member == node.identity.member:
            raise RefusedError(f"{row.late.what} is still owed here: do it first")
        require_other(tx, actor, _led_by(tx, row), what="this case")
        enter(
            tx,
            node,
            {
                "kind": "challenge-late-closed",
                "case": row.name,
                "what": row.late.what,
                "member": row.late.member,
                "user": actor.user,
                "reason": reason,
            },
            at=now,
        )
        tx.challenges.close_late(record, user=actor.user, reason=reason, at=now)
        tx.alarms.clear(ALARM_LATE, f"{row.name} {row.late.what} {row.late.member}")
        note_act(tx, node, actor, "challenge.breach", f"{row.name} {row.late.what}")
        done = tx.challenges.late(record)
    node.settle()
    return row if done is None else done


def _led_by(tx: Transaction, row: LateRow) -> frozenset[str]:
    if row.late.kind is CaseKind.ACCESS:
        access = tx.challenges.access(row.late.number)
        users = () if access is None else (access.access.opened_by, access.ended_by)
    else:
        case = tx.challenges.get(row.late.number)
        users = () if case is None else (case.challenge.opened_by, case.decided_by)
    return frozenset(each for each in users if each)
