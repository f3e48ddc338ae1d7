"""Answer requests for information, or say why not; withdraw and close our own.

1. An answer is items under the gate: one call discloses them to the member that asked, under the
   treaty and for the purpose of the request, and says which they are by the ids given to it. What
   the gate withheld is told here, and makes the answer one in part.
2. An answer is put off once, by the treaty's time at most. A refusal names a ground of Article
   15(3) and nothing else.
3. The member that asked withdraws what it needs no more, and closes with how useful it was.

Each word goes to the other side in the unit of work that keeps it.

Spec: Convention Article 15.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from foedus.access import Actor, Role, require_role
from foedus.casework.request import ItemName
from foedus.casework.request_course import RequestEvent, RequestState, next_state
from foedus.casework.request_status import (
    EVENTS,
    MAX_ITEMS,
    Feedback,
    Ground,
    RequestStatus,
    Word,
)
from foedus.model.identifiers import ArticleId, MemberId
from foedus.node.context import Node, note_act
from foedus.node.disclose import Disclosed, Withholding, disclose
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import Transaction
from foedus.node.ports.requests import RequestRow, RequestSide
from foedus.node.recovering import refuse_lane
from foedus.node.requests import move
from foedus.node.requests_say import say
from foedus.node.requests_send import wish_of
from foedus.release.gate import Gate

__all__ = [
    "Answered",
    "answer_request",
    "close_request",
    "extend_request",
    "refuse_request",
    "withdraw_request",
]

_BEFORE_SENDING = frozenset({RequestState.DRAFT, RequestState.APPROVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of an answer.

    Attributes:
        row: The request as it is now.
        given: Names of the items, as the member that asked was given them.
        withheld: What the gate kept back, with the reason.
        disclosed: What the disclosure did.
    """

    row: RequestRow
    given: tuple[ItemName, ...]
    withheld: tuple[Withholding, ...]
    disclosed: Disclosed


def answer_request(
    node: Node,
    actor: Actor,
    gate: Gate,
    row: RequestRow,
    handles: Sequence[int],
    *,
    partial: bool = False,
    article: ArticleId | None = None,
    threat_to_life: bool = False,
) -> Answered:
    """Give items in answer to a request received.

    Args:
        node: The node.
        actor: A supervisor.
        gate: The node's gate.
        row: The request.
        handles: Held items; 1 to 1 000.
        partial: Whether more is to follow.
        article: The article relied on; None has the freest proposed.
        threat_to_life: Whether the actor asserts a threat to life. That the request does is another
            member's word: what is given here rests on ours.

    Raises:
        AccessDeniedError: The actor is no supervisor.
        CaseCourseError: The request is withdrawn, closed, or not one to be answered.
        RefusedError: It is one of ours; nothing is named; or the gate gave nothing: the message
            says why.
    """
    require_role(actor, Role.SUPERVISOR)
    _check_side(row, RequestSide.RECEIVED)
    next_state(row.state, RequestEvent.ANSWER_IN_PART if partial else RequestEvent.ANSWER)
    if not 1 <= len(set(handles)) <= MAX_ITEMS:
        raise RefusedError(f"an answer gives 1 to {MAX_ITEMS} items")
    wish = replace(wish_of(row), article=article, threat_to_life=threat_to_life)
    [done] = disclose(node, actor, gate, handles, wish)
    with node.database.read() as tx:
        given = _given(tx, row.member, handles)
    if not given:
        reasons = "; ".join(dict.fromkeys(each.reason for each in done.withheld))
        raise RefusedError(f"nothing was given to {row.member}: {reasons or 'it has it already'}")
    word = Word.PARTIAL if partial or done.withheld else Word.ANSWERED
    row = _say(node, actor, gate, row, word, items=given)
    return Answered(row=row, given=given, withheld=done.withheld, disclosed=done)


def _given(tx: Transaction, member: MemberId, handles: Sequence[int]) -> tuple[ItemName, ...]:
    """Return under which names a member was given items, those withheld left out."""
    sent = {
        each.handle
        for handle in dict.fromkeys(handles)
        for each in tx.feeds.disclosures(handle)[-_LOOKED_AT:]
        if each.recipient == member
    }
    rows = tx.items.rows(sorted(sent))
    return tuple(
        sorted({ItemName(object_id=row.key.object_id, version=row.key.version) for row in rows})
    )


_LOOKED_AT = 1_000


def extend_request(
    node: Node, actor: Actor, gate: Gate, row: RequestRow, *, until: datetime | None = None
) -> RequestRow:
    """Put the answer to a request received off, once.

    Args:
        node: The node.
        actor: An analyst or a supervisor.
        gate: The node's gate.
        row: The request.
        until: The new deadline; None for the latest the treaty allows.

    Raises:
        AccessDeniedError: The actor may not.
        RefusedError: It was put off before, or further than the treaty allows.
        CaseCourseError: It is not waiting for an answer.
    """
    require_role(actor, Role.ANALYST, Role.SUPERVISOR)
    _check_side(row, RequestSide.RECEIVED)
    next_state(row.state, RequestEvent.EXTEND)
    with node.database.read() as tx:
        clocks = node.law.view(tx).treaty(row.treaty).treaty.clocks
    latest = row.due + clocks.request_extension
    due = latest if until is None else until
    if row.extended or not clocks.request_extension:
        raise RefusedError(f"the answer to request {row.number} cannot be put off again")
    if not row.due < due <= latest:
        raise RefusedError(
            f"request {row.number} is due {row.due:%Y-%m-%d %H:%M} UTC; it can be put off to "
            f"{latest:%Y-%m-%d %H:%M} UTC at the latest"
        )
    if due <= node.clock.now():
        raise RefusedError(f"the time for request {row.number} is out, put off or not; answer it")
    return _say(node, actor, gate, row, Word.EXTENDED, due=due)


def refuse_request(
    node: Node, actor: Actor, gate: Gate, row: RequestRow, ground: Ground
) -> RequestRow:
    """Refuse a request received, on a ground of the treaty.

    Raises:
        AccessDeniedError: The actor is no supervisor.
        CaseCourseError: It was answered, withdrawn or closed.
    """
    require_role(actor, Role.SUPERVISOR)
    _check_side(row, RequestSide.RECEIVED)
    return _say(node, actor, gate, row, Word.REFUSED, ground=ground)


def withdraw_request(node: Node, actor: Actor, gate: Gate, row: RequestRow) -> RequestRow:
    """Take a request of ours back: its draft is thrown away; once sent, the other side is told.

    What was sent stays there until it is recalled like every item.

    Raises:
        AccessDeniedError: The actor is neither analyst nor supervisor.
        CaseCourseError: It has ended.
    """
    require_role(actor, Role.ANALYST, Role.SUPERVISOR)
    _check_side(row, RequestSide.ASKED)
    if row.state not in _BEFORE_SENDING:
        return _say(node, actor, gate, row, Word.WITHDRAWN)
    with node.database.write() as tx:
        row = _fresh(tx, row)
        if row.state is RequestState.DRAFT:
            tx.items.discard([row.item])
        row = move(tx, row, RequestEvent.WITHDRAW, by=actor.user, at=node.clock.now())
        note_act(tx, node, actor, "request.withdrawn", f"{row.number} {row.name}")
    return row


def close_request(
    node: Node,
    actor: Actor,
    gate: Gate,
    row: RequestRow,
    *,
    usefulness: int | None = None,
    feedback: Feedback | None = None,
) -> RequestRow:
    """Close a request of ours and tell the member asked of what use it was.

    Args:
        node: The node.
        actor: An analyst or a supervisor.
        gate: The node's gate.
        row: The request.
        usefulness: 1 (of no use) to 5; None says nothing of it.
        feedback: What the answer came to.

    Raises:
        AccessDeniedError: The actor may not.
        CaseCourseError: Nothing was heard yet, and its time is not out: withdraw it instead.
    """
    require_role(actor, Role.ANALYST, Role.SUPERVISOR)
    _check_side(row, RequestSide.ASKED)
    return _say(node, actor, gate, row, Word.CLOSED, usefulness=usefulness, feedback=feedback)


def _check_side(row: RequestRow, side: RequestSide) -> None:
    if row.side is not side:
        whose = "one of ours" if row.side is RequestSide.ASKED else f"of {row.member}"
        raise RefusedError(f"request {row.number} is {whose}; the other side does that")


def _fresh(tx: Transaction, row: RequestRow) -> RequestRow:
    found = tx.requests.get(row.number)
    if found is None:
        raise NotFoundError(f"no request {row.number}")
    return found


def _say(
    node: Node, actor: Actor, gate: Gate, row: RequestRow, word: Word, **what: Any
) -> RequestRow:
    """Lead a request on by a word of ours, and send the word, in one unit of work."""
    now = node.clock.now()
    status = RequestStatus(
        exercise=node.identity.exercise,
        speaker=node.identity.member,
        to=row.member,
        request=row.object_id,
        word=word,
        at=now,
        **what,
    )
    with node.database.write() as tx:
        refuse_lane(tx, row.member)  # a word is never lost: it waits until the lanes are rebuilt
        row = _with(_fresh(tx, row), status)
        row = move(tx, row, EVENTS[word], by=actor.user, at=now)
        tx.requests.answered(row.number, status.items)
        say(tx, node, gate, row, status, at=now)
        note_act(tx, node, actor, f"request.{word.value}", f"{row.number} {row.name}")
    node.settle()
    return row


def _with(row: RequestRow, status: RequestStatus) -> RequestRow:
    """Return a row with the figures of a word of ours."""
    if status.due is not None:
        return replace(row, due=status.due, extended=True)
    return replace(
        row,
        ground=row.ground if status.ground is None else status.ground.value,
        usefulness=status.usefulness or row.usefulness,
        feedback=row.feedback if status.feedback is None else status.feedback.value,
    )
