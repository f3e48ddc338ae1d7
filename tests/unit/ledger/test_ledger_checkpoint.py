"""Tree heads and witness statements beyond the published rules."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.ledger.checkpoint import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from foedus.ledger.cosignature import (
    Cosignature,
    CosignatureVerifier,
    cosign,
    open_cosigned,
    quorum,
    verify_cosignature,
)
from foedus.ledger.errors import CheckpointError
from foedus.ledger.tree import EMPTY_ROOT
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner, add_signatures, sign_note

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
OTHER_LOG = NoteSigner("xb.example/log", SigningKey.from_seed(b"b" * 32))
WITNESS_KEY = SigningKey.from_seed(b"w" * 32)
WITNESS = CosignatureVerifier("xc.example/witness", WITNESS_KEY.public)
HEAD = Checkpoint(LOG.name, 7, bytes(range(32)))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_head_survives_signing_and_opening() -> None:
    data = sign_checkpoint(HEAD, LOG)
    assert open_checkpoint(data, LOG.verifier) == HEAD
    assert open_checkpoint(data, [OTHER_LOG.verifier, LOG.verifier]) == HEAD


def test_a_log_signs_under_its_own_name_only() -> None:
    with pytest.raises(CheckpointError):
        sign_checkpoint(HEAD, OTHER_LOG)
    # Another log we know cannot speak for this origin, even with a valid signature.
    forged = sign_note(HEAD.text, [OTHER_LOG])
    with pytest.raises(CheckpointError, match="known key of"):
        open_checkpoint(forged, [OTHER_LOG.verifier, LOG.verifier])
    with pytest.raises(CheckpointError):
        open_checkpoint(forged, LOG.verifier)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        pytest.param("", 7, bytes(32), id="no origin"),
        pytest.param("a\nb", 7, bytes(32), id="origin of two lines"),
        pytest.param("a\tb", 7, bytes(32), id="control character"),
        pytest.param("\ud800", 7, bytes(32), id="lone surrogate"),
        pytest.param("a", -1, bytes(32), id="negative size"),
        pytest.param("a", 2**63, bytes(32), id="size past 63 bits"),
        pytest.param("a", 7, bytes(31), id="short root"),
        pytest.param("a", 0, bytes(32), id="empty tree with another root"),
    ],
)
def test_a_head_that_cannot_be_is_refused(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint(origin, size, root)


def test_an_empty_log_has_a_head() -> None:
    empty = Checkpoint(LOG.name, 0, EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(empty, LOG), LOG.verifier) == empty


def _cosigned() -> bytes:
    line = cosign(HEAD, name=WITNESS.name, key=WITNESS_KEY, at=NOON)
    return add_signatures(sign_checkpoint(HEAD, LOG), [line])


def test_a_witness_statement_is_found_beside_the_log_signature() -> None:
    data = _cosigned()
    assert open_checkpoint(data, LOG.verifier) == HEAD
    head, statements = open_cosigned(data, LOG.verifier, [WITNESS])
    assert head == HEAD
    assert statements == (Cosignature(witness=WITNESS.name, seconds=int(NOON.timestamp())),)
    assert statements[0].at == NOON
    assert open_cosigned(data, LOG.verifier, []) == (HEAD, ())


def test_a_witness_alone_makes_no_head() -> None:
    line = cosign(HEAD, name=WITNESS.name, key=WITNESS_KEY, at=NOON)
    alone = (HEAD.text + "\n" + line.line).encode()
    with pytest.raises(CheckpointError, match="known key of"):
        open_checkpoint(alone, [LOG.verifier, WITNESS])


def test_a_bad_statement_of_a_known_witness_spoils_the_head() -> None:
    line = cosign(HEAD, name=WITNESS.name, key=OTHER_LOG.key, at=NOON)
    forged = CosignatureVerifier(WITNESS.name, OTHER_LOG.key.public)
    assert line.key_hash == forged.key_hash != WITNESS.key_hash
    data = _cosigned().replace(HEAD.text.encode(), HEAD.text.replace("7", "8").encode())
    with pytest.raises(CheckpointError):
        open_cosigned(data, LOG.verifier, [WITNESS])


def test_a_log_is_never_its_own_witness() -> None:
    with pytest.raises(CheckpointError):
        cosign(HEAD, name=LOG.name, key=WITNESS_KEY, at=NOON)
    own = CosignatureVerifier("another.example/name", LOG.key.public)
    line = cosign(HEAD, name=own.name, key=LOG.key, at=NOON)
    data = add_signatures(sign_checkpoint(HEAD, LOG), [line])
    assert open_cosigned(data, LOG.verifier, [own]) == (HEAD, ())


def test_a_statement_is_checked_against_head_and_witness() -> None:
    line = cosign(HEAD, name=WITNESS.name, key=WITNESS_KEY, at=NOON)
    assert verify_cosignature(HEAD, line, WITNESS).at == NOON
    later = Checkpoint(LOG.name, 8, HEAD.root)
    stranger = CosignatureVerifier("xd.example/witness", WITNESS_KEY.public)
    for head, verifier in ((later, WITNESS), (HEAD, stranger)):
        with pytest.raises(CheckpointError):
            verify_cosignature(head, line, verifier)


def test_a_statement_from_past_the_calendar_has_no_instant() -> None:
    with pytest.raises(CheckpointError):
        _ = Cosignature(witness="x", seconds=2**62).at


@pytest.mark.parametrize(
    ("witnesses", "liars", "needed"),
    [(1, 0, 1), (2, 0, 2), (3, 0, 2), (4, 1, 3), (5, 1, 4), (7, 2, 5)],
)
def test_two_quorums_share_an_honest_witness(witnesses: int, liars: int, needed: int) -> None:
    assert quorum(witnesses, liars) == needed
    assert 2 * needed - witnesses > liars


@pytest.mark.parametrize(("witnesses", "liars"), [(0, 0), (1, 1), (3, 1), (6, 2), (4, -1)])
def test_a_quorum_nobody_could_meet_is_refused(witnesses: int, liars: int) -> None:
    with pytest.raises(CheckpointError):
        quorum(witnesses, liars)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=60))
def test_the_parsers_raise_only_their_own_error(text: str, data: bytes) -> None:
    for candidate in (text, f"{text}\n7\n{text}\n", f"x\n{text}\nAAAA\n"):
        with contextlib.suppress(CheckpointError):
            parse_checkpoint(candidate)
    with pytest.raises(CheckpointError):
        open_checkpoint(data, LOG.verifier)
