"""Challenges as documents: what is signed is what is read, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes, parse_json
from foedus.casework.challenge import (
    CHALLENGE_STATUS_TYPE,
    CHALLENGE_TYPE,
    MAX_CONCERNED,
    Challenge,
    ChallengeStatus,
    StatusWord,
    challenge_name,
    open_challenge,
    open_challenge_status,
    sign_challenge,
    sign_challenge_status,
)
from foedus.casework.errors import ChallengeError
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.signing import SigningKey, sign_envelope

GOLDEN = Path(__file__).parents[2] / "golden" / "casework"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(range(1, 33)))
CHALLENGE = Challenge(
    exercise=True,
    name="XB-C-2026-00003",
    member=MemberId("XB"),
    originator=MemberId("XA"),
    treaty=TreatyId("a" * 64),
    received=NOW - DAY / 2,
    block=NOW + DAY / 2,
    decide=NOW + 29 * DAY,
    at=NOW,
    ids=(
        ObjectId("indicator--00000000-0000-4000-8000-000000000001"),
        ObjectId("indicator--00000000-0000-4000-8000-000000000002"),
    ),
)
STATUS = ChallengeStatus(
    exercise=True,
    name="XB-C-2026-00003",
    member=MemberId("XB"),
    originator=MemberId("XA"),
    word=StatusWord.BLOCKED,
    at=NOW,
)


def golden(name: str, payload: bytes) -> None:
    path = GOLDEN / name
    assert path.read_bytes() == payload


def test_a_challenge_is_read_as_it_was_signed() -> None:
    envelope = sign_challenge(CHALLENGE, KEY)
    golden("challenge.json", envelope.payload)
    assert open_challenge(envelope, (OTHER.public, KEY.public)) == CHALLENGE
    with pytest.raises(ChallengeError):
        open_challenge(envelope, (OTHER.public,))
    with pytest.raises(ChallengeError):
        open_challenge_status(envelope, (KEY.public,))


def test_a_status_is_read_as_it_was_signed() -> None:
    envelope = sign_challenge_status(STATUS, KEY)
    golden("challenge-status.json", envelope.payload)
    assert open_challenge_status(envelope, (KEY.public,)) == STATUS
    with pytest.raises(ChallengeError):
        open_challenge(envelope, (KEY.public,))


def test_neither_says_anything_of_a_person() -> None:
    told = json.loads(sign_challenge(CHALLENGE, KEY).payload)
    assert set(told) == {
        "v", "kind", "exercise", "name", "member", "originator", "treaty", "received", "block",
        "decide", "instant", "ids",
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"name": "XC-C-2026-00003"},
        {"name": "XB-O-2026-00003"},
        {"originator": "XB"},
        {"ids": []},
        {"ids": ["indicator--1"]},
        {"ids": ["b", "a"]},
        {"block": "2026-11-20T00:00:00.000000Z"},
        {"decide": "2026-11-24T11:00:00.000000Z"},
        {"received": "2026-11-25T10:00:00.000000Z"},
        {"treaty": "x"},
        {"v": 2},
        {"kind": "order"},
        {"exercise": 1},
        {"more": "x"},
        {"ids": None},
    ],
)
def test_what_is_malformed_is_refused(change: dict[str, Any]) -> None:
    fields = json.loads(sign_challenge(CHALLENGE, KEY).payload) | change
    envelope = sign_envelope(canonical_bytes(fields), CHALLENGE_TYPE, KEY)
    with pytest.raises(ChallengeError):
        open_challenge(envelope, (KEY.public,))


@pytest.mark.parametrize("change", [{"word": "held"}, {"word": ""}, {"more": 1}, {"name": "x"}])
def test_a_malformed_status_is_refused(change: dict[str, Any]) -> None:
    fields = json.loads(sign_challenge_status(STATUS, KEY).payload) | change
    envelope = sign_envelope(canonical_bytes(fields), CHALLENGE_STATUS_TYPE, KEY)
    with pytest.raises(ChallengeError):
        open_challenge_status(envelope, (KEY.public,))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: replace(CHALLENGE, at=datetime(2026, 11, 24, 10)),  # noqa: DTZ001  # the fault
        lambda: replace(CHALLENGE, ids=()),
        lambda: replace(
            CHALLENGE,
            ids=tuple(
                ObjectId(f"indicator--00000000-0000-4000-8000-{each:012d}")
                for each in range(MAX_CONCERNED + 1)
            ),
        ),
        lambda: replace(CHALLENGE, member=MemberId("XA")),
    ],
)
def test_nothing_is_signed_that_could_not_be_read(wrong: Callable[[], Challenge]) -> None:
    with pytest.raises(ChallengeError):
        sign_challenge(wrong(), KEY)


def test_names_are_numbered_by_member_and_year() -> None:
    assert challenge_name(MemberId("XB"), 2026, 3) == "XB-C-2026-00003"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(json.loads(sign_challenge(CHALLENGE, KEY).payload))), value=JSON)
def test_a_field_of_any_form_raises_only_its_error(name: str, value: Any) -> None:
    for signed, kind, opened in (
        (sign_challenge(CHALLENGE, KEY).payload, CHALLENGE_TYPE, open_challenge),
        (sign_challenge_status(STATUS, KEY).payload, CHALLENGE_STATUS_TYPE, open_challenge_status),
    ):
        fields = parse_json(signed)
        assert isinstance(fields, dict)
        envelope = sign_envelope(canonical_bytes(fields | {name: value}), kind, KEY)
        try:
            opened(envelope, (KEY.public,))
        except ChallengeError:
            continue


@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=200))
def test_bytes_of_any_kind_raise_only_its_error(raw: bytes) -> None:
    for kind, opened in (
        (CHALLENGE_TYPE, open_challenge),
        (CHALLENGE_STATUS_TYPE, open_challenge_status),
    ):
        with pytest.raises(ChallengeError):
            opened(sign_envelope(raw, kind, KEY), (KEY.public,))
