from __future__ import annotations

import pytest

from foedus.demo.outcome import Cell
from foedus.demo.wording import cell_words, kinds_words, reason_words, redaction_words


@pytest.mark.parametrize(
    ("types", "words"),
    [
        ([], ""),
        (["url"], "1 link"),
        (["identity", "url", "identity"], "2 persons and groups, 1 link"),
        (["x-unheard-of", "x-unheard-of"], "2 x unheard ofs"),
    ],
)
def test_kinds_are_counted_in_plain_words(types: list[str], words: str) -> None:
    assert kinds_words(types) == words


@pytest.mark.parametrize(
    ("verdict", "article", "words"),
    [
        ("permit", "7", "yes · 7"),
        ("permit-redacted", "11", "in part · 11"),
        ("needs-approval", "10", "officer · 10"),
        ("needs-consent", "8", "consent · 8"),
        ("deny", "", "no"),
        ("unheard-of", "", "unheard-of"),
    ],
)
def test_a_decision_fits_a_narrow_column(verdict: str, article: str, words: str) -> None:
    assert cell_words(Cell(verdict=verdict, article=article, why="")) == words


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        ("denied", "article 8 is reserved by XD", "Article 8 is reserved by XD"),
        (
            "redaction",
            "the object is itself what must be removed (iban)",
            "nothing would be left of it: IBANs must be removed",
        ),
        (
            "needs-approval",
            "approvals needed: 1, given: 0",
            "an officer must first approve exactly this item for exactly this member",
        ),
        ("denied", "something new", "something new"),
    ],
)
def test_a_reason_is_said_as_one_would(code: str, reason: str, words: str) -> None:
    assert reason_words(code, reason) == words


def test_an_unknown_redaction_is_shown_as_it_is() -> None:
    assert redaction_words(["kind:iban", "kind:new"]) == "IBANs, kind:new"
