"""Where an item stands in disclosures, and which of those places may be opened and erased now.

A disclosure's document is needed whole until its recipient has taken the batch from its lane, since
it is served as it was signed; and where it was received, until no item of its batch awaits law,
since each is judged from it. So a place is erased in one of two ways:

1. at once, where the document is needed no longer;
2. later: it is noted as waiting, and erased when the recipient's signed head covers its batch
   (:func:`open_taken`), or when the batch is settled (:func:`open_settled`).

Meanwhile the item's own bytes are gone: in a lane its row is served as withheld
(:mod:`foedus.node.stand_ins`). What a transaction erases later than the act that ordered it lingers
in the database's journal until :func:`forget_erased` empties that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from foedus.model.identifiers import MemberId
from foedus.node.accept_codes import DISCLOSURE, HELD_FOR_LAW
from foedus.node.context import Node
from foedus.node.opened import erase_places
from foedus.node.ports import ItemRow, Receipted, Transaction
from foedus.release.gate import Gate

__all__ = [
    "forget_erased",
    "open_settled",
    "open_taken",
    "places_given",
    "places_received",
    "settle_places",
]


def places_given(tx: Transaction, given: Sequence[Receipted]) -> Mapping[int, set[int]]:
    """Return the places of items given, by disclosure document, that may be opened now.

    Places that a recipient has yet to take are noted here, and opened when it has.

    Args:
        tx: A writing transaction.
        given: The disclosures that carry them.
    """
    ends = tx.withheld.ends({each.entry_index for each in given})
    now: defaultdict[int, set[int]] = defaultdict(set)
    later: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for each in given:
        if ends[each.entry_index].taken:
            now[each.document].add(each.offset)
        else:
            later[each.document, each.entry_index].add(each.offset)
    for (document, entry), places in later.items():
        tx.withheld.wait(document, places, until=ends[entry])
    return now


def places_received(tx: Transaction, rows: Sequence[ItemRow]) -> Mapping[int, set[int]]:
    """Return the places of items received, by disclosure document, that may be opened now.

    Places in batches that still await law are noted here, and opened when these are settled.

    Args:
        tx: A writing transaction.
        rows: The items.
    """
    now: defaultdict[int, set[int]] = defaultdict(set)
    later: defaultdict[int, set[int]] = defaultdict(set)
    found = tx.withheld.received(
        [row.handle for row in rows], opening=DISCLOSURE, awaiting=frozenset({HELD_FOR_LAW})
    )
    for each in found:
        (now if each.settled else later)[each.document].add(each.place)
    for document, places in later.items():
        tx.withheld.wait(document, places, until=None)
    return now


def settle_places(
    tx: Transaction, document: int, places: Collection[int], *, settled: bool
) -> None:
    """Erase places of a disclosure received, now if its batch is settled, else when it is."""
    if not places:
        return
    if settled:
        erase_places(tx, document, places)
        tx.withheld.set_forget_due(due=True)
    else:
        tx.withheld.wait(document, places, until=None)


def open_taken(tx: Transaction, recipient: MemberId, lane: str, count: int) -> int:
    """Erase what waited for a recipient to take its batch; returns how many places.

    Args:
        tx: A writing transaction.
        recipient: Who signed a head of its lane.
        lane: The lane.
        count: How many rows of it the head covers; both sides agree on them.
    """
    erased = 0
    for document, places in tx.withheld.taken(recipient, lane, count).items():
        erased += _open(tx, document, places)
    return erased


def open_settled(tx: Transaction, document: int) -> int:
    """Erase what waited for a received batch to be settled; returns how many places."""
    return _open(tx, document, tx.withheld.waiting(document))


def forget_erased(node: Node, gate: Gate) -> None:  # noqa: ARG001  every step takes both
    """Empty the database's journal if something was erased since; tried again when it could not."""
    with node.database.read() as tx:
        due = tx.withheld.forget_due()
    if due and node.database.forget():
        with node.database.write() as tx:
            tx.withheld.set_forget_due(due=False)


def _open(tx: Transaction, document: int, places: Collection[int]) -> int:
    if places:
        erase_places(tx, document, places)
        tx.withheld.done(document)
        tx.withheld.set_forget_due(due=True)
    return len(places)
