"""Receipts: what they prove, alone, and how they fail."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes
from foedus.ledger.checkpoint import Checkpoint, sign_checkpoint
from foedus.ledger.commitment import batch_root, commit_item, commit_record, item_path
from foedus.ledger.cosignature import CosignatureVerifier, cosign
from foedus.ledger.errors import ReceiptError
from foedus.ledger.inclusion import InclusionProof, inclusion_proof
from foedus.ledger.proof_file import ProofFile, format_proof, parse_proof
from foedus.ledger.receipt import (
    Receipt,
    ReceiptItem,
    format_receipt,
    parse_receipt,
    verify_receipt,
)
from foedus.ledger.tree import StoredTree, leaf_hash, root_of
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner, add_signatures

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
OTHER = NoteSigner("xb.example/log", SigningKey.from_seed(b"b" * 32))
WITNESS_KEY = SigningKey.from_seed(b"w" * 32)
WITNESS = CosignatureVerifier("xc.example/witness", WITNESS_KEY.public)

ITEMS = [canonical_bytes({"v": 1, "id": f"item {number}"}) for number in range(5)]
ITEM_SALTS = [bytes([number]) * 32 for number in range(5)]
COMMITMENTS = [commit_item(salt, item) for salt, item in zip(ITEM_SALTS, ITEMS, strict=True)]
RECORD = canonical_bytes(
    {
        "v": 1,
        "kind": "disclosure",
        "note": "\u00e9",
        "count": 5,
        "root": batch_root(COMMITMENTS).hex(),
    }
)
SALT = b"s" * 32
ENTRIES = [bytes([number]) * 32 for number in range(11)]
ENTRIES[6] = commit_record(SALT, RECORD)
HEAD = Checkpoint(LOG.name, 11, root_of(ENTRIES))
TREE = StoredTree([leaf_hash(entry) for entry in ENTRIES])

WHOLE = Receipt(
    salt=SALT,
    record=RECORD,
    inclusion=inclusion_proof(TREE, index=6, size=11),
    checkpoint=sign_checkpoint(HEAD, LOG),
)
ITEM = ReceiptItem(
    salt=ITEM_SALTS[3], record=ITEMS[3], inclusion=InclusionProof(3, item_path(COMMITMENTS, 3))
)
ONE_ITEM = dataclasses.replace(WHOLE, item=ITEM)


def test_a_receipt_proves_its_record() -> None:
    verified = verify_receipt(format_receipt(WHOLE), LOG.verifier)
    assert (verified.origin, verified.index, verified.size) == (LOG.name, 6, 11)
    assert (verified.record, verified.item_record) == (RECORD, None)
    assert verified.checkpoint == HEAD
    assert verified.signed_by == (LOG.name,)


def test_a_receipt_shows_one_item_and_no_other() -> None:
    data = format_receipt(ONE_ITEM)
    assert verify_receipt(data, [LOG.verifier]).item_record == ITEMS[3]
    extra = parse_proof(data).extra
    assert all(item.decode() not in json.loads(extra)["item"]["record"] for item in ITEMS[:3])


def test_receipts_survive_the_wire() -> None:
    for receipt in (WHOLE, ONE_ITEM):
        data = format_receipt(receipt)
        assert parse_receipt(data) == receipt
        assert format_receipt(parse_receipt(data)) == data


def test_a_known_witness_is_named() -> None:
    line = cosign(HEAD, name=WITNESS.name, key=WITNESS_KEY, at=datetime(2026, 11, 24, tzinfo=UTC))
    receipt = dataclasses.replace(WHOLE, checkpoint=add_signatures(WHOLE.checkpoint, [line]))
    data = format_receipt(receipt)
    assert verify_receipt(data, [LOG.verifier, WITNESS]).signed_by == (LOG.name, WITNESS.name)
    assert verify_receipt(data, [LOG.verifier]).signed_by == (LOG.name,)
    with pytest.raises(ReceiptError):
        verify_receipt(data, [WITNESS])


def _item(**changes: object) -> Receipt:
    return dataclasses.replace(ONE_ITEM, item=dataclasses.replace(ITEM, **changes))  # type: ignore[arg-type]  # names are the cases below


@pytest.mark.parametrize(
    "receipt",
    [
        pytest.param(dataclasses.replace(WHOLE, salt=bytes(32)), id="another salt"),
        pytest.param(dataclasses.replace(WHOLE, record=RECORD + b" "), id="another record"),
        pytest.param(
            dataclasses.replace(WHOLE, inclusion=inclusion_proof(TREE, index=5, size=11)),
            id="the place of another entry",
        ),
        pytest.param(
            dataclasses.replace(
                WHOLE, checkpoint=sign_checkpoint(Checkpoint(OTHER.name, 11, HEAD.root), OTHER)
            ),
            id="signed by another log",
        ),
        pytest.param(dataclasses.replace(WHOLE, checkpoint=b"nothing\n"), id="no checkpoint"),
        pytest.param(_item(salt=bytes(32)), id="item with another salt"),
        pytest.param(_item(record=ITEMS[2]), id="another item in its place"),
        pytest.param(_item(inclusion=InclusionProof(2, ITEM.inclusion.path)), id="item elsewhere"),
        pytest.param(_item(inclusion=InclusionProof(3, ())), id="item without path"),
    ],
)
def test_a_receipt_that_does_not_hold_is_refused(receipt: Receipt) -> None:
    with pytest.raises(ReceiptError):
        verify_receipt(format_receipt(receipt), LOG.verifier)


@pytest.mark.parametrize(
    "record",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b'{"count":true,"root":""}',
        b'{"count":5,"root":"00"}',
        b'{"count":0,"root":""}',
    ],
)
def test_an_item_of_a_record_that_is_no_batch_is_refused(record: bytes) -> None:
    entry = commit_record(SALT, record)
    receipt = Receipt(
        salt=SALT,
        record=record,
        item=ITEM,
        inclusion=InclusionProof(0, ()),
        checkpoint=sign_checkpoint(Checkpoint(LOG.name, 1, leaf_hash(entry)), LOG),
    )
    with pytest.raises(ReceiptError):
        verify_receipt(format_receipt(receipt), LOG.verifier)


def test_a_record_that_is_no_text_makes_no_receipt() -> None:
    with pytest.raises(ReceiptError):
        format_receipt(dataclasses.replace(WHOLE, record=b"\xff"))
    with pytest.raises(ReceiptError):
        format_receipt(_item(inclusion=InclusionProof(2**60, ())))


EXTRA = json.loads(parse_proof(format_receipt(ONE_ITEM)).extra)


def _changed(**changes: object) -> bytes:
    return json.dumps(
        {**EXTRA, **changes}, separators=(",", ":"), sort_keys=True, ensure_ascii=False
    ).encode()


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"not JSON", id="not JSON"),
        pytest.param(b"\xff", id="not UTF-8"),
        pytest.param(b"[" * 100_000, id="nested too deep"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b"{}", id="no fields"),
        pytest.param(_changed(more=1), id="another field"),
        pytest.param(_changed(v=2), id="another version"),
        pytest.param(_changed(v=True), id="a version that is true"),
        pytest.param(_changed(v=1.0), id="a version with a point"),
        pytest.param(_changed(salt="00"), id="short salt"),
        pytest.param(_changed(salt="FF" * 32), id="upper-case hex"),
        pytest.param(_changed(salt="zz" * 32), id="no hex"),
        pytest.param(_changed(salt=None), id="no salt"),
        pytest.param(_changed(record={}), id="record as an object"),
        pytest.param(_changed(item=None), id="empty item"),
        pytest.param(_changed(item={**EXTRA["item"], "more": 1}), id="item with another field"),
        pytest.param(_changed(item={**EXTRA["item"], "index": -1}), id="negative index"),
        pytest.param(_changed(item={**EXTRA["item"], "index": 3.0}), id="index with a point"),
        pytest.param(_changed(item={**EXTRA["item"], "path": "00"}), id="path no list"),
        pytest.param(_changed(item={**EXTRA["item"], "path": ["00" * 32] * 64}), id="long path"),
        pytest.param(json.dumps(EXTRA).encode(), id="not canonical"),
    ],
)
def test_an_extra_part_in_any_other_form_is_refused(extra: bytes) -> None:
    proof = ProofFile(extra=extra, inclusion=WHOLE.inclusion, checkpoint=WHOLE.checkpoint)
    with pytest.raises(ReceiptError):
        parse_receipt(format_proof(proof))


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0), st.binary(max_size=6))
def test_the_parser_raises_only_its_own_error(at: int, insert: bytes) -> None:
    data = format_receipt(ONE_ITEM)
    at %= len(data)
    for spoilt in (
        data[:at] + insert + data[at:],
        data[:at] + insert + data[at + len(insert) :],
        insert,
    ):
        try:
            verify_receipt(spoilt, LOG.verifier)
        except ReceiptError:
            continue
        # Only what the log never signed may differ: further, unknown signature lines.
        assert parse_receipt(spoilt).record == RECORD
