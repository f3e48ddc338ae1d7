"""What the machine can do with the same bytes and nothing around it: syncs, hashes, SQLite rows."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["Show", "hashes_per_s", "rows_per_s", "sync_ms"]

Show = Callable[[str, float, str], None]
"""Notes a figure: name, value, unit."""

_SYNCS = 200


def sync_ms(folder: Path, *, size: int = 200) -> float:
    """Return the median time of appending so many bytes to a file and ``fdatasync``, in ms."""
    descriptor = os.open(folder / "raw.sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    times = []
    try:
        for _ in range(_SYNCS):
            start = time.perf_counter()
            os.write(descriptor, b"\0" * size)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - start)
    finally:
        os.close(descriptor)
    return statistics.median(times) * 1e3


def hashes_per_s(record_bytes: int, *, count: int = 100_000) -> float:
    """Return item commitments a second if only their hashes are computed.

    Each is a commitment over so many bytes, a leaf, a node and a step of the lane: four hashes.
    """
    sha256 = hashlib.sha256
    record = os.urandom(record_bytes)
    short = os.urandom(32)
    start = time.perf_counter()
    for _ in range(count):
        sha256(record).digest()
        sha256(short).digest()
        sha256(short + short).digest()
        sha256(short + short).digest()
    return count / (time.perf_counter() - start)


def rows_per_s(path: Path, columns: str, rows: Sequence[Sequence[object]], *, unit: int) -> float:
    """Return rows a second into a bare SQLite table, durable (WAL, ``synchronous=FULL``).

    Args:
        path: The database file, made here.
        columns: Their definitions.
        rows: What is inserted.
        unit: Rows in one transaction.
    """
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA page_size=8192")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(f"CREATE TABLE t ({columns})")
    places = ", ".join("?" * len(rows[0]))
    statement = f"INSERT INTO t VALUES ({places})"  # noqa: S608 - question marks only
    start = time.perf_counter()
    for at in range(0, len(rows), unit):
        database.execute("BEGIN IMMEDIATE")
        database.executemany(statement, rows[at : at + unit])
        database.execute("COMMIT")
    taken = time.perf_counter() - start
    database.close()
    return len(rows) / taken
