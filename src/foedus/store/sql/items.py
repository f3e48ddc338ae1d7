"""Item versions, their bytes, numbers, terms and selectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from foedus.clock import to_micros
from foedus.model.identifiers import ItemKey, LocalNumber, MemberId, ObjectId
from foedus.model.objects import StixObject, parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import (
    EVERY_STATE,
    ItemFilter,
    ItemRow,
    ItemState,
    NewItem,
    Posting,
    StoredOutcome,
)
from foedus.store.errors import StoreMissingError, StoreStateError
from foedus.store.sql.hits import show_hits
from foedus.store.sql.instants import reserve
from foedus.store.sql.item_intake import add_items, terms_number
from foedus.store.sql.item_rows import SELECT_ITEM, VERSION_ORDER, item_row, listing
from foedus.store.sql.postings import erase_postings, look_up, selectors_of_items, show
from foedus.store.sql.session import Parameters, Session
from foedus.store.sql.words import shelf_of

__all__ = ["StoredItems"]


class StoredItems:
    """Implements :class:`foedus.node.ports.ItemStore`."""

    __slots__ = ("_member", "_session")

    def __init__(self, session: Session, member: MemberId) -> None:
        self._session = session
        self._member = member

    def add(self, items: Sequence[NewItem], *, at: datetime) -> Sequence[StoredOutcome]:
        """Store versions in order, idempotent by key and content hash.

        Raises:
            StoreMissingError: Terms, source or original of an item are not stored.
        """
        return add_items(self._session, items, at=at)

    def settle(
        self, handles: Sequence[int], *, state: ItemState, terms_id: ObjectId | None, at: datetime
    ) -> None:
        """Move rows to a state with exactly these terms, each with a fresh ``added``.

        Raises:
            StoreMissingError: A handle or the terms are not stored.
            StoreStateError: A row was discarded, or is to be: that is :meth:`discard`.
        """
        if state is ItemState.DISCARDED:
            raise StoreStateError("a row becomes discarded by being erased, not by being settled")
        unique = list(dict.fromkeys(handles))
        if not unique:
            return
        rows = dict(self._states(unique))
        terms = None if terms_id is None else terms_number(self._session, terms_id)
        first = reserve(self._session, at=at, count=len(unique))
        moves = []
        for added, handle in enumerate(unique, start=first):
            before, old = rows[handle]
            if before == ItemState.DISCARDED:
                raise StoreStateError("a discarded row has no bytes and cannot be taken up again")
            moves.append((shelf_of(before), old, added))
        self._session.run(
            "UPDATE item SET state = :state, terms = :terms, added = :first + w.key"
            " FROM integers(:handles) w WHERE item.handle = w.value",
            {"state": state.value, "terms": terms, "first": first, "handles": unique},
        )
        self._session.words.move(self._session, moves, shelf=shelf_of(state))
        self._show(unique)

    def move(self, handles: Sequence[int], *, state: ItemState, at: datetime) -> None:
        """Move rows to another state under the terms they have.

        Raises:
            StoreMissingError: A handle is not stored.
            StoreStateError: A row has no bytes, or is to have none.
        """
        unique = list(dict.fromkeys(handles))
        rows = dict(self._states(unique))
        if state is ItemState.DISCARDED or any(
            before == ItemState.DISCARDED for before, _ in rows.values()
        ):
            raise StoreStateError("what is discarded has no bytes and is moved nowhere")
        if not unique:
            return
        first = reserve(self._session, at=at, count=len(unique))
        self._session.run(
            "UPDATE item SET state = :state, added = :first + w.key"
            " FROM integers(:handles) w WHERE item.handle = w.value",
            {"state": state.value, "first": first, "handles": unique},
        )
        moves = [
            (shelf_of(rows[handle][0]), rows[handle][1], added)
            for added, handle in enumerate(unique, start=first)
        ]
        self._session.words.move(self._session, moves, shelf=shelf_of(state))
        self._show(unique)
        if state is ItemState.RESTRICTED:
            # A replica serves nothing before it has seen this.
            self._session.run("UPDATE removal SET revision = revision + 1")

    def discard(self, handles: Sequence[int]) -> None:
        """Erase bytes, selectors and text of drafts; idempotent.

        Raises:
            StoreMissingError: A handle is not stored.
            StoreStateError: A row is neither draft nor discarded.
        """
        drafts = []
        for handle, (state, added) in self._states(list(dict.fromkeys(handles))):
            if state == ItemState.DRAFT:
                drafts.append((handle, added))
            elif state != ItemState.DISCARDED:
                raise StoreStateError(f"only drafts can be discarded; this row is {state}")
        if not drafts:
            return
        keys = [(handle,) for handle, _ in drafts]
        self._session.run_many("DELETE FROM item_bytes WHERE handle = ?", keys)
        erase_postings(self._session, [handle for handle, _ in drafts])
        self._session.words.erase_drafts(self._session, [added for _, added in drafts])
        self._session.run_many(
            "UPDATE item SET state = ?, title = '' WHERE handle = ?",
            [(ItemState.DISCARDED.value, handle) for handle, _ in drafts],
        )

    def rows(self, handles: Sequence[int]) -> Sequence[ItemRow]:
        """Return the rows of handles that exist, in the order asked."""
        return self._items(
            SELECT_ITEM + "integers(?) w CROSS JOIN item i ON i.handle = w.value ORDER BY w.key",
            (list(handles),),
        )

    def raw(self, handles: Sequence[int]) -> Mapping[int, bytes]:
        """Return the exact bytes of each handle that has them."""
        return dict(
            self._session.rows(
                "SELECT b.handle, b.raw FROM integers(?) w"
                " CROSS JOIN item_bytes b ON b.handle = w.value",
                (list(handles),),
            )
        )

    def by_key(self, key: ItemKey) -> ItemRow | None:
        """Return the row of one item version in any state."""
        rows = self._items(
            SELECT_ITEM + "item i WHERE i.object_id = ? AND i.originator = ? AND i.version = ?",
            (key.object_id, key.originator, key.version),
        )
        return rows[0] if rows else None

    def by_number(
        self, number: LocalNumber, *, states: Collection[ItemState] = EVERY_STATE
    ) -> Sequence[ItemRow]:
        """Return the versions in some states that carry a local number, oldest first."""
        if number.member != self._member:
            return ()
        if states is EVERY_STATE:
            return self._items(
                SELECT_ITEM
                + "item i WHERE i.number_year = ? AND i.number_sequence = ? ORDER BY "
                + VERSION_ORDER,
                (number.year, number.sequence),
            )
        return self._items(
            SELECT_ITEM + "texts(?) w CROSS JOIN item i ON i.number_year = ?"
            " AND i.number_sequence = ? AND i.state = w.value ORDER BY " + VERSION_ORDER,
            (sorted(states), number.year, number.sequence),
        )

    def by_object_id(
        self, object_id: ObjectId, *, states: Collection[ItemState] = EVERY_STATE
    ) -> Sequence[ItemRow]:
        """Return the versions in some states of an id of any originator, oldest first."""
        if states is EVERY_STATE:
            return self._items(
                SELECT_ITEM + "item i WHERE i.object_id = ? ORDER BY " + VERSION_ORDER,
                (object_id,),
            )
        return self._items(
            SELECT_ITEM + "texts(?) w CROSS JOIN item i ON i.object_id = ? AND i.state = w.value"
            " ORDER BY " + VERSION_ORDER,
            (sorted(states), object_id),
        )

    def page(self, which: ItemFilter, *, after: datetime | None, limit: int) -> Sequence[ItemRow]:
        """Return rows in order of ``added``, later than ``after``; keyset paging."""
        query = listing(
            self._session.words, which, after=-1 if after is None else to_micros(after), limit=limit
        )
        return () if query is None else self._items(*query)

    def counts(self) -> Mapping[ItemState, int]:
        """Return how many rows stand in each state."""
        rows = self._session.rows("SELECT state, count(*) FROM item GROUP BY state")
        return {ItemState(state): count for state, count in rows}

    def selectors(
        self, handles: Sequence[int], *, kinds: Collection[SelectorKind] | None = None
    ) -> Mapping[int, frozenset[Selector]]:
        """Return the selectors of many items, of all kinds or some; items without are left out."""
        return selectors_of_items(self._session, handles, kinds)

    def postings(self, selectors: Sequence[Selector], *, cap: int) -> Mapping[Selector, Posting]:
        """Look up many selectors among visible items; absent ones are left out."""
        return look_up(self._session, selectors, cap=cap)

    def markings(self, ids: Sequence[str]) -> Mapping[str, StixObject]:
        """Return the marking-definitions stored here under these ids, any originator.

        What was quarantined is not believed. Of several under one id the first stored stands: a
        later one cannot change what a marking means.
        """
        rows = self._session.rows(
            "SELECT i.object_id, b.raw FROM texts(?) w"
            " CROSS JOIN item i ON i.object_id = w.value"
            " JOIN item_bytes b ON b.handle = i.handle"
            " WHERE i.type = 'marking-definition' AND i.state IN ('draft', 'held', 'protocol')"
            " ORDER BY i.handle DESC",
            (list(dict.fromkeys(ids)),),
        )
        first: dict[str, bytes] = dict(rows)
        return {identifier: parse_object(raw) for identifier, raw in first.items()}

    def put_terms(self, terms_id: ObjectId, raw: bytes) -> None:
        """Keep a terms object; idempotent."""
        self._session.run(
            "INSERT INTO terms (terms_id, raw) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (terms_id, raw),
        )

    def terms(self, ids: Sequence[ObjectId]) -> Mapping[ObjectId, bytes]:
        """Return the terms objects stored under these ids."""
        rows = self._session.rows(
            "SELECT t.terms_id, t.raw FROM texts(?) w CROSS JOIN terms t ON t.terms_id = w.value",
            (list(ids),),
        )
        return {ObjectId(terms_id): raw for terms_id, raw in rows}

    def _show(self, handles: Sequence[int]) -> None:
        show(self._session, handles)
        show_hits(self._session, handles)

    def _items(self, sql: str, parameters: Parameters) -> Sequence[ItemRow]:
        member = self._member
        return [item_row(row, member) for row in self._session.rows(sql, parameters)]

    def _states(self, handles: Sequence[int]) -> list[tuple[int, tuple[str, int]]]:
        """Return (handle, (state, added)) of every handle, all of which must exist."""
        rows = self._session.rows(
            "SELECT i.handle, i.state, i.added FROM integers(?) w"
            " CROSS JOIN item i ON i.handle = w.value",
            (list(handles),),
        )
        if len(rows) != len(handles):
            raise StoreMissingError("an item named by its handle is not stored")
        return [(handle, (state, added)) for handle, state, added in rows]
