"""Statements of witnesses put beneath a head."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from foedus.ledger import witness as witnessing
from foedus.ledger.checkpoint import Checkpoint, sign_checkpoint
from foedus.ledger.consistency import ConsistencyProof
from foedus.ledger.cosignature import CosignatureVerifier, MLDSACosignatureVerifier, cosign
from foedus.ledger.errors import CheckpointError, WitnessError
from foedus.ledger.witness import (
    AddCheckpoint,
    format_cosignatures,
    judge,
    origin_of,
    parse_cosignatures,
    with_cosignatures,
)
from foedus.signing.keys import SigningKey
from foedus.signing.ml_dsa import MLDSASigningKey
from foedus.signing.note import NoteKey, NoteSigner

AT = datetime(2026, 11, 24, tzinfo=UTC)
LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
HEAD = Checkpoint(LOG.name, 7, bytes(32))
NOTE = sign_checkpoint(HEAD, LOG)
KEY = SigningKey.from_seed(b"w" * 32)
FIRST = cosign(HEAD, name="w", key=KEY, at=AT)
LATER = cosign(HEAD, name="w", key=KEY, at=AT + timedelta(hours=1))
OTHER = cosign(HEAD, name="v", key=SigningKey.from_seed(b"v" * 32), at=AT)


def test_each_witness_is_appended_once_in_order_and_its_first_line_stays() -> None:
    with_first = with_cosignatures(NOTE, [FIRST, FIRST, LATER])
    assert with_first == NOTE + FIRST.line.encode()
    assert with_cosignatures(with_first, [LATER, OTHER]) == with_first + OTHER.line.encode()
    assert with_cosignatures(NOTE, []) == NOTE


def test_lines_are_not_put_beneath_what_is_no_note() -> None:
    with pytest.raises(CheckpointError):
        with_cosignatures(b"", [FIRST])


def test_a_request_put_together_by_hand_is_checked_too() -> None:
    request = AddCheckpoint(old_size=0, proof=ConsistencyProof(()), checkpoint=b"no note")
    with pytest.raises(WitnessError) as refused:
        judge(request, logs={}, latest=None)
    assert refused.value.status == 400
    with pytest.raises(WitnessError):
        origin_of(request)


def test_without_its_library_ml_dsa_is_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    key = MLDSASigningKey(b"p" * 32)
    line = cosign(HEAD, name="p", key=key, at=AT)
    known = (
        MLDSACosignatureVerifier("p", key.public),
        CosignatureVerifier("w", KEY.public),
    )
    body = format_cosignatures([line, FIRST])
    assert parse_cosignatures(body, HEAD, known) == (line, FIRST)

    def only_ed25519(one: NoteKey) -> bool:
        return not isinstance(one, MLDSACosignatureVerifier)

    monkeypatch.setattr(witnessing, "is_checkable", only_ed25519)
    assert parse_cosignatures(body, HEAD, known) == (FIRST,)
