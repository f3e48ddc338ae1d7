"""What the node needs from a peer's node over the wire. Transport lives in ``exchange``.

Promises of every implementation: each call is authenticated as this node; bodies are bounded before
they are read; what comes back is untrusted bytes, to be verified by the caller; a peer that cannot
be reached or answers wrongly raises :class:`PeerError`, never returns less than was asked silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from foedus.model.identifiers import MemberId
from foedus.node.errors import NodeError
from foedus.node.lane_counts import LaneCounts

__all__ = [
    "FollowedClient",
    "LanePage",
    "News",
    "PeerCertificateError",
    "PeerClient",
    "PeerClosedError",
    "PeerEndpoint",
    "PeerError",
    "RepairClient",
    "WitnessAnswer",
    "WitnessClient",
]


class PeerError(NodeError):
    """A peer could not be reached, or refused, or answered outside the protocol."""

    code: ClassVar[str] = "node.peer"

    def __init__(self, text: str, *, retry_after_s: float | None = None) -> None:
        """Make it.

        Args:
            text: What went wrong.
            retry_after_s: After how many seconds the peer asks to be asked again, if it said.
        """
        super().__init__(text)
        self.retry_after_s = retry_after_s


class PeerClosedError(PeerError):
    """A peer no longer serves what comes next in its lane to us; its other lanes go on."""

    code: ClassVar[str] = "node.peer-closed"


class PeerCertificateError(PeerError):
    """What answers at a peer's address showed a certificate that is not the peer's.

    Nothing was sent to it: no request, and so no signature.
    """

    code: ClassVar[str] = "node.peer-certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerEndpoint:
    """Where a peer's node is. ``address`` is a base URL without a trailing slash."""

    member: MemberId
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePage:
    """One page of a lane, in lane order.

    Attributes:
        objects: Exact bytes of each object.
        more: Whether the sender has further rows now.
        last_added: The sender's ``X-TAXII-Date-Added-Last`` text; "" when the page is empty.
        head: The sender's signed head of the lane at the instant of the page (header
            ``Foedus-Lane-Head``, base64 of the envelope's bytes, decoded here); see
            ``foedus.node.heads``.
        heads: Digest of the log heads the sender knows (header ``Foedus-Heads``); "" for none.
        counts: Rows the sender says each of its lanes to us has (header ``Foedus-Lanes``); a hint.
    """

    objects: tuple[bytes, ...]
    more: bool
    last_added: str
    head: bytes
    heads: str = ""
    counts: LaneCounts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessAnswer:
    """What a witness answered: a status of C2SP tlog-witness and its body, untrusted."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """How a wait for news of a peer ended.

    Attributes:
        counts: Rows the peer says each of its lanes to us has; None where it does not say. A hint.
        waited: Whether it holds requests open at all.
    """

    counts: LaneCounts | None
    waited: bool


@runtime_checkable
class FollowedClient(Protocol):
    """A client that can wait until a peer has something."""

    def await_news(
        self, peer: PeerEndpoint, *, added_after: str, known: LaneCounts, wait_s: int
    ) -> News:
        """Return once a peer's lanes to us have other counts than those known, or the time is over.

        Args:
            peer: Whose lanes.
            added_after: Where we stand in its instrument lane; "" at the start.
            known: Rows we have of each lane.
            wait_s: How long to wait at most.

        Raises:
            PeerError: The peer cannot be reached, or refuses.

        Spec: RFC 7240 §4.3.
        """
        ...


@runtime_checkable
class RepairClient(Protocol):
    """A client that can ask what a lane was after some of its rows."""

    def lane_place(self, peer: PeerEndpoint, lane: str, *, count: int) -> bytes:
        """Ask what our lane at the peer was after its first rows; see ``foedus.node.repair``.

        Raises:
            PeerError: The peer cannot be reached, or refuses.
        """
        ...


class PeerClient(Protocol):
    """Speaks to other members' nodes."""

    def lane_page(self, peer: PeerEndpoint, lane: str, *, added_after: str, limit: int) -> LanePage:
        """Fetch one page of our lane at the peer (TAXII 2.1 §5.4), all versions, unfiltered.

        Raises:
            PeerClosedError: The lane is closed from here on.
        """
        ...

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        """Fetch ``checkpoint`` or a tile of the peer's ledger (C2SP tlog-tiles)."""
        ...

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        """Hand over a signed acknowledgement of the peer's lane to us; safe to repeat."""
        ...


@runtime_checkable
class WitnessClient(PeerClient, Protocol):
    """What witnessing and the comparison of log heads ask of a peer's node, beside a pull."""

    def add_checkpoint(self, peer: PeerEndpoint, request: bytes) -> WitnessAnswer:
        """Ask a peer to cosign a head; returns any status that the protocol knows.

        Raises:
            PeerError: It cannot be reached in a short time, or answers outside the protocol.

        Spec: C2SP tlog-witness, "add-checkpoint".
        """
        ...

    def witnessed(self, peer: PeerEndpoint, origin: str) -> bytes:
        """Fetch the head of a log that a peer cosigned last.

        Spec: C2SP tlog-witness, "Monitor Retrieval Mechanism".
        """
        ...

    def mirror_file(self, peer: PeerEndpoint, origin: str, path: str) -> bytes:
        """Fetch ``checkpoint``, a tile or a bundle of the peer's copy of a log."""
        ...

    def heads(self, peer: PeerEndpoint) -> bytes:
        """Fetch the log heads and proofs of forks that a peer knows; see ``foedus.node.gossip``."""
        ...

    def deliver_fork(self, peer: PeerEndpoint, proof: bytes) -> None:
        """Hand a proof of a fork to a peer, which verifies it itself; safe to repeat."""
        ...
