"""Repair of a lane on which its two ends do not agree: find where they part, and fetch from there.

A mismatch stands with an alarm and the lane stands still (:mod:`foedus.node.lane_pull`). Then:

1. Both ends know the digest of the lane at the end of each batch: the sender from its rows, we
   from the sender's own signed disclosures that we keep. The last end at which they agree is found
   by halving: so many questions as the number of batches has binary digits.
2. Our cursor is set there. Nothing received is thrown away.
3. The lane is pulled from there. Everything is verified as ever: signatures, commitments, digest,
   the sender's log. What is held already is known again; what was lost is taken.
4. If that went well and the same rows had come before with another signed content, an alarm
   ``lane-rewritten`` stays for people: the sender signed two. If not, our cursor is put back and
   the first alarm stands, with what was found.

Where the sender has fewer rows than we do nothing is repaired here: then it is the sender that lost
some, and it asks us for them (:mod:`foedus.node.recover`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foedus.ledger.commitment import EMPTY_LANE
from foedus.node.accept_codes import DISCLOSURE
from foedus.node.context import Node
from foedus.node.errors import ErasedError, IntegrityError
from foedus.node.heads import HeadError, open_head
from foedus.node.lane_place import parse_place
from foedus.node.lane_pull import LaneReport
from foedus.node.opened import payload_of
from foedus.node.peer_ports import PeerEndpoint, PeerError, RepairClient
from foedus.node.ports import Alarm, InCursor
from foedus.node.receive import open_disclosure
from foedus.release.record import DisclosurePayload
from foedus.signing import KeyPurpose

__all__ = ["ALARM_REWRITTEN", "REPAIRED", "repair"]

ALARM_REWRITTEN: Final = "lane-rewritten"
"""A sender signed two contents for the same rows of its lane to us; both are kept."""

REPAIRED: Final = ("lane-digest", "sequence")
"""Faults of which a lane may be repaired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agreed:
    """A place at which both ends agree.

    Attributes:
        known: How many of our batches lie up to there.
    """

    count: int
    digest: bytes
    after: str
    known: int


def repair(
    node: Node,
    client: RepairClient,
    peer: PeerEndpoint,
    report: LaneReport,
    again: Callable[[], LaneReport],
) -> LaneReport:
    """Repair a lane that stands still for a mismatch, if that can be done from here.

    Args:
        node: The node.
        client: Speaks to the peer.
        peer: The sender.
        report: What the pull that failed did.
        again: Pulls the lane once more.

    Returns:
        The report of the lane after that; the one given where nothing was repaired.

    Raises:
        PeerError: The peer was lost on the way; the lane is as it was.
    """
    lane = report.lane
    with node.database.read() as tx:
        before = tx.inbox.cursor(peer.member, lane)
        openings = tx.inbox.openings(peer.member, lane, opening=DISCLOSURE)
    try:
        agreed = _last_agreed(node, client, peer, lane, openings)
    except PeerError:
        return report  # it tells nothing of the kind, or is lost: the alarm stands
    if (agreed.count, agreed.digest) == (before.count, before.digest):
        return report  # both agree on all we have: the fault is in what comes next
    place = replace(
        before,
        count=agreed.count,
        digest=agreed.digest,
        added_after=agreed.after,
        anchor=agreed.count,
    )
    with node.database.write() as tx:
        tx.inbox.advance(place)
    try:
        later = again()
    except PeerError:
        _put_back(node, before, report.fault)
        raise
    parted = f"rows {agreed.count + 1} to {max(before.count, agreed.count + 1)}"
    if later.fault and later.count <= before.count:
        _put_back(node, before, f"{report.fault}; the two ends part in {parted}: {later.fault}")
        return replace(report, fault=f"{report.fault} (the two ends part in {parted})")
    if not later.fault and agreed.known < len(openings):
        _tell_rewritten(node, peer, lane, openings[agreed.known :], parted)
    return replace(later, healed=parted if agreed.count < before.count else "our own count")


def _last_agreed(
    node: Node,
    client: RepairClient,
    peer: PeerEndpoint,
    lane: str,
    openings: Sequence[tuple[int, int]],
) -> _Agreed:
    """Return the last end of a batch at which both ends agree, by halving."""
    low, high = 0, len(openings)  # agreed up to low batches; not known to be beyond high
    agreed = _Agreed(count=0, digest=EMPTY_LANE, after="", known=0)
    while low < high:
        middle = (low + high + 1) // 2
        found = _agree_on(node, client, peer, lane, openings[middle - 1], known=middle)
        if found is None:
            high = middle - 1
        else:
            low, agreed = middle, found
    return agreed


def _agree_on(
    node: Node,
    client: RepairClient,
    peer: PeerEndpoint,
    lane: str,
    opening: tuple[int, int],
    *,
    known: int,
) -> _Agreed | None:
    """Ask about the end of one batch; None where the ends differ or ours cannot be read."""
    payload = _payload(node, peer, opening)
    if payload is None or payload.lane != lane:
        return None
    answer = client.lane_place(peer, lane, count=payload.lane_count)
    now = node.clock.now()
    with node.database.read() as tx:
        keys = node.law.view(tx).keys(peer.member, KeyPurpose.NODE, now)
    try:
        place = parse_place(answer)
        head = open_head(place.head, keys)  # none at all is none that is signed
    except HeadError:
        return None
    named = (head.speaker, head.sender, head.recipient, head.lane, head.count, head.digest)
    ours = node.identity.member
    wanted = (peer.member, peer.member, ours, lane, payload.lane_count, payload.lane_digest)
    if named != wanted:
        return None
    return _Agreed(
        count=head.count, digest=bytes.fromhex(head.digest), after=place.after, known=known
    )


def _payload(node: Node, peer: PeerEndpoint, opening: tuple[int, int]) -> DisclosurePayload | None:
    """Return what a disclosure that we keep says; None if it cannot be read.

    One that is kept item by item was verified when it came, and says where its lane stood.
    """
    _, handle = opening
    signed = _signed(node, peer, opening)
    if signed is not None:
        return signed
    with node.database.read() as tx:
        try:
            return None if tx.erasure.opened(handle) is None else payload_of(tx, handle)
        except ErasedError:
            return None


def _signed(node: Node, peer: PeerEndpoint, opening: tuple[int, int]) -> DisclosurePayload | None:
    """Return what a disclosure that we keep whole says, as its sender signed it."""
    position, handle = opening
    with node.database.read() as tx:
        raw = tx.items.raw([handle]).get(handle)
        if raw is None:
            return None
        try:
            _, payload = open_disclosure(tx, node, peer.member, raw, position=position)
        except IntegrityError:
            return None
    return payload


def _put_back(node: Node, before: InCursor, text: str) -> None:
    subject = f"{before.sender}/{before.lane}"
    with node.database.write() as tx:
        tx.inbox.advance(replace(before, halted=text))
        for alarm in tx.alarms.open():
            if alarm.subject == subject and alarm.code.startswith("lane."):
                tx.alarms.set(replace(alarm, text=text))


def _tell_rewritten(
    node: Node,
    peer: PeerEndpoint,
    lane: str,
    openings: Sequence[tuple[int, int]],
    parted: str,
) -> None:
    """Say that the sender signed two contents, where ours can be read: else ours was damaged."""
    if _signed(node, peer, openings[0]) is None:
        return
    with node.database.write() as tx:
        tx.alarms.set(
            Alarm(
                code=ALARM_REWRITTEN,
                subject=f"{peer.member}/{lane}",
                text=f"{peer.member} signed two contents for {parted} of its {lane} lane to us; "
                "both are kept, and what came first was not taken back",
                since=node.clock.now(),
            )
        )
