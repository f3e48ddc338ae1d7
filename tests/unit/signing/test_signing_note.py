"""Signed notes beyond the published rules: texts, names, added lines, limits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.signing.errors import NoteError
from foedus.signing.keys import SigningKey
from foedus.signing.note import (
    MAX_NOTE_BYTES,
    MAX_NOTE_SIGNATURES,
    NoteSignature,
    NoteSigner,
    NoteVerifier,
    add_signatures,
    open_note,
    parse_vkey,
    sign_note,
    split_note,
)

ALFA = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
BRAVO = NoteSigner("xb.example/log", SigningKey.from_seed(b"b" * 32))
TEXT = "What was agreed.\n\nIt has an empty line.\n"


def test_a_note_of_two_signers_opens_for_either() -> None:
    note = sign_note(TEXT, [ALFA, BRAVO])
    for verifiers, names in (
        ([ALFA.verifier], ("xa.example/log",)),
        ([BRAVO.verifier], ("xb.example/log",)),
        ([BRAVO.verifier, ALFA.verifier], ("xa.example/log", "xb.example/log")),
    ):
        opened = open_note(note, verifiers)
        assert (opened.text, opened.verified) == (TEXT, names)


def test_the_same_verifier_twice_is_one_verifier() -> None:
    opened = open_note(sign_note(TEXT, [ALFA]), [ALFA.verifier, ALFA.verifier])
    assert opened.verified == ("xa.example/log",)


def test_added_lines_appear_once() -> None:
    note = sign_note(TEXT, [ALFA])
    line = NoteSignature(name=BRAVO.name, key_hash=BRAVO.key_hash, signature=BRAVO.sign_text(TEXT))
    both = add_signatures(note, [line, line])
    assert both == sign_note(TEXT, [ALFA, BRAVO])
    assert add_signatures(both, [line]) == both
    with pytest.raises(NoteError):
        add_signatures(b"no note", [line])


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\u00a0b", "a\u2028b", "a\tb", "a\x01b", "\ud800"]
)
def test_a_name_that_would_break_a_line_is_refused(name: str) -> None:
    with pytest.raises(NoteError):
        NoteSigner(name, ALFA.key)
    with pytest.raises(NoteError):
        NoteVerifier(name, ALFA.key.public)


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "return\r\n", "\ud800\n"])
def test_a_text_that_is_no_note_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        sign_note(text, [ALFA])


def test_a_note_needs_a_signer() -> None:
    with pytest.raises(NoteError):
        sign_note(TEXT, [])


def test_limits_are_checked() -> None:
    with pytest.raises(NoteError, match="bytes"):
        open_note(b"x" * (MAX_NOTE_BYTES + 1), [ALFA.verifier])
    lines = sign_note("t\n", [ALFA]).decode().split("\n\n")[1]
    with pytest.raises(NoteError, match="signatures"):
        open_note(("t\n\n" + lines * (MAX_NOTE_SIGNATURES + 1)).encode(), [ALFA.verifier])


def test_two_known_keys_that_cannot_be_told_apart_are_refused() -> None:
    class Impostor:
        name = ALFA.name
        key_hash = ALFA.key_hash

        def check(self, text: str, signature: bytes) -> None:
            """Accept anything."""

    with pytest.raises(NoteError, match="share"):
        open_note(sign_note(TEXT, [ALFA]), [ALFA.verifier, Impostor()])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("name+00000000", id="two parts"),
        pytest.param("name+00000000+AAAA", id="too short"),
        pytest.param(ALFA.verifier.vkey.replace("xa.", "xb."), id="name exchanged"),
        pytest.param(ALFA.verifier.vkey.replace("+", "+f", 1), id="key id too long"),
        pytest.param(ALFA.verifier.vkey + " ", id="white space"),
        pytest.param("a b" + ALFA.verifier.vkey, id="name with a space"),
        pytest.param(
            f"{ALFA.name}+{ALFA.key_hash.hex()}+BA" + ALFA.verifier.vkey[-42:], id="other algorithm"
        ),
    ],
)
def test_a_text_that_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_vkey(text)


def test_a_verifier_key_may_have_plus_signs_in_its_base64() -> None:
    found = False
    for number in range(64):
        verifier = NoteSigner("x", SigningKey.from_seed(bytes([number]) * 32)).verifier
        found = found or verifier.vkey.count("+") > 2
        assert parse_vkey(verifier.vkey) == verifier
    assert found


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode("utf-8")))
def test_the_parser_raises_only_its_own_error(data: bytes) -> None:
    for candidate in (data, b"t\n\n" + data, "t\n\n\u2014 a ".encode() + data + b"\n"):
        try:
            split_note(candidate)
        except NoteError:
            continue
