"""``receipt`` and ``evidence``: what can be shown to others of one item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.export import refuse_inside, register_handed_out
from foedus.cli.output import emit, pass_session, say, table

if TYPE_CHECKING:
    from foedus.node.prove import DisclosureProof

__all__ = ["evidence", "receipt"]


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
    """Write a receipt for each disclosure of the item REFERENCE, provable offline.

    Where no signed head of the log covers a disclosure yet, the file is a signed promise; run the
    same again and it becomes a receipt. A receipt is made under the smallest head that a quorum of
    the treaty's members cosigned, or else under the one published last.
    """
    from foedus.node.erase import erasure_named  # noqa: PLC0415  # as every command's imports
    from foedus.node.errors import ErasedError  # noqa: PLC0415
    from foedus.node.find import resolve  # noqa: PLC0415
    from foedus.node.prove import ProofKind, Prover  # noqa: PLC0415

    wired = session.wired
    with wired.node.database.read() as tx:
        erased = erasure_named(tx, wired.node, reference)
        if erased is not None:
            raise ErasedError(
                f"{reference} was erased under order {erased.erasure.reference} on "
                f"{erased.erasure.at:%d %B %Y}; nothing is left here that could prove it"
            )
        rows = resolve(tx, reference)
        given = [row for row in rows if tx.feeds.disclosures(row.handle)] or rows[:1]
        prover = Prover(tx, wired.node, wired.ledger)
        proofs = [(row, proof) for row in given for proof in prover.of_item(row.handle)]
    if len(given) < len(rows):
        say(f"{len(rows) - len(given)} of these {len(rows)} items were given to nobody")
    refuse_inside(session, output)
    register_handed_out(session, "receipt", output, [row.handle for row, _ in proofs])
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for row, proof in proofs:
        path = _write(output, str(row.number or row.key.object_id), proof)
        written.append(
            (str(path), proof.recipient, proof.article, proof.entry_index, proof.kind.name.lower())
        )
    promised = sum(proof.kind is ProofKind.PROMISE for _, proof in proofs)
    if promised:
        say(f"{promised} are promises still: run this again when the log's head is published")
    names = ("file", "given to", "article", "log entry", "kind")
    emit(
        session,
        {"receipts": [dict(zip(names, row, strict=True)) for row in written]},
        lambda: table(names, written),
    )
    return Exit.DONE


def _write(folder: Path, name: str, proof: DisclosureProof) -> Path:
    """Write a proof, and take away the promise that a receipt completes."""
    from foedus.node.prove import ProofKind  # noqa: PLC0415

    stem = f"{name}-{proof.recipient}-{proof.entry_index}"
    path = folder / f"{stem}.{proof.kind.value}"
    path.write_bytes(proof.data)
    if proof.kind is ProofKind.RECEIPT:
        (folder / f"{stem}.{ProofKind.PROMISE.value}").unlink(missing_ok=True)
    return path


@click.command()
@click.argument("reference")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the dossier; it must be empty or new.",
)
@click.option(
    "--zip",
    "archive",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it as one ZIP file, instead or as well.",
)
@pass_session
def evidence(session: Session, *, reference: str, output: Path | None, archive: Path | None) -> int:
    """Build the dossier of the item REFERENCE for a court or an auditor.

    It holds the item as it was given, a receipt of each disclosure, the treaty as ratified, the
    members' instruments and acknowledgements, a policy to verify with, and a cover page to read
    first. Items that were given together with this one are not shown. `foedus verify` verifies the
    folder anywhere, offline.
    """
    from foedus.node.dossier import dossier  # noqa: PLC0415  # as every command's imports

    if output is None and archive is None:
        raise click.UsageError("where to? give -o DIR or --zip FILE")
    if output is not None and output.exists() and any(output.iterdir()):
        raise click.UsageError(f"{output} is not empty; a dossier stands alone in its folder")
    for place in (output, archive):
        if place is not None:
            refuse_inside(session, place)
    wired = session.wired
    built = dossier(wired.node, session.actor, wired.ledger, reference)
    zipped = None
    if archive is not None:
        zipped = _zipped([(each.path, each.data) for each in built.files])
        register_handed_out(session, "dossier", archive, built.handles, zipped)
    if output is not None:
        register_handed_out(session, "dossier", output, built.handles)
    for each in built.files if output is not None else ():
        path = Path(str(output), each.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.data)
    if archive is not None and zipped is not None:
        archive.write_bytes(zipped)
    unpacked = "" if output is not None else " once the ZIP file is unpacked"
    for gap in built.gaps:
        say(f"not proved: {gap}")
    emit(
        session,
        {
            "folder": None if output is None else str(output),
            "zip": None if archive is None else str(archive),
            "files": [each.path for each in built.files],
            "disclosures": built.disclosures,
            "receipts": built.receipts,
            "not_proved": list(built.gaps),
        },
        lambda: (
            f"{len(built.files)} files: {built.disclosures} disclosures, {built.receipts} with a "
            f"receipt. Read cover.html first; `foedus verify {output or 'FOLDER'} --policy "
            f"{(output or Path('FOLDER')) / 'policy'}` verifies it{unpacked}. Whoever relies on it "
            "compares the keys in that policy with what the members say.\n"
        ),
    )
    return Exit.DONE


def _zipped(files: list[tuple[str, bytes]]) -> bytes:
    """Return a ZIP file of these, the same bytes for the same files."""
    import io  # noqa: PLC0415  # only for this
    import zipfile  # noqa: PLC0415

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files:
            # A fixed date: when it was made stands in the manifest.
            archive.writestr(zipfile.ZipInfo(f"dossier/{path}", (1980, 1, 1, 0, 0, 0)), data)
    return made.getvalue()
