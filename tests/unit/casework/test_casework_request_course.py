"""The course of a request: what may follow, what may not, and that nothing is stuck."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.casework.errors import CaseCourseError
from foedus.casework.request_course import (
    ENDED,
    TRANSITIONS,
    WAITING,
    RequestEvent,
    RequestState,
    next_state,
)
from foedus.casework.request_status import EVENTS, Word

S, E = RequestState, RequestEvent


@pytest.mark.parametrize(
    ("case", "events", "end"),
    [
        ("as it should", [E.APPROVE, E.SEND, E.ACKNOWLEDGE, E.ANSWER, E.CLOSE], S.CLOSED),
        ("in parts", [E.APPROVE, E.SEND, E.ACKNOWLEDGE, E.ANSWER_IN_PART, E.ANSWER], S.ANSWERED),
        ("put off", [E.APPROVE, E.SEND, E.ACKNOWLEDGE, E.EXTEND, E.ANSWER], S.ANSWERED),
        ("refused", [E.APPROVE, E.SEND, E.ACKNOWLEDGE, E.REFUSE, E.CLOSE], S.CLOSED),
        ("late", [E.APPROVE, E.SEND, E.EXPIRE, E.ACKNOWLEDGE, E.ANSWER], S.ANSWERED),
        ("better thought of", [E.APPROVE, E.SEND, E.REFUSE, E.ANSWER], S.ANSWERED),
        ("crossing", [E.APPROVE, E.SEND, E.WITHDRAW, E.ACKNOWLEDGE, E.ANSWER], S.WITHDRAWN),
        ("thrown away", [E.WITHDRAW], S.WITHDRAWN),
        ("forgotten", [E.APPROVE, E.EXPIRE], S.EXPIRED),
    ],
)
def test_courses(case: str, events: list[RequestEvent], end: RequestState) -> None:
    state = S.DRAFT
    for event in events:
        state = next_state(state, event)
    assert state is end, case


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (S.DRAFT, E.SEND),
        (S.DRAFT, E.ANSWER),
        (S.APPROVED, E.ACKNOWLEDGE),
        (S.EXTENDED, E.EXTEND),
        (S.PARTIAL, E.EXPIRE),
        (S.ANSWERED, E.REFUSE),
        (S.SENT, E.CLOSE),
        (S.CLOSED, E.WITHDRAW),
        (S.WITHDRAWN, E.CLOSE),
    ],
)
def test_what_may_not_follow(state: RequestState, event: RequestEvent) -> None:
    with pytest.raises(CaseCourseError, match=event.value):
        next_state(state, event)


def test_every_state_has_a_way_to_an_end() -> None:
    ways = {state: {to for (start, _), to in TRANSITIONS.items() if start is state} for state in S}
    reaches = set(ENDED)
    while more := {state for state, to in ways.items() if to & reaches} - reaches:
        reaches |= more
    assert reaches == set(S)


def test_what_ended_stays_ended_and_what_waits_expires() -> None:
    assert all(to is state for (state, _), to in TRANSITIONS.items() if state in ENDED)
    assert {state for state, event in TRANSITIONS if event is E.EXPIRE} == WAITING | {S.APPROVED}


def test_every_word_is_an_event_that_follows_sending() -> None:
    assert set(EVENTS) == set(Word)
    for event in EVENTS.values():
        assert any((state, event) in TRANSITIONS for state in S)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(E), max_size=12))
def test_no_order_of_events_leaves_the_table(events: list[RequestEvent]) -> None:
    state = S.DRAFT
    for event in events:
        try:
            state = next_state(state, event)
        except CaseCourseError:
            continue
    assert state in S
