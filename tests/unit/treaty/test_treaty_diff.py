"""What changed between two versions of a treaty, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from foedus.treaty.articles import FinalClauses, Share, Treaty
from foedus.treaty.diff import MAX_LINES_COMPARED, Kind, diff_texts
from foedus.treaty.durations import length_text
from foedus.treaty.parser import parse_treaty

RAW = (Path(__file__).parents[2] / "golden" / "release" / "small-treaty.md").read_text("utf-8")


def changed(*pairs: tuple[str, str]) -> Treaty:
    text = RAW
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return parse_treaty(text.encode())


def front(*pairs: tuple[str, str]) -> tuple[str, ...]:
    return diff_texts(parse_treaty(RAW.encode()), changed(*pairs)).front


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("Small Treaty for Tests", "Small Treaty for Two", "title: Small Treaty for Tests of"),
        ('exercise = true', 'exercise = false', "exercise: yes → no"),
        ('depositary = "XA"', 'depositary = "XB"', "depositary: XA → XB"),
        ("ratifications = 2", "ratifications = 3", "ratifications needed: 2 → 3"),
        ('delay = "P0D"', 'delay = "P30D"', "delay of entry into force: no time → 30 days"),
        ('online = "P7D"', 'online = "PT36H"', "freshness online: 7 days → 1 day 12 hours"),
        ("To prevent.", "To stop.", "purpose prevention was “To prevent.” and is “To stop.”"),
        ('name = "Beland"', 'name = "Borland"', "name of XB: Beland → Borland"),
        ("BBBB", "BBBC", "authority key of XB: BBBB"),
        (
            'financing = "Giving funds."',
            'financing = "Giving funds."\ntravel = "Going."',
            "offence added: travel: Going.",
        ),
        ('recruitment = "Winning people over."\n', "", "offence removed: recruitment"),
    ],
)  # fmt: skip
def test_front_matter_is_compared_in_words(old: str, new: str, line: str) -> None:
    told = front((old, new))
    assert any(each.startswith(line) for each in told), told


def test_members_join_and_leave() -> None:
    told = front(('member = "XC"\nname = "Celand"', 'member = "XD"\nname = "Deland"'))
    assert told == ("member joined: XD (Deland)", "member left: XC (Celand)")


def test_final_clauses_are_compared() -> None:
    old = parse_treaty(RAW.encode())
    clauses = FinalClauses(
        accession=Share.ALL,
        late_reservations=True,
        objection_period=timedelta(days=30),
        residual=(),
    )
    assert diff_texts(old, replace(old, clauses=clauses)).front == (
        "accession: none → all",
        "late reservations: no → yes",
        "objection period: 365 days → 30 days",
        "residual: every article that admits no reservation → none",
    )


def test_articles_are_added_removed_retitled_and_reworded() -> None:
    old = parse_treaty(RAW.encode())
    new = changed(
        ("## Article 1 — Neutrality", "## Article 1 — No side"),
        ("What is marked red stays, but for a life in danger.", "What is marked red stays."),
        ("## Article 8 — Sightings", "## Article 8bis — Sightings"),
        ('"7", "8", "9"]', '"8bis", "9"]'),
    )
    found = {each.article: each for each in diff_texts(old, new).articles}
    assert list(found) == ["1", "2", "3", "4", "5", "6", "7", "8", "8bis", "9", "10"]
    assert found["1"].notes == ("the title was “Neutrality”",)  # type: ignore[index]
    assert found["2"].lines == (  # type: ignore[index]
        "@@ -1 +1 @@",
        "-What is marked red stays, but for a life in danger.",
        "+What is marked red stays.",
    )
    assert found["3"].kind is Kind.KEPT  # type: ignore[index]
    assert found["7"].notes == ("it no longer admits a reservation",)  # type: ignore[index]
    assert found["8"].kind is Kind.REMOVED  # type: ignore[index]
    assert found["8bis"].kind is Kind.ADDED  # type: ignore[index]
    assert found["8bis"].notes == ("it admits a reservation",)  # type: ignore[index]
    back = {each.article: each for each in diff_texts(new, old).articles}
    assert back["7"].notes == ("it now admits a reservation",)  # type: ignore[index]


def test_a_very_long_article_is_not_compared_line_by_line() -> None:
    long = "Words.\n\n" * MAX_LINES_COMPARED
    new = changed(("What is not neutral stays.", long))
    first = diff_texts(parse_treaty(RAW.encode()), new).articles[0]
    assert len(first.lines) == 1
    assert "too long" in first.lines[0]


def test_one_text_has_no_changes() -> None:
    treaty = parse_treaty(RAW.encode())
    changes = diff_texts(treaty, treaty)
    assert changes.front == ()
    assert {each.kind for each in changes.articles} == {Kind.KEPT}


def test_lengths_of_time_are_told_in_words() -> None:
    assert length_text(timedelta(0)) == "no time"
    assert length_text(timedelta(days=1, minutes=2)) == "1 day 2 minutes"
