"""Documents members send each other besides items: treaty texts and discrepancy notes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.node.discrepancy import DISCREPANCY_TYPE, Finding, open_note
from foedus.node.errors import RefusedError
from foedus.node.treaty_text import (
    MAX_TEXT_BYTES,
    TREATY_TEXT_TYPE,
    open_treaty_text,
    wrap_treaty_text,
)
from foedus.signing import Envelope, SigningKey, parse_envelope, sign_envelope

KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(32))
XA, XB = MemberId("XA"), MemberId("XB")
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
FINDING = {"id": "indicator--x", "version": "v", "sha256": "00", "code": "stale-law", "reason": "r"}
NOTE: dict[str, Any] = {
    "v": 1, "kind": "discrepancy", "exercise": True, "speaker": "XB", "to": "XA",
    "treaty": "0" * 64, "entry": 3, "instant": "2026-11-24T10:00:00.000000Z",
    "findings": [FINDING],
}  # fmt: skip


def text_envelope(body: object) -> Envelope:
    return sign_envelope(json.dumps(body).encode(), TREATY_TEXT_TYPE, KEY)


@pytest.mark.parametrize(
    "raw", [b"+++\n", "Übereinkunft — Artikel 1\n".encode(), b"x" * MAX_TEXT_BYTES]
)
def test_a_text_arrives_to_the_byte(raw: bytes) -> None:
    document = wrap_treaty_text(raw, member=XA, at=NOW, key=KEY)
    assert document.type == FoedusKind.INSTRUMENT
    envelope = parse_envelope(unwrap_document(document))
    assert open_treaty_text(envelope, [KEY.public]) == raw


def test_a_text_too_long_to_travel_is_refused() -> None:
    with pytest.raises(RefusedError, match="can travel"):
        wrap_treaty_text(b"x" * (MAX_TEXT_BYTES + 1), member=XA, at=NOW, key=KEY)


def test_a_text_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(RefusedError, match="UTF-8"):
        wrap_treaty_text(b"\xff", member=XA, at=NOW, key=KEY)


def test_a_text_signed_by_nobody_known_is_refused() -> None:
    document = wrap_treaty_text(b"text", member=XA, at=NOW, key=OTHER)
    with pytest.raises(RefusedError, match="no treaty text"):
        open_treaty_text(parse_envelope(unwrap_document(document)), [KEY.public])


@pytest.mark.parametrize(
    "body",
    [
        {"v": 2, "text": "x"},
        {"v": 1},
        {"v": 1, "text": 5},
        {"text": "x"},
        [],
        None,
        {"v": 1, "text": "x" * (MAX_TEXT_BYTES + 1)},
        {"v": 1, "text": "é" * (MAX_TEXT_BYTES // 2 + 1)},
    ],
    ids=["version", "no text", "a number", "no version", "a list", "null", "long", "long in bytes"],
)
def test_a_text_of_another_form_is_refused(body: object) -> None:
    with pytest.raises(RefusedError, match="no treaty text"):
        open_treaty_text(text_envelope(body), [KEY.public])


def test_a_text_that_no_encoding_has_is_refused() -> None:
    envelope = sign_envelope(b'{"v":1,"text":"\\ud800"}', TREATY_TEXT_TYPE, KEY)
    with pytest.raises(RefusedError):
        open_treaty_text(envelope, [KEY.public])


def note(change: dict[str, Any] | None = None) -> Envelope:
    return sign_envelope(canonical_bytes({**NOTE, **(change or {})}), DISCREPANCY_TYPE, KEY)


def opened(envelope: Envelope) -> list[Finding]:
    return list(open_note(envelope, [KEY.public], speaker=XB, to=XA).findings)


def test_a_note_says_what_was_not_accepted() -> None:
    [finding] = opened(note())
    assert (finding.object_id, finding.code) == ("indicator--x", "stale-law")


def test_a_note_may_name_the_log_it_is_about() -> None:
    for change, log in (({}, ""), ({"log": "foedus/xa/log/2"}, "foedus/xa/log/2")):
        assert open_note(note(change), [KEY.public], speaker=XB, to=XA).log == log


NOTES: list[tuple[str, dict[str, Any]]] = [
    ("from another member", {"speaker": "XC"}),
    ("to another member", {"to": "XC"}),
    ("of another version", {"v": 2}),
    ("of another kind", {"kind": "order"}),
    ("without findings", {"findings": None}),
    ("with too many findings", {"findings": [FINDING] * 1001}),
    ("about no treaty", {"treaty": "x"}),
    ("about no log entry", {"entry": None}),
    ("about a log entry before the first", {"entry": -1}),
    ("about a log without a name", {"log": 5}),
    ("with a finding that is none", {"findings": ["x"]}),
    ("with a finding that lacks its code", {"findings": [{**FINDING, "code": None}]}),
    ("with a finding whose reason is a number", {"findings": [{**FINDING, "reason": 5}]}),
]


@pytest.mark.parametrize(("what", "change"), NOTES, ids=[row[0] for row in NOTES])
def test_a_note_is_refused(what: str, change: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        opened(note(change))
    assert caught.value.code == "node.refused", what


def test_a_note_signed_by_nobody_known_is_refused() -> None:
    with pytest.raises(RefusedError, match="no discrepancy note"):
        open_note(note(), [OTHER.public], speaker=XB, to=XA)
    with pytest.raises(RefusedError, match="no discrepancy note"):
        open_note(note(), [], speaker=XB, to=XA)


def test_a_note_signed_as_something_else_is_refused() -> None:
    envelope = sign_envelope(canonical_bytes(NOTE), TREATY_TEXT_TYPE, KEY)
    with pytest.raises(RefusedError):
        opened(envelope)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_is_signed_raises_nothing_else(payload: bytes) -> None:
    with pytest.raises(RefusedError):
        opened(sign_envelope(payload, DISCREPANCY_TYPE, KEY))
    with pytest.raises(RefusedError):
        open_treaty_text(sign_envelope(payload, TREATY_TEXT_TYPE, KEY), [KEY.public])
