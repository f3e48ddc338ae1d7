"""What commands say about orders carried out, kept items, opinions and notes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from foedus.casework.attestation import Kept, ReservedGround
from foedus.cli.items import _words_text
from foedus.cli.wording import kept_in_words, went_in_words


def test_what_went_is_named_before_it_is_counted() -> None:
    assert went_in_words({"versions": 2, "bytes": 1}) == ["bytes: 1", "versions: 2"]


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (Kept(ground=ReservedGround("court-file"), items=2), "kept for court-file: 2"),
        (
            Kept(
                ground=ReservedGround("backup"),
                items=0,
                until=datetime(2026, 12, 24, tzinfo=UTC),
            ),
            "kept for backup",
        ),
    ],
)
def test_what_stands_in_a_backup_is_not_counted(kept: Kept, said: str) -> None:
    assert kept_in_words(kept) == said


def test_an_opinion_shows_its_words_and_what_it_is_about() -> None:
    opinion = {"type": "opinion", "explanation": "a bakery's\n\naccount", "object_refs": ["x--1"]}
    assert _words_text(opinion) == ["  about x--1", "  | a bakery's", "  | account"]


def test_a_note_shows_its_content() -> None:
    assert _words_text({"type": "note", "content": "nothing is held"}) == ["  | nothing is held"]


def test_other_items_show_no_words() -> None:
    assert _words_text({"type": "report", "description": "long", "content": "x"}) == []
