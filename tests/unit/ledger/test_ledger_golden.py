"""Wire version 1 of the ledger, byte for byte. A change here is a new wire version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foedus.canonical import canonical_bytes
from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.commitment import (
    EMPTY_LANE,
    batch_root,
    commit_item,
    commit_record,
    item_path,
    lane_digest,
)
from foedus.ledger.cosignature import CosignatureVerifier, cosign, open_cosigned
from foedus.ledger.errors import TileAbsentError
from foedus.ledger.inclusion import InclusionProof
from foedus.ledger.log import publish
from foedus.ledger.receipt import Receipt, ReceiptItem, format_receipt, verify_receipt
from foedus.ledger.tiles import inclusion_from_tiles
from foedus.signing.envelope import sign_envelope
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner, add_signatures

GOLDEN = Path(__file__).parents[2] / "golden" / "ledger"
LOG = NoteSigner("log.xa.example/foedus", SigningKey.from_seed(b"golden log key, worth nothing!!!"))
WITNESS = SigningKey.from_seed(b"golden witness, worth nothing!!!")
WITNESS_NAME = "witness.xb.example/foedus"
ITEMS = [
    canonical_bytes({"v": 1, "id": f"indicator--{number}", "sha256": "ab" * 32})
    for number in range(3)
]
ITEM_SALTS = [bytes([0x40 + number]) * 32 for number in range(3)]
COMMITMENTS = [commit_item(salt, item) for salt, item in zip(ITEM_SALTS, ITEMS, strict=True)]
RECORD = canonical_bytes(
    {
        "v": 1,
        "kind": "disclosure",
        "recipient": "XB",
        "count": 3,
        "root": batch_root(COMMITMENTS).hex(),
    }
)
SALT = bytes(range(32))
HELD = [
    *(
        commit_record(bytes([number % 251]) * 32, b'{"v":1,"number":%d}' % number)
        for number in range(299)
    ),
    commit_record(SALT, RECORD),
]


class _Node:
    """Entries, tiles and guard in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.head: Checkpoint | None = None

    def count(self) -> int:
        return len(HELD)

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return HELD[start:end]

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise TileAbsentError(path)
        return self.files[path]

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def flush(self) -> None:
        """Memory needs none."""

    def load(self) -> Checkpoint | None:
        return self.head

    def advance(self, old: Checkpoint | None, new: Checkpoint) -> None:
        assert self.head == old
        self.head = new


def golden_files() -> dict[str, bytes]:
    """Return every golden file by its path below ``tests/golden/ledger``."""
    node = _Node()
    head = publish(node, node, node, node, LOG)
    instant = datetime(2026, 11, 24, 12, tzinfo=UTC)
    line = cosign(head, name=WITNESS_NAME, key=WITNESS, at=instant)
    cosigned = add_signatures(node.files["checkpoint"], [line])
    receipt = Receipt(
        salt=SALT,
        record=RECORD,
        inclusion=inclusion_from_tiles(node, 299, 300),
        checkpoint=cosigned,
        item=ReceiptItem(
            salt=ITEM_SALTS[1],
            record=ITEMS[1],
            inclusion=InclusionProof(1, item_path(COMMITMENTS, 1)),
        ),
    )
    lane = EMPTY_LANE
    for commitment in (HELD[-1], *COMMITMENTS):
        lane = lane_digest(lane, commitment)
    envelope = sign_envelope(RECORD, "application/vnd.foedus.head+json;v=1", LOG.key)
    texts = {
        "log.vkey": LOG.verifier.vkey,
        "log.key": LOG.key.public.text,
        "entry.hex": HELD[-1].hex(),
        "items.hex": "\n".join(one.hex() for one in COMMITMENTS),
        "batch_root.hex": batch_root(COMMITMENTS).hex(),
        "lane.hex": lane.hex(),
        "envelope.json": canonical_bytes(envelope.document()).decode(),
    }
    return {
        **{f"log/{path}": data for path, data in node.files.items()},
        **{name: (text + "\n").encode() for name, text in texts.items()},
        "cosigned": cosigned,
        "receipt.tlog-proof": format_receipt(receipt),
    }


def test_no_golden_file_is_missing_or_left_over() -> None:
    found = {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.rglob("*") if path.is_file()}
    assert found == set(golden_files())


@pytest.mark.parametrize("name", sorted(golden_files()))
def test_bytes_are_those_of_wire_version_1(name: str) -> None:
    assert golden_files()[name] == (GOLDEN / name).read_bytes()


def test_the_golden_receipt_and_head_verify() -> None:
    witness = CosignatureVerifier(WITNESS_NAME, WITNESS.public)
    verified = verify_receipt((GOLDEN / "receipt.tlog-proof").read_bytes(), [LOG.verifier, witness])
    assert (verified.index, verified.record, verified.item_record) == (299, RECORD, ITEMS[1])
    assert verified.signed_by == (LOG.name, WITNESS_NAME)
    _, statements = open_cosigned((GOLDEN / "cosigned").read_bytes(), LOG.verifier, [witness])
    assert [one.witness for one in statements] == [WITNESS_NAME]
