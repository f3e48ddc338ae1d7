"""``preview``: who will see this and why; and who would, were something otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table
from foedus.cli.reading import note_read
from foedus.cli.suppositions import print_what_if, suppose_options, supposition_of
from foedus.cli.wish import held_handles, wish_of, wish_options
from foedus.cli.wording import (
    change_document,
    changes_in_words,
    counted,
    grounds_in_words,
    outcome,
    reason_document,
    reasons_in_words,
    verdict_in_words,
)

if TYPE_CHECKING:
    from foedus.model.identifiers import MemberId
    from foedus.node.preview import PreviewRow

__all__ = ["preview"]

_SHOWN_ITEMS = 40
_REASONS_SHOWN = 2
_CHANGES_SHOWN = 4


@click.command()
@click.argument("references", nargs=-1, required=True)
@wish_options
@click.option(
    "--why", is_flag=True, help="Every reason, and the smallest changes that would free an item."
)
@suppose_options
@pass_session
def preview(session: Session, /, *, references: tuple[str, ...], why: bool, **values: Any) -> int:
    """Show who would see the items, under which article, and why not. Writes nothing.

    REFERENCES are local numbers, STIX ids or `source:N`. The same function decides here and at the
    release.

    With an option that supposes something (another text, a reservation, a date, a marking, grounds)
    the difference in audience against now is shown instead. It is no decision.
    """
    from foedus.cli.item_standing import disputes, disputes_text  # noqa: PLC0415
    from foedus.node.preview import preview as preview_items  # noqa: PLC0415

    handles, wish = held_handles(session, references), wish_of(session, values)
    note_read(session, "preview", handles)
    supposition = supposition_of(values)
    if not supposition.empty:
        return print_what_if(session, handles, wish, supposition, why=why)
    wired = session.wired
    rows = preview_items(wired.node, session.actor, wired.gate, handles, wish, why=why)
    with wired.node.database.read() as tx:
        against = disputes(tx, handles)
    names = {row.item.handle: str(row.item.number or row.item.key.object_id) for row in rows}
    disputed = [(names[each], against[each]) for each in handles if each in against]
    emit(
        session,
        {
            "decisions": [_decision_document(row, why=why) for row in rows],
            "disputed": {name: list(who) for name, who in disputed},
        },
        lambda: (
            _matrix(rows)
            + disputes_text(disputed)
            + (_all_reasons(rows) if why else _why_not(rows))
        ),
    )
    return Exit.DONE


def _decision_document(row: PreviewRow, *, why: bool) -> dict[str, Any]:
    decision = row.decision
    base: dict[str, Any] = {
        "number": str(row.item.number or ""),
        "id": row.item.key.object_id,
        "type": row.item.type,
        "title": row.item.title,
        "recipient": row.recipient,
    }
    if why:
        base["changes"] = [change_document(each) for each in row.changes]
    if decision is None:
        own: dict[str, Any] = {"verdict": "own", "article": None, "reasons": [], "obligations": {}}
        return {**base, **own, "withheld": ""}
    return {
        **base,
        "verdict": decision.verdict.value,
        "article": decision.article,
        "obligations": decision.obligations.document(),
        "withheld": row.unredactable,
        "reasons": [reason_document(each) for each in decision.reasons],
    }


def _cell(row: PreviewRow) -> str:
    decision = row.decision
    if decision is None:
        return outcome(None, None, "")
    return outcome(decision.verdict, decision.article, row.unredactable)


def _matrix(rows: Sequence[PreviewRow]) -> str:
    members = sorted({row.recipient for row in rows})
    lines: dict[int, list[object]] = {}
    counts = Counter[tuple[str, str]]()
    for row in rows:
        cell = _cell(row)
        counts[row.recipient, cell] += 1
        cells = lines.setdefault(
            row.item.handle, [row.item.number or "", row.item.type, row.item.title[:60]]
        )
        cells.append(cell)
    shown = list(lines.values())[:_SHOWN_ITEMS]
    text = table(("number", "type", "title", *members), shown)
    if len(lines) > _SHOWN_ITEMS:
        text += f"… and {len(lines) - _SHOWN_ITEMS} more items; `--json` lists all\n"
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
        texts = tuple(reasons_in_words([each]) for each in row.decision.reasons[:_REASONS_SHOWN])
        verdict = verdict_in_words(row.decision.verdict)
        found.setdefault((verdict, *texts), set()).add(row.recipient)
    if not found:
        return ""
    lines = ["", "Why not:"]
    for (verdict, *rest), members in sorted(found.items()):
        lines.append(f"  {', '.join(sorted(members))}: {verdict}: {'; '.join(rest)}")
    return "\n".join(lines) + "\n"


def _all_reasons(rows: Sequence[PreviewRow]) -> str:
    """Return every reason and the smallest changes, items and members that are alike together."""
    lines = ["", "Why:"]
    for (items, members), (head, changes) in _grouped(rows):
        lines.append(f"  {_these(items)} → {', '.join(members)}: {head}")
        lines.extend(f"    would change if {each}" for each in changes)
    return "\n".join(lines) + "\n"


_Told = tuple[str, tuple[str, ...]]
_Whom = tuple[tuple[str, ...], tuple["MemberId", ...]]


def _grouped(rows: Sequence[PreviewRow]) -> list[tuple[_Whom, _Told]]:
    """Return what is told of which items to which members, in the order of the items."""
    told: dict[_Told, dict[MemberId, list[str]]] = {}
    for row in rows:
        if row.decision is not None:
            name = str(row.item.number or row.item.key.object_id)
            told.setdefault(_told(row), {}).setdefault(row.recipient, []).append(name)
    groups: list[tuple[_Whom, _Told]] = []
    for what, by_member in told.items():
        alike: dict[tuple[str, ...], list[MemberId]] = {}
        for member, names in by_member.items():
            alike.setdefault(tuple(names), []).append(member)
        groups += [((names, tuple(members)), what) for names, members in alike.items()]
    return groups


def _told(row: PreviewRow) -> _Told:
    decision = row.decision
    if decision is None:
        return "", ()
    verdict = verdict_in_words(decision.verdict)
    if row.unredactable:
        return f"withheld: {row.unredactable}", ()
    texts = "; ".join(grounds_in_words(decision.reasons))
    changes = changes_in_words(row.changes, most=_CHANGES_SHOWN)
    if not decision.verdict.releases and not changes:
        changes = ["several things were otherwise at once; no small change was found"]
    return f"{verdict}: {texts}", tuple(changes)


def _these(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else counted(len(names), "item")
