"""Erase an item under an order that came from outside: a person's act on top of :mod:`purge`.

1. The actor is the data-protection officer, and says under which order and why.
2. Every version of the item is meant, whatever state it is in.
3. It is purged (:func:`foedus.node.purge.purge`), and the act is entered in the log.
4. The database forgets, so that nothing erased lingers in a file.

What others hold is theirs to erase: an order of recall (``foedus orders issue``) reaches them. Not
erased are items that name this one (a report, a relationship) and documents signed about it.

Spec: design §2 rules 5 and 10, §7.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import (
    IdentifierError,
    LocalNumber,
    MemberId,
    object_id,
)
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.own_log import enter
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.node.ports.erasure import ErasureRow
from foedus.node.purge import Cause, CauseKind, purge
from foedus.node.tombstones import name_mark

__all__ = ["Erased", "erase", "erasure_named", "forget_old", "order_reference", "versions_of"]

_MAX_REFERENCE: Final = 100
_MAX_REASON: Final = 500
_NO_ITEMS: Final = frozenset({ItemState.DISCARDED, ItemState.PROTOCOL, ItemState.VARIANT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased.

    Attributes:
        number: The act of erasing, as this node numbers it.
        versions: Item versions, redacted variants included.
        disclosures: Disclosures that carried one of them; the rest of each is proved as before.
        recipients: Who was given it, and has yet to erase it.
        entry_index: The log entry of the act.
        lingering: Whether the database's journal could not be emptied, since another process kept
            reading it: :meth:`foedus.node.ports.Database.forget` is to be called again.
    """

    number: int
    versions: int
    disclosures: int
    recipients: tuple[MemberId, ...]
    entry_index: int
    lingering: bool


def erase(node: Node, actor: Actor, reference: str, *, order: str, reason: str) -> Erased:
    """Erase an item here, for good; all of it or nothing.

    Args:
        node: The node.
        actor: The data-protection officer.
        reference: A local number or STIX id; every version of the item is meant.
        order: The order this carries out, as its author numbers it. It stays on record.
        reason: Why; it stays on record too, so it should name nobody.

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        NotFoundError: Nothing here has that name.
        RefusedError: No order or reason is given, or it is kept on a reserved ground.
    """
    # 1.
    require_role(actor, Role.OFFICER)
    order, reason = _checked(order, reason)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        rows = versions_of(tx, reference)  # 2.
        cause = Cause(
            kind=CauseKind.ERASURE, reference=order, reason=reason, user=actor.user, at=now
        )
        done = purge(tx, node, rows, cause)  # 3.
        if not done.number:
            raise RefusedError(
                f"{reference} is kept on a reserved ground: `foedus orders release` ends that"
            )
        went = done.versions + done.variants
        note_act(tx, node, actor, "erase", f"erasure {done.number} under order {order}: {went}")
    node.settle()
    return Erased(
        number=done.number,
        versions=went,
        disclosures=done.disclosures,
        recipients=done.recipients,
        entry_index=done.entry_index,
        lingering=not node.database.forget(),  # 4.
    )


def erasure_named(tx: Transaction, node: Node, reference: str) -> ErasureRow | None:
    """Return the act that erased what a reference names; None if nothing of that name was."""
    try:
        numbered = tx.items.by_number(LocalNumber.parse(reference))
    except IdentifierError:
        try:
            name = object_id(reference)
        except IdentifierError:
            return None
        members = {node.identity.member, *(each.member for each in tx.peers.all())}
        found = [
            tx.erasure.of_tombstone(name_mark(node.identity.secret, one, name))
            for one in sorted(members)
        ]
        return next((each for each in found if each is not None), None)
    acts = [tx.erasure.of_item(row.handle) for row in numbered]
    return next((each for each in acts if each is not None), None)


def versions_of(tx: Transaction, reference: str) -> list[ItemRow]:
    """Return every version of the one item a reference names, oldest first, restricted ones too.

    Raises:
        NotFoundError: Nothing here has that name.
        RefusedError: It names several.
    """
    try:
        found = tx.items.by_number(LocalNumber.parse(reference))
    except IdentifierError:
        try:
            found = tx.items.by_object_id(object_id(reference))
        except IdentifierError as error:
            raise NotFoundError(
                f"{reference!r} is no local number (XA-2026-00042) or STIX id"
            ) from error
    living = [row for row in found if row.state not in _NO_ITEMS]
    if not living:
        raise NotFoundError(f"nothing here has the name {reference}")
    named = {(row.key.originator, row.key.object_id) for row in living}
    if len(named) != 1:
        raise RefusedError(f"{reference} names {len(named)} items; name one of them")
    key = living[0].key
    versions = tx.items.by_object_id(key.object_id)
    return [
        row
        for row in versions
        if row.key.originator == key.originator and row.state not in _NO_ITEMS
    ]


def forget_old(node: Node, actor: Actor, *, before: datetime) -> int:
    """Erase the salts and records of log entries older than an instant, by retention.

    The entries stay, and can be linked to nothing any more: receipts of them can no longer be made.
    A disclosure whose recipient has not confirmed it is left alone.

    Args:
        node: The node.
        actor: The data-protection officer.
        before: Older entries are meant; no later than now.

    Returns:
        How many entries were made unlinkable.

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        RefusedError: The instant lies ahead.
    """
    require_role(actor, Role.OFFICER)
    now = node.clock.now()
    if before > now:
        raise RefusedError("records of the future cannot be erased")
    node.check_log()
    with node.database.write() as tx:
        count = tx.erasure.erase_entries_before(before)
        if count:
            enter(tx, node, {"kind": "retention", "entries": count}, at=now)
            note_act(tx, node, actor, "retention", f"{count} records older than {before:%Y-%m-%d}")
    node.settle()
    node.database.forget()
    return count


def order_reference(text: str) -> str:
    """Return how an order is named, or raise RefusedError."""
    order = text.strip()
    if not order or not order.isprintable() or len(order) > _MAX_REFERENCE:
        raise RefusedError(
            f"say under which order, in one line of at most {_MAX_REFERENCE} characters"
        )
    return order


def _checked(order: str, reason: str) -> tuple[str, str]:
    order, reason = order_reference(order), reason.strip()
    if not reason or len(reason) > _MAX_REASON:
        raise RefusedError(f"say why, in at most {_MAX_REASON} characters")
    return order, reason
