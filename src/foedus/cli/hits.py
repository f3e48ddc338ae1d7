"""``hits``: questions the node asks of its people, and their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table
from foedus.cli.reading import note_read

if TYPE_CHECKING:
    from foedus.node.hits import HitView

__all__ = ["hits"]

_STATES = click.Choice(["open", "confirmed", "dismissed", "all"])
_CARRIERS: Final = 1_000
"""Most items named in a reading of who carries a value."""


@click.group()
def hits() -> None:
    """A hit is a question for a person: does another member hold the same thing?"""


@hits.command("list")
@click.option("--state", default="open", show_default=True, type=_STATES, help="Which hits.")
@click.option("--after", default=0, help="Only hits with a higher number.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def list_all(session: Session, *, state: str, after: int, limit: int) -> int:
    """List hits: both items, the selector they share, and how rare it is."""
    from foedus.node.hits import list_hits  # noqa: PLC0415
    from foedus.node.ports import HitState  # noqa: PLC0415

    states = frozenset[HitState]() if state == "all" else frozenset({HitState(state)})
    node = session.wired.node
    with node.database.read() as tx:
        views = list_hits(tx, states=states, after=after, limit=limit)
        counts = tx.hits.counts()
        shared = tx.onward.shared_of([view.row.number for view in views])
    note_read(session, "hits", [row.handle for view in views for row in (view.arrived, view.held)])
    rows = [
        (
            view.row.number,
            view.row.hit.how,
            str(view.row.hit.selector),
            f"{view.arrived.number or view.arrived.key.object_id} ({view.arrived.key.originator})",
            f"{view.held.number or view.held.key.object_id} ({view.held.key.originator})",
            view.row.hit.frequency,
            view.row.state.value,
            ", ".join(shared.get(view.row.number, ())),
        )
        for view in views
    ]
    total = {str(key.value): number for key, number in counts.items()}
    emit(
        session,
        {
            "hits": [
                {**_document(view), "shared_with": list(shared.get(view.row.number, ()))}
                for view in views
            ],
            "counts": total,
        },
        lambda: (
            table(
                ("hit", "how", "selector", "arrived", "held", "carried by", "state", "theirs too"),
                rows,
            )
            if rows
            else "No hits.\n"
        ),
    )
    return Exit.DONE


def _document(view: HitView) -> dict[str, Any]:
    return {
        "number": view.row.number,
        "how": view.row.hit.how,
        "selector": str(view.row.hit.selector),
        "frequency": view.row.hit.frequency,
        "state": view.row.state.value,
        "by": view.row.by,
        "reason": view.row.reason,
        "arrived": _side(view.arrived),
        "held": _side(view.held),
    }


def _side(row: Any) -> dict[str, str]:
    return {
        "number": str(row.number or ""),
        "id": row.key.object_id,
        "type": row.type,
        "originator": row.key.originator,
        "title": row.title,
    }


@hits.command("why")
@click.argument("value")
@pass_session
def why(session: Session, *, value: str) -> int:
    """Say where VALUE stands: who carries it, and why it is, or is not, a hit."""
    from foedus.node.find import read_value  # noqa: PLC0415
    from foedus.node.hits import explain  # noqa: PLC0415

    node = session.wired.node
    rows = []
    with node.database.read() as tx:
        for selector in read_value(value):
            standing = explain(tx, node, selector)
            reason = "asked about" if standing.silence is None else standing.silence.reason
            code = "hit" if standing.silence is None else standing.silence.code
            rows.append((str(selector), standing.frequency, code, reason))
        carriers = tx.items.postings(list(read_value(value)), cap=_CARRIERS).values()
    note_read(session, "hits why", [handle for each in carriers for handle in each.handles])
    names = ("selector", "carried by", "code", "reason")
    emit(
        session,
        {"standing": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: table(names, rows) if rows else "That is no value of a kind that is matched.\n",
    )
    return Exit.DONE


@hits.command("confirm")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="What was checked.")
@click.option("--sighting", is_flag=True, help="Draft a sighting for the other member.")
@pass_session
def confirm(session: Session, *, number: int, reason: str, sighting: bool) -> int:
    """Record that hit NUMBER is a match.

    With `--sighting` a draft is made that says the other member's item was seen here, and nothing
    of what it matched. Vouch for it and disclose it like every item.
    """
    from foedus.node.hits import confirm_hit  # noqa: PLC0415

    draft = confirm_hit(session.wired.node, session.actor, number, reason, sighting=sighting)
    document: dict[str, Any] = {"hit": number, "state": "confirmed", "sighting": None}
    if draft is not None:
        document["sighting"] = {
            "number": str(draft.item.number),
            "id": draft.item.key.object_id,
            "to": draft.to,
            "state": draft.item.state.value,
        }
    emit(
        session,
        document,
        lambda: (
            f"Hit {number} confirmed.\n"
            if draft is None
            else f"Hit {number} confirmed; sighting {draft.item.number} drafted for {draft.to}.\n"
        ),
    )
    return Exit.DONE


@hits.command("dismiss")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why it is no match.")
@pass_session
def dismiss(session: Session, *, number: int, reason: str) -> int:
    """Record that hit NUMBER is no match, and why."""
    from foedus.node.hits import dismiss_hit  # noqa: PLC0415

    dismiss_hit(session.wired.node, session.actor, number, reason)
    emit(session, {"hit": number, "state": "dismissed"}, lambda: f"Hit {number} dismissed.\n")
    return Exit.DONE
