"""Words on consents and notices of passing on: read as written, and refused otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import JSONValue, canonical_bytes, parse_json
from foedus.casework.consent_case import (
    ANSWER_TYPE,
    REQUEST_TYPE,
    WITHDRAWAL_TYPE,
    ConsentAnswer,
    ConsentGround,
    ConsentRequest,
    ConsentWithdrawal,
    open_answer,
    open_request,
    open_withdrawal,
    payload_digest,
    sign_answer,
    sign_request,
    sign_withdrawal,
)
from foedus.casework.consent_course import TRANSITIONS, ConsentEvent, ConsentState, next_state
from foedus.casework.errors import CaseCourseError, ConsentCaseError, NoticeError
from foedus.casework.feedback import DISPUTES, OPINION_OF, PROPOSALS, Stance, label_of, stance_of
from foedus.casework.onward_notice import (
    MAX_PASSED,
    NOTICE_TYPE,
    OnwardNotice,
    open_notice,
    sign_notice,
)
from foedus.model.identifiers import ItemKey, MemberId, ObjectId, TreatyId
from foedus.release.consent import (
    CONSENT_TYPE,
    Consent,
    ConsentCondition,
    open_consent,
    sign_consent,
)
from foedus.release.errors import ConsentError
from foedus.signing import Envelope, SigningKey
from foedus.signing.envelope import sign_envelope

KEY = SigningKey.from_seed(bytes(range(32)))
KEYS = (KEY.public,)
AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
ITEM = ObjectId("indicator--00000000-0000-4000-8000-000000000001")
TREATY = TreatyId("a" * 64)
GOLDEN = Path(__file__).parents[2] / "golden" / "casework"

REQUEST = ConsentRequest(
    exercise=True, asker=XB, originator=XA, item=ITEM, version="2026-11-20T00:00:00.000Z",
    sha256="b" * 64, recipient=XC, treaty=TREATY, purpose="prevention", life=False,
    until=AT + timedelta(days=30), at=AT, due=AT + timedelta(days=10),
)  # fmt: skip
CONSENT = Consent(
    exercise=True,
    item=ItemKey(originator=XA, object_id=ITEM, version="2026-11-20T00:00:00.000Z"),
    sha256="b" * 64, user="olga", recipient=XC, treaty=TREATY, purpose="prevention",
    at=AT, until=AT + timedelta(days=30),
    conditions=(ConsentCondition.NO_FURTHER, ConsentCondition.NOT_EVIDENCE),
    keep_until=AT + timedelta(days=90),
)  # fmt: skip
ANSWER = ConsentAnswer(
    exercise=True, originator=XA, asker=XB, request="c" * 64,
    consent=sign_consent(CONSENT, KEY), ground=None, at=AT,
)  # fmt: skip
REFUSAL = replace(ANSWER, consent=None, ground=ConsentGround.HARM)
WITHDRAWAL = ConsentWithdrawal(exercise=True, originator=XA, holder=XB, consent="d" * 64, at=AT)
NOTICE = OnwardNotice(
    exercise=True, holder=XB, originator=XA, recipient=XC, treaty=TREATY, at=AT,
    items=((ITEM, "2026-11-20T00:00:00.000Z"), (ITEM, "2026-11-21T00:00:00.000Z")),
)  # fmt: skip

Opener = Callable[[Envelope, Any], Any]
WORDS: dict[str, tuple[Envelope, Any, Opener, str, type[Exception]]] = {
    "consent-request": (
        sign_request(REQUEST, KEY), REQUEST, open_request, REQUEST_TYPE, ConsentCaseError,
    ),
    "consent-answer": (
        sign_answer(ANSWER, KEY), ANSWER, open_answer, ANSWER_TYPE, ConsentCaseError,
    ),
    "consent-refusal": (
        sign_answer(REFUSAL, KEY), REFUSAL, open_answer, ANSWER_TYPE, ConsentCaseError,
    ),
    "consent-withdrawal": (
        sign_withdrawal(WITHDRAWAL, KEY), WITHDRAWAL, open_withdrawal, WITHDRAWAL_TYPE,
        ConsentCaseError,
    ),
    "onward-notice": (sign_notice(NOTICE, KEY), NOTICE, open_notice, NOTICE_TYPE, NoticeError),
    "consent-conditions": (
        sign_consent(CONSENT, KEY), CONSENT, open_consent, CONSENT_TYPE, ConsentError,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_a_word_reads_as_it_was_written(name: str) -> None:
    envelope, value, opened, _, error = WORDS[name]
    assert opened(envelope, KEYS) == value
    with pytest.raises(error):
        opened(envelope, (SigningKey.from_seed(bytes(32)).public,))


@pytest.mark.parametrize("name", WORDS)
def test_a_word_stays_byte_for_byte_what_it_is(name: str) -> None:
    envelope, *_ = WORDS[name]
    file = GOLDEN / f"{name}.json"
    if os.environ.get("FOEDUS_WRITE_GOLDEN"):
        file.write_bytes(envelope.payload + b"\n")
    assert file.read_bytes() == envelope.payload + b"\n"


@pytest.mark.parametrize("name", WORDS)
def test_a_field_more_or_less_is_refused(name: str) -> None:
    envelope, _, opened, payload_type, error = WORDS[name]
    body = parse_json(envelope.payload)
    assert isinstance(body, dict)
    damaged = [{**body, "note": "rides along"}, {**body, "v": 2}, {**body, "kind": "other"}]
    damaged += [{key: body[key] for key in body if key != left} for left in body]
    others: tuple[JSONValue, ...] = (7, "", [], {"a": 1})
    damaged += [{**body, key: other} for key in body for other in others]
    for each in damaged:
        if each == body or (
            set(body) - set(each) <= {"conditions", "keep_until"} and len(each) < len(body)
        ):
            continue
        changed = sign_envelope(canonical_bytes(each), payload_type, KEY)
        with pytest.raises(error):
            opened(changed, KEYS)


@settings(max_examples=60, deadline=None)
@given(payload=st.binary(max_size=200), name=st.sampled_from(sorted(WORDS)))
def test_a_reader_raises_only_its_own_error(payload: bytes, name: str) -> None:
    _, _, opened, payload_type, error = WORDS[name]
    with pytest.raises(error):
        opened(sign_envelope(payload, payload_type, KEY), KEYS)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "id", "payload", "signatures"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(WORDS)))
def test_nor_where_one_field_is_anything(data: st.DataObject, name: str) -> None:
    envelope, _, opened, payload_type, error = WORDS[name]
    body = parse_json(envelope.payload)
    assert isinstance(body, dict)
    body[data.draw(st.sampled_from(sorted(body)))] = data.draw(_VALUES)
    with suppress(error):
        opened(sign_envelope(canonical_bytes(body), payload_type, KEY), KEYS)


IMPOSSIBLE: dict[str, tuple[Callable[[], object], type[Exception]]] = {
    "asked for oneself": (lambda: sign_request(replace(REQUEST, recipient=XB), KEY),
                          ConsentCaseError),
    "asked of oneself": (lambda: sign_request(replace(REQUEST, originator=XB), KEY),
                         ConsentCaseError),
    "due before it is asked": (lambda: sign_request(replace(REQUEST, due=AT), KEY),
                               ConsentCaseError),
    "needed no longer": (lambda: sign_request(replace(REQUEST, until=AT), KEY), ConsentCaseError),
    "neither yes nor no": (lambda: sign_answer(replace(REFUSAL, ground=None), KEY),
                           ConsentCaseError),
    "yes and no": (lambda: sign_answer(replace(ANSWER, ground=ConsentGround.LAW), KEY),
                   ConsentCaseError),
    "notice between two": (lambda: sign_notice(replace(NOTICE, recipient=XA), KEY), NoticeError),
    "notice of nothing": (lambda: sign_notice(replace(NOTICE, items=()), KEY), NoticeError),
    "notice out of order": (
        lambda: sign_notice(replace(NOTICE, items=NOTICE.items[::-1]), KEY), NoticeError,
    ),
    "notice of too much": (
        lambda: sign_notice(
            replace(NOTICE, items=tuple((ITEM, f"{n:05}") for n in range(MAX_PASSED + 1))), KEY
        ),
        NoticeError,
    ),
    "a copy that ends before it begins": (
        lambda: sign_consent(replace(CONSENT, keep_until=AT), KEY), ConsentError,
    ),
    "conditions out of order": (
        lambda: sign_consent(replace(CONSENT, conditions=CONSENT.conditions[::-1]), KEY),
        ConsentError,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "error"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_nobody_signs(make: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_a_thousand_items_fit_one_notice() -> None:
    many = replace(NOTICE, items=tuple((ITEM, f"{n:05}") for n in range(MAX_PASSED)))
    assert open_notice(sign_notice(many, KEY), KEYS) == many


def test_a_consent_without_conditions_is_written_as_before() -> None:
    plain = sign_consent(replace(CONSENT, conditions=(), keep_until=None), KEY)
    assert b"conditions" not in plain.payload
    assert b"keep_until" not in plain.payload
    assert payload_digest(plain) != payload_digest(sign_consent(CONSENT, KEY))


@pytest.mark.parametrize("state", ConsentState)
@pytest.mark.parametrize("event", ConsentEvent)
def test_what_the_table_does_not_name_may_not_happen(
    state: ConsentState, event: ConsentEvent
) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(CaseCourseError, match=state.value):
            next_state(state, event)


def test_silence_never_becomes_a_yes_by_itself() -> None:
    assert {event for (_, event), to in TRANSITIONS.items() if to is ConsentState.GIVEN} == {
        ConsentEvent.GIVE
    }


@pytest.mark.parametrize("stance", Stance)
def test_a_stance_is_read_from_its_label(stance: Stance) -> None:
    opinion = OPINION_OF.get(stance)
    document: dict[str, Any] = {"type": "note", "labels": ["other", label_of(stance)]}
    if opinion is not None:
        document = {**document, "type": "opinion", "opinion": opinion}
    assert stance_of(document) is stance
    assert (stance in PROPOSALS) is (opinion is None)


@pytest.mark.parametrize(
    ("document", "stance"),
    [
        ({"type": "opinion", "opinion": "strongly-disagree"}, Stance.DISAGREE),
        ({"type": "opinion", "opinion": "strongly-agree"}, Stance.AGREE),
        ({"type": "opinion", "opinion": "neutral"}, None),
        ({"type": "opinion", "opinion": "agree", "labels": ["foedus:false-positive"]},
         Stance.AGREE),
        ({"type": "opinion"}, None),
        ({"type": "note", "labels": ["foedus:false-positive"]}, None),
        ({"type": "note"}, None),
        ({"type": "note", "labels": "foedus:propose-recall"}, None),
        ({"type": "indicator", "labels": ["foedus:propose-recall"]}, None),
    ],
)  # fmt: skip
def test_what_other_tools_wrote_is_read_as_far_as_it_goes(
    document: dict[str, Any], stance: Stance | None
) -> None:
    assert stance_of(document) is stance


def test_to_agree_or_to_ask_for_other_terms_disputes_nothing() -> None:
    assert not DISPUTES & {Stance.AGREE, Stance.PROPOSE_TERMS, Stance.PROPOSE_RESTRICT}
