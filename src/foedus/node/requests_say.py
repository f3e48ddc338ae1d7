"""Say a word on a request to the other side: signed, in the order lane, logged like every act."""

from __future__ import annotations

from datetime import datetime

from foedus.casework.request_status import RequestStatus, sign_status
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_ORDERS, send_documents
from foedus.node.ports import Transaction
from foedus.node.ports.requests import RequestRow
from foedus.release.gate import Gate

__all__ = ["say"]


def say(
    tx: Transaction,
    node: Node,
    gate: Gate,
    row: RequestRow,
    status: RequestStatus,
    *,
    at: datetime,
) -> None:
    """Send a word on a request to its other side, within the caller's unit of work.

    Args:
        tx: A writing transaction.
        node: The node.
        gate: Its gate.
        row: The request.
        status: The word; of this member, to that of the row.
        at: Instant of the act.

    Raises:
        RequestError: The word is none.
    """
    envelope = sign_status(status, node.identity.node)
    document = wrap_object(
        FoedusKind.ANSWER, envelope.document(), payload=envelope.payload, issued=status.at
    )
    send_documents(
        tx,
        node.identity,
        gate,
        [document],
        recipients=[row.member],
        lane=LANE_ORDERS,
        treaty=row.treaty,
        at=at,
    )
