"""``db``: where this node's store is, its shape, and moves between SQLite and PostgreSQL."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, progress_bar, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foedus.ledger.checkpoint import Checkpoint
    from foedus.settings import Settings
    from foedus.store.move import Carried
    from foedus.store.opening import NodeDatabase

__all__ = ["db"]

_SQLITE: Final = "sqlite"
_POSTGRES: Final = "postgres"


@click.group()
def db() -> None:
    """Look at this node's store, bring it to the newest shape, move it to another engine."""


@db.command()
@pass_session
def status(session: Session) -> int:
    """Show what keeps this node's store, its shape and its size."""
    from foedus.settings import load_settings, read_environment  # noqa: PLC0415
    from foedus.store.store_status import status_of  # noqa: PLC0415  # heavy

    settings = load_settings(session.directory)
    found = status_of(settings.database, read_environment().database_url)
    rows = [
        (each.engine, each.version, each.shape, each.size, each.state or "the node runs on it")
        for each in found
    ]
    emit(
        session,
        {
            "stores": [
                {
                    "engine": each.engine,
                    "version": each.version,
                    "shape": each.shape,
                    "newest_shape": each.newest,
                    "bytes": each.size,
                    "state": each.state,
                }
                for each in found
            ]
        },
        lambda: (
            table(("engine", "version", "shape", "bytes", "state"), rows)
            if rows
            else "This node has no store.\n"
        ),
    )
    return Exit.DONE


@db.command()
@pass_session
def migrate(session: Session) -> int:
    """Bring the store to the newest shape, as every command does that opens it.

    Before it, take a backup: a shape is never taken back.
    """
    from foedus.settings import load_settings, read_environment  # noqa: PLC0415
    from foedus.store.store_status import status_of  # noqa: PLC0415  # heavy

    settings = load_settings(session.directory)
    url = read_environment().database_url
    before = [each.shape for each in status_of(settings.database, url)]
    with closing(_opened(settings, url)):
        pass
    after = [each.shape for each in status_of(settings.database, url)]
    emit(
        session,
        {"before": before, "after": after},
        lambda: f"The store has shape {after[0]}; it had {before[0]}.\n",
    )
    return Exit.DONE


@db.command()
@click.option(
    "--to",
    "whereto",
    required=True,
    metavar="postgres|sqlite|URL",
    help="postgres: the database that FOEDUS_DATABASE_URL names; sqlite: the data directory.",
)
@pass_session
def move(session: Session, whereto: str) -> int:
    """Carry this node's whole store to PostgreSQL, or back to SQLite.

    Nothing may serve this node meanwhile. Every table is compared by count and digest before the
    node depends on it; until then, and after a crash, the old store is the node's, and afterwards
    it refuses to be used. Repeat the command if it was interrupted. An administrator does it, and
    the journal says who did.

    An address on the command line can be read by others on this machine: name it in
    FOEDUS_DATABASE_URL if it holds a password.
    """
    from foedus.settings import SettingsError, load_settings, read_environment  # noqa: PLC0415
    from foedus.store.locks import exclusive  # noqa: PLC0415
    from foedus.store.relocate import move_to_postgres, move_to_sqlite  # noqa: PLC0415

    settings = load_settings(session.directory)
    named = read_environment().database_url
    url = named if whereto in {_POSTGRES, _SQLITE} else whereto
    if not url:
        raise SettingsError(
            "which database? set FOEDUS_DATABASE_URL to the address of the PostgreSQL database"
        )
    with ExitStack() as held, progress_bar(session, "Moving the store") as bar:
        _keep_out(held, settings)
        held.enter_context(exclusive(settings.locks / "publish"))
        origin = _note(session, settings, url if whereto == _SQLITE else "", whereto)

        def told(_table: str, rows: int) -> None:
            bar(rows, rows)

        if whereto == _SQLITE:
            done = move_to_sqlite(
                url,
                settings.database,
                member=settings.member,
                progress=told,
                guard=lambda heads: _guard(settings, origin, heads),
            )
        else:
            done = move_to_postgres(settings.database, url, member=settings.member, progress=told)
    _tell(session, done, to_sqlite=whereto == _SQLITE, set_already=named == url)
    return Exit.DONE


def _keep_out(held: ExitStack, settings: Settings) -> None:
    """Let no process of this machine serve the node meanwhile."""
    from foedus.node.errors import RefusedError  # noqa: PLC0415
    from foedus.store.errors import StoreLockedError  # noqa: PLC0415
    from foedus.store.locks import exclusive  # noqa: PLC0415

    try:
        held.enter_context(exclusive(settings.serving, wait=False))
    except StoreLockedError as error:
        raise RefusedError("a process serves this node; stop `foedus serve` first") from error


def _guard(settings: Settings, origin: str, heads: Sequence[Checkpoint]) -> None:
    """Guard here the newest head that any machine may have signed: this one goes on from it."""
    from foedus.node.lead import guard_shared  # noqa: PLC0415  # heavy
    from foedus.store.ledger_files import GuardFile  # noqa: PLC0415

    own = GuardFile(settings.guard / "head", outside=settings.ledger)
    for head in heads:
        if head.origin == origin:
            guard_shared(own, head)


def _note(session: Session, settings: Settings, url: str, whereto: str) -> str:
    """Check that an administrator asks, and let the journal say so, in the store that is moved.

    Returns:
        The origin of the node's log; "" where an interrupted move is only to be finished.
    """
    from foedus.access import Actor, Role, require_role  # noqa: PLC0415
    from foedus.clock import SystemClock  # noqa: PLC0415
    from foedus.node.close_log import successor  # noqa: PLC0415
    from foedus.node.ports import Act  # noqa: PLC0415
    from foedus.settings import SettingsError, load_identity  # noqa: PLC0415
    from foedus.store.errors import StoreMovedError  # noqa: PLC0415

    try:
        store = _opened(settings, url)
    except StoreMovedError:
        # What is left of an interrupted move, which an administrator began.
        return ""
    with closing(store), store.write() as tx:
        users = tx.people.users()
        name = session.user or (users[0].name if len(users) == 1 else "")
        if not name:
            raise SettingsError("who acts? give --as USER or set FOEDUS_USER")
        user = tx.people.user(name)
        roles = frozenset() if user is None else frozenset(Role(role) for role in user.roles)
        require_role(Actor(user=name, roles=roles), Role.ADMINISTRATOR)
        subject = "to SQLite" if whereto == _SQLITE else "to PostgreSQL"
        tx.acts.record(Act(at=SystemClock().now(), user=name, act="db.move", subject=subject))
        return successor(load_identity(settings).log_origin, tx.recovery.closed())


def _opened(settings: Settings, url: str) -> NodeDatabase:
    from foedus.store.opening import open_store  # noqa: PLC0415

    return open_store(settings.database, url, member=settings.member, create=False)


def _tell(session: Session, done: Carried, *, to_sqlite: bool, set_already: bool) -> None:
    rows = [(each.name, each.count, each.digest[:16]) for each in done.tables if each.count]
    unset = "Unset FOEDUS_DATABASE_URL wherever this node is run."
    put = (
        "FOEDUS_DATABASE_URL names it already: set it wherever this node is run."
        if set_already
        else "Set FOEDUS_DATABASE_URL to that database wherever this node is run."
    )
    emit(
        session,
        {
            "tables": [
                {"name": each.name, "rows": each.count, "sha256": each.digest}
                for each in done.tables
            ]
        },
        lambda: (
            (table(("table", "rows", "digest"), rows) if rows else "")
            + "The store is moved and compared; the old one refuses to be used.\n"
            + (unset if to_sqlite else put)
            + "\n"
        ),
    )
