"""Sightings that arrive: each is an answer to a question we may not have had."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.onward import held_by
from foedus.node.ports import ItemState, NewHit, NewItem, Transaction

__all__ = ["note_sightings"]

_GIVEN_STATES: Final = frozenset({ItemState.HELD, ItemState.VARIANT})


def note_sightings(
    tx: Transaction, sender: MemberId, new: Mapping[int, NewItem], now: datetime
) -> int:
    """Show sightings of items of ours as questions for people; returns how many are new.

    Args:
        tx: A writing transaction.
        sender: Who gave them.
        new: What is newly held, by handle.
        now: Instant of the act.
    """
    hits: list[NewHit] = []
    for handle, item in new.items():
        if item.obj.type != "sighting":
            continue
        sighted = item.obj.document().get("sighting_of_ref")
        if not isinstance(sighted, str):
            continue
        for row in tx.items.by_object_id(ObjectId(sighted)):
            ours = row.handle if row.variant_of is None else row.variant_of
            if row.state not in _GIVEN_STATES or row.key.originator == sender:
                continue
            if row.received_from is None and not held_by(tx, sender, [row.handle, ours]):
                continue  # nobody has seen what it was never given
            carried = tx.items.selectors([ours]).get(ours, frozenset())
            if not carried:
                continue
            hits.append(
                NewHit(
                    arrived=handle,
                    held=ours,
                    selector=min(carried, key=lambda each: (each.kind, each.value)),
                    how="sighting",
                    frequency=1,
                    at=now,
                )
            )
    return tx.hits.add(hits) if hits else 0
