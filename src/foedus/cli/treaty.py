"""``treaty``: the text, what members state about it, and what binds whom."""

from __future__ import annotations

import click

from foedus.cli.treaty_acts import ratify_treaty, sign_treaty
from foedus.cli.treaty_law import status
from foedus.cli.treaty_text import adopt_text, check, draft, list_treaties, show_text

__all__ = ["treaty"]


@click.group()
def treaty() -> None:
    """The treaty: a file a lawyer reads and a node runs.

    The usual way: `draft` fills the annex of members, each member reads and `check`s the text, one
    `adopt`s it (the others then have it too), all `sign` and `ratify`. What binds whom is computed:
    `status`.
    """


for _command in (
    draft,
    check,
    adopt_text,
    list_treaties,
    show_text,
    sign_treaty,
    ratify_treaty,
    status,
):
    treaty.add_command(_command)
