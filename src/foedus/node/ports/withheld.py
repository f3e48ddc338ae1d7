"""What an operation needs stored of what is erased later, and of what a restore leaves open."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foedus.model.identifiers import ItemKey, MemberId, TreatyId
from foedus.node.ports.erasure import ReceivedPlace

__all__ = ["BatchEnd", "NewResidual", "ResidualRow", "WithheldStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEnd:
    """Where a batch that we gave ends.

    Attributes:
        lane: The store's own number of its lane.
        past: Position of its last row.
        taken: Whether its recipient's signed head covers that row.
    """

    lane: int
    past: int
    taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewResidual:
    """A residual order received.

    Attributes:
        digest: Hex SHA-256 of its payload.
        item: Which item version; its originator ordered.
        kind: keep, return or delete.
        left: Whose denunciation calls for it.
        due: Until when the item may stand here.
    """

    digest: str
    item: ItemKey
    kind: str
    treaty: TreatyId
    left: MemberId
    due: datetime
    received: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualRow:
    """A stored residual order; the handle is 0 until the item is here."""

    number: int
    order: NewResidual
    handle: int
    done: datetime | None


class WithheldStore(Protocol):
    """What is erased later, what a restore leaves open, backups, and residual orders received."""

    def ends(self, entries: Collection[int]) -> Mapping[int, BatchEnd]:
        """Return where batches end, by their log entries."""
        ...

    def received(
        self, handles: Collection[int], *, opening: str, awaiting: Collection[str]
    ) -> Sequence[ReceivedPlace]:
        """Return where items stand in the disclosures received; reads the rows once for all.

        Args:
            handles: The items.
            opening: The outcome under which disclosure rows are noted.
            awaiting: The outcomes that are not final.
        """
        ...

    def wait(self, document: int, places: Collection[int], *, until: BatchEnd | None) -> None:
        """Note places of a disclosure to be erased later.

        Args:
            document: Handle of its document.
            places: Index of each item in the batch, from 0.
            until: Of a batch we gave, where it ends; None of one that we received.
        """
        ...

    def taken(self, recipient: MemberId, lane: str, count: int) -> Mapping[int, frozenset[int]]:
        """Return what waits in batches of a lane that lie within its first rows, by document."""
        ...

    def waiting(self, document: int) -> frozenset[int]:
        """Return which places of a disclosure wait."""
        ...

    def done(self, document: int) -> None:
        """Forget what waited of a disclosure."""
        ...

    def count(self) -> int:
        """Return how many places wait."""
        ...

    def forget_due(self) -> bool:
        """Say whether something was erased since the journal was last emptied for it."""
        ...

    def set_forget_due(self, *, due: bool) -> None:
        """Note that something was erased, or that the journal was emptied."""
        ...

    def unheard(self) -> frozenset[MemberId]:
        """Return whose order lane was not read since this store went back to an earlier state."""
        ...

    def heard(self, member: MemberId) -> None:
        """Note that a member's order lane was read to its end."""
        ...

    def note_backup(self, *, at: datetime, kept_until: datetime) -> None:
        """Note that a backup was made, and until when it is kept."""
        ...

    def backups_until(self, *, since: datetime, at: datetime) -> datetime | None:
        """Return until when the last of the backups made since an instant is kept.

        Args:
            since: Earlier backups do not count.
            at: Those no longer kept at this instant do not count; None is returned if none is left.
        """
        ...

    def take_residual(self, order: NewResidual) -> bool:
        """Keep a residual order received; False if its document was taken before."""
        ...

    def residuals(self, *, after: int, limit: int) -> Sequence[ResidualRow]:
        """Return residual orders received by number, greater than ``after``."""
        ...

    def residuals_arrived(self, *, limit: int) -> Sequence[ResidualRow]:
        """Return open residual orders whose item has come since, with the item's handle."""
        ...

    def residuals_due(self, at: datetime, *, limit: int) -> Sequence[ResidualRow]:
        """Return open residual orders due by an instant whose item is not, or no more, here."""
        ...

    def residual_here(self, number: int, handle: int) -> None:
        """Note which item a residual order is about."""
        ...

    def residual_done(self, numbers: Sequence[int], *, at: datetime) -> None:
        """Note that residual orders are carried out."""
        ...
