"""Copies of other members' logs in the file system: a directory for each, named by its origin.

``mirrors/<SHA-256 of the origin>/`` holds ``checkpoint`` and ``tile/…`` as any log does, and
``reached``: how far the copy goes, which may lie past the checkpoint while a long log is fetched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from foedus.ledger.checkpoint import Checkpoint, parse_checkpoint
from foedus.ledger.errors import CheckpointError, TileAbsentError, TileError
from foedus.ledger.tiles import TILE_WIDTH, TileAddress, parse_tile_path
from foedus.ledger.tree import HASH_BYTES
from foedus.store.errors import StoreLockedError
from foedus.store.ledger_files import TileDirectory, replace_durably
from foedus.store.locks import exclusive

__all__ = ["MirrorDirectories", "MirrorDirectory"]

_NAME: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_REACHED: Final = "reached"
_ENTRY_STRIDE: Final = 2 + HASH_BYTES


class MirrorDirectory(TileDirectory):
    """Implements :class:`foedus.node.ports.mirrors.Mirror`."""

    __slots__ = ("_root",)

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._root = directory

    def read(self, path: str) -> bytes:
        """Return the content under a path; of a partial one also out of a wider one.

        Raises:
            TileAbsentError: There is nothing under this path, nor anything wider.
            TileError: It names no tile or cannot be read.
        """
        try:
            return super().read(path)
        except TileAbsentError:
            wider = self._wider(path)
            if wider is None:
                raise
            address, stride = wider
            return super().read(address.path)[: parse_tile_path(path).width * stride]

    def reached(self) -> Checkpoint | None:
        """Return how far the copy goes; None where nothing usable says so."""
        try:
            return parse_checkpoint((self._root / _REACHED).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, CheckpointError):
            return None

    def reach(self, state: Checkpoint) -> None:
        """Keep durably how far the copy goes.

        Raises:
            TileError: It is not known to be stored.
        """
        try:
            replace_durably(self._root / _REACHED, state.text.encode())
        except OSError as error:
            raise TileError(f"the copy could not be written: {error.strerror}") from error

    def _wider(self, path: str) -> tuple[TileAddress, int] | None:
        """Return the narrowest file that begins with what a partial one would hold."""
        try:
            wanted = parse_tile_path(path)
        except TileError:
            return None
        if wanted.width == TILE_WIDTH:
            return None
        widths = []
        try:
            places = list((self._root / path).parent.iterdir())
        except OSError:
            places = []
        for place in places:
            if place.name.isdecimal() and wanted.width < int(place.name) < TILE_WIDTH:
                widths.append(int(place.name))  # noqa: PERF401  read as two steps
        width = min(widths, default=TILE_WIDTH)
        found = TileAddress(level=wanted.level, index=wanted.index, width=width)
        if not (self._root / found.path).exists():
            return None
        return found, HASH_BYTES if wanted.level is not None else _ENTRY_STRIDE


class MirrorDirectories:
    """Implements :class:`foedus.node.ports.mirrors.Mirrors`."""

    def __init__(self, directory: Path, *, locks: Path) -> None:
        """Keep copies below a directory, which is made with the first of them.

        Args:
            directory: Holds one directory for each log.
            locks: Where lock files lie.
        """
        self._directory = directory
        self._locks = locks

    def of(self, origin: str) -> MirrorDirectory:
        """Return the copy of a log, empty if there is none yet."""
        return MirrorDirectory(self._directory / _name(origin))

    def named(self, name: str) -> MirrorDirectory:
        """Return the copy under a name as it stands in a request.

        Raises:
            TileAbsentError: There is no such copy.
        """
        if _NAME.fullmatch(name) is None or not (self._directory / name).is_dir():
            raise TileAbsentError("there is no such copy")
        return MirrorDirectory(self._directory / name)

    @contextmanager
    def updating(self, origin: str) -> Iterator[bool]:
        """Take the one right to write a copy; gives False, at once, when another holds it."""
        with ExitStack() as held:
            try:
                held.enter_context(
                    exclusive(self._locks / f"mirror-{_name(origin)[:16]}", wait=False)
                )
                mine = True
            except StoreLockedError:
                mine = False
            yield mine


def _name(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()
