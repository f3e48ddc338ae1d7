"""``figures``, ``quarantine``: whether everything adds up, and what was refused on arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table
from foedus.cli.reading import note_read

if TYPE_CHECKING:
    from foedus.node.reconcile import Figures

__all__ = ["figures", "figures_document", "quarantine"]


@click.command()
@pass_session
def figures(session: Session) -> int:
    """Show whether the figures agree: read, held, given, confirmed, received, refused."""
    from foedus.node.reconcile import figures as count  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        found = count(tx, node.identity)
    emit(session, figures_document(found), lambda: _figures_text(found))
    agreed = all(lane.agreed or lane.pending for lane in found.lanes) and not found.unbalanced
    return Exit.DONE if agreed else Exit.PARTIAL


def figures_document(found: Figures) -> dict[str, Any]:
    """Return the figures as JSON."""
    return {
        "states": {state.value: number for state, number in found.states.items()},
        "sources": [
            {
                "source": row.handle,
                "name": row.name,
                "read": row.read,
                "taken": row.taken,
                "duplicates": row.duplicates,
                "refused": len(row.refused),
            }
            for row in found.sources
        ],
        "lanes": [
            {
                "to": lane.recipient,
                "lane": lane.lane,
                "rows": lane.count,
                "items": lane.items,
                "confirmed": lane.confirmed,
                "agreed": lane.agreed,
                "pending": lane.pending,
            }
            for lane in found.lanes
        ],
        "received": [
            {"from": sender, "lane": lane, "outcomes": dict(outcomes)}
            for (sender, lane), outcomes in sorted(found.received.items())
        ],
        "hits": {state.value: number for state, number in found.hits.items()},
        "log_entries": found.log_entries,
        "unbalanced": list(found.unbalanced),
    }


def _figures_text(found: Figures) -> str:
    states = ", ".join(f"{number} {state.value}" for state, number in sorted(found.states.items()))
    text = f"items: {states or 'none'}; log entries: {found.log_entries}\n"
    if found.unbalanced:
        text += "".join(f"DOES NOT ADD UP: {line}\n" for line in found.unbalanced)
    text += "\n" + table(
        ("to", "lane", "rows", "items", "confirmed", "agreed"),
        [
            (
                lane.recipient,
                lane.lane,
                lane.count,
                lane.items,
                lane.confirmed,
                "yes" if lane.agreed else "not pulled yet" if lane.pending else "NO",
            )
            for lane in found.lanes
        ],
    )
    received = [
        (sender, lane, ", ".join(f"{number} {code}" for code, number in sorted(outcomes.items())))
        for (sender, lane), outcomes in sorted(found.received.items())
    ]
    if received:
        text += "\n" + table(("from", "lane", "rows by outcome"), received)
    return text


@click.command()
@click.option("--after", default=0, help="Only rows with a higher number.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def quarantine(session: Session, *, after: int, limit: int) -> int:
    """List what was received and refused, with the reason."""
    from foedus.access import Role, require_role  # noqa: PLC0415
    from foedus.model.identifiers import ObjectId  # noqa: PLC0415
    from foedus.node.ports import ItemState  # noqa: PLC0415

    require_role(session.actor, Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR)
    with session.wired.node.database.read() as tx:
        rows = [
            (
                row.handle,
                row.entry.sender,
                row.entry.lane,
                row.entry.object_id,
                row.entry.code,
                row.entry.reason,
                row.entry.at.isoformat(timespec="seconds"),
            )
            for row in tx.quarantine.page(after=after, limit=limit)
        ]
        named = [
            item.handle
            for _, sender, _, object_id, *_ in rows
            for item in tx.items.by_object_id(ObjectId(object_id))
            if item.state is ItemState.QUARANTINED and item.received_from == sender
        ]
    note_read(session, "quarantine", named)
    names = ("no", "from", "lane", "object", "code", "reason", "when")
    emit(
        session,
        {"quarantine": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: table(names, rows) if rows else "Nothing is in quarantine.\n",
    )
    return Exit.DONE
