"""Pages read from a replica, such that nobody can tell that they were.

A replica shows a past moment of the store. A page of it is given out only where the store's present
would give out the same page, or one that begins with it:

1. The replica's snapshot is opened first and the store's second, so that the second holds all that
   the first does.
2. Nothing that is served was taken away or changed in between: the count of removals is the same.
   Otherwise something erased could be served once more.
3. Rights, closings, signed heads and counts are those of the store's snapshot: the head covers the
   page.
4. A page that ends before its limit is given out only if the replica has the whole lane; else the
   follower would take a late page for the end, or for a lane that went back.
5. Anything else, and any failure of the replica: the page is read from the store.

Positions are given in the order of commits, and a replica repeats commits in that order: it holds
every row before its last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from foedus.errors import FoedusError
from foedus.model.identifiers import MemberId
from foedus.node.collected import CollectedPage, collected_page
from foedus.node.ports import Database, Transaction
from foedus.node.serve_lane import LaneRules, lane_page
from foedus.node.served import PageQuery, ServedPage

__all__ = ["Reading", "reading"]

P = TypeVar("P", ServedPage, CollectedPage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a page is read from.

    Attributes:
        tx: The store as it is now.
        copy: A replica that may be read beside it, or None.
    """

    tx: Transaction
    copy: Transaction | None

    def lane_page(
        self, recipient: MemberId, lane: str, query: PageQuery, *, rules: LaneRules
    ) -> ServedPage:
        """Return a page of a recipient's lane; see :func:`foedus.node.serve_lane.lane_page`."""
        tx = self.tx
        present = replace(
            rules, why_closed=lambda _, member, treaty: rules.why_closed(tx, member, treaty)
        )

        def from_copy(copy: Transaction) -> ServedPage | None:
            page = lane_page(copy, recipient, lane, query, rules=present)
            if page.more:
                return page
            whole = tx.feeds.lane(recipient, lane).count == copy.feeds.lane(recipient, lane).count
            return page if whole else None

        found = self._tried(from_copy) if query.plain else None
        if found is None:
            found = lane_page(tx, recipient, lane, query, rules=rules)
        return found

    def collected_page(self, collection: int, query: PageQuery) -> CollectedPage:
        """Return a page of a named collection; see :func:`foedus.node.collected.collected_page`."""

        def from_copy(copy: Transaction) -> CollectedPage | None:
            page = collected_page(copy, collection, query)
            if page.more:
                return page
            whole = _last_added(copy, collection) == _last_added(self.tx, collection)
            return page if whole else None

        found = self._tried(from_copy)
        return collected_page(self.tx, collection, query) if found is None else found

    def _tried(self, read: Callable[[Transaction], P | None]) -> P | None:
        """Read from the replica; None where the store must be asked."""
        if self.copy is None:
            return None
        try:
            page = read(self.copy)
        except FoedusError:  # the replica failed, or the lane is closed: the store decides
            return None
        return page if page is not None and page.span is not None else None


@contextmanager
def reading(database: Database) -> Iterator[Reading]:
    """Open the store, and a replica where one may be read."""
    with database.replica() as copy, database.read() as tx:
        yield Reading(tx=tx, copy=copy if _level(copy, tx) else None)


def _last_added(tx: Transaction, collection: int) -> int:
    row = tx.collections.get(collection)
    return -1 if row is None else row.last_added


def _level(copy: Transaction | None, tx: Transaction) -> bool:
    if copy is None:
        return False
    try:
        return copy.erasure.removals() == tx.erasure.removals()
    except FoedusError:
        return False
