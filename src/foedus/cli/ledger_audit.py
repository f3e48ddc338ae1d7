"""``ledger audit``: read a log again, whole or what is new, and check it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say

if TYPE_CHECKING:
    from foedus.ledger import AuditResult, Checkpoint, Policy, TileSource
    from foedus.ledger.audit import Spread
    from foedus.node.peer_ports import PeerEndpoint
    from foedus.signing.note import NoteKey

__all__ = ["audit_log"]

_WORTH_SPREADING: Final = 2_000
"""Bundles from which on more than one process is worth starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Log:
    """A log to audit: where it is read, whose word it is, what else is known of it."""

    source: TileSource
    keys: tuple[NoteKey, ...]
    files: list[str] | None = None
    policy: Policy | None = None


@click.command("audit", short_help="read a log again and check all of it")
@click.argument("place", required=False)
@click.option("--key", "keys", multiple=True, help="Verifier key of the log (C2SP vkey).")
@click.option(
    "--letter",
    "letters",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Letter of credence of the log's member; also says which key its address shows over TLS.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Policy file: its witnesses must have cosigned the head.",
)
@click.option(
    "--since",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A head audited before: read only what came after it.",
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the head audited now to this file, for `--since`.",
)
@pass_session
def audit_log(
    session: Session,
    *,
    place: str | None,
    keys: tuple[str, ...],
    letters: tuple[Path, ...],
    policy_file: Path | None,
    since: Path | None,
    save: Path | None,
) -> int:
    """Read a log again and check every entry, tile, root and signature.

    PLACE is a folder with a copy of a log, an address (https, or http on this machine), or the
    member whose log it is; without it, this node's own log. A peer's log is read as this node and
    needs no key; of any other say whose it is with --key, --letter or --policy.

    With `--since FILE` only what is new is read: the head in FILE was found in order before, by
    `--save FILE`, and the log must still contain it.
    """
    from foedus.cli.verify import trusted  # noqa: PLC0415
    from foedus.ledger import audit  # noqa: PLC0415  # as every command's imports

    trust = trusted(policy=policy_file, keys=keys, letters=letters)
    with _opened(session, place, tuple(trust.log_keys()), _pinned(letters)) as log:
        known = None if since is None else _known(since, log.keys)
        with _spread(log) as spread:
            result = audit(
                log.source,
                log.keys,
                since=known,
                only_new=known is not None,
                policy=trust.policy or log.policy,
                files=log.files,
                spread=spread,
            )
    if save is not None:
        save.write_bytes(result.note)
    for path in result.ahead:
        say(f"{path} lies past the signed head: nothing is said about it yet")
    if result.unread:
        say(
            f"the signatures of {', '.join(result.unread)} were not checked: their keys were not "
            "given (`--policy` names them)"
        )
    document = _document(result)
    emit(session, document, lambda: _text(document, new=known is not None))
    return Exit.DONE


def _pinned(letters: tuple[Path, ...]) -> frozenset[str]:
    """Return the keys of TLS that letters of credence name."""
    from foedus.node.lawbook import read_credence  # noqa: PLC0415

    return frozenset(pin for letter in letters for pin in read_credence(letter.read_bytes()).tls)


@contextmanager
def _opened(
    session: Session, place: str | None, given: tuple[NoteKey, ...], pins: frozenset[str]
) -> Iterator[_Log]:
    """Open the log that a place names."""
    from foedus.signing import NoteVerifier  # noqa: PLC0415
    from foedus.store.ledger_files import TileDirectory  # noqa: PLC0415

    if place is None:
        from foedus.node.log_policy import known_witnesses  # noqa: PLC0415

        node = session.wired.node
        own = NoteVerifier(name=node.identity.log_origin, key=node.identity.log.public)
        with node.database.read() as tx:
            witnesses = known_witnesses(tx, node)
        yield _Log(
            source=session.wired.ledger,
            keys=given or (own,),
            files=_files(session.wired.settings.ledger),
            policy=witnesses,
        )
        return
    folder = Path(place)
    if folder.is_dir():
        yield _Log(source=TileDirectory(folder), keys=_needed(given), files=_files(folder))
        return
    peer = _peer(session, place)
    if peer is not None:
        from foedus.exchange.public_log import PeerTiles  # noqa: PLC0415

        tiles = PeerTiles(session.wired.client, peer)
        _require_head(tiles)
        yield _Log(source=tiles, keys=given or _keys_of(session, peer))
        return
    if "://" not in place:
        raise click.UsageError(f"{place} is no folder, no address and no peer's id")
    from foedus.exchange.public_log import PublicLog  # noqa: PLC0415

    keys = _needed(given)
    with PublicLog(place, pins=pins) as public:
        _require_head(public)
        yield _Log(source=public, keys=keys)


def _known(since: Path, keys: tuple[NoteKey, ...]) -> Checkpoint:
    """Return the head audited before.

    Raises:
        CheckpointError: The file holds none of this log.
    """
    from foedus.ledger import open_checkpoint  # noqa: PLC0415
    from foedus.ledger.errors import CheckpointError  # noqa: PLC0415

    try:
        return open_checkpoint(since.read_bytes(), keys)
    except CheckpointError as error:
        raise CheckpointError(
            f"{since} holds no head of this log ({error}); was it saved of another log, or of one "
            "that was closed since?"
        ) from error


def _require_head(log: TileSource) -> None:
    """Return if a log's head can be fetched; a place that is away says nothing against its log.

    Raises:
        PeerError: It cannot be reached, or shows its log to members only.
    """
    from foedus.ledger.errors import TileAbsentError  # noqa: PLC0415
    from foedus.ledger.tiles import CHECKPOINT_PATH  # noqa: PLC0415
    from foedus.node.peer_ports import PeerError  # noqa: PLC0415

    try:
        log.read(CHECKPOINT_PATH)
    except TileAbsentError as error:
        why = str(error.__cause__ or error)
        closed = "; a log not open to everybody (`ledger_public`) is read by members, or as a copy"
        raise PeerError(
            f"the log's head could not be fetched: {why}{closed if '(404)' in why else ''}"
        ) from error


def _needed(given: tuple[NoteKey, ...]) -> tuple[NoteKey, ...]:
    if not given:
        raise click.UsageError(
            "whose log is it? give --key, --letter or --policy (a peer is named by its id or "
            "address, and by its address where a folder has that name)"
        )
    return given


def _files(folder: Path) -> list[str]:
    """List the files of a log; hidden ones are those of a write that was cut short."""
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]


def _peer(session: Session, place: str) -> PeerEndpoint | None:
    """Return the peer that a place names by id or address; None if it names none."""
    if session.data is None:
        return None
    from foedus.node.endpoints import endpoints  # noqa: PLC0415

    wanted = place.rstrip("/").removesuffix("/ledger")
    node = session.wired.node
    with node.database.read() as tx:
        peers = endpoints(tx, node)
    return next((each for each in peers if wanted in (each.member, each.address)), None)


def _keys_of(session: Session, peer: PeerEndpoint) -> tuple[NoteKey, ...]:
    """Return the keys that speak for a peer's log now."""
    from foedus.node.lawbook import read_credence  # noqa: PLC0415
    from foedus.signing import KeyPurpose, NoteVerifier  # noqa: PLC0415

    node = session.wired.node
    now = node.clock.now()
    with node.database.read() as tx:
        view = node.law.view(tx)
        powers = view.powers(peer.member, now)
        row = tx.peers.get(peer.member)
    if row is None:
        raise click.UsageError(f"{peer.member} is no peer any more")
    origin = read_credence(row.credence).log_origin if powers is None else powers.log_origin
    keys = view.keys(peer.member, KeyPurpose.LOG, now)
    return tuple(NoteVerifier(name=origin, key=key) for key in keys)


@contextmanager
def _spread(log: _Log) -> Iterator[Spread]:
    """Give what applies a function to many blocks: several processes for a large copy on disk."""
    with ExitStack() as stack:
        if log.files is not None and len(log.files) >= _WORTH_SPREADING:
            from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

            pool = stack.enter_context(ProcessPoolExecutor(max_workers=os.cpu_count()))
            yield pool.map
        else:
            yield map


def _document(result: AuditResult) -> dict[str, Any]:
    from foedus.ledger.checkpoint import parse_checkpoint  # noqa: PLC0415
    from foedus.signing.note import split_note  # noqa: PLC0415

    return {
        "origin": parse_checkpoint(split_note(result.note)[0]).origin,
        "size": result.size,
        "root": result.root.hex(),
        "read": result.entries,
        "witnessed": [
            {"witness": one.witness, "at": f"{one.at:%Y-%m-%dT%H:%M:%SZ}"}
            for one in result.witnessed
        ],
        "unread": list(result.unread),
        "ahead": list(result.ahead),
    }


def _text(document: dict[str, Any], *, new: bool) -> str:
    read = f", {document['read']} of them new" if new else ""
    text = f"{document['origin']}: {document['size']} entries hold{read}, root {document['root']}\n"
    for one in document["witnessed"]:
        text += f"  cosigned by {one['witness']} on {one['at']}\n"
    return text
