"""Ask of newly visible items whether something held by another originator is the same.

What arrives is matched against what is held, and the reverse: a hit names both.
Look-ups are made for all items of a call at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from foedus.matching import Silence, match_exact, why_silent
from foedus.model.identifiers import MemberId
from foedus.model.selectors import Selector
from foedus.node.context import Node
from foedus.node.ports import NewHit, Transaction

__all__ = ["Standing", "match_visible", "standing_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one selector here.

    Attributes:
        frequency: Visible items carrying it.
        handles: Some of them, newest first.
        silence: Why it gives no hits; None if it does.
    """

    frequency: int
    handles: tuple[int, ...]
    silence: Silence | None


def match_visible(
    tx: Transaction,
    node: Node,
    handles: Sequence[int],
    *,
    at: datetime,
    arrived: Mapping[int, tuple[MemberId, frozenset[Selector]]] | None = None,
) -> int:
    """Store a hit for each held item of another originator that shares a selector.

    Args:
        tx: A writing transaction; the items are visible in it.
        node: The node.
        handles: Items that have just become visible.
        at: Instant of the act.
        arrived: Originator and selectors of each of these items, where they are known; read if
            None.

    Returns:
        How many hits were new.
    """
    carried = (
        tx.items.selectors(handles)
        if arrived is None
        else {handle: selectors for handle, (_, selectors) in arrived.items()}
    )
    asked = {
        handle: [each for each in selectors if node.benign.reason(each) is None]
        for handle, selectors in carried.items()
    }
    wanted = sorted(set(_flatten(asked)), key=lambda each: (each.kind, each.value))
    if not wanted:
        return 0
    postings = tx.items.postings(wanted, cap=node.match_limits.cut_off)
    named = set(asked)
    for posting in postings.values():
        if posting.frequency <= node.match_limits.cut_off:
            named.update(posting.handles)
    originators = {handle: originator for handle, (originator, _) in (arrived or {}).items()}
    unknown = sorted(named - originators.keys())
    originators.update((row.handle, row.key.originator) for row in tx.items.rows(unknown))
    matches = match_exact(
        asked, postings, originators, benign=node.benign, limits=node.match_limits
    )
    return tx.hits.add(
        [
            NewHit(
                arrived=match.arrived,
                held=match.held,
                selector=match.selector,
                how="exact",
                frequency=match.frequency,
                at=at,
            )
            for match in matches
        ]
    )


def standing_of(tx: Transaction, node: Node, selector: Selector) -> Standing:
    """Return where a selector stands: who carries it, and why it is or is not a hit."""
    posting = tx.items.postings([selector], cap=node.match_limits.cap).get(selector)
    return Standing(
        frequency=0 if posting is None else posting.frequency,
        handles=() if posting is None else posting.handles,
        silence=why_silent(selector, posting, node.benign, node.match_limits),
    )


def _flatten(arrived: dict[int, list[Selector]]) -> list[Selector]:
    return [selector for selectors in arrived.values() for selector in selectors]
