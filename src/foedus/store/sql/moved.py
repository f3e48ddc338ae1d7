"""The mark that a store bears when it is not the one its node runs on.

A node must never run on two stores, for it would sign two histories. So a store that was moved
away is marked in the transaction that ends the move, and the one it moves to is marked until all
of it is there. Every transaction looks at the mark.
"""

from __future__ import annotations

from typing import Final

from foedus.store.errors import StoreMovedError

__all__ = ["ARRIVED", "ARRIVING", "refuse_moved"]

ARRIVING: Final = "arriving"
"""Not all of it is here yet."""

ARRIVED: Final = "arrived"
"""All of it is here and compared; the old one may not be marked yet."""


def refuse_moved(mark: str) -> None:
    """Return when a store is the one its node runs on.

    Args:
        mark: "" for that; one of the above; else whereto it was moved.

    Raises:
        StoreMovedError: It is not.
    """
    if mark in {ARRIVING, ARRIVED}:
        raise StoreMovedError(
            "a move to this store was not finished, and the node runs on the one it came from: "
            "repeat `foedus db move`"
        )
    if mark:
        raise StoreMovedError(
            f"this store was moved to {mark} and is not the node's any more: `foedus db status` "
            "tells where the node runs"
        )
