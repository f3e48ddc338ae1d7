"""Lane heads: what is signed is read again, and whatever else arrives is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import MemberId
from foedus.node.heads import HEAD_TYPE, HeadError, LaneHead, open_head, sign_head
from foedus.signing import SigningKey, sign_envelope

KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(32))
HEAD = LaneHead(
    speaker=MemberId("XB"),
    sender=MemberId("XA"),
    recipient=MemberId("XB"),
    lane="bulk",
    count=7,
    digest="ab" * 32,
    instruments="cd" * 32,
    instant=datetime(2026, 11, 24, 10, 0, 0, 123456, tzinfo=UTC),
)
BODY: dict[str, Any] = {
    "v": 1, "kind": "head", "speaker": "XB", "sender": "XA", "recipient": "XB", "lane": "bulk",
    "count": 7, "digest": "ab" * 32, "instruments": "cd" * 32,
    "instant": "2026-11-24T10:00:00.123456Z",
}  # fmt: skip


def signed(payload: bytes, payload_type: str = HEAD_TYPE) -> bytes:
    return canonical_bytes(sign_envelope(payload, payload_type, KEY).document())


def test_a_head_is_read_as_it_was_signed() -> None:
    assert open_head(sign_head(HEAD, KEY), [KEY.public]) == HEAD


def test_a_head_is_the_documented_payload_to_the_byte() -> None:
    assert sign_head(HEAD, KEY) == signed(canonical_bytes(BODY))


def test_any_of_several_keys_may_have_signed() -> None:
    assert open_head(sign_head(HEAD, KEY), [OTHER.public, KEY.public]) == HEAD


def test_an_empty_lane_has_a_head() -> None:
    empty = replace(HEAD, count=0, digest="00" * 32)
    assert open_head(sign_head(empty, KEY), [KEY.public]) == empty


@pytest.mark.parametrize("keys", [[], [OTHER.public]], ids=["no key", "another key"])
def test_a_head_of_somebody_else_is_refused(keys: list[Any]) -> None:
    with pytest.raises(HeadError):
        open_head(sign_head(HEAD, KEY), keys)


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("another version", {"v": 2}),
    ("no version", {"v": None}),
    ("another kind", {"kind": "disclosure"}),
    ("a member that is none", {"speaker": "xb"}),
    ("a member that is a number", {"sender": 5}),
    ("a count below nothing", {"count": -1}),
    ("a count that is a truth", {"count": True}),
    ("a count that is a text", {"count": "7"}),
    ("a digest cut short", {"digest": "ab" * 31}),
    ("a digest of other letters", {"digest": "zz" * 32}),
    ("a digest in capitals", {"digest": "AB" * 32}),
    ("instruments that are no digest", {"instruments": "many"}),
    ("an instant that is none", {"instant": "now"}),
    ("an instant without zone", {"instant": "2026-11-24T10:00:00.123456"}),
    ("a lane that is no text", {"lane": ["bulk"]}),
]


@pytest.mark.parametrize(("what", "change"), CHANGES, ids=[row[0] for row in CHANGES])
def test_a_head_that_says_nonsense_is_refused(what: str, change: dict[str, Any]) -> None:
    with pytest.raises(HeadError) as caught:
        open_head(signed(canonical_bytes({**BODY, **change})), [KEY.public])
    assert caught.value.code == "node.head", what


@pytest.mark.parametrize("field", sorted(BODY))
def test_a_head_that_lacks_a_field_is_refused(field: str) -> None:
    body = {name: value for name, value in BODY.items() if name != field}
    with pytest.raises(HeadError):
        open_head(signed(canonical_bytes(body)), [KEY.public])


def test_a_count_no_store_can_hold_is_refused() -> None:
    payload = json.dumps({**BODY, "count": 10**30}).encode()
    with pytest.raises(HeadError, match="count"):
        open_head(signed(payload), [KEY.public])


@pytest.mark.parametrize(
    "document",
    [b"", b"{}", b"[]", b"null", b"{", b"\xff", b'{"payload":"","payloadType":"","signatures":[]}'],
)
def test_what_is_no_envelope_is_refused(document: bytes) -> None:
    with pytest.raises(HeadError):
        open_head(document, [KEY.public])


def test_a_payload_signed_as_something_else_is_no_head() -> None:
    other = signed(canonical_bytes(BODY), "application/vnd.foedus.disclosure+json;v=1")
    with pytest.raises(HeadError):
        open_head(other, [KEY.public])


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_a_signed_payload_raises_nothing_else(payload: bytes) -> None:
    with pytest.raises(HeadError):
        open_head(signed(payload), [KEY.public])


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(BODY)),
        st.none() | st.booleans() | st.integers() | st.text(max_size=70) | st.lists(st.text()),
        min_size=1,
    )
)
def test_signed_nonsense_raises_nothing_else(change: dict[str, Any]) -> None:
    document = signed(json.dumps({**BODY, **change}).encode())
    try:
        head = open_head(document, [KEY.public])
    except HeadError:
        return
    assert isinstance(head, LaneHead)
