"""The look of every table of the picture."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

__all__ = ["grid"]


def grid(*columns: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table with these columns, those in ``right`` flush right."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    return made
