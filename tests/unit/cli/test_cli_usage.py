"""Help of every command, and what is said about a command line that is not understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from foedus import __version__
from foedus.cli.app import COMMANDS
from foedus.cli.exits import Exit
from foedus.cli.reference import commands

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line

NAMES = [name for name, _ in commands()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(name: str, flag: str, bare: Line) -> None:
    said = bare(*name.split(), flag)
    assert said.code == Exit.DONE
    assert said.out.startswith(f"Usage: foedus {name}")
    assert "." in said.out.partition("\n\n")[2]
    assert not said.err


def test_the_root_lists_every_command_with_a_sentence(bare: Line) -> None:
    said = bare("--help")
    assert said.code == Exit.DONE
    for name in COMMANDS:
        [line] = [each for each in said.out.splitlines() if each.startswith(f"  {name} ")]
        assert len(line.split()) > 3, line
    assert "Exit codes: 0 done" in said.out


def test_the_version_is_told(bare: Line) -> None:
    said = bare("--version")
    assert (said.code, said.out) == (Exit.DONE, f"foedus, version {__version__}\n")


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, each in commands()
        if isinstance(each, click.Group) and not each.invoke_without_command
    ],
)
def test_a_group_alone_shows_its_help(name: str, bare: Line) -> None:
    said = bare(*name.split())
    assert said.code == Exit.USAGE
    assert f"Usage: foedus {name}" in said.out + said.err


ROWS = [
    ("nothing at all", [], "Usage: foedus"),
    ("a command that is none", ["release"], "No such command"),
    ("a subcommand that is none", ["treaty", "burn"], "No such command"),
    ("an option that is none", ["limits", "--all"], "No such option"),
    ("a required option missing", ["init"], "Missing option"),
    ("a choice that is none", ["vouch", "source:1", "--tlp", "white"], "'white' is not one of"),
    ("a word for a number", ["hits", "confirm", "first", "--reason", "x"], "not a valid integer"),
    ("a date that is none", ["vouch", "source:1", "--review", "soon"], "2027-01-31"),
    ("a grade that is none", ["vouch", "source:1", "--grade", "Z9"], "--grade is a source"),
    ("a grade too short", ["vouch", "source:1", "--grade", "B"], "--grade is a source"),
    ("a file that is not there", ["submit", "nothing.json"], "does not exist"),
    ("an argument missing", ["show"], "Missing argument"),
    ("neither exercise nor real", ["init", "--member", "XC", "--name", "C", "--address", "http://x"],
     "Missing option '--exercise"),
    ("a role that is none", ["user", "add", "eva", "--role", "king"], "'king' is not one of"),
    ("a log without its key", ["ledger", "audit", "."], "whose log is it?"),
    ("a receipt without a key", ["verify", "."], "whose word do you take"),
    ("a draft vouched for already", ["vouch", "XA-2026-00001"], "none of these is a draft"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "arguments", "message"), ROWS, ids=[row[0] for row in ROWS])
def test_a_command_line_that_is_not_understood(
    what: str, arguments: list[str], message: str, cli: Line
) -> None:
    if what == "a draft vouched for already":
        found = cli.json("search", "bad.example")["items"][0]["number"]
        arguments = ["vouch", found]
    said = cli(*arguments)
    assert said.code == Exit.USAGE, said.err
    assert message in said.out + said.err
    assert "Traceback" not in said.err
