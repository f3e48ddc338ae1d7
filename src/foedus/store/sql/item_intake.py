"""Storing new item versions in bulk.

Rules, in order:

1. The key is (originator, object id, version). The same key with the same bytes changes nothing
   (``DUPLICATE``), whatever state the stored row is in; with other bytes it changes nothing and is
   a ``CONFLICT``. This holds within one call too. A discarded row has no bytes to differ from:
   offered again it is taken up anew, under its old handle and number, and counts as ``NEW``.
2. Every version of one (originator, object id) carries the same local number, given to the first
   that asks for one.
3. New rows get consecutive handles and consecutive ``added`` instants, in the order given.

A call takes a constant number of statements, however many items it stores.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from foedus.clock import to_micros
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.ports import ItemState, NewItem, Stored, StoredOutcome
from foedus.store.errors import StoreMissingError
from foedus.store.sql.instants import reserve
from foedus.store.sql.numbers import NumberSequence
from foedus.store.sql.postings import add_postings
from foedus.store.sql.session import Session
from foedus.store.sql.words import shelf_of

__all__ = ["add_items", "terms_number"]

_INSERT_ITEM = (
    "INSERT INTO item (handle, originator, object_id, version, type, state, number_year,"
    " number_sequence, terms, content_hash, modified, received_from, received_under, source, title,"
    " variant_of, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_TAKE_UP_AGAIN = (
    "UPDATE item SET (originator, object_id, version, type, state, number_year,"
    " number_sequence, terms, content_hash, modified, received_from, received_under, source, title,"
    " variant_of, added) = (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    " WHERE handle = ?1"
)


def add_items(
    session: Session, items: Sequence[NewItem], *, at: datetime
) -> Sequence[StoredOutcome]:
    """Store what is new of these items; see the rules of this module.

    Args:
        session: A writing transaction.
        items: In order.
        at: Now, aware.

    Raises:
        StoreMissingError: Terms, source or original of an item are not stored.
    """
    if not items:
        return ()
    known = _Known(session, items, at)
    outcomes = []
    fresh: list[tuple[int, NewItem, tuple[int, int] | None]] = []
    last = session.number("SELECT max(handle) FROM item")
    next_handle = last + 1
    for item in items:
        outcome = known.outcome(item)
        if outcome is None:
            handle = known.discarded(item)
            if handle is None:
                handle, next_handle = next_handle, next_handle + 1
            outcome = StoredOutcome(handle=handle, outcome=Stored.NEW)
            fresh.append((handle, item, known.remember(item, handle)))
        outcomes.append(outcome)
    if fresh:
        known.numbers.save()
        _insert(session, fresh, last=last, at=at)
    return outcomes


def terms_number(session: Session, terms_id: ObjectId) -> int:
    """Return the row of stored terms.

    Raises:
        StoreMissingError: They are not stored.
    """
    row = session.row("SELECT terms FROM terms WHERE terms_id = ?", (terms_id,))
    if row is None:
        raise StoreMissingError(f"terms {terms_id} are not stored; put them first")
    return int(row[0])


class _Known:
    """What is stored of the object ids of one call, and what the call has added."""

    def __init__(self, session: Session, items: Sequence[NewItem], at: datetime) -> None:
        self.numbers = NumberSequence(session, at.astimezone(UTC).year)
        self._versions: dict[tuple[str, str, str], tuple[int, str]] = {}
        self._discarded: dict[tuple[str, str, str], int] = {}
        self._number_of: dict[tuple[str, str], tuple[int, int]] = {}
        rows = session.rows(
            "SELECT i.originator, i.object_id, i.version, i.handle, i.content_hash, i.state,"
            " i.number_year, i.number_sequence FROM texts(?) w"
            " CROSS JOIN item i ON i.object_id = w.value",
            (list({item.obj.id for item in items}),),
        )
        for originator, object_id, version, handle, content_hash, state, year, sequence in rows:
            if state == ItemState.DISCARDED:
                self._discarded[originator, object_id, version] = handle
            else:
                self._versions[originator, object_id, version] = (handle, content_hash.hex())
            if year is not None:
                self._number_of[originator, object_id] = (year, sequence)

    def outcome(self, item: NewItem) -> StoredOutcome | None:
        """Rule 1: how an item stands to what is stored; None when it is new."""
        obj = item.obj
        stored = self._versions.get((item.originator, obj.id, obj.version))
        if stored is None:
            return None
        same = stored[1] == obj.content_hash
        return StoredOutcome(
            handle=stored[0], outcome=Stored.DUPLICATE if same else Stored.CONFLICT
        )

    def discarded(self, item: NewItem) -> int | None:
        """Return the handle of the discarded row of this key, if there is one."""
        return self._discarded.get((item.originator, item.obj.id, item.obj.version))

    def remember(self, item: NewItem, handle: int) -> tuple[int, int] | None:
        """Note a new item and return the number it gets (rule 2)."""
        obj = item.obj
        self._versions[item.originator, obj.id, obj.version] = (handle, obj.content_hash)
        if not item.numbered:
            return None
        named: tuple[MemberId, ObjectId] = (item.originator, obj.id)
        number = self._number_of.get(named)
        if number is None:
            number = self._number_of[named] = (self.numbers.year, self.numbers.take())
        return number


def _insert(
    session: Session,
    fresh: Sequence[tuple[int, NewItem, tuple[int, int] | None]],
    *,
    last: int,
    at: datetime,
) -> None:
    """Write rows of (handle, item, number); handles up to ``last`` are rows taken up again."""
    terms_of = {
        terms_id: terms_number(session, terms_id)
        for terms_id in {item.terms_id for _, item, _ in fresh}
        if terms_id is not None
    }
    first = reserve(session, at=at, count=len(fresh))
    rows, texts = [], []
    for added, (handle, item, number) in enumerate(fresh, start=first):
        obj = item.obj
        rows.append(
            (
                handle,
                item.originator,
                obj.id,
                obj.version,
                obj.type,
                item.state.value,
                None if number is None else number[0],
                None if number is None else number[1],
                None if item.terms_id is None else terms_of[item.terms_id],
                bytes.fromhex(obj.content_hash),
                None if obj.modified is None else to_micros(obj.modified),
                item.received_from,
                item.received_under,
                item.source,
                item.title,
                item.variant_of,
                added,
            )
        )
        if item.title or item.text:
            texts.append((shelf_of(item.state), added, item.title, item.text))
    session.run_many(_INSERT_ITEM, [row for row in rows if row[0] > last])
    session.run_many(_TAKE_UP_AGAIN, [row for row in rows if row[0] <= last])
    session.run_many(
        "INSERT INTO item_bytes (handle, raw) VALUES (?, ?)",
        [(handle, item.obj.raw) for handle, item, _ in fresh],
    )
    session.words.index(session, texts)
    add_postings(session, [(handle, item.selectors) for handle, item, _ in fresh])
