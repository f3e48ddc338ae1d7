"""Where an entry that is named by a log of ours and an index stands in the journal, and back.

The journal of a closed log lies below zero: it was moved by its own length, and by that of each log
closed since (:mod:`foedus.node.close_log`).
"""

from __future__ import annotations

from foedus.node.context import Node
from foedus.node.errors import NotFoundError
from foedus.node.identity import NodeIdentity
from foedus.node.ports import Transaction

__all__ = ["named_in_log", "place_in_journal"]


def place_in_journal(tx: Transaction, node: Node, origin: str, index: int) -> int | None:
    """Return the place of an entry in the journal; None when it is of no log of ours.

    Args:
        tx: Any transaction.
        node: The node.
        origin: Which log names it.
        index: Its index there, from 0; untrusted.
    """
    if origin == node.identity.log_origin:
        return index
    moved = 0
    for closed in reversed(tx.recovery.closed()):
        moved += closed.moved
        if closed.origin == origin:
            # An index past the places moved would collide with what follows it.
            return index - moved if index < closed.moved else None
    return None


def named_in_log(tx: Transaction, own: NodeIdentity, place: int) -> tuple[str, int]:
    """Return the log of ours in which an entry of the journal stands, and its index there.

    Raises:
        NotFoundError: No log of ours has such a place.
    """
    if place >= 0:
        return own.log_origin, place
    moved = 0
    for closed in reversed(tx.recovery.closed()):
        moved += closed.moved
        if place + moved >= 0:
            return closed.origin, place + moved
    raise NotFoundError("the journal has no such place")
