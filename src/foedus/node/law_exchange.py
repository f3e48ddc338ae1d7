"""Tell a member the law it may lack: every instrument about a treaty, whoever its author is.

Instruments reach a member from their authors. Where two members find that they judge by different
law, each also gives the other what it knows of others: an instrument is believed for its own
signature, not for who brought it. What the member was given before, and what it said itself, is
left out.
"""

from __future__ import annotations

from typing import Final

from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.context import Node
from foedus.node.dispatch import LANE_INSTRUMENTS, send_documents
from foedus.node.ports import Transaction
from foedus.release.gate import Gate

__all__ = ["offer_law"]

_AT_ONCE: Final = 500
"""Instruments per batch, so that the disclosure of a long history stays well within its bounds."""


def offer_law(
    tx: Transaction, node: Node, gate: Gate, recipient: MemberId, treaty: TreatyId
) -> int:
    """Put the instruments about a treaty that a member was not given into its instrument lane.

    Args:
        tx: A writing transaction.
        node: The node.
        gate: The node's gate.
        recipient: An introduced member; nothing is sent to anybody else.
        treaty: Which treaty.

    Returns:
        How many instruments were sent.
    """
    if tx.peers.get(recipient) is None or recipient == node.identity.member:
        return 0
    view = node.law.view(tx)
    documents = [
        view.documents[each.id]
        for each in view.instruments
        if each.treaty == treaty and each.member != recipient and each.id in view.documents
    ]
    sent = 0
    for start in range(0, len(documents), _AT_ONCE):
        for batch in send_documents(
            tx,
            node.identity,
            gate,
            documents[start : start + _AT_ONCE],
            recipients=[recipient],
            lane=LANE_INSTRUMENTS,
            treaty=treaty,
            at=node.clock.now(),
        ):
            sent += batch.items
    return sent
