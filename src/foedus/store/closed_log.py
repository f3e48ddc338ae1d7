"""Set the files of a closed log aside, so that the log that follows it begins with none."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from foedus.ledger.errors import LedgerError
from foedus.store.errors import StoreBrokenError
from foedus.store.ledger_files import GuardFile, TileDirectory

__all__ = ["set_aside"]


def set_aside(ledger: Path, guard: Path, *, closed: str) -> None:
    """Move the tiles and the guarded head of a closed log out of the way; safe to repeat.

    Args:
        ledger: The directory of tiles; those of the closed log go beside it, under the hash of its
            origin.
        guard: The directory of the guard.
        closed: The origin of the closed log.

    Raises:
        StoreBrokenError: They cannot be moved.
        LedgerError: The guard cannot be read.
    """
    name = hashlib.sha256(closed.encode()).hexdigest()[:16]
    try:
        head = GuardFile(guard / "head", outside=ledger).load()
        if head is not None and head.origin == closed:
            (guard / "head").replace(guard / f"head-{name}")
            _sync(guard)
        if _shows(ledger, closed):
            ledger.rename(ledger.with_name(f"{ledger.name}-{name}"))
            _sync(ledger.parent)
    except OSError as error:
        raise StoreBrokenError(f"the closed log cannot be set aside: {error.strerror}") from error


def _shows(ledger: Path, origin: str) -> bool:
    try:
        note = TileDirectory(ledger).read("checkpoint")
    except LedgerError:
        # Tiles without a head are of a log whose first head was never signed.
        return (ledger / "tile").exists() and not (ledger / "checkpoint").exists()
    return note.partition(b"\n")[0] == origin.encode()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
