"""Where an item stands in disclosures, and which of those places may be opened and erased now.

A place may be opened once its recipient has taken the batch from its lane; what was received, once
no item of its batch awaits law, since it is judged from the disclosure's own document.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from foedus.node.accept import DISCLOSURE, HELD_FOR_LAW
from foedus.node.errors import RefusedError
from foedus.node.opened import payload_of
from foedus.node.ports import ItemRow, Receipted, Transaction

__all__ = ["places_given", "places_received"]


def places_given(tx: Transaction, given: Sequence[Receipted]) -> Mapping[int, set[int]]:
    """Return the places of items given, by disclosure document, that may be opened now.

    Args:
        tx: A writing transaction.
        given: The disclosures that carry them.

    Raises:
        RefusedError: A recipient has not taken an item from its lane yet.
    """
    places: defaultdict[int, set[int]] = defaultdict(set)
    for each in given:
        _check_taken(tx, each)
        places[each.document].add(each.offset)
    return places


def places_received(tx: Transaction, rows: Sequence[ItemRow]) -> Mapping[int, set[int]]:
    """Return the places of items received, by disclosure document, that may be opened now.

    Raises:
        RefusedError: A batch that carries one still awaits law.
    """
    places: defaultdict[int, set[int]] = defaultdict(set)
    for row in rows:
        awaiting = frozenset({HELD_FOR_LAW})
        for found in tx.erasure.received(row.handle, opening=DISCLOSURE, awaiting=awaiting):
            if not found.settled:
                raise RefusedError(
                    "a batch that carries this item still awaits the law it was sent under, and is "
                    "judged from its document; erase when it is settled (`foedus pull`)"
                )
            places[found.document].add(found.place)
    return places


def _check_taken(tx: Transaction, each: Receipted) -> None:
    """Refuse while the recipient has yet to take the batch from its lane."""
    peer = tx.peers.get(each.recipient)
    confirmed = peer.head.get(each.lane, (0, "", each.at))[0] if peer is not None else 0
    opened = tx.erasure.opened(each.document)
    # What is kept item by item already was taken already.
    if opened is None:
        items = len(payload_of(tx, each.document).items)
        if confirmed < each.position - each.offset + items - 1:
            raise RefusedError(
                f"{each.recipient} has not taken this item from its lane yet, and a lane cannot "
                "yet say that a row is withheld; erase when it has confirmed it (`foedus figures`)"
            )
