"""A hit is a question for a person: look at it, confirm or dismiss it, tell the originator.

Confirming may make a sighting of the other member's item: an item of our own that says it was seen
here and when, never what of ours it matched. Whether it goes back is the treaty's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foedus.access import Actor, Role, require_role
from foedus.canonical import JSONValue, canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId, derived_object_id
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector
from foedus.node.context import Node, note_act
from foedus.node.deconflict import review_shared
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.match import Standing, standing_of
from foedus.node.ports import HitRow, HitState, ItemRow, ItemState, NewItem, Transaction
from foedus.node.recovering import still_shown

__all__ = ["HitView", "SightingDraft", "confirm_hit", "dismiss_hit", "explain", "list_hits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HitView:
    """A hit with both items as they stand."""

    row: HitRow
    arrived: ItemRow
    held: ItemRow


@dataclass(frozen=True, slots=True, kw_only=True)
class SightingDraft:
    """A sighting made from a hit, waiting for its terms.

    Attributes:
        item: The draft's row.
        to: The originator of the item that was sighted.
    """

    item: ItemRow
    to: MemberId


def list_hits(
    tx: Transaction, *, states: frozenset[HitState], after: int, limit: int
) -> list[HitView]:
    """Return hits with their items, by number; none on what a restore hides for a while."""
    rows = tx.hits.page(states=states, after=after, limit=limit)
    handles = sorted({handle for row in rows for handle in (row.hit.arrived, row.hit.held)})
    items = {item.handle: item for item in still_shown(tx, tx.items.rows(handles))}
    return [
        HitView(row=row, arrived=items[row.hit.arrived], held=items[row.hit.held])
        for row in rows
        if row.hit.arrived in items and row.hit.held in items
    ]


def explain(tx: Transaction, node: Node, selector: Selector) -> Standing:
    """Return who carries a selector here and why it is, or is not, a hit."""
    return standing_of(tx, node, selector)


def dismiss_hit(node: Node, actor: Actor, number: int, reason: str) -> None:
    """Record that a hit is no match, and why.

    Raises:
        NotFoundError: No such hit.
        RefusedError: No reason is given.
    """
    require_role(actor, Role.ANALYST)
    if not reason.strip():
        raise RefusedError("say why the hit is dismissed")
    with node.database.write() as tx:
        _hit(tx, number)
        tx.hits.set_state(number, HitState.DISMISSED, by=actor.user, reason=reason)
        review_shared(tx, at=node.clock.now())
        note_act(tx, node, actor, "hit.dismiss", str(number))


def confirm_hit(
    node: Node, actor: Actor, number: int, reason: str, *, sighting: bool
) -> SightingDraft | None:
    """Record that a hit is a match; on request draft a sighting of the other member's item.

    Raises:
        NotFoundError: No such hit.
        RefusedError: No reason is given; or a sighting is wanted and neither item is another
            member's, or it is of a kind that cannot be sighted (STIX 2.1 §5.2: only domain objects
            can).
    """
    require_role(actor, Role.ANALYST)
    if not reason.strip():
        raise RefusedError("say what was checked before the hit is confirmed")
    with node.database.write() as tx:
        row = _hit(tx, number)
        draft = _sighting(tx, node, row) if sighting else None
        if draft is not None:
            tx.accounts.note_hands([draft.item.handle], actor.user, "drafted")
        tx.hits.set_state(number, HitState.CONFIRMED, by=actor.user, reason=reason)
        note_act(tx, node, actor, "hit.confirm", str(number))
    return draft


def _hit(tx: Transaction, number: int) -> HitRow:
    row = tx.hits.get(number)
    if row is None:
        raise NotFoundError(f"no hit {number}")
    return row


def _sighting(tx: Transaction, node: Node, row: HitRow) -> SightingDraft:
    items = tx.items.rows([row.hit.arrived, row.hit.held])
    theirs = [item for item in items if item.key.originator != node.identity.member]
    if not theirs:
        raise RefusedError("neither item of this hit is another member's: nothing to report back")
    item = _sightable(tx, theirs[0], row.hit.selector)
    if item is None:
        raise RefusedError(
            f"{theirs[0].number or theirs[0].key.object_id} is a {theirs[0].type}, and no domain "
            "object of that member names the selector: a sighting must be of one (STIX 2.1 §5.2)"
        )
    now = instant_text(node.clock.now())
    content: dict[str, JSONValue] = {
        "type": "sighting",
        "spec_version": "2.1",
        "created": now,
        "modified": now,
        "sighting_of_ref": item.key.object_id,
        "count": 1,
        "last_seen": now,
        "description": ("EXERCISE. " if node.identity.exercise else "") + "Also seen here.",
    }
    # A second confirmation of the same item is the same sighting, not another one.
    identifier = derived_object_id(
        "sighting", f"{node.identity.member}\n{item.key.object_id}".encode()
    )
    earlier = [
        known
        for known in tx.items.by_object_id(identifier)
        if known.state in {ItemState.DRAFT, ItemState.HELD}
    ]
    if earlier:
        return SightingDraft(item=earlier[-1], to=item.key.originator)
    obj = parse_object(canonical_bytes({**content, "id": identifier}))
    outcome = tx.items.add(
        [
            NewItem(
                obj=obj,
                originator=node.identity.member,
                state=ItemState.DRAFT,
                title=f"sighting of {item.title}"[:200],
            )
        ],
        at=node.clock.now(),
    )[0]
    return SightingDraft(item=tx.items.rows([outcome.handle])[0], to=item.key.originator)


def _sightable(tx: Transaction, item: ItemRow, selector: Selector) -> ItemRow | None:
    """Return the item, or a domain object of the same originator that carries the selector."""
    if _is_domain_object(item.type):
        return item
    posting = tx.items.postings([selector], cap=200).get(selector)
    rows: Sequence[ItemRow] = () if posting is None else tx.items.rows(posting.handles)
    for row in rows:
        if row.key.originator == item.key.originator and _is_domain_object(row.type):
            return row
    return None


def _is_domain_object(object_type: str) -> bool:
    return object_type in _DOMAIN_OBJECTS


_DOMAIN_OBJECTS = frozenset(
    {
        "attack-pattern", "campaign", "course-of-action", "grouping", "identity", "incident",
        "indicator", "infrastructure", "intrusion-set", "location", "malware", "malware-analysis",
        "note", "observed-data", "opinion", "report", "threat-actor", "tool", "vulnerability",
    }
)  # fmt: skip
