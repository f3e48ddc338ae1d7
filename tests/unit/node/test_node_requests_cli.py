"""`foedus request` at two desks: what people type, what they are told, what is read is logged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from foedus.cli.app import Session
from foedus.cli.request import request
from foedus.node.errors import NotFoundError, RefusedError

BASIS = ("--purpose", "prevention", "--offence", "financing", "--legal-basis", "Act 1")


class Desk:
    """The command line of one member of the pair."""

    def __init__(self, pair: Any, member: Any, capture: pytest.CaptureFixture[str]) -> None:
        self.pair, self.member, self.capture = pair, member, capture

    def __call__(self, *arguments: str, user: str = "", as_json: bool = False) -> str:
        session = Session(data=None, user=user, as_json=as_json, _wired=self.member.wired)
        self.code = request.main(
            list(arguments), obj=session, standalone_mode=False, prog_name="request"
        )
        return self.capture.readouterr().out

    def json(self, *arguments: str, user: str = "") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self(*arguments, user=user, as_json=True))
        return found


@pytest.fixture(name="desks")
def _desks(pair: Any, capsys: pytest.CaptureFixture[str]) -> tuple[Desk, Desk]:
    return Desk(pair, pair.a, capsys), Desk(pair, pair.b, capsys)


def test_ask_and_answer_on_the_command_line(desks: tuple[Desk, Desk]) -> None:
    ours, theirs = desks
    pair = ours.pair
    [held] = pair.b.held(pair.indicator(1, "bad1.example"))
    assert ours("list") == "No requests.\n"
    assert theirs("inbox") == "Nobody waits for an answer.\n"

    told = ours("template", "set", "domains", *BASIS)
    assert "kept" in told
    assert "legal_basis Act 1" in ours("template", "list")
    told = ours("draft", "--to", "XB", "--value", "bad1.example", "--template", "domains")
    assert "request 1 (XA-R-2026-00001) to XB drafted, 1 values" in told
    assert "Next: `foedus request approve 1" in told
    told = ours("approve", "1", "--neutrality", "technical signs")
    assert "due 2026-12-04 10:00 UTC" in told
    told = ours("preview", "XA-R-2026-00001")
    assert "XB would see exactly this" in told
    assert "asks about domain:bad1.example" in told
    assert "permit" in told
    assert "is sent; XB is to answer" in ours("send", "1")

    pair.pull(pair.b)
    inbox = theirs("inbox")
    assert "XA-R-2026-00001" in inbox
    assert "10 d 0 h" in inbox
    shown = theirs("show", "1")
    with pair.b.database.read() as tx:
        number = str(tx.items.rows([held])[0].number)
    assert f"{number} (XB)" in shown
    answered = theirs("answer", "1", number)
    assert "is answered: 1 given, 0 withheld" in answered
    assert theirs("inbox") == "Nobody waits for an answer.\n"

    pair.pull(pair.a)
    view = ours.json("show", "1")
    assert (view["state"], view["answers"][0]["number"] is not None) == ("answered", True)
    assert "is closed" in ours("close", "1", "--useful", "5", "--feedback", "confirmed")
    assert ours("list") == "No requests.\n"
    listed = ours.json("list", "--state", "all")
    assert [each["state"] for each in listed["requests"]] == ["closed"]
    assert "removed" in ours("template", "remove", "domains")
    pair.pull(pair.b)
    assert "of use: 5 of 5 confirmed" in theirs("show", "1")


def test_what_stays_is_told_with_its_reason(desks: tuple[Desk, Desk]) -> None:
    ours, _ = desks
    ours("draft", "--to", "XB", "--value", "domain:bad1.example", *BASIS)
    ours("approve", "1")
    told = ours("preview", "1")
    assert "deny" in told
    assert "stays here" in ours("send", "1")
    assert ours.code == 1
    assert "withdrawn" in ours("withdraw", "1")


def test_an_answer_in_words_only_a_desk_may_say(desks: tuple[Desk, Desk]) -> None:
    ours, theirs = desks
    ours("draft", "--to", "XB", "--text", "What is known of this kind of thing?", *BASIS)
    ours("approve", "1", "--neutrality", "no person is named")
    ours("send", "1")
    ours.pair.pull(ours.pair.b)
    assert "is due 2026-12-14" in theirs("extend", "1")
    assert "is refused: harm" in theirs("refuse", "1", "--ground", "harm")
    ours.pair.pull(ours.pair.a)
    assert "refused: harm" in ours("show", "1")


def test_nothing_held_is_said_by_a_note_through_the_gate(desks: tuple[Desk, Desk]) -> None:
    ours, theirs = desks
    pair = ours.pair
    ours("draft", "--to", "XB", "--value", "bad9.example", *BASIS)
    with pytest.raises(RefusedError, match="one of ours"):
        ours("reply", "1", "--text", "Nothing.")
    ours("approve", "1", "--neutrality", "technical signs")
    ours("send", "1")
    pair.pull(pair.b)
    drafted = theirs.json("reply", "1", "--text", "Nothing is held on it.")
    with pytest.raises(RefusedError, match="drafted before"):
        theirs("reply", "1", "--text", "Nothing is held on it.")
    with pytest.raises(RefusedError, match="none of these is held"):
        theirs("answer", "1", drafted["number"])
    with pair.b.database.read() as tx:
        pair.b.vouch(tx.items.by_object_id(drafted["id"]))
    assert "is answered: 1 given" in theirs("answer", "1", drafted["number"])
    pair.pull(pair.a)
    [given] = ours.json("show", "1")["answers"]
    assert given["id"] == drafted["id"]
    assert given["number"]


def test_several_members_and_a_file_of_values(desks: tuple[Desk, Desk], tmp_path: Path) -> None:
    ours, _ = desks
    file = tmp_path / "values.txt"
    file.write_text("bad1.example\n\nbad2.example\n", encoding="utf-8")
    found = ours.json("draft", "--to", "XB", "--to", "XB", "--values", str(file), *BASIS)
    assert [each["selectors"] for each in found["requests"]] == [2, 2]


@pytest.mark.parametrize(
    ("case", "arguments", "told"),
    [
        ("nobody", ("--value", "bad1.example", *BASIS), "whom to ask"),
        ("no basis", ("--to", "XB", "--value", "bad1.example"), "on what basis"),
        ("no value", ("--to", "XB", "--value", "?", *BASIS), "no value of a kind"),
        ("a bad value", ("--to", "XB", "--value", "ipv4:999.1.1.1", *BASIS), "ipv4:999"),
        ("past", ("--to", "XB", "--value", "bad1.example", "--review", "2020-01-01", *BASIS),
         "still to come"),
        ("hit of two", ("--to", "XB", "--to", "XC", "--hit", "1", *BASIS), "one member's item"),
    ],
)  # fmt: skip
def test_the_command_line_says_what_is_missing(
    desks: tuple[Desk, Desk], case: str, arguments: tuple[str, ...], told: str
) -> None:
    with pytest.raises(click.UsageError, match=told.replace("?", ".")):
        desks[0]("draft", *arguments)
    assert case


def test_a_request_that_is_not_there(desks: tuple[Desk, Desk]) -> None:
    ours, _ = desks
    for reference in ("7", "XA-R-2026-00007", "9" * 40):
        with pytest.raises(NotFoundError, match="foedus request list"):
            ours("show", reference)
    with pytest.raises(NotFoundError, match="template list"):
        ours("draft", "--to", "XB", "--template", "none")
    with pytest.raises(RefusedError, match="small letters"):
        ours("template", "set", "No!", *BASIS)


def test_items_of_ours_are_named_only_as_they_were_given(desks: tuple[Desk, Desk]) -> None:
    ours, theirs = desks
    pair = ours.pair
    [own] = pair.a.held(pair.indicator(1, "bad1.example"))
    with pair.a.database.read() as tx:
        number = str(tx.items.rows([own])[0].number)
    with pytest.raises(click.UsageError, match="would tell it what is held here"):
        ours("draft", "--to", "XB", "--item", number, *BASIS)
    pair.a.disclose([own], pair.treaty)
    ours("draft", "--to", "XB", "--item", number, *BASIS)
    ours("approve", "1", "--neutrality", "technical signs")
    ours("send", "1")
    pair.pull(pair.b)
    assert "asks about indicator--" in theirs("show", "1")


def test_a_hit_gives_whom_and_what_and_the_terms(desks: tuple[Desk, Desk]) -> None:
    ours, _ = desks
    pair = ours.pair
    pair.b.disclose(pair.b.held(pair.indicator(1, "bad1.example")), pair.treaty)
    pair.pull(pair.a)
    pair.a.held(pair.indicator(2, "bad1.example"))
    found = ours.json("draft", "--hit", "1", "--legal-basis", "Act 1")
    [row] = found["requests"]
    assert (row["member"], row["purpose"], row["offence"], row["hit"]) == (
        "XB", "prevention", "financing", 1,
    )  # fmt: skip


def test_reading_what_is_asked_of_a_person_is_logged(desks: tuple[Desk, Desk]) -> None:
    ours, _ = desks
    node = ours.member.wired.node
    ours(
        "draft", "--to", "XB", "--value", "email:a@b.example", "--person", "suspect", "--review",
        "2027-01-31", *BASIS,
    )  # fmt: skip
    shown = ours("show", "1")
    assert "email:a@b.example" in shown
    with node.database.read() as tx:
        [reading] = tx.readings.page(before=None, limit=9)
    assert (reading.reading.what, reading.reading.user) == ("request show", "admin")
