"""Where every lane stands, by both accounts: what each member confirmed of ours, and we of theirs.

A member confirms with one signed head for all rows before it, so what it has is known to the row
and to the byte: its count and its digest, beside our digest after as many rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foedus.model.identifiers import MemberId
from foedus.node.accept_codes import ACCEPTED, HELD_FOR_LAW, KNOWN
from foedus.node.context import Node
from foedus.node.dispatch import LANE_BULK, LANES
from foedus.node.lane_closing import why_closed
from foedus.node.ports import PeerRow, Transaction

__all__ = ["GivenLane", "TakenLane", "given_lanes", "taken_lanes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLane:
    """One of our lanes, and what its recipient says of it.

    Attributes:
        rows: Rows in it, disclosure rows included.
        items: Rows that are items.
        confirmed: Rows its newest signed head acknowledges.
        equal: Whether the digest it signed is ours after as many rows; None where it signed none.
        confirmed_at: When that head was signed; None where there is none.
        waiting_since: When the oldest row it did not confirm was given; None where there is none.
        held_back: Why what comes next is not served to it; "" when it is.
    """

    member: MemberId
    lane: str
    rows: int
    items: int
    confirmed: int
    equal: bool | None
    confirmed_at: datetime | None
    waiting_since: datetime | None
    held_back: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenLane:
    """A member's lane to us, as far as we took it.

    Attributes:
        rows: Rows processed, disclosure rows included; what we last signed or will sign.
        held: Items held, those held before included.
        waiting: Items that wait for law.
        quarantined: Items refused.
        halted: Why it stands still; "" when it does not.
    """

    member: MemberId
    lane: str
    rows: int
    held: int
    waiting: int
    quarantined: int
    halted: str


def given_lanes(tx: Transaction, node: Node, member: MemberId | None = None) -> list[GivenLane]:
    """Return our lanes to every peer, or to one, in the order of members and lanes."""
    items = tx.feeds.counts()
    return [
        _given(tx, node, peer, lane, items.get((peer.member, lane), 0))
        for peer in tx.peers.all()
        if peer.member != node.identity.member and member in {None, peer.member}
        for lane in LANES
    ]


def _given(tx: Transaction, node: Node, peer: PeerRow, lane: str, items: int) -> GivenLane:
    out = tx.feeds.lane(peer.member, lane)
    count, digest, at = peer.head.get(lane, (0, "", None))
    ours = tx.feeds.digest_at(peer.member, lane, count) if digest else None
    return GivenLane(
        member=peer.member,
        lane=lane,
        rows=out.count,
        items=items,
        confirmed=count,
        equal=None if not digest else ours is not None and ours.hex() == digest,
        confirmed_at=at,
        waiting_since=tx.feeds.added_at(peer.member, lane, count + 1),
        held_back=_held_back(tx, node, peer.member, lane, count + 1),
    )


def _held_back(tx: Transaction, node: Node, member: MemberId, lane: str, position: int) -> str:
    """Say why the row that comes next is not served; "" when it is, or there is none."""
    if lane != LANE_BULK:
        return ""
    for end, treaty in tx.feeds.treaties(member, lane, first=position, last=position):
        if end >= position and treaty is not None:
            return why_closed(tx, node, member, treaty)
    return ""


def taken_lanes(tx: Transaction, node: Node, member: MemberId | None = None) -> list[TakenLane]:
    """Return the lanes of every peer to us, or of one, in the order of members and lanes."""
    found: dict[tuple[MemberId, str], dict[str, int]] = {}
    for (sender, lane, code), number in tx.inbox.counts().items():
        found.setdefault((sender, lane), {})[code] = number
    taken = []
    for peer in tx.peers.all():
        if peer.member == node.identity.member or member not in {None, peer.member}:
            continue
        for lane in LANES:
            cursor = tx.inbox.cursor(peer.member, lane)
            codes = found.get((peer.member, lane), {})
            taken.append(
                TakenLane(
                    member=peer.member,
                    lane=lane,
                    rows=cursor.count,
                    held=codes.get(ACCEPTED, 0) + codes.get(KNOWN, 0),
                    waiting=codes.get(HELD_FOR_LAW, 0),
                    quarantined=sum(n for code, n in codes.items() if code.startswith("quarant")),
                    halted=cursor.halted,
                )
            )
    return taken
