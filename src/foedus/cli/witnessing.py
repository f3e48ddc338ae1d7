"""``ledger status``, ``ledger witness``, ``ledger forks``: who vouches for whose log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table
from foedus.clock import instant_text

if TYPE_CHECKING:
    from foedus.node.unwitnessed import OwnWitnessing
    from foedus.node.witness_status import LedgerStatus

__all__ = ["forks_known", "status_of_log", "witness_now"]


@click.command("status", short_help="who witnessed how much of this node's log")
@pass_session
def status_of_log(session: Session) -> int:
    """Show this node's log: its head, who has witnessed how much of it, forks and heads known."""
    from foedus.node.witness_status import ledger_status  # noqa: PLC0415  # heavy

    node = session.wired.node
    status = ledger_status(node)
    now = node.clock.now()
    emit(session, _document(status, now), lambda: _text(status, now))
    late = any(each.late(now) for _, each in status.treaties)
    return Exit.PARTIAL if late or status.forks else Exit.DONE


@click.command("witness", short_help="ask members to witness this node's log now")
@click.argument("members", nargs=-1)
@pass_session
def witness_now(session: Session, *, members: tuple[str, ...]) -> int:
    """Ask members to witness this node's log now, once: those named, or all that can.

    A node that serves does this by itself.
    """
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.witness_round import witness_round  # noqa: PLC0415

    wired = session.wired
    wired.node.publish()
    named = [member_id(each) for each in members] or None
    answers = witness_round(wired.node, wired.client, wired.ledger, wired.show_cosigned, named)
    if not answers:
        say("no introduced member has a witness key in force: nobody was asked")
    rows = [(each.member, each.size, each.problem or "cosigned") for each in answers]
    emit(
        session,
        {
            "witnesses": [
                {"member": each.member, "size": each.size, "problem": each.problem}
                for each in answers
            ]
        },
        lambda: table(("member", "size", "answer"), rows),
    )
    return Exit.PARTIAL if any(each.problem for each in answers) else Exit.DONE


@click.command("forks", short_help="list and write proofs of forked logs")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write each proof to a file in this directory.",
)
@pass_session
def forks_known(session: Session, *, output: Path | None) -> int:
    """List members whose logs are proved to be forked; write the proofs, for anyone to verify."""
    with session.wired.node.database.read() as tx:
        forks = tx.witness.forks()
    written: list[Path | None] = [None for _ in forks]
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        for place, fork in enumerate(forks):
            path = output / f"fork-{fork.member}-{fork.smaller}-{fork.larger}.txt"
            path.write_bytes(fork.proof)
            written[place] = path
    document = {
        "forks": [
            {
                "member": fork.member,
                "origin": fork.origin,
                "smaller": fork.smaller,
                "larger": fork.larger,
                "shown_by": fork.shown_by,
                "at": instant_text(fork.at),
                "file": None if path is None else str(path),
            }
            for fork, path in zip(forks, written, strict=True)
        ]
    }
    rows = [
        (fork.member, fork.origin, fork.smaller, fork.larger, fork.shown_by, path or "")
        for fork, path in zip(forks, written, strict=True)
    ]
    columns = ("member", "log", "smaller", "larger", "shown by", "proof")
    emit(session, document, lambda: table(columns, rows) if rows else "no fork is proved\n")
    return Exit.PARTIAL if forks else Exit.DONE


def _document(status: LedgerStatus, now: datetime) -> dict[str, Any]:
    published = status.published
    return {
        "entries": status.entries,
        "head": None
        if published is None
        else {"size": published.head.size, "root": published.head.root.hex()},
        "unwitnessed": {
            "entries": status.unwitnessed,
            "since": _instant(status.unwitnessed_since),
            "age_s": _age_s(status.unwitnessed_since, now),
        },
        "witnesses": [
            {
                "member": each.member,
                "size": each.size,
                "at": _instant(each.at),
                "can_be_asked": each.can_be_asked,
            }
            for each in status.witnesses
        ],
        "treaties": [_treaty(treaty, each, now) for treaty, each in status.treaties],
        "cosigned": [
            {"origin": origin, "size": size, "at": instant_text(at)}
            for origin, size, at in status.cosigned
        ],
        "heads": [
            {
                "origin": each.origin,
                "member": each.member,
                "size": each.size,
                "root": each.root.hex(),
                "shown_by": each.shown_by,
                "at": instant_text(each.at),
            }
            for each in status.heads
        ],
        "forks": [
            {"member": each.member, "smaller": each.smaller, "larger": each.larger}
            for each in status.forks
        ],
    }


def _treaty(treaty: str, each: OwnWitnessing, now: datetime) -> dict[str, Any]:
    return {
        "treaty": treaty,
        "witnesses": len(each.sizes),
        "liars": each.liars,
        "needed": each.needed,
        "covered": each.covered,
        "unwitnessed_since": _instant(each.since),
        "limit_s": int(each.limit.total_seconds()),
        "late": each.late(now),
        "behind": list(each.behind),
    }


def _text(status: LedgerStatus, now: datetime) -> str:
    parts = [_summary(status, now)]
    parts.append(
        table(
            ("witness", "entries cosigned", "when", "note"),
            [
                (
                    each.member,
                    each.size,
                    _shown(each.at) or "never",
                    "" if each.can_be_asked else "has no witness key in force",
                )
                for each in status.witnesses
            ],
            title="Witnesses of this node's log",
        )
    )
    if status.treaties:
        parts.append(_quorums(status, now))
    if status.heads:
        parts.append(
            table(
                ("log", "entries", "shown by", "when"),
                [(each.origin, each.size, each.shown_by, _shown(each.at)) for each in status.heads],
                title="Newest heads known",
            )
        )
    return "\n".join(parts)


def _summary(status: LedgerStatus, now: datetime) -> str:
    published = status.published
    head = "no head is published" if published is None else f"head of {published.head.size}"
    lines = [f"{status.entries} entries, {head}"]
    if status.unwitnessed:
        age = _age_s(status.unwitnessed_since, now)
        lines.append(f"{status.unwitnessed} entries nobody witnessed, the oldest for {age} s")
    elif status.entries:
        lines.append("every entry was witnessed by somebody")
    lines += [
        f"PROVED FORKED: the log of {fork.member}; `foedus ledger forks -o DIR` writes the proof"
        for fork in status.forks
    ]
    return "\n".join(lines) + "\n"


def _quorums(status: LedgerStatus, now: datetime) -> str:
    rows = [
        (
            treaty[:12],
            f"{each.needed} of {len(each.sizes)}",
            each.covered,
            _shown(each.since),
            "past the limit: nothing new is released" if each.late(now) else "",
        )
        for treaty, each in status.treaties
    ]
    columns = ("treaty", "quorum", "entries covered", "unwitnessed since", "note")
    return table(columns, rows, title="Quorums")


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def _shown(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _age_s(since: datetime | None, now: datetime) -> int:
    return 0 if since is None else max(0, int((now - since).total_seconds()))
