"""``export``: items in a file; here, where a purge reaches it, or handed out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.reading import reader
from foedus.clock import instant_text

if TYPE_CHECKING:
    from foedus.node.ports.readings import ExportRow

__all__ = ["export", "refuse_inside", "register_handed_out"]


@click.command()
@click.argument("references", nargs=-1)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it there instead: beyond the reach of a recall, and noted as such.",
)
@click.option("--list", "listing", is_flag=True, help="List exports, and where they stand.")
@click.option("--delete", "numbers", multiple=True, type=int, help="Delete export N kept here.")
@pass_session
def export(
    session: Session,
    *,
    references: tuple[str, ...],
    out: Path | None,
    listing: bool,
    numbers: tuple[int, ...],
) -> int:
    """Export held items as a STIX bundle, with their terms among their markings.

    Without `--out` it lies in `exports/` of the data directory, and goes when anything in it is
    recalled or expires.
    """
    from foedus.node.exports import delete_exports, export_items  # noqa: PLC0415

    node = session.wired.node
    if listing:
        with node.database.read() as tx:
            found = tx.readings.exports(states=frozenset(), limit=1_000)
        _list(session, found)
        return Exit.DONE
    if numbers:
        count = delete_exports(node, session.actor, numbers)
        emit(session, {"deleted": count}, lambda: f"{count} exports deleted.\n")
        return Exit.DONE
    if not references:
        raise click.UsageError("what is to be exported? name items, or give --list or --delete")
    if out is not None:
        refuse_inside(session, out)
        if out.exists():
            raise click.UsageError(f"{out} exists already, and is not overwritten")
    made = export_items(
        node,
        session.actor,
        references,
        purpose=session.why,
        handed_to="" if out is None else str(out.resolve()),
    )
    place = session.wired.settings.exports / made.place if out is None else out
    if out is not None:
        _write_private(out, made.data)
        say("handed out: what is recalled later is not deleted there")
    if made.left_out:
        say(f"left out, for nobody vouched for it: {', '.join(made.left_out)}")
    emit(
        session,
        {
            "export": made.number,
            "file": str(place),
            "items": made.items,
            "handed_out": out is not None,
            "left_out": list(made.left_out),
        },
        lambda: f"Export {made.number}: {made.items} items in {place}\n",
    )
    return Exit.DONE


def refuse_inside(session: Session, path: Path) -> None:
    """Refuse a place in the data directory for what is handed out: there a recall must reach it."""
    if path.resolve().is_relative_to(session.directory.resolve()):
        raise click.UsageError(
            f"{path} lies in the data directory, where nothing may be kept that a recall does not "
            "reach; name another place"
        )


def register_handed_out(
    session: Session, kind: str, path: Path, handles: Sequence[int], data: bytes | None = None
) -> int:
    """Register a dossier or receipts before they are written; returns the export's number."""
    from foedus.access import Actor  # noqa: PLC0415  # as every command's imports
    from foedus.node.exports import HandedOut, hand_out  # noqa: PLC0415
    from foedus.node.ports.readings import ExportKind  # noqa: PLC0415

    actor = reader(session) or Actor(user="", roles=frozenset())
    given = HandedOut(
        kind=ExportKind(kind),
        place=str(path.resolve()),
        sha256="" if data is None else hashlib.sha256(data).hexdigest(),
        handles=tuple(handles),
    )
    return hand_out(session.wired.node, actor, given, purpose=session.why)


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _list(session: Session, found: Sequence[ExportRow]) -> None:
    documents = [
        {
            "export": row.number,
            "at": instant_text(row.export.at),
            "user": row.export.user,
            "kind": row.export.kind.value,
            "state": row.export.state.value,
            "items": row.export.count,
            "place": row.export.place,
            "purpose": row.export.purpose,
        }
        for row in found
    ]
    columns = ("export", "at", "user", "kind", "state", "items", "place", "purpose")
    emit(
        session,
        {"exports": documents},
        lambda: (
            table(columns, [tuple(each.values()) for each in documents])
            if documents
            else "Nothing was exported.\n"
        ),
    )
