"""Serve a row of a lane whose bytes were erased: the signed statement that it is withheld.

A recipient that takes its lane later, or once more from the start, is given it in the row's place;
see :mod:`foedus.release.withheld`. Nothing of it is stored: it follows from the row.

1. An item: its place and its commitment.
2. A disclosure kept item by item: what is left of its payload, the commitments of the rest.
3. A disclosure of which nothing is left: place, log entry and commitments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.kinds import FoedusKind
from foedus.node.errors import ErasedError
from foedus.node.identity import NodeIdentity
from foedus.node.journal_place import named_in_log
from foedus.node.opened import payload_of
from foedus.node.ports import FeedRow, NewBatch, Transaction
from foedus.release.record import DisclosurePayload
from foedus.release.withheld import (
    RowPlace,
    WithheldBatch,
    WithheldItem,
    withheld_id,
    withheld_object,
)

__all__ = ["StandIns"]

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIns:
    """Makes what stands for rows that were erased, in the lanes of one node."""

    identity: NodeIdentity

    def filled(
        self, tx: Transaction, recipient: MemberId, lane: str, rows: Sequence[FeedRow]
    ) -> Sequence[FeedRow]:
        """Return rows of a lane, each without bytes with those of what stands for it."""
        if all(row.raw for row in rows):
            return rows
        return [row if row.raw else self._filled(tx, recipient, lane, row) for row in rows]

    def named(self, tx: Transaction, recipient: MemberId, lane: str, object_id: ObjectId) -> bool:
        """Say whether something of this id stands for a row of a lane."""
        if not object_id.startswith(f"{FoedusKind.WITHHELD}--"):
            return False
        after = 0
        while rows := tx.feeds.without_bytes(recipient, lane, after=after, limit=_PAGE):
            for row in rows:
                if withheld_id(self._stands(tx, recipient, lane, row)) == object_id:
                    return True
            after = rows[-1].position
        return False

    def _filled(self, tx: Transaction, recipient: MemberId, lane: str, row: FeedRow) -> FeedRow:
        stands = self._stands(tx, recipient, lane, row)
        obj = withheld_object(stands, self.identity.node, added=row.added)
        return replace(
            row, object_id=obj.id, type=obj.type, version=obj.version, raw=obj.raw, commitment=b""
        )

    def _stands(
        self, tx: Transaction, recipient: MemberId, lane: str, row: FeedRow
    ) -> WithheldItem | WithheldBatch:
        place = RowPlace(
            exercise=self.identity.exercise,
            sender=self.identity.member,
            recipient=recipient,
            lane=lane,
            position=row.position,
        )
        batch = tx.feeds.batch_at(recipient, lane, row.position)
        if batch is None:
            return WithheldItem(place=place, commitment=row.commitment)
        return self._of_batch(tx, place, batch)

    def _of_batch(self, tx: Transaction, place: RowPlace, batch: NewBatch) -> WithheldBatch:
        left, standing = _left(tx, batch)
        origin, index = named_in_log(tx, self.identity, batch.entry_index)
        return WithheldBatch(
            place=place,
            entry=batch.entry,
            log_origin=origin,
            log_index=index,
            lane_count=place.position + len(batch.rows),
            lane_digest=batch.digest_after,
            left=left,
            erased={
                number: each.commitment
                for number, each in enumerate(batch.rows)
                if number not in standing
            },
        )


def _left(tx: Transaction, batch: NewBatch) -> tuple[DisclosurePayload | None, frozenset[int]]:
    """Return what is left of a disclosure, and the places of the items that are left with it."""
    opened = tx.erasure.opened(batch.document)
    if opened is None:
        return None, frozenset()
    try:
        payload = payload_of(tx, batch.document)
    except ErasedError:
        return None, frozenset()
    return payload, frozenset(n for n, each in enumerate(opened[1]) if each.record is not None)
