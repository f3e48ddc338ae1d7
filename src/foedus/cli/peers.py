"""``introduce`` and ``peers``: how members meet."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table
from foedus.errors import FoedusError

__all__ = ["introduce", "peers"]


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; standard output if absent.",
)
@pass_session
def introduce(session: Session, *, output: Path | None) -> int:
    """Export this member's letter of credence for the others to accept.

    Send it by any channel. Read the fingerprint to the other side by a different one: whoever
    accepts the letter must give it.
    """
    from foedus.node.introduce import letter_of_credence  # noqa: PLC0415
    from foedus.node.lawbook import read_credence  # noqa: PLC0415

    raw = letter_of_credence(session.wired.node)
    fingerprint = read_credence(raw).authority.fingerprint
    if output is None:
        click.echo(raw.decode())
    else:
        output.write_bytes(raw)
        emit(
            session,
            {"letter": str(output), "fingerprint": fingerprint},
            lambda: f"Letter written to {output}.\n",
        )
    say(f"Fingerprint to read out: {fingerprint}")
    return Exit.DONE


@click.group()
def peers() -> None:
    """Members introduced to this node."""


@peers.command("add")
@click.argument(
    "letters",
    nargs=-1,
    required=True,
    metavar="LETTER...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--fingerprint",
    "fingerprints",
    required=True,
    multiple=True,
    help="What the other side read out to you by another channel; spaces and dashes do not matter. "
    "One for each letter, in the same order.",
)
@pass_session
def peers_add(session: Session, *, letters: tuple[Path, ...], fingerprints: tuple[str, ...]) -> int:
    """Accept other members' LETTERs of credence. This opens the instrument lane, nothing else.

    Letters are taken one by one: those before a letter that is refused stay accepted.
    """
    from foedus.node.introduce import accept_peer  # noqa: PLC0415

    if len(letters) != len(fingerprints):
        raise click.UsageError(
            f"{len(letters)} letters and {len(fingerprints)} fingerprints: give one for each letter"
        )
    wired = session.wired
    accepted: list[dict[str, str]] = []
    try:
        for letter, fingerprint in zip(letters, fingerprints, strict=True):
            credence = accept_peer(
                wired.node, session.actor, wired.gate, letter.read_bytes(), fingerprint=fingerprint
            )
            accepted.append(
                {"member": credence.member, "name": credence.name, "address": credence.address}
            )
    except FoedusError:
        if accepted:
            say(f"introduced before that: {', '.join(each['member'] for each in accepted)}")
        raise
    emit(
        session,
        {"members": accepted},
        lambda: "".join(
            f"{each['name']} ({each['member']}) at {each['address']} is introduced.\n"
            for each in accepted
        ),
    )
    return Exit.DONE


@peers.command("list")
@pass_session
def peers_list(session: Session) -> int:
    """List introduced members: address, when last heard, what they confirm, whether they answer.

    A member that could not be followed of late shows how often it failed and when it is tried
    again. `foedus peers lanes` says more of what was confirmed.
    """
    from foedus.node.lawbook import read_credence  # noqa: PLC0415
    from foedus.node.link_words import link_text  # noqa: PLC0415

    node = session.wired.node
    rows = []
    with node.database.read() as tx:
        links = {row.member: row for row in tx.links.all()}
        for peer in tx.peers.all():
            if peer.member == node.identity.member:
                continue
            credence = read_credence(peer.credence)
            confirmed = ", ".join(f"{lane} {head[0]}" for lane, head in sorted(peer.head.items()))
            rows.append(
                (
                    peer.member,
                    credence.name,
                    credence.address,
                    credence.authority.fingerprint,
                    "never" if peer.heard is None else peer.heard.isoformat(timespec="seconds"),
                    confirmed or "nothing yet",
                    link_text(links.get(peer.member)),
                )
            )
    names = ("member", "name", "address", "fingerprint", "heard", "confirmed", "link")
    emit(
        session,
        {"peers": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: table(names, rows),
    )
    return Exit.DONE


@peers.command("lanes")
@click.argument("member", required=False)
@pass_session
def peers_lanes(session: Session, *, member: str | None) -> int:
    """Say what each MEMBER confirmed of what it was given, and where its lanes to us stand.

    First our account: rows in our lane to it, rows that its newest signed head confirms, whether
    the digest it signed is ours after as many rows, since when the oldest row it has not confirmed
    waits, and why it is held back if it is. Then the lanes it has for us: rows taken, items held,
    waiting for law and quarantined, and why a lane stands still if it does. Exit code 7 if a digest
    differs or a lane stands still.
    """
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.endpoints import endpoint_of  # noqa: PLC0415
    from foedus.node.lane_standing import given_lanes, taken_lanes  # noqa: PLC0415

    node = session.wired.node
    wanted = None if member is None else member_id(member)
    with node.database.read() as tx:
        if wanted is not None:
            endpoint_of(tx, node, wanted)
        given = given_lanes(tx, node, wanted)
        taken = taken_lanes(tx, node, wanted)
    given_rows = [
        (
            each.member,
            each.lane,
            each.rows,
            each.items,
            each.confirmed,
            {None: "", True: "equal", False: "DIFFERS"}[each.equal],
            _instant(each.confirmed_at),
            _instant(each.waiting_since),
            each.held_back,
        )
        for each in given
    ]
    taken_rows = [
        (each.member, each.lane, each.rows, each.held, each.waiting, each.quarantined, each.halted)
        for each in taken
    ]
    ours = ("to", "lane", "rows", "items", "confirmed", "digest", "confirmed_at", "waiting_since",
            "held_back")  # fmt: skip
    theirs = ("from", "lane", "rows", "held", "waiting", "quarantined", "stands_still")
    emit(
        session,
        {
            "given": [dict(zip(ours, row, strict=True)) for row in given_rows],
            "taken": [dict(zip(theirs, row, strict=True)) for row in taken_rows],
        },
        lambda: table(ours, given_rows) + "\n" + table(theirs, taken_rows),
    )
    wrong = any(each.equal is False for each in given) or any(each.halted for each in taken)
    return Exit.PARTIAL if wrong else Exit.DONE


def _instant(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="seconds")
