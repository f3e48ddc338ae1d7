"""``keys``: which keys speak for whom; give one up, name the present ones, take in another's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table

if TYPE_CHECKING:
    from foedus.model.objects import StixObject
    from foedus.treaty.instrument import Instrument

__all__ = ["keys"]


@click.group()
def keys() -> None:
    """Keys that speak for members: of authority, node, log and witness."""


@keys.command("list")
@click.option("--member", default="", help="Only those of this member.")
@pass_session
def keys_list(session: Session, *, member: str) -> int:
    """List the keys of this member and of all introduced ones, and whether they speak now."""
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.keys import list_keys  # noqa: PLC0415
    from foedus.node.law_words import day  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        lines = list_keys(tx, node, member_id(member) if member else None)
    rows = [
        (
            each.member,
            each.purpose.value,
            each.key.key_id,
            each.state,
            day(each.valid_from),
            day(each.valid_until),
        )
        for each in lines
    ]
    names = ("member", "purpose", "key", "state", "from", "until")
    emit(
        session,
        {"keys": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: table(names, rows),
    )
    return Exit.DONE


@keys.command("revoke")
@click.argument("key", nargs=-1, required=True, metavar="KEY...")
@click.option("--own", is_flag=True, help="Even a key that this node signs with now.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def keys_revoke(session: Session, *, key: tuple[str, ...], own: bool, yes: bool) -> int:
    """Revoke KEYs of this member for ever, by how their ids begin: for a key lost or stolen.

    Whoever has this statement refuses what the key signs from then on, whatever full powers say.
    """
    from foedus.node.keys import list_keys, revoke_keys  # noqa: PLC0415
    from foedus.node.law_words import says  # noqa: PLC0415

    wired = session.wired
    with wired.node.database.read() as tx:
        ours = list_keys(tx, wired.node, wired.node.identity.member)
    meant = [
        f"the {line.purpose.value} key {line.key.key_id}"
        for line in ours
        if line.key.key_id.startswith(key)
    ]
    if meant and not yes:
        click.confirm(f"Revoke {', '.join(meant)} for ever?", abort=True, err=True)
    one = revoke_keys(wired.node, session.actor, wired.gate, key, own=own).instrument
    emit(
        session,
        {"instrument": one.id, "serial": one.serial, "says": says(one.body)},
        lambda: f"Revoked (instrument no. {one.serial}): {says(one.body)}.\n",
    )
    return Exit.DONE


@keys.command("renew")
@click.option(
    "--new",
    type=click.Choice(["node", "witness"]),
    multiple=True,
    help="Make this key anew first; may be given twice.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the full powers there too."
)
@pass_session
def keys_renew(session: Session, *, new: tuple[str, ...], output: Path | None) -> int:
    """Issue full powers that name the keys and the address this node has now.

    Makes the witness key where there is none yet. After `keys revoke --own` this is the way back:
    say which key to make anew. Of a new node key the others cannot learn by the lanes, whose pages
    it signs: write the full powers to a file and send it to them (`foedus keys accept FILE`).
    """
    from foedus.node.errors import RefusedError  # noqa: PLC0415
    from foedus.node.law_words import says  # noqa: PLC0415
    from foedus.node.renew_keys import may_renew  # noqa: PLC0415
    from foedus.signing import KeyPurpose  # noqa: PLC0415

    made = {*new, *(() if session.wired.node.identity.witness is not None else ("witness",))}
    may_renew(session.wired.node, session.actor, {KeyPurpose(name) for name in made})
    if "node" in new and output is None:
        raise RefusedError("a new node key needs -o FILE: the others take it in from that file")
    one, document = _renewed(session, sorted(made))
    if output is not None:
        output.write_bytes(document.raw)
    if made:
        say("restart `foedus serve`: it goes on with the keys it started with")
    emit(
        session,
        {
            "instrument": one.id,
            "serial": one.serial,
            "made": sorted(made),
            "says": says(one.body),
            "file": None if output is None else str(output),
        },
        lambda: f"Full powers issued (instrument no. {one.serial}): {says(one.body)}.\n",
    )
    return Exit.DONE


def _renewed(session: Session, made: list[str]) -> tuple[Instrument, StixObject]:
    """Make keys, then name them: whatever is cut short in between, the same command mends."""
    from foedus.compose import open_node  # noqa: PLC0415
    from foedus.node.renew_keys import renew_keys  # noqa: PLC0415
    from foedus.settings import make_key  # noqa: PLC0415

    for name in made:
        make_key(session.wired.settings, name)
    fresh = open_node(session.wired.settings)
    try:
        return renew_keys(fresh.node, session.actor, fresh.gate)
    finally:
        fresh.close()


@keys.command("accept")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def keys_accept(session: Session, *, file: Path) -> int:
    """Take in full powers of an introduced member, or its revocation of keys, from FILE.

    Believed for the signature of that member's authority, whoever brought the file.
    """
    from foedus.model.objects import MAX_OBJECT_BYTES  # noqa: PLC0415
    from foedus.node.law_words import says  # noqa: PLC0415
    from foedus.node.renew_keys import accept_powers  # noqa: PLC0415

    with file.open("rb") as opened:
        raw = opened.read(MAX_OBJECT_BYTES + 1)
    one = accept_powers(session.wired.node, session.actor, raw)
    emit(
        session,
        {"member": one.member, "instrument": one.id, "serial": one.serial, "says": says(one.body)},
        lambda: f"Taken in: {one.member} no. {one.serial}: {says(one.body)}.\n",
    )
    return Exit.DONE
