"""Every command a page shows exists, with its options; the command reference is the commands'."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from foedus.cli.app import COMMANDS, root
from foedus.cli.exits import Exit
from foedus.cli.reference import commands, reference

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
INVOCATION = re.compile(r"(?:^|\s)(?:\.venv/bin/)?foedus\s+(.+)$")


@dataclass(frozen=True)
class Shown:
    """One command as a page shows it."""

    page: str
    text: str


def _pieces(text: str) -> Iterator[str]:
    """Yield each line of code blocks and each code span; comments and prose left out."""
    for block in FENCE.findall(text):
        for line in block.splitlines():
            yield from re.split(r"\s+#\s|\s&&\s|;\s", line)
    yield from SPAN.findall(FENCE.sub("", text))


def shown() -> list[Shown]:
    found = []
    for page in PAGES:
        for piece in _pieces(page.read_text(encoding="utf-8")):
            match = INVOCATION.search(piece.strip())
            if match and not match[1].startswith(("=", "/", ".")):
                name = page.relative_to(ROOT).as_posix()
                found.append(Shown(page=name, text=match[1]))
    return sorted(set(found), key=lambda each: (each.page, each.text))


def words_of(text: str) -> list[str]:
    return [word for word in shlex.split(text.replace("…", " ")) if word not in {"|", "&"}]


def split_root(words: list[str]) -> list[str]:
    """Return the words from the command on, the root's own options taken off."""
    takes = {name: p for p in root.params for name in p.opts}
    while words and words[0].startswith("-"):
        option = takes[words[0]]
        assert isinstance(option, click.Option)
        words = words[1 if option.is_flag else 2 :]
    return words


def options_of(command: click.Command) -> Mapping[str, click.Option]:
    return {
        name: parameter
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def check(text: str) -> None:
    """Check one command line as shown: names, options, and that nothing is given too many times.

    ``a|b|c`` shows several subcommands at once; capitals and … stand for values.
    """
    tree = dict(commands())
    text, *others = text.split(" | ")
    words = split_root(words_of(text.replace("[", " ").replace("]", " ")))
    for other in others:  # ``hits list | why VALUE`` shows two of one group
        check(f"{words[0]} {other}")
    if not words or words[0] == "COMMAND":
        return
    for name in words[0].split("|"):
        assert name in tree, f"no command {name!r}"
        _check_command(name, tree[name], words[1:])


def _check_command(name: str, command: click.Command, rest: list[str]) -> None:
    """Check what follows a command's name; a group may hold groups."""
    if not isinstance(command, click.Group):
        _check_options(command, rest)
        return
    if not rest or rest[0].startswith("-") or rest[0].isupper():
        return
    for sub in rest[0].split("|"):
        assert sub in command.commands, f"no command {name} {sub!r}"
        _check_command(f"{name} {sub}", command.commands[sub], rest[1:])


def _check_options(command: click.Command, words: list[str]) -> None:
    known = options_of(command)
    for word in itertools.takewhile(lambda each: each != "--", words):
        option = word.partition("=")[0]
        if word.startswith("-") and option not in {"--help", "-h"}:
            assert option in known, f"{command.name} has no option {option}"


def test_pages_show_commands_at_all() -> None:
    assert len(shown()) > 25


@pytest.mark.parametrize("each", shown(), ids=lambda each: f"{each.page}: {each.text[:50]}")
def test_a_command_that_a_page_shows_exists(each: Shown) -> None:
    if each.page.startswith("docs/adr/"):
        return  # a decision record tells of its day
    check(each.text)


@pytest.mark.parametrize(
    "text", ["release X", "treaty burn", "vouch X --freely", "hits list --colour", "serve --now"]
)
def test_the_check_finds_what_is_not_there(text: str) -> None:
    with pytest.raises(AssertionError, match="no "):
        check(text)


def test_the_command_reference_is_what_the_commands_say() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == reference(), "run `python -m foedus.cli.reference > docs/cli.md`"


def test_the_command_reference_does_not_depend_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = reference()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert reference() == wide


def test_every_command_stands_in_the_reference() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"\n## foedus {name}\n" in page
    for name, _ in commands():
        assert re.search(rf"^##+ foedus {name}$", page, re.MULTILINE), name


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_and_option_explains_itself(name: str, command: click.Command) -> None:
    first = (command.help or "").strip().split("\n\n")[0]
    assert first.rstrip().endswith((".", "?", ":")), name
    for option in options_of(command).values():
        assert option.help, f"{name} {option.name}"


def test_every_exit_code_stands_in_the_reference_and_in_the_help() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for code in Exit:
        assert f"\n| {code.value} | " in page, code
        assert f" {code.value} " in f" {root.epilog} ", code


def test_the_makefile_has_the_targets_that_pages_show() -> None:
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in PAGES:
        for piece in _pieces(page.read_text(encoding="utf-8")):
            for target in re.findall(r"^make ([a-z]+)\b", piece.strip()):
                assert target in made, f"{page.name}: make {target}"
