"""What stands in a named collection: posted, paged, deleted.

Rules of a post, object by object; one that breaks a rule fails alone:

1. It is a STIX 2.1 object (:func:`foedus.model.objects.read_object`) and keeps to its schema.
2. Its version is its ``modified``, else its ``created``. Without either its content is its version:
   what is the same as the latest is a duplicate, else a new version dated by when it was added.
3. The same object under the same version is a success and changes nothing, however its JSON is
   spaced and ordered: the first bytes stay. Another object under the same version is refused.
4. Each gets ``added = max(now, last of the collection + 1 µs)``, in the transaction that makes it
   visible, so that whoever follows by ``added`` misses nothing.
5. The earliest and the latest version of each object are flagged, whatever order they came in.
6. What was erased under an order is refused, and so is the copy of it that tools were served.

What was deleted may be posted again; it is then added anew. Until then a code of it, under the
node's secret, tells it apart from what never stood there.

Spec: TAXII 2.1 §3.4.1, §5.4 to §5.8.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from foedus.access import Actor, Role, require_role
from foedus.clock import Clock, from_micros, instant_text, to_micros
from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.objects import ObjectError, read_object
from foedus.model.validation import validate_document
from foedus.node.errors import NotFoundError
from foedus.node.ports import (
    Act,
    CollectionRow,
    Database,
    ObjectRow,
    ObjectVersion,
    PageRow,
    Selection,
    Transaction,
)
from foedus.node.serve_lane import MAX_PAGE_BYTES
from foedus.node.serve_tools import DraftOutcome, unreadable
from foedus.node.served import PageQuery, VersionChoice
from foedus.node.tombstones import REFUSED, Offered, barred_here

__all__ = [
    "CollectedPage",
    "CollectionPost",
    "Keep",
    "collected_page",
    "delete_versions",
    "selection_of",
    "take_objects",
    "was_deleted",
]

_MAX_SHOWN_FAULTS: Final = 3
_MARK_BYTES: Final = 16
_MARK_CONTEXT: Final = b"foedus/v1/collection-deleted\n"
_DUPLICATE: Final = "it stood here already"
_CONFLICT: Final = "another object of the same id and version stands here; give it a new 'modified'"

_NO_LATER: Final = "a version of it is dated at the end of time, so there is none after it"
_LAST_INSTANT: Final = to_micros(datetime.max.replace(tzinfo=UTC))

_decode: Final = msgspec.json.Decoder().decode
_ordered: Final = msgspec.json.Encoder(order="deterministic").encode

Keep = Callable[[Transaction, Sequence[DraftOutcome]], None]
"""Stores what became of a post, in its transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPost:
    """What a tool posts to a collection.

    Attributes:
        collection: Its number.
        actor: The user whose token the tool carries.
        objects: Exact bytes of each object, in order; untrusted.
        secret: The node's secret.
        member: This node's member.
    """

    collection: int
    actor: Actor
    objects: Sequence[bytes] = field(repr=False)
    secret: bytes = field(repr=False)
    member: MemberId


class _Posted(NamedTuple):
    """One readable object of a post; ``version`` is None where its content is its version."""

    id: ObjectId
    type: str
    version: int | None
    version_text: str
    raw: bytes


def take_objects(
    database: Database, clock: Clock, post: CollectionPost, *, keep: Keep
) -> tuple[DraftOutcome, ...]:
    """Take posted objects into a collection, each for itself, in one unit of work.

    Args:
        database: The node's store.
        clock: Tells now.
        post: What was posted.
        keep: Called in the transaction with the outcomes.

    Returns:
        One outcome for each object, in order. What is accepted is durable.

    Raises:
        AccessDeniedError: The actor is no analyst.
        NotFoundError: The collection was deleted meanwhile.
    """
    require_role(post.actor, Role.ANALYST)
    # All that takes time is done before the store's one writer is held up.
    read = [_read(raw) for raw in post.objects]
    with database.write() as tx:
        row = tx.collections.get(post.collection)
        if row is None:
            raise NotFoundError("no such collection")
        read = _without_barred(tx, post, read)
        intake = _Intake(tx, row, at=clock.now())
        intake.prepare(each.id for each in read if isinstance(each, _Posted))
        outcomes = tuple(
            each if isinstance(each, DraftOutcome) else intake.take(each) for each in read
        )
        intake.store(post.secret)
        keep(tx, outcomes)
        act = Act(at=clock.now(), user=post.actor.user, act="collection.post", subject=row.name)
        tx.acts.record(act)
    return outcomes


def delete_versions(
    database: Database,
    clock: Clock,
    post: CollectionPost,
    object_id: ObjectId,
    versions: VersionChoice,
) -> int:
    """Delete versions of an object from a collection; their bytes are gone.

    Args:
        database: The node's store.
        clock: Tells now.
        post: Who deletes from which collection; it carries no objects.
        object_id: Whose versions.
        versions: Which of them.

    Returns:
        How many were deleted.

    Raises:
        AccessDeniedError: The actor is no analyst.
        NotFoundError: The collection was deleted meanwhile.
    """
    require_role(post.actor, Role.ANALYST)
    with database.write() as tx:
        row = tx.collections.get(post.collection)
        if row is None:
            raise NotFoundError("no such collection")
        every = tx.collections.versions(row.number, object_id)
        chosen = _chosen(every, versions)
        if not chosen:
            return 0
        gone = [each.version for each in chosen]
        tx.collections.delete(row.number, object_id, gone)
        _flag_rest(tx, row.number, object_id, every, gone)
        tx.collections.note_deleted(row.number, (_mark(post.secret, object_id, v) for v in gone))
        tx.collections.set_figures(
            replace(
                row,
                objects=row.objects - len(gone),
                size=row.size - sum(each.size for each in chosen),
            )
        )
        tx.acts.record(
            Act(
                at=clock.now(),
                user=post.actor.user,
                act="collection.discard",
                subject=f"{row.name} {object_id}",
            )
        )
    return len(gone)


def was_deleted(
    tx: Transaction, number: int, secret: bytes, object_id: str, versions: Iterable[datetime]
) -> bool:
    """Say whether any of these versions of an object was deleted and not posted since."""
    marks = [_mark(secret, object_id, to_micros(each)) for each in versions]
    return tx.collections.was_deleted(number, marks)


@dataclass(frozen=True, slots=True)
class CollectedPage:
    """One page of a collection; offers what :class:`foedus.node.served.ServedPage` does."""

    rows: Sequence[PageRow]
    more: bool

    @property
    def position(self) -> datetime | None:
        """Where the next page begins; None when there is nothing on this one."""
        return from_micros(self.rows[-1][0]) if self.rows else None

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """When the first and the last object were added; None for an empty page."""
        return (from_micros(self.rows[0][0]), from_micros(self.rows[-1][0])) if self.rows else None

    def raws(self) -> list[bytes]:
        """Return the bytes of each object."""
        return [row[3] for row in self.rows]

    def records(self) -> Iterator[tuple[str, str, str]]:
        """Yield id, version and the text of when it was added, of each object."""
        second, prefix = -1, ""
        for added, object_id, version, _ in self.rows:
            whole, micros = divmod(added, 1_000_000)
            if whole != second:
                second, prefix = whole, instant_text(from_micros(whole * 1_000_000))[:-7]
            yield object_id, version, f"{prefix}{micros:06d}Z"

    def versions(self) -> list[str]:
        """Return the version of each object."""
        return [row[2] for row in self.rows]


def collected_page(tx: Transaction, number: int, query: PageQuery) -> CollectedPage:
    """Return a page of a collection, in order of ``added``.

    Raises:
        NotFoundError: The collection was deleted meanwhile.
    """
    row = tx.collections.get(number)
    if row is None:
        raise NotFoundError("no such collection")
    selection, limit = selection_of(query), query.limit
    if row.largest * (limit + 1) > MAX_PAGE_BYTES:
        limit = _that_fit(tx.collections.sizes(number, selection, limit=limit))
    rows = tx.collections.page(number, selection, limit=limit + 1)
    return CollectedPage(rows[:limit], len(rows) > limit)


def selection_of(query: PageQuery) -> Selection:
    """Return a query as the store takes it."""
    versions = query.versions
    return Selection(
        after=0 if query.after is None else to_micros(query.after),
        ids=sorted(query.ids),
        types=sorted(query.types),
        every=versions.every,
        first=versions.first,
        last=versions.last,
        versions=sorted(map(to_micros, versions.instants)),
    )


def _that_fit(sizes: Sequence[tuple[int, int]]) -> int:
    """Return how many of these fit on a page; one always does."""
    total = 0
    for count, (_, size) in enumerate(sizes):
        total += size
        if count and total > MAX_PAGE_BYTES:
            return count
    return max(1, len(sizes))


def _read(raw: bytes) -> _Posted | DraftOutcome:
    """Read one posted object, or say why it is refused."""
    try:
        found = read_object(raw)
    except ObjectError as error:
        return unreadable(raw, error)
    document, identifier, kind, modified, created, *_ = found
    text = document.get("modified") or document.get("created") or ""
    faults = validate_document(document)
    if faults:
        shown = "; ".join(str(fault) for fault in faults[:_MAX_SHOWN_FAULTS])
        return DraftOutcome(
            object_id=identifier,
            version=text,
            accepted=False,
            message=f"not valid STIX 2.1: {shown}",
        )
    instant = modified or created
    return _Posted(identifier, kind, None if instant is None else to_micros(instant), text, raw)


def _without_barred(
    tx: Transaction, post: CollectionPost, read: Sequence[_Posted | DraftOutcome]
) -> list[_Posted | DraftOutcome]:
    """Rule 6."""
    if not tx.erasure.any_tombstone():
        return list(read)
    posted = [each for each in read if isinstance(each, _Posted)]
    offered = [
        Offered(
            originator=post.member,
            object_id=each.id,
            version=each.version_text,
            content_hash=hashlib.sha256(each.raw).hexdigest(),
            raw=each.raw,
        )
        for each in posted
    ]
    found = {id(posted[place]) for place in barred_here(tx, post.secret, offered)}
    return [
        DraftOutcome(object_id=each.id, version=each.version_text, accepted=False, message=REFUSED)
        if isinstance(each, _Posted) and id(each) in found
        else each
        for each in read
    ]


class _Intake:
    """The rows of one post while its transaction is open (rules 2 to 5)."""

    def __init__(self, tx: Transaction, row: CollectionRow, *, at: datetime) -> None:
        self._tx = tx
        self._row = row
        self._next = max(to_micros(at), row.last_added + 1)
        self._rows: dict[tuple[str, int], tuple[int, _Posted, str]] = {}
        self._before: dict[str, tuple[int, int] | None] = {}
        self._ends: dict[str, tuple[int, int]] = {}

    def take(self, posted: _Posted) -> DraftOutcome:
        """Place one object, or say why it is refused."""
        ends = self._ends.get(posted.id)
        version, text = posted.version, posted.version_text
        if version is None:
            latest = None if ends is None else self._stored(posted.id, ends[1])
            if latest is not None and _same(latest[1], posted.raw):
                return _accepted(posted.id, latest[0], _DUPLICATE)
            if ends is not None and ends[1] >= _LAST_INSTANT:
                return DraftOutcome(
                    object_id=posted.id, version=text, accepted=False, message=_NO_LATER
                )
            version = self._next if ends is None else max(self._next, ends[1] + 1)
            text = instant_text(from_micros(version))
        elif ends is not None and ends[0] <= version <= ends[1]:
            stored = self._stored(posted.id, version)
            if stored is not None and _same(stored[1], posted.raw):
                return _accepted(posted.id, stored[0], _DUPLICATE)
            if stored is not None:
                return DraftOutcome(
                    object_id=posted.id, version=text, accepted=False, message=_CONFLICT
                )
        self._rows[posted.id, version] = (self._next, posted, text)
        self._next += 1
        self._ends[posted.id] = (
            (version, version) if ends is None else (min(ends[0], version), max(ends[1], version))
        )
        return _accepted(posted.id, text, "")

    def store(self, secret: bytes) -> None:
        """Write what was placed: rows, flags of older ones, figures."""
        if not self._rows:
            return
        store, number = self._tx.collections, self._row.number
        moved = [
            (identifier, before, self._ends[identifier])
            for identifier, before in self._before.items()
            if before is not None and before != self._ends[identifier]
        ]
        if moved:
            first = [(name, old[0]) for name, old, new in moved if old[0] != new[0]]
            last = [(name, old[1]) for name, old, new in moved if old[1] != new[1]]
            store.flag(number, first, which="first", value=0)
            store.flag(number, last, which="last", value=0)
        ends = self._ends
        store.add(
            number,
            [
                ObjectRow(
                    added,
                    identifier,
                    posted.type,
                    version,
                    text,
                    int(version == ends[identifier][0]),
                    int(version == ends[identifier][1]),
                    posted.raw,
                )
                for (identifier, version), (added, posted, text) in self._rows.items()
            ],
        )
        store.drop_deleted(number, (_mark(secret, *key) for key in self._rows))
        sizes = [len(posted.raw) for _, posted, _ in self._rows.values()]
        store.set_figures(
            replace(
                self._row,
                last_added=self._next - 1,
                objects=self._row.objects + len(sizes),
                size=self._row.size + sum(sizes),
                largest=max(self._row.largest, *sizes),
            )
        )

    def prepare(self, ids: Iterable[str]) -> None:
        """Look up which versions of these objects stand here, all at once."""
        every = list(dict.fromkeys(ids))
        found: Mapping[str, tuple[int, int]] = self._tx.collections.ends(self._row.number, every)
        self._before = {each: found.get(each) for each in every}
        self._ends = dict(found)

    def _stored(self, identifier: str, version: int) -> tuple[str, bytes] | None:
        """Return version text and bytes of what stands here, or was placed by this post."""
        placed = self._rows.get((identifier, version))
        if placed is not None:
            return placed[2], placed[1].raw
        row = self._tx.collections.find(self._row.number, identifier, version)
        return None if row is None else (row[2], row[3])


def _same(one: bytes, other: bytes) -> bool:
    """Say whether two texts are one JSON document (both were decoded before)."""
    return one == other or _ordered(_decode(one)) == _ordered(_decode(other))


def _accepted(identifier: str, version: str, message: str) -> DraftOutcome:
    return DraftOutcome(object_id=identifier, version=version, accepted=True, message=message)


def _chosen(every: Sequence[ObjectVersion], choice: VersionChoice) -> list[ObjectVersion]:
    instants = {to_micros(each) for each in choice.instants}
    last = len(every) - 1
    return [
        each
        for place, each in enumerate(every)
        if choice.every
        or (choice.first and place == 0)
        or (choice.last and place == last)
        or each.version in instants
    ]


def _flag_rest(
    tx: Transaction,
    number: int,
    object_id: str,
    every: Sequence[ObjectVersion],
    gone: Sequence[int],
) -> None:
    """Flag the earliest and latest of the versions that are left."""
    away = set(gone)
    left = [each.version for each in every if each.version not in away]
    if left:
        tx.collections.flag(number, [(object_id, left[0])], which="first", value=1)
        tx.collections.flag(number, [(object_id, left[-1])], which="last", value=1)


def _mark(secret: bytes, object_id: str, version: int) -> bytes:
    text = _MARK_CONTEXT + f"{object_id} {version}".encode()
    return hmac.digest(secret, text, hashlib.sha256)[:_MARK_BYTES]
