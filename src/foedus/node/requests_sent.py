"""What a disclosure must know of requests for information: to whom each goes, and that it went.

Apart from sending itself, since :mod:`foedus.node.disclose` asks this of every disclosure, by
whichever command it is made.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from foedus.access import Actor
from foedus.casework.request_course import TRANSITIONS, RequestEvent, RequestState
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.ports import ItemRow, Transaction
from foedus.node.ports.requests import RequestRow, RequestSide
from foedus.node.requests import move
from foedus.release.gate import ReleasedBatch

__all__ = ["DAY", "check_addressees", "note_sent_requests"]

DAY: Final = timedelta(days=1)
"""Within which a member sends another only so many requests."""

_OVER: Final = frozenset({RequestState.WITHDRAWN, RequestState.EXPIRED, RequestState.CLOSED})


def check_addressees(
    tx: Transaction, node: Node, items: Sequence[ItemRow], members: Collection[MemberId]
) -> None:
    """Refuse to give a request to a member it is not addressed to, too late, or one too many.

    Args:
        tx: A transaction.
        node: The node.
        items: What is to be disclosed.
        members: To whom.

    Raises:
        RefusedError: A request is among them that does not ask each of these members, that is
            withdrawn, closed or past its time, or for which the treaty leaves no room today.
    """
    handles = [each.handle for each in items if each.type == FoedusKind.REQUEST]
    if not handles:
        return
    named = {row.item: row for row in tx.requests.of_items(handles)}
    for handle in handles:
        row = named.get(handle)
        if row is None or row.side is RequestSide.RECEIVED:
            raise RefusedError("a request that came from elsewhere is answered, not passed on")
        if set(members) != {row.member}:
            raise RefusedError(
                f"request {row.number} ({row.name}) asks {row.member} and nobody else; send it "
                f"with `foedus request send {row.number}`"
            )
        _check_current(tx, node, row)


def _check_current(tx: Transaction, node: Node, row: RequestRow) -> None:
    """Refuse what is over, and what the treaty leaves no room for today."""
    now = node.clock.now()
    first = row.state is RequestState.APPROVED
    if row.state in _OVER or (first and row.due <= now):
        what = "past its time" if first else row.state.value
        raise RefusedError(f"request {row.number} ({row.name}) is {what}; draft it anew")
    most = node.law.view(tx).treaty(row.treaty).treaty.clocks.requests_a_day
    last = tx.requests.newest(RequestSide.ASKED, row.member, RequestEvent.SEND, most)
    if first and last is not None and last > now - DAY:
        raise RefusedError(
            f"{most} requests went to {row.member} within a day, and the treaty lets no more go; "
            f"the next one goes after {last + DAY:%Y-%m-%d %H:%M} UTC"
        )


def note_sent_requests(
    tx: Transaction, batch: ReleasedBatch, actor: Actor, *, at: datetime
) -> None:
    """Note, within the unit of work that gives them, that requests went out."""
    handles = [each.handle for each in batch.items if each.obj.type == FoedusKind.REQUEST]
    if not handles:
        return
    for row in tx.requests.of_items(handles):
        if row.member == batch.recipient and (row.state, RequestEvent.SEND) in TRANSITIONS:
            move(tx, row, RequestEvent.SEND, by=actor.user, at=at)
