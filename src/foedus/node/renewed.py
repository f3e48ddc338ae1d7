"""Items that their originator gives again on new terms: they are held on these from then on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from foedus.model.identifiers import ObjectId
from foedus.node.judgements import Judged
from foedus.node.ports import ItemState, Stored, StoredOutcome, Transaction

__all__ = ["take_renewed"]


def take_renewed(
    tx: Transaction, taken: Sequence[Judged], outcomes: Sequence[StoredOutcome], *, at: datetime
) -> None:
    """Hold on their new terms the items that their originator gives again on such."""
    known = {
        outcome.handle: each.item
        for each, outcome in zip(taken, outcomes, strict=True)
        if outcome.outcome is Stored.DUPLICATE
    }
    anew: defaultdict[ObjectId, list[int]] = defaultdict(list)
    for row in tx.items.rows(list(known)) if known else ():
        item = known[row.handle]
        if (
            row.state is ItemState.HELD
            and item.terms_id is not None
            and item.terms_id != row.terms_id
            and row.key.originator == item.received_from
        ):
            anew[item.terms_id].append(row.handle)
    for terms, handles in anew.items():
        tx.items.settle(handles, state=ItemState.HELD, terms_id=terms, at=at)
