"""``submit``, ``vouch``, ``discard``, ``show``, ``search``: from a file to an item."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, progress_bar, say, table
from foedus.cli.reading import note_read

if TYPE_CHECKING:
    from foedus.node.ports import ItemRow
    from foedus.node.submit import Submitted
    from foedus.node.vouch import TermsOffer

__all__ = ["discard", "item_columns", "item_row", "search", "show", "submit", "vouch"]

item_columns = ("number", "type", "state", "originator", "title")
_SHOWN_ROWS = 20
_NOT_REVIEWED = (
    "Nobody said why they are neutral (--neutrality), so where a treaty asks for that none of them "
    "can be released.\n"
)


def item_row(row: ItemRow) -> tuple[str, str, str, str, str]:
    """Return a row for people, in the order of ``item_columns``."""
    return (str(row.number or ""), row.type, row.state.value, row.key.originator, row.title)


def _item_document(row: ItemRow) -> dict[str, Any]:
    return {
        "number": str(row.number or ""),
        "id": row.key.object_id,
        "version": row.key.version,
        "type": row.type,
        "state": row.state.value,
        "originator": row.key.originator,
        "title": row.title,
    }


def _terms_options(command: Any) -> Any:
    """Add the options that say on what terms drafts are vouched for."""
    options = [
        click.option(
            "--treaty",
            "treaties",
            multiple=True,
            help="Treaty they may go out under, repeatable; the only one if absent.",
        ),
        click.option("--purpose", "purposes", multiple=True, help="Purpose; repeatable."),
        click.option("--legal-basis", default="", help="The domestic provision relied on, cited."),
        click.option("--offence", default="", help="Offence category of the treaty."),
        click.option(
            "--person",
            default="none",
            show_default=True,
            type=click.Choice(
                ["suspect", "convicted", "victim", "witness", "contact", "other", "none"]
            ),
            help="In what capacity persons appear in personal data.",
        ),
        click.option(
            "--tlp",
            default="amber",
            show_default=True,
            type=click.Choice(["clear", "green", "amber", "amber+strict", "red"]),
            help="TLP 2.0 level; a stricter marking inside an item binds all the same.",
        ),
        click.option(
            "--handling",
            multiple=True,
            type=click.Choice(["H0", "H1", "H2", "H3"]),
            help="Handling condition; repeatable.",
        ),
        click.option(
            "--grade", default="X4", show_default=True, help="Source A B C X and information 1-4."
        ),
        click.option("--review", type=INSTANT, help="When personal data is reviewed."),
        click.option("--expiry", type=INSTANT, help="When the items expire."),
        click.option(
            "--neutrality",
            default="",
            help="Why they are not predominantly political, military, religious or racial. "
            "Needs an analyst who is an officer or a supervisor too; without it nothing can be "
            "released.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _offer(session: Session, values: dict[str, Any]) -> TermsOffer:
    from foedus.model.markings import TLP  # noqa: PLC0415
    from foedus.model.terms import (  # noqa: PLC0415
        CategoryOfPerson,
        HandlingCondition,
        InformationGrade,
        SourceGrade,
    )
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.vouch import TermsOffer  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        # The only treaty there is goes without saying; terms under none could never be disclosed.
        named = values["treaties"] or ([""] if len(node.law.view(tx).treaties) == 1 else [])
        treaties = frozenset(find_treaty(tx, node, each) for each in named)
    if not treaties:
        say("no treaty is named: the items are held, and cannot be disclosed under any")
    _refuse_past(values, node.clock.now())
    grade = values["grade"].upper()
    try:
        source, information = SourceGrade(grade[:1]), InformationGrade(grade[1:])
    except ValueError as error:
        raise click.UsageError(
            "--grade is a source (A B C X) and an information (1-4), such as B2"
        ) from error
    return TermsOffer(
        treaties=treaties,
        purposes=frozenset(values["purposes"]),
        legal_basis=values["legal_basis"],
        offence=values["offence"],
        person=CategoryOfPerson(values["person"]),
        tlp=TLP(values["tlp"]),
        handling=frozenset(HandlingCondition(each) for each in values["handling"]),
        source=source,
        information=information,
        review=values["review"],
        expiry=values["expiry"],
        neutrality_reason=values["neutrality"],
    )


def _refuse_past(values: dict[str, Any], now: datetime) -> None:
    """Refuse dates on which nothing could be released any more."""
    for option in ("review", "expiry"):
        given: datetime | None = values[option]
        if given is not None and given <= now:
            raise click.UsageError(
                f"--{option} is a day still to come: under {given:%Y-%m-%d} nothing could be "
                "released, and the terms of what is held are not changed afterwards"
            )


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["bundle", "misp", "un-list", "report", "table"]),
    help="Format; found out from the content when absent.",
)
@click.option(
    "--own-source",
    is_flag=True,
    help="The officer says that FILES are a source of our own: recalled values come in too.",
)
@click.option(
    "--collection",
    "collections",
    multiple=True,
    metavar="NAME",
    help="Take what is new in this collection since the last time; repeatable.",
)
@pass_session
def submit(
    session: Session,
    *,
    files: tuple[Path, ...],
    format_name: str | None,
    own_source: bool,
    collections: tuple[str, ...],
) -> int:
    """Read FILES into drafts: STIX bundle, MISP event, UN list, report (HTML, Markdown, text), CSV.

    Or read what tools put into a collection of this node (`foedus collections`).

    A CSV table has a header with the columns `kind` (domain, ip, iban …) and `value`, and may have
    `description`, `first_seen` and `last_seen`; other columns are left out.

    Nothing is held or released until someone vouches for terms (`foedus vouch`). A damaged or
    oversized file is refused whole, and the others go on.

    What was recalled under an order stays out.
    """
    from foedus.intake.drafts import Format  # noqa: PLC0415
    from foedus.intake.limits import DEFAULT_LIMITS, IntakeError  # noqa: PLC0415
    from foedus.node.submit import Submission  # noqa: PLC0415
    from foedus.node.submit import submit as submit_source  # noqa: PLC0415

    if not files and not collections:
        raise click.UsageError("nothing to submit: give FILES or --collection NAME")
    wired = session.wired
    done: list[Submitted] = []
    refused: list[str] = []
    for name in collections:
        done += _from_collection(session, name)
    for file in files:
        try:
            data = _read(file, DEFAULT_LIMITS.file_bytes)
            with progress_bar(session, file.name) as progress:
                done.append(
                    submit_source(
                        wired.node,
                        session.actor,
                        Submission(
                            data=data,
                            name=file.name,
                            format=None if format_name is None else Format(format_name),
                            own_source=own_source,
                        ),
                        limits=DEFAULT_LIMITS,
                        progress=progress,
                    )
                )
        except IntakeError as error:
            refused.append(str(error))
            say(f"foedus: {error}")
    emit(
        session,
        {"sources": [_submitted_document(each) for each in done], "refused_files": refused},
        lambda: "".join(_submitted_text(each) for each in done) or "Nothing new.\n",
    )
    return Exit.REFUSED if refused else Exit.DONE


def _from_collection(session: Session, name: str) -> list[Submitted]:
    """Submit, a page at a time, what is new in a collection."""
    from foedus.intake.limits import DEFAULT_LIMITS  # noqa: PLC0415
    from foedus.node.submit_collection import submit_collection  # noqa: PLC0415

    done: list[Submitted] = []
    more = True
    while more:
        with progress_bar(session, name) as progress:
            page = submit_collection(
                session.wired.node, session.actor, name, limits=DEFAULT_LIMITS, progress=progress
            )
        if page is not None:
            done.append(page.submitted)
        more = page is not None and page.more
    return done


def _read(file: Path, most: int) -> bytes:
    """Return a file's bytes, never much more than may be read; the size check refuses the rest."""
    with file.open("rb") as stream:
        return stream.read(most + 1)


def _submitted_document(each: Submitted) -> dict[str, Any]:
    result = each.result
    return {
        "source": f"source:{each.source.handle}",
        "name": each.source.name,
        "format": each.source.format,
        "title": result.source.title,
        "read": result.read,
        "taken": result.taken,
        "duplicates": [{"place": r.place, "reason": r.reason} for r in result.duplicates],
        "refused": [{"place": r.place, "reason": r.reason} for r in result.refused],
        "added": len(result.added),
        "delisted": list(result.delisted),
        "new": each.new,
        "known": each.known,
        "conflicts": list(each.conflicts),
        "suggestions": {key: list(value) for key, value in result.suggestions.items()},
        "drafts": [_item_document(row) for row in each.rows],
    }


def _submitted_text(each: Submitted) -> str:
    result = each.result
    lines = [
        f"source:{each.source.handle}  {result.source.title}  ({each.source.format})",
        f"  read {result.read} = taken {result.taken} + duplicates {len(result.duplicates)} "
        f"+ refused {len(result.refused)}; our side added {len(result.added)}",
        f"  drafts: {each.new} new, {each.known} known, {len(each.conflicts)} in conflict"
        + (f"; {len(result.delisted)} no longer listed" if result.delisted else ""),
    ]
    lines.extend(f"  refused: {r.place}: {r.reason}" for r in result.refused[:_SHOWN_ROWS])
    if len(result.refused) > _SHOWN_ROWS:
        lines.append(f"  … and {len(result.refused) - _SHOWN_ROWS} more; `--json` lists all")
    drafts = [row for row in each.rows if row.state.value == "draft"]
    if drafts:
        lines.append(table(item_columns, [item_row(row) for row in drafts[:_SHOWN_ROWS]]).rstrip())
    if len(drafts) > _SHOWN_ROWS:
        lines.append(f"… and {len(drafts) - _SHOWN_ROWS} more drafts")
    lines.append(f"Next: `foedus vouch source:{each.source.handle} …`")
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("references", nargs=-1, required=True)
@_terms_options
@pass_session
def vouch(session: Session, /, *, references: tuple[str, ...], **values: Any) -> int:
    """Vouch for drafts: REFERENCES are local numbers, STIX ids or `source:N`.

    You answer for the terms. Personal data needs a purpose, a legal basis, a category of person and
    a review date.
    """
    from foedus.node.find import resolve_all  # noqa: PLC0415
    from foedus.node.ports import ItemState  # noqa: PLC0415
    from foedus.node.vouch import vouch as vouch_for  # noqa: PLC0415

    node = session.wired.node
    offer = _offer(session, values)
    with node.database.read() as tx:
        rows = resolve_all(tx, references)
    handles = [row.handle for row in rows if row.state is ItemState.DRAFT]
    if not handles:
        raise click.UsageError("none of these is a draft: nothing to vouch for")
    with progress_bar(session, "matching") as progress:
        done = vouch_for(node, session.actor, handles, offer, progress=progress)
    emit(
        session,
        {"held": len(done.held), "personal": done.personal, "hits": done.hits},
        lambda: (
            f"{len(done.held)} items held, {done.personal} of them with personal data; "
            f"{done.hits} new hits.\n" + ("" if offer.neutrality_reason else _NOT_REVIEWED)
        ),
    )
    return Exit.DONE


@click.command()
@click.argument("references", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; it is kept in the journal.")
@pass_session
def discard(session: Session, *, references: tuple[str, ...], reason: str) -> int:
    """Throw drafts away: their content is erased here. Never an item that was held or disclosed."""
    from foedus.node.discard import discard as discard_drafts  # noqa: PLC0415
    from foedus.node.find import resolve_all  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        rows = resolve_all(tx, references)
    count = discard_drafts(node, session.actor, rows, reason)
    emit(session, {"discarded": count}, lambda: f"{count} drafts discarded.\n")
    return Exit.DONE


@click.command()
@click.argument("reference")
@click.option("--raw", is_flag=True, help="Print the exact bytes and nothing else.")
@pass_session
def show(session: Session, *, reference: str, raw: bool) -> int:
    """Show one item: content, terms, selectors, versions, who was given it and why."""
    from foedus.cli.item_standing import standing, standing_text  # noqa: PLC0415
    from foedus.node.find import show as show_item  # noqa: PLC0415
    from foedus.node.law_words import day  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        view = show_item(tx, reference)
        found = standing(tx, view.row.handle)
    note_read(session, "show", [view.row.handle])
    if raw:
        click.echo(view.raw.decode(), nl=False)
        return Exit.DONE
    disclosures = [
        (each.recipient, each.article, day(each.at), each.entry_index) for each in view.disclosures
    ]
    columns = ("given to", "article", "when", "log entry")

    def text() -> str:
        lines = [
            f"{view.row.number or view.row.key.object_id}  {view.row.type}  {view.row.state.value}",
            f"  {view.row.title}",
            f"  id {view.row.key.object_id}, version {view.row.key.version}",
            f"  originator {view.row.key.originator}"
            + (f", received from {view.row.received_from}" if view.row.received_from else ""),
            f"  selectors: {', '.join(str(each) for each in view.selectors) or 'none'}",
            f"  versions here: {len(view.versions)}",
        ]
        if view.terms is not None:
            lines.append("  terms: " + _terms_text(view.terms))
        lines.extend(_words_text(json.loads(view.raw)))
        lines.extend(standing_text(found))
        rest = table(columns, disclosures) if disclosures else "Given to nobody.\n"
        return "\n".join(lines) + "\n\n" + rest

    emit(
        session,
        {
            **_item_document(view.row),
            "received_from": view.row.received_from,
            "selectors": [str(each) for each in view.selectors],
            "versions": [row.key.version for row in view.versions],
            "terms": None if view.terms is None else json.loads(view.terms),
            "disclosures": [dict(zip(columns, row, strict=True)) for row in disclosures],
            **found,
            "object": json.loads(view.raw),
        },
        text,
    )
    return Exit.DONE


def _words_text(document: dict[str, Any]) -> list[str]:
    """Return the words of an opinion or a note and what they are about; nothing of other types."""
    words = {"opinion": "explanation", "note": "content"}.get(str(document.get("type")), "")
    if not words:
        return []
    lines = [f"  about {each}" for each in document.get("object_refs", [])]
    return lines + [f"  | {line}" for line in str(document.get(words, "")).splitlines() if line]


def _terms_text(raw: bytes) -> str:
    from foedus.model.terms import parse_terms  # noqa: PLC0415

    terms = parse_terms(raw)
    parts = [
        f"TLP:{terms.tlp.value.upper()}",
        f"purposes {', '.join(sorted(terms.purposes)) or 'none'}",
        f"grade {terms.source.value}{terms.information.value}",
        f"offence {terms.offence or 'none'}",
        f"person {terms.person.value}",
    ]
    if terms.review is not None:
        parts.append(f"review {terms.review.date()}")
    if terms.expiry is not None:
        parts.append(f"expires {terms.expiry.date()}")
    parts.append(
        "neutrality not reviewed"
        if terms.neutrality is None
        else f"neutrality reviewed by {terms.neutrality.by}: {terms.neutrality.reason}"
    )
    return "; ".join(parts)


@click.command()
@click.argument("words", nargs=-1)
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@click.option("--sources", is_flag=True, help="List what was submitted, with its figures.")
@click.option("--drafts", is_flag=True, help="List drafts waiting for someone to vouch.")
@pass_session
def search(
    session: Session, *, words: Sequence[str], limit: int, sources: bool, drafts: bool
) -> int:
    """Search what is held: a value (1.2.3.4, domain:example.com) or WORDS of name and text."""
    from foedus.node.find import find_items  # noqa: PLC0415
    from foedus.node.find import search as search_items  # noqa: PLC0415
    from foedus.node.ports import ItemFilter, ItemState  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        if sources:
            return _sources(session, list(tx.sources.all()))
        if drafts:
            rows = find_items(tx, ItemFilter(states=frozenset({ItemState.DRAFT})), limit=limit)
        else:
            rows = search_items(tx, " ".join(words), limit=limit)
    note_read(session, "search", [row.handle for row in rows])
    emit(
        session,
        {"items": [_item_document(row) for row in rows]},
        lambda: (
            table(item_columns, [item_row(row) for row in rows])
            if rows
            else "Nothing visible here has that.\n"
        ),
    )
    return Exit.DONE


def _sources(session: Session, rows: list[Any]) -> int:
    names = ("source", "name", "format", "by", "read", "taken", "duplicates", "refused", "added")
    cells = [
        (
            f"source:{row.handle}",
            row.name,
            row.format,
            row.by,
            row.read,
            row.taken,
            row.duplicates,
            len(row.refused),
            row.added,
        )
        for row in rows
    ]
    emit(
        session,
        {"sources": [dict(zip(names, row, strict=True)) for row in cells]},
        lambda: table(names, cells),
    )
    return Exit.DONE
