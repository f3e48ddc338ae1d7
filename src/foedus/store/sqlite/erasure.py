"""What lingers of erased content in SQLite's files.

Deleted content is overwritten in the file (``secure_delete``); what lingers in the write-ahead
journal goes when :func:`empty_journal` has copied it over and cut it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from foedus.store.sqlite.session import translated

__all__ = ["empty_journal"]


def empty_journal(path: Path, *, timeout_s: float) -> bool:
    """Copy the write-ahead journal into the database and cut it, so that nothing erased lingers.

    Returns:
        Whether it was cut; False if another process was reading or writing all the while.
    """
    try:
        with closing(sqlite3.connect(path, timeout=timeout_s, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise translated(error) from error
    return not busy
