"""One suite for every implementation of the store: a test that takes ``database`` runs on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foedus.model.identifiers import MemberId
from foedus.node.ports import Database
from foedus.store import SQLiteDatabase

XA = MemberId("XA")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        store = SQLiteDatabase(tmp_path / "node.db", member=XA)
        yield store
        store.close()
        return
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    from foedus.store.postgres import PostgresDatabase  # noqa: PLC0415  # where it is installed

    other = PostgresDatabase(new_database(), member=XA)
    yield other
    other.close()
