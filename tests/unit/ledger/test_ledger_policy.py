"""Heads opened under a policy."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from foedus.ledger import policy as policies
from foedus.ledger.checkpoint import Checkpoint, sign_checkpoint
from foedus.ledger.cosignature import (
    CosignatureVerifier,
    MLDSACosignatureVerifier,
    _cosigned_message,
    cosign,
)
from foedus.ledger.errors import CheckpointError, PolicyError
from foedus.ledger.policy import (
    Policy,
    PolicyGroup,
    PolicyLog,
    PolicyWitness,
    format_policy,
    open_under_policy,
    parse_policy,
    threshold_policy,
)
from foedus.ledger.witness import with_cosignatures
from foedus.signing.keys import SigningKey
from foedus.signing.ml_dsa import MLDSASigningKey
from foedus.signing.note import NoteSignature, NoteSigner

AT = datetime(2026, 11, 24, tzinfo=UTC)
LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
OTHER_LOG = NoteSigner("xb.example/log", SigningKey.from_seed(b"b" * 32))
HEAD = Checkpoint(LOG.name, 7, bytes(range(32)))
KEYS = {name: SigningKey.from_seed(name.encode() * 32) for name in "cdefg"}
NAMES = {name: f"x{name}.example/witness" for name in KEYS}
VERIFIERS = {name: CosignatureVerifier(NAMES[name], key.public) for name, key in KEYS.items()}
LINES = {name: cosign(HEAD, name=NAMES[name], key=key, at=AT) for name, key in KEYS.items()}
PQ = MLDSASigningKey(b"p" * 32)
PQ_NAME = "xp.example/witness"
POLICY = threshold_policy([LOG.verifier], VERIFIERS, 3)


def _note(*names: str, log: NoteSigner = LOG) -> bytes:
    return with_cosignatures(sign_checkpoint(HEAD, log), [LINES[name] for name in names])


def test_a_quorum_of_witnesses_makes_a_head_good() -> None:
    head, found = open_under_policy(_note("e", "c", "d"), POLICY)
    assert head == HEAD
    assert [one.witness for one in found] == [NAMES[name] for name in "cde"]
    assert open_under_policy(_note(*"cdefg"), POLICY)[0] == HEAD


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(_note("c", "d"), id="one too few"),
        pytest.param(_note("c", "d", "c"), id="one of them twice"),
        pytest.param(_note("c", "d") + LINES["c"].line.encode(), id="a line of one twice"),
        pytest.param(
            _note("c", "d", "e").replace(b"\n7\n", b"\n8\n"), id="statements of another head"
        ),
        pytest.param(b"", id="nothing"),
    ],
)
def test_any_other_head_is_refused(note: bytes) -> None:
    with pytest.raises(CheckpointError):
        open_under_policy(note, POLICY)


def test_a_bad_statement_of_a_known_witness_spoils_the_head() -> None:
    bad = NoteSignature(
        name=NAMES["f"], key_hash=VERIFIERS["f"].key_hash, signature=LINES["g"].signature
    )
    with pytest.raises(CheckpointError, match="bad"):
        open_under_policy(_note("c", "d", "e") + bad.line.encode(), POLICY)


def test_the_log_must_be_one_of_the_policy_or_known_from_elsewhere() -> None:
    unsigned = threshold_policy([], VERIFIERS, 3)
    with pytest.raises(CheckpointError):
        open_under_policy(_note("c", "d", "e"), unsigned)
    assert open_under_policy(_note("c", "d", "e"), unsigned, logs=[LOG.verifier])[0] == HEAD
    with pytest.raises(CheckpointError):
        open_under_policy(
            _note("c", "d", "e"), threshold_policy([OTHER_LOG.verifier], VERIFIERS, 3)
        )


def test_a_log_is_not_its_own_witness() -> None:
    own = CosignatureVerifier("xa.example/witness", LOG.key.public)
    line = cosign(HEAD, name=own.name, key=LOG.key, at=AT)
    policy = threshold_policy([LOG.verifier], {"c": VERIFIERS["c"], "own": own}, 2)
    with pytest.raises(CheckpointError, match="1 of 2"):
        open_under_policy(_note("c") + line.line.encode(), policy)


def test_no_quorum_needs_no_witness() -> None:
    policy = threshold_policy([LOG.verifier.vkey], {}, 0)
    assert format_policy(policy).endswith(b"quorum none\n")
    assert open_under_policy(_note(), policy) == (HEAD, ())


def test_a_threshold_policy_is_a_file_of_the_same_meaning() -> None:
    texts = {name: one.vkey for name, one in VERIFIERS.items()}
    assert threshold_policy([LOG.verifier.vkey], texts, 3) == POLICY
    assert parse_policy(format_policy(POLICY)) == POLICY
    assert threshold_policy([], {"quorum": VERIFIERS["c"]}, 1).quorum == b"quorum-"


@pytest.mark.parametrize(
    ("witnesses", "needed"),
    [
        pytest.param(VERIFIERS, 6, id="more than there are"),
        pytest.param(VERIFIERS, -1, id="less than none"),
        pytest.param({"a b": VERIFIERS["c"]}, 1, id="a name of two words"),
        pytest.param({"none": VERIFIERS["c"]}, 1, id="none as a name"),
        pytest.param({"\ud800": VERIFIERS["c"]}, 1, id="a name that is no text"),
        pytest.param({"a": "xc+00000000+AAAA"}, 1, id="no key"),
        pytest.param({"a": VERIFIERS["c"], "b": VERIFIERS["c"]}, 1, id="a key twice"),
    ],
)
def test_impossible_thresholds_are_refused(
    witnesses: dict[str, str | CosignatureVerifier], needed: int
) -> None:
    with pytest.raises(PolicyError):
        threshold_policy([LOG.verifier], witnesses, needed)


def test_a_policy_put_together_by_hand_is_checked_too() -> None:
    witness = PolicyWitness(name=b"w", verifier=VERIFIERS["c"])
    with pytest.raises(PolicyError):
        Policy(quorum=b"w")
    with pytest.raises(PolicyError):
        Policy(witnesses=(witness,), quorum=b"none")
    with pytest.raises(PolicyError):
        Policy(witnesses=(witness,), groups=(PolicyGroup(name=b"g", threshold=1, members=()),))
    with pytest.raises(PolicyError):
        Policy(logs=(PolicyLog(verifier=LOG.verifier, url=b"two words"),))
    with pytest.raises(PolicyError):
        Policy(logs=(PolicyLog(verifier=LOG.verifier),) * 2)


def test_both_kinds_of_statement_count() -> None:
    pq = MLDSACosignatureVerifier(PQ_NAME, PQ.public)
    policy = threshold_policy([LOG.verifier], {"c": VERIFIERS["c"], "p": pq}, 2)
    line = cosign(HEAD, name=PQ_NAME, key=PQ, at=AT)
    note = with_cosignatures(_note("c"), [line])
    assert [one.witness for one in open_under_policy(note, policy)[1]] == [NAMES["c"], PQ_NAME]


def test_without_its_library_ml_dsa_is_not_counted_and_ed25519_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pq = MLDSACosignatureVerifier(PQ_NAME, PQ.public)
    note = with_cosignatures(_note("c"), [cosign(HEAD, name=PQ_NAME, key=PQ, at=AT)])
    monkeypatch.setattr(
        policies, "is_checkable", lambda key: not isinstance(key, MLDSACosignatureVerifier)
    )
    either = threshold_policy([LOG.verifier], {"c": VERIFIERS["c"], "p": pq}, 1)
    assert [one.witness for one in open_under_policy(note, either)[1]] == [NAMES["c"]]
    both = threshold_policy([LOG.verifier], {"c": VERIFIERS["c"], "p": pq}, 2)
    with pytest.raises(CheckpointError, match="without a library"):
        open_under_policy(note, both)


def test_a_log_may_sign_with_ml_dsa() -> None:
    log = MLDSACosignatureVerifier("xq.example/log", PQ.public)
    head = Checkpoint(log.name, 7, bytes(32))

    def note(shown: Checkpoint) -> bytes:
        signature = bytes(8) + PQ.sign(_cosigned_message(log.name, 0, head))
        line = NoteSignature(name=log.name, key_hash=log.key_hash, signature=signature)
        return f"{shown.text}\n{line.line}".encode()

    policy = threshold_policy([log.vkey], {}, 0)
    assert open_under_policy(note(head), policy) == (head, ())
    with pytest.raises(CheckpointError):
        open_under_policy(note(Checkpoint(log.name, 8, bytes(32))), policy)
    with pytest.raises(CheckpointError):
        open_under_policy(note(head), threshold_policy([], {"q": log}, 1))
