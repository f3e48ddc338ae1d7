"""What a log entry commits to, shown: the salt, the record and, of a batch, one item and no other.

As canonical JSON: ``{"v":1,"salt":hex,"record":text}`` and, to show one item,
``"item":{"salt":hex,"record":text,"index":int,"path":[hex]}``. By itself it is anyone's claim; salt
and record make the entry, and the item must be the ``index``-th of the ``count`` items whose root
the record names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes, parse_json
from foedus.ledger.commitment import SALT_BYTES, commit_item, commit_record
from foedus.ledger.errors import InclusionError, ReceiptError
from foedus.ledger.inclusion import InclusionProof, verify_inclusion
from foedus.ledger.tree import HASH_BYTES, MAX_SIZE, leaf_hash

__all__ = ["Opening", "ReceiptItem", "hex_bytes", "parse_opening", "verify_opening"]

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
class Opening:
    """What is shown of an entry.

    Attributes:
        salt: 32 bytes.
        record: Canonical bytes of the record; UTF-8.
        item: One item of the batch the record is about, or None.
    """

    salt: bytes
    record: bytes
    item: ReceiptItem | None = None

    def document(self) -> dict[str, JSONValue]:
        """Return the JSON form.

        Raises:
            ReceiptError: A record is not UTF-8 text.
        """
        document: dict[str, JSONValue] = {
            "v": _VERSION,
            "salt": self.salt.hex(),
            "record": _text(self.record),
        }
        if self.item is not None:
            document["item"] = {
                "salt": self.item.salt.hex(),
                "record": _text(self.item.record),
                "index": self.item.inclusion.index,
                "path": [one.hex() for one in self.item.inclusion.path],
            }
        return document

    def encode(self) -> bytes:
        """Return the canonical bytes.

        Raises:
            ReceiptError: A record is not UTF-8 text, or the index is too large.
        """
        try:
            return canonical_bytes(self.document())
        except CanonicalError as error:
            raise ReceiptError("a receipt's index is larger than JSON readers agree on") from error


def parse_opening(value: JSONValue) -> Opening:
    """Read the JSON form; verify nothing.

    Args:
        value: Decoded JSON; untrusted.

    Raises:
        ReceiptError: Another form.
    """
    if not isinstance(value, Mapping) or value.keys() - {"item"} != _FIELDS:
        raise ReceiptError("a receipt's extra part has other fields")
    if type(value["v"]) is not int or value["v"] != _VERSION:
        raise ReceiptError("a receipt of another version")
    return Opening(
        salt=hex_bytes(value["salt"], SALT_BYTES),
        record=_record(value["record"]),
        item=_item(value["item"]) if "item" in value else None,
    )


def verify_opening(opening: Opening) -> bytes:
    """Return the log entry an opening makes, having checked its item, or raise.

    Raises:
        ReceiptError: The item shown is not in the batch that the record names.
    """
    if opening.item is not None:
        _verify_item(opening.item, opening.record)
    return commit_record(opening.salt, opening.record)


def _verify_item(item: ReceiptItem, record: bytes) -> None:
    try:
        batch = parse_json(record)
    except CanonicalError as error:
        raise ReceiptError("an item is shown for a record that is no batch") from error
    count = batch.get("count") if isinstance(batch, Mapping) else None
    if not isinstance(batch, Mapping) or type(count) is not int or not 0 < count <= MAX_SIZE:
        raise ReceiptError("an item is shown for a record that is no batch")
    root = hex_bytes(batch.get("root"), HASH_BYTES)
    commitment = commit_item(item.salt, item.record)
    try:
        verify_inclusion(leaf_hash(commitment), item.inclusion, size=count, root=root)
    except InclusionError as error:
        raise ReceiptError("the item shown is not in the batch of this record") from error


def _item(value: JSONValue) -> ReceiptItem:
    if not isinstance(value, Mapping) or value.keys() != _ITEM_FIELDS:
        raise ReceiptError("an item of a receipt has other fields")
    index, path = value["index"], value["path"]
    if type(index) is not int or index < 0:
        raise ReceiptError("an item of a receipt has an index")
    if not isinstance(path, list) or len(path) > _MAX_PATH_HASHES:
        raise ReceiptError("an item of a receipt has a path")
    return ReceiptItem(
        salt=hex_bytes(value["salt"], SALT_BYTES),
        record=_record(value["record"]),
        inclusion=InclusionProof(index, tuple(hex_bytes(one, HASH_BYTES) for one in path)),
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


def hex_bytes(value: JSONValue, length: int) -> bytes:
    """Read a hash or salt written in hex.

    Raises:
        ReceiptError: It is not that many bytes in lower-case hex.
    """
    try:
        data = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError as error:
        raise ReceiptError("a hash or salt is written in hex") from error
    if len(data) != length or data.hex() != value:
        raise ReceiptError(f"a hash or salt is {length} bytes in lower-case hex")
    return data
