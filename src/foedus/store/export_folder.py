"""Exports in the file system: ``DATA/exports/``, readable by the node's user only."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from foedus.store.errors import StoreBrokenError

__all__ = ["ExportDirectory"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,80}\.[a-z]{2,8}", re.ASCII)


class ExportDirectory:
    """Implements :class:`foedus.node.ports.exports.ExportFolder` in one directory."""

    __slots__ = ("_root",)

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, data: bytes) -> None:
        """Keep a file, durably.

        Raises:
            StoreBrokenError: It is not known to be stored.
        """
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            # In place at once, for a file left half written has its row and is deleted by it; one
            # under a name nobody knows would stay.
            with open(self._place(name), "wb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._sync()
        except OSError as error:
            raise StoreBrokenError(f"the export could not be written: {error.strerror}") from error

    def delete(self, name: str) -> None:
        """Take a file away, durably; one that is not there is gone already.

        Raises:
            StoreBrokenError: It may still be there.
        """
        try:
            self._place(name).unlink(missing_ok=True)
            self._sync()
        except OSError as error:
            raise StoreBrokenError(f"an export could not be deleted: {error.strerror}") from error

    def names(self) -> frozenset[str]:
        """Return the names of the exports that lie there.

        Raises:
            StoreBrokenError: The folder cannot be read.
        """
        try:
            return frozenset(
                each.name
                for each in self._root.iterdir()
                if each.is_file() and _NAME.fullmatch(each.name)
            )
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise StoreBrokenError(f"exports cannot be listed: {error.strerror}") from error

    def _place(self, name: str) -> Path:
        if not _NAME.fullmatch(name):  # names are made here; none leads out of the folder
            raise StoreBrokenError(f"not a name of an export: {name[:80]!r}")
        return self._root / name

    def _sync(self) -> None:
        if not self._root.exists():
            return
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
