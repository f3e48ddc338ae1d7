"""Forks: an honest log is never accused whatever is sent, a forked one always can be."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from foedus.ledger.checkpoint import Checkpoint, sign_checkpoint
from foedus.ledger.consistency import ConsistencyProof
from foedus.ledger.cosignature import CosignatureVerifier, cosign
from foedus.ledger.errors import (
    CheckpointError,
    ForkError,
    LedgerError,
    PolicyError,
    WitnessError,
)
from foedus.ledger.fork import FORK_HEADER, fork_path, prove_fork, verify_fork
from foedus.ledger.policy import (
    format_policy,
    open_under_policy,
    parse_policy,
    threshold_policy,
)
from foedus.ledger.tree import StoredTree, leaf_hash, node_hash, root_of_hashes
from foedus.ledger.witness import (
    AddCheckpoint,
    format_add_checkpoint,
    format_cosignatures,
    judge,
    parse_add_checkpoint,
    parse_cosignatures,
    with_cosignatures,
)
from foedus.signing.base64_text import to_base64
from foedus.signing.errors import NoteError
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner, parse_signature_lines, split_vkey

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
MOST = 70
LEAVES = [leaf_hash(b"%d" % number) for number in range(MOST)]
OTHERS = [leaf_hash(b"other %d" % number) for number in range(MOST)]
TREE = StoredTree(LEAVES)
NOTES = [
    sign_checkpoint(Checkpoint(LOG.name, size, root_of_hashes(LEAVES[:size])), LOG)
    for size in range(MOST + 1)
]
NODES = [TREE.node(height, index) for height in range(7) for index in range(MOST >> height)]
HASHES = st.one_of(
    st.sampled_from([*NODES, node_hash(LEAVES[0], OTHERS[0])]), st.binary(min_size=32, max_size=32)
)
SIZES = st.integers(0, MOST)


def _file(first: bytes, second: bytes, path: list[bytes]) -> bytes:
    lines = [f"notes {len(first)} {len(second)}", *map(to_base64, path), "", ""]
    return FORK_HEADER + "\n".join(lines).encode() + first + second


@settings(deadline=None)
@given(SIZES, SIZES, st.data())
def test_no_path_accuses_an_honest_log(first: int, second: int, data: st.DataObject) -> None:
    smaller, larger = sorted((first, second))
    path = list(fork_path(TREE, smaller=smaller, larger=larger).path) if smaller else []
    with pytest.raises(ForkError):
        prove_fork(NOTES[first], NOTES[second], ConsistencyProof(tuple(path)), LOG.verifier)
    for place in data.draw(st.lists(st.integers(0, len(path)), max_size=3)):
        path[place : place + data.draw(st.integers(0, 1))] = [data.draw(HASHES)]
    for one, other in ((smaller, larger), (larger, smaller)):
        with pytest.raises(ForkError):
            verify_fork(_file(NOTES[one], NOTES[other], path), LOG.verifier)


@settings(deadline=None)
@given(st.integers(0, MOST - 1), SIZES, SIZES)
def test_two_heads_past_the_leaf_where_they_part_prove_it(at: int, first: int, second: int) -> None:
    assume(first > at and second > at)
    forked = [*LEAVES[:at], *OTHERS[at:]]
    other = sign_checkpoint(Checkpoint(LOG.name, second, root_of_hashes(forked[:second])), LOG)
    tree = TREE if first > second else StoredTree(forked)
    path = fork_path(tree, smaller=min(first, second), larger=max(first, second))
    fork = verify_fork(prove_fork(NOTES[first], other, path, LOG.verifier), LOG.verifier)
    assert (fork.smaller.size, fork.larger.size) == (min(first, second), max(first, second))


@settings(deadline=None)
@given(st.integers(1, MOST - 1), SIZES, SIZES)
def test_heads_before_the_leaf_where_they_part_prove_nothing(
    at: int, first: int, second: int
) -> None:
    smaller, larger = sorted((first, second))
    assume(0 < smaller <= at)
    forked = [*LEAVES[:at], *OTHERS[at:]]
    other = sign_checkpoint(Checkpoint(LOG.name, larger, root_of_hashes(forked[:larger])), LOG)
    path = fork_path(StoredTree(forked), smaller=smaller, larger=larger)
    with pytest.raises(ForkError):
        prove_fork(NOTES[smaller], other, path, LOG.verifier)


KEY = SigningKey.from_seed(b"w" * 32)
HEAD = Checkpoint(LOG.name, 7, root_of_hashes(LEAVES[:7]))
LINE = cosign(HEAD, name="w", key=KEY, at=datetime(2026, 11, 24, tzinfo=UTC))
WITNESS = CosignatureVerifier("w", KEY.public)
POLICY = threshold_policy([LOG.verifier], {"w": WITNESS}, 1)
LAST = Checkpoint(LOG.name, 3, root_of_hashes(LEAVES[:3]))
FORKED = prove_fork(
    NOTES[4],
    sign_checkpoint(Checkpoint(LOG.name, 9, root_of_hashes(OTHERS[:9])), LOG),
    fork_path(StoredTree(OTHERS), smaller=4, larger=9),
    LOG.verifier,
)
REQUEST = format_add_checkpoint(
    AddCheckpoint(
        old_size=3,
        proof=ConsistencyProof(fork_path(TREE, smaller=3, larger=7).path),
        checkpoint=NOTES[7],
    )
)
PIECES = st.one_of(
    st.binary(max_size=6),
    st.sampled_from(
        [b"\n", b"\n\n", b" ", b"=", b"0", b"old 0\n", b"\xe2\x80\x94 w ", b"quorum none\n", b"+"]
    ),
)


def _mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    """Return strategies of a document with up to three pieces cut out or put in."""

    def cut(edits: list[tuple[int, int, bytes]]) -> bytes:
        data = whole
        for at, length, piece in edits:
            data = data[:at] + piece + data[at + length :]
        return data

    edit = st.tuples(st.integers(0, len(whole)), st.integers(0, 5), PIECES)
    return st.one_of(
        st.lists(edit, max_size=3).map(cut),
        st.integers(0, len(whole)).map(lambda at: whole[:at]),
        st.binary(max_size=200),
    )


@settings(max_examples=300, deadline=None)
@given(_mutated(REQUEST))
def test_a_request_is_read_and_judged_or_refused_as_the_witness_does(body: bytes) -> None:
    try:
        request = parse_add_checkpoint(body)
        assert format_add_checkpoint(request) == body
        head = judge(request, logs={LOG.name: [LOG.verifier]}, latest=LAST)
    except WitnessError as error:
        status = error.status
    else:
        assert head == HEAD
        return
    assert status in {400, 403, 404, 409, 422}


@settings(max_examples=300, deadline=None)
@given(_mutated(FORKED))
def test_a_changed_fork_proof_proves_the_same_or_nothing(data: bytes) -> None:
    try:
        fork = verify_fork(data, LOG.verifier)
    except ForkError:
        return
    assert (fork.smaller.size, fork.larger.size) == (4, 9)


@settings(max_examples=300, deadline=None)
@given(_mutated(format_policy(POLICY)))
def test_a_policy_is_read_and_means_what_it_says_or_is_refused(data: bytes) -> None:
    try:
        policy = parse_policy(data)
    except PolicyError:
        return
    assert parse_policy(format_policy(policy)) == policy


@settings(max_examples=300, deadline=None)
@given(_mutated(with_cosignatures(NOTES[7], [LINE])))
def test_a_head_is_good_under_a_policy_or_refused(data: bytes) -> None:
    try:
        head, found = open_under_policy(data, POLICY)
    except CheckpointError:
        return
    assert (head, len(found)) == (HEAD, 1)


@settings(max_examples=200, deadline=None)
@given(_mutated(format_cosignatures([LINE])))
def test_an_answer_is_a_statement_of_the_witness_or_nothing(data: bytes) -> None:
    try:
        found = parse_cosignatures(data, HEAD, [WITNESS])
    except CheckpointError:
        return
    assert found in ((), (LINE,))


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=80), _mutated(format_cosignatures([LINE]))))
def test_signature_lines_and_keys_raise_their_own_error_only(data: bytes) -> None:
    with suppress(NoteError):
        parse_signature_lines(data)
    with suppress(NoteError):
        split_vkey(data.decode("latin-1"))


@settings(deadline=None)
@given(st.lists(st.sampled_from("vwxyz"), unique=True), st.integers(0, 6))
def test_a_threshold_counts_witnesses(some: list[str], needed: int) -> None:
    keys = {
        name: CosignatureVerifier(
            name, SigningKey.from_seed(hashlib.sha256(name.encode()).digest()).public
        )
        for name in "vwxyz"
    }
    try:
        policy = threshold_policy([], keys, needed)
    except LedgerError:
        assert needed > len(keys)
        return
    assert policy.is_met(name.encode() for name in some) == (len(some) >= needed)
