"""Carry out an order received, for what is held of its originator under the ids it names.

1. An order concerns the versions it names, and any other that is not younger than itself.
2. *Recall* and *narrow*, and *expire* once its day has come: they are purged, and kept out. What is
   not here yet is kept out too. *Expire* ahead sets the day; the purge of retention does the rest.
3. *Restrict*: nobody is shown or given them; later versions of the name arrive restricted.
4. *Lift* ends restrictions and narrowings that are no younger than itself: what was restricted is
   visible and matched again, unless something else keeps it blocked.
5. *Correct*: the versions named are restricted at once, and purged as soon as the version that
   replaces them is held with the bytes that the order tells. Until then the order waits.
6. What is kept on a reserved ground is restricted instead of purged.

Orders may come in any order: each looks at those that came before it, and what arrives is looked at
by :func:`take_arrived`. Carrying out an order again changes nothing.

Spec: design §2 rule 5; Convention Article 21.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, assert_never

from foedus.casework.order import Order, OrderAction, OrderLine, OrderReason
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.context import Node
from foedus.node.match import match_visible
from foedus.node.ports import ItemFilter, ItemRow, ItemState, NewItem, Transaction
from foedus.node.ports.erasure import NewTombstone
from foedus.node.ports.received_orders import Applied, ReceivedLine, ReceivedOrder
from foedus.node.purge import Cause, CauseKind, Purged, purge, restrict
from foedus.node.tombstones import Offered, derived, marks_of, name_mark
from foedus.node.webhooks import tell_hits
from foedus.release.gate import Gate

__all__ = ["Applied", "apply_order", "lift_rows", "restrict_rows", "take_arrived"]

_LIVING: Final = frozenset(
    {
        ItemState.HELD,
        ItemState.RESTRICTED,
        ItemState.AWAITING,
        ItemState.QUARANTINED,
        ItemState.DRAFT,
    }
)
_MOST_VERSIONS: Final = 1_000_000
_ENDS: Final = frozenset({OrderAction.RESTRICT, OrderAction.NARROW})


def apply_order(
    tx: Transaction, node: Node, gate: Gate, received: ReceivedOrder, *, by: str = ""
) -> Applied:
    """Carry out an order for what is held of it here; safe to repeat.

    Args:
        tx: A writing transaction.
        node: The node.
        gate: The node's gate.
        received: The order, as it was taken.
        by: Who has it carried out; "" for the node itself.

    Returns:
        What it did. The database is to forget before it is attested.
    """
    del gate  # nothing is given by it; it stands here for what may follow
    order, now = received.taken.order, node.clock.now()
    rows = _concerned(tx, order)
    match order.action:
        case OrderAction.RECALL | OrderAction.NARROW:
            return _ended(tx, node, order, rows, by=by, at=now)
        case OrderAction.EXPIRE:
            return _expired(tx, node, order, rows, by=by, at=now)
        case OrderAction.RESTRICT:
            return _restricted(tx, order, rows, at=now)
        case OrderAction.LIFT:
            return _lift(tx, node, order, rows, at=now)
        case OrderAction.CORRECT:
            return _corrected(tx, node, order, rows, by=by, at=now)
        case _:
            assert_never(order.action)


def restrict_rows(tx: Transaction, rows: Sequence[ItemRow], *, at: datetime) -> int:
    """Let nobody be shown or given what is held; its bytes stay. Returns how many it concerned."""
    return restrict(tx, rows, at=at)


def lift_rows(tx: Transaction, node: Node, rows: Sequence[ItemRow], *, at: datetime) -> int:
    """Let restricted items be visible and matched again, unless something else blocks them.

    What blocks them is a challenge, an order in force that restricts or corrects them, or a ground
    on which they are kept against a purge. Returns how many became visible.
    """
    handles = [row.handle for row in rows if row.state is ItemState.RESTRICTED]
    if not handles:
        return 0
    blocked = tx.challenges.blocking(handles).keys() | tx.erasure.reserved(handles, at=at).keys()
    free = [row for row in rows if row.handle in set(handles) - blocked]
    still = _still_restricted(tx, free, at)
    lifted = [row.handle for row in free if row.handle not in still]
    if lifted:
        tx.items.move(lifted, state=ItemState.HELD, at=at)
        tell_hits(tx, match_visible(tx, node, lifted, at=at), at, member=None)
    return len(lifted)


def take_arrived(
    tx: Transaction, node: Node, held: Mapping[int, NewItem], *, at: datetime
) -> frozenset[int]:
    """Apply orders that came before their items to what has just become held.

    Args:
        tx: A writing transaction, in which these are held and not matched yet.
        node: The node.
        held: The items, by handle.
        at: Now.

    Returns:
        Which of them are restricted: they are not to be matched nor told of.
    """
    del node
    by_name: defaultdict[MemberId, defaultdict[ObjectId, list[int]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for handle, item in held.items():
        by_name[item.originator][item.obj.id].append(handle)
    blocked: set[int] = set()
    for originator, names in by_name.items():
        blocked |= _arrived(tx, originator, names, held, at)
    if blocked:
        tx.items.move(sorted(blocked), state=ItemState.RESTRICTED, at=at)
    return frozenset(blocked)


def _arrived(
    tx: Transaction,
    originator: MemberId,
    names: Mapping[ObjectId, Sequence[int]],
    held: Mapping[int, NewItem],
    at: datetime,
) -> set[int]:
    """Apply the orders on items of one originator; return which of these are to be restricted."""
    lines: defaultdict[ObjectId, list[ReceivedLine]] = defaultdict(list)
    for line in tx.orders.lines_on(originator, list(names)):
        lines[line.line.object_id].append(line)
    blocked: set[int] = set()
    again: set[ObjectId] = set()
    for name, found in lines.items():
        for handle in names[name]:
            version, ends = held[handle].obj.version, _ends_of(found)
            if _blocked(found, version) or any(end <= at for end, _ in ends):
                blocked.add(handle)
            if _to_look_at_again(found, version, at):
                again.add(name)
            for end, why in ends:
                tx.retention.set_end([handle], end, why)
    if again:
        tx.orders.reconsider(originator, sorted(again), at=at)
    return blocked


def _concerned(tx: Transaction, order: Order) -> list[ItemRow]:
    """Rule 1: what is here of the order, in one reading."""
    named = {line.object_id: line for line in order.lines}
    rows = tx.items.rows(tx.orders.named(order.originator, list(named)))
    return [
        row
        for row in rows
        if row.state in _LIVING and _concerns(order, named[row.key.object_id], row)
    ]


def _concerns(order: Order, line: OrderLine, row: ItemRow) -> bool:
    if row.key.version in line.versions:
        return True
    if _of_versions(order):
        return False
    return row.modified is None or row.modified <= order.at


def _of_versions(order: Order) -> bool:
    """Say whether an order concerns the versions it names only: a newer one stands or may come."""
    return order.action is OrderAction.CORRECT or order.reason is OrderReason.SUPERSEDED


def _ended(
    tx: Transaction, node: Node, order: Order, rows: Sequence[ItemRow], *, by: str, at: datetime
) -> Applied:
    """Rule 2."""
    kind = CauseKind.SUPERSEDED if _of_versions(order) else CauseKind.RECALL
    ended = {line.object_id for line in order.lines}
    if order.action is OrderAction.NARROW:
        kind = CauseKind.NARROW
        ended -= _lifted(tx, order)
    left = [row for row in rows if row.key.object_id in ended]
    done = purge(tx, node, left, _cause(order, kind, by=by, at=at))
    _keep_out(tx, node, order, kind, only=ended, purged=left)
    return _purged(rows, done)


def _restricted(tx: Transaction, order: Order, rows: Sequence[ItemRow], *, at: datetime) -> Applied:
    """Rule 3."""
    lifted = _lifted(tx, order)
    left = [row for row in rows if row.key.object_id not in lifted]
    restricted = restrict_rows(tx, left, at=at)
    return Applied(held=len(rows), counts={"restricted": restricted} if restricted else {})


def _expired(
    tx: Transaction, node: Node, order: Order, rows: Sequence[ItemRow], *, by: str, at: datetime
) -> Applied:
    days = {line.object_id: line.expiry for line in order.lines}
    by_day: defaultdict[datetime, list[ItemRow]] = defaultdict(list)
    for row in rows:
        by_day[days[row.key.object_id] or at].append(row)
    past = [row for day, some in by_day.items() if day <= at for row in some]
    dated = 0
    for day, some in by_day.items():
        if day > at:
            tx.retention.set_end([row.handle for row in some], day, order.name)
            dated += len(some)
    done = purge(tx, node, past, _cause(order, CauseKind.RECALL, by=by, at=at))
    ended = {name for name, day in days.items() if day is not None and day <= at}
    _keep_out(tx, node, order, CauseKind.RECALL, only=ended, purged=past)
    applied = _purged(rows, done)
    counts = {**applied.counts, "dated": dated} if dated else applied.counts
    return Applied(held=len(rows), counts=counts, kept=applied.kept)


def _lift(
    tx: Transaction, node: Node, order: Order, rows: Sequence[ItemRow], *, at: datetime
) -> Applied:
    """Rule 4."""
    secret = node.identity.secret
    marks = [name_mark(secret, order.originator, line.object_id) for line in order.lines]
    freed = tx.erasure.lift_tombstones(marks, kind=CauseKind.NARROW.value)
    lifted = lift_rows(tx, node, rows, at=at)
    counts = {"lifted": lifted, "tombstones": freed}
    return Applied(held=len(rows), counts={name: count for name, count in counts.items() if count})


def _corrected(
    tx: Transaction, node: Node, order: Order, rows: Sequence[ItemRow], *, by: str, at: datetime
) -> Applied:
    """Rule 5."""
    arrived = _replaced(tx, order)
    old = [row for row in rows if (row.key.object_id, row.key.version) not in _new_versions(order)]
    ready = [row for row in old if row.key.object_id in arrived]
    waiting = [row for row in old if row.key.object_id not in arrived]
    restricted = restrict_rows(tx, waiting, at=at)
    done = purge(tx, node, ready, _cause(order, CauseKind.SUPERSEDED, by=by, at=at))
    _keep_out(tx, node, order, CauseKind.SUPERSEDED)
    applied = _purged(rows, done)
    counts = {**applied.counts, "restricted": restricted} if restricted else applied.counts
    return Applied(held=len(old), counts=counts, kept=applied.kept, done=not waiting)


def _new_versions(order: Order) -> frozenset[tuple[ObjectId, str]]:
    return frozenset(
        (line.replacement.object_id, line.replacement.version)
        for line in order.lines
        if line.replacement is not None
    )


def _replaced(tx: Transaction, order: Order) -> frozenset[ObjectId]:
    """Return the items of a correction whose new version is held with the bytes it tells."""
    wanted = {
        (line.replacement.object_id, line.replacement.version, line.replacement.sha256): (
            line.object_id
        )
        for line in order.lines
        if line.replacement is not None
    }
    rows = tx.items.page(
        ItemFilter(
            states=frozenset({ItemState.HELD, ItemState.RESTRICTED}),
            ids=frozenset(name for name, _, _ in wanted),
            originators=frozenset({order.originator}),
            unheard=True,
        ),
        after=None,
        limit=_MOST_VERSIONS,
    )
    found = {(row.key.object_id, row.key.version, row.content_hash) for row in rows}
    return frozenset(name for key, name in wanted.items() if key in found)


def _keep_out(
    tx: Transaction,
    node: Node,
    order: Order,
    kind: CauseKind,
    *,
    only: Collection[ObjectId] | None = None,
    purged: Sequence[ItemRow] = (),
) -> None:
    """Keep out what has not come yet, by name; a correction by version.

    The id alone is kept out, also from our own tools, only of what was here once: nobody keeps us
    from what others publish under an id by recalling what it never gave.
    """
    lines = [line for line in order.lines if only is None or line.object_id in only]
    if not lines:
        return
    rows = tx.items.rows(tx.orders.named(None, [line.object_id for line in lines]))
    others = [row for row in rows if row.state in _LIVING]
    shared = {row.key.object_id for row in others if row.key.originator != order.originator}
    kept = tx.erasure.reserved([row.handle for row in others], at=node.clock.now())
    held = {row.key.object_id for row in others if row.handle in kept}
    # Of these the purge has set what is to be set.
    named = shared | held | {row.key.object_id for row in purged}
    stones = []
    for line in lines:
        by_name = line.object_id in named or not _was_here(tx, node, order, line.object_id)
        for version in line.versions:
            offered = Offered(
                originator=order.originator,
                object_id=line.object_id,
                version=version,
                content_hash="",
            )
            marks = marks_of(
                node.identity.secret,
                offered,
                whole=kind is not CauseKind.SUPERSEDED,
                # What is kept on a ground is asked for by its name still.
                shared=by_name,
            )
            stones += [NewTombstone(mark=mark, kind=kind.value, item=None) for mark in marks]
    if kind is CauseKind.NARROW:
        # Those that the purge set know their items, so that a lift finds them all.
        known = tx.erasure.tombstones([each.mark for each in stones])
        stones = [each for each in stones if each.mark not in known]
    tx.erasure.set_tombstones(stones, erasure=None)


def _was_here(tx: Transaction, node: Node, order: Order, name: ObjectId) -> bool:
    """Say whether an item of the originator was erased here before, for whatever cause."""
    mark = name_mark(node.identity.secret, order.originator, name)
    return not derived(name) and tx.erasure.of_tombstone(mark) is not None


def _lifted(tx: Transaction, order: Order) -> frozenset[ObjectId]:
    """Return the items of an order that a lift no older than it names already."""
    names = [line.object_id for line in order.lines]
    return frozenset(
        each.line.object_id
        for each in tx.orders.lines_on(order.originator, names)
        if each.action is OrderAction.LIFT and each.at >= order.at
    )


def _still_restricted(tx: Transaction, rows: Sequence[ItemRow], at: datetime) -> frozenset[int]:
    """Return which of these an order in force still blocks; each order is read once."""
    names: defaultdict[MemberId, set[ObjectId]] = defaultdict(set)
    for row in rows:
        names[row.key.originator].add(row.key.object_id)
    lines: defaultdict[tuple[MemberId, ObjectId], list[ReceivedLine]] = defaultdict(list)
    for originator, ids in names.items():
        for line in tx.orders.lines_on(originator, sorted(ids)):
            lines[originator, line.line.object_id].append(line)
    return frozenset(
        row.handle
        for row in rows
        for on_it in [lines[row.key.originator, row.key.object_id]]
        if _blocked(on_it, row.key.version) or any(end <= at for end, _ in _ends_of(on_it))
    )


def _blocked(lines: Sequence[ReceivedLine], version: str) -> bool:
    """Return whether a version that is held is to be restricted, by all orders on its item."""
    lifts = [
        each.at
        for each in lines
        # A correction ends what restricted the versions before it.
        if each.action is OrderAction.LIFT
        or (each.action is OrderAction.CORRECT and not _is_old(each.line, version))
    ]
    last = max(lifts, default=None)
    for each in lines:
        if each.action in _ENDS and (last is None or each.at > last):
            return True
        if each.action is OrderAction.CORRECT and _is_old(each.line, version):
            return True
        if each.action is OrderAction.RECALL and version in each.line.versions:
            return True  # kept on a ground, or about to be purged
    return False


def _is_old(line: OrderLine, version: str) -> bool:
    new = line.replacement.version if line.replacement is not None else ""
    return version in line.versions and version != new


def _to_look_at_again(lines: Sequence[ReceivedLine], version: str, at: datetime) -> bool:
    """Return whether an order has more to do now that a version is held."""
    for each in lines:
        line = each.line
        if each.action is OrderAction.CORRECT and (
            _is_old(line, version)
            or (line.replacement is not None and line.replacement.version == version)
        ):
            return True
        if each.action is OrderAction.EXPIRE and line.expiry is not None and line.expiry <= at:
            return True
    return False


def _ends_of(lines: Sequence[ReceivedLine]) -> list[tuple[datetime, str]]:
    return [
        (each.line.expiry, each.name)
        for each in lines
        if each.action is OrderAction.EXPIRE and each.line.expiry is not None
    ]


def _cause(order: Order, kind: CauseKind, *, by: str, at: datetime) -> Cause:
    return Cause(kind=kind, reference=order.name, reason=order.reason.value, user=by, at=at)


def _purged(rows: Sequence[ItemRow], done: Purged) -> Applied:
    return Applied(held=len(rows), counts=done.counts, kept=done.kept)
