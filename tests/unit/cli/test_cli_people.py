"""`foedus user`: people, passwords, second factors, sessions."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line

PASSWORD = "seven blue lanterns"


def test_people_from_the_command_line(
    tmp_path: Path, bare: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(bare, data=tmp_path / "XA")
    node = replace(plain, user="admin")
    made = ("--member", "XA", "--name", "Member XA", "--address", "http://127.0.0.1:9")
    assert plain("init", *made, "--exercise").code == 0
    assert node("user", "add", "ana", "--role", "analyst").code == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\nanother line\n"))
    assert node.json("user", "password", "ana", "--stdin") == {
        "user": "ana",
        "temporary": True,
    }
    monkeypatch.setattr(sys, "stdin", io.StringIO("too short\n"))
    said = node("user", "password", "ana", "--stdin")
    assert said.code == 1
    assert "15 to 256 characters" in said.err
    assert "too short" not in said.err + said.out
    [ana] = [each for each in node.json("user", "list")["users"] if each["user"] == "ana"]
    assert (ana["signs on with"], ana["disabled"]) == (["password"], None)
    assert node.json("user", "sessions") == {"sessions": []}
    assert node("user", "sessions", "--end", "00").code == 3
    assert node("user", "sessions", "--end-all").code == 2
    assert node.json("user", "sessions", "ana", "--end-all")["ended"] == 0
    assert node("user", "totp", "--confirm", "1", "--drop", "ana").code == 2
    assert node("user", "totp").code == 1, "the administrator has no password"
    assert node("user", "totp", "--drop", "ana").code == 0
    assert node("user", "recovery").code == 1
    assert node("user", "unlock", "ana").code == 0
    assert "name no provider" in node("user", "oidc", "ana", "--subject", "7").err
    assert node("user", "oidc", "ana").code == 2
    assert node.json("user", "oidc", "ana", "--remove")["removed"] == 0
    assert node("user", "disable", "ana").code == 0
    assert "disabled" in node("user", "list").out
    ana_line = replace(plain, user="ana")
    assert "disabled" in ana_line("user", "totp").err
    assert node("user", "enable", "ana").code == 0
