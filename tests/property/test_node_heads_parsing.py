"""Whatever a peer tells of log heads is read or refused, and nothing else happens."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.ledger.errors import CheckpointError
from foedus.node.gossip_format import (
    HeadsError,
    KnownHeads,
    bare_note,
    format_heads,
    parse_heads,
)
from foedus.signing import NoteVerifier, SigningKey

LOG = NoteVerifier("xa.example/log", SigningKey.from_seed(b"a" * 32).public)
NOTES = st.lists(st.binary(max_size=200), max_size=5).map(tuple)


@settings(max_examples=200)
@given(NOTES, NOTES)
def test_what_is_told_is_what_is_read(heads: tuple[bytes, ...], forks: tuple[bytes, ...]) -> None:
    known = KnownHeads(heads=heads, forks=forks)
    assert parse_heads(format_heads(known)) == known


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_be_refused(body: bytes) -> None:
    with contextlib.suppress(HeadsError):
        parse_heads(body)
    with contextlib.suppress(CheckpointError):
        bare_note(body, [LOG])


@settings(max_examples=200)
@given(NOTES, st.integers(0, 400), st.integers(0, 255))
def test_a_document_with_one_byte_changed_is_read_or_refused(
    heads: tuple[bytes, ...], place: int, value: int
) -> None:
    document = bytearray(format_heads(KnownHeads(heads=heads)))
    document[place % len(document)] = value
    with contextlib.suppress(HeadsError):
        parse_heads(bytes(document))
