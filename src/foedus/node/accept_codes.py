"""What may become of a received row, as it is noted beside its position."""

from __future__ import annotations

from typing import Final

__all__ = ["ACCEPTED", "DISCLOSURE", "HELD_FOR_LAW", "KNOWN", "RECALLED", "WITHHELD"]

ACCEPTED: Final = "accepted"
DISCLOSURE: Final = "disclosure"
"""The row opens a batch; it is no item."""
HELD_FOR_LAW: Final = "held-for-law"
"""Not final: see :mod:`foedus.node.law_holds`."""
KNOWN: Final = "known"
RECALLED: Final = "recalled"
"""It came after it was recalled, or was erased before it was judged; nothing of it is kept."""
WITHHELD: Final = "withheld"
"""Its sender had erased it before it was taken: only its commitment came."""
