"""``backup``, ``restore``, ``recover``: what an administrator does before and after a loss."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table

if TYPE_CHECKING:
    from foedus.compose import Wired
    from foedus.node.recover import OwnLog, RecoveryReport
    from foedus.settings import Settings

__all__ = ["backup", "own_log", "recover", "restore", "stop_if_behind"]

SETTINGS_FILE = "foedus.toml"
_AT_START_S = 2.0
"""A start is not delayed for longer by members that do not answer."""


@click.command()
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--with-keys",
    is_flag=True,
    help="Copy the node's private keys too; guard it as you guard them.",
)
@pass_session
def backup(session: Session, target: Path, *, with_keys: bool) -> int:
    """Copy this node's store and settings into DIR, while it runs.

    The guard, which remembers the log's head, is never part of it: keep that on other storage. An
    administrator does it, and the journal says who did.
    """
    from foedus.node.backup import note_backup  # noqa: PLC0415
    from foedus.node.context import note_act  # noqa: PLC0415
    from foedus.store.backup import make_backup  # noqa: PLC0415  # heavy
    from foedus.store.errors import StoreFullError  # noqa: PLC0415

    _require_admin(session)
    wired = session.wired
    settings = wired.settings
    if target.exists() and not target.is_dir():
        raise click.UsageError(f"{target} is no folder; name a new or empty one")
    now = wired.node.clock.now()
    # A store without room is one that needs its backup: that nothing can be noted stops nothing.
    with suppress(StoreFullError), wired.database.write() as tx:
        note_backup(tx, at=now, days=settings.backup_days)
    try:
        manifest = make_backup(
            wired.database,
            _files(settings, with_keys=with_keys),
            target,
            member=settings.member,
            exercise=settings.exercise,
            at=now,
        )
    except StoreFullError as error:
        raise StoreFullError(
            f"no room is left where {target} is: what stands there is no backup (it has no "
            "manifest); remove it, and name a place with more room. The node itself is untouched"
        ) from error
    keys = "with the private keys" if manifest.with_keys else "without the private keys"
    with suppress(StoreFullError), wired.database.write() as tx:
        note_act(tx, wired.node, session.actor, "backup", keys)
    emit(
        session,
        {
            "directory": str(target),
            "entries": manifest.entries,
            "with_keys": manifest.with_keys,
            "files": sorted(manifest.files),
        },
        lambda: (
            f"{target}: the store with {manifest.entries} log entries, {keys}.\n"
            + ("" if manifest.with_keys else f"Keep {settings.keys} safe elsewhere.\n")
        ),
    )
    return Exit.DONE


def _files(settings: Settings, *, with_keys: bool) -> dict[str, Path]:
    """Return what a backup holds beside the store, by its path there."""
    files = {SETTINGS_FILE: settings.data / SETTINGS_FILE}
    if settings.benign is not None and settings.benign.parent == settings.data:
        files[settings.benign.name] = settings.benign
    if with_keys:
        kinds = {".key", ".crt", ".toml"}
        files |= {
            f"keys/{each.name}": each
            for each in sorted(settings.keys.iterdir())
            if each.suffix in kinds
        }
    return files


@click.command()
@click.argument("source", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@pass_session
def restore(session: Session, source: Path) -> int:
    """Put the backup in DIR into an empty data directory.

    Guard, ledger, mirrors and keys that stand there already stay: they are newer. The node signs
    and releases nothing until `foedus recover` has found what came after the backup.
    """
    from foedus.clock import SystemClock  # noqa: PLC0415
    from foedus.store.backup import restore_backup  # noqa: PLC0415  # heavy

    manifest = restore_backup(source, session.directory, at=SystemClock().now())
    missing = not (session.directory / "keys" / "node.key").exists()
    emit(
        session,
        {
            "member": manifest.member,
            "made": manifest.made.isoformat(),
            "entries": manifest.entries,
            "keys_missing": missing,
        },
        lambda: (
            f"The node of {manifest.member} stands as it was on {manifest.made:%Y-%m-%d %H:%M}, "
            f"with {manifest.entries} log entries.\n"
            + (
                f"The backup holds no keys: put them into {session.directory / 'keys'} first.\n"
                if missing
                else ""
            )
            + "It signs and releases nothing yet. Next: `foedus recover`.\n"
            "What was erased here since then is back with the backup: erase it again.\n"
        ),
    )
    return Exit.DONE


@click.command()
@click.option(
    "--close",
    is_flag=True,
    help="No copy leads to the newest head: close the log for good and begin a new one.",
)
@click.option(
    "--without",
    metavar="MEMBER",
    multiple=True,
    help="The guard is lost and this member will never answer: go on all the same.",
)
@pass_session
def recover(session: Session, *, close: bool, without: tuple[str, ...]) -> int:
    """Find what this node signed and gave since its backup, and go on with the same log.

    Asks every member for the newest head of our log, for the entries we lack and for what we gave
    it. Repeat it when a member that was away answers again.
    """
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.context import note_act  # noqa: PLC0415
    from foedus.node.recover import recover as run  # noqa: PLC0415  # heavy
    from foedus.store.locks import exclusive  # noqa: PLC0415

    _require_admin(session)
    missed = tuple(member_id(each) for each in without)
    with exclusive(session.wired.settings.locks / "recover", wait=False):
        if close:
            _close(session)
        wired, actor = session.wired, session.actor
        set_closed_aside(wired)
        report = run(wired.node, wired.gate, wired.client, own_log(wired), without=missed)
    if report.needed and report.finished:
        with wired.node.database.write() as tx:
            unheard = f"; without {', '.join(report.without)}" if report.without else ""
            subject = f"entries {report.entries_back} put back{unheard}"
            note_act(tx, wired.node, actor, "recover", subject)
    emit(session, _figures(report), lambda: _text(report, log=wired.node.identity.log_origin))
    if not report.finished:
        return Exit.REFUSED
    return Exit.PARTIAL if report.waiting else Exit.DONE


def _close(session: Session) -> None:
    """Close the log and open the node anew under its next origin.

    Raises:
        RefusedError: A process serves this node: it would go on signing the log closed.
    """
    from foedus.node.close_log import close_log  # noqa: PLC0415
    from foedus.node.errors import RefusedError  # noqa: PLC0415
    from foedus.node.recover import heads_to_close  # noqa: PLC0415
    from foedus.settings import load_identity  # noqa: PLC0415
    from foedus.store.locks import exclusive  # noqa: PLC0415

    wired = session.wired
    settings = wired.settings
    with ExitStack() as held:
        lead = wired.publisher.lead
        served = RefusedError(
            "`foedus serve` runs and signs this log: stop it, close the log, start it again"
        )
        if not lead.take():
            raise served
        held.callback(lead.leave)
        heads = heads_to_close(wired.node, wired.client, own_log(wired))
        if not lead.keep():
            raise served
        # Whoever publishes just now ends first; who comes later finds the log closed.
        held.enter_context(exclusive(settings.locks / "publish"))
        closing = close_log(wired.node, heads, load_identity(settings).log_origin)
        set_closed_aside(wired)
    session.reopen()
    say(f"The log {closing.origin} is closed; {closing.successor} follows it.")


def set_closed_aside(wired: Wired) -> None:
    """Move the files of closed logs out of the way of the present one."""
    from foedus.store.closed_log import set_aside  # noqa: PLC0415

    with wired.node.database.read() as tx:
        closed = tx.recovery.closed()
    for log in closed:
        set_aside(wired.settings.ledger, wired.settings.guard, closed=log.origin)


def stop_if_behind(wired: Wired) -> None:
    """Let a node whose store is older than what it signed sign nothing more, and say so."""
    from foedus.node.recover import why_behind  # noqa: PLC0415

    node = wired.node
    with node.database.read() as tx:
        state = tx.recovery.state()
    if state is None:
        behind = why_behind(node, wired.client, own_log(wired), wait_s=_AT_START_S)
        if not behind:
            return
        with node.database.write() as tx:
            tx.recovery.begin(behind, at=node.clock.now())
            state = tx.recovery.state()
    assert state is not None  # noqa: S101  # just set
    say(f"{state.reason}: this node signs and releases nothing until `foedus recover`")


def own_log(wired: Wired) -> OwnLog:
    """Return our own log outside the store."""
    from foedus.node.recover import OwnLog  # noqa: PLC0415

    return OwnLog(guard=wired.guard, files=wired.ledger)


def _require_admin(session: Session) -> None:
    from foedus.access import Role, require_role  # noqa: PLC0415

    require_role(session.actor, Role.ADMINISTRATOR)


def _figures(report: RecoveryReport) -> dict[str, object]:
    return {
        "needed": report.needed,
        "finished": report.finished,
        "why_not": report.why_not,
        "head": None if report.head is None else report.head.size,
        "shown_by": report.shown_by,
        "entries_before": report.entries_before,
        "entries_back": report.entries_back,
        "unaccounted": report.unaccounted,
        "items_lost": report.lost,
        "lanes": [
            {
                "member": lane.member,
                "lane": lane.lane,
                "batches": lane.batches,
                "rows": lane.rows,
                "returned": lane.returned,
                "lost": lane.lost,
                "count": lane.count,
            }
            for lane in report.lanes
        ],
        "waiting": dict(report.waiting),
        "without": list(report.without),
    }


def _text(report: RecoveryReport, *, log: str) -> str:
    if not report.needed:
        return "Nothing to recover: the store holds all that this node is known to have signed.\n"
    lines = []
    if report.head is not None:
        lines.append(
            f"Newest head of our log: {report.head.size} entries, shown by {report.shown_by}; the "
            f"store had {report.entries_before}, {report.entries_back} came back as hashes."
        )
    rows = [
        (each.member, each.lane, each.batches, each.rows, each.returned, each.lost, each.count)
        for each in report.lanes
    ]
    if rows:
        heads = ("member", "lane", "batches back", "rows", "bytes back", "bytes lost", "stands at")
        lines.append(table(heads, rows).rstrip("\n"))
    lines += [f"{member}: not rebuilt: {why}" for member, why in sorted(report.waiting.items())]
    if report.without:
        lines.append(
            f"On your word {', '.join(report.without)} was not heard: if a newer head of our log "
            "is known there, the log is forked."
        )
    if report.unaccounted:
        known = "entry is" if report.unaccounted == 1 else "entries are"
        lines.append(
            f"{report.unaccounted} {known} known by hash only: acts of our own since the "
            "backup, and disclosures that nobody took."
        )
    if report.finished:
        lines.append(f"This node signs and releases again, on the log {log}.")
        if report.waiting:
            away = ", ".join(sorted(report.waiting))
            lines.append(
                f"Nothing goes to {away} and nothing is taken from there yet: `foedus recover` "
                "again when it answers."
            )
    else:
        lines.append(f"This node still signs and releases nothing: {report.why_not}")
    return "\n".join(lines) + "\n"
