"""What the HTTP face calls: one frozen value, given by the composition."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from foedus.clock import Clock
from foedus.exchange.http_signature import PeerKey, SharedNonces
from foedus.exchange.server.casework_call import Desk
from foedus.exchange.server.witness import WitnessFace
from foedus.ledger.errors import TileAbsentError
from foedus.ledger.tiles import TileSource
from foedus.model.identifiers import MemberId
from foedus.node.errors import RefusedError
from foedus.node.identity import NodeIdentity
from foedus.node.ports import Database, Transaction
from foedus.node.reading_tally import ReadingTally
from foedus.node.serve_lane import WhyClosed
from foedus.node.serve_tools import DraftOutcome, DraftPost
from foedus.signing import PublicKey

__all__ = ["NodeServices"]


def _nothing(_member: MemberId, _lane: str, _after: int) -> bytes:
    """Answer where nothing is given back."""
    raise RefusedError("nothing is given back here")


def _new(_key_id: str, _nonce: str, _now: datetime) -> bool:
    """Answer where one process serves: what it saw itself it knows."""
    return True


def _no_mirror(_name: str) -> TileSource:
    """Answer where no copies are kept."""
    raise TileAbsentError("there is no such copy")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeServices:
    """What one node gives its HTTP face. Every callable may be called from several threads.

    Attributes:
        database: The node's store; read for pages and tokens.
        identity: Whose node it is. ``identity.address`` is the base of every URL handed out.
        clock: Tells now.
        ledger: The published log.
        peer_key: Whose node key an id names at an instant.
        nonce_is_new: Whether no process of the node saw a nonce; remembers it.
        lane_head: Returns this node's signed head of its lane to a member, within the transaction
            that reads the page it goes with.
        why_closed: Says why what was disclosed to a member under a treaty is no longer served.
        accept_head: Takes a member's signed acknowledgement of our lane to it; raises a
            ``FoedusError`` to refuse. Safe to repeat.
        accept_drafts: Takes what a tool posted; see ``foedus.node.serve_tools.accept_drafts``.
        credence: Returns this node's letter of credence, the exact bytes of its envelope.
        random: Returns that many random bytes; for the ids of statuses and errors.
        ledger_public: Whether anyone may read the log's files.
        mirror: Returns this node's copy of a log by the hash of its origin, which is untrusted, or
            raises ``TileAbsentError``.
        witness: This node as a witness, and the log heads it knows.
        returned: Returns a page of what a member gave us in a lane, after a position.
        lane_place: Returns what a lane to a member was after its first rows.
        member_keys: Node keys that speak for a member now, within a transaction; asked again while
            its request waits. None where none wait.
        tally: Counts what tools read.
        require_purpose: Whether only tokens with a stated purpose read.
        casework: What tools do casework with; None where none is done.
    """

    database: Database
    identity: NodeIdentity
    clock: Clock
    ledger: TileSource
    peer_key: PeerKey
    lane_head: Callable[[Transaction, MemberId, str], bytes]
    why_closed: WhyClosed
    accept_head: Callable[[MemberId, bytes], None]
    accept_drafts: Callable[[DraftPost], Sequence[DraftOutcome]]
    credence: Callable[[], bytes]
    nonce_is_new: SharedNonces = field(default=_new, repr=False)
    random: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)
    ledger_public: bool = False
    mirror: Callable[[str], TileSource] = field(default=_no_mirror, repr=False)
    witness: WitnessFace = field(default_factory=WitnessFace, repr=False)
    returned: Callable[[MemberId, str, int], bytes] = field(default=_nothing, repr=False)
    lane_place: Callable[[MemberId, str, int], bytes] = field(default=_nothing, repr=False)
    member_keys: Callable[[Transaction, MemberId], Sequence[PublicKey]] | None = field(
        default=None, repr=False
    )
    tally: ReadingTally = field(default_factory=ReadingTally, repr=False)
    require_purpose: bool = False
    casework: Desk | None = field(default=None, repr=False)
