"""The API root for other members' nodes: each sees its own three lanes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from foedus.clock import Clock
from foedus.exchange.errors import ForbiddenError
from foedus.exchange.http_signature import RequestVerifier, SignableRequest
from foedus.exchange.lane_names import (
    HEADS_HEADER,
    LANE_HEAD_HEADER,
    PEERS_PATH,
    lane_collection_id,
)
from foedus.exchange.server.edge import MAX_SMALL_BODY_BYTES, Call
from foedus.exchange.server.resources import CollectionInfo, PageReply
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.dispatch import LANES
from foedus.node.ports import Database, Transaction
from foedus.node.serve_lane import WhyClosed, lane_page, lane_shows
from foedus.node.serve_tools import DraftOutcome
from foedus.node.served import PageQuery, VersionChoice
from foedus.signing.base64_text import to_base64

__all__ = ["SIGNATURE_CHALLENGE", "PeerGate", "PeersRoot"]

SIGNATURE_CHALLENGE: Final = 'Signature realm="foedus"'
"""Names the scheme of :mod:`foedus.exchange.http_signature` in ``WWW-Authenticate``."""

LaneHeadOf = Callable[[Transaction, MemberId, str], bytes]
"""From a transaction, a recipient and a lane: our signed head of it."""

_DESCRIPTIONS: Final = {
    "instruments": "Treaty texts and instruments.",
    "orders": "Corrections, recalls and what answers them.",
    "bulk": "What was disclosed.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerGate:
    """Lets members' nodes in by their signed requests.

    Attributes:
        verifier: Checks a request.
        base_path: Path of the node's own address, without a slash at its end. A member signs the
            path it calls; a proxy in front may have taken this part off.
    """

    verifier: RequestVerifier
    clock: Clock
    base_path: str

    def member(self, call: Call) -> MemberId:
        """Return the member who calls, or raise ``RequestSignatureError``."""
        request = SignableRequest(
            method=call.method,
            path=self.base_path + call.path,
            query=call.query,
            body=call.body,
        )
        return self.verifier.verify(request, call.headers, now=self.clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class PeersRoot:
    """The root at ``/peers/``.

    Attributes:
        heads_digest: Returns the digest of the log heads this node knows; "" for none.
    """

    gate: PeerGate
    database: Database
    lane_head: LaneHeadOf
    why_closed: WhyClosed
    member: MemberId
    title: str
    heads_digest: Callable[[], str] = str
    path: str = PEERS_PATH
    description: str = "Lanes of other members' nodes."
    max_body_bytes: int = MAX_SMALL_BODY_BYTES
    challenges: Sequence[str] = (SIGNATURE_CHALLENGE,)

    def view(self, call: Call) -> PeerView:
        """Authenticate a member's node."""
        caller = self.gate.member(call)
        return PeerView(
            database=self.database,
            lane_head=self.lane_head,
            why_closed=self.why_closed,
            heads_digest=self.heads_digest,
            sender=self.member,
            caller=caller,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """What one member sees: this node's lanes to it."""

    database: Database
    lane_head: LaneHeadOf
    why_closed: WhyClosed
    heads_digest: Callable[[], str]
    sender: MemberId
    caller: MemberId

    def collections(self) -> Sequence[CollectionInfo]:
        """Return the caller's three lanes, in the order they are drained."""
        return tuple(
            CollectionInfo(
                id=lane_collection_id(self.sender, self.caller, lane),
                alias=lane,
                title=lane,
                description=_DESCRIPTIONS[lane],
                can_read=True,
                can_write=False,
            )
            for lane in LANES
        )

    def page(self, info: CollectionInfo, query: PageQuery) -> PageReply:
        """Return a page of a lane, and the lane's signed head as of the page."""
        with self.database.read() as tx:
            page = lane_page(tx, self.caller, info.alias, query, why_closed=self.why_closed)
            head = self.lane_head(tx, self.caller, info.alias)
        headers = {LANE_HEAD_HEADER: to_base64(head)}
        digest = self.heads_digest()
        if digest:
            headers[HEADS_HEADER] = digest
        return PageReply(page=page, headers=headers)

    def exists(self, info: CollectionInfo, identifier: ObjectId) -> bool:
        """Say whether an object was disclosed in a lane."""
        with self.database.read() as tx:
            return lane_shows(tx, self.caller, info.alias, identifier)

    def add(
        self,
        info: CollectionInfo,  # noqa: ARG002  every view takes it
        objects: Sequence[bytes],  # noqa: ARG002  every view takes it
    ) -> Sequence[DraftOutcome]:
        """Refuse: peers pull, and nobody pushes."""
        raise ForbiddenError("a lane is not for writing")

    def discard(
        self,
        info: CollectionInfo,  # noqa: ARG002  every view takes it
        identifier: ObjectId,  # noqa: ARG002  every view takes it
        versions: VersionChoice,  # noqa: ARG002  every view takes it
    ) -> int:
        """Refuse: what was disclosed is recalled by its originator, not deleted."""
        raise ForbiddenError("a lane is not for writing")
