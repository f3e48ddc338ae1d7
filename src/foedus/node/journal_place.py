"""Where an entry that is named by a log of ours and an index stands in the journal.

The journal of a closed log lies below zero: it was moved by its own length, and by that of each log
closed since (:mod:`foedus.node.close_log`).
"""

from __future__ import annotations

from foedus.node.context import Node
from foedus.node.ports import Transaction

__all__ = ["place_in_journal"]


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
