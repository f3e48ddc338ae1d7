"""Collections of a member's own tools: one indexed query a page, bytes as they came.

A selection is read in *arms*, each of which one index answers in order of ``added``: one for each
kind of version asked for (latest, earliest, every, an instant) and each type. One arm is one query;
of several the keys are read, merged, and then the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, cast

from foedus.clock import from_micros, to_micros
from foedus.node.ports.collections import (
    CollectionRow,
    ObjectRow,
    ObjectVersion,
    PageRow,
    Selection,
)
from foedus.store.sql.people import note_access
from foedus.store.sql.session import Row, Session

__all__ = ["StoredCollections"]

_READ: Final = (
    "SELECT collection, id, name, title, description, created, created_by, last_added, objects,"
    " bytes, largest, submitted FROM collection"
)
_ROW: Final = "SELECT o.added, o.object_id, o.version_text, o.raw "
_SIZE: Final = "SELECT o.added, length(o.raw) "
_KEY: Final = "SELECT o.added "
_FROM: Final = "FROM collection_object o WHERE o.collection = ? AND o.added > ?"
_FROM_IDS: Final = (
    "FROM texts(?) w CROSS JOIN collection_object o ON o.collection = ? AND o.object_id = w.value"
    " WHERE +o.added > ?"  # the sign keeps SQLite from reading the collection along by this
)
_ORDER: Final = " ORDER BY o.added LIMIT ?"
_KEYED: Final = (
    "FROM integers(?) w CROSS JOIN collection_object o ON o.collection = ? AND o.added = w.value"
    " ORDER BY o.added"
)
_FLAGS: Final[Mapping[str, str]] = {
    flag: f"UPDATE collection_object SET {flag} = ?"  # noqa: S608  one of two names of ours
    " WHERE collection = ? AND object_id = ? AND version = ?"
    for flag in ("first", "last")
}


class StoredCollections:
    """Implements :class:`foedus.node.ports.CollectionStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, row: CollectionRow) -> CollectionRow:
        """Store a new collection and return it with its number."""
        self._session.insert(
            "INSERT INTO collection (id, name, title, description, created, created_by, last_added,"
            " objects, bytes, largest, submitted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " RETURNING collection",
            (
                row.id,
                row.name,
                row.title,
                row.description,
                to_micros(row.created),
                row.created_by,
                row.last_added,
                row.objects,
                row.size,
                row.largest,
                row.submitted,
            ),
        )
        note_access(self._session)
        stored = self._session.row(_READ + " WHERE id = ?", (row.id,))
        return row if stored is None else _collection(stored)

    def remove(self, number: int) -> None:
        """Delete a collection, all that stands in it and every grant to it."""
        for table in ("token_grant", "collection_object", "collection_deleted", "collection"):
            self._session.run(
                f"DELETE FROM {table} WHERE collection = ?",  # noqa: S608  one of four of ours
                (number,),
            )
        note_access(self._session)

    def all(self) -> Sequence[CollectionRow]:
        """Return every collection by name."""
        return [_collection(row) for row in self._session.rows(_READ + " ORDER BY name")]

    def get(self, number: int) -> CollectionRow | None:
        """Return one collection as it is now."""
        row = self._session.row(_READ + " WHERE collection = ?", (number,))
        return None if row is None else _collection(row)

    def set_figures(self, row: CollectionRow) -> None:
        """Store what changes of a collection."""
        self._session.run(
            "UPDATE collection SET last_added = ?, objects = ?, bytes = ?, largest = ?,"
            " submitted = ? WHERE collection = ?",
            (row.last_added, row.objects, row.size, row.largest, row.submitted, row.number),
        )

    def page(self, number: int, selection: Selection, *, limit: int) -> list[PageRow]:
        """Return selected versions in order of ``added``, at most so many."""
        # Plain tuples as they come: a thousand stand on each page.
        return cast("list[PageRow]", self._select(_ROW, number, selection, limit))

    def sizes(self, number: int, selection: Selection, *, limit: int) -> list[tuple[int, int]]:
        """Return ``added`` and bytes of what a page would hold."""
        return [(row[0], row[1]) for row in self._select(_SIZE, number, selection, limit)]

    def holds(self, number: int, object_id: str) -> bool:
        """Say whether any version of an object stands in a collection."""
        row = self._session.row(
            "SELECT 1 FROM collection_object WHERE collection = ? AND object_id = ? LIMIT 1",
            (number, object_id),
        )
        return row is not None

    def ends(self, number: int, ids: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Return earliest and latest version of each object that stands there."""
        rows = self._session.rows(
            "SELECT w.value,"
            " (SELECT min(o.version) FROM collection_object o"
            " WHERE o.collection = ?1 AND o.object_id = w.value),"
            " (SELECT max(o.version) FROM collection_object o"
            " WHERE o.collection = ?1 AND o.object_id = w.value)"
            " FROM texts(?2) w",
            (number, list(ids)),
        )
        return {row[0]: (row[1], row[2]) for row in rows if row[1] is not None}

    def find(self, number: int, object_id: str, version: int) -> PageRow | None:
        """Return one version of one object."""
        row = self._session.row(
            "SELECT added, object_id, version_text, raw FROM collection_object"
            " WHERE collection = ? AND object_id = ? AND version = ?",
            (number, object_id, version),
        )
        return None if row is None else (row[0], row[1], row[2], bytes(row[3]))

    def versions(self, number: int, object_id: str) -> Sequence[ObjectVersion]:
        """Return every version of an object, earliest first."""
        rows = self._session.rows(
            "SELECT version, added, length(raw) FROM collection_object"
            " WHERE collection = ? AND object_id = ? ORDER BY version",
            (number, object_id),
        )
        return [ObjectVersion._make(row) for row in rows]

    def add(self, number: int, rows: Iterable[ObjectRow]) -> None:
        """Insert object versions."""
        self._session.run_many(
            "INSERT INTO collection_object (collection, added, object_id, type, version,"
            " version_text, first, last, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(number, *row) for row in rows],
        )

    def delete(self, number: int, object_id: str, versions: Sequence[int]) -> None:
        """Delete versions of an object."""
        self._session.run_many(
            "DELETE FROM collection_object WHERE collection = ? AND object_id = ? AND version = ?",
            [(number, object_id, version) for version in versions],
        )

    def flag(self, number: int, ends: Iterable[tuple[str, int]], *, which: str, value: int) -> None:
        """Set ``first`` or ``last`` of object versions."""
        self._session.run_many(
            _FLAGS[which], [(value, number, object_id, version) for object_id, version in ends]
        )

    def note_deleted(self, number: int, marks: Iterable[bytes]) -> None:
        """Remember what was deleted."""
        self._session.run_many(
            "INSERT INTO collection_deleted (collection, mark) VALUES (?, ?)"
            " ON CONFLICT DO NOTHING",
            [(number, mark) for mark in marks],
        )

    def drop_deleted(self, number: int, marks: Iterable[bytes]) -> None:
        """Forget that something was deleted; nothing is done where nothing ever was."""
        row = self._session.row(
            "SELECT 1 FROM collection_deleted WHERE collection = ? LIMIT 1", (number,)
        )
        if row is not None:
            self._session.run_many(
                "DELETE FROM collection_deleted WHERE collection = ? AND mark = ?",
                [(number, mark) for mark in marks],
            )

    def was_deleted(self, number: int, marks: Sequence[bytes]) -> bool:
        """Say whether any of these was deleted and stands there no more."""
        return any(
            self._session.row(
                "SELECT 1 FROM collection_deleted WHERE collection = ? AND mark = ?", (number, mark)
            )
            for mark in marks
        )

    def keep_status(
        self, identifier: str, owner: str, body: bytes, *, at: datetime, expired: datetime
    ) -> None:
        """Store what became of a post, and drop what expired."""
        self._session.run("DELETE FROM post_status WHERE at < ?", (to_micros(expired),))
        self._session.run(
            "INSERT INTO post_status (id, owner, at, body) VALUES (?, ?, ?, ?)",
            (identifier, owner, to_micros(at), body),
        )

    def drop_status(self, identifier: str, owner: str) -> None:
        """Drop a status, if it is kept."""
        self._session.run("DELETE FROM post_status WHERE id = ? AND owner = ?", (identifier, owner))

    def status(self, identifier: str, owner: str, *, since: datetime) -> bytes | None:
        """Return the status of a post that its owner made not before an instant."""
        row = self._session.row(
            "SELECT body FROM post_status WHERE id = ? AND owner = ? AND at >= ?",
            (identifier, owner, to_micros(since)),
        )
        return None if row is None else bytes(row[0])

    def _select(self, what: str, number: int, selection: Selection, limit: int) -> list[Row]:
        arms = list(_arms(number, selection))
        if len(arms) == 1:
            [(sql, values)] = arms
            return self._session.rows(what + sql + _ORDER, (*values, limit))
        keys: set[int] = set()
        for sql, values in arms:
            keys.update(row[0] for row in self._session.rows(_KEY + sql + _ORDER, (*values, limit)))
        return self._session.rows(what + _KEYED, (sorted(keys)[:limit], number))


def _arms(number: int, selection: Selection) -> Iterable[tuple[str, tuple[object, ...]]]:
    """Yield the arms of a selection: text and values of the condition, but for the limit."""
    after = selection.after
    for version_sql, version_values in _version_arms(selection):
        if selection.ids:
            sql, values = _FROM_IDS + version_sql, (list(selection.ids), number, after)
            if selection.types:
                of_type = " AND o.type IN (SELECT value FROM texts(?) t)"
                yield sql + of_type, (*values, *version_values, list(selection.types))
            else:
                yield sql, (*values, *version_values)
        elif selection.types:
            for each in selection.types:
                yield (
                    _FROM + version_sql + " AND o.type = ?",
                    (
                        number,
                        after,
                        *version_values,
                        each,
                    ),
                )
        else:
            yield _FROM + version_sql, (number, after, *version_values)


def _version_arms(selection: Selection) -> Iterable[tuple[str, tuple[int, ...]]]:
    if selection.every:
        yield "", ()
        return
    if selection.last:
        yield " AND o.last = 1", ()
    if selection.first:
        yield " AND o.first = 1", ()
    for instant in selection.versions:
        yield " AND o.version = ?", (instant,)


def _collection(row: Row) -> CollectionRow:
    return CollectionRow(
        number=row[0],
        id=row[1],
        name=row[2],
        title=row[3],
        description=row[4],
        created=from_micros(row[5]),
        created_by=row[6],
        last_added=row[7],
        objects=row[8],
        size=row[9],
        largest=row[10],
        submitted=row[11],
    )
