"""``disclose``, ``pull``: giving items; getting them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, progress_bar, say, table
from foedus.cli.wish import held_handles, wish_of, wish_options
from foedus.cli.wording import counted

if TYPE_CHECKING:
    from foedus.node.disclose import Disclosed
    from foedus.node.pull import PullReport

__all__ = ["disclose", "pull"]

_WHY: Final = {
    "denied": "not permitted",
    "needs-approval": "awaiting approval",
    "needs-consent": "awaiting consent",
    "redaction": "that cannot be redacted cleanly",
    "own": "its own",
    "recovering": "awaiting recovery",
    "conflict": "given up, try again",
}


@click.command()
@click.argument("references", nargs=-1, required=True)
@wish_options
@click.option(
    "--anew", is_flag=True, help="Give again what they have already, on the terms it has now."
)
@pass_session
def disclose(session: Session, /, *, references: tuple[str, ...], **values: Any) -> int:
    """Disclose the items REFERENCES name to the members the treaty permits; the rest is withheld.

    Each release is decided, recorded in the log and put into the member's feed in one act. Running
    it again gives nobody anything twice; run it again where the exit code is 7.
    """
    from foedus.node.disclose import CONFLICT, RECOVERING  # noqa: PLC0415
    from foedus.node.disclose import disclose as disclose_items  # noqa: PLC0415

    wired = session.wired
    handles = held_handles(session, references)
    with progress_bar(session, "disclosing") as bar:
        results = disclose_items(
            wired.node,
            session.actor,
            wired.gate,
            handles,
            wish_of(session, values),
            progress=lambda _member, done, total: bar(done, total),
        )
    emit(
        session,
        {"items": len(handles), "members": [_disclosed_document(each) for each in results]},
        lambda: _disclosed_text(len(handles), results),
    )
    # What the treaty withholds is a result; what this node could not carry out is not done yet.
    undone = {(each.recipient, one.reason) for each in results for one in each.withheld
              if one.code in (CONFLICT, RECOVERING)}  # fmt: skip
    for member, reason in sorted(undone):
        say(f"{member} was not given everything: {reason}")
    return Exit.PARTIAL if undone else Exit.DONE


def _disclosed_document(each: Disclosed) -> dict[str, Any]:
    return {
        "member": each.recipient,
        "given": each.given,
        "already": each.already,
        "withheld": [
            {"handle": one.handle, "code": one.code, "reason": one.reason} for one in each.withheld
        ],
        "batches": [
            {"article": one.article, "items": one.items, "log_entry": one.entry_index}
            for one in each.sent
        ],
    }


def _disclosed_text(items: int, results: Sequence[Disclosed]) -> str:
    rows = []
    for each in results:
        articles = Counter[str]()
        for batch in each.sent:
            articles[batch.article] += batch.items
        codes = Counter(one.code for one in each.withheld)
        rows.append(
            (
                each.recipient,
                each.given,
                ", ".join(f"Art. {article}: {n}" for article, n in sorted(articles.items())),
                each.already,
                ", ".join(f"{n} {_WHY.get(code, code)}" for code, n in sorted(codes.items()))
                or "0",
            )
        )
    text = table(("member", "given", "under", "had already", "withheld"), rows)
    return f"{counted(items, 'item')} asked for.\n{text}"


@click.command()
@click.argument("members", nargs=-1)
@pass_session
def pull(session: Session, *, members: tuple[str, ...]) -> int:
    """Pull what MEMBERS (all peers if none) have for us: verify, decide, hold, match."""
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.pull import pull as pull_from  # noqa: PLC0415
    from foedus.store.locks import exclusive  # noqa: PLC0415

    wired = session.wired
    node = wired.node
    with node.database.read() as tx:
        known = [row.member for row in tx.peers.all() if row.member != node.identity.member]
    wanted = [member_id(each) for each in members] or known
    reports: list[PullReport] = []
    for member in wanted:
        with (
            exclusive(wired.settings.locks / f"pull-{member}"),
            progress_bar(session, f"from {member}") as bar,
        ):
            reports.append(
                pull_from(node, wired.gate, wired.client, member, progress=_by_lane(bar))
            )
    rows = [
        (
            report.member,
            lane.lane,
            lane.batches,
            lane.accepted,
            lane.known,
            lane.quarantined,
            lane.awaiting,
            lane.hits,
            lane.fault or report.unreachable or "",
        )
        for report in reports
        for lane in report.lanes
    ]
    withheld = {report.member: sum(lane.withheld for lane in report.lanes) for report in reports}
    for report in reports:
        if withheld[report.member]:
            erased = counted(withheld[report.member], "item")
            say(f"{report.member} had erased {erased} before we took them; nothing of them came")
        if report.unreachable:
            named = report.unreachable.startswith(f"{report.member} ")
            say(report.unreachable if named else f"{report.member}: {report.unreachable}")
        _say_of_law(report)
    names = ("from", "lane", "batches", "accepted", "known", "quarantined", "waiting", "hits",
             "fault")  # fmt: skip
    emit(
        session,
        {
            "lanes": [dict(zip(names, row, strict=True)) for row in rows],
            "unreachable": [report.member for report in reports if report.unreachable],
            "law_differs": [report.member for report in reports if report.law_differs],
            "withheld": {member: number for member, number in withheld.items() if number},
            "settled": {
                report.member: {
                    "accepted": report.settled.accepted,
                    "known": report.settled.known,
                    "quarantined": report.settled.quarantined,
                    "hits": report.settled.hits,
                }
                for report in reports
                if report.settled.any
            },
        },
        lambda: table(names, rows) if rows else "Nothing was pulled.\n",
    )
    if any(report.unreachable for report in reports):
        return Exit.UNREACHABLE
    return Exit.PARTIAL if any(lane.fault for r in reports for lane in r.lanes) else Exit.DONE


def _say_of_law(report: PullReport) -> None:
    """Say what waited for law and no longer does, and that a member knows other instruments."""
    if report.settled.any:
        say(
            f"of what waited from {report.member}: {report.settled.accepted} accepted, "
            f"{report.settled.known} known, {report.settled.quarantined} quarantined"
        )
    if report.law_differs:
        say(f"{report.member} knows other instruments than this node; pull from every member")


def _by_lane(bar: Callable[[int, int], None]) -> Callable[[str, int, int], None]:
    return lambda _lane, done, total: bar(done, total)
