"""Orders on their way out: signed for one holder, put into its order lane, and noted where.

A member whose lanes are still to be rebuilt is sent nothing; its order is kept, and sent by the
clock when it can be (:func:`send_unsent`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from foedus.casework.order import Order, digest_of, sign_order
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.model.objects import StixObject, parse_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_ORDERS, send_documents
from foedus.node.ports import ItemState, NewItem, Transaction
from foedus.node.ports.orders import NewHolder
from foedus.release.gate import Gate

__all__ = ["send_order", "send_unsent"]

_AT_ONCE: Final = 200


def send_order(
    tx: Transaction, node: Node, gate: Gate, number: int, order: Order, *, via: str = ""
) -> None:
    """Sign an order, send it to its holder and note the holder under the order of ours.

    Args:
        tx: A writing transaction.
        node: The node.
        gate: The node's gate.
        number: Of the order as it is stored.
        order: What is signed.
        via: Who passed the items on to this holder; "" where we gave them.
    """
    envelope = sign_order(order, node.identity.node)
    document = wrap_object(
        FoedusKind.ORDER, envelope.document(), payload=envelope.payload, issued=order.at
    )
    [stored] = tx.items.add(
        [
            NewItem(
                obj=document,
                originator=node.identity.member,
                state=ItemState.PROTOCOL,
                numbered=False,
            )
        ],
        at=order.at,
    )
    position = _send(tx, node, gate, document, order.holder, order.treaty, order.at)
    tx.orders.address(
        number,
        [
            NewHolder(
                member=order.holder,
                digest=digest_of(envelope),
                document=stored.handle,
                position=position,
                items=len(order.lines),
                via=via,
                ordered=order.at,
                due=order.due,
            )
        ],
    )


def _send(
    tx: Transaction,
    node: Node,
    gate: Gate,
    document: StixObject,
    holder: MemberId,
    treaty: TreatyId,
    at: datetime,
) -> int:
    """Put a document into a holder's lane; returns its position there, 0 if it cannot be sent."""
    if tx.peers.get(holder) is None:
        return 0
    sent: Sequence[object] = send_documents(
        tx,
        node.identity,
        gate,
        [document],
        recipients=[holder],
        lane=LANE_ORDERS,
        treaty=treaty,
        at=at,
    )
    return tx.feeds.lane(holder, LANE_ORDERS).count if sent else 0


def send_unsent(node: Node, gate: Gate) -> int:
    """Send the orders whose holders could not be sent anything before; returns how many.

    A step of the clock. What stays unsent is looked at again, and its deadline runs all the same.
    """
    with node.database.read() as tx:
        reached = {peer.member for peer in tx.peers.all()} - tx.recovery.pending()
        ready = tx.orders.unsent(reached, limit=_AT_ONCE) if reached else ()
    done = 0
    if not ready:
        return done
    now = node.clock.now()
    with node.database.write() as tx:
        for row in ready:
            order = tx.orders.issued(row.name)
            raw = tx.items.raw([row.holder.document]).get(row.holder.document)
            if order is None or raw is None:
                continue
            member = row.holder.member
            document = parse_object(raw)
            position = _send(tx, node, gate, document, member, order.order.treaty, now)
            if position:
                tx.orders.sent(row.number, member, position=position)
                done += 1
    node.settle()
    return done
