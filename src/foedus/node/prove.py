"""Receipts: one file proves, offline, to whom an item was disclosed, under which article.

1. Of the heads that cover the entry the smallest that a quorum cosigned is taken; where there is
   none yet, the one published last.
2. Where no head covers the entry yet, the node signs a promise, to be completed by asking again.
3. An item that was erased has no receipt: the answer names the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from foedus.ledger import (
    CHECKPOINT_PATH,
    Checkpoint,
    Receipt,
    TileError,
    TileSource,
    format_receipt,
    open_checkpoint,
)
from foedus.ledger.inclusion import inclusion_proof
from foedus.ledger.opening import Opening
from foedus.ledger.promise import Promise, format_promise
from foedus.ledger.tiles import TileTree
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.errors import ErasedError, NotFoundError, NotReadyError
from foedus.node.opened import OpenedDisclosure, open_disclosure, payload_of
from foedus.node.ports import LedgerRow, Receipted, Transaction
from foedus.node.recovering import refuse_closed_log
from foedus.node.unwitnessed import witnessing_of
from foedus.signing import NoteVerifier

__all__ = [
    "DisclosureProof",
    "OpenedDisclosure",
    "ProofKind",
    "heads_covering",
    "payload_of",
    "prove_disclosure",
    "receipts",
]


class ProofKind(StrEnum):
    """What a proof is, and how its file ends."""

    RECEIPT = "tlog-proof"
    PROMISE = "promise"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureProof:
    """A receipt or promise file and what it is about."""

    recipient: MemberId
    article: str
    entry_index: int
    data: bytes
    kind: ProofKind = ProofKind.RECEIPT


def receipts(
    tx: Transaction,
    node: Node,
    ledger: TileSource,
    handle: int,
    *,
    opened: dict[int, OpenedDisclosure] | None = None,
) -> list[DisclosureProof]:
    """Return a receipt, or else a promise, for each disclosure of an item version.

    Args:
        tx: A transaction.
        node: The node.
        ledger: The node's published log.
        handle: The item version.
        opened: Remembers disclosures by their handle, for those who ask for many items.

    Raises:
        NotFoundError: It was never disclosed.
        ErasedError: It was erased under an order, or its disclosure's record was.
        RecoveringError: The node was restored and does not know yet what it gave.
    """
    erased = tx.erasure.of_item(handle)
    if erased is not None:
        raise ErasedError(
            f"erased under order {erased.erasure.reference} on {erased.erasure.at:%d %B %Y}: "
            "nothing is left here that could prove it"
        )
    disclosures = tx.feeds.disclosures(handle)
    if not disclosures:
        raise NotFoundError("this item was disclosed to nobody")
    memory = {} if opened is None else opened
    tx.recovery.refuse()  # a promise would be signed, and what is known may not be all
    refuse_closed_log(tx, node.identity.log_origin)
    for each in disclosures:
        if each.document not in memory:
            memory[each.document] = open_disclosure(tx, each.document)
    return [prove_disclosure(tx, node, ledger, each, memory[each.document]) for each in disclosures]


def heads_covering(
    tx: Transaction, node: Node, ledger: TileSource, disclosure: Receipted
) -> Iterator[tuple[bytes, Checkpoint]]:
    """Yield signed heads that cover a disclosure, the best first."""
    verifier = NoteVerifier(name=node.identity.log_origin, key=node.identity.log.public)
    for note in (_cosigned(tx, node, disclosure), ledger.read(CHECKPOINT_PATH)):
        if note is not None:
            head = open_checkpoint(note, verifier)
            if disclosure.entry_index < head.size:
                yield note, head


def prove_disclosure(
    tx: Transaction,
    node: Node,
    ledger: TileSource,
    disclosure: Receipted,
    opened: OpenedDisclosure,
) -> DisclosureProof:
    """Return the receipt of one disclosure, or else a promise.

    Raises:
        ErasedError: What would prove it was erased.
        NotReadyError: The journal does not hold its entry, or it stands in a log that was closed.
    """
    if disclosure.entry_index < 0:
        raise NotReadyError(
            "this disclosure stands in a log that was closed; its files lie beside those of the "
            "present log, and no receipt is made out of them yet"
        )
    entry = tx.ledger.row(disclosure.entry_index)
    if entry is None:
        raise NotReadyError("the log has no entry for this disclosure; `foedus doctor` says more")
    if entry.salt is None or entry.record is None:
        raise ErasedError("the record of this disclosure was erased, by order or by age")
    opening = Opening(salt=entry.salt, record=entry.record, item=opened.shown(disclosure.offset))
    receipt = _receipt(tx, node, ledger, disclosure, opening)
    return DisclosureProof(
        recipient=disclosure.recipient,
        article=disclosure.article,
        entry_index=disclosure.entry_index,
        data=_promise(node, disclosure, entry, opening) if receipt is None else receipt,
        kind=ProofKind.PROMISE if receipt is None else ProofKind.RECEIPT,
    )


def _receipt(
    tx: Transaction, node: Node, ledger: TileSource, disclosure: Receipted, opening: Opening
) -> bytes | None:
    """Return the receipt under the best head whose tiles are there; None if there is no head."""
    failure: TileError | None = None
    for note, head in heads_covering(tx, node, ledger, disclosure):
        try:
            # The newest tree holds every older one, whose own partial tiles may be gone.
            tree = TileTree(ledger, max(head.size, _published_size(node, ledger)))
            inclusion = inclusion_proof(tree, index=disclosure.entry_index, size=head.size)
        except TileError as error:
            failure = error
            continue
        return format_receipt(
            Receipt(
                salt=opening.salt,
                record=opening.record,
                inclusion=inclusion,
                checkpoint=note,
                item=opening.item,
            )
        )
    if failure is not None:
        raise failure
    return None


def _published_size(node: Node, ledger: TileSource) -> int:
    verifier = NoteVerifier(name=node.identity.log_origin, key=node.identity.log.public)
    return open_checkpoint(ledger.read(CHECKPOINT_PATH), verifier).size


def _promise(node: Node, disclosure: Receipted, entry: LedgerRow, opening: Opening) -> bytes:
    return format_promise(
        Promise(
            origin=node.identity.log_origin,
            index=entry.index,
            recipient=disclosure.recipient,
            at=node.clock.now(),
            opening=opening,
        ),
        node.identity.node,
    )


def _cosigned(tx: Transaction, node: Node, disclosure: Receipted) -> bytes | None:
    """Return the smallest stored head that covers the entry and that a quorum cosigned."""
    if disclosure.treaty is None:
        return None
    view = node.law.view(tx)
    known = view.treaties.get(disclosure.treaty)
    if known is None:
        return None
    status = view.status(disclosure.treaty, node.clock.now())
    found = witnessing_of(tx, node, known.treaty, status)
    if found is None:
        return None
    return tx.witness.best_note(disclosure.entry_index, frozenset(found.sizes), found.needed)
