"""``request inbox``, ``answer``, ``extend``, ``refuse``, ``withdraw``, ``close``: words on one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say
from foedus.cli.request_views import find, list_text, row_document
from foedus.cli.wish import held_handles

if TYPE_CHECKING:
    from foedus.node.ports.requests import RequestRow

__all__ = ["answer", "close", "extend", "inbox", "refuse", "reply", "withdraw"]

_GROUNDS = ("outside-treaty", "not-neutral", "harm", "offence-not-recognised", "law-forbids")
_FEEDBACK = ("new", "confirmed", "known", "unrelated", "wrong", "late")


@click.command()
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
@pass_session
def inbox(session: Session, *, limit: int) -> int:
    """List what other members ask and wait for, the nearest deadline first."""
    from foedus.casework.request_course import WAITING, RequestState  # noqa: PLC0415
    from foedus.node.ports.requests import RequestSide  # noqa: PLC0415

    open_states = WAITING | {RequestState.PARTIAL, RequestState.EXPIRED}
    node = session.wired.node
    rows: list[RequestRow] = []
    with node.database.read() as tx:
        after = 0
        while True:
            page = tx.requests.page(
                sides={RequestSide.RECEIVED}, states=open_states, after=after, limit=500
            )
            rows.extend(page)
            if len(page) < 500:  # noqa: PLR2004 - the page asked for above
                break
            after = page[-1].number
    rows = sorted(rows, key=lambda row: (row.due, row.number))[:limit]
    now = node.clock.now()
    emit(
        session,
        {"requests": [row_document(row) for row in rows]},
        lambda: list_text(rows, now) if rows else "Nobody waits for an answer.\n",
    )
    return Exit.DONE


@click.command()
@click.argument("reference", metavar="REQUEST")
@click.argument("items", nargs=-1, required=True)
@click.option("--partial", is_flag=True, help="More is to follow.")
@click.option("--article", default="", help="Article relied on; the freest if absent.")
@click.option("--threat-to-life", is_flag=True, help="We too assert a threat to life.")
@pass_session
def answer(
    session: Session,
    *,
    reference: str,
    items: tuple[str, ...],
    partial: bool,
    article: str,
    threat_to_life: bool,
) -> int:
    """Answer REQUEST with ITEMS: disclosed under the treaty, for its purpose, and named to it.

    What the treaty withholds is told here, and makes it an answer in part.
    """
    from foedus.model.identifiers import ArticleId  # noqa: PLC0415
    from foedus.node.requests_answer import answer_request  # noqa: PLC0415

    wired = session.wired
    done = answer_request(
        wired.node,
        session.actor,
        wired.gate,
        find(session, reference),
        held_handles(session, items),
        partial=partial,
        article=ArticleId(article) if article else None,
        threat_to_life=threat_to_life,
    )
    row = done.row
    emit(
        session,
        {
            **row_document(row),
            "given": [{"id": each.object_id, "version": each.version} for each in done.given],
            "withheld": [{"code": each.code, "reason": each.reason} for each in done.withheld],
        },
        lambda: (
            f"request {row.number} ({row.name}) is {row.state.value}: {len(done.given)} given, "
            f"{len(done.withheld)} withheld.\n"
        ),
    )
    for reason in dict.fromkeys(each.reason for each in done.withheld):
        say(f"{row.member} was not given everything: {reason}")
    return Exit.PARTIAL if done.withheld else Exit.DONE


@click.command()
@click.argument("reference", metavar="REQUEST")
@click.option("--text", required=True, help="What to reply.")
@pass_session
def reply(session: Session, *, reference: str, text: str) -> int:
    """Draft a note that replies to REQUEST in words, for example that nothing is held.

    Words tell of a case too: vouch for the note, then give it in answer like every item.
    """
    from foedus.node.requests_reply import draft_reply  # noqa: PLC0415

    row = find(session, reference)
    item = draft_reply(session.wired.node, session.actor, row, text)
    emit(
        session,
        {"request": row.number, "number": str(item.number), "id": item.key.object_id},
        lambda: (
            f"note {item.number} drafted.\nNext: `foedus vouch {item.number} --purpose "
            f"{row.purpose} …`, `foedus request answer {row.number} {item.number}`\n"
        ),
    )
    return Exit.DONE


@click.command()
@click.argument("reference", metavar="REQUEST")
@click.option("--until", type=INSTANT, help="New deadline; the latest the treaty allows if absent.")
@pass_session
def extend(session: Session, *, reference: str, until: datetime | None) -> int:
    """Put the answer to REQUEST off, once, and tell the member that asked."""
    from foedus.node.requests_answer import extend_request  # noqa: PLC0415

    wired = session.wired
    row = extend_request(
        wired.node, session.actor, wired.gate, find(session, reference), until=until
    )
    return _told(session, row, f"is due {row.due:%Y-%m-%d %H:%M} UTC now")


@click.command()
@click.argument("reference", metavar="REQUEST")
@click.option("--ground", required=True, type=click.Choice(_GROUNDS), help="Ground of the treaty.")
@pass_session
def refuse(session: Session, *, reference: str, ground: str) -> int:
    """Refuse REQUEST on a ground of the treaty; no other explanation is owed."""
    from foedus.casework.request_status import Ground  # noqa: PLC0415
    from foedus.node.requests_answer import refuse_request  # noqa: PLC0415

    wired = session.wired
    row = refuse_request(
        wired.node, session.actor, wired.gate, find(session, reference), Ground(ground)
    )
    return _told(session, row, f"is refused: {ground}")


@click.command()
@click.argument("reference", metavar="REQUEST")
@pass_session
def withdraw(session: Session, *, reference: str) -> int:
    """Take REQUEST of ours back; once sent, the other side is told, and keeps it until a recall."""
    from foedus.node.requests_answer import withdraw_request  # noqa: PLC0415

    wired = session.wired
    row = withdraw_request(wired.node, session.actor, wired.gate, find(session, reference))
    return _told(session, row, "is withdrawn")


@click.command()
@click.argument("reference", metavar="REQUEST")
@click.option("--useful", type=click.IntRange(1, 5), help="1 (of no use) to 5.")
@click.option("--feedback", type=click.Choice(_FEEDBACK), help="What the answer came to.")
@pass_session
def close(session: Session, *, reference: str, useful: int | None, feedback: str | None) -> int:
    """Close REQUEST of ours, and tell the member asked of what use its answer was."""
    from foedus.casework.request_status import Feedback  # noqa: PLC0415
    from foedus.node.requests_answer import close_request  # noqa: PLC0415

    wired = session.wired
    row = close_request(
        wired.node,
        session.actor,
        wired.gate,
        find(session, reference),
        usefulness=useful,
        feedback=None if feedback is None else Feedback(feedback),
    )
    return _told(session, row, "is closed")


def _told(session: Session, row: RequestRow, what: str) -> int:
    emit(session, row_document(row), lambda: f"request {row.number} ({row.name}) {what}.\n")
    return Exit.DONE
