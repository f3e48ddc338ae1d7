"""Tokens on the command line: the id is shown in text, and a second revocation says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line


def test_a_token_is_named_and_revoked_once(cli: Line) -> None:
    made = cli("token", "create", "--user", "ana", "--scope", "read")
    assert made.code == Exit.DONE
    assert made.out.startswith("fds_")
    assert made.out.count("\n") == 1
    name = next(
        each["token"] for each in cli.json("token", "list")["tokens"] if each["token"] in made.err
    )
    assert cli("token", "revoke", name).out == f"Token {name} of ana is revoked.\n"
    again = cli("token", "revoke", name)
    assert again.code == Exit.DONE
    assert f"Token {name} of ana was revoked already, at 20" in again.out
    assert cli.json("token", "revoke", name)["already"] is True
