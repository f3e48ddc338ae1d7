"""``preview --why``, ``preview`` with something supposed, ``explain``: what they print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line, Made

ID = "indicator--00000000-0000-4000-8000-000000000001"
WISH = ("preview", ID, "--purpose", "prevention")
NOTHING_WRITTEN = "Nothing was written; this is no decision."

SUPPOSED: list[tuple[str, tuple[str, ...], str]] = [
    ("B ratified", ("--as-if-ratified", "XB"), "XB has ratified, without a reservation"),
    ("A reserved nothing", ("--without-reservation", "XA:2"), "XA does not reserve article 2"),
    ("marked red", ("--tlp", "red"), "every item is marked TLP:RED"),
    ("next year", ("--on", "2027-11-24"), "it is 2027-11-24T00:00:00Z"),
    ("consented", ("--as-if-consented",), "the originators have consented"),
    ("approved", ("--as-if-approved", "1"), "1 person has approved each item"),
    (
        "both",
        ("--as-if-ratified", "XB", "--without-reservation", "XA:2"),
        "XA does not reserve article 2",
    ),
]


@pytest.mark.parametrize(
    ("options", "words"), [each[1:] for each in SUPPOSED], ids=[each[0] for each in SUPPOSED]
)
def test_what_is_supposed_is_told_and_that_nothing_was_written(
    options: tuple[str, ...], words: str, cli: Line
) -> None:
    said = cli(*WISH, *options)
    assert said.code == Exit.DONE, said.err
    assert said.out.startswith("If, under ")
    assert words in said.out
    assert said.out.endswith(f"\n{NOTHING_WRITTEN}\n")
    found = cli.json(*WISH, *options)
    assert found["note"] == NOTHING_WRITTEN
    assert any(words in each for each in found["supposed"])
    assert [each["member"] for each in found["members"]] == ["XB"]


def test_who_was_never_heard_from_gains_nothing_by_ratifying(cli: Line) -> None:
    options = ("--as-if-ratified", "XB", "--without-reservation", "XA:2")
    found = cli.json(*WISH, *options)
    [member] = found["members"]
    assert (member["sees_now"], member["sees_then"], member["changed"]) == (0, 0, {})
    assert member["unchanged"] == 1
    assert "1 unchanged" in cli(*WISH, *options).out


def test_another_text_is_read_from_a_file(cli: Line, made: Made, tmp_path: Path) -> None:
    same = cli.json(*WISH, "--treaty-file", made.treaty)
    assert (same["changes"], same["notes"]) == ([], [])
    broken = tmp_path / "broken.md"
    broken.write_text("# No treaty", encoding="utf-8")
    said = cli(*WISH, "--treaty-file", broken)
    assert said.code == Exit.REFUSED
    assert said.err.startswith("foedus: ")


USAGE: list[tuple[str, tuple[str, ...], Exit, str]] = [
    ("no article", ("--with-reservation", "XB"), Exit.USAGE, "such as XB:7"),
    ("no date", ("--on", "soon"), Exit.USAGE, "no date"),
    ("no level", ("--tlp", "white"), Exit.USAGE, "is not one of"),
    ("no member", ("--as-if-ratified", "XZ"), Exit.REFUSED, "neither listed"),
    ("no file", ("--treaty-file", "nowhere.md"), Exit.USAGE, "does not exist"),
    ("no reservation", ("--without-reservation", "XB:2"), Exit.REFUSED, "does not reserve"),
]


@pytest.mark.parametrize(
    ("options", "code", "words"), [each[1:] for each in USAGE], ids=[each[0] for each in USAGE]
)
def test_what_cannot_be_supposed(
    options: tuple[str, ...], code: Exit, words: str, cli: Line
) -> None:
    said = cli(*WISH, *options)
    assert said.code == code
    assert words in said.err
    assert not said.out


def test_why_tells_every_reason_and_what_would_change_it(cli: Line) -> None:
    said = cli(*WISH, "--why")
    assert "→ XB: not given: " in said.out
    assert "    would change if " in said.out
    [row] = cli.json(*WISH, "--why")["decisions"]
    assert row["changes"]
    for change in row["changes"]:
        assert set(change) == {"text", "steps", "verdict", "article"}
        assert change["steps"]
    assert "changes" not in cli.json(*WISH)["decisions"][0]


@pytest.mark.parametrize("command", [("explain",), ("treaty", "explain")], ids=" ".join)
def test_one_item_and_one_member_explained(command: tuple[str, ...], cli: Line) -> None:
    said = cli(*command, ID, "--to", "XB")
    assert said.code == Exit.DONE, said.err
    for words in (
        "to XB, for prevention, under ",
        "The item:",
        "The law between XA and XB:",
        "is reserved by XA",
        "Each article that permits something, relied on alone:",
        "What follows:\n  not given\n  because ",
        "would change if ",
    ):
        assert words in said.out, words
    found = cli.json(*command, ID, "--to", "XB")
    assert found["decision"]["verdict"] == "deny"
    assert found["law"]["reserved"] == {"2": ["XA"]}
    assert found["given"] == []
    assert found["changes"]


def test_an_explanation_is_of_one_item_that_is_held(cli: Line) -> None:
    draft = cli("explain", "identity--00000000-0000-4000-8000-000000000002", "--to", "XB")
    assert draft.code == Exit.REFUSED
    assert "none of these is held" in draft.err
    absent = cli("explain", "XA-2026-99999", "--to", "XB")
    assert absent.code == Exit.NOT_FOUND
    stranger = cli("explain", ID, "--to", "XZ")
    assert stranger.code == Exit.REFUSED


def test_an_explanation_of_another_day(cli: Line) -> None:
    found = cli.json("explain", ID, "--to", "XB", "--on", "2027-03-01", "--purpose", "prevention")
    assert found["at"] == "2027-03-01T00:00:00.000000Z"
