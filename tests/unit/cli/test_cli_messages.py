"""What is said when something is missing: which node, who acts, which member, treaty or role."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line, Made

INIT = ("init", "--name", "Third", "--address", "http://127.0.0.1:9", "--exercise")
NODE_COMMANDS = [
    ("doctor",),
    ("introduce",),
    ("peers", "list"),
    ("treaty", "list"),
    ("search", "x"),
    ("pull",),
    ("hits", "list"),
    ("quarantine",),
    ("figures",),
    ("ledger", "key"),
    ("user", "list"),
    ("token", "list"),
    ("serve",),
]


@pytest.mark.parametrize("arguments", NODE_COMMANDS, ids=" ".join)
def test_no_data_directory_is_named(arguments: tuple[str, ...], bare: Line) -> None:
    said = bare(*arguments)
    assert said.code == Exit.REFUSED
    assert said.err == (
        "foedus: which node? give --data DIR or set FOEDUS_DATA to its data directory\n"
    )
    assert not said.out


def test_a_directory_is_no_node(bare: Line, tmp_path: Path) -> None:
    said = replace(bare, data=tmp_path)("doctor")
    assert said.code == Exit.REFUSED
    assert "`foedus init` makes one" in said.err
    assert not list(tmp_path.iterdir())


def test_the_environment_names_the_node(
    bare: Line, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOEDUS_DATA", str(made.a))
    assert bare.json("peers", "list")["peers"][0]["member"] == "XB"


def test_limits_need_no_node(bare: Line) -> None:
    limits = bare.json("limits")["limits"]
    assert len(limits) > 10
    assert all(each["value"] > 0 and each["unit"] for each in limits)


def test_nobody_says_who_acts(cli: Line) -> None:
    said = replace(cli, user="")("quarantine")
    assert (said.code, said.err) == (
        Exit.REFUSED,
        "foedus: who acts? give --as USER or set FOEDUS_USER\n",
    )


def test_the_environment_says_who_acts(cli: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOEDUS_USER", "leo")
    assert "user leo may not" in replace(cli, user="")("quarantine").err
    assert cli("quarantine").code == Exit.DONE, "--as goes first"


def test_a_node_with_one_user_need_not_be_told(bare: Line, made: Made) -> None:
    assert replace(bare, data=made.b)("quarantine").code == Exit.DONE


ROWS = [
    ("a user that is none", ("--as", "eva", "quarantine"), Exit.NOT_FOUND, "no user 'eva' here"),
    ("a member that is no peer", ("pull", "ZZ"), Exit.NOT_FOUND, "no peer ZZ"),
    ("ourselves as a peer", ("pull", "XA"), Exit.NOT_FOUND, "no peer XA"),
    ("a member that is no name", ("pull", "zz"), Exit.REFUSED, "not a member id"),
    (
        "a member that is no party",
        ("preview", "source:1", "--purpose", "prevention", "--to", "ZZ"),
        Exit.REFUSED,
        "ZZ is no party",
    ),
    (
        "ourselves as a recipient",
        ("preview", "source:1", "--purpose", "prevention", "--to", "XA"),
        Exit.REFUSED,
        "discloses nothing to itself",
    ),
    ("a treaty that is none", ("treaty", "show", "ffff"), Exit.NOT_FOUND, "0 treaties begin"),
    (
        "a treaty nobody knows, for terms",
        ("vouch", "source:1", "--treaty", "ffff"),
        Exit.NOT_FOUND,
        "0 treaties begin",
    ),
    ("a number that is none", ("show", "XA-2026-99999"), Exit.NOT_FOUND, "nothing here"),
    ("an id that is none", ("show", "42"), Exit.NOT_FOUND, "no local number"),
    ("a source that is none", ("disclose", "source:9", "--purpose", "prevention"),
     Exit.NOT_FOUND, "search --sources"),
    ("a hit that is none", ("hits", "dismiss", "9", "--reason", "x"), Exit.NOT_FOUND, "no hit 9"),
    ("a token that is none", ("token", "revoke", "ffff"), Exit.NOT_FOUND, "no token 'ffff'"),
    ("a user to change that is none", ("user", "roles", "eva"), Exit.NOT_FOUND, "no user 'eva'"),
    ("a source where one item is meant", ("show", "source:1"), Exit.REFUSED, "names 2 items"),
    ("an analyst ratifies", ("--as", "ana", "treaty", "sign"), Exit.DENIED, "needs the role legal"),
    ("an analyst releases", ("--as", "ana", "disclose", "source:1", "--purpose", "prevention"),
     Exit.DENIED, "needs the role supervisor"),
    ("an analyst adds users", ("--as", "ana", "user", "add", "eva", "--role", "legal"),
     Exit.DENIED, "needs the role administrator"),
    ("an analyst says it is neutral", ("--as", "ana", "vouch", "source:1", "--neutrality", "x"),
     Exit.DENIED, "needs the role officer or supervisor"),
    ("an analyst reads the quarantine", ("--as", "ana", "quarantine"), Exit.DENIED, "auditor"),
    ("a lawyer submits", ("--as", "leo", "submit", "{bundle}"), Exit.DENIED, "role analyst"),
    ("a lawyer discards", ("--as", "leo", "discard", "source:1", "--reason", "x"),
     Exit.DENIED, "role analyst"),
    ("a lawyer answers a hit", ("--as", "leo", "hits", "confirm", "1", "--reason", "x"),
     Exit.DENIED, "role analyst"),
    ("a treaty signed twice", ("treaty", "sign"), Exit.REFUSED, "has signed this treaty already"),
    ("a user there is already", ("user", "add", "ana", "--role", "legal"), Exit.REFUSED,
     "there is a user ana"),
    ("a value with the wrong kind", ("hits", "why", "ipv4:bad.example"), Exit.REFUSED,
     "not an IPv4 address"),
    ("personal data without a category", ("vouch", "source:1", "--purpose", "prevention",
     "--legal-basis", "Act 1", "--neutrality", "x"), Exit.REFUSED, "hold personal data"),
    ("a purpose the treaty lacks", ("vouch", "source:1", "--treaty", "", "--purpose", "revenge"),
     Exit.REFUSED, "purpose revenge is not one of"),
    ("an offence the treaty lacks", ("vouch", "source:1", "--treaty", "", "--offence", "heresy"),
     Exit.REFUSED, "offence heresy is not one of"),
    ("an item that was vouched for", ("discard", "source:1", "--reason", "x"), Exit.REFUSED,
     "only a draft is discarded"),
    ("a discard without a reason", ("discard", "source:1", "--reason", " "), Exit.REFUSED,
     "say why"),
    ("a letter that is none", ("peers", "add", "{bundle}", "--fingerprint", "x"), Exit.REFUSED,
     "no valid letter of credence"),
    ("a text that is no treaty", ("treaty", "check", "{bundle}"), Exit.REFUSED, "front matter"),
    ("a file that is no receipt", ("verify", "{bundle}", "--key", "{key}"), Exit.NOT_PROVED, ""),
    ("a key that is none", ("verify", "{bundle}", "--key", "x"), Exit.NOT_PROVED, ""),
    ("a place that cannot be written", ("introduce", "-o", "{bundle}/x"), Exit.REFUSED, "{bundle}"),
    ("a peer that does not answer", ("pull", "XB"), Exit.UNREACHABLE, "XB cannot be reached"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "arguments", "code", "message"), ROWS, ids=[row[0] for row in ROWS]
)
def test_what_is_said(
    what: str, arguments: tuple[str, ...], code: Exit, message: str, cli: Line, made: Made
) -> None:
    key = cli.json("ledger", "key")["key"]
    places = {"bundle": str(made.bundle), "key": key}
    said = cli(*(each.format(**places) for each in arguments))
    assert said.code == code, (what, said.err)
    assert message.format(**places) in said.err
    assert "Traceback" not in said.err


def test_a_peer_that_is_away_is_named_once(cli: Line) -> None:
    said = cli("pull", "XB")
    assert said.err.count("XB cannot be reached: connection refused") == 1
    assert said.out == "Nothing was pulled.\n"


def test_a_refusal_leaves_everything_as_it_was(cli: Line) -> None:
    before = cli.json("figures")
    assert cli("vouch", "source:1", "--purpose", "revenge", "--treaty", "").code == Exit.REFUSED
    assert cli("disclose", "source:9", "--purpose", "prevention").code == Exit.NOT_FOUND
    assert cli.json("figures") == before


def test_a_damaged_file_does_not_stop_the_others(cli: Line, made: Made, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"type": "bundle"', encoding="ascii")
    said = cli("--json", "submit", bad, made.bundle)
    assert said.code == Exit.REFUSED
    assert len(said.json["refused_files"]) == 1
    assert said.json["sources"][0]["known"] == 2


@pytest.mark.parametrize(
    ("what", "more", "message"),
    [
        ("a member that is none", ("--member", "xc"), "not a member id"),
        ("a user that is none", ("--member", "XC", "--user", "The Admin"), "not a user name"),
        ("a name with a quotation mark", ("--member", "XC", "--name", 'T"'), "one line"),
        ("an address without a scheme", ("--member", "XC", "--address", "xc.example"), "base URL"),
        ("an address of no host", ("--member", "XC", "--address", "https://:80"), "names no host"),
        (
            "an address with a port that is none",
            ("--member", "XC", "--address", "https://xc.example:99999"),
            "is none",
        ),
        ("an empty name", ("--member", "XC", "--name", ""), "name is a text"),
        ("a port beyond the last", ("--member", "XC", "--port", "70000"), "port is 70000"),
        ("an interval below nothing", ("--member", "XC", "--pull-interval", "-1"), "must be from"),
    ],
)
def test_a_refused_init_leaves_nothing(
    what: str, more: tuple[str, ...], message: str, bare: Line, tmp_path: Path
) -> None:
    line = replace(bare, data=tmp_path / "XC")
    said = line(*INIT, *more)
    assert said.code == Exit.REFUSED, what
    assert message in said.err
    assert not (tmp_path / "XC").exists()
    assert line(*INIT, "--member", "XC").code == Exit.DONE


def test_a_node_is_never_made_twice(bare: Line, made: Made, tmp_path: Path) -> None:
    data = tmp_path / "XA"
    shutil.copytree(made.a, data)
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    said = replace(bare, data=data)(*INIT, "--member", "XA")
    assert said.code == Exit.REFUSED
    assert "holds a node already" in said.err
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_what_is_left_of_a_broken_init_is_not_touched(bare: Line, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    said = replace(bare, data=tmp_path)(*INIT, "--member", "XC")
    assert said.code == Exit.REFUSED
    assert "never finished" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_letter_of_another_kind_of_node_is_refused(bare: Line, cli: Line, tmp_path: Path) -> None:
    """Exercise and real never mix."""
    real = replace(bare, data=tmp_path / "XC")
    arguments = ["--real" if each == "--exercise" else each for each in INIT]
    assert real(*arguments, "--member", "XC").code == Exit.DONE
    fingerprint = real.json("introduce", "-o", tmp_path / "XC.letter")["fingerprint"]
    said = cli("peers", "add", tmp_path / "XC.letter", "--fingerprint", fingerprint)
    assert said.code == Exit.REFUSED
    assert "never mix" in said.err


def test_a_fingerprint_that_was_not_compared_is_refused(
    cli: Line, bare: Line, tmp_path: Path
) -> None:
    other = replace(bare, data=tmp_path / "XC")
    assert other(*INIT, "--member", "XC").code == Exit.DONE
    letter = tmp_path / "XC.letter"
    other.json("introduce", "-o", letter)
    said = cli("peers", "add", letter, "--fingerprint", "AAAA " * 8)
    assert said.code == Exit.REFUSED
    assert "fingerprint given is not the letter's" in said.err
    assert [each["member"] for each in cli.json("peers", "list")["peers"]] == ["XB"]


def test_several_letters_are_accepted_in_one_go(cli: Line, bare: Line, tmp_path: Path) -> None:
    """Each against its own fingerprint; what was accepted before a refusal is told."""
    letters, fingerprints = [], []
    for member in ("XC", "XD", "XE"):
        other = replace(bare, data=tmp_path / member)
        assert other(*INIT, "--member", member).code == Exit.DONE
        letters.append(tmp_path / f"{member}.letter")
        fingerprints.append(other.json("introduce", "-o", letters[-1])["fingerprint"])
    said = cli("peers", "add", *letters[:2], "--fingerprint", fingerprints[0])
    assert said.code == Exit.USAGE
    assert "2 letters and 1 fingerprints" in said.err
    read_out = ["--fingerprint", fingerprints[0], "--fingerprint", "AAAA " * 8]
    said = cli("peers", "add", *letters[:2], *read_out)
    assert said.code == Exit.REFUSED
    assert "introduced before that: XC" in said.err
    read_out = [part for each in fingerprints[1:] for part in ("--fingerprint", each)]
    taken = cli.json("peers", "add", *letters[1:], *read_out)
    assert [each["member"] for each in taken["members"]] == ["XD", "XE"]
    known = [each["member"] for each in cli.json("peers", "list")["peers"]]
    assert known == ["XB", "XC", "XD", "XE"]


def test_the_letter_goes_to_standard_output_without_a_file(cli: Line) -> None:
    said = cli("introduce")
    assert json.loads(said.out)["payloadType"].startswith("application/vnd.foedus.credence")
    assert "Fingerprint to read out:" in said.err
