"""The command reference as Markdown, made from the commands themselves.

``python -m foedus.cli.reference > docs/cli.md`` writes the page; a test compares the two.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator

import click

from foedus.cli import exits
from foedus.cli.app import COMMANDS, root

__all__ = ["commands", "reference"]

_HEAD = """\
# Commands

<!-- Made by `python -m foedus.cli.reference > docs/cli.md`; do not edit. -->

Data goes to standard output, messages to standard error. Beside this page: [settings](settings.md),
[error codes](errors.md), [what goes over the wire](formats.md).
"""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield (name, command) for every command, groups before their own, in the order of help."""
    with _root_context() as context:
        for name in COMMANDS:
            command = root.get_command(context, name)
            if command is None:
                raise LookupError(name)
            yield from _with_own(name, command, context)


def _with_own(
    name: str, command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            yield from _with_own(f"{name} {each}", command.commands[each], context)


def reference() -> str:
    """Return the page."""
    parts = [_HEAD, *_root(), _exit_codes()]
    parts.extend(_command(name, command) for name, command in commands())
    return "\n".join(parts)


def _root_context() -> click.Context:
    """Return a context as the command line itself makes it: commands inherit from it."""
    return click.Context(root, info_name="foedus", **root.context_settings)


def _root() -> Iterator[str]:
    yield f"{_help(root)}\n"
    yield "```text\nfoedus [--data DIR] [--as USER] [--json] COMMAND …\n```"
    yield _parameters(root)


def _exit_codes() -> str:
    lines = re.findall(r"^(\d+) +(.+)$", exits.__doc__ or "", flags=re.MULTILINE)
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in lines)
    return f"## Exit codes\n\n| code | meaning |\n|---|---|\n{rows}"


def _command(name: str, command: click.Command) -> str:
    level = "##" if " " not in name else "###"
    text = f"{level} foedus {name}\n\n{_help(command)}\n"
    if isinstance(command, click.Group):
        return text
    return f"{text}\n```text\n{_usage(name, command)}\n```\n{_parameters(command)}"


def _help(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "")


def _usage(name: str, command: click.Command) -> str:
    with click.Context(command, _root_context(), info_name=name) as context:
        return " ".join([f"foedus {name}", *command.collect_usage_pieces(context)])


def _parameters(command: click.Command) -> str:
    with click.Context(command, _root_context()) as context:
        rows = [
            f"| `{_cell(names)}` | {_cell(text)} |\n"
            for names, text in (
                parameter.get_help_record(context) or ("", "")
                for parameter in command.params
                if isinstance(parameter, click.Option)
            )
            if names
        ]
    return "" if not rows else "\n| option | meaning |\n|---|---|\n" + "".join(rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
