"""Promises and the receipts that keep them; witnesses, and the policy that asks for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.ledger import CHECKPOINT_PATH, format_policy, parse_policy
from foedus.ledger.checkpoint import open_checkpoint
from foedus.ledger.consistency import ConsistencyProof
from foedus.ledger.errors import ReceiptError
from foedus.ledger.exhibit import NodeKey, Trust, examine
from foedus.ledger.policy import Policy
from foedus.ledger.promise import VerifiedPromise, check_kept, verify_promise
from foedus.ledger.receipt import VerifiedReceipt, verify_receipt, verify_receipt_under
from foedus.ledger.witness import AddCheckpoint, format_add_checkpoint
from foedus.node.log_policy import policy_of
from foedus.node.prove import DisclosureProof, ProofKind, Prover
from foedus.node.ratify import adopt, ratify, sign
from foedus.node.witness import add_checkpoint
from foedus.signing import NoteVerifier

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

    from foedus.ledger import TileSource


class Behind:
    """A published log whose head was not signed anew since."""

    def __init__(self, inner: TileSource) -> None:
        self._inner = inner
        self._head = inner.read(CHECKPOINT_PATH)

    def read(self, path: str) -> bytes:
        return self._head if path == CHECKPOINT_PATH else self._inner.read(path)


def proof(member: Member, handle: int, ledger: TileSource) -> DisclosureProof:
    node = member.wired.node
    [found] = member.read(lambda tx: Prover(tx, node, ledger).of_item(handle))
    return found


def log_of(member: Member) -> NoteVerifier:
    identity = member.wired.node.identity
    return NoteVerifier(name=identity.log_origin, key=identity.log.public)


def test_before_a_head_covers_it_there_is_a_promise_and_then_the_receipt(pair: Pair) -> None:
    behind = Behind(pair.a.wired.ledger)
    [handle] = pair.a.held(pair.indicator(1, "bad.example"))
    pair.a.disclose([handle], pair.treaty)
    promised = proof(pair.a, handle, behind)
    assert promised.kind is ProofKind.PROMISE
    identity = pair.a.wired.node.identity
    trust = Trust(
        logs=(log_of(pair.a),),
        nodes=(NodeKey(key=identity.node.public, origin=identity.log_origin),),
    )
    word = examine(promised.data, trust)
    assert isinstance(word, VerifiedPromise)
    assert (word.recipient, word.origin, word.at) == ("XB", identity.log_origin, pair.clock.now())
    with pytest.raises(ReceiptError):
        verify_promise(promised.data, [pair.b.wired.node.identity.node.public])
    kept = proof(pair.a, handle, pair.a.wired.ledger)
    assert kept.kind is ProofKind.RECEIPT
    check_kept(word, verify_receipt(kept.data, log_of(pair.a)))


@pytest.fixture(name="watched")
def _watched(pair: Pair) -> Pair:
    """Two members under a pact by which each witnesses the other's log."""
    table = b'[witnessing]\nliars = 0\nunwitnessed = "P1D"\n'
    text = pair.pact(pair.a, pair.b).replace(b"\n[purposes]", b"\n" + table + b"\n[purposes]")
    treaty = adopt(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, text).id
    pair.pull(pair.b)
    for member in (pair.a, pair.b):
        sign(member.wired.node, member.actor, member.wired.gate, treaty)
        ratify(member.wired.node, member.actor, member.wired.gate, treaty)
        member.treaties = frozenset({treaty})
    pair.pull(pair.a)
    pair.pull(pair.b)
    pair.clock.instant += timedelta(minutes=1)
    return replace(pair, treaty=treaty)


def witnessed(pair: Pair) -> None:
    """Have the other member cosign the present head, and keep its word."""
    note = pair.a.wired.ledger.read(CHECKPOINT_PATH)
    request = AddCheckpoint(old_size=0, proof=ConsistencyProof(()), checkpoint=note)
    answer = add_checkpoint(pair.b.wired.node, format_add_checkpoint(request))
    head = open_checkpoint(note, log_of(pair.a))
    with pair.a.database.write() as tx:
        tx.witness.keep_cosignature(
            pair.b.name, note, size=head.size, lines=answer, at=pair.clock.now()
        )


def policy(pair: Pair) -> Policy:
    node = pair.a.wired.node
    made = pair.a.read(lambda tx: policy_of(tx, node, pair.treaty))
    assert made.remarks == (
        "the other party is the sole witness, which proves less than several do",
    )
    return parse_policy(format_policy(made.policy))


def test_a_receipt_carries_the_quorum_the_treaty_asks_for(watched: Pair) -> None:
    [handle] = watched.a.held(watched.indicator(1, "bad.example"))
    watched.a.disclose([handle], watched.treaty)
    bare = proof(watched.a, handle, watched.a.wired.ledger)
    with pytest.raises(ReceiptError, match="quorum"):
        verify_receipt_under(bare.data, policy(watched))
    witnessed(watched)
    # More happens; the receipt keeps to the smallest head that was cosigned.
    size = verify_receipt(bare.data, log_of(watched.a)).size
    more = watched.a.held(watched.indicator(2, "worse.example"))
    watched.a.disclose(more, watched.treaty)
    whole = proof(watched.a, handle, watched.a.wired.ledger)
    found = examine(whole.data, Trust(policy=policy(watched)))
    assert isinstance(found, VerifiedReceipt)
    assert found.size == size
    assert [one.witness for one in found.witnessed] == ["foedus/xb/witness"]
    assert proof(watched.a, more[0], watched.a.wired.ledger).kind is ProofKind.RECEIPT


def test_a_quorum_of_an_older_head_serves_although_its_own_tiles_are_gone(watched: Pair) -> None:
    """As after a recovery, which writes the tiles of the newest head only."""
    [handle] = watched.a.held(watched.indicator(1, "bad.example"))
    watched.a.disclose([handle], watched.treaty)
    witnessed(watched)
    watched.a.disclose(watched.a.held(watched.indicator(2, "worse.example")), watched.treaty)
    published = watched.a.wired.ledger.read(CHECKPOINT_PATH)
    size = open_checkpoint(published, log_of(watched.a)).size
    partials = watched.a.wired.settings.ledger.glob("tile/**/*.p/*")
    gone = [each for each in partials if each.is_file() and each.name != str(size)]
    assert gone
    for each in gone:
        each.unlink()
    whole = proof(watched.a, handle, watched.a.wired.ledger)
    found = examine(whole.data, Trust(policy=policy(watched)))
    assert isinstance(found, VerifiedReceipt)
    assert found.size < size


def test_a_treaty_without_figures_asks_for_no_witness(pair: Pair) -> None:
    node = pair.a.wired.node
    made = pair.a.read(lambda tx: policy_of(tx, node, pair.treaty))
    assert made.policy.quorum is None
    assert "word of the log alone" in made.remarks[0]
