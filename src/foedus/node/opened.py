"""Disclosures read for proving, whether they are kept as one document or item by item.

A disclosure document holds the salts and records of up to a thousand items, and is erased only as a
whole. So before one of its items is erased, what it says is stored anew: a header, which is its
payload without any item, and a row for each item. The document then goes, and with it the sender's
signature over it; what each surviving item proves stays, since its commitment, salt and record do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from foedus.canonical import canonical_bytes
from foedus.ledger.commitment import item_path
from foedus.ledger.inclusion import InclusionProof
from foedus.ledger.opening import ReceiptItem
from foedus.model.identifiers import ObjectId
from foedus.model.kinds import unwrap_document
from foedus.model.objects import parse_object
from foedus.node.errors import ErasedError
from foedus.node.ports import Transaction
from foedus.node.ports.erasure import OpenedItem
from foedus.release.record import (
    DisclosedItem,
    DisclosureError,
    DisclosurePayload,
    parse_disclosure,
    parse_item_record,
)
from foedus.signing import Envelope, parse_envelope

__all__ = [
    "OpenedDisclosure",
    "header_of",
    "items_of",
    "open_disclosure",
    "payload_of",
    "payload_with",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDisclosure:
    """A disclosure read for proving; up to a thousand items share one.

    Attributes:
        items: Every item in its place, those erased too.
        commitments: Their commitments, 32 bytes each.
    """

    items: Sequence[OpenedItem]
    commitments: list[bytes]

    def shown(self, place: int) -> ReceiptItem:
        """Return what a receipt shows of one item.

        Raises:
            ErasedError: It was erased.
        """
        item = self.items[place]
        if item.salt is None or item.record is None:
            raise ErasedError("what would prove this item was erased")
        return ReceiptItem(
            salt=item.salt,
            record=item.record,
            inclusion=InclusionProof(place, item_path(self.commitments, place)),
        )


def open_disclosure(tx: Transaction, document: int) -> OpenedDisclosure:
    """Return a stored disclosure, read for proving.

    Raises:
        ErasedError: All of it was erased.
    """
    found = tx.erasure.opened(document)
    items = items_of(_payload(tx, document)) if found is None else list(found[1])
    return OpenedDisclosure(items=items, commitments=[each.commitment for each in items])


def payload_of(tx: Transaction, document: int) -> DisclosurePayload:
    """Return the payload of a stored disclosure document; items that were erased are left out.

    Raises:
        ErasedError: All of it was erased.
    """
    found = tx.erasure.opened(document)
    if found is None:
        return _payload(tx, document)
    header, items = found
    if not header:
        raise ErasedError("what this disclosure said was erased")
    return payload_with(header, items)


def payload_with(header: bytes, items: Sequence[OpenedItem]) -> DisclosurePayload:
    """Return the payload of a disclosure kept item by item; items that were erased are left out.

    Raises:
        DisclosureError: The header is none, or an item's record is none or of no class of it.
    """
    payload = parse_disclosure(header)
    known = {(each.terms, canonical_bytes(each.facts)): n for n, each in enumerate(payload.classes)}
    return replace(
        payload, items=tuple(_item(each, known) for each in items if each.record is not None)
    )


def items_of(payload: DisclosurePayload) -> list[OpenedItem]:
    """Return the items of a payload as rows of their own."""
    return [
        OpenedItem(commitment=commitment, salt=bytes.fromhex(item.salt), record=record)
        for item, record, commitment in zip(
            payload.items, payload.item_records(), payload.commitments(), strict=True
        )
    ]


def header_of(payload: DisclosurePayload, erased: Collection[int]) -> bytes:
    """Return a payload without its items, and without what only erased ones need.

    Args:
        payload: All that is left of it.
        erased: The places, within this payload, of the items to be erased.
    """
    left = [each for place, each in enumerate(payload.items) if place not in erased]
    names = {each.id for place, each in enumerate(payload.items) if place in erased}
    classes = [payload.classes[number] for number in sorted({each.class_index for each in left})]
    terms = {ObjectId(each.terms) for each in classes if each.terms}
    return replace(
        payload,
        items=(),
        classes=tuple(classes),
        terms={name: document for name, document in payload.terms.items() if name in terms},
        consents=tuple(each for each in payload.consents if not _names(each, names)),
    ).encode()


def _payload(tx: Transaction, document: int) -> DisclosurePayload:
    raw = tx.items.raw([document]).get(document)
    if raw is None:
        raise ErasedError("what this disclosure said was erased")
    return parse_disclosure(parse_envelope(unwrap_document(parse_object(raw))).payload)


def _item(each: OpenedItem, known: dict[tuple[str, bytes], int]) -> DisclosedItem:
    record = parse_item_record(each.record or b"")
    number = known.get((record.terms, canonical_bytes(record.facts)))
    if number is None:
        raise DisclosureError("an item is of no class of its disclosure")
    return DisclosedItem(
        id=record.id,
        version=record.version,
        sha256=record.sha256,
        class_index=number,
        salt=(each.salt or b"").hex(),
        originator=record.originator,
        variant=record.variant,
    )


def _names(consent: Envelope, names: Collection[ObjectId]) -> bool:
    return any(name.encode() in consent.payload for name in names)
