"""``foedus keys renew`` and ``keys accept``: what is asked, what is said, what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line, Made


@pytest.fixture(name="own")
def _own(cli: Line, made: Made, tmp_path: Path) -> Line:
    """A copy of XA's node, to be changed."""
    shutil.copytree(made.a, tmp_path / "XA")
    return replace(cli, data=tmp_path / "XA")


@pytest.fixture(name="other")
def _other(own: Line, made: Made, tmp_path: Path) -> Line:
    """A copy of XB's node, which has met XA."""
    shutil.copytree(made.b, tmp_path / "XB")
    other = replace(own, data=tmp_path / "XB")
    letter = tmp_path / "XA.letter"
    assert own("introduce", "-o", letter).code == Exit.DONE
    from foedus.node.lawbook import read_credence  # noqa: PLC0415  # heavy

    fingerprint = read_credence(letter.read_bytes()).authority.fingerprint
    assert other("peers", "add", letter, "--fingerprint", fingerprint).code == Exit.DONE
    return other


def keys_of(line: Line, purpose: str) -> list[dict[str, Any]]:
    found = line.json("keys", "list", "--member", "XA")["keys"]
    return [each for each in found if each["purpose"] == purpose]


def place(line: Line, name: str) -> Path:
    assert line.data is not None
    return line.data / "keys" / name


def test_a_missing_witness_key_is_told_and_made(own: Line) -> None:
    place(own, "witness.key").unlink()
    [told] = [each for each in own.json("doctor")["findings"] if each["subject"] == "witness key"]
    assert told["level"] == "note"
    assert "`foedus keys renew` makes one" in told["text"]
    done = own.json("keys", "renew")
    assert done["made"] == ["witness"]
    assert place(own, "witness.key").exists()
    assert sorted(each["state"] for each in keys_of(own, "witness")) == ["replaced", "speaks"]
    again = own("keys", "renew")
    assert again.code == Exit.REFUSED
    assert "name exactly these keys" in again.err


def test_a_new_key_is_named_and_a_restart_asked_for(own: Line) -> None:
    before = place(own, "witness.key").read_text()
    said = own("keys", "renew", "--new", "witness")
    assert said.code == Exit.DONE
    assert said.out.startswith("Full powers issued (instrument no. ")
    assert "restart `foedus serve`" in said.err
    assert place(own, "witness.key").read_text() != before


def test_a_new_node_key_travels_by_file(own: Line, other: Line, tmp_path: Path) -> None:
    before = place(own, "node.key").read_text()
    said = own("keys", "renew", "--new", "node")
    assert said.code == Exit.REFUSED
    assert "-o FILE" in said.err
    assert place(own, "node.key").read_text() == before, "nothing was made"
    file = tmp_path / "powers"
    done = own.json("keys", "renew", "--new", "node", "--new", "witness", "-o", file)
    assert (done["made"], done["file"]) == (["node", "witness"], str(file))

    taken = other.json("keys", "accept", file)
    assert (taken["member"], taken["instrument"]) == ("XA", done["instrument"])
    speaking = [each["key"] for each in keys_of(other, "node") if each["state"] == "speaks"]
    assert speaking == [each["key"] for each in keys_of(own, "node") if each["state"] == "speaks"]
    assert "Taken in: XA no." in other("keys", "accept", file).out


@pytest.mark.parametrize(
    ("case", "user", "arguments", "code"),
    [
        ("an analyst", "ana", ("keys", "renew", "--new", "witness"), Exit.DENIED),
        ("a key that is not made anew", "admin", ("keys", "renew", "--new", "log"), Exit.USAGE),
        ("no file", "admin", ("keys", "accept", "nowhere"), Exit.USAGE),
    ],
)
def test_what_is_refused_makes_no_key(
    own: Line, case: str, user: str, arguments: tuple[str, ...], code: Exit
) -> None:
    before = {file.name: file.read_bytes() for file in place(own, "").iterdir()}
    assert replace(own, user=user)(*arguments).code == code, case
    assert {file.name: file.read_bytes() for file in place(own, "").iterdir()} == before


def test_a_file_that_is_none_is_refused_in_words(other: Line, tmp_path: Path) -> None:
    file = tmp_path / "nothing"
    file.write_bytes(b"{}")
    said = other("keys", "accept", file)
    assert said.code == Exit.REFUSED
    assert "holds no full powers" in said.err


def test_without_the_authority_key_nothing_is_renewed(own: Line) -> None:
    place(own, "authority.key").unlink()
    before = place(own, "witness.key").read_text()
    said = own("keys", "renew", "--new", "witness")
    assert said.code != Exit.DONE
    assert "authority key is not on this machine" in said.err
    assert place(own, "witness.key").read_text() == before
