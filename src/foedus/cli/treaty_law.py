"""``treaty``: what binds whom: status, table, binds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say, table

if TYPE_CHECKING:
    from collections.abc import Collection

    from foedus.model.identifiers import ArticleId
    from foedus.node.law_report import LawReport
    from foedus.treaty.articles import Treaty
    from foedus.treaty.in_force import PairLaw

__all__ = [
    "articles_in_short",
    "binds",
    "law_report_of",
    "on_option",
    "status",
    "table_of_members",
]

_RUN = 2
"""More articles than this next to each other are told by the first and the last."""

on_option = click.option("--on", type=INSTANT, help="At this day or instant; now when absent.")


def law_report_of(session: Session, treaty_ref: str, on: datetime | None) -> LawReport:
    """Return the law of a treaty as this node knows it, at a date or now."""
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.law_report import law_report  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        which = find_treaty(tx, node, treaty_ref)
        view = node.law.view(tx)
    now = node.clock.now()
    report = law_report(view, which, on or now, member=node.identity.member)
    # On a day of the past everything later is "ahead"; people are told what is ahead of now.
    return replace(report, held=tuple(each for each in report.held if each.until > now))


@click.command("status")
@click.argument("treaty_ref", default="")
@on_option
@pass_session
def status(session: Session, *, treaty_ref: str, on: datetime | None) -> int:
    """Show who is bound by a treaty since when, what each reserves, what is on its way.

    A date ahead is answered by what is held here now.
    """
    from foedus.node.law_words import day, stage_words  # noqa: PLC0415

    report = law_report_of(session, treaty_ref, on)
    _warn(report)
    found = report.status
    rows = [
        (
            line.status.member,
            stage_words(line.status.stage),
            day(line.status.since),
            day(line.until),
            ", ".join(sorted(line.status.reserved)) or "none",
            line.remarks,
        )
        for line in report.members
    ]
    more = "".join(
        f"Amendment {text[:12]} adopted on {day(since)}.\n"
        for text, since in found.amendments.items()
    ) + "".join(
        f"{', '.join(each.agreed)} agreed that {each.member} may accede; not enough yet.\n"
        for each in found.candidates
    )
    more += "".join(f"{line}\n" for line in report.witnessing())
    emit(
        session,
        {
            **found.document(),
            "refused": [{"instrument": name, "why": why} for name, why in report.refused],
            "dated_ahead": [each.instrument for each in report.held],
        },
        lambda: (
            f"{report.treaty.title}\n{report.treaty.id[:12]}: {report.state}\n{more}\n"
            + table(("member", "stage", "since", "until", "reserves", "notes"), rows)
        ),
    )
    return Exit.DONE


@click.command("table")
@click.argument("treaty_ref", default="")
@click.option("--pairs", is_flag=True, help="Show pairs of members and their articles instead.")
@click.option("--article", default="", help="With --pairs: only where this article is in force.")
@on_option
@pass_session
def table_of_members(
    session: Session, *, treaty_ref: str, pairs: bool, article: str, on: datetime | None
) -> int:
    """Show members and what each brings to its pairs, or with `--pairs` the pairs themselves.

    Pairs are worked out from one row per member; with many members, only this member's.
    """
    from foedus.model.identifiers import ArticleId  # noqa: PLC0415
    from foedus.node.law_report import pairs_of  # noqa: PLC0415
    from foedus.node.law_words import day, stage_words  # noqa: PLC0415

    report = law_report_of(session, treaty_ref, on)
    if not pairs and not article:
        rows = [
            (
                line.status.member,
                line.status.name,
                stage_words(line.status.stage),
                day(line.status.since),
                day(line.until),
                ", ".join(sorted(line.status.reserved)) or "none",
                ", ".join(sorted(line.status.recognises)) or "none",
            )
            for line in report.members
        ]
        names = ("member", "name", "stage", "since", "until", "reserves", "recognises")
        emit(session, report.table.document(), lambda: table(names, rows))
        return Exit.DONE
    wanted = report.treaty.article(ArticleId(article)).id if article else None
    laws = list(pairs_of(report, wanted))
    emit(
        session,
        {"treaty": report.treaty.id, "pairs": [_pair_document(law) for law in laws]},
        lambda: table(
            ("pair", "binds", "articles in force", "reserved", "why not"),
            [
                (
                    f"{law.sender} / {law.recipient}",
                    "yes" if law.binds else "no",
                    articles_in_short(report.treaty, law.articles),
                    _reserved(law),
                    law.why_not,
                )
                for law in laws
            ],
        ),
    )
    return Exit.DONE


@click.command("binds")
@click.argument("one")
@click.argument("other")
@on_option
@click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent.")
@pass_session
def binds(session: Session, *, one: str, other: str, on: datetime | None, treaty_ref: str) -> int:
    """Say what binds ONE and OTHER to each other: articles, reservations, offences, or why not."""
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.law_words import day  # noqa: PLC0415

    node = session.wired.node
    at = on or node.clock.now()
    with node.database.read() as tx:
        which = find_treaty(tx, node, treaty_ref)
        view = node.law.view(tx)
    law = view.law(which, member_id(one), member_id(other), at).pair
    treaty = view.treaty(which).treaty
    ahead = on is not None and on > node.clock.now()

    def text() -> str:
        head = f"{treaty.short_title}, {law.sender} and {law.recipient}, {day(at)}"
        head += " (by what is held here now)" if ahead else ""
        if not law.binds:
            return f"{head}: not bound: {law.why_not}.\n"
        until = ""
        if law.valid_until is not None:
            until = f"Nothing known here changes that before {day(law.valid_until)}.\n"
        return f"{head}: bound.\n{until}\n" + _articles_table(treaty, law) + _offences(law)

    emit(session, _law_document(treaty, law), text)
    return Exit.DONE


def _warn(report: LawReport) -> None:
    from foedus.node.law_words import day  # noqa: PLC0415

    for name, reason in report.refused:
        say(f"instrument {name} does not count: {reason}")
    for held in report.held:
        say(
            f"instrument no. {held.serial} of {held.member} is dated {day(held.until)}, further "
            "ahead than the treaty tolerates: it is held until then"
        )
    for conflict in report.conflicts:
        say(
            f"{conflict.member} issued {len(conflict.instruments)} instruments under the number "
            f"{conflict.serial}: none counts but what allows less; `foedus treaty conflicts` "
            "writes the proof"
        )


def articles_in_short(treaty: Treaty, articles: Collection[ArticleId]) -> str:
    """Return articles in the treaty's order, what stands next to each other as "1-6"."""
    runs: list[list[str]] = []
    before = False
    for each in treaty.articles:
        if each.id in articles:
            if not before:
                runs.append([])
            runs[-1].append(each.id)
        before = each.id in articles
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > _RUN else ", ".join(run) for run in runs)


def _reserved(law: PairLaw) -> str:
    return "; ".join(f"{each} by {', '.join(by)}" for each, by in law.reserved.items())


def _articles_table(treaty: Treaty, law: PairLaw) -> str:
    rows = [
        (
            each.id,
            each.title,
            "in force"
            if each.id in law.articles
            else f"reserved by {', '.join(law.reserved.get(each.id, ()))}",
        )
        for each in treaty.articles
    ]
    return table(("article", "title", "between the two"), rows)


def _offences(law: PairLaw) -> str:
    if not law.recognised:
        return "\nNo offence category is recognised by both.\n"
    rows = []
    for offence in sorted(law.recognised):
        given = law.definitions.get(offence, {})
        own = (given.get(each, "no definition") for each in (law.sender, law.recipient))
        rows.append((offence, *own))
    columns = ("both recognise", f"as {law.sender} defines it", f"as {law.recipient} defines it")
    return "\n" + table(columns, rows)


def _pair_document(law: PairLaw) -> dict[str, object]:
    return {
        "pair": [law.sender, law.recipient],
        "binds": law.binds,
        "why_not": law.why_not,
        "articles": sorted(law.articles),
        "reserved": {each: list(by) for each, by in law.reserved.items()},
        "recognised": sorted(law.recognised),
    }


def _law_document(treaty: Treaty, law: PairLaw) -> dict[str, object]:
    from foedus.clock import instant_text  # noqa: PLC0415

    return {
        **_pair_document(law),
        "treaty": law.treaty,
        "at": instant_text(law.at),
        "articles": [
            {"article": each.id, "title": each.title}
            for each in treaty.articles
            if each.id in law.articles
        ],
        "definitions": {offence: dict(given) for offence, given in law.definitions.items()},
        "amended_by": list(law.amended_by),
        "valid_until": None if law.valid_until is None else instant_text(law.valid_until),
        "digest": law.digest,
    }
