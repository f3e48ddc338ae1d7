"""Proofs that a log signed two histories."""

from __future__ import annotations

import pytest

from foedus.ledger.checkpoint import Checkpoint, sign_checkpoint
from foedus.ledger.consistency import ConsistencyProof, consistency_proof
from foedus.ledger.errors import ForkError
from foedus.ledger.fork import FORK_HEADER, MAX_FORK_BYTES, fork_path, prove_fork, verify_fork
from foedus.ledger.tree import StoredTree, leaf_hash, root_of_hashes
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
OTHER = NoteSigner("xb.example/log", SigningKey.from_seed(b"b" * 32))
SHOWN_HERE = [leaf_hash(b"%d" % number) for number in range(20)]
SHOWN_THERE = [*SHOWN_HERE[:2], leaf_hash(b"another"), *SHOWN_HERE[3:]]
HERE = StoredTree(SHOWN_HERE)
THERE = StoredTree(SHOWN_THERE)
NO_PATH = ConsistencyProof(())


def _note(leaves: list[bytes], size: int, log: NoteSigner = LOG) -> bytes:
    return sign_checkpoint(Checkpoint(log.name, size, root_of_hashes(leaves[:size])), log)


def test_one_size_two_roots() -> None:
    here, there = _note(SHOWN_HERE, 7), _note(SHOWN_THERE, 7)
    data = prove_fork(here, there, NO_PATH, LOG.verifier)
    assert prove_fork(there, here, NO_PATH, LOG.verifier) == data
    fork = verify_fork(data, [OTHER.verifier, LOG.verifier])
    assert fork.origin == LOG.name
    assert {fork.smaller.root, fork.larger.root} == {
        root_of_hashes(SHOWN_HERE[:7]),
        root_of_hashes(SHOWN_THERE[:7]),
    }


@pytest.mark.parametrize("smaller", [3, 4, 5, 8, 11, 16])
def test_the_larger_tree_begins_with_other_leaves(smaller: int) -> None:
    here, there = _note(SHOWN_HERE, smaller), _note(SHOWN_THERE, 17)
    path = fork_path(THERE, smaller=smaller, larger=17)
    fork = verify_fork(prove_fork(here, there, path, LOG.verifier), LOG.verifier)
    assert (fork.smaller.size, fork.larger.size) == (smaller, 17)
    assert fork.smaller.root == root_of_hashes(SHOWN_HERE[:smaller])


def test_the_file_is_a_header_lengths_hashes_and_two_notes() -> None:
    here, there = _note(SHOWN_HERE, 3), _note(SHOWN_THERE, 7)
    data = prove_fork(there, here, fork_path(THERE, smaller=3, larger=7), LOG.verifier)
    head, _, notes = data.partition(b"\n\n")
    lines = head.split(b"\n")
    assert lines[0] + b"\n" == FORK_HEADER
    assert lines[1] == b"notes %d %d" % (len(here), len(there))
    assert len(lines) == 2 + 4
    assert notes == here + there


HERE_3, HERE_4, HERE_7 = (_note(SHOWN_HERE, size) for size in (3, 4, 7))
THERE_7 = _note(SHOWN_THERE, 7)
PATH_3_7 = fork_path(THERE, smaller=3, larger=7)


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        pytest.param(HERE_7, HERE_7, NO_PATH, id="one head twice"),
        pytest.param(HERE_3, HERE_7, fork_path(HERE, smaller=3, larger=7), id="honest growth"),
        pytest.param(HERE_4, HERE_7, fork_path(HERE, smaller=4, larger=7), id="power of two"),
        pytest.param(HERE_3, HERE_7, PATH_3_7, id="path of another tree"),
        pytest.param(HERE_3, THERE_7, NO_PATH, id="no path"),
        pytest.param(HERE_3, THERE_7, ConsistencyProof(PATH_3_7.path[:-1]), id="short path"),
        pytest.param(
            HERE_3, THERE_7, ConsistencyProof((*PATH_3_7.path, bytes(32))), id="long path"
        ),
        pytest.param(
            HERE_3, THERE_7, ConsistencyProof((*PATH_3_7.path[:-1], b"short")), id="short hash"
        ),
        pytest.param(
            HERE_4,
            THERE_7,
            consistency_proof(THERE, old_size=4, new_size=7),
            id="a path without what stands for the smaller tree",
        ),
        pytest.param(HERE_7, THERE_7, PATH_3_7, id="a path between equal sizes"),
        pytest.param(HERE_7, _note(SHOWN_THERE, 7, OTHER), NO_PATH, id="two logs"),
        pytest.param(_note(SHOWN_HERE, 0), THERE_7, NO_PATH, id="the empty tree"),
        pytest.param(HERE_7, THERE_7[:-3], NO_PATH, id="a malformed note"),
        pytest.param(HERE_7, THERE_7.replace(b"\n7\n", b"\n8\n"), NO_PATH, id="not signed"),
    ],
)
def test_nothing_else_is_a_fork(first: bytes, second: bytes, path: ConsistencyProof) -> None:
    verifiers = [LOG.verifier, OTHER.verifier]
    for one, other in ((first, second), (second, first)):
        with pytest.raises(ForkError):
            prove_fork(one, other, path, verifiers)


def test_an_unknown_log_is_not_accused() -> None:
    data = prove_fork(HERE_7, THERE_7, NO_PATH, LOG.verifier)
    with pytest.raises(ForkError):
        verify_fork(data, OTHER.verifier)
    with pytest.raises(ForkError):
        verify_fork(data, NoteSigner(LOG.name, OTHER.key).verifier)


PROOF = prove_fork(HERE_3, THERE_7, PATH_3_7, LOG.verifier)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(FORK_HEADER, id="the header alone"),
        pytest.param(PROOF.replace(b"v1", b"v2", 1), id="another version"),
        pytest.param(PROOF + b"\n", id="a byte too many"),
        pytest.param(PROOF[:-1], id="a byte too few"),
        pytest.param(PROOF.replace(b"notes ", b"notes 0", 1), id="leading zero"),
        pytest.param(PROOF.replace(b"\n\n", b"\nAAAA\n\n", 1), id="a short hash"),
        pytest.param(PROOF.replace(b"\n\n", b"\n\xff\n\n", 1), id="no text"),
        pytest.param(bytes(MAX_FORK_BYTES + 1), id="too large"),
    ],
)
def test_any_other_form_is_refused(data: bytes) -> None:
    with pytest.raises(ForkError):
        verify_fork(data, LOG.verifier)


def test_the_larger_head_first_is_refused() -> None:
    head, _, _ = PROOF.partition(b"\n\n")
    lines = head.split(b"\n")
    lines[1] = b"notes %d %d" % (len(THERE_7), len(HERE_3))
    with pytest.raises(ForkError, match="first"):
        verify_fork(b"\n".join(lines) + b"\n\n" + THERE_7 + HERE_3, LOG.verifier)
