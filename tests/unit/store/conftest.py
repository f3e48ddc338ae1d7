"""One suite for every implementation of the store: a test that takes ``database`` runs on each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foedus.model.identifiers import MemberId
from foedus.node.ports import Database
from foedus.store import SQLiteDatabase


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    assert request.param == "sqlite"
    store = SQLiteDatabase(tmp_path / "node.db", member=MemberId("XA"))
    yield store
    store.close()
