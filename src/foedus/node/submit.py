"""Take in a source: read it within limits, store its drafts, vouch for nothing.

check role → read (or refuse whole, nothing stored) → store drafts and figures → record.

What was erased under an order does not come back by being read again: it is refused singly.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from foedus.access import Actor, Role, require_role
from foedus.intake.detect import read
from foedus.intake.drafts import Format, IntakeContext, IntakeResult, Refusal
from foedus.intake.limits import IntakeLimits
from foedus.model.identifiers import FOEDUS_NAMESPACE, ObjectId
from foedus.model.objects import StixObject, parse_object
from foedus.model.observables import selectors_of
from foedus.node.context import Node, note_act
from foedus.node.display import display_text
from foedus.node.ports import ItemRow, ItemState, NewItem, SourceRow, Stored, Transaction
from foedus.node.tombstones import REFUSED, Offered, barred_here

__all__ = ["Submission", "Submitted", "submit"]

_BATCH_ITEMS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One file to take in.

    Attributes:
        data: Its bytes, untrusted.
        name: Its name, for people.
        format: Its format, or None to find out from the content.
        own_source: Whether the officer says that it comes from a source of our own, so that
            observables recalled by another member are taken in all the same.
    """

    data: bytes
    name: str
    format: Format | None = None
    own_source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What became of a source; ``result.read == taken + duplicates + refused``.

    Attributes:
        source: Handle of the source.
        new: Drafts stored now (entries and those our side added).
        known: Drafts that stood here already with the same bytes.
        conflicts: Places whose object is stored here with other bytes under the same version.
        rows: Rows of every draft named by the source that stands here.
    """

    source: SourceRow
    result: IntakeResult
    new: int
    known: int
    conflicts: tuple[str, ...]
    rows: tuple[ItemRow, ...]


def submit(
    node: Node,
    actor: Actor,
    submission: Submission,
    *,
    limits: IntakeLimits,
    progress: Callable[[int, int], None] | None = None,
) -> Submitted:
    """Read a source and store its drafts in one unit of work.

    Raises:
        AccessDeniedError: The actor is no analyst; or says that the source is our own and is no
            data-protection officer.
        IntakeError: The file is damaged, too large or of no known format; nothing is stored.
    """
    require_role(actor, Role.ANALYST)
    if submission.own_source:
        require_role(actor, Role.OFFICER)
    now = node.clock.now()
    with node.database.read() as tx:
        edition = tx.sources.editions(Format.UN_LIST.value)
    result = read(
        submission.data,
        name=submission.name,
        format=submission.format,
        context=IntakeContext(
            member=node.identity.member,
            member_identity=ObjectId(
                f"identity--{uuid.uuid5(FOEDUS_NAMESPACE, node.identity.member)}"
            ),
            now=now,
            limits=limits,
            edition=edition,
        ),
    )
    with node.database.write() as tx:
        result = _without_barred(tx, node, result, own_source=submission.own_source)
        parsed = [parse_object(draft.raw) for draft in result.all_drafts]
        stored = _store(tx, node, submission, result, parsed, user=actor.user, progress=progress)
        own = ", a source of our own" if submission.own_source else ""
        note_act(tx, node, actor, "submit", f"source {stored.source.handle}{own}")
    return stored


def _without_barred(
    tx: Transaction, node: Node, result: IntakeResult, *, own_source: bool
) -> IntakeResult:
    """Refuse the entries that a tombstone keeps out; what our side made of them goes too."""
    every = result.all_drafts
    objects = [parse_object(draft.raw) for draft in every] if tx.erasure.any_tombstone() else []
    offered = [
        Offered(
            originator=node.identity.member,
            object_id=obj.id,
            version=obj.version,
            content_hash=obj.content_hash,
            raw=obj.raw,
        )
        for obj in objects
    ]
    found = barred_here(tx, node.identity.secret, offered, own_source=own_source)
    if not found:
        return result
    taken = len(result.drafts)
    return replace(
        result,
        drafts=tuple(each for place, each in enumerate(result.drafts) if place not in found),
        added=tuple(
            each for place, each in enumerate(result.added, start=taken) if place not in found
        ),
        refused=(
            *result.refused,
            *(
                # The figures of a source stay: where it stood in the file, not what it was.
                Refusal(place=every[place].place.partition(" (")[0], reason=REFUSED)
                for place in sorted(found)
                if place < taken
            ),
        ),
    )


def _store(
    tx: Transaction,
    node: Node,
    submission: Submission,
    result: IntakeResult,
    parsed: Sequence[StixObject],
    *,
    user: str,
    progress: Callable[[int, int], None] | None,
) -> Submitted:
    now = node.clock.now()
    report = next((obj.id for obj in parsed if obj.type == "report"), None)
    source = SourceRow(
        handle=0,
        sha256=hashlib.sha256(submission.data).hexdigest(),
        name=submission.name,
        format=result.source.format.value,
        at=now,
        by=user,
        read=result.read,
        taken=result.taken,
        duplicates=len(result.duplicates),
        added=len(result.added),
        refused=tuple((refusal.place, refusal.reason) for refusal in result.refused),
        report=report,
    )
    handle = tx.sources.add(source)
    new, known, conflicts, handles = 0, 0, [], []
    for start in range(0, len(parsed), _BATCH_ITEMS):
        chunk = parsed[start : start + _BATCH_ITEMS]
        drafts = result.all_drafts[start : start + _BATCH_ITEMS]
        outcomes = tx.items.add([_draft(node, obj, handle) for obj in chunk], at=now)
        for draft, outcome in zip(drafts, outcomes, strict=True):
            match outcome.outcome:
                case Stored.NEW:
                    new += 1
                case Stored.DUPLICATE:
                    known += 1
                case Stored.CONFLICT:
                    conflicts.append(draft.place)
            if outcome.outcome is not Stored.CONFLICT:
                handles.append(outcome.handle)
        if progress is not None:
            progress(min(start + _BATCH_ITEMS, len(parsed)), len(parsed))
    return Submitted(
        source=replace(source, handle=handle),
        result=result,
        new=new,
        known=known,
        conflicts=tuple(conflicts),
        rows=tuple(tx.items.rows(handles)),
    )


def _draft(node: Node, obj: StixObject, source: int) -> NewItem:
    title, text = display_text(obj)
    return NewItem(
        obj=obj,
        originator=node.identity.member,
        state=ItemState.DRAFT,
        source=source,
        selectors=selectors_of(obj),
        title=title,
        text=text,
    )
