"""Who may not decide on a challenge: whoever had a hand in what it concerns.

1. Who submitted or drafted an item, vouched for it or found it neutral, approved its release or
   released it. That is read from what is noted of the item and from the journal of acts.
2. Of another member's item nobody here entered anything; who passed it on counts.
3. Where nothing tells who entered or vouched for an item of ours (it is older than these notes, or
   came back after a loss), one reviewer is not enough: a second person has to find the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foedus.node.context import Node
from foedus.node.four_eyes import DRAFTED, SUBMITTED, VOUCHED, hands_in
from foedus.node.ports import ItemRow, ItemState, Transaction

__all__ = ["Makers", "makers_of"]

_ENTERED: Final = frozenset({SUBMITTED, DRAFTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Makers:
    """Who had a hand in items.

    Attributes:
        users: Users of this node.
        unknown: Names of items of ours of which nothing tells who entered or vouched for them.
    """

    users: frozenset[str]
    unknown: tuple[str, ...]


def makers_of(tx: Transaction, node: Node, rows: Sequence[ItemRow]) -> Makers:
    """Return who of this node had a hand in items.

    Args:
        tx: A transaction.
        node: The node.
        rows: The items; of every originator.
    """
    handles = [row.handle for row in rows]
    hands = hands_in(tx, rows)
    users = {user for parts in hands.values() for user in parts}
    users.update(tx.challenges.approvers(handles))
    given = [each for handle in handles for each in tx.feeds.disclosures(handle)]
    entries = {(each.recipient, each.entry_index) for each in given}
    users.update(tx.challenges.releasers(entries))
    unknown = []
    for row in rows:
        if row.key.originator != node.identity.member:
            continue
        parts = frozenset(part for each in hands.get(row.handle, {}).values() for part in each)
        vouched = VOUCHED in parts or row.state is ItemState.DRAFT
        if not (parts & _ENTERED and vouched):
            unknown.append(str(row.number or row.key.object_id))
    return Makers(users=frozenset(users), unknown=tuple(sorted(unknown)))
