"""What falls due by the clock: orders to be carried out and attested, deadlines, purges, expiries.

Done by whichever process leads, about once a second, and at the end of every pull, so that a node
that is only used by hand falls behind no deadline either. Each step is safe to repeat, does little
where nothing is due (a look at an index), and leaves whole units of work behind if it is cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from foedus.node.context import Node
from foedus.release.gate import Gate

__all__ = ["tick"]

_STEPS: Final[tuple[Callable[[Node, Gate], object], ...]] = ()
"""In their order; each takes the node and its gate, and raises only a FoedusError."""


def tick(node: Node, gate: Gate) -> None:
    """Do what is due now."""
    for step in _STEPS:
        step(node, gate)
