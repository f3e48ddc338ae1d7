"""Which engine keeps a node's store: SQLite in its data directory, or PostgreSQL at an address.

A node must never run on two stores. So an address is refused while the data directory holds a store
that was not moved, and no store is begun in silence where a node's should be.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from foedus.model.identifiers import MemberId
from foedus.node.ports import Database
from foedus.store.errors import (
    StoreAwayError,
    StoreForeignError,
    StoreMissingError,
    StoreMovedError,
)
from foedus.store.sqlite import SQLiteDatabase

if TYPE_CHECKING:
    from foedus.store.postgres import PostgresDatabase

__all__ = [
    "NodeDatabase",
    "open_postgres",
    "open_store",
    "postgres_sides",
    "refuse_occupied",
    "stands_in",
]


class NodeDatabase(Database, Protocol):
    """A node's store, whatever keeps it."""

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the store into a SQLite file that does not exist."""
        ...

    def close(self) -> None:
        """Close every connection; safe to repeat."""
        ...


def open_store(
    path: Path, url: str, replica: str = "", *, member: MemberId, create: bool
) -> NodeDatabase:
    """Open a node's store.

    Args:
        path: The file of the store in the data directory.
        url: Address of a PostgreSQL database, or "" for the file.
        replica: Address of a replica of it, or "".
        member: Whose node it is.
        create: Whether to begin one where there is none.

    Raises:
        StoreError: It cannot be opened, there is none, or there are two.
    """
    if url:
        if stands_in(path):
            raise StoreMovedError(
                f"FOEDUS_DATABASE_URL is set, but this node's store stands in {path.name} of its "
                "data directory: unset it, or carry the store over with `foedus db move`"
            )
        return open_postgres(url, replica, member=member, create=create)
    if not create and not path.exists():
        raise StoreMissingError(
            f"the data directory holds no store ({path.name}): set FOEDUS_DATABASE_URL if the node "
            "runs on PostgreSQL, else restore a backup"
        )
    return SQLiteDatabase(path, member=member)


def open_postgres(
    url: str, replica: str = "", *, member: MemberId, create: bool
) -> PostgresDatabase:
    """Open a store on PostgreSQL.

    Raises:
        StoreError: It cannot be opened, there is none, or psycopg is not installed.
    """
    postgres = _postgres()
    copy = postgres.Replica(replica, member=member) if replica else None
    database: PostgresDatabase = postgres.PostgresDatabase(
        url, member=member, create=create, replica=copy
    )
    return database


def stands_in(path: Path) -> bool:
    """Return whether a file holds a store that its node runs on."""
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT moved FROM node").fetchone()
    except sqlite3.Error:
        # Of an older shape, or damaged: it was not moved.
        return True
    return row is None or row[0] == ""


def refuse_occupied(url: str) -> None:
    """Return when a store can be begun at an address; "" is none, and nothing is asked.

    Raises:
        StoreError: The database cannot be reached, or holds a store or another program's tables.
    """
    if not url:
        return
    if _postgres().holds_store(url):
        raise StoreForeignError(
            "the database that FOEDUS_DATABASE_URL names holds a node's store already; give an "
            "empty one"
        )


def postgres_sides() -> ModuleType:
    """Return what moves a store on PostgreSQL.

    Raises:
        StoreAwayError: The engine, which is an extra, is not installed.
    """
    _postgres()
    return import_module("foedus.store.postgres.moving")


def _postgres() -> ModuleType:
    """Return the engine, which is an extra.

    Raises:
        StoreAwayError: It is not installed.
    """
    try:
        return import_module("foedus.store.postgres")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "psycopg":
            raise
        raise StoreAwayError(
            "a store on PostgreSQL needs psycopg: install Foedus with the extra `postgres`"
        ) from error
