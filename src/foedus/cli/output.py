"""Printing: tables for people, one JSON object for programs; progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from foedus.cli.app import Session

__all__ = ["emit", "pass_session", "progress_bar", "say", "table"]

pass_session = click.make_pass_decorator(Session)


def emit(session: Session, document: Mapping[str, Any], text: Callable[[], str]) -> None:
    """Print a result: the document as JSON, or the text for people."""
    if session.as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))
    else:
        click.echo(text(), nl=False)


def say(message: str) -> None:
    """Tell the person something that is no data."""
    click.echo(message, err=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> str:
    """Return a table as text, as wide as the terminal allows; wide cells are folded, never cut."""
    from rich.console import Console  # noqa: PLC0415  # heavy; only for tables
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    grid = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(str(cell)) for cell in row))
    with console.capture() as capture:
        console.print(grid)
    return capture.get()


@contextmanager
def progress_bar(session: Session, what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while work is long; silent with ``--json`` or no terminal."""
    if session.as_json or not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.console import Console  # noqa: PLC0415  # heavy; only with a terminal
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
