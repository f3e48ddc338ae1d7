"""Challenges of persons and requests to see what is held, as typed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line


def test_a_challenge_is_taken_in_decided_and_forgotten(cli: Line, tmp_path: Path) -> None:
    words = tmp_path / "intake.txt"
    words.write_text("It is not hers.", encoding="utf-8")
    opened = cli.json(
        "challenge", "open", "DPO-17", "--value", "nobody@mail.example", "--words", str(words)
    )
    number = str(opened["number"])
    assert (opened["state"], opened["items"], opened["intake"]) == (
        "blocked",
        [],
        "It is not hers.",
    )
    assert opened["name"] in cli("challenge", "list").out
    assert "concerns nothing" in cli("challenge", "show", number).out
    letter = tmp_path / "receipt.txt"
    assert cli("challenge", "letter", number, "--out", str(letter)).code == Exit.DONE
    assert "DPO-17" in letter.read_text(encoding="utf-8")
    early = cli("challenge", "letter", number, "--outcome")
    assert early.code == Exit.REFUSED
    assert "nothing is decided yet" in early.err
    assert cli("challenge", "forget", number).code == Exit.REFUSED
    done = cli.json("challenge", "decide", number, "reject", "--reason", "looked")
    assert done["outcome"] == "rejected"
    again = cli("challenge", "decide", number, "uphold", "--reason", "looked")
    assert again.code == Exit.REFUSED
    assert "neither confirm nor deny" in cli("challenge", "letter", number, "--outcome").out
    wrong = cli("challenge", "decide", number, "correct", "--reason", "looked")
    assert "names the right versions" in wrong.err
    assert cli("challenge", "show", "99").code == Exit.NOT_FOUND
    assert cli("challenge", "block", number, "XA-2026-09999").code == Exit.REFUSED
    second = cli.json("challenge", "open", "DPO-18")
    taken_back = cli("challenge", "withdraw", str(second["number"]))
    assert "is withdrawn" in taken_back.out
    assert "No breaches" in cli("challenge", "breaches").out
    year = opened["received"][:4]
    figures = cli.json("challenge", "figures", year)
    assert figures["challenges"]["received"] == 2
    assert figures["challenges"]["withdrawn"] == 1
    assert "median days" in cli("challenge", "figures", year).out


def test_a_request_to_see_is_taken_in_searched_and_answered(cli: Line) -> None:
    opened = cli.json("challenge", "access", "open", "S-1", "--value", "nobody@mail.example")
    number = str(opened["number"])
    assert "S-1" in cli("challenge", "access", "list").out
    assert "answer by" in cli("challenge", "access", "open", "S-2", "--value", "x.example").out
    early = cli("challenge", "access", "answer", number)
    assert "does not follow" in early.err
    found = cli.json("challenge", "access", "search", number, "nobody@mail.example")
    assert (found["state"], found["found"]["here"]) == ("searched", [])
    assert "0 item versions" in (
        cli("challenge", "access", "search", number, "nobody@mail.example").out
    )
    assert cli("challenge", "access", "answer", number).code == Exit.DONE
    assert "nothing that we may tell" in (
        cli("challenge", "access", "letter", number, "--answer").out
    )
    assert cli("challenge", "access", "forget", number).code == Exit.DONE
    assert "is withdrawn" in cli("challenge", "access", "withdraw", "2").out
