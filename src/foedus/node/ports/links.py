"""What following each peer comes to: failures in a row, and when it is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foedus.model.identifiers import MemberId

__all__ = ["LinkRow", "LinkStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A peer that could not be followed of late.

    Attributes:
        failures: How often in a row.
        since: The first of them.
        again: When it is tried next.
        reason: What the last one was, in words.
    """

    member: MemberId
    failures: int
    since: datetime
    again: datetime
    reason: str


class LinkStore(Protocol):
    """Peers that fail; one that answers again has no row."""

    def failed(self, row: LinkRow) -> None:
        """Keep a failure; ``since`` of the first in a row stays."""
        ...

    def answered(self, member: MemberId) -> bool:
        """Forget a peer's failures; returns whether there were any."""
        ...

    def all(self) -> Sequence[LinkRow]:
        """Return the peers that fail, by member."""
        ...
