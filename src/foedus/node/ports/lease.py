"""Which of a node's processes leads, where several machines share one database.

The lease is one row with a holder, a fence number and an expiry by the database's clock. A fence is
higher than all before it, and whatever only the holder may do is written under it: who lost the
lease finds its fence gone, however long it slept.

The head that may have been signed last is kept beside it, moved by compare-and-swap under the
fence, with the signed note once there is one. The guard on the leader's own disk remains: a
database put back in time takes this row back with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from foedus.ledger.checkpoint import Checkpoint

__all__ = ["LeaseRow", "LeaseStore", "SharedHead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """The lease as it stands.

    Attributes:
        holder: Names a process; never used again by another.
        place: The data directory whose guard knows the newest head: that of the last holder who
            had learnt it. "" before the first.
        fence: Rises with every change of holder.
        live: Whether it has not expired, by the database's clock.
    """

    holder: str
    place: str
    fence: int
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedHead:
    """The head that may have been signed last, as all processes see it.

    Attributes:
        head: It.
        note: The newest signed note; b"" before the first. It is of ``head``, or of one before it
            when the leader ended between the two.
    """

    head: Checkpoint
    note: bytes = field(repr=False)


class LeaseStore(Protocol):
    """The lease and the shared head. Each call is one short unit of work of its own.

    No call waits for a writer of the store: a long act does not cost its process the lead.
    """

    def row(self) -> LeaseRow | None:
        """Return the lease; None before the first."""
        ...

    def take(self, holder: str, *, for_s: float) -> LeaseRow | None:
        """Take the lease if nobody holds it, under a new fence; its place stays what it was.

        Returns:
            The row as it now is; None if another holds it.
        """
        ...

    def settle(self, holder: str, fence: int, place: str) -> None:
        """Name the place of the holder, whose guard knows the newest head now.

        Raises:
            LeadLostError: The fence is not in force; nothing was changed.
        """
        ...

    def renew(self, holder: str, fence: int, *, for_s: float) -> bool:
        """Hold it for longer; False if it is lost, be it only by time."""
        ...

    def release(self, holder: str, fence: int) -> None:
        """Let it go at once; nothing is done if it is lost."""
        ...

    def close(self) -> None:
        """Close what was opened; safe to repeat."""
        ...

    def head(self, origin: str) -> SharedHead | None:
        """Return the shared head of a log; None before the first."""
        ...

    def advance(self, old: Checkpoint | None, new: Checkpoint, *, holder: str, fence: int) -> None:
        """Move the shared head from ``old``, or from one before it, to ``new``.

        Raises:
            LeadLostError: The fence is not in force; nothing was changed.
            HeadMovedError: It stands beyond ``old``, or beside it; nothing was changed.
        """
        ...

    def show(self, head: Checkpoint, note: bytes, *, holder: str, fence: int) -> None:
        """Keep the signed note of the shared head, unless a newer one is kept.

        Raises:
            LeadLostError: The fence is not in force; nothing was changed.
        """
        ...
