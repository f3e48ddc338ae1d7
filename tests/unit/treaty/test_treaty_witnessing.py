"""The figures of witnessing in a treaty: what they may be, and what a change of them says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from foedus.model.identifiers import MemberId
from foedus.release.breadth import Severity
from foedus.release.check import check_treaty
from foedus.treaty.articles import Party, Treaty, Witnessing
from foedus.treaty.diff import diff_texts, witnessing_changes
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.faults import TreatyFaults
from foedus.treaty.parser import parse_treaty

GOLDEN = Path(__file__).parents[2] / "golden"
BILATERAL = (GOLDEN / "treaty" / "bilateral.md").read_text(encoding="utf-8")
NAMES = "ABCDEFGH"


def parties(number: int) -> list[Party]:
    return [
        Party(
            member=MemberId(f"X{letter}"),
            name=f"Member {letter}",
            authority=" ".join([letter * 4] * 8),
        )
        for letter in NAMES[:number]
    ]


def text(number: int, table: str) -> bytes:
    """Return the sample text for so many members, with this table of witnessing."""
    sample = sample_text().replace(b"ratifications = 4", b"ratifications = 1")
    given = b'[witnessing]\nliars = 1\nunwitnessed = "P1D"\n'
    assert given in sample
    sample = sample.replace(given, table.encode())
    return fill_parties(sample, parties(number), exercise=True, depositary=MemberId("XA"))


def table(liars: object = 0, unwitnessed: str = "P1D") -> str:
    return f'[witnessing]\nliars = {liars}\nunwitnessed = "{unwitnessed}"\n'


def treaty(number: int, given: str) -> Treaty:
    return parse_treaty(text(number, given))


def faults(number: int, given: str) -> list[str]:
    with pytest.raises(TreatyFaults) as caught:
        treaty(number, given)
    return [fault.text for fault in caught.value.faults]


def test_without_the_table_nothing_is_agreed() -> None:
    assert treaty(6, "").witnessing is None
    assert parse_treaty(BILATERAL.encode()).witnessing is None


def test_the_sample_says_one_of_five_and_a_day_in_figures_and_words() -> None:
    sample = parse_treaty(
        fill_parties(sample_text(), parties(6), exercise=True, depositary=MemberId("XA"))
    )
    assert sample.witnessing == Witnessing(liars=1, unwitnessed=timedelta(days=1))
    words = " ".join(next(each for each in sample.articles if each.id == "22").text.split())
    assert "more than half of a number greater by one than theirs" in words
    assert "stood for one day without being witnessed" in words


@pytest.mark.parametrize(
    ("case", "members", "liars"),
    [
        ("each is the other's only witness", 2, 0),
        ("three members, nobody may lie", 3, 0),
        ("five members, one may lie", 5, 1),
        ("eight members, two may lie", 8, 2),
    ],
)
def test_figures_that_a_quorum_can_meet(case: str, members: int, liars: int) -> None:
    found = treaty(members, table(liars, "PT36H")).witnessing
    assert found == Witnessing(liars=liars, unwitnessed=timedelta(hours=36)), case


@pytest.mark.parametrize(
    ("case", "members", "given", "words"),
    [
        ("a member alone", 1, table(0), "leave the table out"),
        ("the only witness may lie", 2, table(1), "at most 0 may"),
        ("one of three may lie", 4, table(1), "of the 4 members listed each has 3"),
        ("two of five may lie", 6, table(2), "at most 1 may"),
        ("fewer than none", 6, table(-1), "must be from 0 to 1000"),
        ("more than there could be", 6, table(1001), "must be from 0 to 1000"),
        ("a share of them", 6, table("1.5"), "liars: must be a whole number"),
        ("yes", 6, table("true"), "liars: must be a whole number"),
        ("a number of seconds", 6, table(1, "86400"), "unwitnessed: not a duration"),
        ("no time at all", 6, table(1, "P0D"), "unwitnessed: must be some time"),
        ("half a table", 6, "[witnessing]\nliars = 1\n", "unwitnessed: is missing"),
        ("the other half", 6, '[witnessing]\nunwitnessed = "P1D"\n', "liars: is missing"),
        ("more than the table has", 6, table() + "colour = 1\n", "witnessing.colour: is not a key"),
    ],
)
def test_figures_that_are_refused(case: str, members: int, given: str, words: str) -> None:
    [found] = faults(members, given)
    assert words in found, case


def test_the_table_is_a_table_and_a_fault_stands_at_its_line() -> None:
    raw = text(6, "").replace(b"+++\n", b"+++\nwitnessing = 1\n", 1)
    with pytest.raises(TreatyFaults, match="witnessing: must be a table"):
        parse_treaty(raw)
    raw = text(6, table(1)).replace(b"liars = 1", b"liars = 2")
    [finding] = check_treaty(raw).findings
    assert raw.split(b"\n")[finding.line - 1] == b"liars = 2"


def test_of_a_treaty_of_two_it_is_noted_that_it_proves_less() -> None:
    [told] = [
        each for each in check_treaty(text(2, table())).findings if "only witness" in each.text
    ]
    assert told.severity is Severity.NOTE
    assert told.text.startswith("XA and XB are each the only witness of the other's log")
    for raw in (text(2, ""), text(3, table())):
        assert not [each for each in check_treaty(raw).findings if "only witness" in each.text]


@pytest.mark.parametrize(
    ("case", "old", "new", "lines"),
    [
        ("none before", "", table(1), ["witnessing: no quorum, no limit → 1 may lie, unwitnessed "
                                       "for at most 1 day"]),
        ("none after", table(1), "", ["witnessing: 1 may lie, unwitnessed for at most 1 day → no "
                                      "quorum, no limit"]),
        ("fewer liars", table(1), table(0), ["witnesses that may lie: 1 → 0"]),
        ("a longer limit", table(1), table(1, "P2D"), ["how long an entry may be unwitnessed: "
                                                       "1 day → 2 days"]),
        ("nothing", table(1), table(1), []),
        ("nothing of nothing", "", "", []),
    ],
)  # fmt: skip
def test_a_change_of_the_figures_is_told(case: str, old: str, new: str, lines: list[str]) -> None:
    before, after = treaty(6, old), treaty(6, new)
    assert list(witnessing_changes(before, after)) == lines, case
    assert set(lines) <= set(diff_texts(before, after).front)
