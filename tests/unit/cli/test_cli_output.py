"""What commands print: one JSON object with ``--json``, a text for people without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line, Made

ID = "indicator--00000000-0000-4000-8000-000000000001"
LISTINGS: list[tuple[tuple[str, ...], str, int | None]] = [
    (("peers", "list"), "peers", 1),
    (("treaty", "list"), "treaties", 1),
    (("treaty", "status"), "members", 2),
    (("search", "--sources"), "sources", 1),
    (("search", "--drafts"), "items", 1),
    (("search", "bad.example"), "items", 1),
    (("search", "domain:bad.example"), "items", 1),
    (("search", "sign"), "items", 1),
    (("search", "nothing", "of", "this"), "items", 0),
    (("search",), "items", None),
    (("hits", "list"), "hits", 0),
    (("hits", "list", "--state", "all"), "hits", 0),
    (("hits", "list", "--state", "confirmed"), "hits", 0),
    (("hits", "why", "bad.example"), "standing", 1),
    (("hits", "why", "8.8.8.8"), "standing", None),
    (("hits", "why", "no value"), "standing", 0),
    (("quarantine",), "quarantine", 0),
    (("figures",), "lanes", 3),
    (("doctor",), "findings", None),
    (("limits",), "limits", None),
    (("user", "list"), "users", 3),
    (("token", "list"), "tokens", 1),
    (("ledger", "audit"), "root", None),
    (("ledger", "key"), "key", None),
    (("show", ID), "selectors", 1),
    (("preview", ID, "--purpose", "prevention"), "decisions", 1),
    (("preview", ID, "--purpose", "prevention", "--why"), "decisions", 1),
]


@pytest.mark.parametrize(
    ("arguments", "key", "count"), LISTINGS, ids=[" ".join(row[0]) for row in LISTINGS]
)
def test_a_listing_is_one_json_object(
    arguments: tuple[str, ...], key: str, count: int | None, cli: Line
) -> None:
    said = cli("--json", *arguments)
    assert said.code == Exit.DONE, said.err
    found = said.json[key]
    assert count is None or len(found) == count
    assert not said.err or arguments[0] == "preview"


@pytest.mark.parametrize("arguments", [row[0] for row in LISTINGS], ids=" ".join)
def test_a_listing_is_a_text_for_people(arguments: tuple[str, ...], cli: Line) -> None:
    said = cli(*arguments)
    assert said.code == Exit.DONE, said.err
    assert said.out.endswith("\n")
    assert not said.out.startswith("{")
    assert "\x1b" not in said.out, "no colours where nobody sees them"


def test_a_long_cell_is_folded_and_never_cut(cli: Line) -> None:
    fingerprint = cli.json("peers", "list")["peers"][0]["fingerprint"]
    lines = cli("peers", "list").out.splitlines()
    assert all(len(line) <= 120 for line in lines)
    told = "".join("".join(lines).split())
    for group in fingerprint.split():
        assert group in told
    assert "…" not in told


def test_a_secret_is_shown_once_and_never_listed(cli: Line) -> None:
    made = cli("--json", "token", "create", "--user", "ana", "--scope", "write")
    secret = made.json["secret"]
    assert "cannot be shown again" in made.err
    listed = cli("--json", "token", "list")
    assert secret not in listed.out + cli("token", "list").out
    revoked = cli.json("token", "revoke", made.json["token"])
    assert revoked["revoked"]
    [row] = [each for each in listed.json["tokens"] if each["token"] == made.json["token"]]
    assert (row["user"], row["scope"], row["revoked"]) == ("ana", "write", "")


def test_the_exact_bytes_come_out_as_they_went_in(cli: Line, made: Made) -> None:
    wanted = json.loads(made.bundle.read_text(encoding="utf-8"))["objects"][0]
    raw = cli("show", ID, "--raw").out
    assert json.loads(raw) == wanted
    assert cli.json("show", ID)["object"] == wanted


def test_the_text_of_a_treaty_is_printed_exactly(cli: Line, made: Made) -> None:
    assert cli("treaty", "show").out.encode() == made.treaty.read_bytes()


def test_a_preview_says_why_not(cli: Line) -> None:
    said = cli("preview", ID, ID, "source:1", "--purpose", "prevention")
    assert said.code == Exit.DONE
    assert "Why not:" in said.out
    assert "XB" in said.out
    assert "1 of these are not held (drafts)" in said.err


def test_a_disclosure_that_nothing_permits_gives_nothing(cli: Line) -> None:
    done = cli.json("disclose", ID, "--purpose", "prevention")
    [member] = done["members"]
    assert (done["items"], member["given"], member["already"]) == (1, 0, 0)
    assert [each["code"] for each in member["withheld"]] == ["denied"]
    assert "withheld" in cli("disclose", ID, "--purpose", "prevention").out


def test_an_item_given_to_nobody_has_no_receipt(cli: Line, tmp_path: Path) -> None:
    said = cli("receipt", ID, "-o", tmp_path / "receipts")
    assert (said.code, said.err) == (
        Exit.NOT_FOUND,
        "foedus: this item was disclosed to nobody\n",
    )
    assert not (tmp_path / "receipts").exists()


def test_a_node_without_a_treaty_says_so(bare: Line, made: Made) -> None:
    from dataclasses import replace  # noqa: PLC0415

    said = replace(bare, data=made.b)("treaty", "status")
    assert said.code == Exit.NOT_FOUND
    assert "no treaty is known here" in said.err


def test_the_numbers_of_a_submission_add_up(cli: Line, made: Made) -> None:
    [source] = cli.json("search", "--sources")["sources"][:1]
    assert source["read"] == source["taken"] + source["duplicates"] + source["refused"]
    again = cli.json("submit", made.bundle)["sources"][0]
    assert (again["new"], again["known"], again["conflicts"]) == (0, 2, [])
