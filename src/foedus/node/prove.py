"""Receipts: one file proves, offline, to whom an item was disclosed, under which article.

1. Of the heads that cover the entry the smallest that a quorum cosigned is taken; where there is
   none yet, the one published last.
2. Where no head covers the entry yet, the node signs a promise, to be completed by asking again.
3. An item that was erased has no receipt: the answer names the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from foedus.ledger import (
    CHECKPOINT_PATH,
    Checkpoint,
    Receipt,
    TileSource,
    format_receipt,
    open_checkpoint,
)
from foedus.ledger.inclusion import inclusion_proof
from foedus.ledger.opening import Opening
from foedus.ledger.promise import Promise, format_promise
from foedus.ledger.tiles import TileTree
from foedus.model.identifiers import MemberId, TreatyId
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
    "Prover",
    "payload_of",
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


class Prover:
    """Makes receipts within one transaction; what many of them share is worked out once."""

    def __init__(self, tx: Transaction, node: Node, ledger: TileSource) -> None:
        """Prepare to prove; nothing is read from the log yet.

        Args:
            tx: A transaction.
            node: The node.
            ledger: The node's published log.

        Raises:
            RecoveringError: The node was restored and does not know yet what it gave, or its log
                was closed while this process ran.
        """
        # A promise would be signed, and what is known may not be all.
        tx.recovery.refuse()
        refuse_closed_log(tx, node.identity.log_origin)
        self._tx = tx
        self._node = node
        self._ledger = ledger
        self._verifier = NoteVerifier(name=node.identity.log_origin, key=node.identity.log.public)
        self._opened: dict[int, OpenedDisclosure] = {}
        self._quorums: dict[TreatyId, tuple[frozenset[MemberId], int] | None] = {}

    def of_item(self, handle: int) -> list[DisclosureProof]:
        """Return a receipt, or else a promise, for each disclosure of an item version.

        Raises:
            NotFoundError: It was never disclosed.
            ErasedError: It was erased under an order, or its disclosure's record was.
            NotReadyError: As :meth:`of_disclosure`.
        """
        erased = self._tx.erasure.of_item(handle)
        if erased is not None:
            raise ErasedError(
                f"erased under order {erased.erasure.reference} on {erased.erasure.at:%d %B %Y}: "
                "nothing is left here that could prove it"
            )
        disclosures = self._tx.feeds.disclosures(handle)
        if not disclosures:
            raise NotFoundError("this item was disclosed to nobody")
        return [self.of_disclosure(each) for each in disclosures]

    def of_disclosure(self, disclosure: Receipted) -> DisclosureProof:
        """Return the receipt of one disclosure, or else a promise.

        Raises:
            ErasedError: What would prove it was erased.
            NotReadyError: The journal does not hold its entry, or it stands in a log that was
                closed.
        """
        if disclosure.entry_index < 0:
            raise NotReadyError(
                "this disclosure stands in a log that was closed; its files lie beside those of "
                "the present log, and no receipt is made out of them yet"
            )
        entry = self._tx.ledger.row(disclosure.entry_index)
        if entry is None:
            raise NotReadyError(
                "the log has no entry for this disclosure; `foedus doctor` says more"
            )
        if entry.salt is None or entry.record is None:
            raise ErasedError("the record of this disclosure was erased, by order or by age")
        shown = self.opened(disclosure).shown(disclosure.offset)
        opening = Opening(salt=entry.salt, record=entry.record, item=shown)
        receipt = self._receipt(disclosure, opening)
        return DisclosureProof(
            recipient=disclosure.recipient,
            article=disclosure.article,
            entry_index=disclosure.entry_index,
            data=_promise(self._node, disclosure, entry, opening) if receipt is None else receipt,
            kind=ProofKind.PROMISE if receipt is None else ProofKind.RECEIPT,
        )

    def opened(self, disclosure: Receipted) -> OpenedDisclosure:
        """Return a disclosure's document, read."""
        if disclosure.document not in self._opened:
            self._opened[disclosure.document] = open_disclosure(self._tx, disclosure.document)
        return self._opened[disclosure.document]

    def _receipt(self, disclosure: Receipted, opening: Opening) -> bytes | None:
        """Return the receipt under the best head that covers it; None if there is none."""
        index = disclosure.entry_index
        cosigned = self._cosigned(disclosure)
        note, head = self._published if cosigned is None else cosigned
        if index >= head.size:
            return None
        inclusion = inclusion_proof(self._tree, index=index, size=head.size)
        return format_receipt(
            Receipt(
                salt=opening.salt,
                record=opening.record,
                inclusion=inclusion,
                checkpoint=note,
                item=opening.item,
            )
        )

    @cached_property
    def _published(self) -> tuple[bytes, Checkpoint]:
        note = self._ledger.read(CHECKPOINT_PATH)
        return note, open_checkpoint(note, self._verifier)

    @cached_property
    def _tree(self) -> TileTree:
        # The newest tree holds every older one, whose own partial tiles may be gone.
        return TileTree(self._ledger, self._published[1].size)

    def _cosigned(self, disclosure: Receipted) -> tuple[bytes, Checkpoint] | None:
        """Return the smallest head that covers the entry and that a quorum cosigned."""
        quorum = None if disclosure.treaty is None else self._quorum(disclosure.treaty)
        if quorum is None:
            return None
        note = self._tx.witness.best_note(disclosure.entry_index, *quorum)
        if note is None:
            return None
        head = open_checkpoint(note, self._verifier)
        # One that is not published here is no use: its tiles are not there.
        return (note, head) if head.size <= self._published[1].size else None

    def _quorum(self, treaty: TreatyId) -> tuple[frozenset[MemberId], int] | None:
        if treaty not in self._quorums:
            view = self._node.law.view(self._tx)
            known = view.treaties.get(treaty)
            found = None
            if known is not None:
                status = view.status(treaty, self._node.clock.now())
                found = witnessing_of(self._tx, self._node, known.treaty, status)
            self._quorums[treaty] = (
                None if found is None else (frozenset(found.sizes), found.needed)
            )
        return self._quorums[treaty]


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
