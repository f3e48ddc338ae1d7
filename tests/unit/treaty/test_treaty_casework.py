"""The figures of casework in a treaty: what they may be, where faults stand, what a change says."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.model.identifiers import MemberId
from foedus.treaty.articles import Party, Treaty
from foedus.treaty.case_table import MAX_BATCH
from foedus.treaty.clocks import CaseClocks
from foedus.treaty.diff import diff_texts
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.durations import duration_text
from foedus.treaty.faults import Fault, TreatyFaults
from foedus.treaty.parser import parse_treaty, read_treaty

SAMPLE = b'[casework]\norder = "P3D"\norder_urgent = "PT1H"\nconsent_life = "PT1H"\n'
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def text(table: str) -> bytes:
    """Return the sample text with this table of casework in place of its own."""
    sample = sample_text().replace(b"ratifications = 4", b"ratifications = 1")
    sample = sample.replace(b'[witnessing]\nliars = 1\nunwitnessed = "P1D"\n', b"")
    party = Party(member=MemberId("XA"), name="Member A", authority=" ".join(["AAAA"] * 8))
    filled = fill_parties(sample, [party], exercise=True, depositary=MemberId("XA"))
    assert SAMPLE in filled
    return filled.replace(SAMPLE, table.encode())


def treaty(*lines: str) -> Treaty:
    return parse_treaty(text("".join(f"{line}\n" for line in ("[casework]", *lines))))


def faults(*lines: str) -> tuple[Fault, ...]:
    with pytest.raises(TreatyFaults) as caught:
        treaty(*lines)
    return caught.value.faults


def test_without_the_table_the_usual_clocks_hold() -> None:
    assert parse_treaty(text("")).clocks == CaseClocks()
    assert treaty().clocks == CaseClocks()


def test_the_sample_says_what_its_articles_say() -> None:
    clocks = parse_treaty(text(SAMPLE.decode())).clocks
    assert (clocks.order, clocks.order_urgent, clocks.consent_life) == (3 * DAY, HOUR, HOUR)


@pytest.mark.parametrize(
    ("line", "change"),
    [
        ("orders_automatic = false", {"orders_automatic": False}),
        ('order = "P2D"', {"order": 2 * DAY}),
        ('request_life = "PT30M"', {"request_life": HOUR / 2}),
        ('request_routine = "P2W"', {"request_routine": 14 * DAY}),
        ('request_extension = "P0D"', {"request_extension": 0 * DAY}),
        ("request_batch = 1", {"request_batch": 1}),
        (f"request_batch = {MAX_BATCH}", {"request_batch": MAX_BATCH}),
        ("requests_a_day = 5", {"requests_a_day": 5}),
        ('breach_report = "P1D"', {"breach_report": DAY}),
    ],
)
def test_each_key_may_stand_alone(line: str, change: dict[str, object]) -> None:
    assert treaty(line).clocks == replace(CaseClocks(), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "lines", "told"),
    [
        ("a key of no clock", ['coffee = "PT5M"'], "casework.coffee: is not a key of the treaty"),
        ("a near miss", ['ordr = "P1D"'], "did you mean order"),
        ("months", ['order = "P1M"'], "casework.order: not a duration"),
        ("a number", ["order = 3"], "casework.order: must be a duration"),
        ("no time", ['consent = "P0D"'], "casework.consent: must be some time"),
        ("a word for a flag", ['orders_automatic = "yes"'], "must be true or false"),
        ("no selector", ["request_batch = 0"], f"must be from 1 to {MAX_BATCH}"),
        ("too many", [f"request_batch = {MAX_BATCH + 1}"], f"must be from 1 to {MAX_BATCH}"),
        ("none in a day", ["requests_a_day = 0"], "must be from 1 to 100000"),
        ("a truth for a number", ["request_batch = true"], "must be a whole number"),
        ("life after urgent", ['request_life = "P2D"'],
         "casework.request_life: request_life must not exceed request_urgent"),
        ("urgent cut below life", ['request_urgent = "PT30M"'],
         "casework.request_urgent: request_life must not exceed request_urgent"),
        ("block after decision", ['challenge_decide = "PT1H"'],
         "challenge_block must not exceed challenge_decide"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(case: str, lines: list[str], told: str) -> None:
    [fault] = faults(*lines)
    assert told in fault.text, case
    shown = text("".join(f"{line}\n" for line in ("[casework]", *lines))).decode().split("\n")
    assert shown[fault.line - 1] == lines[0]


def test_the_line_is_that_of_the_table_though_another_table_has_the_word() -> None:
    raw = text('[casework]\nconsent = "P1M"\n').replace(
        b"[purposes]\n", b'[purposes]\nconsent = "To ask for consent."\n'
    )
    reading = read_treaty(raw)
    lines = raw.decode().split("\n")
    assert [lines[fault.line - 1] for fault in reading.faults] == ['consent = "P1M"']


def test_a_list_is_no_table() -> None:
    raw = text("").replace(b"+++\n", b"+++\ncasework = 3\n", 1)
    with pytest.raises(TreatyFaults, match="casework: must be a table"):
        parse_treaty(raw)


def test_what_changed_is_told_in_words() -> None:
    before = treaty()
    after = treaty("orders_automatic = false", 'order = "P2D"', "request_batch = 5")
    assert [line for line in diff_texts(before, after).front if line.startswith("casework")] == [
        "casework, orders automatic: yes → no",
        "casework, order: 3 days → 2 days",
        "casework, request batch: 100 → 5",
    ]


NAMES = [each.name for each in fields(CaseClocks)]


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.one_of(st.sampled_from(NAMES), st.text(max_size=12)),
        st.one_of(
            st.integers(-(2**63), 2**63 - 1),
            st.booleans(),
            st.text(max_size=12),
            st.sampled_from(["P3D", "PT1H", "P1M", "P0D", "P9999999D"]),
        ),
        max_size=6,
    )
)
def test_any_table_is_read_or_refused(values: dict[str, object]) -> None:
    def written(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, int) else repr(value)

    table = "".join(f"{key!r} = {written(value)}\n" for key, value in values.items())
    try:
        raw = text(f"[casework]\n{table}")
    except UnicodeEncodeError:
        return
    try:
        clocks = parse_treaty(raw).clocks
    except TreatyFaults:
        return
    assert clocks.request_life <= clocks.request_urgent <= clocks.request_routine
    assert 1 <= clocks.request_batch <= MAX_BATCH
    again = {
        name: duration_text(value)
        for name in NAMES
        if isinstance(value := getattr(clocks, name), timedelta)
    }
    lines = [f'{name} = "{value}"' for name, value in again.items()]
    lines += [f"{name} = {getattr(clocks, name)}" for name in ("request_batch", "requests_a_day")]
    assert treaty(*lines).clocks == replace(clocks, orders_automatic=True)
