"""The published log and its guard in the file system.

A file is written beside its place, made durable, and moved there in one step, so a reader or a
crash finds the old content or the new and never a part. The move itself is durable once its
directory is.

What a crash leaves: at any point before the move, the old file and perhaps a hidden temporary one
that nothing reads; after the move and before the directory is durable, either file; after that,
the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, Final

from foedus.ledger.checkpoint import Checkpoint, parse_checkpoint
from foedus.ledger.errors import (
    CheckpointError,
    HeadMovedError,
    LedgerError,
    TileAbsentError,
    TileError,
)
from foedus.ledger.tiles import (
    CHECKPOINT_PATH,
    MAX_BUNDLE_BYTES,
    TILE_HEIGHT,
    TileAddress,
    parse_tile_path,
)
from foedus.signing.note import MAX_NOTE_BYTES

__all__ = ["GuardFile", "GuardFileError", "TileDirectory", "replace_durably"]

_PARTIAL_SUFFIX: Final = ".p"
_GATHERED_FILES: Final = 64
_GATHERED_BYTES: Final = 4 * 1024 * 1024
_FEW_FILES: Final = 8
_SYNC_THREADS: Final = 16
_FILE_MODE: Final = 0o644
_DIRECTORY_MODE: Final = 0o755


class GuardFileError(LedgerError):
    """The guard cannot be read or written, or lies where it guards nothing."""

    code: ClassVar[str] = "store.guard_file"


class TileDirectory:
    """A published log as a directory that any web server can serve: tile sink and tile source.

    One process writes; any number reads.
    """

    __slots__ = ("_directory", "_flushed", "_unflushed", "_waiting", "_waiting_bytes")

    def __init__(self, directory: Path) -> None:
        """Keep a log in a directory, which is created with the first write.

        Args:
            directory: Holds ``checkpoint`` and ``tile`` and nothing else.
        """
        self._directory = directory
        self._waiting: dict[str, bytes] = {}
        self._waiting_bytes = 0
        self._unflushed: set[Path] = set()
        self._flushed: set[Path] = set()

    def read(self, path: str) -> bytes:
        """Return the content under a path.

        Args:
            path: ``checkpoint``, or the path of a tile or bundle; untrusted.

        Raises:
            TileAbsentError: There is nothing under this path.
            TileError: It names no tile, cannot be read, or is longer than any tile.
        """
        limit = MAX_NOTE_BYTES if path == CHECKPOINT_PATH else MAX_BUNDLE_BYTES
        waiting = self._waiting.get(path)
        if waiting is not None:
            return waiting
        if path != CHECKPOINT_PATH:
            parse_tile_path(path)
        try:
            # Proofs and audits read thousands; a path object would cost them more than the read.
            with open(f"{self._directory}/{path}", "rb", buffering=0) as file:  # noqa: PTH123
                data = file.read(limit + 1) or b""
        except (FileNotFoundError, NotADirectoryError) as error:
            raise TileAbsentError(f"{path} is absent") from error
        except OSError as error:
            raise TileError(f"{path} could not be read: {error.strerror}") from error
        if len(data) > limit:
            raise TileError(f"{path} is longer than {limit} bytes")
        return data

    def write(self, path: str, data: bytes) -> None:
        """Store content under a path in one step; durable after ``flush``.

        Tiles and bundles are gathered, some dozens at a time, so that many are made durable
        together; until then only this object reads them.

        Args:
            path: ``checkpoint``, or the path of a tile or bundle.
            data: The whole content.

        Raises:
            TileError: It names no tile, or what was gathered is not known to be stored; it is
                stored again with the next call.
        """
        place = self._place(path)
        if path == CHECKPOINT_PATH:
            # The one path whose content changes: written now or not at all, after all else.
            self._settle()
            self._put({place: data})
            return
        self._waiting[path] = data
        self._waiting_bytes += len(data)
        if len(self._waiting) >= _GATHERED_FILES or self._waiting_bytes >= _GATHERED_BYTES:
            self._settle()

    def flush(self) -> None:
        """Return when everything written so far is durable.

        Raises:
            TileError: A file or directory could not be made durable; flushing again tries it
                again.
        """
        self._settle()
        try:
            for directory in sorted(self._unflushed):
                _sync_directory(directory)
                self._unflushed.discard(directory)
                self._flushed.add(directory)
        except OSError as error:
            raise TileError(f"the log could not be made durable: {error.strerror}") from error

    def drop_partials(self, size: int, *, since: int = 0) -> int:
        """Remove partial tiles and bundles whose full ones are part of a published head.

        Args:
            size: Leaves of the head that stands published.
            since: Leaves of a head at which this was done before; what was full then is not looked
                at again.

        Returns:
            How many files were removed.

        Raises:
            TileError: One could not be removed.

        Spec: C2SP tlog-tiles, "Partial Tiles".
        """
        removed = 0
        try:
            for address in _filled(since, size):
                full = self._directory / address.path
                directory = full.with_name(full.name + _PARTIAL_SUFFIX)
                # A full tile past the head may stem from a crash; what the head needs must stay.
                if not directory.is_dir() or not full.exists():
                    continue
                for partial in directory.iterdir():
                    partial.unlink()
                    removed += 1
                directory.rmdir()
                self._unflushed.discard(directory)
                self._flushed.discard(directory)
        except OSError as error:
            raise TileError(f"a partial tile could not be removed: {error.strerror}") from error
        return removed

    def _settle(self) -> None:
        """Put everything gathered in its place."""
        if self._waiting:
            self._put({self._place(path): data for path, data in self._waiting.items()})
            self._waiting.clear()
            self._waiting_bytes = 0

    def _put(self, files: Mapping[Path, bytes]) -> None:
        """Put each file in its place in one step, its content durable."""
        try:
            for directory in {place.parent for place in files}:
                self._forget_missing(directory)
                directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            if len(files) < _FEW_FILES:
                for place, data in files.items():
                    _replace_file(place, data)
            else:
                # Side by side: the file system commits its journal for many of them at once.
                with ThreadPoolExecutor(_SYNC_THREADS, "foedus-sync") as pool:
                    list(pool.map(_replace_file, files, files.values()))
        except OSError as error:
            first = next(iter(files)).relative_to(self._directory)
            raise TileError(f"{first} could not be written: {error.strerror}") from error
        for place in files:
            self._touch(place.parent)

    def _place(self, path: str) -> Path:
        # Only the paths the format knows reach the file system: no other name, no way up and out.
        if path != CHECKPOINT_PATH:
            parse_tile_path(path)
        return self._directory / path

    def _forget_missing(self, directory: Path) -> None:
        # Another process may have removed a directory since this one made it durable.
        while directory != self._directory.parent and not directory.is_dir():
            self._flushed.discard(directory)
            directory = directory.parent

    def _touch(self, directory: Path) -> None:
        self._unflushed.add(directory)
        # A directory is an entry of its parent. One made by a process that died may not be durable
        # yet although it is there, so each is followed up to the root once in a process's life.
        while directory not in self._flushed and directory != self._directory.parent:
            directory = directory.parent
            self._unflushed.add(directory)


def _filled(since: int, size: int) -> Iterator[TileAddress]:
    """Yield every bundle and tile that is full at a size and was not full at an earlier one."""
    shift = TILE_HEIGHT
    levels: list[int | None] = [None, 0]
    while size >> shift:
        for level in levels:
            for index in range(since >> shift, size >> shift):
                yield TileAddress(level=level, index=index)
        levels = [shift // TILE_HEIGHT]
        shift += TILE_HEIGHT


class GuardFile:
    """The last head in a file of its own, compared and moved under an exclusive lock.

    Losing it to a restored backup would defeat its purpose: keep it on other storage than the
    database and the tiles, and leave it out of their backups.
    """

    __slots__ = ("_lock", "_path")

    def __init__(self, path: Path, *, outside: Path) -> None:
        """Guard a head in a file.

        Args:
            path: The file; its directory exists. A lock file lies beside it.
            outside: The tile directory, in which the guard must not lie.

        Raises:
            GuardFileError: The guard would lie in the tile directory.
        """
        if path.resolve().is_relative_to(outside.resolve()):
            raise GuardFileError("the guard lies in the directory it guards")
        self._path = path
        self._lock = path.with_name(path.name + ".lock")

    def load(self) -> Checkpoint | None:
        """Return the head guarded, or None when there never was one.

        Raises:
            GuardFileError: There is one but it cannot be read.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise GuardFileError(f"the guard could not be read: {error.strerror}") from error
        try:
            return parse_checkpoint(data.decode())
        except (UnicodeDecodeError, CheckpointError) as error:
            raise GuardFileError("the guard holds no head") from error

    def advance(self, old: Checkpoint | None, new: Checkpoint) -> None:
        """Replace the head in one step, durably, if it is still the old one.

        Args:
            old: The head the caller started from.
            new: The head it is about to sign.

        Raises:
            HeadMovedError: Another head is guarded now; nothing was changed.
            GuardFileError: It is not known to be stored.
        """
        try:
            with self._locked():
                if self.load() != old:
                    raise HeadMovedError("another publisher moved the head")
                replace_durably(self._path, new.text.encode())
        except OSError as error:
            raise GuardFileError(f"the guard could not be written: {error.strerror}") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # The lock file is never replaced, as the guard is: a lock on a replaced file locks nothing.
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def replace_durably(place: Path, data: bytes) -> None:
    """Put content in place in one step, durably; its directory is made if it is absent.

    Raises:
        OSError: It is not known to be stored.
    """
    place.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    _replace_file(place, data)
    _sync_directory(place.parent)


def _replace_file(place: Path, data: bytes) -> None:
    """Put content in place in one step; its directory is not synchronised yet."""
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), _FILE_MODE)
            os.fsync(file.fileno())
        temporary.replace(place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
