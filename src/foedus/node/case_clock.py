"""What falls due by the clock: orders to be carried out and attested, deadlines, purges, expiries.

Done by whichever process leads, about once a second; and at the end of every whole pull, so that a
node that is only used by hand falls behind no deadline either, and of every pull that took orders.
Each step is safe to repeat, does little where nothing is due (a look at an index), and leaves whole
units of work behind if it is cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from foedus.errors import FoedusError
from foedus.node.breaches import note_breaches
from foedus.node.challenge_clock import watch_challenges
from foedus.node.consent_words import settle_consents
from foedus.node.context import Node
from foedus.node.deconflict import end_shared
from foedus.node.exports import delete_step
from foedus.node.onward import tell_originators
from foedus.node.order_documents import send_unsent
from foedus.node.order_status import note_receipts
from foedus.node.readings import flush_readings
from foedus.node.requests_clock import watch_requests
from foedus.node.retain import retain_step
from foedus.node.take_orders import apply_due, finish_orders, remind_late
from foedus.node.take_residual import settle_residuals
from foedus.node.withheld import forget_erased
from foedus.release.gate import Gate

__all__ = ["tick"]

_STEPS: Final[tuple[Callable[[Node, Gate], object], ...]] = (
    apply_due,
    retain_step,
    delete_step,
    flush_readings,
    finish_orders,
    send_unsent,
    note_receipts,
    note_breaches,
    remind_late,
    settle_residuals,
    forget_erased,
    settle_consents,
    watch_requests,
    watch_challenges,
    tell_originators,
    end_shared,
)
"""In their order; each takes the node and its gate, and raises only a FoedusError."""


def tick(node: Node, gate: Gate) -> None:
    """Do what is due now; what one step cannot do holds up no other.

    Raises:
        FoedusError: What the first step that failed raised, once all were tried.
    """
    failed: FoedusError | None = None
    for step in _STEPS:
        try:
            step(node, gate)
        except FoedusError as error:
            failed = failed or error
    if failed is not None:
        raise failed
