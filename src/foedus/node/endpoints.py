"""Where the nodes of other members are."""

from __future__ import annotations

from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.errors import NotFoundError
from foedus.node.lawbook import read_credence
from foedus.node.peer_ports import PeerEndpoint
from foedus.node.ports import Transaction

__all__ = ["endpoint_of", "endpoints"]


def endpoint_of(tx: Transaction, node: Node, member: MemberId) -> PeerEndpoint:
    """Return where a peer's node is: by its full powers, else by its credence."""
    row = tx.peers.get(member)
    if row is None or member == node.identity.member:
        raise NotFoundError(f"no peer {member} is introduced here")
    powers = node.law.view(tx).powers(member, node.clock.now())
    address = read_credence(row.credence).address if powers is None else powers.address
    return PeerEndpoint(member=member, address=address.rstrip("/"))


def endpoints(tx: Transaction, node: Node) -> list[PeerEndpoint]:
    """Return where every other member's node is, by member."""
    own = node.identity.member
    return [endpoint_of(tx, node, row.member) for row in tx.peers.all() if row.member != own]
