"""Who will see this, and why: the decision for each item and member, with nothing written.

The same function decides here, at the release and again at the receiver.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import overload

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import MemberId
from foedus.node.audience import audience, link_to
from foedus.node.candidates import Originators, known_as, load_items
from foedus.node.context import Node
from foedus.node.foresight import ChangeFinder, Snapshot, foresee
from foedus.node.ports import ItemRow
from foedus.node.wish import Wish
from foedus.release.counterfactual import Change
from foedus.release.decide import Decision
from foedus.release.gate import Gate, Preview

__all__ = ["PreviewRow", "PreviewTable", "Wish", "audience", "link_to", "may_ask", "preview"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """The decision for one item and one member.

    Attributes:
        decision: None when the item is the member's own: there is nothing to decide.
        unredactable: Why it would be withheld though it may leave, redacted or not: it cannot be
            redacted so, or an order keeps it back; "" when it would not.
        changes: The smallest changes that would free it; looked for only when asked to.
    """

    item: ItemRow
    recipient: MemberId
    decision: Decision | None
    unredactable: str = ""
    changes: tuple[Change, ...] = ()


class PreviewTable(Sequence[PreviewRow]):
    """A row for each item and member, items first; each is made when it is looked at.

    Attributes:
        items: The items, in the order asked.
        members: The members asked about, in order.
    """

    def __init__(
        self,
        items: Sequence[ItemRow],
        members: Sequence[MemberId],
        foreseen: Mapping[MemberId, Preview],
        changes: Mapping[MemberId, Mapping[int, tuple[Change, ...]]],
    ) -> None:
        """Take what was foreseen for each member, and by member and handle what would free it."""
        self.items = tuple(items)
        self.members = tuple(members)
        self._columns = [(each, foreseen[each], changes.get(each, {})) for each in members]

    def __len__(self) -> int:
        return len(self.items) * len(self.members)

    @overload
    def __getitem__(self, place: int) -> PreviewRow: ...
    @overload
    def __getitem__(self, place: slice) -> list[PreviewRow]: ...
    def __getitem__(self, place: int | slice) -> PreviewRow | list[PreviewRow]:
        if isinstance(place, slice):
            return [self._at(each) for each in range(*place.indices(len(self)))]
        return self._at(range(len(self))[place])

    def __iter__(self) -> Iterator[PreviewRow]:
        return (self._row(item, column) for item in self.items for column in self._columns)

    def _at(self, place: int) -> PreviewRow:
        item, column = divmod(place, len(self.members))
        return self._row(self.items[item], self._columns[column])

    @staticmethod
    def _row(
        item: ItemRow, column: tuple[MemberId, Preview, Mapping[int, tuple[Change, ...]]]
    ) -> PreviewRow:
        member, foreseen, changes = column
        return PreviewRow(
            item=item,
            recipient=member,
            decision=foreseen.decisions.get(item.handle),
            unredactable=foreseen.unredactable.get(item.handle, ""),
            changes=changes.get(item.handle, ()),
        )


def preview(
    node: Node,
    actor: Actor,
    gate: Gate,
    handles: Sequence[int],
    wish: Wish,
    *,
    why: bool = False,
) -> PreviewTable:
    """Return the decision for each item and each member asked about, items first.

    Args:
        node: The node.
        actor: Who asks.
        gate: The node's gate; it only foresees.
        handles: Held items.
        wish: Treaty, purpose, article, members.
        why: Whether to look for what would change each verdict that releases nothing.

    Raises:
        AccessDeniedError: The actor may not ask.
        RefusedError: An item is not held, or a member is no party.
        NotFoundError: The treaty is not known here.
    """
    may_ask(actor)
    now = node.clock.now()
    finder = ChangeFinder(sender=node.identity.member, wish=wish)
    foreseen: dict[MemberId, Preview] = {}
    changes: dict[MemberId, Mapping[int, tuple[Change, ...]]] = {}
    with node.database.read() as tx:
        view = node.law.view(tx)
        members = audience(node, view, wish)
        loaded = load_items(tx, node.identity.member, handles)
        snapshot = Snapshot(tx=tx, node=node, view=view, gate=gate, loaded=loaded, now=now)
        originators = Originators(tx)
        for member in members:
            grounds = snapshot.grounds(wish, member)
            given = known_as(tx, grounds.candidates, member, originators=originators)
            foreseen[member] = _with_orders(
                foresee(gate, wish, grounds, given),
                tx.orders.barred(member, [row.handle for row in loaded.rows], at=now),
            )
            if why:
                changes[member] = finder.changes(grounds, foreseen[member])
    return PreviewTable(loaded.rows, members, foreseen, changes)


def _with_orders(foreseen: Preview, barred: Mapping[int, str]) -> Preview:
    """Return what is foreseen, save what an order of ours keeps from being given."""
    if not barred:
        return foreseen
    kept = {handle: f"kept back by order {name}" for handle, name in barred.items()}
    return replace(foreseen, unredactable={**foreseen.unredactable, **kept})


def may_ask(actor: Actor) -> None:
    """Let those pass who may ask what would be released.

    Raises:
        AccessDeniedError: The actor may not ask.
    """
    require_role(actor, Role.ANALYST, Role.SUPERVISOR, Role.OFFICER, Role.LEGAL)
