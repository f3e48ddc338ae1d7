"""What a worker of a serving node does with a failure: tell it and go on.

A thread that ended by an error nobody foresaw would leave its work undone while the node seems
well, so whatever goes wrong is told and tried again. Of such an error only its kind and its places
are told: its text may hold content.
"""

from __future__ import annotations

import logging
import traceback

from foedus.errors import FoedusError

__all__ = ["tell_fault"]

_LOG = logging.getLogger("foedus")


def tell_fault(worker: str, error: Exception) -> None:
    """Log a failure of a worker: by code and text if it is one of ours, else by kind and place.

    Args:
        worker: The worker's name, with further ``name=value`` pairs if there are any.
        error: What it failed by.
    """
    if isinstance(error, FoedusError):
        _LOG.warning("worker=%s code=%s %s", worker, error.code, error)
        return
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
    _LOG.error("worker=%s fault=%s at %s", worker, type(error).__name__, places)
