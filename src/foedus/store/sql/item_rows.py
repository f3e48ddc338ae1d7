"""Item rows as the database holds them, and the queries that list them.

A listing is built from constant pieces of SQL; every value is bound. The pieces:

1. Held rows are read through the view ``visible_item``, the one visibility filter; other states
   from the table by name of the state.
2. Each state is one ordered range of the index ``item_listing``; several states are merged.
3. Ids drive the query when given, a search text drives it through the full-text index, whose row
   ids are ``added`` instants; all else filters on columns that the index carries.
4. The newest version is the one with the latest ``modified``, then the highest handle, among the
   rows of the same originator and object id in the states asked for.
"""

from __future__ import annotations

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import ItemKey, LocalNumber, MemberId, ObjectId, TreatyId
from foedus.node.ports import ItemFilter, ItemRow, ItemState
from foedus.store.sql.instants import instant
from foedus.store.sql.session import Row, WordIndex
from foedus.store.sql.words import shelf_of

__all__ = ["SELECT_ITEM", "VERSION_ORDER", "item_row", "listing"]

SELECT_ITEM = (
    "SELECT i.handle, i.originator, i.object_id, i.version, i.type, i.state, i.number_year,"
    " i.number_sequence, (SELECT t.terms_id FROM terms t WHERE t.terms = i.terms), i.content_hash,"
    " i.modified, i.received_from, i.received_under, i.source, i.title, i.variant_of, i.added FROM "
)
"""Reads an item ``i``, with its columns in the order of :func:`item_row`; tables follow."""

_STATES = {state.value: state for state in ItemState}

VERSION_ORDER = "coalesce(i.modified, 0), i.handle"
"""Oldest version first."""


def item_row(row: Row, member: MemberId) -> ItemRow:
    """Return the value of a row of :data:`SELECT_ITEM`.

    Args:
        row: As fetched.
        member: The node's own member, which local numbers begin with.
    """
    number = None
    if row[6] is not None:
        number = LocalNumber(member=member, year=row[6], sequence=row[7])
    return ItemRow(
        handle=row[0],
        key=ItemKey(originator=MemberId(row[1]), object_id=ObjectId(row[2]), version=row[3]),
        type=row[4],
        state=_STATES[row[5]],
        number=number,
        terms_id=None if row[8] is None else ObjectId(row[8]),
        content_hash=row[9].hex(),
        modified=instant(row[10]),
        received_from=None if row[11] is None else MemberId(row[11]),
        received_under=None if row[12] is None else TreatyId(row[12]),
        source=row[13],
        title=row[14],
        variant_of=row[15],
        added=from_micros(row[16]),
    )


def listing(
    words: WordIndex, which: ItemFilter, *, after: int, limit: int
) -> tuple[str, dict[str, object]] | None:
    """Return the statement and parameters of one page, or None if nothing can match.

    Args:
        words: The full-text index.
        which: What to list.
        after: Only rows added later, in microseconds.
        limit: At most so many rows.
    """
    if which.added_after is not None:
        after = max(after, to_micros(which.added_after))
    values: dict[str, object] = {"after": after, "limit": limit}
    conditions = _conditions(which, values)
    if which.text:
        query = words.query(which.text)
        if query is None:
            return None
        values.update(query)
    states = sorted(which.states) or sorted(ItemState)
    values["states"] = [state.value for state in states]
    parts = []
    for number, state in enumerate(states):
        values[f"state{number}"] = state.value
        source, order = _source(words, which, state)
        parts.append(
            # Pieces of our own only; the values are bound.
            f"SELECT * FROM ({SELECT_ITEM}{source}"  # noqa: S608
            f" AND i.state = :state{number} AND i.added > :after{conditions}"
            f" ORDER BY {order} LIMIT :limit) s{number}"
        )
    if len(parts) == 1:
        return parts[0], values
    return " UNION ALL ".join(parts) + " ORDER BY added LIMIT :limit", values


def _source(words: WordIndex, which: ItemFilter, state: ItemState) -> tuple[str, str]:
    """Return what drives the query over one state, up to its first condition, and its order."""
    shown = state is ItemState.HELD and not which.unheard
    table = "visible_item" if shown else "item"
    if which.text:
        texts, found, added = words.matching(shelf_of(state))
        return (
            f"{texts} CROSS JOIN {table} i ON i.added = {added} WHERE {found} AND {added} > :after",
            added,
        )
    if which.ids:
        return (
            f"texts(:ids) wanted CROSS JOIN {table} i ON i.object_id = wanted.value WHERE true",
            "i.added",
        )
    return f"{table} i WHERE true", "i.added"


_NEWEST = (
    " AND NOT EXISTS (SELECT 1 FROM item n WHERE n.object_id = i.object_id"
    " AND +n.originator = i.originator AND n.state {states}"
    " AND (coalesce(n.modified, 0), n.handle) > (coalesce(i.modified, 0), i.handle))"
)
# With the state by its value an index leads to versions in it, and none in another is read.
_NEWEST_OF_ONE = _NEWEST.format(states="= :state0")
_NEWEST_OF_SOME = _NEWEST.format(states="IN (SELECT value FROM texts(:states) w)")


def _conditions(which: ItemFilter, values: dict[str, object]) -> str:
    """Return the conditions on an item ``i``, having put their values into ``values``."""
    conditions = ""
    # The plus signs keep the planner to the ordered index, which carries these columns.
    for name, column, wanted, many in (
        ("types", "+i.type", which.types, "texts"),
        ("versions", "i.version", which.versions, "texts"),
        ("originators", "+i.originator", which.originators, "texts"),
        ("received_from", "+i.received_from", which.received_from, "texts"),
        ("sources", "+i.source", which.sources, "integers"),
    ):
        if len(wanted) == 1:
            (values[name],) = wanted
            conditions += f" AND {column} = :{name}"
        elif wanted:
            values[name] = sorted(wanted)
            # Names of our own only; the values are bound.
            conditions += f" AND {column} IN (SELECT value FROM {many}(:{name}) w)"  # noqa: S608
    if which.ids:
        values["ids"] = list(which.ids)
        if which.text:
            conditions += " AND i.object_id IN (SELECT value FROM texts(:ids) w)"
    if which.newest_only:
        conditions += _NEWEST_OF_ONE if len(which.states) == 1 else _NEWEST_OF_SOME
    return conditions
