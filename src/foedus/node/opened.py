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
from foedus.ledger.commitment import commit_item, item_path
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
    "erase_places",
    "header_of",
    "items_of",
    "offsets_of",
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


def offsets_of(tx: Transaction, document: int) -> tuple[int, dict[int, int]]:
    """Return how many items a stored disclosure has, and where those left stand in its payload.

    The index within :func:`payload_of` is given by place in the batch; both from 0.

    Raises:
        ErasedError: All of it was erased.
    """
    found = tx.erasure.opened(document)
    if found is None:
        items = len(_payload(tx, document).items)
        return items, {place: place for place in range(items)}
    left = [place for place, each in enumerate(found[1]) if each.record is not None]
    return len(found[1]), {place: offset for offset, place in enumerate(left)}


def erase_places(tx: Transaction, document: int, places: Collection[int]) -> None:
    """Erase what a stored disclosure says of some of its items; the rest is proved as before.

    Safe to repeat. Where nothing of the disclosure is left any more, nothing is done.

    Args:
        tx: A writing transaction.
        document: Handle of the disclosure document.
        places: Index of each item in the batch, from 0.
    """
    opened = tx.erasure.opened(document)
    try:
        payload = payload_of(tx, document)
    except ErasedError:
        return
    items = items_of(payload) if opened is None else opened[1]
    # Of what still stands, since a payload leaves out what was erased before.
    standing = [place for place, each in enumerate(items) if each.record is not None]
    header = header_of(payload, [n for n, place in enumerate(standing) if place in places])
    left = sorted(places)
    if opened is None:
        # Written without them at once.
        tx.erasure.open_document(document, header, _without(items, places))
        left = []
    tx.erasure.erase_places(document, header, left)


def _without(items: Sequence[OpenedItem], places: Collection[int]) -> list[OpenedItem]:
    """Return items of which these show nothing but their commitment."""
    return [
        OpenedItem(commitment=each.commitment, salt=None, record=None) if place in places else each
        for place, each in enumerate(items)
    ]


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
    found = []
    for item, record in zip(payload.items, payload.item_records(), strict=True):
        salt = bytes.fromhex(item.salt)
        found.append(OpenedItem(commitment=commit_item(salt, record), salt=salt, record=record))
    return found


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
