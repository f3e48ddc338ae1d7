"""C2SP signed-note: one test for each MUST, against bytes made here from the text alone."""

from __future__ import annotations

import base64
import hashlib

import pytest
from nacl.signing import SigningKey as Ed25519

from foedus.signing.errors import NoteError
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner, open_note, parse_vkey, sign_note

SEED = b"c" * 32
RAW = bytes(Ed25519(SEED).verify_key)
NAME = "notes.example/one"
TEXT = "First.\n\nSecond.\n"
KEY_ID = hashlib.sha256(NAME.encode() + b"\n\x01" + RAW).digest()[:4]
VKEY = f"{NAME}+{KEY_ID.hex()}+" + base64.b64encode(b"\x01" + RAW).decode()
VERIFIER = parse_vkey(VKEY)


def _line(name: str = NAME, key_id: bytes = KEY_ID, signature: bytes | None = None) -> bytes:
    if signature is None:
        signature = Ed25519(SEED).sign(TEXT.encode()).signature
    return f"\u2014 {name} {base64.b64encode(key_id + signature).decode()}\n".encode()


def _note(*lines: bytes, text: str = TEXT) -> bytes:
    return text.encode() + b"\n" + b"".join(lines)


def test_format_notes_we_write_are_the_bytes_the_text_describes() -> None:
    signer = NoteSigner(NAME, SigningKey.from_seed(SEED))
    assert sign_note(TEXT, [signer]) == _note(_line())
    assert signer.verifier.vkey == VKEY


def test_format_text_is_split_from_signatures_at_the_last_empty_line() -> None:
    assert open_note(_note(_line()), [VERIFIER]).text == TEXT


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            _note(_line(), text="First.\n\xff").replace(b"\xc3\xbf", b"\xff"), id="not UTF-8"
        ),
        pytest.param(_note(_line()).replace(b"First", b"Fi\x09st"), id="tab"),
        pytest.param(_note(_line()).replace(b"\n", b"\r\n"), id="carriage returns"),
        pytest.param(_note(_line()).replace(b"First", b"Fi\x00st"), id="zero byte"),
    ],
)
def test_format_must_be_utf8_without_control_characters(data: bytes) -> None:
    with pytest.raises(NoteError):
        open_note(data, [VERIFIER])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(TEXT.encode(), id="no signature lines"),
        pytest.param(_note(), id="an empty line and nothing after it"),
        pytest.param(_note(_line())[:-1], id="no final newline"),
        pytest.param(b"\n" + _line(), id="no text"),
        pytest.param(_note(_line(), b"\n"), id="empty line at the end"),
        pytest.param(_note(_line(), b"x\n"), id="another line among signatures"),
        pytest.param(_note(_line().replace("\u2014".encode(), b"-")), id="hyphen for a dash"),
        pytest.param(_note(_line(name="a+b")), id="plus in a name"),
        pytest.param(_note(_line(name="a\u2003b")), id="Unicode space in a name"),
        pytest.param(_note(_line(name="")), id="empty name"),
        pytest.param(_note(_line(), _line(name="x", signature=b"")), id="key id without signature"),
        pytest.param(_note(_line(), "\u2014 x !!!!\n".encode()), id="no base64"),
    ],
)
def test_format_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(NoteError):
        open_note(data, [VERIFIER])


def test_signatures_unknown_keys_must_be_ignored() -> None:
    for unknown in (
        _line(name="other.example", signature=b"whatever"),
        _line(name="other.example"),
        _line(key_id=b"\0\0\0\0", signature=bytes(64)),
    ):
        opened = open_note(_note(unknown, _line()), [VERIFIER])
        assert opened.verified == (NAME,)


def test_signatures_a_known_key_must_verify() -> None:
    for bad in (bytes(64), b"short", Ed25519(b"d" * 32).sign(TEXT.encode()).signature):
        with pytest.raises(NoteError):
            open_note(_note(_line(signature=bad)), [VERIFIER])


def test_signatures_one_bad_known_key_spoils_the_note() -> None:
    other_raw = bytes(Ed25519(b"d" * 32).verify_key)
    other_id = hashlib.sha256(b"other\n\x01" + other_raw).digest()[:4]
    other = parse_vkey(f"other+{other_id.hex()}+" + base64.b64encode(b"\x01" + other_raw).decode())
    bad = _line(name="other", key_id=other_id, signature=bytes(64))
    assert open_note(_note(_line(), bad), [VERIFIER]).verified == (NAME,)
    with pytest.raises(NoteError):
        open_note(_note(_line(), bad), [VERIFIER, other])


def test_signatures_a_note_without_a_known_key_must_be_rejected() -> None:
    with pytest.raises(NoteError):
        open_note(_note(_line(name="other.example")), [VERIFIER])
    with pytest.raises(NoteError):
        open_note(_note(_line()), [])


def test_signatures_sixteen_lines_must_be_accepted() -> None:
    unknown = [_line(name=f"key{number}", signature=bytes(4900)) for number in range(15)]
    assert open_note(_note(*unknown, _line()), [VERIFIER]).verified == (NAME,)


def test_signatures_the_text_without_the_empty_line_is_signed() -> None:
    with_gap = Ed25519(SEED).sign(TEXT.encode() + b"\n").signature
    with pytest.raises(NoteError):
        open_note(_note(_line(signature=with_gap)), [VERIFIER])


def test_verifier_keys_name_and_id_must_match() -> None:
    for wrong in (VKEY.replace("one", "two"), VKEY.replace(KEY_ID.hex(), "00000000")):
        with pytest.raises(NoteError):
            parse_vkey(wrong)


def test_the_example_key_verifies_the_example_note() -> None:
    key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    line = (
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72"
        "IneyaQM="
    )
    data = f"This is an example message.\n\n\u2014 example.com/foo {line}\n".encode()
    assert parse_vkey(key).vkey == key
    assert open_note(data, [parse_vkey(key)]).verified == ("example.com/foo",)
    with pytest.raises(NoteError):
        open_note(data.replace(b"message", b"massage"), [parse_vkey(key)])


def test_signatures_a_known_key_is_checked_wherever_it_stands() -> None:
    with pytest.raises(NoteError):
        open_note(_note(_line(), _line(signature=bytes(64))), [VERIFIER])
    assert open_note(_note(_line(), _line()), [VERIFIER]).verified == (NAME,)
