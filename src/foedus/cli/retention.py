"""``retention`` and ``readings``: until when what is kept, and who read personal data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say, table

if TYPE_CHECKING:
    from foedus.node.ports.retention import RetentionFigures
    from foedus.node.retain import DatedItem

__all__ = ["readings", "retention"]

_COLUMNS: Final = ("item", "type", "originator", "state", "ends", "because", "review", "kept on")


@click.group()
def retention() -> None:
    """Until when what is kept here; what has ended is purged by itself."""


@retention.command("list")
@click.option("--days", default=30, show_default=True, help="How far to look ahead.")
@click.option("--reviews", is_flag=True, help="What comes to its review, instead of to its end.")
@click.option("--kept", is_flag=True, help="What is kept past its end on a reserved ground.")
@click.option("--limit", default=100, show_default=True, help="Rows at most.")
@pass_session
def list_all(session: Session, *, days: int, reviews: bool, kept: bool, limit: int) -> int:
    """List what ends or is reviewed soon, the earliest first, with what sets the day."""
    from foedus.node.retain import (  # noqa: PLC0415  # as every command's imports
        ending_items,
        kept_items,
        retention_figures,
        reviewed_items,
    )
    from foedus.node.shown_retention import dated_document, retention_document  # noqa: PLC0415

    node = session.wired.node
    now = node.clock.now()
    until = now + timedelta(days=days)
    with node.database.read() as tx:
        figures = retention_figures(tx, node, until=until)
        if kept:
            found = kept_items(tx, limit=limit)
        elif reviews:
            found = reviewed_items(tx, until, limit=limit)
        else:
            found = ending_items(tx, until, limit=limit)
    emit(
        session,
        {"items": [dated_document(each) for each in found], **retention_document(figures)},
        lambda: _listed(found, now) + _summary(figures, until),
    )
    return Exit.DONE


@retention.command("remind")
@pass_session
def remind_now(session: Session) -> int:
    """Bring the reminders up to date now, and say what they say."""
    from foedus.node.retain import ENDING, REVIEW, date_items, remind  # noqa: PLC0415  # as above
    from foedus.node.shown_retention import retention_document  # noqa: PLC0415

    node = session.wired.node
    while date_items(node):
        pass
    figures = remind(node)
    with node.database.read() as tx:
        said = [each.text for each in tx.alarms.open() if each.code in {ENDING, REVIEW}]
    emit(
        session,
        {"reminders": said, **retention_document(figures)},
        lambda: "".join(f"{text}\n" for text in said) or "Nothing to be reminded of.\n",
    )
    return Exit.DONE


@retention.command("purge")
@click.option("--dry-run", is_flag=True, help="Purge nothing; say what would go, and what stays.")
@click.option("--limit", default=100, show_default=True, help="Rows of a dry run at most.")
@pass_session
def purge_now(session: Session, *, dry_run: bool, limit: int) -> int:
    """Purge now what has ended. It happens by itself while this node serves or pulls.

    Needs the data-protection officer (role officer).
    """
    from foedus.node.retain import date_items, ending_items, purge_ended  # noqa: PLC0415
    from foedus.node.retain import retention_figures as figures_of  # noqa: PLC0415
    from foedus.node.shown_retention import dated_document, retention_document  # noqa: PLC0415

    node = session.wired.node
    now = node.clock.now()
    if not dry_run:
        run = purge_ended(node, session.actor)
        emit(
            session,
            {
                "versions": run.versions,
                "variants": run.variants,
                "kept": run.kept,
                "duties": run.duties,
            },
            lambda: (
                f"{run.versions} item versions purged, and {run.variants} redacted forms; "
                f"{run.kept} stay on a reserved ground.\n"
            ),
        )
        return Exit.DONE
    while date_items(node):
        pass
    with node.database.read() as tx:
        figures = figures_of(tx, node, until=now)
        found = ending_items(tx, now, limit=limit)
        handles = [each.row.handle for each in found]
        grounds = tx.erasure.reserved(handles, at=now)
        members = {
            each.row.handle: sorted(
                {given.recipient for given in tx.feeds.disclosures(each.row.handle)}
            )
            for each in found
        }
        exports = tx.readings.exports_of(handles)
    rows = [
        (
            *_cells(each)[:6],
            " ".join(members[each.row.handle]),
            grounds[each.row.handle].ground if each.row.handle in grounds else "goes",
        )
        for each in found
    ]
    handed = [row.export.place for row in exports if row.export.state.value == "handed-out"]
    document = {
        "items": [
            {
                **dated_document(each),
                "given_to": members[each.row.handle],
                "stays": each.row.handle in grounds,
            }
            for each in found
        ],
        "exports_handed_out": handed,
        **retention_document(figures),
    }
    columns = (*_COLUMNS[:6], "given to", "then")
    emit(
        session,
        document,
        lambda: (
            table(columns, rows)
            + f"{figures.due} item versions would go now, with all that was made of them. What "
            "others were given they purge by the same terms.\n"
            + "".join(f"Beyond reach: an export of some of it at {place}\n" for place in handed)
            if rows
            else "Nothing has ended.\n"
        ),
    )
    return Exit.DONE


@retention.command("renew")
@click.argument("references", nargs=-1, required=True)
@click.option("--review", type=INSTANT, help="When need and accuracy are looked at again.")
@click.option("--expiry", type=INSTANT, help="When the items end.")
@click.option("--reason", required=True, help="What the review found; name nobody in it.")
@pass_session
def renew_now(
    session: Session,
    *,
    references: tuple[str, ...],
    review: datetime | None,
    expiry: datetime | None,
    reason: str,
) -> int:
    """Give own items later dates after a review. Needs an officer or supervisor; it is logged.

    The bytes stay; the terms are new, so that approvals of the old ones are void.
    """
    from foedus.node.find import resolve_all  # noqa: PLC0415  # as every command's imports
    from foedus.node.retain import Renewal, renew  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        rows = resolve_all(tx, references)
    renewal = Renewal(review=review, expiry=expiry, reason=reason)
    count = renew(node, session.actor, rows, renewal)
    emit(session, {"renewed": count}, lambda: f"{count} item versions renewed.\n")
    return Exit.DONE


@click.group()
def readings() -> None:
    """Who read personal data, by which way and for what purpose."""


@readings.command("list")
@click.argument("references", nargs=-1)
@click.option("--before", type=int, help="Only readings with a lower number.")
@click.option("--limit", default=100, show_default=True, help="Rows at most.")
@pass_session
def list_readings(
    session: Session, *, references: Sequence[str], before: int | None, limit: int
) -> int:
    """List readings, the newest first; with REFERENCES only those of these items.

    For the data-protection officer and the auditor. What tools read is counted by the minute.
    """
    from foedus.node.find import resolve_all  # noqa: PLC0415  # as every command's imports
    from foedus.node.readings import ReadingQuery  # noqa: PLC0415
    from foedus.node.readings import list_readings as listed  # noqa: PLC0415
    from foedus.node.shown_retention import reading_document  # noqa: PLC0415

    node = session.wired.node
    handles: tuple[int, ...] = ()
    if references:
        with node.database.read() as tx:
            handles = tuple(row.handle for row in resolve_all(tx, references))
    query = ReadingQuery(handles=handles, before=before, limit=limit)
    found = listed(node, session.actor, query)
    rows = [
        (
            row.number,
            f"{row.reading.at:%Y-%m-%d %H:%M}",
            row.reading.user or "nobody named",
            row.reading.token,
            row.reading.what,
            row.reading.count,
            row.reading.purpose or "none given",
        )
        for row in found
    ]
    columns = ("no.", "when", "who", "token", "how", "items", "what for")
    emit(
        session,
        {"readings": [reading_document(row) for row in found]},
        lambda: table(columns, rows) if rows else "Nobody has read personal data here.\n",
    )
    if references:
        say("What tools read is not noted item by item: list all for their counts")
    return Exit.DONE


def _cells(each: DatedItem) -> tuple[str, ...]:
    row, dated = each.row, each.dated
    because = {
        "expiry": "its terms",
        "retain": f"given by {row.received_from} until then",
        "ordered": dated.why,
    }
    return (
        str(row.number or row.key.object_id),
        row.type,
        row.key.originator,
        row.state.value,
        "" if dated.ends is None else f"{dated.ends:%Y-%m-%d}",
        "" if dated.cause is None else because[dated.cause.value],
        "" if dated.review is None else f"{dated.review:%Y-%m-%d}",
        dated.kept,
    )


def _listed(found: Sequence[DatedItem], now: datetime) -> str:
    if not found:
        return "Nothing.\n"
    text = table(_COLUMNS, [_cells(each) for each in found])
    late = sum(each.dated.ends is not None and each.dated.ends <= now for each in found)
    return text + (f"{late} of these have ended and go with the next step.\n" if late else "")


def _summary(figures: RetentionFigures, until: datetime) -> str:
    return (
        f"By {until:%d %B %Y}: {figures.ending} end, {figures.reviews} come to their review; "
        f"{figures.due} have ended, {figures.kept} are kept on a reserved ground.\n"
    )
