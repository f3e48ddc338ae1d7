"""Both ends of a lane say where it stands: our head with each page, the recipient's in return.

An acknowledgement is no item: the newest signed head of a recipient acknowledges all before it.
"""

from __future__ import annotations

from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.dispatch import LANES
from foedus.node.duties import acknowledged_by
from foedus.node.errors import RefusedError
from foedus.node.heads import LaneHead, open_head, sign_head
from foedus.node.ports import Alarm, Transaction
from foedus.node.recovering import refuse_lane
from foedus.node.withheld import open_taken
from foedus.signing import KeyPurpose

__all__ = ["accept_head", "lane_head"]

_DISAGREEMENT = "lane.disagreement"


def lane_head(tx: Transaction, node: Node, recipient: MemberId, lane: str) -> bytes:
    """Return our signed head of a recipient's lane, as the transaction sees it."""
    refuse_lane(tx, recipient)
    out = tx.feeds.lane(recipient, lane)
    return sign_head(
        LaneHead(
            speaker=node.identity.member,
            sender=node.identity.member,
            recipient=recipient,
            lane=lane,
            count=out.count,
            digest=out.digest.hex(),
            instruments=node.law.view(tx).instruments.digest,
            instant=node.clock.now(),
        ),
        node.identity.node,
    )


def accept_head(node: Node, member: MemberId, document: bytes) -> LaneHead:
    """Take a recipient's acknowledgement of our lane to it; safe to repeat.

    A head that is older than the one held changes nothing. One that says another content for the
    rows it covers, or more rows than we ever sent, is kept as an alarm: the two sides disagree.

    Raises:
        HeadError: It is malformed or not signed by the member.
        RefusedError: It speaks of another lane.
        RecoveringError: This node was restored and does not know the lane yet.
    """
    now = node.clock.now()
    with node.database.read() as tx:
        keys = node.law.view(tx).keys(member, KeyPurpose.NODE, now)
    head = open_head(document, keys)
    if (head.speaker, head.recipient, head.sender) != (member, member, node.identity.member):
        raise RefusedError("the acknowledgement speaks of another lane")
    if head.lane not in LANES:
        raise RefusedError("there is no such lane")
    with node.database.write() as tx:
        refuse_lane(tx, member)
        known = tx.peers.get(member)
        if known is None:
            raise RefusedError("the member is not introduced")
        before = known.head.get(head.lane)
        if before is not None and (head.count < before[0] or head.instant < before[2]):
            return head
        tx.peers.set_head(
            member, head.lane, count=head.count, digest=head.digest, at=min(head.instant, now)
        )
        tx.peers.keep_acknowledgement(member, head.lane, document)
        disagreement = _disagreement(tx, member, head)
        subject = f"{member}/{head.lane}"
        if disagreement:
            tx.alarms.set(Alarm(code=_DISAGREEMENT, subject=subject, text=disagreement, since=now))
        else:
            tx.alarms.clear(_DISAGREEMENT, subject)
            acknowledged_by(tx, member, head, at=now)
            # What was erased before the recipient took it is needed in no document any more.
            open_taken(tx, member, head.lane, head.count)
    return head


def _disagreement(tx: Transaction, member: MemberId, head: LaneHead) -> str:
    """Say in what a recipient's head differs from our lane up to there; "" if in nothing."""
    lane = tx.feeds.lane(member, head.lane)
    if head.count > lane.count:
        return f"{member} signs {head.count} rows; our lane has {lane.count}"
    ours = tx.feeds.digest_at(member, head.lane, head.count)
    if ours is None:
        return f"{member} signs {head.count} rows; no batch of our lane ends there"
    if head.digest != ours.hex():
        return f"{member} signs another content for the same {head.count} rows"
    return ""
