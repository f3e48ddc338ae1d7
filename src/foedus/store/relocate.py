"""Moves of a node's store between its data directory and a PostgreSQL database."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from foedus.ledger.checkpoint import Checkpoint
from foedus.model.identifiers import MemberId
from foedus.store.errors import StoreBrokenError, StoreForeignError, StoreMissingError
from foedus.store.move import Carried, Progress, Side, Source, carry, move
from foedus.store.opening import postgres_sides, stands_in
from foedus.store.sql.moved import ARRIVED, ARRIVING
from foedus.store.sqlite.moving import SQLiteSide

__all__ = ["copy_out", "move_to_postgres", "move_to_sqlite"]

_TO_POSTGRES = "PostgreSQL"
_TO_SQLITE = "SQLite, in its data directory"


def _silent(_table: str, _rows: int) -> None:
    """Tell nobody how far a move is."""


def move_to_postgres(
    path: Path, url: str, *, member: MemberId, progress: Progress = _silent
) -> Carried:
    """Carry a node's store from its data directory to a PostgreSQL database.

    Args:
        path: The file of the store.
        url: Address of an empty database; it may hold a password and is never told.
        member: Whose node it is.
        progress: Told how far it is.

    Raises:
        StoreError: There is no store in the data directory, the database holds one, or one of the
            two refused; the node's store stays where it was.
    """
    if not path.exists():
        raise StoreMissingError(f"the data directory holds no store ({path.name})")
    with ExitStack() as opened:
        old = opened.enter_context(closing(SQLiteSide(path, new=False)))
        new = opened.enter_context(closing(postgres_sides().PostgresSide(url, member=member)))
        _refuse_occupied(new)
        return move(old, new, member=member, whereto=_TO_POSTGRES, progress=progress)


def _unguarded(_heads: Sequence[Checkpoint]) -> None:
    """Guard nothing."""


def move_to_sqlite(
    url: str,
    path: Path,
    *,
    member: MemberId,
    progress: Progress = _silent,
    guard: Callable[[Sequence[Checkpoint]], None] = _unguarded,
) -> Carried:
    """Carry a node's store from a PostgreSQL database to its data directory.

    It is filled beside its place and put there whole, so that a crash leaves nothing half.

    Args:
        url: Address of the database; it may hold a password and is never told.
        path: The file of the store; one that was moved away before is replaced.
        member: Whose node it is.
        progress: Told how far it is.
        guard: Guards on this machine the heads that the machines shared, before the new store is
            the node's: this machine may not have led last. What it raises leaves the old one so.

    Raises:
        StoreError: There is a store in the data directory, the database holds none, or one of the
            two refused; the node's store stays where it was.
    """
    if stands_in(path):
        raise StoreForeignError(f"the data directory holds a store already ({path.name})")
    draft = path.with_name(path.name + ".arriving")
    with ExitStack() as opened:
        old = opened.enter_context(
            closing(postgres_sides().PostgresSide(url, member=member, old=True))
        )
        if old.mark():
            return _finished(path, old, member)
        _remove(draft)
        with closing(SQLiteSide(draft, new=True)) as new:
            new.empty(member, ARRIVING)
            carried = carry(old, new, progress=progress)
            new.set_mark(ARRIVED)
        guard(old.shared_heads())
        _put(draft, path)
        old.set_mark(_TO_SQLITE)
        with closing(SQLiteSide(path, new=True)) as new:
            new.set_mark("")
    return carried


def copy_out(source: Callable[[], Source], target: Path, *, member: MemberId) -> None:
    """Write a consistent copy of a store into a new SQLite file, for a backup; durable on return.

    Args:
        source: Opens the store for reading, as of one moment.
        target: A file that does not exist.
        member: Whose store it is.

    Raises:
        StoreError: It cannot be read or written, or the copy is not the same.
    """
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreBrokenError(f"cannot write {target}: {error.strerror}") from error
    with closing(SQLiteSide(target, new=True)) as new, closing(source()) as old:
        new.empty(member, ARRIVING)
        carry(old, new)
        new.set_mark("")
        new.stand_alone()


def _finished(path: Path, old: Side, member: MemberId) -> Carried:
    """Finish a move whose old store was marked and whose new one was not opened yet."""
    if not path.exists():
        raise StoreMissingError("this store was moved already; the node does not run on it")
    with closing(SQLiteSide(path, new=True)) as new:
        return move(old, new, member=member, whereto=_TO_SQLITE)


def _refuse_occupied(new: Side) -> None:
    """Return when a database is empty, or holds what an interrupted move left."""
    if new.holds_store() and new.mark() not in {ARRIVING, ARRIVED}:
        raise StoreForeignError("the database holds a node's store already; give an empty one")


def _put(draft: Path, path: Path) -> None:
    try:
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        draft.replace(path)
        for ending in ("-wal", "-shm"):
            draft.with_name(draft.name + ending).unlink(missing_ok=True)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreBrokenError(f"cannot write {path}: {error.strerror}") from error


def _remove(draft: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        draft.with_name(draft.name + ending).unlink(missing_ok=True)
