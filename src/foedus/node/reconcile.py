"""Do the figures agree? What was read, held, withheld, disclosed, received, quarantined.

1. read = taken + duplicates + refused, for each source.
2. Our lane to a member and what the member signed that it has: same count, same digest.
3. A member's lane to us: rows processed = accepted + known + held for law + quarantined, disclosure
   rows apart. What is held for law moves to one of the others; each row is counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foedus.model.identifiers import MemberId
from foedus.node.dispatch import LANES
from foedus.node.identity import NodeIdentity
from foedus.node.ports import HitState, ItemState, SourceRow, Transaction

__all__ = ["Figures", "LaneAgreement", "figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneAgreement:
    """One of our lanes beside what its recipient confirmed.

    Attributes:
        count: Rows in our lane.
        items: Rows that are items (disclosure rows left out).
        confirmed: Rows the recipient's newest signed head acknowledges.
        agreed: Whether count and digest are equal.
        pending: Whether the recipient merely has not pulled everything yet.
    """

    recipient: MemberId
    lane: str
    count: int
    items: int
    confirmed: int
    agreed: bool
    pending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A node's figures at one instant.

    Attributes:
        received: (sender, lane) → outcome code → rows.
        unbalanced: Sources whose figures do not add up; empty unless something is wrong.
    """

    states: Mapping[ItemState, int]
    sources: tuple[SourceRow, ...]
    lanes: tuple[LaneAgreement, ...]
    received: Mapping[tuple[MemberId, str], Mapping[str, int]]
    hits: Mapping[HitState, int]
    log_entries: int
    unbalanced: tuple[str, ...]


def figures(tx: Transaction, identity: NodeIdentity) -> Figures:
    """Return the node's figures, all from one snapshot."""
    sources = tuple(tx.sources.all())
    items = tx.feeds.counts()
    lanes = []
    for peer in tx.peers.all():
        if peer.member == identity.member:
            continue
        for name in LANES:
            lane = tx.feeds.lane(peer.member, name)
            count, digest = 0, ""
            if name in peer.head:
                count, digest, _ = peer.head[name]
            lanes.append(
                LaneAgreement(
                    recipient=peer.member,
                    lane=name,
                    count=lane.count,
                    items=items.get((peer.member, name), 0),
                    confirmed=count,
                    agreed=count == lane.count and (count == 0 or digest == lane.digest.hex()),
                    pending=count < lane.count,
                )
            )
    received: dict[tuple[MemberId, str], dict[str, int]] = {}
    for (sender, lane_name, code), number in tx.inbox.counts().items():
        received.setdefault((sender, lane_name), {})[code] = number
    return Figures(
        states=tx.items.counts(),
        sources=sources,
        lanes=tuple(lanes),
        received=received,
        hits=tx.hits.counts(),
        log_entries=tx.ledger.count(),
        unbalanced=tuple(
            f"source:{row.handle} read {row.read}, taken {row.taken}, duplicates "
            f"{row.duplicates}, refused {len(row.refused)}"
            for row in sources
            if row.read != row.taken + row.duplicates + len(row.refused)
        ),
    )
