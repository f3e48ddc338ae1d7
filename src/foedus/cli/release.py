"""``preview``, ``disclose``, ``pull``: who will see this and why; giving it; getting it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, progress_bar, say, table

if TYPE_CHECKING:
    from foedus.node.disclose import Disclosed
    from foedus.node.preview import PreviewRow, Wish
    from foedus.node.pull import PullReport
    from foedus.release.decide import Reason

__all__ = ["disclose", "preview", "pull"]

_SHOWN_ITEMS = 40
_REASONS_SHOWN = 2


def _wish_options(command: Any) -> Any:
    options = [
        click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent."),
        click.option("--purpose", required=True, help="One of the treaty's purposes."),
        click.option("--article", help="Article relied on; the freest is proposed if absent."),
        click.option("--to", "recipients", multiple=True, help="Member; all parties if absent."),
        click.option("--threat-to-life", is_flag=True, help="You assert a threat to life."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _wish(session: Session, values: dict[str, Any]) -> Wish:
    from foedus.model.identifiers import ArticleId, member_id  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.preview import Wish  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        treaty = find_treaty(tx, node, values["treaty_ref"])
    return Wish(
        treaty=treaty,
        purpose=values["purpose"],
        article=None if values["article"] is None else ArticleId(values["article"]),
        recipients=tuple(member_id(each) for each in values["recipients"]),
        threat_to_life=values["threat_to_life"],
    )


def _handles(session: Session, references: Sequence[str]) -> list[int]:
    """Return held items only; what else a source names is told, never silently left out."""
    from foedus.node.errors import RefusedError  # noqa: PLC0415
    from foedus.node.find import resolve_all  # noqa: PLC0415
    from foedus.node.ports import ItemState  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        rows = resolve_all(tx, references)
    held = [row.handle for row in rows if row.state is ItemState.HELD]
    if not held:
        raise RefusedError("none of these is held: vouch for the drafts first (`foedus vouch`)")
    if len(held) != len(rows):
        say(f"{len(rows) - len(held)} of these are not held (drafts): vouch for them first")
    return held


@click.command()
@click.argument("references", nargs=-1, required=True)
@_wish_options
@click.option("--why", is_flag=True, help="Show every reason of every decision.")
@pass_session
def preview(session: Session, /, *, references: tuple[str, ...], why: bool, **values: Any) -> int:
    """Show who would see the items, under which article, and why not. Writes nothing.

    REFERENCES are local numbers, STIX ids or `source:N`. The same function decides here and at the
    release.
    """
    from foedus.node.preview import preview as preview_items  # noqa: PLC0415

    wired = session.wired
    rows = preview_items(
        wired.node,
        session.actor,
        wired.gate,
        _handles(session, references),
        _wish(session, values),
    )
    emit(
        session,
        {"decisions": [_decision_document(row) for row in rows]},
        lambda: _matrix(rows) + (_all_reasons(rows) if why else _why_not(rows)),
    )
    return Exit.DONE


def _decision_document(row: PreviewRow) -> dict[str, Any]:
    decision = row.decision
    base = {
        "number": str(row.item.number or ""),
        "id": row.item.key.object_id,
        "type": row.item.type,
        "title": row.item.title,
        "recipient": row.recipient,
    }
    if decision is None:
        own: dict[str, Any] = {"verdict": "own", "article": None, "reasons": [], "obligations": {}}
        return {**base, **own, "withheld": ""}
    return {
        **base,
        "verdict": decision.verdict.value,
        "article": decision.article,
        "obligations": decision.obligations.document(),
        "withheld": row.unredactable,
        "reasons": [
            {"kind": each.kind.value, "ref": each.ref, "text": each.text, "change": each.change}
            for each in decision.reasons
        ],
    }


def _cell(row: PreviewRow) -> str:
    if row.decision is None:
        return "its own"
    if row.decision.verdict.value == "deny":
        return "no"
    if row.unredactable:
        return "nothing left"
    word = {"permit": "yes", "permit-redacted": "redacted"}.get(
        row.decision.verdict.value, row.decision.verdict.value
    )
    return f"{word} Art. {row.decision.article}"


def _matrix(rows: Sequence[PreviewRow]) -> str:
    members = sorted({row.recipient for row in rows})
    lines: dict[int, list[object]] = {}
    for row in rows:
        cells = lines.setdefault(
            row.item.handle, [row.item.number or "", row.item.type, row.item.title[:60]]
        )
        cells.append(_cell(row))
    shown = list(lines.values())[:_SHOWN_ITEMS]
    text = table(("number", "type", "title", *members), shown)
    if len(lines) > _SHOWN_ITEMS:
        text += f"… and {len(lines) - _SHOWN_ITEMS} more items; `--json` lists all\n"
    counts = Counter((row.recipient, _cell(row)) for row in rows)
    totals = [
        (
            member,
            ", ".join(f"{n} {what}" for (m, what), n in sorted(counts.items()) if m == member),
        )
        for member in members
    ]
    return text + "\n" + table(("member", "decisions"), totals)


def _why_not(rows: Sequence[PreviewRow]) -> str:
    """Return each distinct denial once, with what would change it."""
    found: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        if row.decision is not None and row.unredactable:
            found.setdefault(("withheld", row.unredactable), set()).add(row.recipient)
        if row.decision is None or row.decision.verdict.releases:
            continue
        texts = tuple(_reason(each) for each in row.decision.reasons[:_REASONS_SHOWN])
        found.setdefault((row.decision.verdict.value, *texts), set()).add(row.recipient)
    if not found:
        return ""
    lines = ["", "Why not:"]
    for (verdict, *rest), members in sorted(found.items()):
        lines.append(f"  {', '.join(sorted(members))}: {verdict}: {'; '.join(rest)}")
    return "\n".join(lines) + "\n"


def _all_reasons(rows: Sequence[PreviewRow]) -> str:
    lines = [""]
    for row in rows:
        if row.decision is not None:
            texts = "; ".join(_reason(each) for each in row.decision.reasons)
            lines.append(f"{row.item.number} → {row.recipient}: {_cell(row)}: {texts}")
    return "\n".join(lines) + "\n"


def _reason(reason: Reason) -> str:
    return reason.text + (f" (would change it: {reason.change})" if reason.change else "")


@click.command()
@click.argument("references", nargs=-1, required=True)
@_wish_options
@pass_session
def disclose(session: Session, /, *, references: tuple[str, ...], **values: Any) -> int:
    """Disclose the items REFERENCES name to the members the treaty permits; the rest is withheld.

    Each release is decided, recorded in the log and put into the member's feed in one act. Running
    it again gives nobody anything twice.
    """
    from foedus.node.disclose import disclose as disclose_items  # noqa: PLC0415

    wired = session.wired
    handles = _handles(session, references)
    with progress_bar(session, "disclosing") as bar:
        results = disclose_items(
            wired.node,
            session.actor,
            wired.gate,
            handles,
            _wish(session, values),
            progress=lambda _member, done, total: bar(done, total),
        )
    emit(
        session,
        {"items": len(handles), "members": [_disclosed_document(each) for each in results]},
        lambda: _disclosed_text(len(handles), results),
    )
    return Exit.DONE


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
                ", ".join(f"{code}: {n}" for code, n in sorted(codes.items())) or "0",
            )
        )
    text = table(("member", "given", "under", "had already", "withheld"), rows)
    return f"{items} items asked for.\n{text}"


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
            lane.hits,
            lane.fault or report.unreachable or "",
        )
        for report in reports
        for lane in report.lanes
    ]
    for report in reports:
        if report.unreachable:
            say(f"{report.member} cannot be reached: {report.unreachable}")
    names = ("from", "lane", "batches", "accepted", "known", "quarantined", "hits", "fault")
    emit(
        session,
        {
            "lanes": [dict(zip(names, row, strict=True)) for row in rows],
            "unreachable": [report.member for report in reports if report.unreachable],
        },
        lambda: table(names, rows),
    )
    if any(report.unreachable for report in reports):
        return Exit.UNREACHABLE
    return Exit.PARTIAL if any(lane.fault for r in reports for lane in r.lanes) else Exit.DONE


def _by_lane(bar: Callable[[int, int], None]) -> Callable[[str, int, int], None]:
    return lambda _lane, done, total: bar(done, total)
