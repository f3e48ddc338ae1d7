"""``treaty``: the text, what members state about it, and what binds whom."""

from __future__ import annotations

from typing import Final

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


_OVERVIEW: Final[dict[str, tuple[click.Command, str]]] = {
    "draft": (draft, "fill the annex of original members"),
    "check": (check, "check a text: every fault with its place"),
    "diff": (diff_treaties, "what changed between two texts, in words"),
    "adopt": (adopt_text, "keep a text here and offer it to all; binds nobody"),
    "list": (list_treaties, "treaties known here"),
    "show": (show_text, "a treaty's text, exactly as signed"),
    "sign": (sign_treaty, "the text is authentic"),
    "ratify": (ratify_treaty, "consent to be bound, with reservations"),
    "admit": (admit_state, "agree that a State which is not listed may accede"),
    "accede": (accede_treaty, "consent to be bound, as a State so admitted"),
    "reserve": (reserve_articles, "reserve articles after consent, where that is admitted"),
    "object": (object_reservation, "object to a reservation"),
    "withdraw": (withdraw_statement, "take back an earlier statement of ours"),
    "declare": (declare_law, "offences our law recognises, their definitions"),
    "amend": (amend_treaty, "accept another text in place of this one"),
    "suspend": (suspend_treaty, "agree to a suspension, with one member or between all"),
    "denounce": (denounce_treaty, "give notice that we leave"),
    "status": (status, "who is bound, since when, until when"),
    "table": (table_of_members, "members, or pairs and their articles"),
    "binds": (binds, "what binds two members to each other, or why nothing does"),
    "explain": (explain, "one item and one member: the whole story"),
    "residual": (residual_duties, "what still binds who leaves; what is to be settled"),
    "timeline": (timeline_of, "what happened, and what is to come"),
    "instruments": (instruments, "every instrument, and what the rules made of it"),
    "conflicts": (conflicts, "numbers used twice, with the proof"),
    "export": (export_law, "all of it as a page to print or hand out"),
}
"""Command and what the overview says, in the order of a treaty's life."""


class _InOrder(click.Group):
    """Lists its commands in the order of a treaty's life, each in words of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_OVERVIEW)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, place[1]) for name, place in _OVERVIEW.items()])


@click.group(cls=_InOrder)
def treaty() -> None:
    """The treaty: a file a lawyer reads and a node runs.

    The usual way: `draft` fills the annex of members, each member reads and `check`s the text, one
    `adopt`s it (the others then have it too), all `sign` and `ratify`. What binds whom is computed:
    `status`, `binds`, `table`, `timeline`.
    """


for _name, (_command, _) in _OVERVIEW.items():
    treaty.add_command(_command, _name)
