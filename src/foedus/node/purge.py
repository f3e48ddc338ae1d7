"""Purge items: one function, whoever asks; for good, wherever they stand in this node.

1. Every variant made of a version goes with it, and so do drafts with the same bytes or, where the
   id is not derived from values, of the same id.
2. What is kept on a reserved ground stays, and nobody is shown it: it becomes restricted.
3. Copies in named collections go: the same bytes, the rendition that tools are served, or the same
   id where that is not derived from values.
4. Salt and record in every disclosure go, given or received, now or as soon as the disclosure's
   document is needed no longer (:mod:`foedus.node.withheld`); all else in it is proved as before.
5. Tombstones are set (:mod:`foedus.node.tombstones`), as far as the cause keeps anything out.
6. Bytes, selectors, text, title, name and hash go, and all that names them in the store. A value
   that another item carries stays, since it stands for that item too.
7. The act is entered in the log and numbered; nothing of content is in it.

The number of statements does not grow with the number of items; what grows with them is done in
memory. Nothing lingers in files once the database forgets, which the caller has it do afterwards.

Spec: design §2 rules 5, 6 and 10.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from foedus.casework.attestation import Kept, ReservedGround
from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.markings import TLP
from foedus.model.terms import parse_terms
from foedus.node.context import Node
from foedus.node.opened import erase_places
from foedus.node.own_log import enter
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.node.ports.erasure import CopyRow, NewErasure, NewTombstone, ReservedRow
from foedus.node.serve_tools import rendition
from foedus.node.tombstones import Offered, derived, form_of, marks_of, name_mark
from foedus.node.withheld import places_given, places_received

__all__ = ["Cause", "CauseKind", "Purged", "kept_of", "purge", "restrict"]


class CauseKind(StrEnum):
    """What kind of act purges."""

    ERASURE = "erasure"
    """A person erases under an order from outside: the name stays out."""
    RECALL = "recall"
    """The originator recalls, or ends at once: the name stays out."""
    NARROW = "narrow"
    """The originator keeps it from us: the name stays out until that is lifted."""
    SUPERSEDED = "superseded"
    """A newer version replaces these: they stay out, the name goes on."""
    RETENTION = "retention"
    """Its time is over: nothing is kept out, since it may be given anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why, for the record.

    Attributes:
        kind: Decides what tombstones are left.
        reference: The order, as its author numbers it; stays on record and names nobody.
        reason: Why; stays on record and names nobody.
        user: Who did it; "" for the node itself.
        at: The instant of the act.
        entry_index: The log entry of the act; None to have one made.
    """

    kind: CauseKind
    reference: str
    reason: str
    user: str
    at: datetime
    entry_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was purged.

    Attributes:
        number: The act, as this node numbers it; 0 where nothing went.
        versions: Item versions that went, without variants and drafts.
        variants: Redacted forms of them made here.
        disclosures: Disclosures that carried one of them, given or received.
        recipients: Who was given one of them.
        handles: Of all that went, variants and drafts included.
        counts: What went, by store; at least 1 each.
        kept: What stays, restricted, on reserved grounds.
        entry_index: The log entry of the act; -1 where nothing went.
    """

    number: int = 0
    versions: int = 0
    variants: int = 0
    disclosures: int = 0
    recipients: tuple[MemberId, ...] = ()
    handles: tuple[int, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    entry_index: int = -1


def purge(tx: Transaction, node: Node, rows: Sequence[ItemRow], cause: Cause) -> Purged:
    """Purge item versions, all that was made of them and all that names them.

    Args:
        tx: A writing transaction.
        node: The node.
        rows: The versions; those erased before are passed over, and a variant is purged alone.
        cause: Why.

    Returns:
        What went, and what is kept on reserved grounds.
    """
    living = [row for row in rows if row.state is not ItemState.DISCARDED]
    kept = tx.erasure.reserved([row.handle for row in living], at=cause.at)
    restrict(tx, [row for row in living if row.handle in kept], at=cause.at)  # 2.
    wanted = [row for row in living if row.handle not in kept]
    grounds = kept_of(kept)
    if not wanted:
        return Purged(kept=grounds)
    variants, drafts, shared = _with_them(tx, wanted, cause)  # 1.
    whole = [*wanted, *variants, *drafts]
    handles = [row.handle for row in whole]
    known = _known(tx, wanted)
    copies = _copies(tx, wanted, known, cause)
    tx.erasure.erase_copies(copies)  # 3.
    given = tx.erasure.given(handles)
    disclosures = _erase_places(tx, places_given(tx, given), places_received(tx, whole))  # 4.
    entry = _entered(tx, node, cause, items=len(whole), disclosures=disclosures)  # 7.
    number = tx.erasure.add(
        NewErasure(
            reference=cause.reference,
            reason=cause.reason,
            user=cause.user,
            at=cause.at,
            items=len(whole),
            entry_index=entry,
        )
    )
    names = _name_marks(node, whole)
    tx.erasure.bury(names, erasure=number)  # so that whoever asks for one by name is told
    _keep_out(tx, node, [*wanted, *variants], cause, number, shared, known)  # 5.
    counts = Counter(tx.erasure.erase_items(handles, _made_up(whole, names)))  # 6.
    tx.readings.queue_exports(handles)  # 6. Files that hold them; deleted once this is committed.
    tx.retention.drop(handles)
    tx.withheld.set_forget_due(due=True)
    counts.update(
        {
            "versions": len(wanted),
            "variants": len(variants),
            "drafts": len(drafts),
            "copies": len(copies),
            "disclosures": disclosures,
        }
    )
    return Purged(
        number=number,
        versions=len(wanted),
        variants=len(variants),
        disclosures=disclosures,
        recipients=tuple(sorted({each.recipient for each in given})),
        handles=tuple(handles),
        counts={store: count for store, count in sorted(counts.items()) if count},
        kept=grounds,
        entry_index=entry,
    )


def restrict(tx: Transaction, rows: Sequence[ItemRow], *, at: datetime) -> int:
    """Let nobody be shown or given what was held; its bytes stay. Returns how many it concerned."""
    # A draft has no terms to come back under, and nobody is given it.
    handles = [row.handle for row in rows if row.state is ItemState.HELD]
    if handles:
        tx.items.move(handles, state=ItemState.RESTRICTED, at=at)
    return len(handles)


def kept_of(reserved: Mapping[int, ReservedRow]) -> tuple[Kept, ...]:
    """Return what is kept, by ground and day."""
    counted = Counter((row.ground, row.until) for row in reserved.values())
    kept = [
        Kept(ground=ReservedGround(ground), items=items, until=until)
        for (ground, until), items in counted.items()
    ]
    return tuple(sorted(kept, key=lambda each: (each.ground, str(each.until))))


def _with_them(
    tx: Transaction, wanted: Sequence[ItemRow], cause: Cause
) -> tuple[list[ItemRow], list[ItemRow], frozenset[int]]:
    """Return variants, drafts that go too, and which of the items share their id with others'."""
    named = {row.handle: row for row in wanted}
    variants = [each for each in tx.erasure.variants(list(named)) if each not in named]
    found = tx.erasure.namesakes(list(named))
    others = {
        row.handle: row
        for row in tx.items.rows(sorted({each for many in found.values() for each in many}))
    }
    drafts: dict[int, ItemRow] = {}
    shared: set[int] = set()
    unlike: list[tuple[ItemRow, ItemRow]] = []
    for handle, many in found.items():
        row = named[handle]
        for other in (others[each] for each in many if each not in named):
            if other.state is not ItemState.DRAFT:
                shared.add(handle)
            elif other.content_hash == row.content_hash or _whole(row, cause):
                drafts[other.handle] = other
            elif derived(row.key.object_id):
                unlike.append((row, other))
    # The same observable may be written in another way.
    raws = tx.items.raw(sorted({each.handle for two in unlike for each in two}))
    forms = {handle: form_of(raw) for handle, raw in raws.items()}
    for row, other in unlike:
        if forms.get(row.handle, "") == forms.get(other.handle, "-"):
            drafts[other.handle] = other
    return list(tx.items.rows(variants)), list(drafts.values()), frozenset(shared)


def _whole(row: ItemRow, cause: Cause) -> bool:
    """Return whether the id alone, whatever its version, tells that something is the item."""
    return cause.kind is not CauseKind.SUPERSEDED and not derived(row.key.object_id)


def _copies(
    tx: Transaction, wanted: Sequence[ItemRow], known: Mapping[int, Sequence[str]], cause: Cause
) -> list[CopyRow]:
    """Return the copies in named collections that are of these items (rule 3)."""
    whole = {row.key.object_id for row in wanted if _whole(row, cause)}
    hashes = {row.content_hash for row in wanted}.union(*known.values())
    return [
        copy
        for copy in tx.erasure.copies(sorted({row.key.object_id for row in wanted}))
        if copy.object_id in whole
        or hashlib.sha256(copy.raw).hexdigest() in hashes
        or (derived(copy.object_id) and form_of(copy.raw) in hashes)
    ]


def _known(tx: Transaction, wanted: Sequence[ItemRow]) -> Mapping[int, Sequence[str]]:
    """Return what each item is recognised by besides its bytes, hex SHA-256 each.

    That is what tools are served of it, if it has terms; and, where the id alone does not tell it,
    both of these however their JSON is spaced and ordered.
    """
    names = sorted({row.terms_id for row in wanted if row.terms_id is not None})
    levels: dict[ObjectId, TLP] = {
        name: parse_terms(raw).tlp for name, raw in tx.items.terms(names).items()
    }
    alone = [row for row in wanted if row.terms_id in levels or derived(row.key.object_id)]
    raws = tx.items.raw([row.handle for row in alone])
    found: dict[int, list[str]] = {}
    for row in alone:
        raw = raws.get(row.handle)
        if raw is None:
            continue
        forms = [raw]
        hashes: list[str] = []
        if row.terms_id is not None and row.terms_id in levels:
            served = rendition(raw, row.terms_id, levels[row.terms_id])
            hashes.append(hashlib.sha256(served).hexdigest())
            forms.append(served)
        if derived(row.key.object_id):
            hashes += map(form_of, forms)
        found[row.handle] = [each for each in hashes if each]
    return found


def _erase_places(tx: Transaction, *found: Mapping[int, set[int]]) -> int:
    """Rule 4; returns how many disclosures it concerned that could be opened now."""
    places: defaultdict[int, set[int]] = defaultdict(set)
    for each in found:
        for document, erased in each.items():
            places[document] |= erased
    for document, erased in places.items():
        erase_places(tx, document, erased)
    return len(places)


def _entered(tx: Transaction, node: Node, cause: Cause, *, items: int, disclosures: int) -> int:
    if cause.entry_index is not None:
        return cause.entry_index
    return enter(
        tx,
        node,
        {
            "kind": "erasure",
            "cause": cause.kind,
            "order": cause.reference,
            "items": items,
            "disclosures": disclosures,
        },
        at=cause.at,
    )


def _name_marks(node: Node, rows: Sequence[ItemRow]) -> list[tuple[int, bytes]]:
    secret = node.identity.secret
    return [(row.handle, name_mark(secret, row.key.originator, row.key.object_id)) for row in rows]


def _keep_out(
    tx: Transaction,
    node: Node,
    rows: Sequence[ItemRow],
    cause: Cause,
    number: int,
    shared: frozenset[int],
    known: Mapping[int, Sequence[str]],
) -> None:
    """Rule 5."""
    if cause.kind is CauseKind.RETENTION:
        return
    secret = node.identity.secret
    stones: dict[bytes, NewTombstone] = {}
    for row in rows:
        offered = Offered(
            originator=row.key.originator,
            object_id=row.key.object_id,
            version=row.key.version,
            content_hash=row.content_hash,
        )
        marks = marks_of(
            secret,
            offered,
            whole=cause.kind is not CauseKind.SUPERSEDED,
            shared=row.handle in shared,
            served=known.get(row.handle, ()),
        )
        for mark in marks:
            stones[mark] = NewTombstone(mark=mark, kind=cause.kind.value, item=row.handle)
    tx.erasure.set_tombstones(list(stones.values()), erasure=number)


def _made_up(rows: Sequence[ItemRow], names: Sequence[tuple[int, bytes]]) -> list[ObjectId]:
    """Return an id for each that tells nothing; it follows from its tombstone."""
    made = []
    for row, (_, mark) in zip(rows, names, strict=True):
        text = mark.hex()
        made.append(
            ObjectId(
                f"{row.type}--{text[:8]}-{text[8:12]}-5{text[13:16]}-8{text[17:20]}-{text[20:32]}"
            )
        )
    return made
