"""Copy a node's store and settings out while it runs, and back into an empty place.

A backup is a directory: ``manifest.json``, ``foedus.db``, ``foedus.toml``, the benign list where
the settings name one, and, only when asked for, ``keys/``. Never in it: the guard, which must not
go back in time; tiles and copies of others' logs, which are derived again; locks.

The manifest is written last, when all else is durable: what has none is no backup.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from foedus.model.identifiers import MemberId
from foedus.node.backup import BackupError, BackupFile, Manifest, parse_manifest
from foedus.store.ledger_files import replace_durably
from foedus.store.opening import NodeDatabase
from foedus.store.sqlite import SQLiteDatabase

__all__ = ["MANIFEST", "make_backup", "open_backup", "restore_backup"]

MANIFEST: Final = "manifest.json"
DATABASE: Final = "foedus.db"
_MAX_MANIFEST_BYTES: Final = 64 * 1024
_BLOCK: Final = 1024 * 1024


def make_backup(
    database: NodeDatabase,
    files: Mapping[str, Path],
    target: Path,
    *,
    member: MemberId,
    exercise: bool,
    at: datetime,
) -> Manifest:
    """Write a consistent copy of a running node.

    Args:
        database: The node's store.
        files: Further files by their path within the backup.
        target: A directory that does not exist or is empty.
        member: Whose node it is.
        exercise: Whether it is one of an exercise.
        at: Now.

    Raises:
        BackupError: The target is not empty, or cannot be written.
        StoreError: The store cannot be read.
    """
    if target.exists() and any(target.iterdir()):
        raise BackupError(f"{target} is not empty; nothing was overwritten")
    with _told(f"the backup could not be written to {target}"):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.chmod(0o700)
        database.copy_to(target / DATABASE)
        for name, source in files.items():
            place = target / name
            place.parent.mkdir(mode=0o700, exist_ok=True)
            _copy(source, place)
        names = [DATABASE, *files]
        manifest = Manifest(
            member=member,
            made=at,
            entries=_entries(target / DATABASE),
            exercise=exercise,
            files={name: _measured(target / name) for name in names},
        )
        for directory in {target, *(place.parent for place in map(target.joinpath, names))}:
            _sync(directory)
        replace_durably(target / MANIFEST, manifest.encode())
        _sync(target.parent)
    return manifest


def open_backup(source: Path) -> Manifest:
    """Check a backup against its manifest and return that.

    Raises:
        BackupError: It is none, of another format, or a file is missing or another.
    """
    with _told(f"{source} cannot be read as a backup"):
        if not (source / MANIFEST).exists():
            raise BackupError(f"{source} holds no finished backup (no {MANIFEST})")
        with (source / MANIFEST).open("rb") as file:
            manifest = parse_manifest(file.read(_MAX_MANIFEST_BYTES))
        if DATABASE not in manifest.files or "foedus.toml" not in manifest.files:
            raise BackupError(f"{source} lacks the store or the settings")
        for name, expected in manifest.files.items():
            if _measured(source / name) != expected:
                raise BackupError(f"{name} in {source} is not what was backed up")
    return manifest


def restore_backup(source: Path, data: Path, *, at: datetime) -> Manifest:
    """Put a backup into a data directory; the node is in recovery from then on.

    What stands there and no backup holds (guard, tiles, copies, keys) stays as it is: it is newer.

    Args:
        source: The backup.
        data: A directory without settings and store.
        at: Now.

    Raises:
        BackupError: The backup is damaged, or the directory holds a node; nothing was changed.
        StoreError: The store in the backup cannot be opened by this version.
    """
    manifest = open_backup(source)
    taken = [
        name for name in (DATABASE, f"{DATABASE}-wal", "foedus.toml") if (data / name).exists()
    ]
    if taken:
        raise BackupError(
            f"{data} holds {', '.join(taken)} already; nothing was overwritten: move it away first"
        )
    with _told(f"the backup could not be restored to {data}"):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("guard", "locks"):
            (data / name).mkdir(mode=0o700, exist_ok=True)
        for name in sorted(manifest.files):
            place = data / name
            if name == "foedus.toml" or (name.startswith("keys/") and place.exists()):
                continue
            place.parent.mkdir(mode=0o700, exist_ok=True)
            _copy(source / name, place)
        with closing(SQLiteDatabase(data / DATABASE, member=manifest.member)) as database:
            reason = f"the store was restored from a backup of {manifest.made:%Y-%m-%d %H:%M}"
            with database.write() as tx:
                tx.recovery.begin(reason, at=at)
        # Last: without its settings a directory is no node, and no command runs on it.
        _copy(source / "foedus.toml", data / "foedus.toml")
        for directory in (data / "keys", data, data.parent):
            if directory.exists():
                _sync(directory)
    return manifest


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(f"{what}: {error.strerror}") from error


def _copy(source: Path, place: Path) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out, source.open("rb") as data:
        shutil.copyfileobj(data, out, _BLOCK)
        out.flush()
        os.fsync(out.fileno())


def _measured(path: Path) -> BackupFile:
    digest, size = hashlib.sha256(), 0
    if path.is_symlink() or not path.is_file():
        raise BackupError(f"{path.name} is missing from the backup")
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return BackupFile(sha256=digest.hexdigest(), size=size)


def _entries(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM ledger_entry").fetchone()
    return int(count)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
