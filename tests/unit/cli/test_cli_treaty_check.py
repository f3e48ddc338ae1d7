"""``treaty check`` and ``treaty diff``: everything wrong at once, what changed in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.cli.exits import Exit
from foedus.cli.findings import WIDTH, findings_text
from foedus.release.breadth import Severity
from foedus.release.check import Finding

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line, Made

GOLDEN = Path(__file__).parents[2] / "golden" / "release" / "small-treaty.md"
TEXT = GOLDEN.read_text("utf-8")


@pytest.fixture(name="faulty")
def _faulty(tmp_path: Path) -> Path:
    file = tmp_path / "faulty.md"
    text = TEXT.replace('freshness_online = "P7D"', 'freshness_on = "P7D"')
    text = text.replace("{ resource.neutral }", "{ resource.neutrl }")
    text = text.replace('tlp == "red"', 'tlp == "rde"')
    file.write_text(text + "\n## Articel 11 — Late\n", "utf-8")
    return file


@pytest.fixture(name="newer")
def _newer(tmp_path: Path) -> Path:
    file = tmp_path / "newer.md"
    text = TEXT.replace('@retain("P365D")', '@retain("P180D")')
    text = text.replace('["clear", "green", "amber"]', '["clear", "green"]')
    text = text.replace("Who gave an item may be told", "Who gave an item is told")
    file.write_text(text.replace('ratifications = 2', 'ratifications = 3'), "utf-8")  # fmt: skip
    return file


def test_every_fault_is_told_at_once_with_its_place(bare: Line, faulty: Path) -> None:
    said = bare("treaty", "check", faulty)
    assert said.code == Exit.REFUSED
    lines = faulty.read_text("utf-8").split("\n")
    heads = [line for line in said.err.split("\n") if line.startswith(str(faulty))]
    assert len(heads) == 5
    for word in ("freshness_on", "freshness_online", "resource.neutrl", '"rde"', "Articel"):
        assert word.split(".")[-1].strip('"') in said.err
    place = next(head for head in heads if "neutrl" in head).removeprefix(f"{faulty}:")
    line, column = (int(each) for each in place.split(":")[:2])
    assert lines[line - 1][column - 1 :].startswith("neutrl")
    assert "did you mean neutral?" in said.err
    assert said.err.endswith("5 faults\n")


def test_the_line_is_shown_with_a_caret(bare: Line, faulty: Path) -> None:
    said = bare("treaty", "check", faulty).err.split("\n")
    at = next(number for number, line in enumerate(said) if "neutrl` on" in line)
    assert said[at + 1][said[at + 2].index("^") :].startswith("neutrl")


def test_programs_get_every_finding(bare: Line, faulty: Path) -> None:
    said = bare("--json", "treaty", "check", faulty)
    assert said.code == Exit.REFUSED
    assert said.json["treaty"] is None
    assert said.json["articles"] == []
    assert {frozenset(each) for each in said.json["findings"]} == {
        frozenset({"severity", "line", "column", "article", "rule", "text"})
    }


def test_warnings_alone_are_no_refusal(bare: Line) -> None:
    said = bare("treaty", "check", GOLDEN)
    assert said.code == Exit.DONE
    assert "warning: rule 6/1" in said.err
    assert said.err.endswith("6 warnings\n")
    assert said.out.startswith("Small Treaty for Tests of Release\n")
    assert "\nno faults, 6 warnings\n" in said.out


def test_notes_are_told_when_asked_for(bare: Line, tmp_path: Path) -> None:
    file = tmp_path / "idle.md"
    rule = 'when { resource.handling.containsAny(["H2", "H3"]) }'
    assert rule in TEXT
    file.write_text(TEXT.replace(rule, 'when { resource.tlp == "red" }'), "utf-8")
    quiet, told = bare("treaty", "check", file), bare("treaty", "check", "--notes", file)
    assert quiet.code == told.code == Exit.DONE
    assert "note:" not in quiet.err
    assert "note: rule 5/2: the prohibition stands against nothing" in told.err
    assert "1 note, 6 warnings\n" in told.err


def test_a_text_known_here_is_named_by_its_id(cli: Line, made: Made, tmp_path: Path) -> None:
    known = cli.json("treaty", "list")["treaties"][0]["treaty"]
    other = tmp_path / "other.md"
    other.write_text(made.treaty.read_text("utf-8") + "\n", "utf-8")
    said = cli("treaty", "diff", known, other)
    assert said.code == Exit.DONE
    assert len(known) == 64
    assert said.out.startswith(known[:12])


def test_a_file_that_is_no_treaty_is_told_so(bare: Line, tmp_path: Path) -> None:
    file = tmp_path / "long.md"
    file.write_bytes(b"x" * (1024 * 1024 + 5))
    said = bare("treaty", "check", file)
    assert said.code == Exit.REFUSED
    assert said.err.startswith(f"{file}: fault: a treaty file is at most")


def test_a_terminal_is_not_obeyed() -> None:
    finding = Finding(
        severity=Severity.FAULT, line=1, column=150, article="7", rule="", text="a\x1b[2J"
    )
    text = findings_text("x.md", b"\x1b[31m" + b"y" * 300, [finding])
    assert text.isprintable() is False  # for its line feeds only
    assert all(line.isprintable() for line in text.split("\n"))
    assert "fault: Article 7: a·[2J" in text
    assert max(map(len, text.split("\n"))) <= WIDTH + 4
    assert findings_text("x.md", b"", []) == ""


def test_what_changed_is_told_in_words(bare: Line, newer: Path) -> None:
    said = bare("treaty", "diff", GOLDEN, newer)
    assert said.code == Exit.DONE
    for line in (
        "  ratifications needed: 2 → 3",
        "  rule 4/1: keep 365 days → 180 days",
        "    +Who gave an item is told of it.",
        "  Article 4: lets through what it did; obligations tighter",
        "  Article 6: narrows: it no longer lets through all that it did",
        "  Article 8: its words changed; its rules are the same",
    ):
        assert line in said.out.split("\n")


def test_what_changed_is_told_to_programs(bare: Line, newer: Path) -> None:
    found = bare.json("treaty", "diff", GOLDEN, newer)
    assert [each["article"] for each in found["articles"]] == ["4", "6", "8"]
    assert found["articles"][1]["reach"] == "narrows"
    assert found["articles"][2]["reach"] is None
    assert found["front"] == ["ratifications needed: 2 → 3"]


def test_one_text_is_one_text(bare: Line, tmp_path: Path) -> None:
    assert "byte for byte" in bare("treaty", "diff", GOLDEN, GOLDEN).out
    other = tmp_path / "spaced.md"
    other.write_text(TEXT + "\n\n", "utf-8")
    assert "Nothing that binds changed" in bare("treaty", "diff", GOLDEN, other).out


def test_articles_that_come_and_go_are_told(bare: Line, tmp_path: Path) -> None:
    other = tmp_path / "moved.md"
    other.write_text(TEXT.replace("## Article 10 —", "## Article 11 —"), "utf-8")
    said = bare("treaty", "diff", GOLDEN, other).out
    assert "Article 10 — Life in danger (removed)" in said
    assert "  Article 11: added; widens: it lets through what it did not" in said


def test_a_faulty_text_is_not_compared(bare: Line, faulty: Path) -> None:
    said = bare("treaty", "diff", GOLDEN, faulty)
    assert said.code == Exit.REFUSED
    assert "freshness_on" in said.err


def test_a_text_with_faults_is_not_adopted_and_each_is_told(cli: Line, faulty: Path) -> None:
    before = cli.json("treaty", "list")
    said = cli("treaty", "adopt", faulty)
    assert said.code == Exit.REFUSED
    assert not said.out
    faults = cli("treaty", "check", faulty).err
    assert f"{faulty}:" in faults
    assert said.err == f"{faults}nothing was adopted\n"
    assert cli.json("treaty", "list") == before


def test_an_analyst_is_not_told_of_faults_but_of_the_role(cli: Line, faulty: Path) -> None:
    assert cli("--as", "ana", "treaty", "adopt", faulty).code == Exit.DENIED


def test_a_second_adoption_says_so(cli: Line, made: Made) -> None:
    said = cli("treaty", "adopt", made.treaty)
    assert said.code == Exit.DONE
    assert said.out.startswith("It was adopted already, and nothing changed: Accord between")
    assert cli.json("treaty", "adopt", made.treaty)["new"] is False


def test_the_list_says_kind_and_state(cli: Line, bare: Line, made: Made) -> None:
    [row] = cli.json("treaty", "list")["treaties"]
    assert len(row["treaty"]) == 64
    assert (row["kind"], row["state"]) == ("exercise", "not in force")
    said = cli("treaty", "list").out
    assert row["treaty"][:12] in said
    assert row["treaty"] not in said
    empty = replace(bare, data=made.b)("treaty", "list")
    assert empty.out == "No treaty is known here; `foedus treaty adopt FILE` adds one.\n"


def test_the_text_is_shown_to_programs_as_json(cli: Line, made: Made) -> None:
    found = cli.json("treaty", "show")
    assert set(found) == {"treaty", "title", "text"}
    assert found["text"].encode() == made.treaty.read_bytes()
