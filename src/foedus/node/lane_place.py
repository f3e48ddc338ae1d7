"""What a lane was after its first rows, as its sender signs it: for finding where accounts part.

The answer is JSON: ``head``, base64 of the sender's signed lane head (:mod:`foedus.node.heads`)
with that count and the digest there, or absent where no batch ends there; ``after``, the sender's
``date_added`` text of that row, from which its pages go on.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from foedus.clock import instant_text
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.dispatch import LANES
from foedus.node.errors import RefusedError
from foedus.node.heads import HeadError, LaneHead, sign_head
from foedus.node.recovering import refuse_lane

__all__ = ["LanePlace", "lane_place", "parse_place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlace:
    """An answer; nothing in it is verified.

    Attributes:
        head: The signed head; b"" where no batch ends at the count.
        after: From where the sender's pages go on; "" at the start.
    """

    head: bytes
    after: str


class _Form(msgspec.Struct, omit_defaults=True):
    head: bytes = b""
    after: str = ""


_form = msgspec.json.Decoder(_Form)


def lane_place(node: Node, member: MemberId, lane: str, count: int) -> bytes:
    """Answer a recipient about its lane.

    Raises:
        RefusedError: There is no such lane.
        RecoveringError: This node was restored and does not know the lane yet.
    """
    if lane not in LANES:
        raise RefusedError("there is no such lane")
    with node.database.read() as tx:
        refuse_lane(tx, member)
        digest = tx.feeds.digest_at(member, lane, count)
        added = tx.feeds.added_at(member, lane, count) if count else None
        instruments = node.law.view(tx).instruments.digest
    if digest is None:
        return msgspec.json.encode(_Form())
    head = sign_head(
        LaneHead(
            speaker=node.identity.member,
            sender=node.identity.member,
            recipient=member,
            lane=lane,
            count=count,
            digest=digest.hex(),
            instruments=instruments,
            instant=node.clock.now(),
        ),
        node.identity.node,
    )
    return msgspec.json.encode(_Form(head, "" if added is None else instant_text(added)))


def parse_place(data: bytes) -> LanePlace:
    """Read an answer.

    Raises:
        HeadError: It is not of this form.
    """
    try:
        form = _form.decode(data)
    except (ValueError, RecursionError) as error:
        raise HeadError("an answer about a lane is not of its form") from error
    return LanePlace(head=form.head, after=form.after)
