"""C2SP tlog-checkpoint and tlog-cosignature, against bytes made here from the texts alone."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from nacl.signing import SigningKey as Ed25519

from foedus.ledger.checkpoint import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from foedus.ledger.cosignature import CosignatureVerifier, cosign, open_cosigned
from foedus.ledger.errors import CheckpointError
from foedus.signing.keys import PublicKey, SigningKey
from foedus.signing.note import NoteSigner, add_signatures

ORIGIN = "log.example/foedus"
LOG = NoteSigner(ORIGIN, SigningKey.from_seed(b"c" * 32))
ROOT = bytes(range(32))
ROOT_LINE = base64.b64encode(ROOT).decode()
TEXT = f"{ORIGIN}\n20852163\n{ROOT_LINE}\n"
EMPTY = base64.b64encode(hashlib.sha256(b"").digest()).decode()

WITNESS_NAME = "witness.example/w1"
WITNESS_SEED = b"w" * 32
TIME = 1_679_315_147


def _signed(text: str) -> bytes:
    signature = Ed25519(b"c" * 32).sign(text.encode()).signature
    key_id = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + LOG.key.public.raw).digest()[:4]
    line = base64.b64encode(key_id + signature).decode()
    return f"{text}\n\u2014 {ORIGIN} {line}\n".encode()


def test_note_text_is_origin_size_and_root() -> None:
    head = Checkpoint(ORIGIN, 20_852_163, ROOT)
    assert head.text == TEXT
    assert sign_checkpoint(head, LOG) == _signed(TEXT)
    assert open_checkpoint(_signed(TEXT), LOG.verifier) == head


def test_note_text_the_empty_tree_has_size_zero() -> None:
    assert parse_checkpoint(f"{ORIGIN}\n0\n{EMPTY}\n").size == 0


def test_note_text_extension_lines_are_kept() -> None:
    text = TEXT + "an extension\nanother\n"
    head = open_checkpoint(_signed(text), LOG.verifier)
    assert head.extensions == ("an extension", "another")
    assert head.text == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"\n7\n{ROOT_LINE}\n", id="empty origin"),
        pytest.param(f"{ORIGIN}\n07\n{ROOT_LINE}\n", id="leading zero"),
        pytest.param(f"{ORIGIN}\n00\n{EMPTY}\n", id="zero twice"),
        pytest.param(f"{ORIGIN}\n-7\n{ROOT_LINE}\n", id="negative size"),
        pytest.param(f"{ORIGIN}\n+7\n{ROOT_LINE}\n", id="sign before the size"),
        pytest.param(f"{ORIGIN}\n7 \n{ROOT_LINE}\n", id="space after the size"),
        pytest.param(f"{ORIGIN}\n\u0667\n{ROOT_LINE}\n", id="digits of another script"),
        pytest.param(f"{ORIGIN}\n9223372036854775808\n{ROOT_LINE}\n", id="size past 63 bits"),
        pytest.param(f"{ORIGIN}\n\n{ROOT_LINE}\n", id="no size"),
        pytest.param(f"{ORIGIN}\n7\n", id="two lines"),
        pytest.param(f"{ORIGIN}\n7\n{ROOT_LINE}", id="no final newline"),
        pytest.param(f"{ORIGIN}\n7\n{ROOT_LINE[:-1]}\n", id="base64 without padding"),
        pytest.param(f"{ORIGIN}\n7\n{ROOT.hex()}\n", id="root in hex"),
        pytest.param(f"{ORIGIN}\n7\nAAAA\n", id="short root"),
        pytest.param(f"{ORIGIN}\n0\n{ROOT_LINE}\n", id="empty tree with a root of its own"),
        pytest.param(TEXT + "\n", id="empty extension line"),
        pytest.param(TEXT + "x\n\ny\n", id="empty line among extensions"),
    ],
)
def test_note_text_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        parse_checkpoint(text)
    with pytest.raises(CheckpointError):
        open_checkpoint(_signed(text), LOG.verifier)


def test_signatures_unknown_ones_must_be_ignored() -> None:
    unknown = "\u2014 witness.example " + base64.b64encode(bytes(76)).decode() + "\n"
    assert open_checkpoint(_signed(TEXT) + unknown.encode(), LOG.verifier).origin == ORIGIN


def _cosignature_line(text: str) -> str:
    key = Ed25519(WITNESS_SEED)
    message = f"cosignature/v1\ntime {TIME}\n{text}".encode()
    key_id = hashlib.sha256(WITNESS_NAME.encode() + b"\n\x04" + bytes(key.verify_key)).digest()[:4]
    blob = key_id + TIME.to_bytes(8, "big") + key.sign(message).signature
    return f"\u2014 {WITNESS_NAME} {base64.b64encode(blob).decode()}\n"


WITNESS = CosignatureVerifier(WITNESS_NAME, PublicKey(bytes(Ed25519(WITNESS_SEED).verify_key)))


def test_cosignature_signed_message_is_header_time_and_whole_note_text() -> None:
    for text in (TEXT, TEXT + "an extension\n"):
        head = parse_checkpoint(text)
        key = SigningKey.from_seed(WITNESS_SEED)
        line = cosign(head, name=WITNESS_NAME, key=key, at=datetime.fromtimestamp(TIME, UTC))
        assert line.line == _cosignature_line(text)
        data = _signed(text) + _cosignature_line(text).encode()
        assert add_signatures(_signed(text), [line]) == data
        assert open_cosigned(data, LOG.verifier, [WITNESS])[1][0].seconds == TIME


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(TIME.to_bytes(8, "big") + bytes(64), id="bad signature"),
        pytest.param(bytes(64), id="no time"),
        pytest.param((2**63).to_bytes(8, "big") + bytes(64), id="time past 63 bits"),
    ],
)
def test_cosignature_format_any_other_is_refused(blob: bytes) -> None:
    line = base64.b64encode(WITNESS.key_hash + blob).decode()
    data = _signed(TEXT) + f"\u2014 {WITNESS_NAME} {line}\n".encode()
    with pytest.raises(CheckpointError):
        open_cosigned(data, LOG.verifier, [WITNESS])
