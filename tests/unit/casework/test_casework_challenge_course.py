"""The courses of challenges and requests to see, letters that tell nothing, figures of a year."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.casework.access_course import (
    OPEN,
    AccessEvent,
    AccessState,
    next_access_state,
)
from foedus.casework.access_course import TRANSITIONS as ACCESS
from foedus.casework.challenge_course import (
    DECIDED,
    EXAMINED,
    TRANSITIONS,
    ChallengeEvent,
    ChallengeState,
    Outcome,
    next_state,
)
from foedus.casework.challenge_figures import (
    CaseSpan,
    access_figures,
    challenge_figures,
)
from foedus.casework.challenge_letters import Letter, LetterFacts, letter_text
from foedus.casework.errors import CaseCourseError
from foedus.casework.state_picture import diagram_of, table_of

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = LetterFacts(
    member="Member XA",
    exercise=True,
    reference="DPO-17",
    received=NOW,
    answer_by=NOW + 30 * DAY,
)


@pytest.mark.parametrize("state", ChallengeState)
@pytest.mark.parametrize("event", ChallengeEvent)
def test_a_challenge_goes_only_where_its_table_says(
    state: ChallengeState, event: ChallengeEvent
) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(CaseCourseError):
            next_state(state, event)


@pytest.mark.parametrize("state", AccessState)
@pytest.mark.parametrize("event", AccessEvent)
def test_a_request_goes_only_where_its_table_says(state: AccessState, event: AccessEvent) -> None:
    if (state, event) in ACCESS:
        assert next_access_state(state, event) is ACCESS[state, event]
    else:
        with pytest.raises(CaseCourseError):
            next_access_state(state, event)


def test_every_outcome_is_reached_only_from_a_block() -> None:
    for outcome in Outcome:
        starts = {start for start, event in TRANSITIONS if event.value == outcome.value}
        assert starts == {ChallengeState.BLOCKED}
    assert EXAMINED | DECIDED | {ChallengeState.CLOSED} == set(ChallengeState)
    assert {start for start, _ in ACCESS} == OPEN


class Light(StrEnum):
    """A machine with names that mermaid does not take bare."""

    RED = "red"
    IN_PART = "in-part"
    END = "end"


class Push(StrEnum):
    """Its events."""

    GO = "go"
    STOP = "stop"


LIGHTS = {
    (Light.IN_PART, Push.GO): Light.END,
    (Light.IN_PART, Push.STOP): Light.END,
    (Light.RED, Push.GO): Light.IN_PART,
}


def test_table_and_picture_are_those_of_the_transitions() -> None:
    assert table_of(LIGHTS) == (
        "| from | event | to |\n|---|---|---|\n| red | go | in-part |\n| in-part | go | end |\n"
        "| in-part | stop | end |\n"
    )
    assert diagram_of(LIGHTS) == (
        "stateDiagram-v2\n"
        '    state "in-part" as in_part\n'
        '    state "end" as s_end\n'
        "    [*] --> red\n"
        "    red --> in_part: go\n"
        "    in_part --> s_end: go, stop\n"
        "    s_end --> [*]\n"
    )


def test_they_do_not_depend_on_the_order_in_which_transitions_are_written() -> None:
    for order in permutations(LIGHTS.items()):
        assert table_of(dict(order)) == table_of(LIGHTS)
        assert diagram_of(dict(order)) == diagram_of(LIGHTS)


def test_a_letter_is_made_of_nothing_that_depends_on_what_is_held() -> None:
    assert {each.name for each in fields(LetterFacts)} == {
        "member",
        "exercise",
        "reference",
        "received",
        "answer_by",
    }


@pytest.mark.parametrize("letter", Letter)
def test_letters_neither_confirm_nor_deny(letter: Letter) -> None:
    text = letter_text(letter, FACTS)
    assert text.startswith("EXERCISE\nMember XA\nReference: DPO-17\n")
    assert "neither confirm nor deny" in text
    assert letter_text(letter, FACTS) == text
    for word in ("upheld", "rejected", "recalled", "was wrong"):
        assert word not in text


def test_the_letter_of_the_outcome_bears_the_day_set_at_intake() -> None:
    assert "Date: 2026-12-24" in letter_text(Letter.OUTCOME, FACTS)
    assert "Date: 2026-11-24" in letter_text(Letter.RECEIPT, FACTS)


def span(ended: str, days: float | None, *, referred: bool = False) -> CaseSpan:
    return CaseSpan(
        ended=ended,
        received=NOW,
        due=NOW + 30 * DAY,
        decided=None if days is None else NOW + days * DAY,
        referred=referred,
    )


def test_figures_of_a_year() -> None:
    found = challenge_figures(
        [
            span("upheld", 10),
            span("corrected", 20),
            span("rejected", 31),
            span("withdrawn", 1),
            span("", None),
            span("rejected", 5, referred=True),
        ],
        NOW + 40 * DAY,
    )
    assert (found.received, found.upheld, found.corrected, found.rejected) == (5, 1, 1, 1)
    assert (found.withdrawn, found.open, found.restricted, found.referred) == (1, 1, 0, 1)
    assert found.median_days == 20.0
    assert found.late == 2


def test_figures_of_a_year_without_cases() -> None:
    none = challenge_figures([], NOW)
    assert (none.received, none.median_days, none.late) == (0, None, 0)
    assert access_figures([span("answered", 3), span("", None)], NOW).median_days == 3.0


@given(st.lists(st.sampled_from(["", *(each.value for each in DECIDED)]), max_size=12))
def test_figures_add_up(ended: list[str]) -> None:
    spans = [span(each, 2 if each else None) for each in ended]
    found = challenge_figures(spans, NOW)
    parts = (
        found.upheld, found.corrected, found.restricted, found.rejected, found.withdrawn, found.open
    )  # fmt: skip
    assert found.received == len(ended) == sum(parts)
