"""``treaty``: the text: draft, check, adopt, list, show."""

from __future__ import annotations

from pathlib import Path

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table

__all__ = ["adopt_text", "check", "draft", "list_treaties", "show_text"]


@click.command("draft")
@click.option("--template", type=click.Path(exists=True, path_type=Path), help="Another text.")
@click.option("--depositary", required=True, help="Member whose log publishes what all hold.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write."
)
@pass_session
def draft(session: Session, *, template: Path | None, depositary: str, output: Path) -> int:
    """Fill the annex of original members: this member and every introduced one."""
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.lawbook import read_credence  # noqa: PLC0415
    from foedus.treaty.articles import Party  # noqa: PLC0415
    from foedus.treaty.drafting import fill_parties, sample_text  # noqa: PLC0415
    from foedus.treaty.parser import parse_treaty  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        credences = [read_credence(peer.credence) for peer in tx.peers.all()]
    text = fill_parties(
        sample_text() if template is None else template.read_bytes(),
        [
            Party(member=each.member, name=each.name, authority=each.authority.fingerprint)
            for each in sorted(credences, key=lambda each: each.member)
        ],
        exercise=node.identity.exercise,
        depositary=member_id(depositary),
    )
    output.write_bytes(text)
    parsed = parse_treaty(text)
    emit(
        session,
        {"treaty": parsed.id, "file": str(output), "members": [p.member for p in parsed.parties]},
        lambda: f"Treaty {parsed.id} written to {output}.\n",
    )
    return Exit.DONE


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def check(session: Session, *, file: Path) -> int:
    """Check the treaty FILE: its form, and every machine rule against the vocabulary."""
    from foedus.node.ratify import check_text  # noqa: PLC0415

    parsed = check_text(file.read_bytes())
    rows = [
        (
            each.id,
            each.title,
            "yes" if each.blocks else "",
            "may be reserved" if each.reservable else "",
        )
        for each in parsed.articles
    ]
    names = ("article", "title", "machine rule", "reservation")
    emit(
        session,
        {"treaty": parsed.id, "articles": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: f"{parsed.title}\n{parsed.id}\n\n" + table(names, rows),
    )
    return Exit.DONE


@click.command("adopt")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def adopt_text(session: Session, *, file: Path) -> int:
    """Keep the treaty FILE here and offer it to every introduced member. Binds nobody."""
    from foedus.node.ratify import adopt  # noqa: PLC0415

    wired = session.wired
    parsed = adopt(wired.node, session.actor, wired.gate, file.read_bytes())
    emit(
        session,
        {"treaty": parsed.id, "title": parsed.title},
        lambda: f"Adopted: {parsed.title}\n{parsed.id}\n",
    )
    return Exit.DONE


@click.command("list")
@pass_session
def list_treaties(session: Session) -> int:
    """List the treaties known here."""
    node = session.wired.node
    with node.database.read() as tx:
        view = node.law.view(tx)
        rows = [
            (
                treaty_id[:12],
                compiled.treaty.title,
                "exercise" if compiled.treaty.exercise else "real",
                len(compiled.treaty.articles),
            )
            for treaty_id, compiled in sorted(view.treaties.items())
        ]
    names = ("treaty", "title", "kind", "articles")
    emit(
        session,
        {"treaties": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: table(names, rows),
    )
    return Exit.DONE


@click.command("show")
@click.argument("treaty_ref", default="")
@pass_session
def show_text(session: Session, *, treaty_ref: str) -> int:
    """Print a treaty's text, exactly as signed."""
    from foedus.node.find import find_treaty  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        which = find_treaty(tx, node, treaty_ref)
        raw = node.law.view(tx).treaty(which).treaty.raw
    click.echo(raw.decode(), nl=False)
    return Exit.DONE
