"""``treaty``: the text, what members state about it, and what binds whom."""

from __future__ import annotations

import click

from foedus.cli.explain import explain
from foedus.cli.residual import residual_duties
from foedus.cli.treaty_acts import (
    accede_treaty,
    admit_state,
    amend_treaty,
    declare_law,
    denounce_treaty,
    object_reservation,
    ratify_treaty,
    reserve_articles,
    sign_treaty,
    suspend_treaty,
    withdraw_statement,
)
from foedus.cli.treaty_law import binds, status, table_of_members
from foedus.cli.treaty_record import conflicts, export_law, instruments, timeline_of
from foedus.cli.treaty_text import adopt_text, check, diff_treaties, draft, list_treaties, show_text

__all__ = ["treaty"]


@click.group()
def treaty() -> None:
    """The treaty: a file a lawyer reads and a node runs.

    The usual way: `draft` fills the annex of members, each member reads and `check`s the text, one
    `adopt`s it (the others then have it too), all `sign` and `ratify`. What binds whom is computed:
    `status`, `binds`, `table`, `timeline`.
    """


for _command in (
    draft,
    check,
    adopt_text,
    diff_treaties,
    list_treaties,
    show_text,
    sign_treaty,
    ratify_treaty,
    admit_state,
    accede_treaty,
    reserve_articles,
    object_reservation,
    withdraw_statement,
    declare_law,
    amend_treaty,
    suspend_treaty,
    denounce_treaty,
    status,
    table_of_members,
    binds,
    residual_duties,
    timeline_of,
    instruments,
    conflicts,
    export_law,
    explain,
):
    treaty.add_command(_command)
