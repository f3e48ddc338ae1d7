"""The course of an order for one holder: which event leads from which state to which.

At the originator the events come from what the holder's node returns (its signed head, its
attestation); at the holder from what was done there. Overdue is no state: it is read off the clock,
and kept as a breach record beside the course.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from foedus.casework.course import follow

__all__ = ["TRANSITIONS", "OrderEvent", "OrderState", "next_state"]


class OrderState(StrEnum):
    """How far an order has come with one holder."""

    ORDERED = "ordered"
    RECEIVED = "received"
    EXECUTED_IN_PART = "executed-in-part"
    EXECUTED = "executed"
    ATTESTED = "attested"


class OrderEvent(StrEnum):
    """What leads on."""

    RECEIPT = "receipt"
    """The holder's signed head covers the order, or it says that it has it."""
    EXECUTION_IN_PART = "execution-in-part"
    """Carried out, save what is kept on a reserved ground."""
    EXECUTION = "execution"
    """Carried out; nothing is kept any more."""
    ATTESTATION = "attestation"
    """A final attestation is signed there, and taken here."""


TRANSITIONS: Final[Mapping[tuple[OrderState, OrderEvent], OrderState]] = MappingProxyType(
    {
        (OrderState.ORDERED, OrderEvent.RECEIPT): OrderState.RECEIVED,
        (OrderState.RECEIVED, OrderEvent.EXECUTION_IN_PART): OrderState.EXECUTED_IN_PART,
        (OrderState.RECEIVED, OrderEvent.EXECUTION): OrderState.EXECUTED,
        (OrderState.EXECUTED_IN_PART, OrderEvent.EXECUTION): OrderState.EXECUTED,
        (OrderState.EXECUTED, OrderEvent.ATTESTATION): OrderState.ATTESTED,
    }
)
"""Everything that may follow."""


def next_state(state: OrderState, event: OrderEvent) -> OrderState:
    """Return the state after an event.

    Raises:
        CaseCourseError: The event may not follow in that state.
    """
    return follow(TRANSITIONS, state, event)
