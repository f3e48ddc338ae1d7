"""The API root for other members' nodes: each sees its own three lanes, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from foedus.clock import Clock
from foedus.exchange.errors import ForbiddenError, RequestSignatureError, SignatureFault
from foedus.exchange.http_signature import RequestVerifier, SignableRequest
from foedus.exchange.lane_names import (
    HEADS_HEADER,
    LANE_HEAD_HEADER,
    LANES_HEADER,
    PEERS_PATH,
    lane_collection_id,
)
from foedus.exchange.server.edge import MAX_SMALL_BODY_BYTES, Call
from foedus.exchange.server.resources import CollectionInfo, PageReply
from foedus.exchange.server.waiting import LaneWait, seconds_preferred
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.collected import Keep
from foedus.node.dispatch import LANES
from foedus.node.lane_counts import LaneCounts, format_counts, parse_counts
from foedus.node.ports import Database, Transaction
from foedus.node.read_copy import reading
from foedus.node.serve_lane import LaneRules, lane_shows
from foedus.node.serve_tools import DraftOutcome
from foedus.node.served import PageQuery, VersionChoice
from foedus.signing import PublicKey
from foedus.signing.base64_text import to_base64

__all__ = ["SIGNATURE_CHALLENGE", "PeerGate", "PeersRoot"]

SIGNATURE_CHALLENGE: Final = 'Signature realm="foedus"'
"""Names the scheme of :mod:`foedus.exchange.http_signature` in ``WWW-Authenticate``."""

KeysOf = Callable[[Transaction, MemberId], Sequence[PublicKey]]
"""From a transaction and a member: the node keys that speak for it now."""

LaneHeadOf = Callable[[Transaction, MemberId, str], bytes]
"""From a transaction, a recipient and a lane: our signed head of it."""

_KEY_ID: Final = re.compile(r';keyid="([^"]+)"', re.ASCII)

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
    rules: LaneRules
    member: MemberId
    title: str
    heads_digest: Callable[[], str] = str
    keys: KeysOf | None = None
    path: str = PEERS_PATH
    description: str = "Lanes of other members' nodes."
    max_body_bytes: int = MAX_SMALL_BODY_BYTES
    challenges: Sequence[str] = (SIGNATURE_CHALLENGE,)

    def brief(self, call: Call) -> bool:  # noqa: ARG002  every root takes it
        """Say that a signature, and the law behind a lane, are looked into in a thread."""
        return False

    def view(self, call: Call) -> PeerView:
        """Authenticate a member's node."""
        caller = self.gate.member(call)
        return PeerView(
            database=self.database,
            lane_head=self.lane_head,
            rules=self.rules,
            heads_digest=self.heads_digest,
            sender=self.member,
            caller=caller,
            asks=_Asks.of(call, self.keys),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asks:
    """What a call says of waiting.

    Attributes:
        seconds: How long it would wait; 0 not at all.
        known: How far the caller has come in each lane; None where it did not say.
        key_id: The key that signed it, as verified.
        keys: Whether it still is one of the member's is asked of this.
    """

    seconds: int
    known: LaneCounts | None
    key_id: str
    keys: KeysOf | None

    @classmethod
    def of(cls, call: Call, keys: KeysOf | None) -> _Asks:
        """Read a call that is authenticated."""
        key_id = _KEY_ID.search(call.header("signature-input") or "")
        return cls(
            seconds=0 if keys is None else seconds_preferred(call.header("prefer")),
            known=parse_counts(call.header(LANES_HEADER) or ""),
            key_id="" if key_id is None else key_id[1],
            keys=keys,
        )

    def admitted(self, tx: Transaction, member: MemberId) -> bool:
        """Say whether the key that signed still speaks for the member."""
        if not self.seconds or self.keys is None:
            return True  # verified a moment ago, and answered at once
        return any(key.key_id == self.key_id for key in self.keys(tx, member))

    def wait(self, member: MemberId, counts: LaneCounts) -> LaneWait | None:
        """Return what the call waits for, when it is given nothing now."""
        behind = self.known is not None and any(
            self.known[lane] != count for lane, count in counts.items()
        )
        if not self.seconds or behind:
            return None
        return LaneWait(
            member=member,
            rows=sum(counts.values()),
            seconds=self.seconds,
            admitted=lambda tx: self.admitted(tx, member),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """What one member sees: this node's lanes to it."""

    database: Database
    lane_head: LaneHeadOf
    rules: LaneRules
    heads_digest: Callable[[], str]
    sender: MemberId
    caller: MemberId
    asks: _Asks

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
        caller = self.caller
        with reading(self.database) as both:
            tx = both.tx
            if not self.asks.admitted(tx, caller):
                raise RequestSignatureError(SignatureFault.UNKNOWN_KEY)
            page = both.lane_page(caller, info.alias, query, rules=self.rules)
            head = self.lane_head(tx, caller, info.alias)
            counts = {lane: tx.feeds.lane(caller, lane).count for lane in LANES}
        headers = {LANE_HEAD_HEADER: to_base64(head), LANES_HEADER: format_counts(counts)}
        digest = self.heads_digest()
        if digest:
            headers[HEADS_HEADER] = digest
        wait = None if page.objects or page.more else self.asks.wait(caller, counts)
        return PageReply(page=page, headers=headers, wait=wait)

    def exists(
        self,
        info: CollectionInfo,
        identifier: ObjectId,
        versions: VersionChoice,  # noqa: ARG002  every view takes it
    ) -> bool:
        """Say whether an object was disclosed in a lane."""
        with self.database.read() as tx:
            return lane_shows(
                tx, self.caller, info.alias, identifier, stand_ins=self.rules.stand_ins
            )

    def add(
        self,
        info: CollectionInfo,  # noqa: ARG002  every view takes it
        objects: Sequence[bytes],  # noqa: ARG002  every view takes it
        keep: Keep,  # noqa: ARG002  every view takes it
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
