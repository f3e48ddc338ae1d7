"""``collections``: a member's own collections, which its tools fill and read over TAXII."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, table
from foedus.cli.wording import counted

if TYPE_CHECKING:
    from foedus.node.ports import CollectionRow

__all__ = ["collections"]

_EXERCISE = "EXERCISE: everything here is an exercise.\n"


@click.group()
def collections() -> None:
    """Collections of this member's own tools. What lies in one leaves the node never.

    To release something of it, take it into drafts: `foedus submit --collection NAME`.
    """


@collections.command("create")
@click.argument("name")
@click.option("--title", default="", help="For people; NAME if absent.")
@click.option("--description", default="", help="For people.")
@pass_session
def create(session: Session, *, name: str, title: str, description: str) -> int:
    """Make the empty collection NAME. Needs an administrator."""
    from foedus.node.collections import create_collection  # noqa: PLC0415

    node = session.wired.node
    row = create_collection(node, session.actor, name, title=title, description=description)
    emit(session, _document(session, row), lambda: f"{row.name}: {row.id}\n")
    return Exit.DONE


@collections.command("list")
@pass_session
def list_all(session: Session) -> int:
    """List collections and how much stands in them."""
    with session.wired.node.database.read() as tx:
        rows = tx.collections.all()
    columns = ("name", "id", "objects", "MiB", "newest", "to submit", "title")
    cells = [
        (
            row.name,
            row.id,
            row.objects,
            f"{row.size / 2**20:.1f}",
            _at(row.last_added),
            "yes" if row.last_added > row.submitted and row.objects else "",
            row.title,
        )
        for row in rows
    ]
    emit(
        session,
        {
            "exercise": session.wired.settings.exercise,
            "collections": [_document(session, row) for row in rows],
        },
        lambda: _marked(session) + (table(columns, cells) if cells else "No collections.\n"),
    )
    return Exit.DONE


@collections.command("show")
@click.argument("name")
@click.option("--id", "ids", multiple=True, help="Only this object, every version; repeatable.")
@click.option("--type", "types", multiple=True, help="Only objects of this type; repeatable.")
@click.option("--after", type=INSTANT, help="Only what was added later.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="Rows at most."
)
@click.option("--raw", is_flag=True, help="Print the objects, one a line, instead of a table.")
@pass_session
def show(
    session: Session,
    *,
    name: str,
    ids: tuple[str, ...],
    types: tuple[str, ...],
    after: datetime | None,
    limit: int,
    raw: bool,
) -> int:
    """Show what lies in the collection NAME and which tokens open it."""
    from foedus.node.collected import collected_page  # noqa: PLC0415
    from foedus.node.collections import collection_by_name  # noqa: PLC0415
    from foedus.node.served import PageQuery, VersionChoice  # noqa: PLC0415
    from foedus.node.tokens import grant_text  # noqa: PLC0415

    query = PageQuery(
        after=after,
        limit=limit,
        ids=frozenset(ids),
        types=frozenset(types),
        versions=VersionChoice(every=True),
    )
    with session.wired.node.database.read() as tx:
        row = collection_by_name(tx, name)
        page = collected_page(tx, row.number, query)
        tokens = {
            each.token_id: grant_text(grant)
            for each in tx.people.tokens()
            for grant in each.grants
            if grant.collection == row.number and each.revoked is None
        }
    if raw:
        click.echo(b"\n".join(b" ".join(each.splitlines()) for each in page.raws()).decode())
        return Exit.DONE
    records = [
        {"added": added, "id": identifier, "version": version}
        for identifier, version, added in page.records()
    ]
    document = _document(session, row) | {
        "tokens": tokens,
        "shown": records,
        "more": page.more,
    }
    emit(session, document, lambda: _shown(session, row, document))
    return Exit.DONE


@collections.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, *, name: str, yes: bool) -> int:
    """Delete the collection NAME, all that lies in it and every grant to it."""
    from foedus.node.collections import collection_by_name, delete_collection  # noqa: PLC0415

    node = session.wired.node
    if not yes:
        with node.database.read() as tx:
            row = collection_by_name(tx, name)
        click.confirm(f"Delete {name} with {counted(row.objects, 'object')}?", abort=True)
    row = delete_collection(node, session.actor, name)
    emit(
        session,
        {"collection": row.name, "id": row.id, "objects": row.objects},
        lambda: f"{row.name} is deleted, with {counted(row.objects, 'object')}.\n",
    )
    return Exit.DONE


def _shown(session: Session, row: CollectionRow, document: dict[str, Any]) -> str:
    lines = [
        f"{row.name}: {row.title}",
        *([row.description] if row.description else []),
        f"id {row.id}, made by {row.created_by} on {row.created.date()}",
        f"{counted(row.objects, 'object')}, {row.size / 2**20:.1f} MiB",
        f"newest {_at(row.last_added) or 'none'}, submitted up to {_at(row.submitted) or 'none'}",
        "tokens: "
        + (", ".join(f"{name}={grant}" for name, grant in document["tokens"].items()) or "none"),
        "",
    ]
    cells = [(each["added"], each["id"], each["version"]) for each in document["shown"]]
    text = _marked(session) + "\n".join(lines)
    if cells:
        text += table(("added", "object", "version"), cells)
    return text + ("More follow: --after the last.\n" if document["more"] else "")


def _document(session: Session, row: CollectionRow) -> dict[str, Any]:
    return {
        "collection": row.name,
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "exercise": session.wired.settings.exercise,
        "created": row.created.isoformat(timespec="seconds"),
        "created_by": row.created_by,
        "objects": row.objects,
        "bytes": row.size,
        "newest": _at(row.last_added),
        "submitted": _at(row.submitted),
    }


def _marked(session: Session) -> str:
    return _EXERCISE if session.wired.settings.exercise else ""


def _at(micros: int) -> str:
    from foedus.clock import from_micros, instant_text  # noqa: PLC0415

    return instant_text(from_micros(micros)) if micros else ""
