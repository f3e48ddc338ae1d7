"""Take requests for information that came, and the words of others on requests.

1. A request that was accepted as an item, is signed by its sender, asks this member, and belongs to
   the same treaty, stands in the inbox. Its deadline is the one it states, or the treaty's if that
   is later: nobody gives another less time than was agreed. It is acknowledged at once.
2. What is no request to us stays an item; people are told. So does what comes after more requests
   than the treaty lets a member send in a day.
3. A word is taken once, in whichever order it comes: the order lane is drained before the lane the
   request itself travels in. One on a request that is not here yet is kept until it is. One on a
   request of our own that a restored backup forgot finds its item and makes the row anew.
4. Only the member asked acknowledges, answers, puts off and refuses; only the one that asked
   withdraws and closes.

Spec: Convention Article 15(2); design §8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from foedus.canonical import canonical_bytes
from foedus.casework.errors import RequestError
from foedus.casework.request import Request, Urgency, answer_time, claimed_instant
from foedus.casework.request_course import WAITING, RequestEvent, RequestState
from foedus.casework.request_status import (
    ASKER_SAYS,
    EVENTS,
    STATUS_KIND,
    RequestStatus,
    Word,
    open_status,
)
from foedus.clock import instant_text
from foedus.errors import FoedusError
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.kinds import FoedusKind
from foedus.model.objects import parse_object
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.ports import Alarm, ItemState, NewItem, Transaction
from foedus.node.ports.requests import RequestRow, RequestSide
from foedus.node.ports.webhooks import EventKind
from foedus.node.requests import (
    ALARM_DUE,
    ALARM_TOO_MANY,
    ALARM_UNREADABLE,
    keys_of,
    look_of,
    move,
    open_item,
)
from foedus.node.requests_say import say
from foedus.node.requests_sent import DAY
from foedus.node.webhooks import tell
from foedus.release.gate import Gate
from foedus.signing import Envelope, parse_envelope

__all__ = ["take_request_status", "take_requests"]

_SHOWN: Final = 300
_AHEAD: Final = timedelta(days=1)
_LONGEST: Final = timedelta(days=400)


def take_requests(
    tx: Transaction,
    node: Node,
    gate: Gate,
    sender: MemberId,
    treaty: TreatyId,
    held: Mapping[int, NewItem],
    *,
    at: datetime,
) -> int:
    """Put the requests among newly held items into the inbox, and acknowledge them.

    Args:
        tx: A writing transaction, in which the items are held.
        node: The node.
        gate: Its gate.
        sender: Who disclosed them.
        treaty: Under which treaty.
        held: Handle → item, of what became visible.
        at: Instant of the act.

    Returns:
        How many were taken.
    """
    taken = 0
    for handle, item in held.items():
        if item.obj.type != FoedusKind.REQUEST:
            continue
        known = tx.requests.by_object(RequestSide.RECEIVED, item.obj.id)
        if known is not None and known.member == sender:
            continue
        try:
            request = _addressed(tx, node, sender, treaty, item, known)
            _check_times(tx, node, request, at)
        except RequestError as error:
            _unreadable(tx, sender, item, error, at)
            continue
        if not _has_room(tx, node, sender, treaty, at):
            continue
        _take(tx, node, gate, sender, request, handle, item, at)
        taken += 1
    return taken


def _addressed(
    tx: Transaction,
    node: Node,
    sender: MemberId,
    treaty: TreatyId,
    item: NewItem,
    known: RequestRow | None,
) -> Request:
    if known is not None:
        raise RequestError(f"it bears the id of a request of {known.member}")
    if item.originator != sender:
        raise RequestError("a request of another member was passed on; only its own asks us")
    request = open_item(tx, node, item.obj, sender)
    if request.asked != node.identity.member:
        raise RequestError(f"a request to {request.asked}")
    if request.treaty != treaty or request.exercise is not node.identity.exercise:
        raise RequestError("a request under another treaty, or of an exercise among what is real")
    return request


def _check_times(tx: Transaction, node: Node, request: Request, at: datetime) -> None:
    """Refuse instants of no use to a clock: signed in a day to come, or due in another age."""
    clocks = node.law.view(tx).treaty(request.treaty).treaty.clocks
    if request.at > at + _AHEAD:
        raise RequestError("a request that is signed in a time to come")
    if request.due > request.at + max(_LONGEST, answer_time(request.urgency, clocks)):
        raise RequestError("a request that is due in more than a year")


def _has_room(
    tx: Transaction, node: Node, sender: MemberId, treaty: TreatyId, at: datetime
) -> bool:
    """Say whether a member may ask more today, and tell people if not."""
    most = node.law.view(tx).treaty(treaty).treaty.clocks.requests_a_day
    last = tx.requests.newest(RequestSide.RECEIVED, sender, RequestEvent.ACKNOWLEDGE, most)
    if last is None or last <= at - DAY:
        tx.alarms.clear(ALARM_TOO_MANY, sender)
        return True
    tx.alarms.set(
        Alarm(
            code=ALARM_TOO_MANY,
            subject=sender,
            text=f"{sender} sent more than {most} requests within a day, which the treaty does not "
            "let it; the rest stands among the items (`foedus search --type foedus-request`) and "
            "runs on no clock",
            since=at,
        )
    )
    return False


def _unreadable(
    tx: Transaction, sender: MemberId, item: NewItem, error: RequestError, at: datetime
) -> None:
    tx.alarms.set(
        Alarm(
            code=ALARM_UNREADABLE,
            subject=sender,
            text=f"{sender} gave an item that says it is a request, and it is none to us: "
            f"{str(error)[:_SHOWN]} ({item.obj.id})",
            since=at,
        )
    )


def _take(
    tx: Transaction,
    node: Node,
    gate: Gate,
    sender: MemberId,
    request: Request,
    handle: int,
    item: NewItem,
    at: datetime,
) -> None:
    clocks = node.law.view(tx).treaty(request.treaty).treaty.clocks
    row = RequestRow(
        side=RequestSide.RECEIVED,
        name=request.name,
        member=sender,
        object_id=item.obj.id,
        item=handle,
        treaty=request.treaty,
        article=request.article,
        purpose=request.purpose,
        offence=request.offence,
        urgency=request.urgency,
        selectors=len(request.selectors),
        state=RequestState.SENT,
        at=request.at,
        due=max(request.due, request.at + answer_time(request.urgency, clocks)),
    )
    row = replace(row, number=tx.requests.add(row))
    row = move(tx, row, RequestEvent.ACKNOWLEDGE, by=node.identity.member, at=at)
    acknowledged = RequestStatus(
        exercise=node.identity.exercise,
        speaker=node.identity.member,
        to=sender,
        request=row.object_id,
        word=Word.ACKNOWLEDGED,
        at=at,
    )
    say(tx, node, gate, row, acknowledged, at=at)
    tell(
        tx,
        EventKind.REQUEST_RECEIVED,
        at,
        request=row.number,
        name=row.name,
        member=sender,
        urgency=row.urgency.value,
        selectors=row.selectors,
        due=instant_text(row.due),
    )
    if row.urgency is Urgency.LIFE:
        tx.alarms.set(
            Alarm(
                code=ALARM_DUE,
                subject=str(row.number),
                text=f"a life is in danger: {row.name} is to be answered by "
                f"{row.due:%Y-%m-%d %H:%M} UTC (`foedus request show {row.number}`)",
                since=at,
            )
        )
    for raw in tx.requests.take_early(sender, row.object_id):
        _take_early(tx, node, gate, sender, raw, at)


def _take_early(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, raw: bytes, at: datetime
) -> None:
    """Take a word that waited; one that may not follow is dropped, and holds up nothing."""
    try:
        take_request_status(tx, node, gate, sender, parse_envelope(msgspec.json.decode(raw)), at)
    except FoedusError as error:
        tx.alarms.set(
            Alarm(
                code=ALARM_UNREADABLE,
                subject=sender,
                text=f"{sender} sent a word on a request that may not follow: "
                f"{str(error)[:_SHOWN]}",
                since=at,
            )
        )


def take_request_status(
    tx: Transaction,
    node: Node,
    gate: Gate,  # noqa: ARG001 - every case act is taken with the same arguments
    sender: MemberId,
    envelope: Envelope,
    at: datetime,
) -> None:
    """Take a member's word on a request, once.

    Raises:
        RequestError: It is malformed or not signed by its sender.
        RefusedError: It is not the sender's to say.
        CaseCourseError: It may not follow in the state the request is in.
    """
    keys = keys_of(tx, node, sender, claimed_instant(envelope, kind=STATUS_KIND))
    status = open_status(envelope, keys)
    if (status.speaker, status.to) != (sender, node.identity.member):
        raise RefusedError("a word on a request between other members")
    if status.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix")
    side = RequestSide.RECEIVED if status.word in ASKER_SAYS else RequestSide.ASKED
    row = tx.requests.by_object(side, status.request)
    if row is None and side is RequestSide.ASKED:
        row = _forgotten(tx, node, sender, status)
    digest = hashlib.sha256(envelope.payload).hexdigest()
    if row is None:
        raw = canonical_bytes(envelope.document())
        if not tx.requests.keep_early(sender, status.request, digest, raw, at=at):
            raise RefusedError(f"{sender} sent too many words on requests that are not here")
        return
    if row.member != sender:
        raise RefusedError(f"a word on a request that {sender} has no part in")
    if not tx.requests.noted(row.number, digest):
        _apply(tx, node, row, status, digest, at)


def _apply(
    tx: Transaction, node: Node, row: RequestRow, status: RequestStatus, digest: str, at: datetime
) -> None:
    event = EVENTS[status.word]
    if status.word is Word.CLOSED and row.state in WAITING:
        # Where it was asked, the time ran out without an answer; here it was put off, or was later.
        row = move(tx, row, RequestEvent.EXPIRE, by=status.speaker, at=at)
    if row.state is RequestState.APPROVED and row.side is RequestSide.ASKED:
        # A restored backup does not remember that it was sent; the member asked has it.
        row = move(tx, row, RequestEvent.SEND, by=status.speaker, at=at)
    if status.word is Word.EXTENDED and status.due is not None:
        if row.extended:
            raise RefusedError(f"{row.member} put its answer to {row.name} off before")
        clocks = node.law.view(tx).treaty(row.treaty).treaty.clocks
        if status.due > row.due + clocks.request_extension:
            raise RefusedError(
                f"{row.member} put its answer to {row.name} off further than the treaty allows"
            )
        row = replace(row, extended=True, due=max(row.due, status.due))
    if status.ground is not None:
        row = replace(row, ground=status.ground.value)
    if status.word is Word.CLOSED:
        feedback = "" if status.feedback is None else status.feedback.value
        row = replace(row, usefulness=status.usefulness or 0, feedback=feedback)
    moved = move(tx, row, event, by=status.speaker, at=at, digest=digest)
    tx.requests.answered(moved.number, status.items)


def _forgotten(
    tx: Transaction, node: Node, sender: MemberId, status: RequestStatus
) -> RequestRow | None:
    """Return the row of a request of ours that stands here as an item only, made anew."""
    own = node.identity.member
    for item in tx.items.by_object_id(status.request):
        raw = tx.items.raw([item.handle]).get(item.handle)
        if item.key.originator != own or item.state is not ItemState.HELD or raw is None:
            continue
        try:
            request = open_item(tx, node, parse_object(raw), own)
        except RequestError:
            return None
        if request.asked != sender:
            return None
        row = RequestRow(
            side=RequestSide.ASKED,
            name=request.name,
            member=request.asked,
            object_id=status.request,
            item=item.handle,
            treaty=request.treaty,
            article=request.article,
            purpose=request.purpose,
            offence=request.offence,
            urgency=request.urgency,
            selectors=len(request.selectors),
            state=RequestState.SENT,
            at=request.at,
            due=request.due,
        )
        row = replace(row, look=look_of(row))
        return replace(row, number=tx.requests.add(row))
    return None
