"""What a legal officer does and reads at the command line, from the first day to the last."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line

REFUSED = {
    "a reservation after consent": (("treaty", "reserve", "2"), Exit.REFUSED, "ratify --reserve"),
    "an article that admits none": (("treaty", "reserve", "1"), Exit.REFUSED, "VCLT Art. 19"),
    "an objection to what is not reserved": (
        ("treaty", "object", "XB", "--opposing"), Exit.REFUSED, "XB reserves nothing",
    ),
    "an objection to a stranger": (
        ("treaty", "object", "XZ"), Exit.NOT_FOUND, "XZ is no member of this treaty; it has XA, XB",
    ),
    "a withdrawal of nothing": (
        ("treaty", "withdraw", "99"), Exit.NOT_FOUND, "we have no instrument 99",
    ),
    "a declaration of nothing": (("treaty", "declare"), Exit.REFUSED, "says something"),
    "a definition without text": (
        ("treaty", "declare", "--definition", "financing"), Exit.USAGE, "OFFENCE=TEXT",
    ),
    "an amendment nobody knows": (("treaty", "amend", "ffff"), Exit.NOT_FOUND, "0 treaties begin"),
    "a suspension before entry into force": (
        ("treaty", "suspend", "--with", "XB"), Exit.REFUSED, "only a party with a voice",
    ),
    "a suspension until a day that is none": (
        ("treaty", "suspend", "--until", "soon"), Exit.USAGE, "'soon' is no date; give 2027-01-31",
    ),
    "an admission of a stranger": (("treaty", "admit", "XZ"), Exit.REFUSED, "peers add"),
    "an accession of a listed member": (("treaty", "accede"), Exit.REFUSED, "VCLT Art. 15"),
    "a key nobody has": (("keys", "revoke", "zz", "--yes"), Exit.NOT_FOUND, "0 keys"),
    "an article the treaty does not have": (
        ("treaty", "table", "--article", "9"), Exit.REFUSED, "no Article '9'",
    ),
}  # fmt: skip
READING = [
    ("treaty", "status"),
    ("treaty", "status", "--on", "2030-01-01"),
    ("treaty", "table"),
    ("treaty", "table", "--pairs"),
    ("treaty", "binds", "XA", "XB"),
    ("treaty", "binds", "XA", "XB", "--on", "2027-01-01T12:00:00Z"),
    ("treaty", "residual", "XB"),
    ("treaty", "timeline"),
    ("treaty", "instruments"),
    ("treaty", "instruments", "--member", "XA"),
    ("treaty", "conflicts"),
    ("keys", "list"),
]


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_why_and_what_helps(
    case: tuple[tuple[str, ...], Exit, str], cli: Line
) -> None:
    arguments, code, message = case
    said = cli(*arguments)
    assert said.code == code, said.err
    assert message in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_what_is_read_is_for_people_and_for_programs(arguments: tuple[str, ...], cli: Line) -> None:
    said = cli(*arguments)
    assert said.code == Exit.DONE, said.err
    assert said.out.strip()
    assert cli.json(*arguments)


def test_only_a_legal_officer_states_anything(cli: Line) -> None:
    for arguments in (("treaty", "declare", "--text", "x"), ("treaty", "denounce", "--yes")):
        assert replace(cli, user="ana")(*arguments).code == Exit.DENIED


def test_why_two_are_not_bound_is_said(cli: Line) -> None:
    assert "not bound: the treaty is not in force" in cli("treaty", "binds", "XA", "XB").out
    [pair] = cli.json("treaty", "table", "--pairs")["pairs"]
    assert (pair["pair"], pair["binds"], pair["reserved"]) == (["XA", "XB"], False, {"2": ["XA"]})


def test_a_statement_is_issued_listed_and_taken_back(cli: Line) -> None:
    issued = cli.json(
        "treaty", "declare", "--definition", "financing=To pay.", "--text", "So be it"
    )
    assert issued["kind"] == "declaration"
    assert issued["effects"][0]["what"] == "XA declared"
    [line] = [
        each
        for each in cli.json("treaty", "instruments")["instruments"]
        if each["serial"] == issued["serial"]
    ]
    assert line["says"] == "So be it; financing: To pay."
    assert (
        "says the same and stands"
        in cli("treaty", "declare", "--definition", "financing=To pay.", "--text", "So be it").err
    )
    said = cli("treaty", "withdraw", issued["serial"])
    assert said.code == Exit.DONE
    assert "Issued: withdrawal no." in said.out


def test_a_denunciation_asks_first_and_can_be_taken_back(cli: Line) -> None:
    assert cli("treaty", "denounce").code == Exit.REFUSED, "nobody said yes"
    issued = cli.json("treaty", "denounce", "--yes")
    assert [each["what"] for each in issued["effects"]] == [
        "XA denounced", "XA leaves; its denunciation takes effect",
    ]  # fmt: skip
    residual = cli.json("treaty", "residual", "XA")
    assert residual["residual"]["articles"] == ["1"]
    assert residual["residual"]["in_effect"] is False
    assert residual["residual"]["ours"] == residual["residual"]["awaited"] == []
    assert "denounced, in effect from" in cli("treaty", "status").out.replace("\n", " ")
    assert cli("treaty", "withdraw", issued["serial"]).code == Exit.DONE
    assert cli.json("treaty", "residual", "XA")["residual"] is None


def test_a_page_is_written_in_each_format(cli: Line, tmp_path: Path) -> None:
    for form, start in (("html", "<!DOCTYPE html>"), ("markdown", "# Accord"), ("json", "{")):
        file = tmp_path / form
        assert cli("treaty", "export", "--format", form, "-o", file).code == Exit.DONE
        text = file.read_text(encoding="utf-8")
        assert text.startswith(start)
        assert cli("treaty", "export", "--format", form).out.startswith(start)
    document = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    assert {"status", "table", "pairs", "timeline", "instruments"} <= document.keys()


def test_conflicts_are_written_as_a_proof(cli: Line, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    assert cli("treaty", "conflicts", "-o", file).code == Exit.DONE
    assert json.loads(file.read_text(encoding="utf-8")) == {"conflicts": []}


def test_keys_are_shown_and_the_one_in_use_is_not_revoked_by_mistake(cli: Line) -> None:
    lines = cli.json("keys", "list", "--member", "XA")["keys"]
    assert {each["purpose"] for each in lines} == {"authority", "node", "log", "witness"}
    node = next(each["key"] for each in lines if each["purpose"] == "node")
    said = cli("keys", "revoke", node, "--yes")
    assert said.code == Exit.REFUSED
    assert "--own" in said.err
    assert cli("keys", "revoke", node).code == Exit.REFUSED, "nobody said yes"


def test_what_is_taken_back_is_named_by_kind_and_number(cli: Line) -> None:
    number = str(cli.json("treaty", "declare", "--text", "So be it")["serial"])
    said = cli("treaty", "withdraw", number)
    assert f"takes back declaration no. {number}" in said.out
    assert f"XA takes back declaration no. {number}" in cli("treaty", "timeline").out
    taken = {
        each["serial"]: each["effect"]
        for each in cli.json("treaty", "instruments")["instruments"]
        if each["member"] == "XA"
    }
    assert f"taken back by no. {int(number) + 1}" in taken[int(number)]


def test_a_status_says_how_many_ratifications_are_missing(cli: Line) -> None:
    assert "not in force; 1 of the" in cli("treaty", "status").out


def test_on_a_day_of_the_past_nothing_is_told_to_be_dated_ahead(cli: Line) -> None:
    said = cli("treaty", "status", "--on", "2020-01-01")
    assert said.err == ""
    assert "no act yet" in said.out
    assert cli.json("treaty", "status", "--on", "2020-01-01")["dated_ahead"] == []


@pytest.mark.parametrize("option", ["--review", "--expiry"])
def test_a_date_that_is_past_is_no_term(option: str, cli: Line) -> None:
    said = cli("vouch", "source:1", option, "2020-01-01")
    assert said.code == Exit.USAGE
    assert f"{option} is a day still to come" in said.err
