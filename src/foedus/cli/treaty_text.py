"""``treaty``: the text: draft, check, adopt, list, show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.wording import counted

if TYPE_CHECKING:
    from foedus.release.check import Report
    from foedus.treaty.articles import Treaty

__all__ = [
    "adopt_text",
    "check",
    "diff_treaties",
    "draft",
    "list_treaties",
    "read_text",
    "show_text",
]


@click.command("draft")
@click.option(
    "--template",
    type=click.Path(exists=True, path_type=Path),
    help="Another text than the sample, which is made for four members or more.",
)
@click.option("--depositary", required=True, help="Member whose log publishes what all hold.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write."
)
@pass_session
def draft(session: Session, *, template: Path | None, depositary: str, output: Path) -> int:
    """Fill the annex of original members: this member and every introduced one.

    So introduce them first (`foedus peers add`). For fewer than four members copy the sample,
    lower `ratifications` and `liars` in it, and name the copy with --template.
    """
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
@click.option("--notes", is_flag=True, help="Print notes too, such as safeguards that are idle.")
@pass_session
def check(session: Session, *, file: Path, notes: bool) -> int:
    """Check the treaty FILE: its form, its machine rules and how far they reach.

    Every fault is told at once, each with its place. A text with a fault cannot be adopted;
    warnings say where to look again.
    """
    from foedus.cli.findings import findings_text  # noqa: PLC0415
    from foedus.release.breadth import Severity  # noqa: PLC0415
    from foedus.release.check import check_treaty  # noqa: PLC0415

    raw = read_text(file)
    report = check_treaty(raw)
    shown = [each for each in report.findings if notes or each.severity is not Severity.NOTE]
    rows = [] if report.treaty is None else _articles(report.treaty)
    if not session.as_json:
        click.echo(findings_text(str(file), raw, shown), nl=False, err=True)
    emit(
        session,
        {
            "treaty": None if report.treaty is None else report.treaty.id,
            "findings": [each.document() for each in report.findings],
            "articles": [dict(zip(_ARTICLE_COLUMNS, row, strict=True)) for row in rows],
        },
        lambda: "" if report.treaty is None else _summary(report, report.treaty, rows, shown=notes),
    )
    return Exit.DONE if report.treaty is not None else Exit.REFUSED


_ARTICLE_COLUMNS = ("article", "title", "machine rule", "reservation")


def read_text(file: Path) -> bytes:
    """Return the bytes of a treaty file; of one that is too long no more than shows that it is."""
    from foedus.treaty.parser import MAX_TREATY_BYTES  # noqa: PLC0415

    with file.open("rb") as opened:
        return opened.read(MAX_TREATY_BYTES + 1)


def _summary(report: Report, treaty: Treaty, rows: Sequence[Sequence[str]], *, shown: bool) -> str:
    counts = Counter(each.severity.value for each in report.findings)
    found = ["no faults", *(counted(count, word) for word, count in sorted(counts.items()))]
    more = "" if shown or not counts["note"] else " (--notes prints them)"
    head = f"{treaty.title}\n{treaty.id}\n{', '.join(found)}{more}\n"
    return f"{head}\n{table(_ARTICLE_COLUMNS, rows)}"


def _articles(treaty: Treaty) -> list[tuple[str, str, str, str]]:
    return [
        (
            each.id,
            each.title,
            "yes" if each.blocks else "",
            "may be reserved" if each.reservable else "",
        )
        for each in treaty.articles
    ]


@click.command("adopt")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def adopt_text(session: Session, *, file: Path) -> int:
    """Keep the treaty FILE here and offer it to every introduced member. Binds nobody.

    A text with a fault is refused with all of them, each with its place.
    """
    from foedus.cli.findings import findings_text  # noqa: PLC0415
    from foedus.node.ratify import adopt  # noqa: PLC0415
    from foedus.release.breadth import Severity  # noqa: PLC0415
    from foedus.release.check import check_treaty  # noqa: PLC0415
    from foedus.release.errors import CompileFaults  # noqa: PLC0415
    from foedus.treaty.faults import TreatyFaults  # noqa: PLC0415

    wired = session.wired
    raw = read_text(file)
    with wired.node.database.read() as tx:
        known = frozenset(wired.node.law.view(tx).treaties)
    try:
        parsed = adopt(wired.node, session.actor, wired.gate, raw)
    except (TreatyFaults, CompileFaults):
        # A refusal carries faults of form or of rules; whoever drafts wants both, so: once more.
        faults = check_treaty(raw).of(Severity.FAULT)
        click.echo(findings_text(str(file), raw, faults), nl=False, err=True)
        say("nothing was adopted")
        return Exit.REFUSED
    new = parsed.id not in known
    said = "Adopted" if new else "It was adopted already, and nothing changed"
    emit(
        session,
        {"treaty": parsed.id, "title": parsed.title, "new": new},
        lambda: f"{said}: {parsed.title}\n{parsed.id}\n",
    )
    return Exit.DONE


@click.command("list")
@pass_session
def list_treaties(session: Session) -> int:
    """List the treaties known here."""
    from foedus.node.find import treaty_state  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        view = node.law.view(tx)
    now = node.clock.now()
    found = [
        {
            "treaty": treaty,
            "title": compiled.treaty.title,
            "kind": "exercise" if compiled.treaty.exercise else "real",
            "state": treaty_state(view, treaty, now).value,
            "articles": len(compiled.treaty.articles),
        }
        for treaty, compiled in sorted(view.treaties.items())
    ]
    rows = [(str(each["treaty"])[:12], *list(each.values())[1:]) for each in found]
    emit(
        session,
        {"treaties": found},
        lambda: (
            table(("treaty", "title", "kind", "state", "articles"), rows)
            if rows
            else "No treaty is known here; `foedus treaty adopt FILE` adds one.\n"
        ),
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
        treaty = node.law.view(tx).treaty(which).treaty
    text = treaty.raw.decode()
    emit(session, {"treaty": treaty.id, "title": treaty.title, "text": text}, lambda: text)
    return Exit.DONE


@click.command("diff")
@click.argument("old")
@click.argument("new")
@pass_session
def diff_treaties(session: Session, *, old: str, new: str) -> int:
    """Say in words what changed from OLD to NEW: files, or treaties known here by their id.

    For each article: its words, whether it admits a reservation, its machine rules, and whether it
    lets through more or less than before, where that can be told.
    """
    from foedus.cli.treaty_diff import changes_document, changes_text, compare  # noqa: PLC0415

    comparison = compare(_named(session, old), _named(session, new))
    emit(session, changes_document(comparison), lambda: changes_text(comparison))
    return Exit.DONE


def _named(session: Session, name: str) -> Treaty:
    """Return the treaty in a file or, if there is no such file, the one known here."""
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.release.check import accept_treaty  # noqa: PLC0415

    file = Path(name)
    if file.is_file():
        return accept_treaty(read_text(file))
    node = session.wired.node
    with node.database.read() as tx:
        return node.law.view(tx).treaty(find_treaty(tx, node, name)).treaty
