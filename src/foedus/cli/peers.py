"""``introduce`` and ``peers``: how members meet."""

from __future__ import annotations

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
    """List introduced members: address, when last heard, what they confirm of our lanes."""
    from foedus.node.lawbook import read_credence  # noqa: PLC0415

    node = session.wired.node
    rows = []
    with node.database.read() as tx:
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
                )
            )
    names = ("member", "name", "address", "fingerprint", "heard", "confirmed")
    emit(
        session,
        {"peers": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: table(names, rows),
    )
    return Exit.DONE
