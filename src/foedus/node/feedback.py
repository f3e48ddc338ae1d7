"""Feedback: say to an originator what we think of its item, and see what others think of ours.

1. An analyst drafts an opinion or a note on an item that another member gave (:func:`draft`). It is
   an item of our own: somebody vouches for it, and the gate releases it to whom it concerns under
   the treaty's article on feedback.
2. Where such an item becomes held, here or at the originator, it is tied to the newest version its
   author was given (:func:`note_feedback`), so that a corrected version is not disputed any more.
3. An item is *disputed* (:func:`disputed`) while an opinion against it, or a proposal to correct or
   recall it, stands here. Everybody sees what it holds itself: an opinion goes to the originator,
   so another holder of the item learns nothing of it.
4. Its author withdraws it (:func:`withdraw`): a draft is thrown away, what was given is recalled.

Spec: design §2 rule 4; Convention Articles 3 (4), 13, 17 (1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.canonical import JSONValue, canonical_bytes
from foedus.casework.feedback import DISPUTES, OPINION_OF, Stance, label_of, stance_of
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId, derived_object_id
from foedus.model.objects import StixObject, parse_object
from foedus.node.candidates import subjects_of
from foedus.node.context import Node, note_act
from foedus.node.discard import discard
from foedus.node.display import display_text
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.find import resolve
from foedus.node.four_eyes import DRAFTED
from foedus.node.ports import ItemRow, ItemState, NewItem, Transaction
from foedus.node.ports.onward import FeedbackRow

__all__ = [
    "FeedbackDraft",
    "disputed",
    "draft",
    "feedback_of",
    "list_feedback",
    "note_feedback",
    "own_feedback",
    "withdraw_draft",
]

_TYPES: Final = frozenset({"opinion", "note"})
_LIVE: Final = frozenset({ItemState.DRAFT, ItemState.HELD})
_STANDING: Final = frozenset({ItemState.HELD, ItemState.VARIANT, ItemState.RESTRICTED})
_MAX_TEXT: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackDraft:
    """Feedback that waits for its terms.

    Attributes:
        item: The draft's row.
        to: The originator of the item it is about.
        new: Whether it was made now; otherwise the same was drafted before.
    """

    item: ItemRow
    to: MemberId
    new: bool


def draft(
    node: Node, actor: Actor, reference: str, stance: Stance, *, text: str = ""
) -> FeedbackDraft:
    """Draft an opinion or a proposal on an item that another member gave.

    Args:
        node: The node.
        actor: An analyst.
        reference: The item, by local number or id.
        stance: What is said.
        text: Why; content like any other, which the gate decides on. A proposal needs one.

    Raises:
        AccessDeniedError: The actor is no analyst.
        NotFoundError: There is no such item.
        RefusedError: It is our own or is not held; a proposal without a word; or the same was said
            in other words and stands: withdraw that first.
    """
    require_role(actor, Role.ANALYST)
    said = " ".join(text.split())
    if len(said) > _MAX_TEXT:
        raise RefusedError(f"at most {_MAX_TEXT} characters")
    if stance not in OPINION_OF and not said:
        raise RefusedError("say what is proposed and why: --text")
    with node.database.write() as tx:
        rows = resolve(tx, reference)
        if len(rows) != 1:
            raise RefusedError(f"{reference} names {len(rows)} items; speak of one of them")
        [about] = rows
        if about.key.originator == node.identity.member:
            raise RefusedError("it is our own item: correct or recall it by an order")
        if about.state is not ItemState.HELD:
            raise RefusedError(f"{reference} is {about.state}: speak of what is held")
        obj = _made(node, about, stance, said)
        earlier = [each for each in tx.items.by_object_id(obj.id) if each.state in _LIVE]
        if earlier:
            return FeedbackDraft(item=earlier[-1], to=about.key.originator, new=False)
        title, words = display_text(obj)
        stored = tx.items.add(
            [
                NewItem(
                    obj=obj,
                    originator=node.identity.member,
                    state=ItemState.DRAFT,
                    title=title or f"{stance.value}: {about.title}"[:200],
                    text=words,
                )
            ],
            at=node.clock.now(),
        )[0]
        tx.onward.add_feedback(
            [
                FeedbackRow(
                    item=stored.handle,
                    about=about.handle,
                    author=node.identity.member,
                    stance=stance,
                    at=node.clock.now(),
                )
            ]
        )
        tx.accounts.note_hands([stored.handle], actor.user, DRAFTED)
        [row] = tx.items.rows([stored.handle])
        subject = str(row.number or row.handle)
        note_act(tx, node, actor, f"feedback.{stance.value}", subject)
    return FeedbackDraft(item=row, to=about.key.originator, new=True)


def _made(node: Node, about: ItemRow, stance: Stance, said: str) -> StixObject:
    """Return the object; the same word on the same version is the same object for one day."""
    now = node.clock.now()
    mark = "EXERCISE. " if node.identity.exercise else ""
    content: dict[str, JSONValue] = {
        "spec_version": "2.1",
        "created": instant_text(now),
        "modified": instant_text(now),
        "labels": [label_of(stance)],
        "object_refs": [about.key.object_id],
    }
    if stance in OPINION_OF:
        kind = "opinion"
        content["opinion"] = OPINION_OF[stance]
        if said:
            content["explanation"] = mark + said
    else:
        kind = "note"
        content["content"] = mark + said
    seed = f"{node.identity.member}\n{about.key.object_id}\n{about.key.version}\n{stance}\n{said}"
    identifier = derived_object_id(kind, f"{seed}\n{now:%Y-%m-%d}".encode())
    return parse_object(canonical_bytes({**content, "type": kind, "id": identifier}))


def note_feedback(
    tx: Transaction, node: Node, taken: Mapping[int, NewItem], *, at: datetime
) -> int:
    """Tie the opinions and proposals among what became held to what they speak of.

    Args:
        tx: The transaction in which they became held.
        node: The node.
        taken: What became held, by handle.
        at: The instant of the act.

    Returns:
        How many ties were kept.
    """
    rows: list[FeedbackRow] = []
    for handle, item in taken.items():
        if item.obj.type not in _TYPES:
            continue
        stance = stance_of(item.obj.document())
        if stance is None:
            continue
        rows.extend(
            FeedbackRow(item=handle, about=about, author=item.originator, stance=stance, at=at)
            for about in _spoken_of(tx, node, item.obj, item.originator)
        )
    if rows:
        tx.onward.add_feedback(rows)
    return len(rows)


def _spoken_of(tx: Transaction, node: Node, obj: StixObject, author: MemberId) -> list[int]:
    """Return the newest version of each item an object is about that its author could mean.

    Of our own items that is one we gave it, or another gave it on: nobody speaks of what it has
    not, and finds out nothing by trying. A redacted form stands for the item it was made of.
    """
    found: list[int] = []
    for name in subjects_of(obj):
        known = [row for row in tx.items.by_object_id(name) if row.state in _STANDING]
        ours = [row for row in known if row.key.originator == node.identity.member]
        if author != node.identity.member:
            ours = [row for row in ours if _was_given(tx, row, author)]
        theirs = [row for row in known if row.key.originator != node.identity.member]
        for rows in (ours, theirs):
            if rows:
                row = rows[-1]
                found.append(row.handle if row.variant_of is None else row.variant_of)
    return sorted(set(found))


def _was_given(tx: Transaction, row: ItemRow, member: MemberId) -> bool:
    given = row.handle if row.variant_of is None else row.variant_of
    if tx.feeds.holds(member, [given]):
        return True
    return any(holder == member for holder, _, _ in tx.onward.onward_of(row.handle))


def feedback_of(
    tx: Transaction, handles: Sequence[int]
) -> Mapping[int, Sequence[tuple[FeedbackRow, ItemRow]]]:
    """Return the standing feedback on items with the opinions and notes themselves."""
    found = tx.onward.feedback_on(handles)
    named = sorted({each.item for rows in found.values() for each in rows})
    items = {row.handle: row for row in tx.items.rows(named)} if named else {}
    return {
        about: [(each, items[each.item]) for each in rows if each.item in items]
        for about, rows in found.items()
    }


def disputed(tx: Transaction, handles: Sequence[int]) -> Mapping[int, frozenset[MemberId]]:
    """Return who disputes items, by handle; undisputed ones are left out. One statement."""
    found = {
        handle: frozenset(each.author for each in rows if each.stance in DISPUTES)
        for handle, rows in tx.onward.feedback_on(handles).items()
    }
    return {handle: authors for handle, authors in found.items() if authors}


def list_feedback(
    tx: Transaction, *, after: int, limit: int
) -> Sequence[tuple[FeedbackRow, ItemRow, ItemRow]]:
    """Return (what is said, the opinion or note, the item it is about), by handle."""
    found = tx.onward.feedback(after=after, limit=limit)
    named = sorted({handle for each in found for handle in (each.item, each.about)})
    items = {row.handle: row for row in tx.items.rows(named)} if named else {}
    return [
        (each, items[each.item], items[each.about])
        for each in found
        if each.item in items and each.about in items
    ]


def own_feedback(tx: Transaction, node: Node, reference: str) -> ItemRow:
    """Return feedback of our own by its number or id.

    Raises:
        NotFoundError: There is none of that name.
        RefusedError: It is another member's: only its author withdraws it.
    """
    [row, *more] = resolve(tx, reference)
    if more or row.type not in _TYPES:
        raise NotFoundError(f"{reference} is no opinion or note")
    if row.key.originator != node.identity.member:
        raise RefusedError(
            f"{reference} is {row.key.originator}'s word: only its author takes it back"
        )
    return row


def withdraw_draft(node: Node, actor: Actor, reference: str, reason: str) -> ItemRow | None:
    """Take feedback of our own back that left nobody's hands yet.

    Args:
        node: The node.
        actor: An analyst.
        reference: The opinion or note, by local number or id.
        reason: Why; kept in the journal.

    Returns:
        None if it is done; the row if it is held, so that an order must recall it.

    Raises:
        AccessDeniedError: The actor is no analyst.
        NotFoundError: There is no such feedback.
        RefusedError: It is another member's.
    """
    require_role(actor, Role.ANALYST)
    with node.database.read() as tx:
        row = own_feedback(tx, node, reference)
    if row.state is not ItemState.DRAFT:
        return row
    discard(node, actor, [row], reason)
    return None
