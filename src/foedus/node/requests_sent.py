"""What a disclosure must know of requests for information: to whom each goes, and that it went.

Apart from sending itself, since :mod:`foedus.node.disclose` asks this of every disclosure, by
whichever command it is made.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from foedus.access import Actor
from foedus.casework.request_course import TRANSITIONS, RequestEvent
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind
from foedus.node.errors import RefusedError
from foedus.node.ports import ItemRow, Transaction
from foedus.node.ports.requests import RequestSide
from foedus.node.requests import move
from foedus.release.gate import ReleasedBatch

__all__ = ["check_addressees", "note_sent_requests"]


def check_addressees(
    tx: Transaction, items: Sequence[ItemRow], members: Collection[MemberId]
) -> None:
    """Refuse to give a request to a member it is not addressed to.

    Args:
        tx: A transaction.
        items: What is to be disclosed.
        members: To whom.

    Raises:
        RefusedError: A request is among them that does not ask each of these members.
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
