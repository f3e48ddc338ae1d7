"""Keep an item against orders on a reserved ground, and end that.

What is kept is restricted instead of purged: nobody is shown or given it. Its ground stands in the
attestation, by a word of a closed list and a count; the reason is for this member's own people.
When the ground ends, the orders that were carried out in part are carried out in whole.

Spec: Convention Article 21(2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.casework.attestation import ReservedGround
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.context import Node, note_act
from foedus.node.erase import versions_of
from foedus.node.errors import RefusedError
from foedus.node.ports import ItemRow, Transaction
from foedus.node.ports.erasure import ReservedRow

__all__ = ["keep", "release"]

_MAX_REASON: Final = 500
_BY_PEOPLE: Final = frozenset({ReservedGround.COURT_FILE, ReservedGround.OTHER_LAW})


def keep(
    node: Node,
    actor: Actor,
    reference: str,
    *,
    ground: ReservedGround,
    reason: str,
    until: datetime | None = None,
) -> int:
    """Keep every version of an item on a ground, before an order comes or while one waits.

    Args:
        node: The node.
        actor: The data-protection officer.
        reference: A local number or STIX id.
        ground: Why, of the closed list; not a backup, which is no item.
        reason: Why, in words; it stays on record.
        until: When the ground ends; None where no day is set.

    Returns:
        How many versions are kept.

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        NotFoundError: Nothing here has that name.
        RefusedError: No reason is given, the day has passed, or the ground is none of these.
    """
    require_role(actor, Role.OFFICER)
    now = node.clock.now()
    if ground not in _BY_PEOPLE:
        raise RefusedError(f"an item is kept for a court file or by another law, not as {ground}")
    if not reason.strip() or len(reason) > _MAX_REASON:
        raise RefusedError(f"say why it is kept, in at most {_MAX_REASON} characters")
    if until is not None and until <= now:
        raise RefusedError("the day until which it is to be kept has passed")
    with node.database.write() as tx:
        rows = versions_of(tx, reference)
        tx.erasure.reserve(
            [
                ReservedRow(
                    item=row.handle,
                    ground=ground.value,
                    reason=reason.strip(),
                    user=actor.user,
                    at=now,
                    until=until,
                )
                for row in rows
            ]
        )
        note_act(tx, node, actor, "orders.keep", f"{_named(rows)} {ground}")
    return len(rows)


def release(node: Node, actor: Actor, reference: str) -> int:
    """End the ground on which an item is kept; orders that waited for it are carried out again.

    Returns:
        How many versions were kept until now.

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        NotFoundError: Nothing here has that name.
        RefusedError: It is not kept.
    """
    require_role(actor, Role.OFFICER)
    now = node.clock.now()
    with node.database.write() as tx:
        rows = versions_of(tx, reference)
        if not tx.erasure.release([row.handle for row in rows]):
            raise RefusedError(f"{reference} is kept on no ground")
        _look_again(tx, rows, now)
        note_act(tx, node, actor, "orders.release", _named(rows))
    return len(rows)


def _look_again(tx: Transaction, rows: Sequence[ItemRow], at: datetime) -> None:
    names: defaultdict[MemberId, set[ObjectId]] = defaultdict(set)
    for row in rows:
        names[row.key.originator].add(row.key.object_id)
    for originator, ids in names.items():
        tx.orders.reconsider(originator, sorted(ids), at=at)


def _named(rows: Sequence[ItemRow]) -> str:
    """Name an item as the journal may: by its local number, never by its id."""
    return str(rows[0].number or rows[0].handle)
