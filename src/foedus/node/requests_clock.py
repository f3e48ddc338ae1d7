"""Deadlines of requests for information: brought to mind, and past; a step of the case clock.

A look at an index where nothing is due. Each request that is due for a look is seen to in a unit of
work of its own, so that one never holds up the rest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from foedus.casework.request_course import TRANSITIONS, RequestEvent, RequestState
from foedus.clock import instant_text
from foedus.node.context import Node
from foedus.node.ports import Alarm, Transaction
from foedus.node.ports.requests import RequestRow, RequestSide
from foedus.node.ports.webhooks import EventKind
from foedus.node.requests import ALARM_DUE, ALARM_EXPIRED, ALARM_OVERDUE, BY_CLOCK, move
from foedus.node.webhooks import tell
from foedus.release.gate import Gate

__all__ = ["watch_requests"]

_AT_ONCE: Final = 200


def watch_requests(node: Node, gate: Gate) -> None:  # noqa: ARG001 - every step takes both
    """See to the requests whose time has come, at most a few hundred at once."""
    now = node.clock.now()
    with node.database.read() as tx:
        due = [row.number for row in tx.requests.to_look_at(now, limit=_AT_ONCE)]
    for number in due:
        with node.database.write() as tx:
            row = tx.requests.get(number)
            if row is not None and row.look is not None and row.look <= now:
                _look(tx, row, now)


def _look(tx: Transaction, row: RequestRow, now: datetime) -> None:
    if now < row.due:
        _raise(tx, row, ALARM_DUE, "is to be answered by", now)
        tx.requests.save(replace(row, look=row.due))
    elif (row.state, RequestEvent.EXPIRE) in TRANSITIONS:
        sent = row.state is not RequestState.APPROVED
        row = move(tx, row, RequestEvent.EXPIRE, by=BY_CLOCK, at=now)
        _raise_past(tx, row, now, sent=sent)
    else:  # answered in part, and more was promised
        _raise_past(tx, row, now, sent=True)
        tx.requests.save(replace(row, look=None))
    tell(
        tx,
        EventKind.REQUEST_DUE,
        now,
        request=row.number,
        name=row.name,
        member=row.member,
        side=row.side.value,
        state=row.state.value,
        urgency=row.urgency.value,
        due=instant_text(row.due),
    )


def _raise_past(tx: Transaction, row: RequestRow, now: datetime, *, sent: bool) -> None:
    tx.alarms.clear(ALARM_DUE, str(row.number))
    if row.side is RequestSide.RECEIVED:
        _raise(tx, row, ALARM_OVERDUE, "was to be answered by", now)
    else:
        _raise(tx, row, ALARM_EXPIRED, "got no answer by" if sent else "was never sent by", now)


def _raise(tx: Transaction, row: RequestRow, code: str, what: str, now: datetime) -> None:
    side = f"to {row.member}" if row.side is RequestSide.ASKED else f"of {row.member}"
    tx.alarms.set(
        Alarm(
            code=code,
            subject=str(row.number),
            text=f"request {row.number} ({row.name}, {row.urgency.value}) {side} {what} "
            f"{row.due:%Y-%m-%d %H:%M} UTC: `foedus request show {row.number}`",
            since=now,
        )
    )
