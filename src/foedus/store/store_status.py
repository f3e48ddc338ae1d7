"""What keeps a node's store, without opening it as one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from foedus.store.opening import postgres_sides
from foedus.store.sqlite.migrate import APPLICATION_ID, migrations
from foedus.store.sqlite.session import translated

__all__ = ["StoreStatus", "status_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """One store.

    Attributes:
        engine: SQLite or PostgreSQL.
        version: Of the engine.
        shape: Number of the last step of its shape; 0 where it is empty.
        newest: That of this version of the software.
        size: Bytes.
        state: "" if the node can run on it; else why not.
    """

    engine: str
    version: str
    shape: int
    newest: int
    size: int
    state: str


def status_of(path: Path, url: str) -> list[StoreStatus]:
    """Return the stores of a node: that of its data directory, and that at an address.

    Args:
        path: The file of the store in the data directory.
        url: Address of a PostgreSQL database, or "".

    Raises:
        StoreError: One cannot be read.
    """
    found = []
    newest = migrations()[-1].number
    if path.exists():
        found.append(_sqlite(path, newest))
    if url:
        version, shape, size, mark = postgres_sides().look_at(url)
        found.append(
            StoreStatus(
                engine="PostgreSQL",
                version=version,
                shape=shape,
                newest=newest,
                size=size,
                state=_state(mark),
            )
        )
    return found


def _sqlite(path: Path, newest: int) -> StoreStatus:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (shape,) = connection.execute("PRAGMA user_version").fetchone()
            columns = connection.execute("PRAGMA table_info(node)").fetchall()
            mark = ""
            if any(row[1] == "moved" for row in columns):
                row = connection.execute("SELECT moved FROM node").fetchone()
                mark = "" if row is None else row[0]
    except sqlite3.Error as error:
        raise translated(error) from error
    return StoreStatus(
        engine="SQLite",
        version=sqlite3.sqlite_version,
        shape=shape,
        newest=newest,
        size=path.stat().st_size,
        state=_state(mark) if application == APPLICATION_ID else "no store of Foedus",
    )


def _state(mark: str | None) -> str:
    if mark is None:
        return "empty"
    if mark in {"arriving", "arrived"}:
        return "a move to it was not finished"
    return f"moved to {mark}" if mark else ""
