"""The timeline of a treaty: everything its instruments bring about, in order of time.

It is the walk of :mod:`foedus.treaty.course` told as a list, so it cannot disagree with the status
at any instant. It looks ahead too: a denunciation of today is followed by the day it takes effect.
"""

from __future__ import annotations

from collections.abc import Iterable

from foedus.treaty.articles import Treaty
from foedus.treaty.course import walk
from foedus.treaty.events import Event, What
from foedus.treaty.instrument import Instrument
from foedus.treaty.instrument_set import InstrumentSet, as_set

__all__ = ["Event", "What", "timeline"]


def timeline(
    treaty: Treaty, instruments: InstrumentSet | Iterable[Instrument]
) -> tuple[Event, ...]:
    """Return what happened and what will happen by what is held already.

    Args:
        treaty: The treaty.
        instruments: All that is held, of any member and treaty, in any order.

    Returns:
        By instant; within one, in the order in which the rules apply.
    """
    return tuple(walk(treaty, as_set(instruments), None).assembly.events)
