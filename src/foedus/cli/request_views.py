"""Requests for information as people and programs see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from foedus.cli.app import Session
from foedus.cli.output import table

if TYPE_CHECKING:
    from foedus.node.ports.requests import RequestRow
    from foedus.node.requests import RequestView

__all__ = ["find", "list_text", "row_document", "time_left", "view_document", "view_text"]

_COLUMNS = ("no.", "name", "", "member", "urgency", "values", "state", "due", "left")


def find(session: Session, reference: str) -> RequestRow:
    """Return the request a person means, or raise NotFoundError."""
    from foedus.node.requests import find_request  # noqa: PLC0415

    with session.wired.node.database.read() as tx:
        return find_request(tx, reference)


def row_document(row: RequestRow) -> dict[str, Any]:
    """Return a request as a JSON object."""
    from foedus.node.shown_requests import request_document  # noqa: PLC0415

    return request_document(row)


def time_left(row: RequestRow, now: datetime) -> str:
    """Say how much of its time a request has left, or how long it is past."""
    from foedus.casework.request_course import ENDED, RequestState  # noqa: PLC0415

    settled = {RequestState.ANSWERED, RequestState.REFUSED, RequestState.DRAFT} | ENDED
    if row.state in settled:
        return ""
    minutes = int(abs(row.due - now).total_seconds()) // 60
    days, rest = divmod(minutes, 24 * 60)
    words = f"{days} d {rest // 60} h" if days else f"{rest // 60} h {rest % 60:02d} min"
    return words if now < row.due else f"{words} over"


def list_text(rows: Sequence[RequestRow], now: datetime) -> str:
    """Return requests as a table."""
    return table(
        _COLUMNS,
        [
            (
                row.number,
                row.name,
                "to" if row.side.value == "asked" else "of",
                row.member,
                row.urgency.value,
                row.selectors,
                row.state.value,
                f"{row.due:%Y-%m-%d %H:%M}",
                time_left(row, now),
            )
            for row in rows
        ],
    )


def view_document(view: RequestView) -> dict[str, Any]:
    """Return a request with all that is known of it as a JSON object."""
    from foedus.node.shown_requests import request_view_document  # noqa: PLC0415

    return request_view_document(view)


def view_text(view: RequestView, now: datetime) -> str:
    """Return a request with all that is known of it for people."""
    row, request = view.row, view.request
    whose = f"to {row.member}" if row.side.value == "asked" else f"of {row.member}"
    left = time_left(row, now)
    lines = [
        f"request {row.number}  {row.name}  {whose}  {row.state.value}"
        + (f"  item {view.item.number}" if view.item is not None else ""),
        f"  due {row.due:%Y-%m-%d %H:%M} UTC"
        + (f" ({left}{'' if left.endswith('over') else ' left'})" if left else "")
        + (", put off once" if row.extended else ""),
        f"  {row.urgency.value}; purpose {row.purpose}"
        + (f"; offence {row.offence}" if row.offence else "")
        + (f"; Article {row.article}" if row.article else "")
        + (f"; follows hit {row.hit}" if row.hit is not None else ""),
    ]
    if request is None:
        lines.append("  what it says is not here any more")
    else:
        lines.append(f"  basis: {request.legal_basis}")
        lines += [f"  asks about {each}" for each in request.selectors]
        lines += [f"  asks about {each.object_id} {each.version}" for each in request.about]
        lines += [f"  | {line}" for line in request.description.split("\n") if line]
    if row.ground:
        lines.append(f"  refused: {row.ground}")
    if row.usefulness or row.feedback:
        lines.append(f"  of use: {row.usefulness or '-'} of 5 {row.feedback}")
    parts = ["\n".join(lines) + "\n"]
    if view.holdings:
        parts.append("\n" + _holdings_text(view))
    if view.answers:
        parts.append("\n" + _answers_text(view))
    history = [
        (f"{note.at:%Y-%m-%d %H:%M}", note.event.value, note.state.value, note.by)
        for note in view.notes
    ]
    if history:
        parts.append("\n" + table(("when", "what", "then", "by"), history))
    return "".join(parts)


def _holdings_text(view: RequestView) -> str:
    return table(
        ("asked about", "held here", "items"),
        [
            (
                each.about,
                each.count,
                ", ".join(f"{item.number} ({item.key.originator})" for item in each.items[:5]),
            )
            for each in view.holdings
        ],
    )


def _answers_text(view: RequestView) -> str:
    return table(
        ("given in answer", "version", "here"),
        [
            (
                name.object_id,
                name.version,
                (view.here[name].number or "held") if name in view.here else "not here",
            )
            for name in view.answers
        ],
    )
