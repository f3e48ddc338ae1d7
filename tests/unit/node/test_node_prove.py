"""Receipts: what was given can be proved to anybody, offline; and a log that lies is noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from foedus.ledger import CHECKPOINT_PATH, sign_checkpoint, verify_receipt
from foedus.ledger.errors import ReceiptError
from foedus.node.errors import NotFoundError
from foedus.node.peer_ports import PeerEndpoint
from foedus.node.prove import DisclosureProof, receipts
from foedus.node.pull import LaneReport
from foedus.signing import NoteSigner, NoteVerifier

if TYPE_CHECKING:
    from tests.unit.node.conftest import FakePeer, Pair


def proofs(pair: Pair, handle: int) -> list[DisclosureProof]:
    node = pair.a.wired.node
    return pair.a.read(lambda tx: receipts(tx, node, pair.a.wired.ledger, handle))


def log_of(pair: Pair) -> NoteVerifier:
    identity = pair.a.wired.node.identity
    return NoteVerifier(name=identity.log_origin, key=identity.log.public)


def test_a_receipt_proves_one_item_and_no_other(pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"), pair.indicator(2, "worse.example"))
    assert pair.a.disclose(handles, pair.treaty).given == 2
    for handle, row in zip(handles, pair.a.read(lambda tx: tx.items.rows(handles)), strict=True):
        [proof] = proofs(pair, handle)
        assert (proof.recipient, proof.article) == ("XB", "2")
        proved = verify_receipt(proof.data, [log_of(pair)])
        assert proved.item_record is not None
        item = json.loads(proved.item_record)
        assert (item["id"], item["sha256"]) == (row.key.object_id, row.content_hash)
        record = json.loads(proved.record)
        assert (record["sender"], record["recipient"], record["count"]) == ("XA", "XB", 2)


def test_a_receipt_holds_against_its_log_only(pair: Pair) -> None:
    [handle] = pair.a.held(pair.indicator(1, "bad.example"))
    pair.a.disclose([handle], pair.treaty)
    [proof] = proofs(pair, handle)
    other = pair.b.wired.node.identity
    with pytest.raises(ReceiptError):
        verify_receipt(proof.data, [NoteVerifier(name=other.log_origin, key=other.log.public)])
    with pytest.raises(ReceiptError):
        verify_receipt(proof.data, [])


def test_a_receipt_that_was_changed_does_not_hold(pair: Pair) -> None:
    [handle] = pair.a.held(pair.indicator(1, "bad.example"))
    pair.a.disclose([handle], pair.treaty)
    [proof] = proofs(pair, handle)
    middle = len(proof.data) // 2
    changed = proof.data[:middle] + bytes([proof.data[middle] ^ 1]) + proof.data[middle + 1 :]
    with pytest.raises(ReceiptError):
        verify_receipt(changed, [log_of(pair)])


def test_what_was_given_to_nobody_has_no_receipt(pair: Pair) -> None:
    [handle] = pair.a.held(pair.indicator(1, "bad.example"))
    with pytest.raises(NotFoundError, match="disclosed to nobody"):
        proofs(pair, handle)


class Forger:
    """Stands between B and A and shows B another head of A's log, signed by A's own key."""

    def __init__(self, pair: Pair, line: FakePeer, size: int | None, root: bytes | None) -> None:
        self._pair, self._line, self._size, self._root = pair, line, size, root

    def __getattr__(self, name: str) -> object:
        return getattr(self._line, name)

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        raw = self._line.ledger_file(peer, path)
        if path != CHECKPOINT_PATH:
            return raw
        identity = self._pair.a.wired.node.identity
        size, root = raw.decode().splitlines()[1:3]
        return sign_checkpoint(
            replace(
                _checkpoint(identity.log_origin, int(size), root),
                **({} if self._size is None else {"size": self._size}),
                **({} if self._root is None else {"root": self._root}),
            ),
            NoteSigner(identity.log_origin, identity.log),
        )


def bulk(lanes: tuple[LaneReport, ...]) -> LaneReport:
    return next(each for each in lanes if each.lane == "bulk")
