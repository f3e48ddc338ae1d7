"""Receipts: one file that proves, offline and for good, that a log holds a certain record.

A receipt is a C2SP tlog-proof file whose extra part holds what the leaf commits to
(:mod:`foedus.ledger.opening`). The extra part is not authenticated: the checks below bind it to the
signed root.

1. The checkpoint is signed by a known log under its own name, no known cosignature is bad and,
   under a policy, the quorum cosigned it.
2. Salt and record make the entry; the entry's leaf is in the tree of that checkpoint.
3. With an item: its salt and record make a commitment, and that is the ``index``-th of the
   ``count`` items whose root the batch record names.

Spec: C2SP tlog-proof; wire version 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from foedus.canonical import CanonicalError, parse_json
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint_note
from foedus.ledger.cosignature import Cosignature
from foedus.ledger.errors import CheckpointError, InclusionError, ReceiptError
from foedus.ledger.inclusion import InclusionProof, verify_inclusion
from foedus.ledger.opening import Opening, ReceiptItem, parse_opening, verify_opening
from foedus.ledger.policy import LogKey, Policy, open_under_policy
from foedus.ledger.proof_file import ProofFile, format_proof, parse_proof
from foedus.ledger.tree import leaf_hash
from foedus.signing.note import NoteKey, NoteVerifier

__all__ = [
    "Receipt",
    "ReceiptItem",
    "VerifiedReceipt",
    "format_receipt",
    "parse_receipt",
    "verify_receipt",
    "verify_receipt_under",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says; nothing in it is verified by itself.

    Attributes:
        salt: 32 bytes.
        record: Canonical bytes of the record; UTF-8.
        item: One item of the batch the record is about, or None.
        inclusion: Place in the log, and path to the checkpoint's root.
        checkpoint: The log's signed note, with the cosignatures it has.
    """

    salt: bytes
    record: bytes
    inclusion: InclusionProof
    checkpoint: bytes
    item: ReceiptItem | None = None

    @property
    def opening(self) -> Opening:
        """What it shows of the entry."""
        return Opening(salt=self.salt, record=self.record, item=self.item)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedReceipt:
    """What a receipt proved.

    Attributes:
        origin: Whose log it is.
        index: Place of the entry.
        size: Entries of the log at the checkpoint.
        record: Canonical bytes of the record.
        item_record: Canonical bytes of the item shown, or None.
        checkpoint: The head, for comparing with others.
        signed_by: Names of the known keys that signed the head, the log's own among them.
        witnessed: Who of a policy's witnesses cosigned the head, and when; empty without a policy.
    """

    origin: str
    index: int
    size: int
    record: bytes
    item_record: bytes | None
    checkpoint: Checkpoint
    signed_by: tuple[str, ...]
    witnessed: tuple[Cosignature, ...] = ()


def format_receipt(receipt: Receipt) -> bytes:
    """Return the receipt as a file, best named ``*.tlog-proof``.

    Raises:
        ReceiptError: A record is not UTF-8 text.
    """
    return format_proof(
        ProofFile(
            extra=receipt.opening.encode(),
            inclusion=receipt.inclusion,
            checkpoint=receipt.checkpoint,
        )
    )


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt; verify nothing.

    Args:
        data: Untrusted.

    Raises:
        ReceiptError: Not a receipt in its one form.
    """
    proof = parse_proof(data)
    try:
        opening = parse_opening(parse_json(proof.extra))
    except CanonicalError as error:
        raise ReceiptError("a receipt's extra part is JSON") from error
    if opening.encode() != proof.extra:
        raise ReceiptError("a receipt's extra part is canonical JSON")
    return Receipt(
        salt=opening.salt,
        record=opening.record,
        item=opening.item,
        inclusion=proof.inclusion,
        checkpoint=proof.checkpoint,
    )


def verify_receipt(data: bytes, verifiers: NoteVerifier | Iterable[NoteKey]) -> VerifiedReceipt:
    """Return what a receipt proves, or raise. Needs nothing but the file and the keys.

    Args:
        data: A receipt file; untrusted.
        verifiers: Keys of the logs, and witnesses, whose word is taken.

    Raises:
        ReceiptError: It is malformed or proves nothing; the cause is chained.

    Spec: C2SP tlog-proof, "Verifying a tlog proof"; the numbers are those of the module.
    """
    receipt = parse_receipt(data)
    try:
        checkpoint, note = open_checkpoint_note(receipt.checkpoint, verifiers)
    except CheckpointError as error:
        raise ReceiptError(f"the receipt does not hold: {error}") from error
    return _verified(receipt, checkpoint, note.verified, ())


def verify_receipt_under(
    data: bytes, policy: Policy, *, logs: Iterable[LogKey] = ()
) -> VerifiedReceipt:
    """Return what a receipt proves under a policy, or raise.

    Args:
        data: A receipt file; untrusted.
        policy: Which logs and witnesses are relied on, and how many of the witnesses are needed.
        logs: Keys of logs known from elsewhere.

    Raises:
        ReceiptError: It is malformed, proves nothing, or the quorum did not cosign its head.

    Spec: C2SP tlog-proof, "Verifying a tlog proof"; tlog-policy.
    """
    receipt = parse_receipt(data)
    try:
        checkpoint, found = open_under_policy(receipt.checkpoint, policy, logs=logs)
    except CheckpointError as error:
        raise ReceiptError(f"the receipt does not hold: {error}") from error
    signed_by = (checkpoint.origin, *dict.fromkeys(one.witness for one in found))
    return _verified(receipt, checkpoint, signed_by, found)


def _verified(
    receipt: Receipt,
    checkpoint: Checkpoint,
    signed_by: tuple[str, ...],
    witnessed: tuple[Cosignature, ...],
) -> VerifiedReceipt:
    """Steps 2 and 3."""
    entry = verify_opening(receipt.opening)
    try:
        verify_inclusion(
            leaf_hash(entry), receipt.inclusion, size=checkpoint.size, root=checkpoint.root
        )
    except InclusionError as error:
        raise ReceiptError(f"the receipt does not hold: {error}") from error
    return VerifiedReceipt(
        origin=checkpoint.origin,
        index=receipt.inclusion.index,
        size=checkpoint.size,
        record=receipt.record,
        item_record=None if receipt.item is None else receipt.item.record,
        checkpoint=checkpoint,
        signed_by=signed_by,
        witnessed=witnessed,
    )
