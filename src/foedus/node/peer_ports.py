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

__all__ = [
    "LanePage",
    "PeerClient",
    "PeerClosedError",
    "PeerEndpoint",
    "PeerError",
    "WitnessAnswer",
    "WitnessClient",
]


class PeerError(NodeError):
    """A peer could not be reached, or refused, or answered outside the protocol."""

    code: ClassVar[str] = "node.peer"


class PeerClosedError(PeerError):
    """A peer no longer serves what comes next in its lane to us; its other lanes go on."""

    code: ClassVar[str] = "node.peer-closed"


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
    """

    objects: tuple[bytes, ...]
    more: bool
    last_added: str
    head: bytes
    heads: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessAnswer:
    """What a witness answered: a status of C2SP tlog-witness and its body, untrusted."""

    status: int
    body: bytes


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
