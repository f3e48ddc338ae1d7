"""How far orders of ours have come: what the clock notes of them, and what people are shown.

Every view is a page of rows and kept figures; none counts rows or reads rows it does not show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from foedus.casework.attestation import Attestation, read_attestation
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.dispatch import LANE_ORDERS
from foedus.node.errors import NotFoundError
from foedus.node.ports import Transaction
from foedus.node.ports.orders import HolderRow, IssuedOrder, MatrixPlace, Rows, Tally
from foedus.release.gate import Gate

__all__ = [
    "Matrix",
    "OrderView",
    "is_overdue",
    "matrix_of",
    "note_receipts",
    "show_order",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A page of the matrix of orders and holders.

    Attributes:
        after: Where the next page begins; None after the last.
        tally: Figures over all rows of the order, or of all orders.
    """

    rows: Sequence[HolderRow]
    after: MatrixPlace | None
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order of ours with everyone it went to.

    Attributes:
        holders: Up to a thousand rows; ``tally`` counts them all.
        attestations: By member, what each attested, oldest first.
    """

    order: IssuedOrder
    tally: Tally
    holders: Sequence[HolderRow]
    attestations: Mapping[MemberId, Sequence[Attestation]]


def note_receipts(node: Node, gate: Gate) -> int:  # noqa: ARG001  # a step of the case clock
    """Note which orders the holders' signed heads cover; returns how many rows it led on."""
    with node.database.read() as tx:
        heads = {
            member: peer.head[LANE_ORDERS]
            for member in tx.orders.awaiting_receipt()
            if (peer := tx.peers.get(member)) is not None and LANE_ORDERS in peer.head
        }
        covered = {
            member: head
            for member, head in heads.items()
            if tx.orders.first_awaiting(member) <= head[0]
        }
    if not covered:
        return 0
    with node.database.write() as tx:
        return sum(
            tx.orders.note_receipts(member, count=count, at=at)
            for member, (count, _, at) in covered.items()
        )


def is_overdue(row: HolderRow, now: datetime) -> bool:
    """Say whether a holder's time has run out and it has not carried the order out."""
    return row.executed is None and row.holder.due < now


def matrix_of(
    tx: Transaction,
    *,
    rows: Rows = Rows.ALL,
    name: str = "",
    after: MatrixPlace | None = None,
    limit: int = 100,
) -> Matrix:
    """Return a page of the matrix.

    Args:
        tx: A transaction.
        rows: Which rows.
        name: Of one order; "" for all.
        after: Where the page before ended.
        limit: Rows at most.

    Raises:
        NotFoundError: There is no order of that name.
    """
    number = _named(tx, name).number if name else None
    found = tx.orders.matrix(rows, after=after, limit=limit, number=number)
    last = found[-1] if len(found) == limit else None
    return Matrix(
        rows=found,
        after=None if last is None else MatrixPlace(number=last.number, member=last.holder.member),
        tally=tx.orders.tally(number),
    )


def show_order(tx: Transaction, name: str) -> OrderView:
    """Return an order of ours with its holders and what they attested.

    Raises:
        NotFoundError: There is no order of that name.
    """
    order = _named(tx, name)
    holders = tx.orders.matrix(Rows.ALL, after=None, limit=1_000, number=order.number)
    told = {
        member: [read_attestation(payload) for payload in payloads]
        for member, payloads in tx.orders.attestations(order.number).items()
    }
    return OrderView(
        order=order, tally=tx.orders.tally(order.number), holders=holders, attestations=told
    )


def _named(tx: Transaction, name: str) -> IssuedOrder:
    found = tx.orders.issued(name)
    if found is None:
        raise NotFoundError(f"no order {name} was given here; `foedus orders list`")
    return found
