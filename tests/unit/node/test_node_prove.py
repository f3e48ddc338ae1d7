"""Receipts: what was given can be proved to anybody, offline; and a log that lies is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from foedus.ledger import CHECKPOINT_PATH, Checkpoint, verify_receipt
from foedus.ledger.checkpoint import parse_checkpoint, sign_checkpoint
from foedus.ledger.errors import ReceiptError
from foedus.node.errors import NotFoundError
from foedus.node.prove import DisclosureProof, Prover
from foedus.signing import NoteSigner, NoteVerifier

if TYPE_CHECKING:
    from tests.unit.node.conftest import Pair


def proofs(pair: Pair, handle: int) -> list[DisclosureProof]:
    node = pair.a.wired.node
    return pair.a.read(lambda tx: Prover(tx, node, pair.a.wired.ledger).of_item(handle))


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


Lie = Callable[[Checkpoint, Checkpoint], Checkpoint]
"""From A's head as it is and the last one B knew: what B is shown."""

NOTHING = bytes(32)
LIES: list[tuple[str, Lie, str]] = [
    ("another past", lambda head, _: replace(head, root=NOTHING), "not-in-log"),
    ("a past cut short", lambda head, _: replace(head, size=1, root=NOTHING), "log-rollback"),
    ("another log of the size known", lambda _, old: replace(old, root=NOTHING), "log-fork"),
    ("a log that did not grow", lambda _, old: old, "not-in-log"),
    ("a log of another name", lambda head, _: replace(head, origin="foedus/xc/log"), "not-in-log"),
]


def checkpoint(raw: bytes) -> Checkpoint:
    return parse_checkpoint(raw.decode().partition("\n\n")[0] + "\n")


@pytest.mark.parametrize(("what", "lie", "fault"), LIES, ids=[row[0] for row in LIES])
def test_a_log_that_lies_stops_the_lane(what: str, lie: Lie, fault: str, pair: Pair) -> None:
    """Whoever shows another head than the one that followed, even signed by its own key."""
    peer = pair.b.read(lambda tx: tx.peers.get(pair.a.name))
    assert peer is not None
    assert peer.checkpoint is not None
    known = checkpoint(peer.checkpoint)
    pair.a.disclose(pair.a.held(pair.indicator(1, "bad.example")), pair.treaty)
    identity = pair.a.wired.node.identity

    def forged(path: str, raw: bytes) -> bytes:
        if path != CHECKPOINT_PATH:
            return raw
        head = lie(checkpoint(raw), known)
        return sign_checkpoint(head, NoteSigner(head.origin, identity.log))

    line = pair.client(pair.b)
    line.spoil = forged
    bulk = pair.pull(pair.b, line).lanes[-1]
    assert bulk.fault.startswith(f"{fault}:"), (what, bulk.fault)
    assert bulk.accepted == 0
    [alarm] = pair.b.read(lambda tx: list(tx.alarms.open()))
    assert (alarm.code, alarm.subject) == (f"lane.{fault}", "XA/bulk")
    assert pair.pull(pair.b).lanes[-1].accepted == 1, "the truth goes on where the lie began"


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", b"\xff" * 99])
def test_a_head_that_is_none_stops_the_lane(damage: bytes, pair: Pair) -> None:
    pair.a.disclose(pair.a.held(pair.indicator(1, "bad.example")), pair.treaty)
    line = pair.client(pair.b)
    line.spoil = lambda path, raw: damage if path == CHECKPOINT_PATH else raw
    bulk = pair.pull(pair.b, line).lanes[-1]
    assert bulk.fault.startswith("not-in-log:")
    assert bulk.accepted == 0


def test_tiles_that_were_changed_prove_nothing(pair: Pair) -> None:
    pair.a.disclose(pair.a.held(pair.indicator(1, "bad.example")), pair.treaty)
    line = pair.client(pair.b)
    line.spoil = lambda path, raw: raw if path == CHECKPOINT_PATH else bytes(len(raw))
    bulk = pair.pull(pair.b, line).lanes[-1]
    assert bulk.fault.startswith("not-in-log:")
    assert pair.pull(pair.b).lanes[-1].accepted == 1
