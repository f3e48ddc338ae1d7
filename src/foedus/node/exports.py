"""Exports: items in a file, what became of the file, and its deletion when they are purged.

1. What is exported are *renditions* (:mod:`foedus.node.serve_tools`) of held items, in a STIX
   bundle, with the terms they carry. Drafts, what is restricted and what was refused stay out.
2. An export lies in the node's folder of exports, under its control, unless it is handed out to a
   place elsewhere. Dossiers and receipts that the command line writes are handed out.
3. The row stands before the file: no file is ever without a row that names its items.
4. When an item is purged, every export here that holds it is queued in the same unit of work, and
   deleted whole once that is committed; what else it held can be exported anew. What was handed out
   is beyond reach: it is named to the person who purges, and counted in the attestation.
5. A store that was restored does not know of exports made after its backup: in its recovery what
   has no row is deleted.
6. A crash between row, file and row leaves a row in *writing* or *queued*: its file is deleted
   later.

Spec: design §2 rules 5 and 6.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec

from foedus.access import Actor, Role, require_role
from foedus.casework.attestation import Beyond, BeyondKind
from foedus.model.terms import parse_terms
from foedus.node.context import Node, note_act
from foedus.node.errors import ConflictError, RefusedError
from foedus.node.find import resolve_all
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.node.ports.readings import ExportKind, ExportRow, ExportState, NewExport
from foedus.node.readings import note_reading
from foedus.node.serve_tools import rendition
from foedus.release.gate import Gate

__all__ = [
    "Exported",
    "HandedOut",
    "beyond_reach",
    "delete_exports",
    "delete_queued_exports",
    "delete_step",
    "delete_unknown_exports",
    "export_items",
    "exports_of",
    "hand_out",
    "queue_exports",
]

_MAX_ITEMS: Final = 100_000
_MAX_BYTES: Final = 256 * 1024 * 1024
_CHUNK: Final = 1_000
_STALE: Final = timedelta(hours=1)
"""After so long a file that is still being written is taken for one whose writer died."""

_ROLES: Final = (Role.ANALYST, Role.SUPERVISOR, Role.OFFICER, Role.LEGAL)
_LYING_HERE: Final = frozenset({ExportState.HERE, ExportState.WRITING})


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """A file that was, or is about to be, written beyond this node's reach.

    Attributes:
        place: The path, for people.
        sha256: Hex; "" for a folder.
        handles: The item versions in it.
    """

    kind: ExportKind
    place: str
    sha256: str
    handles: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An export that was made.

    Attributes:
        number: As this node numbers it.
        place: Its name below the folder of exports; "" where it is to be handed out.
        data: The bundle's bytes.
        items: Item versions in it.
        left_out: Names of what was asked for and is not held.
    """

    number: int
    place: str
    data: bytes = field(repr=False)
    items: int
    left_out: tuple[str, ...]


def export_items(
    node: Node, actor: Actor, references: Sequence[str], *, purpose: str, handed_to: str = ""
) -> Exported:
    """Make a STIX bundle of held items as own tools see them.

    Args:
        node: The node.
        actor: Analyst, supervisor, officer or legal officer.
        references: Local numbers, STIX ids, ``source:N``.
        purpose: What for, in the reader's words.
        handed_to: A path outside the data directory, for the record; the caller writes the file
            there. "" has it kept in the node's own folder.

    Raises:
        AccessDeniedError: The actor has none of these roles.
        NotFoundError: A reference names nothing visible here.
        PurposeNeededError: Personal data is read only for a stated purpose here.
        RefusedError: Nothing named is held, or it is too much for one file.
    """
    require_role(actor, *_ROLES)
    now = node.clock.now()
    name = ""
    with node.database.write() as tx:
        rows = resolve_all(tx, references)
        held = [row for row in rows if row.state is ItemState.HELD]
        if not held:
            raise RefusedError("none of these is held: what nobody vouched for is not exported")
        if len(held) > _MAX_ITEMS:
            raise RefusedError(f"an export holds at most {_MAX_ITEMS} items; these are {len(held)}")
        data = _bundle(tx, node, held)
        if not handed_to:
            stem = "exercise-" if node.identity.exercise else ""
            name = f"{stem}export-{now:%Y%m%d}-{node.random(6).hex()}.json"
        handles = [row.handle for row in held]
        note_reading(tx, node, actor, "export", handles, purpose)
        number = tx.readings.add_export(
            NewExport(
                at=now,
                user=actor.user,
                purpose=purpose.strip(),
                kind=ExportKind.BUNDLE,
                state=ExportState.HANDED_OUT if handed_to else ExportState.WRITING,
                place=handed_to or name,
                sha256=hashlib.sha256(data).hexdigest(),
                count=len(held),
                handles=tuple(handles),
            )
        )
        where = "handed out" if handed_to else "kept here"
        note_act(tx, node, actor, "export", f"export {number}: {len(held)} items, {where}")
    if name:
        _write(node, number, name, data)
    return Exported(
        number=number,
        place=name,
        data=data,
        items=len(held),
        left_out=tuple(
            str(row.number or row.key.object_id) for row in rows if row.state is not ItemState.HELD
        ),
    )


def hand_out(node: Node, actor: Actor, given: HandedOut, *, purpose: str) -> int:
    """Register a file that leaves this node's reach, before it is written; returns its number.

    Raises:
        PurposeNeededError: Personal data is read only for a stated purpose here.
    """
    with node.database.write() as tx:
        note_reading(tx, node, actor, given.kind.value, given.handles, purpose)
        return tx.readings.add_export(
            NewExport(
                at=node.clock.now(),
                user=actor.user,
                purpose=purpose.strip(),
                kind=given.kind,
                state=ExportState.HANDED_OUT,
                place=given.place,
                sha256=given.sha256,
                count=len(given.handles),
                handles=given.handles,
            )
        )


def exports_of(tx: Transaction, handles: Sequence[int]) -> Sequence[ExportRow]:
    """Return every export that holds one of these items, deleted and handed out ones included."""
    return tx.readings.exports_of(handles)


def queue_exports(tx: Transaction, handles: Sequence[int]) -> int:
    """Queue what lies here and holds one of these items; part of the purge's unit of work."""
    return tx.readings.queue_exports(handles)


def beyond_reach(tx: Transaction, rows: Sequence[ItemRow]) -> tuple[Beyond, ...]:
    """Return what of these items is beyond reach, for an attestation: counts by kind.

    Exports handed out, and tokens of own tools that read anything since the items stood here; of
    what was restricted meanwhile it is not known since when, so every token that ever read counts.
    """
    exports = tx.readings.exports_of([row.handle for row in rows])
    given = sum(each.export.state is ExportState.HANDED_OUT for each in exports)
    moved = any(row.state is ItemState.RESTRICTED for row in rows)
    since = None if moved else min((row.added for row in rows), default=None)
    tokens = len(tx.readings.tokens_since(since)) if rows else 0
    found = ((BeyondKind.EXPORT, given), (BeyondKind.TOKEN, tokens))
    return tuple(Beyond(kind=kind, count=count) for kind, count in found if count)


def delete_queued_exports(node: Node) -> int:
    """Delete the files that are queued, and what a writer that died left; safe to repeat.

    Returns:
        How many files are gone now.

    Raises:
        FoedusError: A file may still be there; it stays queued.
    """
    now = node.clock.now()
    wanted = frozenset({ExportState.QUEUED, ExportState.WRITING})
    with node.database.read() as tx:
        found = [
            row
            for row in tx.readings.exports(states=wanted, limit=_CHUNK)
            if row.export.state is ExportState.QUEUED or now - row.export.at > _STALE
        ]
    return _delete(node, found, wanted)


def delete_unknown_exports(node: Node) -> int:
    """Delete what lies in the folder and has no row: what a restored store does not know of.

    An order could not reach it, since nobody knows what is in it. Files first, rows then: what is
    being written has its row before its file.

    Returns:
        How many files are gone now.

    Raises:
        FoedusError: A file may still be there.
    """
    lying = node.exports.names()
    if not lying:
        return 0
    states = _LYING_HERE | {ExportState.QUEUED}
    with node.database.read() as tx:
        rows = tx.readings.exports(states=states, limit=_MAX_ITEMS)
    unknown = lying - {row.export.place for row in rows}
    for name in sorted(unknown):
        node.exports.delete(name)
    return len(unknown)


def delete_exports(node: Node, actor: Actor, numbers: Collection[int]) -> int:
    """Delete exports that lie here, as a person asks; returns how many there were.

    Raises:
        AccessDeniedError: The actor may not export either.
    """
    require_role(actor, *_ROLES)
    with node.database.read() as tx:
        here = [
            row
            for row in tx.readings.exports(states=_LYING_HERE, limit=_MAX_ITEMS)
            if row.number in numbers
        ]
    count = _delete(node, here, _LYING_HERE)
    if count:
        with node.database.write() as tx:
            note_act(tx, node, actor, "export.delete", f"{count} exports")
    return count


def delete_step(node: Node, gate: Gate) -> None:  # noqa: ARG001  # a step of the case clock
    """Delete what is queued; a look at an index where nothing is."""
    delete_queued_exports(node)


def _delete(node: Node, rows: Sequence[ExportRow], was: frozenset[ExportState]) -> int:
    for row in rows:
        node.exports.delete(row.export.place)
    if rows:
        now = node.clock.now()
        with node.database.write() as tx:
            for row in rows:
                tx.readings.set_export(row.number, ExportState.DELETED, was=was, at=now)
    return len(rows)


def _write(node: Node, number: int, name: str, data: bytes) -> None:
    """Rule 3; a purge that came meanwhile wins."""
    node.exports.write(name, data)
    with node.database.write() as tx:
        kept = tx.readings.set_export(
            number, ExportState.HERE, was=frozenset({ExportState.WRITING}), at=node.clock.now()
        )
    if not kept:
        delete_queued_exports(node)
        raise ConflictError("something in this export was purged meanwhile; export the rest again")


def _bundle(tx: Transaction, node: Node, rows: Sequence[ItemRow]) -> bytes:
    """Rule 1."""
    ids = sorted({row.terms_id for row in rows if row.terms_id is not None})
    terms = tx.items.terms(ids)
    levels = {each: parse_terms(raw).tlp for each, raw in terms.items()}
    parts = [terms[each] for each in ids]
    size = sum(map(len, parts))
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        raws = tx.items.raw([row.handle for row in chunk])
        for row in chunk:
            raw = raws[row.handle]
            shown = (
                raw if row.terms_id is None else rendition(raw, row.terms_id, levels[row.terms_id])
            )
            parts.append(shown)
            size += len(shown)
        if size > _MAX_BYTES:
            raise RefusedError(f"an export holds at most {_MAX_BYTES} bytes; export it in parts")
    name = uuid.UUID(bytes=node.random(16), version=4)
    return msgspec.json.encode(
        {
            "type": "bundle",
            "id": f"bundle--{name}",
            "objects": [msgspec.Raw(part) for part in parts],
        }
    )
