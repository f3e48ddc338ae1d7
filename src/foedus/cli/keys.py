"""``keys``: which keys speak for whom; give one up, name the present ones, take in another's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table

if TYPE_CHECKING:
    from foedus.model.objects import StixObject
    from foedus.treaty.instrument import Instrument

__all__ = ["keys"]


_OVERLAP = click.option(
    "--overlap",
    type=click.IntRange(0, 24 * 365),
    default=24 * 7,
    show_default=True,
    help="Hours for which old pins of TLS stay right beside the new one.",
)


@click.group()
def keys() -> None:
    """Keys that speak for members: of authority, node, log and witness, and pins of TLS."""


@keys.command("list")
@click.option("--member", default="", help="Only those of this member.")
@pass_session
def keys_list(session: Session, *, member: str) -> int:
    """List the keys of this member and of all introduced ones, and whether they speak now."""
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.keys import list_keys, list_pins  # noqa: PLC0415
    from foedus.node.law_words import day  # noqa: PLC0415

    node = session.wired.node
    whose = member_id(member) if member else None
    with node.database.read() as tx:
        lines, pins = list_keys(tx, node, whose), list_pins(tx, node, whose)
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
    ] + [
        (
            each.member,
            "tls",
            f"sha256:{each.spki}",
            each.state,
            day(each.valid_from),
            day(each.valid_until),
        )
        for each in pins
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
    type=click.Choice(["node", "tls", "witness"]),
    multiple=True,
    help="Make this key anew first; may be given twice.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the full powers there too."
)
@_OVERLAP
@pass_session
def keys_renew(session: Session, *, new: tuple[str, ...], output: Path | None, overlap: int) -> int:
    """Issue full powers that name the keys and the address this node has now.

    Makes the witness key where there is none yet. After `keys revoke --own` this is the way back:
    say which key to make anew. Of a new node key the others cannot learn by the lanes, whose pages
    it signs: write the full powers to a file and send it to them (`foedus keys accept FILE`).

    A new certificate (`--new tls`) is pinned at once and shown half way through the overlap; until
    its end the old one is right too, so who pulls meanwhile is never cut off. Without an overlap,
    for a key that was stolen, the others need the file as well.
    """
    from foedus.node.errors import RefusedError  # noqa: PLC0415
    from foedus.node.law_words import says  # noqa: PLC0415
    from foedus.node.renew_keys import may_renew  # noqa: PLC0415
    from foedus.signing import KeyPurpose  # noqa: PLC0415

    made = {*new, *(() if session.wired.node.identity.witness is not None else ("witness",))}
    may_renew(session.wired.node, session.actor, {KeyPurpose(name) for name in made - {"tls"}})
    if "node" in new and output is None:
        raise RefusedError("a new node key needs -o FILE: the others take it in from that file")
    if "tls" in new:
        _check_pinning(session, overlap, output)
    shown = _shows_own(session)
    one, document = _renewed(session, sorted(made), overlap)
    if output is not None:
        output.write_bytes(document.raw)
    if "tls" in made:
        _say_of_certificate(session, was_shown=shown)
    if made - {"tls"}:
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


def _renewed(session: Session, made: list[str], overlap: int) -> tuple[Instrument, StixObject]:
    """Make keys, then name them: whatever is cut short in between, the same command mends."""
    from foedus.settings import make_key  # noqa: PLC0415

    for name in made:
        if name == "tls":
            _make_certificate(session, overlap)
        else:
            make_key(session.wired.settings, name)
    return _named(session)


def _named(session: Session) -> tuple[Instrument, StixObject]:
    """Issue full powers for the keys and pins that stand in their files."""
    from foedus.compose import open_node  # noqa: PLC0415
    from foedus.node.renew_keys import renew_keys  # noqa: PLC0415

    fresh = open_node(session.wired.settings)
    try:
        return renew_keys(fresh.node, session.actor, fresh.gate)
    finally:
        fresh.close()


def _check_pinning(session: Session, overlap: int | None, output: Path | None) -> None:
    """Refuse what would cut off the others, before anything is made."""
    from foedus.node.errors import RefusedError  # noqa: PLC0415

    settings = session.wired.settings
    if not settings.address.startswith("https://"):
        raise RefusedError(
            "the address of this node is no https: change the setting `address` first"
        )
    if overlap == 0 and output is None:
        raise RefusedError(
            "without an overlap the others cannot pull the full powers that name the new key: "
            "write them to a file with -o FILE and send it to them (`foedus keys accept FILE`)"
        )


def _make_certificate(session: Session, overlap: int) -> None:
    """Make a certificate; the pins before it end when the overlap does."""
    from foedus.exchange.own_tls import (  # noqa: PLC0415
        add_pin,
        make_pair,
        read_own_pins,
        write_own_pins,
    )

    settings, now = session.wired.settings, session.wired.node.clock.now()
    own = read_own_pins(settings.keys)
    shown = any(each.pin.covers(now) for each in own)
    whole = timedelta(hours=overlap)
    new = make_pair(
        settings.keys,
        urlsplit(settings.address).hostname or "",
        now=now,
        shown_from=now + whole / 2 if shown else now,
    )
    write_own_pins(settings.keys, add_pin(own, new, now=now, others_end=now + whole))


def _shows_own(session: Session) -> bool:
    """Return whether this node has a certificate made here that it shows now."""
    from foedus.exchange.own_tls import files_shown, read_own_pins  # noqa: PLC0415

    keys_folder, now = session.wired.settings.keys, session.wired.node.clock.now()
    return files_shown(keys_folder, read_own_pins(keys_folder), now) is not None


def _say_of_certificate(session: Session, *, was_shown: bool) -> None:
    """Say when the server that runs goes over to the certificate that was made."""
    from foedus.exchange.own_tls import read_own_pins  # noqa: PLC0415

    settings = session.wired.settings
    if settings.proxy_tls or settings.tls_certificate is not None:
        say("the new certificate is not shown: the settings name a proxy or another certificate")
        return
    shown_from = max(each.shown_from for each in read_own_pins(settings.keys) if each.stem)
    at_once = shown_from <= session.wired.node.clock.now()
    when = "at once" if at_once else f"at {shown_from:%Y-%m-%d %H:%M} UTC"
    if was_shown:
        say(f"a running `foedus serve` goes over to the new certificate {when}, without a restart")
    elif at_once:
        say("restart `foedus serve`: it shows the new certificate from then on")
    else:
        say(f"the new certificate is shown {when}; restart `foedus serve` then")


@keys.command("pin")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--only", is_flag=True, help="End the other pins when the overlap is over.")
@_OVERLAP
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the full powers there too."
)
@pass_session
def keys_pin(session: Session, *, file: Path, only: bool, overlap: int, output: Path | None) -> int:
    """Pin the key of the certificate in FILE (PEM), and issue full powers that name it.

    For a certificate of your own (settings `tls_certificate` and `tls_key`) or that of the proxy in
    front. Pin it before it is shown: the others learn of it by the lanes, over the old one. To pin
    the key that will follow costs nothing, and saves the day on which this one is lost.
    """
    from foedus.exchange.certificate import read_certificate  # noqa: PLC0415
    from foedus.exchange.own_tls import (  # noqa: PLC0415
        OwnPin,
        add_pin,
        read_own_pins,
        write_own_pins,
    )
    from foedus.node.law_words import says  # noqa: PLC0415
    from foedus.node.renew_keys import may_renew  # noqa: PLC0415
    from foedus.signing.pins import TLSPin  # noqa: PLC0415

    wired = session.wired
    may_renew(wired.node, session.actor)
    _check_pinning(session, overlap if only else None, output)
    keys_folder, now = wired.settings.keys, wired.node.clock.now()
    own = read_own_pins(keys_folder)
    spki = read_certificate(file.read_bytes()).spki
    known = next((each for each in own if each.pin.spki == spki), None)
    new = OwnPin(
        pin=TLSPin(spki=spki, valid_from=now if known is None else known.pin.valid_from),
        stem="" if known is None else known.stem,
        shown_from=now if known is None else known.shown_from,
    )
    end = now + timedelta(hours=overlap) if only else None
    write_own_pins(keys_folder, add_pin(own, new, now=now, others_end=end))
    one, document = _named(session)
    if output is not None:
        output.write_bytes(document.raw)
    emit(
        session,
        {"instrument": one.id, "serial": one.serial, "pin": spki, "says": says(one.body)},
        lambda: f"Pinned sha256:{spki} (instrument no. {one.serial}): {says(one.body)}.\n",
    )
    return Exit.DONE


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
