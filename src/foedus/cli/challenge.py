"""``challenge``: persons challenge what may be held, or ask to see it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.challenge_access import access
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session, say, table
from foedus.cli.reading import demand_purpose, note_read
from foedus.node.law_words import day

if TYPE_CHECKING:
    from foedus.node.challenges import ChallengeView

__all__ = ["challenge"]

_OUTCOMES = click.Choice(["uphold", "correct", "restrict", "reject"])


@click.group()
def challenge() -> None:
    """Challenges of persons: block, examine, decide; and requests to see what is held."""


@challenge.command("open")
@click.argument("reference")
@click.option("--received", type=INSTANT, help="When the person turned to us; now if left out.")
@click.option("--item", "items", multiple=True, help="An item concerned: local number or id.")
@click.option("--value", "values", multiple=True, help="What the person gave; kept as an HMAC.")
@click.option(
    "--words", type=click.File("r", encoding="utf-8"), help="File with what is written of the case."
)
@pass_session
def open_case(
    session: Session,
    *,
    reference: str,
    received: datetime | None,
    items: tuple[str, ...],
    values: tuple[str, ...],
    words: Any,
) -> int:
    """Take in a challenge under the local case REFERENCE, and block what it concerns.

    The reference names nobody. Every version of the items named, and of those that carry a value
    the person gave, is blocked here and at every holder until a reviewer decides.
    """
    from foedus.node.challenge_desk import IssuingDesk  # noqa: PLC0415
    from foedus.node.challenges import Intake, open_challenge_case  # noqa: PLC0415
    from foedus.node.shown_challenges import challenge_view_document  # noqa: PLC0415

    wired = session.wired
    demand_purpose(session)
    view = open_challenge_case(
        wired.node,
        session.actor,
        wired.gate,
        Intake(
            reference=reference,
            received=received or wired.node.clock.now(),
            items=items,
            values=values,
            words=words.read() if words is not None else "",
        ),
        IssuingDesk(),
    )
    note_read(session, "challenge open", [each.handle for each in view.items])
    emit(session, challenge_view_document(view), lambda: _view_text(view))
    return Exit.DONE


@challenge.command("block")
@click.argument("number", type=int)
@click.argument("references", nargs=-1, required=True)
@pass_session
def block(session: Session, *, number: int, references: tuple[str, ...]) -> int:
    """Add the items REFERENCES name to challenge NUMBER, and block them."""
    from foedus.node.challenge_desk import IssuingDesk  # noqa: PLC0415
    from foedus.node.challenges import extend_challenge  # noqa: PLC0415
    from foedus.node.shown_challenges import challenge_view_document  # noqa: PLC0415

    wired = session.wired
    demand_purpose(session)
    view = extend_challenge(
        wired.node, session.actor, wired.gate, number, references, IssuingDesk()
    )
    note_read(session, "challenge block", [each.handle for each in view.items])
    emit(session, challenge_view_document(view), lambda: _view_text(view))
    return Exit.DONE


@challenge.command("list")
@click.option("--all", "every", is_flag=True, help="Those closed too.")
@click.option("--after", default=0, help="Only challenges with a higher number.")
@click.option("--limit", default=100, show_default=True, help="Rows at most.")
@pass_session
def list_all(session: Session, *, every: bool, after: int, limit: int) -> int:
    """List challenges and their deadlines; nothing of what they concern."""
    from foedus.node.challenges import list_challenges  # noqa: PLC0415
    from foedus.node.shown_challenges import challenge_document  # noqa: PLC0415

    with session.wired.node.database.read() as tx:
        rows = list_challenges(tx, session.actor, open_only=not every, after=after, limit=limit)
    emit(
        session,
        {"challenges": [challenge_document(row) for row in rows]},
        lambda: (
            table(
                ("no.", "name", "reference", "state", "block by", "decide by"),
                [
                    (
                        row.number,
                        row.challenge.name,
                        row.challenge.reference or f"from {row.challenge.sender}",
                        row.state.value,
                        day(row.challenge.block_due),
                        day(row.challenge.decide_due),
                    )
                    for row in rows
                ],
            )
            if rows
            else "No challenges.\n"
        ),
    )
    return Exit.DONE


@challenge.command("show")
@click.argument("number", type=int)
@pass_session
def show(session: Session, *, number: int) -> int:
    """Show challenge NUMBER with what it concerns; looking is entered in the journal of acts."""
    from foedus.node.challenges import show_challenge  # noqa: PLC0415
    from foedus.node.shown_challenges import challenge_view_document  # noqa: PLC0415

    view = show_challenge(session.wired.node, session.actor, number)
    note_read(session, "challenge show", [each.handle for each in view.items])
    emit(session, challenge_view_document(view), lambda: _view_text(view))
    return Exit.DONE


@challenge.command("decide")
@click.argument("number", type=int)
@click.argument("outcome", type=_OUTCOMES)
@click.option("--reason", required=True, help="Why; kept with the case, erasable.")
@click.option(
    "--with", "replacements", multiple=True, help="For `correct`: RIGHT, or ITEM=RIGHT for each."
)
@pass_session
def decide(
    session: Session, *, number: int, outcome: str, reason: str, replacements: tuple[str, ...]
) -> int:
    """Decide on challenge NUMBER and have the OUTCOME carried out everywhere.

    Needs a reviewer who had no hand in any item concerned. Where nothing tells who entered an item,
    a second person has to find the same.
    """
    from foedus.casework.challenge_course import Outcome  # noqa: PLC0415
    from foedus.node.challenge_decide import Finding, decide_challenge  # noqa: PLC0415
    from foedus.node.challenge_desk import IssuingDesk  # noqa: PLC0415
    from foedus.node.shown_challenges import challenge_document  # noqa: PLC0415

    wired = session.wired
    done = decide_challenge(
        wired.node,
        session.actor,
        wired.gate,
        number,
        Finding(
            outcome=Outcome(outcome),
            reason=reason,
            replacements=tuple(_pair(each) for each in replacements),
        ),
        IssuingDesk(),
    )
    if done.row.outcome is None:
        say(
            "nothing tells whose hands these went through: "
            + ", ".join(done.unknown)
            + "; a second person, officer or reviewer, has to find the same"
        )
    emit(
        session,
        {**challenge_document(done.row), "unknown": list(done.unknown)},
        lambda: (
            f"Challenge {number} is {done.row.state.value}.\n"
            if done.row.outcome is not None
            else f"Challenge {number}: your finding is noted, nothing is decided yet.\n"
        ),
    )
    return Exit.DONE if done.row.outcome is not None else Exit.PARTIAL


def _pair(text: str) -> tuple[str, str]:
    old, separator, new = text.partition("=")
    return (old, new) if separator else ("", text)


@challenge.command("withdraw")
@click.argument("number", type=int)
@pass_session
def withdraw(session: Session, *, number: int) -> int:
    """Record that the person took challenge NUMBER back, and lift its block."""
    from foedus.node.challenge_decide import withdraw_challenge  # noqa: PLC0415
    from foedus.node.challenge_desk import IssuingDesk  # noqa: PLC0415
    from foedus.node.shown_challenges import challenge_document  # noqa: PLC0415

    wired = session.wired
    row = withdraw_challenge(wired.node, session.actor, wired.gate, number, IssuingDesk())
    emit(session, challenge_document(row), lambda: f"Challenge {number} is {row.state.value}.\n")
    return Exit.DONE


@challenge.command("letter")
@click.argument("number", type=int)
@click.option("--outcome", is_flag=True, help="That of the outcome, not that of receipt.")
@click.option("--out", type=click.Path(path_type=Path), help="Write it to a file.")
@pass_session
def letter(session: Session, *, number: int, outcome: bool, out: Path | None) -> int:
    """Write the letter to the person of challenge NUMBER: it says neither yes nor no.

    The letter of the outcome bears the day set at intake. Send it on that day and not before.
    """
    from foedus.casework.challenge_letters import Letter  # noqa: PLC0415
    from foedus.node.challenges import challenge_letter  # noqa: PLC0415

    which = Letter.OUTCOME if outcome else Letter.RECEIPT
    text = challenge_letter(session.wired.node, session.actor, number, which)
    _give(session, text, out)
    return Exit.DONE


def _give(session: Session, text: str, out: Path | None) -> None:
    if out is not None:
        out.write_text(text, encoding="utf-8")
        say(f"written to {out}")
    shown = "" if out is not None else text
    emit(session, {"letter": text}, lambda: shown)


@challenge.command("forget")
@click.argument("number", type=int)
@pass_session
def forget(session: Session, *, number: int) -> int:
    """Erase for good what was written of the closed challenge NUMBER; its figures stay."""
    from foedus.node.challenges import forget_words  # noqa: PLC0415

    clean = forget_words(session.wired.node, session.actor, number)
    if not clean:
        say("another process kept a file from being overwritten: run this again")
    emit(
        session,
        {"challenge": number, "lingering": not clean},
        lambda: f"What was written of challenge {number} is erased.\n",
    )
    return Exit.DONE if clean else Exit.PARTIAL


@challenge.command("breaches")
@click.option("--all", "every", is_flag=True, help="Those closed too.")
@click.option("--close", "record", type=int, help="Close the record of this number.")
@click.option("--reason", default="", help="Why it was late; entered in the log.")
@pass_session
def breaches(session: Session, *, every: bool, record: int | None, reason: str) -> int:
    """List deadlines of challenges and requests that passed; close one with a reason."""
    from foedus.node.challenge_lates import close_late, list_lates  # noqa: PLC0415
    from foedus.node.shown_challenges import late_document  # noqa: PLC0415

    node = session.wired.node
    if record is not None:
        rows = [close_late(node, session.actor, record, reason)]
    else:
        with node.database.read() as tx:
            rows = list(list_lates(tx, session.actor, open_only=not every, after=0, limit=1_000))
    emit(
        session,
        {"breaches": [late_document(row) for row in rows]},
        lambda: (
            table(
                ("no.", "case", "what", "whose", "due", "done", "closed by"),
                [
                    (
                        row.record,
                        row.name,
                        row.late.what,
                        row.late.member,
                        day(row.late.due),
                        "" if row.made_good is None else day(row.made_good),
                        row.closed_by,
                    )
                    for row in rows
                ],
            )
            if rows
            else "No breaches.\n"
        ),
    )
    return Exit.DONE


@challenge.command("figures")
@click.argument("year", type=int)
@pass_session
def figures(session: Session, *, year: int) -> int:
    """Print the figures of YEAR: how many turned to us, how it ended, how long it took."""
    from foedus.node.challenges import figures_of  # noqa: PLC0415
    from foedus.node.shown_challenges import (  # noqa: PLC0415
        access_figures_document,
        challenge_figures_document,
    )

    node = session.wired.node
    with node.database.read() as tx:
        found, seen = figures_of(tx, session.actor, year, node.clock.now())
    challenges, access = challenge_figures_document(found), access_figures_document(seen)
    emit(
        session,
        {"year": year, "challenges": challenges, "access": access},
        lambda: table(
            ("", "challenges", "requests to see"),
            [
                (name.replace("_", " "), _cell(value), _cell(access.get(name, "")))
                for name, value in ({"answered": ""} | challenges).items()
            ],
            title=f"Year {year}",
        ),
    )
    return Exit.DONE


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _view_text(view: ChallengeView) -> str:
    row = view.row
    taken = row.challenge
    lines = [
        f"Challenge {row.number}, {taken.name}: {row.state.value}.",
        f"Block by {day(taken.block_due)}, decide by {day(taken.decide_due)}.",
    ]
    lines += [f"Sent on to {each.member}: {each.word or 'no word yet'}" for each in view.referrals]
    if view.orders:
        lines.append("Orders: " + ", ".join(view.orders))
    text = "\n".join(lines) + "\n"
    if not view.items:
        return text + "It concerns nothing that is here.\n"
    return text + table(
        ("item", "originator", "title", "state"),
        [
            (
                each.number or each.key.object_id,
                each.key.originator,
                each.title[:60],
                each.state.value,
            )
            for each in view.items
        ],
    )


challenge.add_command(access)
