"""``keys``: which keys speak for whom; give one up."""

from __future__ import annotations

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table

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
