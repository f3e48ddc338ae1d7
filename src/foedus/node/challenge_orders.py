"""What a challenge needs of orders: to block, lift, recall or correct at every holder.

Orders are issued in a unit of work of their own. So that a crash between it and what notes it makes
no second order, a block first looks whether its items are barred by a live order already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foedus.access import Actor, Role
from foedus.casework.order import OrderAction
from foedus.casework.order_course import OrderState
from foedus.node.context import Node
from foedus.node.ports import Transaction
from foedus.release.gate import Gate

__all__ = ["CLOCK", "OrderDesk", "Wanted", "orders_settled"]

CLOCK = Actor(user="clock", roles=frozenset({Role.REVIEWER}))
"""Who acts where a block falls due by itself: another member sent a challenge on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An order to be issued for a challenge.

    Attributes:
        action: restrict, lift, recall or correct.
        handles: Versions of items of ours.
        due: By when holders are to have carried it out; the desk puts it ahead of now if it is not.
        replacements: Of a correction: (reference of an item concerned, or "" where there is but
            one; reference of the version that replaces it).
    """

    action: OrderAction
    handles: tuple[int, ...]
    due: datetime
    replacements: tuple[tuple[str, str], ...] = ()


class OrderDesk(Protocol):
    """Issues orders to all holders of items of ours."""

    def issue(self, node: Node, actor: Actor, gate: Gate, wanted: Wanted) -> Sequence[str]:
        """Issue an order and return the names it was given, one for each treaty concerned.

        Raises:
            FoedusError: It could not be issued; nothing was.
        """
        ...


def orders_settled(tx: Transaction, names: Sequence[str]) -> bool:
    """Say whether every holder attested orders of ours for good."""
    for name in names:
        issued = tx.orders.issued(name)
        if issued is None:
            continue
        states = tx.orders.tally(issued.number).states
        if any(count for state, count in states.items() if state is not OrderState.ATTESTED):
            return False
    return True
