"""Receipts: one file that proves, offline and for good, that a log holds a certain record.

A receipt is a C2SP tlog-proof file whose extra part holds what the leaf commits to, as canonical
JSON: ``{"v":1,"salt":hex,"record":text}`` and, to show one item of a batch and no other,
``"item":{"salt":hex,"record":text,"index":int,"path":[hex]}``. The extra part is not authenticated:
the checks below bind it to the signed root.

1. The checkpoint is signed by a known log under its own name, and no known cosignature is bad.
2. Salt and record make the entry; the entry's leaf is in the tree of that checkpoint.
3. With an item: its salt and record make a commitment, and that is the ``index``-th of the
   ``count`` items whose root the batch record names.

Spec: C2SP tlog-proof; wire version 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes, parse_json
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint_note
from foedus.ledger.commitment import SALT_BYTES, commit_item, commit_record
from foedus.ledger.errors import CheckpointError, InclusionError, ReceiptError
from foedus.ledger.inclusion import InclusionProof, verify_inclusion
from foedus.ledger.proof_file import ProofFile, format_proof, parse_proof
from foedus.ledger.tree import HASH_BYTES, MAX_SIZE, leaf_hash
from foedus.signing.note import NoteKey, NoteVerifier

__all__ = [
    "Receipt",
    "ReceiptItem",
    "VerifiedReceipt",
    "format_receipt",
    "parse_receipt",
    "verify_receipt",
]

_VERSION: Final = 1
_FIELDS: Final = {"v", "salt", "record"}
_ITEM_FIELDS: Final = {"salt", "record", "index", "path"}
_MAX_PATH_HASHES: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptItem:
    """One item of a batch, with its proof.

    Attributes:
        salt: 32 bytes.
        record: Canonical bytes of the item record; UTF-8.
        inclusion: Place in the batch, and path to its root.
    """

    salt: bytes
    record: bytes
    inclusion: InclusionProof


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
    """

    origin: str
    index: int
    size: int
    record: bytes
    item_record: bytes | None
    checkpoint: Checkpoint
    signed_by: tuple[str, ...]


def format_receipt(receipt: Receipt) -> bytes:
    """Return the receipt as a file, best named ``*.tlog-proof``.

    Raises:
        ReceiptError: A record is not UTF-8 text.
    """
    return format_proof(
        ProofFile(extra=_extra(receipt), inclusion=receipt.inclusion, checkpoint=receipt.checkpoint)
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
        extra = parse_json(proof.extra)
    except CanonicalError as error:
        raise ReceiptError("a receipt's extra part is JSON") from error
    if not isinstance(extra, Mapping) or extra.keys() - {"item"} != _FIELDS:
        raise ReceiptError("a receipt's extra part has other fields")
    if type(extra["v"]) is not int or extra["v"] != _VERSION:
        raise ReceiptError("a receipt of another version")
    receipt = Receipt(
        salt=_hex(extra["salt"], SALT_BYTES),
        record=_record(extra["record"]),
        item=_item(extra["item"]) if "item" in extra else None,
        inclusion=proof.inclusion,
        checkpoint=proof.checkpoint,
    )
    if _extra(receipt) != proof.extra:
        raise ReceiptError("a receipt's extra part is canonical JSON")
    return receipt


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
        # 1.
        checkpoint, note = open_checkpoint_note(receipt.checkpoint, verifiers)
        # 2.
        entry = commit_record(receipt.salt, receipt.record)
        verify_inclusion(
            leaf_hash(entry), receipt.inclusion, size=checkpoint.size, root=checkpoint.root
        )
    except (CheckpointError, InclusionError) as error:
        raise ReceiptError(f"the receipt does not hold: {error}") from error
    # 3.
    if receipt.item is not None:
        _verify_item(receipt.item, receipt.record)
    return VerifiedReceipt(
        origin=checkpoint.origin,
        index=receipt.inclusion.index,
        size=checkpoint.size,
        record=receipt.record,
        item_record=None if receipt.item is None else receipt.item.record,
        checkpoint=checkpoint,
        signed_by=note.verified,
    )


def _verify_item(item: ReceiptItem, record: bytes) -> None:
    try:
        batch = parse_json(record)
    except CanonicalError as error:
        raise ReceiptError("an item is shown for a record that is no batch") from error
    count = batch.get("count") if isinstance(batch, Mapping) else None
    if not isinstance(batch, Mapping) or type(count) is not int or not 0 < count <= MAX_SIZE:
        raise ReceiptError("an item is shown for a record that is no batch")
    root = _hex(batch.get("root"), HASH_BYTES)
    commitment = commit_item(item.salt, item.record)
    try:
        verify_inclusion(leaf_hash(commitment), item.inclusion, size=count, root=root)
    except InclusionError as error:
        raise ReceiptError("the item shown is not in the batch of this record") from error


def _extra(receipt: Receipt) -> bytes:
    extra: dict[str, JSONValue] = {
        "v": _VERSION,
        "salt": receipt.salt.hex(),
        "record": _text(receipt.record),
    }
    if receipt.item is not None:
        extra["item"] = {
            "salt": receipt.item.salt.hex(),
            "record": _text(receipt.item.record),
            "index": receipt.item.inclusion.index,
            "path": [one.hex() for one in receipt.item.inclusion.path],
        }
    try:
        return canonical_bytes(extra)
    except CanonicalError as error:
        raise ReceiptError("a receipt's index is larger than JSON readers agree on") from error


def _item(value: JSONValue) -> ReceiptItem:
    if not isinstance(value, Mapping) or value.keys() != _ITEM_FIELDS:
        raise ReceiptError("an item of a receipt has other fields")
    index, path = value["index"], value["path"]
    if type(index) is not int or index < 0:
        raise ReceiptError("an item of a receipt has an index")
    if not isinstance(path, list) or len(path) > _MAX_PATH_HASHES:
        raise ReceiptError("an item of a receipt has a path")
    return ReceiptItem(
        salt=_hex(value["salt"], SALT_BYTES),
        record=_record(value["record"]),
        inclusion=InclusionProof(index, tuple(_hex(one, HASH_BYTES) for one in path)),
    )


def _record(value: JSONValue) -> bytes:
    if not isinstance(value, str):
        raise ReceiptError("a record in a receipt is a text")
    return value.encode()


def _text(record: bytes) -> str:
    try:
        return record.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReceiptError("a record in a receipt is UTF-8 text") from error


def _hex(value: JSONValue, length: int) -> bytes:
    try:
        data = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError as error:
        raise ReceiptError("a hash or salt is written in hex") from error
    if len(data) != length or data.hex() != value:
        raise ReceiptError(f"a hash or salt is {length} bytes in lower-case hex")
    return data
