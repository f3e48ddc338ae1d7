"""One collection: read it, look objects up in it, post to it, delete from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import msgspec

from foedus.client.connection import Connection, decoded
from foedus.client.cursor import Cursor, query_mark
from foedus.client.errors import AnswerError, RefusedError
from foedus.client.patience import Patience
from foedus.client.reading import Reading, objects_of, records_of
from foedus.client.resources import CollectionInfo, ManifestRecord, PostStatus, StatusDetail
from foedus.clock import instant_text
from foedus.model.objects import MAX_OBJECT_BYTES, StixObject

__all__ = ["ALL_VERSIONS", "Added", "Collection", "Postable"]

ALL_VERSIONS: Final = "all"
"""Every version of each object, for ``versions``."""

Postable: TypeAlias = StixObject | bytes | Mapping[str, Any]
"""What may be posted: an object, its exact bytes, or a document to write as JSON."""

_POST_OBJECTS: Final = 1_000
_ENVELOPE_BYTES: Final = len(b'{"objects":[]}')
_MAX_VERSION_PAGES: Final = 10_000
_STATUS_POLLS: Final = 60
_STATUS_WAIT_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of posted objects, over as many posts as it took.

    Attributes:
        statuses: Each post's status, complete.
    """

    statuses: tuple[PostStatus, ...]

    @property
    def successes(self) -> tuple[StatusDetail, ...]:
        """What stands there now; an exact duplicate does."""
        return tuple(each for status in self.statuses for each in status.successes)

    @property
    def failures(self) -> tuple[StatusDetail, ...]:
        """What was not taken, each with its reason; it kept nothing else out."""
        return tuple(each for status in self.statuses for each in status.failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One collection, as a token sees it; made by :class:`foedus.client.Client`.

    Attributes:
        info: What the node says of it.
        connection: To the node.
        root: Path of its API root.
        patience: For what takes its time.
        max_body_bytes: Largest body the root takes.
    """

    info: CollectionInfo
    connection: Connection
    root: str
    patience: Patience
    max_body_bytes: int

    def objects(
        self,
        *,
        cursor: Cursor | None = None,
        added_after: datetime | str | None = None,
        ids: Iterable[str] = (),
        types: Iterable[str] = (),
        versions: str = "last",
        page_objects: int | None = None,
    ) -> Reading[StixObject]:
        """Return an iterator over objects, in the order they were added.

        Args:
            cursor: Where to begin: the cursor of an earlier reading of the same query.
            added_after: Where to begin instead: only what was added later.
            ids: Only these STIX ids.
            types: Only these STIX types.
            versions: ``last``, ``first``, ``all``, RFC 3339 instants, or several by commas.
            page_objects: Most objects the node sends at a time; its own default if None.

        Raises:
            CursorError: The cursor is another query's.
        """
        query = _query(ids, types, versions)
        mark = query_mark("objects", self.info.id, *(f"{k}={v}" for k, v in query.items()))
        source = objects_of(lambda asked: self.connection.get(self._path("objects/"), asked))
        limit = {} if page_objects is None else {"limit": str(page_objects)}
        return Reading(source, query | limit, _place(cursor, added_after), mark=mark)

    def manifest(
        self,
        *,
        cursor: Cursor | None = None,
        added_after: datetime | str | None = None,
        ids: Iterable[str] = (),
        types: Iterable[str] = (),
        versions: str = ALL_VERSIONS,
        page_objects: int | None = None,
    ) -> Reading[ManifestRecord]:
        """Return an iterator over what the collection holds, without the objects.

        Arguments and errors are those of :meth:`objects`.
        """
        query = _query(ids, types, versions)
        mark = query_mark("manifest", self.info.id, *(f"{k}={v}" for k, v in query.items()))
        source = records_of(lambda asked: self.connection.get(self._path("manifest/"), asked))
        limit = {} if page_objects is None else {"limit": str(page_objects)}
        return Reading(source, query | limit, _place(cursor, added_after), mark=mark)

    def object(self, object_id: str, *, versions: str = "last") -> Reading[StixObject]:
        """Return an iterator over versions of one object.

        Raises:
            NotFoundError: At the first step, where there is no such object.
        """
        query = _query((), (), versions)
        path = self._path(f"objects/{quote(object_id, safe='')}/")
        source = objects_of(lambda asked: self.connection.get(path, asked))
        return Reading(source, query, Cursor(), mark=query_mark("object", self.info.id, object_id))

    def versions(self, object_id: str) -> tuple[str, ...]:
        """Return every version of one object, as the node writes them, oldest addition first.

        Raises:
            NotFoundError: There is no such object.
        """
        path = self._path(f"objects/{quote(object_id, safe='')}/versions/")
        found: list[str] = []
        query: dict[str, str] = {}
        for _ in range(_MAX_VERSION_PAGES):
            page = decoded(self.connection.get(path, query), _Versions)
            found += page.versions
            if not page.more:
                return tuple(found)
            if not page.next or page.next == query.get("next"):
                raise AnswerError("the node says that more follows, and not where")
            query = {"next": page.next}
        raise AnswerError("the node does not come to an end of the versions of one object")

    def add(self, objects: Iterable[Postable]) -> Added:
        """Post objects, in as many posts as the node's limits make necessary.

        It may be repeated after any failure: an exact duplicate is a success and keeps its date.

        Args:
            objects: What to post; bytes go out as they are.

        Raises:
            RefusedError: The node takes none of a post, or one object is larger than it ever takes.
        """
        statuses = [self._posted(batch) for batch in self._batches(objects)]
        return Added(statuses=tuple(statuses))

    def delete(self, object_id: str, *, versions: str = ALL_VERSIONS) -> None:
        """Delete versions of one object.

        Raises:
            NotFoundError: There was none.
        """
        path = self._path(f"objects/{quote(object_id, safe='')}/")
        query = {} if versions == ALL_VERSIONS else {"match[version]": versions}
        self.connection.send("DELETE", path, query=query, gone_is_done=True)

    def _path(self, below: str) -> str:
        return f"{self.root}collections/{quote(self.info.id, safe='')}/{below}"

    def _batches(self, objects: Iterable[Postable]) -> Iterator[Sequence[bytes]]:
        batch: list[bytes] = []
        size = _ENVELOPE_BYTES
        for each in objects:
            raw = _bytes(each)
            if len(raw) > min(MAX_OBJECT_BYTES, self.max_body_bytes - _ENVELOPE_BYTES):
                raise RefusedError("an object is larger than a node takes", status=413)
            if batch and (len(batch) == _POST_OBJECTS or size + len(raw) > self.max_body_bytes):
                yield batch
                batch, size = [], _ENVELOPE_BYTES
            batch.append(raw)
            size += len(raw) + 1
        if batch:
            yield batch

    def _posted(self, batch: Sequence[bytes]) -> PostStatus:
        body = b'{"objects":[' + b",".join(batch) + b"]}"
        answer = self.connection.send("POST", self._path("objects/"), body=body)
        status = decoded(answer, PostStatus)
        for _ in range(_STATUS_POLLS):
            if status.complete:
                return status
            self.patience.sleep(_STATUS_WAIT_S)
            path = f"{self.root}status/{quote(status.id, safe='')}/"
            status = decoded(self.connection.get(path), PostStatus)
        raise AnswerError("the node did not finish a post in time; it may be posted again")


class _Versions(msgspec.Struct):
    more: bool = False
    next: str = ""
    versions: list[str] = []


def _query(ids: Iterable[str], types: Iterable[str], versions: str) -> dict[str, str]:
    named = {"id": ",".join(ids), "type": ",".join(types), "version": versions}
    return {f"match[{name}]": value for name, value in named.items() if value}


def _place(cursor: Cursor | None, added_after: datetime | str | None) -> Cursor:
    if cursor is not None:
        return cursor
    if added_after is None:
        return Cursor()
    return Cursor(after=added_after if isinstance(added_after, str) else instant_text(added_after))


def _bytes(item: Postable) -> bytes:
    if isinstance(item, StixObject):
        return item.raw
    return item if isinstance(item, bytes) else msgspec.json.encode(item)
