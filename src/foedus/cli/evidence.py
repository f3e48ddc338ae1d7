"""``receipt``, ``verify``, ``ledger``, ``figures``, ``quarantine``: what can be shown to others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table

if TYPE_CHECKING:
    from foedus.node.prove import OpenedDisclosure
    from foedus.node.reconcile import Figures

__all__ = ["figures", "ledger", "quarantine", "receipt", "verify"]


@click.command()
@click.argument("reference")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the receipt files.",
)
@pass_session
def receipt(session: Session, *, reference: str, output: Path) -> int:
    """Write a receipt for each disclosure of the item REFERENCE, provable offline."""
    from foedus.node.find import resolve  # noqa: PLC0415
    from foedus.node.prove import receipts  # noqa: PLC0415

    wired = session.wired
    opened: dict[int, OpenedDisclosure] = {}
    with wired.node.database.read() as tx:
        rows = resolve(tx, reference)
        given = [row for row in rows if tx.feeds.disclosures(row.handle)] or rows[:1]
        proofs = [
            (row, proof)
            for row in given
            for proof in receipts(tx, wired.node, wired.ledger, row.handle, opened=opened)
        ]
    if len(given) < len(rows):
        say(f"{len(rows) - len(given)} of these {len(rows)} items were given to nobody")
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for row, proof in proofs:
        name = f"{row.number or row.key.object_id}-{proof.recipient}-{proof.entry_index}.tlog-proof"
        (output / name).write_bytes(proof.data)
        written.append((str(output / name), proof.recipient, proof.article, proof.entry_index))
    names = ("file", "given to", "article", "log entry")
    emit(
        session,
        {"receipts": [dict(zip(names, row, strict=True)) for row in written]},
        lambda: table(names, written),
    )
    return Exit.DONE


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, help="Verifier key of the log (C2SP vkey); repeatable."
)
@click.option(
    "--letter",
    "letters",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Letter of credence that names the log's key; repeatable.",
)
@pass_session
def verify(
    session: Session, *, files: tuple[Path, ...], keys: tuple[str, ...], letters: tuple[Path, ...]
) -> int:
    """Verify receipt FILES offline: no node, no network, only the log's key.

    Give the key of the log whose word you take, as `--key` or by its member's letter of credence.
    """
    from foedus.ledger import verify_receipt  # noqa: PLC0415
    from foedus.ledger.errors import ReceiptError  # noqa: PLC0415
    from foedus.node.lawbook import read_credence  # noqa: PLC0415
    from foedus.signing import NoteVerifier, parse_vkey  # noqa: PLC0415

    verifiers = [parse_vkey(each) for each in keys]
    for letter in letters:
        credence = read_credence(letter.read_bytes())
        verifiers.append(NoteVerifier(name=credence.log_origin, key=credence.log))
    if not verifiers:
        raise click.UsageError("whose word do you take? give --key or --letter")
    rows: list[dict[str, Any]] = []
    for file in files:
        try:
            proved = verify_receipt(file.read_bytes(), verifiers)
        except ReceiptError as error:
            rows.append({"file": file.name, "holds": False, "why": str(error)})
            continue
        record = json.loads(proved.record)
        item = None if proved.item_record is None else json.loads(proved.item_record)
        rows.append(
            {
                "file": file.name,
                "holds": True,
                "log": proved.origin,
                "entry": proved.index,
                "size": proved.size,
                "record": record,
                "item": item,
            }
        )
    emit(session, {"receipts": rows}, lambda: "".join(_proved(row) for row in rows))
    return Exit.DONE if all(row["holds"] for row in rows) else Exit.NOT_PROVED


def _proved(row: dict[str, Any]) -> str:
    if not row["holds"]:
        return f"{row['file']}: DOES NOT HOLD: {row['why']}\n"
    record, item = row["record"], row["item"]
    what = (
        f"{record.get('count', '?')} items" if item is None else f"{item['id']} ({item['version']})"
    )
    return (
        f"{row['file']}: holds. Entry {row['entry']} of {row['size']} in the log {row['log']}:\n"
        f"  {record.get('sender')} disclosed {what} to {record.get('recipient')} on "
        f"{record.get('instant')} under Article {record.get('article')} of treaty "
        f"{str(record.get('treaty'))[:12]} for {record.get('purpose')}\n"
    )


@click.group()
def ledger() -> None:
    """The log of what this node did: append-only, C2SP tiles, checkable by anyone."""


@ledger.command("audit")
@click.argument("directory", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--key", help="Verifier key of the log (C2SP vkey); needed with a directory.")
@pass_session
def audit_log(session: Session, *, directory: Path | None, key: str | None) -> int:
    """Read a whole log again and check every entry, tile, root and signature.

    Without DIRECTORY the node's own log; with one, any copy of a log's files.
    """
    from foedus.ledger import audit  # noqa: PLC0415
    from foedus.signing import NoteVerifier, parse_vkey  # noqa: PLC0415
    from foedus.store.ledger_files import TileDirectory  # noqa: PLC0415

    if directory is None:
        identity = session.wired.node.identity
        source = session.wired.ledger
        verifier = NoteVerifier(name=identity.log_origin, key=identity.log.public)
    elif key is None:
        raise click.UsageError("--key is needed with a directory: whose log is it?")
    else:
        source, verifier = TileDirectory(directory), parse_vkey(key)
    result = audit(source, verifier, since=None)
    emit(
        session,
        {"origin": verifier.name, "size": result.size, "root": result.root.hex()},
        lambda: f"{verifier.name}: {result.size} entries hold, root {result.root.hex()}\n",
    )
    return Exit.DONE


@ledger.command("key")
@pass_session
def key_of_log(session: Session) -> int:
    """Print the verifier key of this node's log, for those who verify its receipts."""
    from foedus.signing import NoteVerifier  # noqa: PLC0415

    identity = session.wired.node.identity
    vkey = NoteVerifier(name=identity.log_origin, key=identity.log.public).vkey
    emit(session, {"key": vkey}, lambda: f"{vkey}\n")
    return Exit.DONE


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
    names = ("no", "from", "lane", "object", "code", "reason", "when")
    emit(
        session,
        {"quarantine": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: table(names, rows) if rows else "Nothing is in quarantine.\n",
    )
    return Exit.DONE
