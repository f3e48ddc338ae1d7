"""`recover`: what it refuses, and the word of an administrator for members that are away."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.cli.exits import Exit
from foedus.store.locks import exclusive

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line


@pytest.fixture(name="restored")
def _restored(cli: Line, tmp_path: Path) -> Line:
    """A node put back from its backup, without its guard; the other member is away."""
    assert cli("backup", tmp_path / "backup", "--with-keys").code == Exit.DONE
    again = type(cli)(data=tmp_path / "again", capture=cli.capture, user="admin")
    assert again("restore", tmp_path / "backup").code == Exit.DONE
    return again


def test_a_log_is_not_closed_while_a_process_serves_it(restored: Line) -> None:
    assert restored.data is not None
    with exclusive(restored.data / "locks" / "serving", wait=False):
        said = restored("recover", "--close")
    assert said.code == Exit.REFUSED
    assert "`foedus serve` runs" in said.err
    assert "is closed" not in restored("recover").out
    closed = restored("recover", "--close")
    assert "/log is closed; " in closed.out + closed.err


def test_a_member_that_is_away_is_waited_for_unless_somebody_answers_for_it(
    restored: Line,
) -> None:
    said = restored("recover")
    assert said.code == Exit.REFUSED
    assert re.search(r"recover --without XB", said.out)
    assert restored("recover", "--without", "XZ").code == Exit.NOT_FOUND
    found = restored("--json", "recover", "--without", "XB").json
    assert found["without"] == ["XB"]
    assert "no member gave back" in found["why_not"]


def test_an_analyst_makes_no_backup(cli: Line, tmp_path: Path) -> None:
    ana = type(cli)(data=cli.data, capture=cli.capture, user="ana")
    assert ana("backup", tmp_path / "taken", "--with-keys").code == Exit.DENIED
    assert not (tmp_path / "taken").exists()


def test_a_node_restored_without_keys_says_what_to_do(cli: Line, tmp_path: Path) -> None:
    assert cli("backup", tmp_path / "backup").code == Exit.DONE
    again = type(cli)(data=tmp_path / "again", capture=cli.capture, user="admin")
    assert again("restore", tmp_path / "backup").code == Exit.DONE
    said = again("doctor")
    assert "put this node's keys there" in said.err


def test_an_analyst_does_not_recover(restored: Line) -> None:
    ana = type(restored)(data=restored.data, capture=restored.capture, user="ana")
    assert ana("recover", "--without", "XB").code == Exit.DENIED
