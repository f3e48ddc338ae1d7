"""What was submitted, and how it reconciles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import ObjectId
from foedus.node.ports import SourceRow
from foedus.store.sql.session import Row, Session, json_list

__all__ = ["StoredSources"]


class StoredSources:
    """Implements :class:`foedus.node.ports.SourceStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, source: SourceRow) -> int:
        """Store a source (its ``handle`` is ignored) and return the handle given."""
        return self._session.insert(
            "INSERT INTO source (sha256, name, format, at, given_by, read, taken, duplicates,"
            " added, refused, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " RETURNING handle",
            (
                source.sha256,
                source.name,
                source.format,
                to_micros(source.at),
                source.by,
                source.read,
                source.taken,
                source.duplicates,
                source.added,
                json_list(source.refused),
                source.report,
            ),
        )

    def all(self) -> Sequence[SourceRow]:
        """Return every source, oldest first."""
        rows = self._session.rows(
            "SELECT handle, sha256, name, format, at, given_by, read, taken, duplicates, added,"
            " refused, report FROM source ORDER BY handle"
        )
        return [_source(row) for row in rows]

    def editions(self, format_name: str) -> Mapping[ObjectId, tuple[str, str]]:
        """Return object id → (content hash, version) of the newest items of a format.

        What was discarded does not count: it is not what stands here of an edition.
        """
        # The later of two versions overwrites the earlier.
        rows = self._session.rows(
            "SELECT i.object_id, i.content_hash, i.version FROM source s"
            " CROSS JOIN item i ON i.source = s.handle"
            " WHERE s.format = ? AND i.state <> 'discarded'"
            " ORDER BY coalesce(i.modified, 0), i.handle",
            (format_name,),
        )
        return {
            ObjectId(object_id): (content_hash.hex(), version)
            for object_id, content_hash, version in rows
        }


def _source(row: Row) -> SourceRow:
    refused = msgspec.json.decode(row[10], type=tuple[tuple[str, str], ...])
    return SourceRow(
        handle=row[0],
        sha256=row[1],
        name=row[2],
        format=row[3],
        at=from_micros(row[4]),
        by=row[5],
        read=row[6],
        taken=row[7],
        duplicates=row[8],
        added=row[9],
        refused=refused,
        report=None if row[11] is None else ObjectId(row[11]),
    )
