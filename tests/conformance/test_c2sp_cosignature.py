"""C2SP tlog-cosignature: ML-DSA-44, against bytes made here from the text alone."""

from __future__ import annotations

import base64
import hashlib
import struct
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from foedus.ledger.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from foedus.ledger.cosignature import (
    CosignatureVerifier,
    Cosigner,
    MLDSACosignatureVerifier,
    cosign,
    open_cosigned,
    parse_cosigner_vkey,
    verify_cosignature,
)
from foedus.ledger.errors import CheckpointError
from foedus.signing.errors import NoteError
from foedus.signing.keys import SigningKey
from foedus.signing.ml_dsa import MLDSASigningKey
from foedus.signing.note import NoteSignature, NoteSigner, add_signatures

NAME = "witness.example/pq"
SEED = b"q" * 32
KEY = MLDSASigningKey(SEED)
VERIFIER = MLDSACosignatureVerifier(NAME, KEY.public)
TIME = 1_679_315_147
AT = datetime.fromtimestamp(TIME, UTC)
LOG = NoteSigner("log.example/foedus", SigningKey.from_seed(b"c" * 32))
HEAD = Checkpoint(LOG.name, 20_852_163, bytes(range(32)))
KEY_ID = hashlib.sha256(NAME.encode() + b"\n\x06" + KEY.public.raw).digest()[:4]


def _message(*, name: str = NAME, time: int = TIME, head: Checkpoint = HEAD) -> bytes:
    origin = head.origin.encode()
    return (
        bytes.fromhex("737562747265652f76310a00")
        + struct.pack(">B", len(name))
        + name.encode()
        + struct.pack(">Q", time)
        + struct.pack(">B", len(origin))
        + origin
        + struct.pack(">QQ", 0, head.size)
        + head.root
    )


def _line(message: bytes, *, time: int = TIME, name: str = NAME) -> NoteSignature:
    signature = MLDSA44PrivateKey.from_seed_bytes(SEED).sign(message)
    return NoteSignature(name=name, key_hash=KEY_ID, signature=struct.pack(">Q", time) + signature)


def test_a_statement_made_from_the_text_is_accepted() -> None:
    assert verify_cosignature(HEAD, _line(_message()), VERIFIER).seconds == TIME


def test_our_statement_is_the_structure_of_the_text() -> None:
    line = cosign(HEAD, name=NAME, key=KEY, at=AT)
    assert line.key_hash == KEY_ID == VERIFIER.key_hash
    assert line.signature[:8] == struct.pack(">Q", TIME)
    assert len(line.signature) == 8 + 2420
    public = MLDSA44PrivateKey.from_seed_bytes(SEED).public_key()
    public.verify(line.signature[8:], _message())


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(_message(name="witness.example/pr"), id="another cosigner"),
        pytest.param(_message(time=TIME + 1), id="another time"),
        pytest.param(
            _message(head=Checkpoint("log.example/other", 7, HEAD.root)), id="another log"
        ),
        pytest.param(_message(head=Checkpoint(LOG.name, 7, HEAD.root)), id="another size"),
        pytest.param(_message(head=Checkpoint(LOG.name, HEAD.size, bytes(32))), id="another root"),
        pytest.param(HEAD.text.encode(), id="the note text"),
    ],
)
def test_a_statement_about_anything_else_is_refused(message: bytes) -> None:
    with pytest.raises(CheckpointError):
        verify_cosignature(HEAD, _line(message), VERIFIER)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(8 + 64), id="length of the other form"),
        pytest.param(bytes(8 + 2420), id="no signature"),
        pytest.param(_line(_message()).signature + b"\x00", id="a byte too many"),
        pytest.param(
            _line(_message(time=2**63), time=2**63).signature, id="time past 63 bits, signed"
        ),
    ],
)
def test_another_form_is_refused(signature: bytes) -> None:
    with pytest.raises(CheckpointError):
        verify_cosignature(
            HEAD, NoteSignature(name=NAME, key_hash=KEY_ID, signature=signature), VERIFIER
        )


def test_extension_lines_are_not_covered() -> None:
    extended = parse_checkpoint(HEAD.text + "an extension\n")
    assert verify_cosignature(extended, _line(_message()), VERIFIER).witness == NAME


def test_names_have_at_most_255_bytes() -> None:
    long = "w" * 255
    MLDSACosignatureVerifier(long, KEY.public)
    with pytest.raises(NoteError):
        MLDSACosignatureVerifier(long + "w", KEY.public)
    with pytest.raises(CheckpointError):
        cosign(Checkpoint("l" * 256, 7, bytes(32)), name=NAME, key=KEY, at=AT)


def test_verifier_keys_have_type_six() -> None:
    vkey = f"{NAME}+{KEY_ID.hex()}+" + base64.b64encode(b"\x06" + KEY.public.raw).decode()
    assert VERIFIER.vkey == vkey
    assert parse_cosigner_vkey(vkey) == VERIFIER


def test_verifier_keys_of_ed25519_have_type_four() -> None:
    key = SigningKey.from_seed(b"e" * 32).public
    key_id = hashlib.sha256(b"w\n\x04" + key.raw).digest()[:4].hex()
    vkey = f"w+{key_id}+" + base64.b64encode(b"\x04" + key.raw).decode()
    assert parse_cosigner_vkey(vkey) == CosignatureVerifier("w", key)
    assert CosignatureVerifier("w", key).vkey == vkey


@pytest.mark.parametrize("kind", [0x01, 0x02, 0x05, 0xFF])
def test_verifier_keys_of_other_types_are_no_cosigners(kind: int) -> None:
    key = SigningKey.from_seed(b"e" * 32).public
    key_id = hashlib.sha256(b"w\n" + bytes((kind,)) + key.raw).digest()[:4].hex()
    vkey = f"w+{key_id}+" + base64.b64encode(bytes((kind,)) + key.raw).decode()
    with pytest.raises(NoteError):
        parse_cosigner_vkey(vkey)


def test_both_forms_stand_in_one_note() -> None:
    ed25519 = SigningKey.from_seed(b"e" * 32)
    lines = [
        cosign(HEAD, name=NAME, key=KEY, at=AT),
        cosign(HEAD, name="w", key=ed25519, at=AT),
    ]
    note = add_signatures(sign_checkpoint(HEAD, LOG), lines)
    witnesses: list[Cosigner] = [VERIFIER, CosignatureVerifier("w", ed25519.public)]
    assert [one.witness for one in open_cosigned(note, LOG.verifier, witnesses)[1]] == [NAME, "w"]
