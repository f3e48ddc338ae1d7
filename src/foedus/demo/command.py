"""``foedus demo``: the bloc of six."""

from __future__ import annotations

import click

__all__ = ["demo"]


@click.command()
def demo() -> None:
    """Run the bloc of six."""
