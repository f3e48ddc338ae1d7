"""Whether an entry of ours is what is held already, whatever the clock says.

An object we make needs ``modified``, and a source often has no date for one entry. So that reading
a source again makes no new versions of what did not change, the entry is written once more with the
``modified`` that is held: equal bytes mean that nothing changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from foedus.clock import InstantError, parse_instant
from foedus.intake.drafts import IntakeContext
from foedus.model.identifiers import ObjectId

__all__ = ["held_unchanged", "version_instant"]


def held_unchanged(
    context: IntakeContext, identifier: ObjectId, written: Callable[[datetime], bytes]
) -> datetime | None:
    """Return since when an entry is held as it stands, or None if it is not.

    Args:
        context: Names in ``edition`` what is held.
        identifier: The entry's id.
        written: Returns the entry's bytes with a given ``modified``.
    """
    held = context.edition.get(identifier)
    since = version_instant(held[1]) if held is not None else None
    if held is None or since is None:
        return None
    return since if hashlib.sha256(written(since)).hexdigest() == held[0] else None


def version_instant(version: str) -> datetime | None:
    """Return the instant a version names; None for a content hash."""
    try:
        return parse_instant(version)
    except InstantError:
        return None
