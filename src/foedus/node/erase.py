"""Erase an item under an order: its bytes, selectors and text, and what proves it was given.

1. The actor is the data-protection officer, and says under which order and why.
2. Every version of the item is meant, with every redacted variant made of it.
3. Each recipient must have taken the row it was given: a lane has no row yet that stands for one
   withheld. Each batch received must be settled: what still awaits its law is judged from it.
4. The disclosures that carry the item are kept item by item from then on; the item's salt and
   record go, the commitment stays, so every other item of the batch is proved as before.
5. Bytes, selectors, text, name and hash go, and with them hits, approvals and consents on the item.
   A tombstone recognises the name and tells none.
6. The act is entered in the log, without a word of content, and the journal of the database is
   emptied, so that nothing erased lingers in a file.

What others hold is theirs to erase: :mod:`foedus.node.erasure_orders` signs the orders. Not erased
are items that name this one (a report, a relationship) and Foedus documents about it.

Spec: design §2 rules 5 and 10, §7.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import (
    IdentifierError,
    LocalNumber,
    MemberId,
    ObjectId,
    object_id,
)
from foedus.node.context import Node, note_act
from foedus.node.errors import RefusedError
from foedus.node.find import resolve
from foedus.node.opened import header_of, items_of, payload_of
from foedus.node.own_log import enter
from foedus.node.ports import ItemRow, Transaction
from foedus.node.ports.erasure import ErasureRow, NewErasure
from foedus.node.withheld import places_given, places_received

__all__ = ["Erased", "erase", "erasure_named", "forget_old", "order_reference", "versions_of"]

_TOMBSTONE: Final = b"foedus/v1/tombstone\n"
_NAMES: Final = uuid.UUID("f2f0c8a0-51a7-5d5e-9a55-2b4d0f1a6c3e")
_MAX_REFERENCE: Final = 100
_MAX_REASON: Final = 500


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
        RefusedError: No order or reason is given, a recipient has not taken the item yet, or a
            batch that carries it is not settled.
    """
    # 1.
    require_role(actor, Role.OFFICER)
    order, reason = _checked(order, reason)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        rows = _meant(tx, reference)  # 2.
        given = [each for row in rows for each in tx.feeds.disclosures(row.handle)]
        # 3.
        places: defaultdict[int, set[int]] = defaultdict(set)
        for found in (places_given(tx, given), places_received(tx, rows)):
            for document, erased in found.items():
                places[document] |= erased
        # 6. The entry comes first: its index is part of what is kept of the act.
        entry = enter(
            tx,
            node,
            {"kind": "erasure", "order": order, "items": len(rows), "disclosures": len(places)},
            at=now,
        )
        number = tx.erasure.add(
            NewErasure(
                reference=order,
                reason=reason,
                user=actor.user,
                at=now,
                items=len(rows),
                entry_index=entry,
            )
        )
        for document, erased in places.items():
            _erase_places(tx, document, sorted(erased))  # 4.
        _erase_items(tx, node, rows, number)  # 5.
        note_act(tx, node, actor, "erase", f"erasure {number} under order {order}: {len(rows)}")
    node.settle()
    return Erased(
        number=number,
        versions=len(rows),
        disclosures=len(places),
        recipients=tuple(sorted({each.recipient for each in given})),
        entry_index=entry,
        lingering=not node.database.forget(),
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
        found = [tx.erasure.of_tombstone(_tombstone(node, one, name)) for one in sorted(members)]
        return next((each for each in found if each is not None), None)
    acts = [tx.erasure.of_item(row.handle) for row in numbered]
    return next((each for each in acts if each is not None), None)


def versions_of(tx: Transaction, reference: str) -> list[ItemRow]:
    """Return every version of the one item a reference names, oldest first.

    Raises:
        NotFoundError: Nothing here has that name.
        RefusedError: It names several.
    """
    found = resolve(tx, reference)
    if len({(row.key.originator, row.key.object_id) for row in found}) != 1:
        raise RefusedError(f"{reference} names {len(found)} items; name one of them")
    key = found[0].key
    versions = tx.items.by_object_id(key.object_id)
    return [row for row in versions if row.key.originator == key.originator]


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


def _meant(tx: Transaction, reference: str) -> list[ItemRow]:
    versions = versions_of(tx, reference)
    variants = tx.erasure.variants([row.handle for row in versions])
    return [*versions, *tx.items.rows(variants)]


def _erase_places(tx: Transaction, document: int, places: Sequence[int]) -> None:
    """Rule 4."""
    payload = payload_of(tx, document)
    opened = tx.erasure.opened(document)
    items = items_of(payload) if opened is None else opened[1]
    # Of what still stands, since a payload leaves out what was erased before.
    standing = [place for place, each in enumerate(items) if each.record is not None]
    header = header_of(payload, [n for n, place in enumerate(standing) if place in places])
    if opened is None:
        tx.erasure.open_document(document, header, items)
    tx.erasure.erase_places(document, header, places)


def _erase_items(tx: Transaction, node: Node, rows: Sequence[ItemRow], number: int) -> None:
    """Rule 5."""
    names = []
    for row in rows:
        tombstone = _tombstone(node, row.key.originator, row.key.object_id)
        tx.erasure.bury(row.handle, tombstone, number)
        names.append(ObjectId(f"{row.type}--{uuid.uuid5(_NAMES, tombstone.hex())}"))
    tx.erasure.erase_items([row.handle for row in rows], names)


def _tombstone(node: Node, originator: MemberId, name: ObjectId) -> bytes:
    message = _TOMBSTONE + f"{originator}\n{name}".encode()
    return hmac.new(node.identity.secret, message, hashlib.sha256).digest()
