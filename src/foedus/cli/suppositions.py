"""``preview`` with something supposed: its options, and the difference in audience as a text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, table
from foedus.cli.treaty_text import read_text
from foedus.cli.wording import counted, grounds_in_words, outcome, reason_document

if TYPE_CHECKING:
    from foedus.node.shifts import MemberShift, Outlook, Shift
    from foedus.node.supposed import Supposition
    from foedus.node.what_if import WhatIf
    from foedus.node.wish import Wish

__all__ = ["print_what_if", "suppose_options", "supposition_of"]

_LEVELS: Final = ("clear", "green", "amber", "amber+strict", "red")
_NOTHING_WRITTEN: Final = "Nothing was written; this is no decision."
_REASONS_SHOWN: Final = 3
_GROUPS_SHOWN: Final = 20


class _Named(click.ParamType[tuple[str, str]]):
    """A member and an article: XB:7."""

    name = "member:article"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        member, colon, article = str(value).partition(":")
        if not colon or not member or not article:
            self.fail(f"{str(value)[:40]!r}: give a member and an article such as XB:7", param, ctx)
        return member, article


def suppose_options(command: Any) -> Any:
    """Add the options that suppose something; each may be combined with every other."""
    options = [
        click.option(
            "--treaty-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Suppose this text of the treaty; members and reservations are carried over.",
        ),
        click.option(
            "--without-reservation",
            type=_Named(),
            multiple=True,
            help="Suppose that a reservation was never made.",
        ),
        click.option(
            "--with-reservation",
            type=_Named(),
            multiple=True,
            help="Suppose a reservation, of an article that admits one.",
        ),
        click.option(
            "--on", type=INSTANT, help="Suppose it is then: law, review dates, expiries, consents."
        ),
        click.option(
            "--tlp", type=click.Choice(_LEVELS), help="Suppose every item were marked so."
        ),
        click.option(
            "--as-if-ratified",
            metavar="MEMBER",
            multiple=True,
            help="Suppose that a listed or admitted member ratified, without a reservation.",
        ),
        click.option(
            "--as-if-denounced",
            metavar="MEMBER",
            multiple=True,
            help="Suppose that a member has left.",
        ),
        click.option(
            "--as-if-consented", is_flag=True, help="Suppose that the originators consented."
        ),
        click.option(
            "--as-if-approved",
            type=click.IntRange(0, 100),
            help="Suppose that so many persons approved each item.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def supposition_of(values: dict[str, Any]) -> Supposition:
    """Return what the values of :func:`suppose_options` suppose."""
    from foedus.model.identifiers import ArticleId, member_id  # noqa: PLC0415
    from foedus.model.markings import TLP  # noqa: PLC0415
    from foedus.node.supposed import Supposition  # noqa: PLC0415

    def named(option: str) -> tuple[Any, ...]:
        return tuple((member_id(who), ArticleId(what)) for who, what in values[option])

    file: Path | None = values["treaty_file"]
    return Supposition(
        text=None if file is None else read_text(file),
        without_reservation=named("without_reservation"),
        with_reservation=named("with_reservation"),
        on=values["on"],
        tlp=None if values["tlp"] is None else TLP(values["tlp"]),
        ratified=tuple(member_id(each) for each in values["as_if_ratified"]),
        denounced=tuple(member_id(each) for each in values["as_if_denounced"]),
        consented=values["as_if_consented"],
        approved=values["as_if_approved"],
    )


def print_what_if(
    session: Session, handles: Sequence[int], wish: Wish, supposition: Supposition, *, why: bool
) -> int:
    """Print the difference that a supposition makes."""
    from foedus.node.what_if import what_if  # noqa: PLC0415

    wired = session.wired
    found = what_if(wired.node, session.actor, wired.gate, handles, wish, supposition)
    emit(session, _document(found), lambda: _text(found, why=why))
    return Exit.DONE


def _document(found: WhatIf) -> dict[str, Any]:
    from foedus.clock import instant_text  # noqa: PLC0415

    return {
        "note": _NOTHING_WRITTEN,
        "treaty": found.treaty,
        "at": instant_text(found.at),
        "supposed": list(found.supposed),
        "notes": list(found.notes),
        "members": [
            {
                "member": each.recipient,
                "sees_now": each.sees_now,
                "sees_then": each.sees_then,
                "changed": {kind.value: n for kind, n in sorted(each.counts.items())},
                "unchanged": each.unchanged,
            }
            for each in found.members
        ],
        "changes": [
            {
                "number": str(row.item.number or ""),
                "id": row.item.key.object_id,
                "recipient": row.recipient,
                "kinds": [kind.value for kind in row.kinds],
                "now": _outlook_document(row.now),
                "then": _outlook_document(row.then),
            }
            for row in found.rows
            if row.kinds
        ],
    }


def _outlook_document(outlook: Outlook) -> dict[str, Any]:
    return {
        "verdict": "own" if outlook.verdict is None else outlook.verdict.value,
        "article": outlook.article,
        "obligations": outlook.obligations.document(),
        "withheld": outlook.unredactable,
        "reasons": [reason_document(each) for each in outlook.reasons],
    }


def _text(found: WhatIf, *, why: bool) -> str:
    lines = [f"If, under {found.treaty}:", *(f"  {each}" for each in found.supposed)]
    if found.notes:
        lines += ["Note:", *(f"  {each}" for each in found.notes)]
    rows = [_member_row(each) for each in found.members]
    lines += ["", table(("member", "sees now", "would see", "difference"), rows).rstrip()]
    groups = _groups(found.rows, why=why)
    if groups:
        lines += ["", "What would be otherwise:", *groups[:_GROUPS_SHOWN]]
        if len(groups) > _GROUPS_SHOWN:
            lines.append(f"  … and {len(groups) - _GROUPS_SHOWN} more; `--json` lists all")
    lines += ["", _NOTHING_WRITTEN]
    return "\n".join(lines) + "\n"


def _member_row(each: MemberShift) -> tuple[object, ...]:
    words = {
        "gains": "gains {}",
        "loses": "loses {}",
        "verdict": "{} still not given, for another reason",
        "article": "{} under another article",
        "redaction": "{} redacted otherwise",
        "obligations": "{} with other obligations",
    }
    told = [words[kind.value].format(n) for kind, n in sorted(each.counts.items())]
    if each.unchanged:
        told.append(f"{each.unchanged} unchanged")
    return each.recipient, each.sees_now, each.sees_then, ", ".join(told)


def _groups(rows: Sequence[Shift], *, why: bool) -> list[str]:
    """Return each distinct difference once: how many items, which members, why."""
    found: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in rows:
        if row.kinds:
            now, then = _cell(row.now), _cell(row.then)
            grounds = grounds_in_words(row.then.reasons)
            texts = row.then.unredactable or "; ".join(grounds if why else grounds[:_REASONS_SHOWN])
            by_member = found.setdefault((now, then, texts), {})
            by_member[row.recipient] = by_member.get(row.recipient, 0) + 1
    lines = []
    for (now, then, texts), by_member in found.items():
        alike: dict[int, list[str]] = {}
        for member, count in by_member.items():
            alike.setdefault(count, []).append(member)
        for count, members in sorted(alike.items()):
            whom = f"{counted(count, 'item')} → {', '.join(sorted(members))}"
            lines.append(f"  {whom}: {now} → {then}: {texts}")
    return lines


def _cell(outlook: Outlook) -> str:
    return outcome(outlook.verdict, outlook.article, outlook.unredactable)
