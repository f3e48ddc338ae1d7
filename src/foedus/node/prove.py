"""Receipts: one file proves, offline, to whom an item was disclosed, under which article."""

from __future__ import annotations

from dataclasses import dataclass

from foedus.ledger import (
    CHECKPOINT_PATH,
    Receipt,
    ReceiptItem,
    TileSource,
    format_receipt,
    inclusion_from_tiles,
    item_path,
    open_checkpoint,
)
from foedus.ledger.inclusion import InclusionProof
from foedus.model.identifiers import MemberId
from foedus.model.kinds import unwrap_document
from foedus.model.objects import parse_object
from foedus.node.context import Node
from foedus.node.errors import NotFoundError, NotReadyError
from foedus.node.ports import Receipted, Transaction
from foedus.release.record import DisclosurePayload, parse_disclosure
from foedus.signing import NoteVerifier, parse_envelope

__all__ = ["DisclosureProof", "OpenedDisclosure", "payload_of", "receipts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureProof:
    """A receipt file and what it is about."""

    recipient: MemberId
    article: str
    entry_index: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDisclosure:
    """A disclosure read for proving; up to a thousand items share one."""

    payload: DisclosurePayload
    commitments: list[bytes]


def receipts(
    tx: Transaction,
    node: Node,
    ledger: TileSource,
    handle: int,
    *,
    opened: dict[int, OpenedDisclosure] | None = None,
) -> list[DisclosureProof]:
    """Return a receipt for each disclosure of an item version.

    Args:
        tx: A transaction.
        node: The node.
        ledger: The node's published log.
        handle: The item version.
        opened: Remembers disclosures by their handle, for those who ask for many items.

    Raises:
        NotFoundError: It was never disclosed.
        NotReadyError: The log's head does not cover the disclosure yet.
    """
    disclosures = tx.feeds.disclosures(handle)
    if not disclosures:
        raise NotFoundError("this item was disclosed to nobody")
    memory = {} if opened is None else opened
    for each in disclosures:
        if each.document not in memory:
            payload = payload_of(tx, each.document)
            memory[each.document] = OpenedDisclosure(
                payload=payload, commitments=payload.commitments()
            )
    return [_receipt(tx, node, ledger, each, memory[each.document]) for each in disclosures]


def _receipt(
    tx: Transaction,
    node: Node,
    ledger: TileSource,
    disclosure: Receipted,
    opened: OpenedDisclosure,
) -> DisclosureProof:
    checkpoint = ledger.read(CHECKPOINT_PATH)
    verifier = NoteVerifier(name=node.identity.log_origin, key=node.identity.log.public)
    head = open_checkpoint(checkpoint, verifier)
    entry = tx.ledger.row(disclosure.entry_index)
    if entry is None or disclosure.entry_index >= head.size:
        raise NotReadyError("the log's head does not cover this disclosure yet; try again")
    if entry.salt is None or entry.record is None:
        raise NotFoundError("the record of this disclosure was erased")
    payload = opened.payload
    data = format_receipt(
        Receipt(
            salt=entry.salt,
            record=entry.record,
            inclusion=inclusion_from_tiles(ledger, disclosure.entry_index, head.size),
            checkpoint=checkpoint,
            item=ReceiptItem(
                salt=bytes.fromhex(payload.items[disclosure.offset].salt),
                record=payload.item_record(disclosure.offset),
                inclusion=InclusionProof(
                    disclosure.offset, item_path(opened.commitments, disclosure.offset)
                ),
            ),
        )
    )
    return DisclosureProof(
        recipient=disclosure.recipient,
        article=disclosure.article,
        entry_index=disclosure.entry_index,
        data=data,
    )


def payload_of(tx: Transaction, document: int) -> DisclosurePayload:
    """Return the payload of a stored disclosure document of our own."""
    raw = tx.items.raw([document])[document]
    envelope = parse_envelope(unwrap_document(parse_object(raw)))
    return parse_disclosure(envelope.payload)
