"""Deconfliction: two members that work on the same thing learn so, and nobody else does.

A hit between an item of ours that we gave a member, and an item that this member itself gave us, is
a question both have: each knows the selector from the other, since each was given it by the other.
Both nodes find this by themselves, from what stands in their own stores. Nothing is sent for it, so
nobody learns of it who is not of the two, and neither learns of a third. Where only one of the two
gave the selector, the other is told nothing.

1. It is looked for when items arrive and when items are given; what is found is kept.
2. It is shown with the hit, and as one alarm for each such member, which names no selector.
3. The alarm ends when no live hit is shared any more: dismissed, or its items are gone.

Spec: design §2 rules 7 and 9; Convention Article 4 (3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.ports import Alarm, Transaction
from foedus.release.gate import Gate

__all__ = ["SHARED", "end_shared", "note_shared", "review_shared"]

SHARED: Final = "matter.shared"
"""The alarm; its subject is the other member."""


def note_shared(tx: Transaction, node: Node, items: Sequence[int], *, at: datetime) -> int:
    """Find and keep the hits on items of which another member has the same question.

    Args:
        tx: A writing transaction, in which the items were taken or given.
        node: The node.
        items: Handles; of items that arrived, or that were given.
        at: The instant of the act.

    Returns:
        How many are new.
    """
    if not items:
        return 0
    found = tx.onward.shared_hits(items, own=node.identity.member)
    new = tx.onward.add_shared(found) if found else 0
    if new:
        counts = tx.onward.shared_counts()
        for member in sorted({each.member for each in found}):
            _tell(tx, member, counts.get(member, 0), at)
    return new


def review_shared(tx: Transaction, *, at: datetime) -> None:
    """Bring the alarms to what stands: after hits were answered or items went."""
    counts = tx.onward.shared_counts()
    open_ones = {each.subject for each in tx.alarms.open() if each.code == SHARED}
    for subject in sorted(open_ones):
        member = MemberId(subject)
        if counts.get(member, 0):
            _tell(tx, member, counts[member], at)
        else:
            tx.alarms.clear(SHARED, subject)


def end_shared(node: Node, gate: Gate) -> int:  # noqa: ARG001 - a step of the clock
    """Close alarms about questions that went with their items; returns how many.

    A step of the clock: it writes only where one has to be closed.
    """
    with node.database.read() as tx:
        open_ones = {each.subject for each in tx.alarms.open() if each.code == SHARED}
        ended = open_ones - set(tx.onward.shared_counts()) if open_ones else set()
    if ended:
        with node.database.write() as tx:
            review_shared(tx, at=node.clock.now())
    return len(ended)


def _tell(tx: Transaction, member: MemberId, count: int, at: datetime) -> None:
    what = "a question" if count == 1 else f"{count} questions"
    tx.alarms.set(
        Alarm(
            code=SHARED,
            subject=member,
            text=f"{member} works on {what} that are ours too, as each of you gave the other: "
            "speak with it before acting (`foedus hits list`)",
            since=at,
        )
    )
