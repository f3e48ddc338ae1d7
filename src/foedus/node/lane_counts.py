"""How many rows each lane has, as two nodes tell each other beside a page: a hint, never a proof.

It stands in the header ``Foedus-Lanes`` (``instruments=3, orders=0, bulk=1200``). With an answer it
is the sender's count of each of its lanes to whoever asks, so that one need not be asked for to
learn that it has nothing new. With a request it is how far the asker has come, so that a request
held open (RFC 7240) ends at once when anything is there that it does not have. Nothing is taken or
left for it but the time of a request: what a lane holds is proved by signed heads alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from foedus.node.dispatch import LANES

__all__ = ["LaneCounts", "format_counts", "parse_counts"]

LaneCounts = Mapping[str, int]
"""Lane → rows, disclosure rows included."""

MAX_COUNTS_CHARS: Final = 200
"""Longest header read, in characters."""

_PART: Final = re.compile(r"([a-z]{1,20})=([0-9]{1,15})", re.ASCII)


def format_counts(counts: LaneCounts) -> str:
    """Return counts as the value of the header."""
    return ", ".join(f"{lane}={counts.get(lane, 0)}" for lane in LANES)


def parse_counts(text: str) -> LaneCounts | None:
    """Read the header of another node; None where it is absent or not of this form."""
    if not 0 < len(text) <= MAX_COUNTS_CHARS:
        return None
    found: dict[str, int] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None or match[1] in found:
            return None
        found[match[1]] = int(match[2])
    return found if found.keys() >= set(LANES) else None
