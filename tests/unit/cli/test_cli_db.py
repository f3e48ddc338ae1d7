"""``foedus db``: where the store is, and moves of it."""

from __future__ import annotations

import shutil
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.cli.exits import Exit
from foedus.store.locks import exclusive

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line, Made

pytestmark = pytest.mark.sqlite


@pytest.fixture
def line(bare: Line, made: Made, tmp_path: Path) -> Line:
    shutil.copytree(made.a, tmp_path / "a")
    return replace(bare, data=tmp_path / "a", user="admin")


def test_a_node_on_sqlite_says_so(line: Line) -> None:
    [store] = line.json("db", "status")["stores"]
    assert (store["engine"], store["state"]) == ("SQLite", "")
    assert store["shape"] == store["newest_shape"]
    assert "The store has shape" in line("db", "migrate").out


def test_a_move_needs_an_address(line: Line) -> None:
    said = line("db", "move", "--to", "postgres")
    assert said.code == Exit.REFUSED
    assert "set FOEDUS_DATABASE_URL" in said.err


def test_a_node_goes_to_postgres_and_back(
    line: Line, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = line.json("peers", "list")
    url = new_database()
    monkeypatch.setenv("FOEDUS_DATABASE_URL", url)
    assert "db move" in line("peers", "list").err
    assert line.data is not None
    with exclusive(line.data / "locks" / "serving"):
        said = line("db", "move", "--to", "postgres")
        assert (said.code, "serves this node" in said.err) == (Exit.REFUSED, True)
    assert line("db", "move", "--to", "postgres").code == Exit.DONE
    assert line.json("peers", "list") == before
    states = [store["state"] for store in line.json("db", "status")["stores"]]
    assert states == ["moved to PostgreSQL", ""]
    monkeypatch.delenv("FOEDUS_DATABASE_URL")
    assert line("peers", "list").code == Exit.STORAGE
    monkeypatch.setenv("FOEDUS_DATABASE_URL", url)
    import psycopg  # noqa: PLC0415  # an extra

    guard = line.data / "guard" / "head"
    newest = guard.read_bytes()
    with psycopg.connect(url, autocommit=True) as server:
        row = server.execute("SELECT size FROM shared_head").fetchone()
        if row is None:  # nothing was published since: as another machine had done it
            origin, size, root = newest.decode().splitlines()[:3]
            server.execute(
                "INSERT INTO shared_head (origin, size, root, note, fence)"
                " VALUES (%s, %s, %s, '', 1)",
                (origin, int(size), b64decode(root)),
            )
    guard.unlink()  # this machine did not lead last
    moved = line.json("db", "move", "--to", "sqlite")["tables"]
    assert guard.read_bytes() == newest
    assert {each["name"]: each["rows"] for each in moved}["peer"] == 2
    assert "holds" in line("db", "move", "--to", "sqlite").err
    monkeypatch.delenv("FOEDUS_DATABASE_URL")
    assert line.json("peers", "list") == before
