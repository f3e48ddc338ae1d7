"""Find again of which of our items a redacted form is the form: its id follows from our secret."""

from __future__ import annotations

from typing import Final

from foedus.model.objects import parse_object
from foedus.node.context import Node
from foedus.node.ports import ItemFilter, Transaction
from foedus.release.redact import variant_id

__all__ = ["link_variants"]

_PAGE: Final = 1_000


def link_variants(tx: Transaction, node: Node) -> int:
    """Link every redacted form that has no original to it, where that is here.

    Args:
        tx: A writing transaction.
        node: The node.

    Returns:
        How many were linked.
    """
    waiting = {(name, version): handle for handle, name, version in tx.recovery.unlinked_variants()}
    members = [row.member for row in tx.peers.all() if row.member != node.identity.member]
    linked, after = 0, None
    which = ItemFilter(unheard=True)
    while waiting and (rows := tx.items.page(which, after=after, limit=_PAGE)):
        after = rows[-1].added
        raws = tx.items.raw([row.handle for row in rows])
        for row in rows:
            obj = parse_object(raws[row.handle])
            for member in members:
                name = variant_id(obj, recipient=member, secret=node.identity.secret)
                handle = waiting.pop((name, row.key.version), None)
                if handle is not None:
                    tx.recovery.link_variant(handle, row.handle)
                    linked += 1
    return linked
