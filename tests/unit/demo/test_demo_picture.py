from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from foedus.demo.outcome import Outcome
from foedus.demo.picture import show


def _drawn(outcome: Outcome, width: int = 118) -> str:
    file = io.StringIO()
    show(outcome, Console(file=file, width=width, highlight=False))
    return file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 118, 200])
def test_the_picture_fits_its_width(outcome: Outcome, width: int) -> None:
    assert max(len(line) for line in _drawn(outcome, width).splitlines()) <= width


@pytest.mark.parametrize(
    "phrase",
    [
        "EXERCISE",
        "Dovania (XD) reserves Article 8",
        "yes · 8",
        "no · 8",
        "in part · 11",
        "officer · 10",
        "Article 11 removes numbers of identity documents",
        "XD: Article 8 is reserved by XD",
        "1 from every member: an officer must first approve",
        "went back, Article 13",
        "stays at XF: Article 13 is reserved by XF",
        "not yet: the originator has not consented",
        "XA sees it beside its own XA-2026-00001",
        "and refused: the receipt does not hold",
        "line 4: no iban",
        "1 items: article 8 is reserved by XD",
        "nothing: no item here relies on Article 8",
        "answered with EX1203344",
        "drafted by nadia",
        "urgent: 25 Nov 04:00",
        "XA-O-2026-00002",
        "recall",
        "8 s, breach 1",
        "04:00:23",
        "was down",
        "XE carried out XA-O-2026-00002 after it was due",
        "left at XA, XB, XC, XE, XF",
        "XD has the same number from an inquiry of its own",
        "entering the old file again at XA: recalled under an order",
        "Every step held: 12 checks",
    ],
)
def test_the_picture_says(outcome: Outcome, phrase: str) -> None:
    assert phrase in _drawn(outcome)


def test_each_member_has_a_column_where_there_is_room(outcome: Outcome) -> None:
    assert "XB XC XE XF" not in _drawn(outcome, 118)
    assert "XB XC XE XF" in _drawn(outcome, 80)


def test_a_run_that_broke_off_shows_what_it_got_to_and_why() -> None:
    outcome = Outcome()
    drawn = _drawn(outcome)
    assert "EXERCISE" in drawn
    assert "What can be proved" not in drawn


def test_a_failure_is_named(outcome: Outcome) -> None:
    outcome.steps[0] = replace(outcome.steps[0], failures=("the digests differ",))
    drawn = _drawn(outcome)
    assert "NOT every step held" in drawn
    assert "all of it: the digests differ" in drawn
    assert "Every step held" not in drawn


def test_own_files_are_not_called_invented(outcome: Outcome) -> None:
    outcome.shipped = False
    assert "The files are yours" in _drawn(outcome)


def test_words_from_files_are_never_taken_for_markup(outcome: Outcome) -> None:
    outcome.passed_on[0] = replace(outcome.passed_on[0], title="[red]a[/nothing]")
    outcome.entered[0] = replace(outcome.entered[0], name="[bold]x[/y].csv")
    outcome.refused_files.append("[/z].csv: unreadable")
    drawn = _drawn(outcome)
    assert "[red]a[/nothing]" in drawn
    assert "[/z].csv" in drawn


def test_the_document_is_json_and_names_what_it_comes_to(outcome: Outcome) -> None:
    document = json.loads(json.dumps(outcome.document()))
    assert document["exercise"] is True
    assert document["held"] is True
    assert document["verdicts"] == {
        "deny": 1,
        "needs-approval": 5,
        "permit": 4,
        "permit-redacted": 5,
    }
    assert document["previewed"][0]["cells"]["XD"]["why"] == "article 8 is reserved by XD"
