"""Exports, readings, retention and the search about a person, as typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line

PERSON = {
    "type": "identity",
    "spec_version": "2.1",
    "id": "identity--00000000-0000-4000-8000-000000000007",
    "created": "2026-11-20T00:00:00.000Z",
    "modified": "2026-11-20T00:00:00.000Z",
    "name": "Invented Subject",
    "identity_class": "individual",
    "contact_information": "subject@mail.example",
}


def person(cli: Line, tmp_path: Path) -> str:
    """Submit and vouch for a person, once in this module's world; return the local number."""
    file = tmp_path / "person.json"
    bundle = {
        "type": "bundle",
        "id": "bundle--00000000-0000-4000-8000-000000000000",
        "objects": [PERSON],
    }
    file.write_text(json.dumps(bundle))
    drafts = cli.json("submit", str(file))["sources"][0]["drafts"]
    found = next(each for each in drafts if each["id"] == PERSON["id"])
    number = found["number"]
    if found["state"] == "held":
        return str(number)
    options = ("--person", "suspect", "--review", "2030-01-01", "--expiry", "2031-01-01")
    basis = ("--purpose", "prevention", "--legal-basis", "Act 1")
    assert cli("vouch", number, *basis, *options).code == Exit.DONE
    return str(number)


def test_an_export_is_kept_or_handed_out_and_listed(cli: Line, tmp_path: Path) -> None:
    number = person(cli, tmp_path)
    made = cli.json("export", number)
    assert json.loads(Path(made["file"]).read_bytes())["type"] == "bundle"
    outside = tmp_path / "out.json"
    assert cli("export", number, "--out", str(outside)).code == Exit.DONE
    assert outside.exists()
    assert cli("export", number, "--out", str(outside)).code == Exit.USAGE
    assert cli.data is not None
    inside = cli("export", number, "--out", str(cli.data / "here.json"))
    assert inside.code == Exit.USAGE
    assert "lies in the data directory" in inside.err
    states = [each["state"] for each in cli.json("export", "--list")["exports"]]
    assert states == ["here", "handed-out"]
    assert cli.json("export", "--delete", "1") == {"deleted": 1}
    assert cli("export").code == Exit.USAGE


def test_what_is_read_is_listed_with_its_purpose(cli: Line, tmp_path: Path) -> None:
    number = person(cli, tmp_path)
    assert cli("--why", "case 5", "show", number).code == Exit.DONE
    assert cli("search", "Invented").code == Exit.DONE
    found: list[dict[str, Any]] = cli.json("readings", "list")["readings"]
    last = [(each["what"], each["purpose"]) for each in found[:2]]
    assert last == [("search", ""), ("show", "case 5")]
    assert "none given" in cli("readings", "list", number).out


def test_where_a_purpose_is_demanded_nothing_personal_is_shown(cli: Line, tmp_path: Path) -> None:
    number = person(cli, tmp_path)
    assert cli.data is not None
    settings = cli.data / "foedus.toml"
    settings.write_text(settings.read_text() + "require_purpose = true\nremind_days = 3\n")
    refused = cli("show", number)
    assert (refused.code, refused.out) == (Exit.REFUSED, "")
    assert "--why" in refused.err
    assert cli("--why", "case 5", "show", number).code == Exit.DONE
    settings.write_text(settings.read_text().replace("= true\nremind", "= false\nremind"))


def test_what_ends_is_listed_before_and_purged_after(cli: Line, tmp_path: Path) -> None:
    number = person(cli, tmp_path)
    assert cli.json("retention", "purge", "--dry-run")["items"] == []
    [listed] = cli.json("retention", "list", "--days", "5000")["items"]
    assert (listed["number"], listed["cause"]) == (number, "expiry")
    [reviewed] = cli.json("retention", "list", "--days", "5000", "--reviews")["items"]
    assert reviewed["review"].startswith("2030-01-01")
    assert "its terms" in cli("retention", "list", "--days", "5000").out
    renewed = cli.json("retention", "renew", number, "--expiry", "2032-01-01", "--reason", "needed")
    assert renewed == {"renewed": 1}
    [again] = cli.json("retention", "list", "--days", "5000")["items"]
    assert again["ends"].startswith("2032-01-01")
    assert cli("retention", "remind").out == "Nothing to be reminded of.\n"
    assert cli.json("retention", "purge")["versions"] == 0
    assert cli.json("retention", "list", "--kept")["items"] == []


def test_a_search_about_a_person_answers_source_by_source(cli: Line, tmp_path: Path) -> None:
    number = person(cli, tmp_path)
    refused = cli("subject", "find", "Invented Subject")
    assert refused.code == Exit.REFUSED
    found = cli.json("subject", "find", "Invented Subject", "--purpose", "a person asks")
    assert [each["item"] for each in found["found"]["here"]] == [number]
    text = cli("subject", "find", "Invented Subject", "--purpose", "a person asks").out
    assert "held: identity" in text
    assert "Nothing: received, disclosed" in text


def test_a_token_says_what_it_reads_for(cli: Line) -> None:
    made = cli.json("token", "create", "--user", "ana", "--why", "screening")
    assert made["purpose"] == "screening"
    listed = cli.json("token", "list")["tokens"]
    assert "screening" in [each["purpose"] for each in listed]


def test_where_a_purpose_is_demanded_nothing_is_done_that_could_not_be_shown(
    cli: Line, tmp_path: Path
) -> None:
    person(cli, tmp_path)
    assert cli.data is not None
    settings = cli.data / "foedus.toml"
    plain = settings.read_text()
    settings.write_text(plain + "require_purpose = true\n")
    for reference in ("DPO-8", "DPO-9"):  # alike for what is here and what is not
        value = "subject@mail.example" if reference == "DPO-8" else "nobody@mail.example"
        refused = cli("challenge", "open", reference, "--value", value)
        assert (refused.code, refused.out) == (Exit.REFUSED, "")
    settings.write_text(plain)
    assert "DPO-8" not in cli("challenge", "list").out


def test_every_way_to_a_person_is_a_reading(cli: Line, tmp_path: Path) -> None:
    """Last here: it blocks the item."""
    number = person(cli, tmp_path)
    for what in (
        ("hits", "why", "subject@mail.example"),
        ("preview", number, "--purpose", "prevention", "--to", "XB"),
        ("explain", number, "--to", "XB", "--purpose", "prevention"),
        ("challenge", "open", "DPO-1", "--item", number),
        ("challenge", "show", "1"),
    ):
        cli("--why", " ".join(what[:2]), *what)
    found = [
        (each["what"], each["purpose"])
        for each in cli.json("readings", "list")["readings"]
        if each["what"] in each["purpose"]
    ]
    assert found == [
        ("challenge show", "challenge show"),
        ("challenge open", "challenge open"),
        ("explain", f"explain {number}"),
        ("preview", f"preview {number}"),
        ("hits why", "hits why"),
    ]
