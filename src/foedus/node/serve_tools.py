"""Serve a member's own tools: read what is held, read and write drafts.

* **Held** items are served as *renditions*: the joined TLP and the terms are added to the object's
  markings, so that a tool which knows only STIX handles it rightly. A rendition is never hashed,
  stored or released, and is refused when written back. The terms are served beside the items that
  carry them, just before the first on each page, under the same ``added``; a page of one object has
  no room for them, and they are had by their id.
* **Drafts** are served byte for byte as posted. A post is taken object by object: each is read,
  checked against its schema and stored, or refused alone with its reason. Nobody has vouched for
  what was posted; it becomes an item as any other draft does.

check role → read each object → store what holds, in one unit of work → record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from foedus.access import Actor, Role, require_role
from foedus.clock import instant_text, parse_instant
from foedus.model.identifiers import MemberId, ObjectId, derived_object_id
from foedus.model.kinds import kind_of
from foedus.model.markings import TLP, TLP1_MARKING_IDS, TLP_MARKING_IDS, joined_tlp
from foedus.model.objects import ObjectError, StixObject, parse_object
from foedus.model.observables import selectors_of
from foedus.model.selectors import Selector
from foedus.model.terms import parse_terms
from foedus.model.validation import validate_object
from foedus.node.display import display_text
from foedus.node.ports import (
    Act,
    Database,
    ItemFilter,
    ItemRow,
    ItemState,
    NewItem,
    SourceRow,
    Stored,
    Transaction,
)
from foedus.node.serve_lane import MAX_PAGE_BYTES, MAX_SCANNED_ROWS
from foedus.node.served import PageQuery, ServedObject, ServedPage, VersionChoice, version_text
from foedus.node.tombstones import REFUSED, Offered, barred_here

__all__ = [
    "DraftOutcome",
    "DraftPost",
    "accept_drafts",
    "discard_drafts",
    "drafts_page",
    "held_page",
    "holds",
    "rendition",
    "unreadable",
]

_CHUNK_ROWS: Final = 250
_MARKING: Final = "marking-definition"
_UNREADABLE: Final = "unknown"
_MAX_NAME_CHARS: Final = 300
_MAX_SHOWN_FAULTS: Final = 3
_LEVEL_OF: Final[Mapping[str, TLP]] = {
    identifier: level
    for table in (TLP_MARKING_IDS, TLP1_MARKING_IDS)
    for level, identifier in table.items()
}


class _Names(msgspec.Struct):
    """What an object says of itself, whether or not it is one."""

    id: str = ""
    modified: str | None = None
    created: str | None = None


_names = msgspec.json.Decoder(_Names)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_texts = msgspec.json.Decoder(list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPost:
    """What a tool posts.

    Attributes:
        actor: The user whose token the tool carries.
        objects: Exact bytes of each object, in order; untrusted.
        at: When it arrived.
    """

    actor: Actor
    objects: Sequence[bytes] = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOutcome:
    """What became of one posted object.

    Attributes:
        object_id: Its STIX id, or an id made up from its bytes if it has none to be read.
        version: Its version as a manifest names it.
        accepted: Whether it stands among the drafts or items here; an exact duplicate does.
        message: Why not, or what to know; "" when there is nothing to say.
    """

    object_id: str
    version: str
    accepted: bool
    message: str = ""


class _Description(NamedTuple):
    selectors: frozenset[Selector]
    title: str
    text: str


def held_page(tx: Transaction, query: PageQuery) -> ServedPage:
    """Return a page of renditions of held items, with the terms they carry."""
    return _page(tx, query, ItemState.HELD)


def drafts_page(tx: Transaction, query: PageQuery) -> ServedPage:
    """Return a page of drafts, byte for byte."""
    return _page(tx, query, ItemState.DRAFT)


def holds(tx: Transaction, state: ItemState, object_id: ObjectId) -> bool:
    """Say whether an object of this id stands in the collection of a state."""
    if tx.items.by_object_id(object_id, states={state}):
        return True
    return state is ItemState.HELD and object_id in tx.items.terms([object_id])


def rendition(raw: bytes, terms_id: ObjectId, tlp: TLP) -> bytes:
    """Return an object with its terms and the joined TLP among its markings.

    Every other value keeps its exact bytes. TLP markings found in it give way to the joined one.

    Args:
        raw: The object's exact bytes, of an object that was parsed before.
        terms_id: Its terms.
        tlp: The level its terms give.
    """
    properties = _object.decode(raw)
    found = properties.get("object_marking_refs")
    refs = _texts.decode(found) if found is not None else []
    level = joined_tlp([tlp, *(_LEVEL_OF[ref] for ref in refs if ref in _LEVEL_OF)])
    kept = [ref for ref in refs if ref not in _LEVEL_OF and ref != terms_id]
    properties["object_marking_refs"] = msgspec.Raw(
        msgspec.json.encode([*kept, TLP_MARKING_IDS[level], terms_id])
    )
    return msgspec.json.encode(properties)


def accept_drafts(
    database: Database, member: MemberId, post: DraftPost, *, secret: bytes
) -> tuple[DraftOutcome, ...]:
    """Take posted objects among the drafts, each for itself; what was recalled is refused.

    Args:
        database: The node's store.
        member: This node's member: the originator of what its own tools post.
        post: What was posted.
        secret: The node's secret.

    Returns:
        One outcome for each object, in order. What is accepted is durable.

    Raises:
        AccessDeniedError: The actor is no analyst.
    """
    require_role(post.actor, Role.ANALYST)
    read = [_read(raw) for raw in post.objects]
    if not read:
        return ()
    # All that takes time is done before the store's one writer is held up.
    described = {id(obj): _describe(obj) for obj in read if isinstance(obj, StixObject)}
    with database.write() as tx:
        read = _without_barred(tx, member, secret, _without_renditions(tx, read))
        source = tx.sources.add(_source(post, read))
        fit = [obj for obj in read if isinstance(obj, StixObject)]
        stored = tx.items.add(
            [_draft(obj, described[id(obj)], member, source) for obj in fit], at=post.at
        )
        verdicts = iter(stored)
        outcomes = tuple(
            _outcome(obj, next(verdicts).outcome, post.at) if isinstance(obj, StixObject) else obj
            for obj in read
        )
        tx.acts.record(
            Act(at=post.at, user=post.actor.user, act="tools.post", subject=f"source {source}")
        )
    return outcomes


def discard_drafts(
    database: Database, actor: Actor, object_id: ObjectId, versions: VersionChoice, *, at: datetime
) -> int:
    """Throw away drafts of one object; their bytes are gone.

    Args:
        database: The node's store.
        actor: Who throws away.
        object_id: Whose drafts.
        versions: Which versions of it.
        at: Now.

    Returns:
        How many drafts were thrown away.

    Raises:
        AccessDeniedError: The actor is no analyst.
    """
    require_role(actor, Role.ANALYST)
    with database.write() as tx:
        rows = tx.items.by_object_id(object_id, states={ItemState.DRAFT})
        raws = tx.items.raw([row.handle for row in rows])
        instants = [_instant(row, raws.get(row.handle, b"{}")) for row in rows]
        chosen = [
            row.handle
            for row, instant in zip(rows, instants, strict=True)
            if versions.takes(instant, instants)
        ]
        if chosen:
            tx.items.discard(chosen)
            tx.acts.record(Act(at=at, user=actor.user, act="tools.discard", subject=object_id))
    return len(chosen)


def _page(tx: Transaction, query: PageQuery, state: ItemState) -> ServedPage:
    taken: list[ServedObject] = []
    size, scanned = 0, 0
    position: datetime | None = None
    for added, group in _groups(tx, query, state):
        group_size = sum(len(served.raw) for served in group)
        over = bool(taken) and size + group_size > MAX_PAGE_BYTES
        if len(taken) + len(group) > query.limit or over or scanned == MAX_SCANNED_ROWS:
            return ServedPage(objects=taken, more=True, position=position)
        taken += group
        size += group_size
        scanned += not group
        position = added
    return ServedPage(objects=taken, more=False, position=position)


def _groups(
    tx: Transaction, query: PageQuery, state: ItemState
) -> Iterator[tuple[datetime, list[ServedObject]]]:
    """Yield, in order of ``added``, what is served for each row; a group shares one page."""
    if state is ItemState.HELD:
        yield from ((terms.added, [terms]) for terms in _terms_by_id(tx, query))
    inline = _Inline(tx, query) if state is ItemState.HELD else None
    for row, raw in _rows(tx, query, state):
        group = inline.terms_of(row) if inline is not None else []
        if query.wants(row.key.object_id, row.type) and _version_passes(tx, query, row, raw):
            body = inline.rendition(row, raw) if inline is not None else raw
            group.append(_served(row, body))
        yield row.added, group


def _rows(tx: Transaction, query: PageQuery, state: ItemState) -> Iterator[tuple[ItemRow, bytes]]:
    """Yield rows with their bytes in order of ``added``, a chunk at a time."""
    which = ItemFilter(
        states=frozenset({state}),
        # Terms are found through the items that carry them, whatever the items' types.
        types=frozenset() if state is ItemState.HELD and _MARKING in query.types else query.types,
        ids=query.ids,
        newest_only=query.versions.only_last,
    )
    after = query.after
    chunk = min(query.limit + 1, _CHUNK_ROWS)
    while True:
        rows = tx.items.page(which, after=after, limit=chunk)
        raws = tx.items.raw([row.handle for row in rows])
        yield from ((row, raws[row.handle]) for row in rows if row.handle in raws)
        if len(rows) < chunk:
            return
        after = rows[-1].added


def _version_passes(tx: Transaction, query: PageQuery, row: ItemRow, raw: bytes) -> bool:
    if query.versions.every or query.versions.only_last:  # the store selected already
        return True
    others = [
        other.modified
        for other in tx.items.by_object_id(row.key.object_id, states={row.state})
        if other.modified is not None
    ]
    return query.versions.takes(_instant(row, raw), others)


def _instant(row: ItemRow, raw: bytes) -> datetime:
    return parse_instant(version_text(row.key.version, raw, row.added))


def _served(row: ItemRow, raw: bytes) -> ServedObject:
    return ServedObject(
        object_id=row.key.object_id,
        version=version_text(row.key.version, raw, row.added),
        added=row.added,
        raw=raw,
    )


class _Inline:
    """The terms of one page: each is looked up once and served once."""

    def __init__(self, tx: Transaction, query: PageQuery) -> None:
        self._tx = tx
        self._serve = (
            query.limit > 1 and not query.ids and (not query.types or _MARKING in query.types)
        )
        self._levels: dict[ObjectId, TLP] = {}
        self._raws: dict[ObjectId, bytes] = {}

    def terms_of(self, row: ItemRow) -> list[ServedObject]:
        """Return the row's terms if this page has not served them yet."""
        if row.terms_id is None or row.terms_id in self._levels:
            return []
        raw = self._tx.items.terms([row.terms_id])[row.terms_id]
        self._raws[row.terms_id] = raw
        self._levels[row.terms_id] = parse_terms(raw).tlp
        if not self._serve:
            return []
        version = version_text("sha256:", raw, row.added)
        return [ServedObject(object_id=row.terms_id, version=version, added=row.added, raw=raw)]

    def rendition(self, row: ItemRow, raw: bytes) -> bytes:
        """Return the bytes to serve of a held item."""
        if row.terms_id is None:
            return raw
        return rendition(raw, row.terms_id, self._levels[row.terms_id])


def _terms_by_id(tx: Transaction, query: PageQuery) -> Iterator[ServedObject]:
    """Yield terms asked for by id; they were added, for a reader, when they were created."""
    wanted = sorted(ObjectId(text) for text in query.ids if text.startswith(_MARKING))
    if not wanted or (query.types and _MARKING not in query.types):
        return
    for terms_id, raw in sorted(tx.items.terms(wanted).items()):
        created = version_text("sha256:", raw, parse_instant("1970-01-01T00:00:00Z"))
        added = parse_instant(created)
        if query.after is None or added > query.after:
            yield ServedObject(object_id=terms_id, version=created, added=added, raw=raw)


def _read(raw: bytes) -> StixObject | DraftOutcome:
    """Read one posted object, or say why it is refused."""
    try:
        obj = parse_object(raw)
    except ObjectError as error:
        return unreadable(raw, error)
    if kind_of(obj) is not None:
        return _refused(obj, "this kind of document is made and signed by a node, never posted")
    faults = validate_object(obj)
    if faults:
        shown = "; ".join(str(fault) for fault in faults[:_MAX_SHOWN_FAULTS])
        return _refused(obj, f"not valid STIX 2.1: {shown}")
    return obj


def unreadable(raw: bytes, error: ObjectError) -> DraftOutcome:
    """Say why an object is refused, by the id and version that its sender gave it if it has any."""
    name, version = "", ""
    try:
        named = _names.decode(raw)
        name, version = named.id, named.modified or named.created or ""
    except (ValueError, RecursionError):
        pass  # what it says of itself is no text, or it says nothing
    if not name or len(name) > _MAX_NAME_CHARS or len(version) > _MAX_NAME_CHARS:
        name, version = derived_object_id(_UNREADABLE, raw), ""
    return DraftOutcome(object_id=name, version=version, accepted=False, message=str(error))


def _refused(obj: StixObject, reason: str) -> DraftOutcome:
    version = "" if obj.modified is None else obj.version
    return DraftOutcome(object_id=obj.id, version=version, accepted=False, message=reason)


def _without_renditions(
    tx: Transaction, read: Sequence[StixObject | DraftOutcome]
) -> list[StixObject | DraftOutcome]:
    """Refuse what carries terms of ours: it was served as a rendition and is no new statement."""
    refs = {ref for obj in read if isinstance(obj, StixObject) for ref in obj.marking_refs}
    ours = tx.items.terms([ObjectId(ref) for ref in sorted(refs)]) if refs else {}
    reason = (
        "this is the copy served to tools, with its terms among its markings; "
        "it is not taken back. Post your own object without them, or propose a correction"
    )
    return [
        _refused(obj, reason)
        if isinstance(obj, StixObject) and any(ref in ours for ref in obj.marking_refs)
        else obj
        for obj in read
    ]


def _without_barred(
    tx: Transaction, member: MemberId, secret: bytes, read: Sequence[StixObject | DraftOutcome]
) -> list[StixObject | DraftOutcome]:
    """Refuse what was erased under an order."""
    fit = [obj for obj in read if isinstance(obj, StixObject)]
    offered = [
        Offered(
            originator=member,
            object_id=obj.id,
            version=obj.version,
            content_hash=obj.content_hash,
            raw=obj.raw,
        )
        for obj in fit
    ]
    found = {id(fit[place]) for place in barred_here(tx, secret, offered)}
    return [
        _refused(obj, REFUSED) if isinstance(obj, StixObject) and id(obj) in found else obj
        for obj in read
    ]


def _source(post: DraftPost, read: Sequence[StixObject | DraftOutcome]) -> SourceRow:
    refused = tuple(
        (f"object {place}", outcome.message)
        for place, outcome in enumerate(read, start=1)
        if isinstance(outcome, DraftOutcome)
    )
    digest = hashlib.sha256()
    for raw in post.objects:
        digest.update(hashlib.sha256(raw).digest())
    return SourceRow(
        handle=0,
        sha256=digest.hexdigest(),
        name="posted by a tool",
        format="taxii",
        at=post.at,
        by=post.actor.user,
        read=len(read),
        taken=len(read) - len(refused),
        duplicates=0,
        added=0,
        refused=refused,
        report=None,
    )


def _describe(obj: StixObject) -> _Description:
    title, text = display_text(obj)
    return _Description(selectors_of(obj), title, text)


def _draft(obj: StixObject, described: _Description, member: MemberId, source: int) -> NewItem:
    return NewItem(
        obj=obj,
        originator=member,
        state=ItemState.DRAFT,
        source=source,
        selectors=described.selectors,
        title=described.title,
        text=described.text,
    )


def _outcome(obj: StixObject, stored: Stored, at: datetime) -> DraftOutcome:
    version = obj.version
    if obj.modified is None:
        version = instant_text(obj.created or at)
    if stored is Stored.CONFLICT:
        reason = "another object of the same id and version stands here; give it a new version"
        return DraftOutcome(object_id=obj.id, version=version, accepted=False, message=reason)
    message = "it stood here already" if stored is Stored.DUPLICATE else ""
    return DraftOutcome(object_id=obj.id, version=version, accepted=True, message=message)
