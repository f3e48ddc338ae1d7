"""Evidence on the command line: verify, audit, policy, dossier, erase; plain words when refused."""

from __future__ import annotations

import shutil
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line

ID = "indicator--00000000-0000-4000-8000-000000000001"


@pytest.fixture(name="copy")
def _copy(cli: Line, tmp_path: Path) -> Path:
    """A copy of the node's published log."""
    assert cli.data is not None
    [head] = [path for path in cli.data.rglob("checkpoint") if "mirrors" not in path.parts]
    shutil.copytree(head.parent, tmp_path / "log")
    return tmp_path / "log"


@pytest.fixture(name="address")
def _address(copy: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(copy)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_log_is_audited_where_it_is(cli: Line, copy: Path, address: str) -> None:
    key = cli.json("ledger", "key")["key"]
    own = cli.json("ledger", "audit")
    for place in (str(copy), address):
        assert cli.json("ledger", "audit", place, "--key", key) == own
        said = cli("ledger", "audit", place)
        assert said.code == Exit.USAGE
        assert "whose log is it?" in said.err
    assert own["read"] == own["size"] > 0


def test_a_spoilt_copy_is_found_with_its_place(cli: Line, copy: Path) -> None:
    key = cli.json("ledger", "key")["key"]
    bundle = max((copy / "tile/entries/000.p").iterdir(), key=lambda path: int(path.name))
    data = bytearray(bundle.read_bytes())
    data[40] ^= 1
    bundle.write_bytes(data)
    said = cli("ledger", "audit", copy, "--key", key)
    assert said.code == Exit.NOT_PROVED
    assert "entry 1 is not the one in tile/0/000" in said.err


def test_only_what_is_new_is_audited(cli: Line, tmp_path: Path) -> None:
    head = tmp_path / "head"
    first = cli.json("ledger", "audit", "--save", head)
    again = cli.json("ledger", "audit", "--since", head)
    assert (again["size"], again["read"]) == (first["size"], 0)
    assert "0 of them new" in cli("ledger", "audit", "--since", head).out
    head.write_bytes(b"no head")
    assert cli("ledger", "audit", "--since", head).code == Exit.NOT_PROVED


@pytest.mark.parametrize(
    ("place", "said", "code"),
    [
        ("nowhere", "no folder, no address and no peer", Exit.USAGE),
        ("http://log.example", "neither https nor on this machine", Exit.UNREACHABLE),
        ("http://127.0.0.1:9", "cannot be reached", Exit.UNREACHABLE),
    ],
)
def test_a_place_that_is_none_is_refused(cli: Line, place: str, said: str, code: Exit) -> None:
    key = cli.json("ledger", "key")["key"]
    told = cli("ledger", "audit", place, "--key", key)
    assert told.code == code
    assert said in told.err


def test_a_log_that_is_not_open_is_no_fault_of_the_log(cli: Line, copy: Path, address: str) -> None:
    key = cli.json("ledger", "key")["key"]
    (copy / "checkpoint").unlink()
    told = cli("ledger", "audit", address, "--key", key)
    assert told.code == Exit.UNREACHABLE
    assert "not open to everybody (`ledger_public`)" in told.err


def test_the_policy_is_printed_and_written(cli: Line, tmp_path: Path) -> None:
    policy = cli.json("ledger", "policy")["policy"]
    assert policy.startswith("log ")
    cli("ledger", "policy", "-o", tmp_path / "policy")
    assert (tmp_path / "policy").read_text(encoding="utf-8") == policy
    assert cli("ledger", "audit", "--policy", tmp_path / "policy").code == Exit.DONE


def test_verify_needs_somebody_s_word_and_no_node(bare: Line, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"nothing")
    said = bare("verify", file)
    assert said.code == Exit.USAGE
    assert "whose word do you take?" in said.err
    key = "xa.example/log+2b2b3a54+ATNpKTcv+no"
    assert bare("verify", file, "--key", key).code == Exit.NOT_PROVED


def test_a_dossier_is_a_folder_and_a_zip_that_verify(cli: Line, tmp_path: Path) -> None:
    folder, packed = tmp_path / "d", tmp_path / "d.zip"
    built = cli.json("evidence", ID, "-o", folder, "--zip", packed)
    assert built["disclosures"] == 0
    assert "The item was disclosed to nobody by this node." in built["not_proved"]
    assert sorted(built["files"]) == sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    said = cli("verify", folder, "--policy", folder / "policy")
    assert said.code == Exit.DONE
    assert "The dossier is whole" in said.out
    told = cli("verify", packed, "--policy", folder / "policy")
    assert told.code == Exit.USAGE
    assert "is a ZIP file: unpack it" in told.err
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert cli("verify", tmp_path / "unpacked/dossier", "--policy", folder / "policy").code == 0
    again = cli("evidence", ID, "-o", folder)
    assert again.code == Exit.USAGE
    assert "is not empty" in again.err
    assert cli("evidence", ID).code == Exit.USAGE


def test_what_is_erased_answers_with_its_order(cli: Line, tmp_path: Path) -> None:
    assert cli("erase", ID, "--order", " ", "--reason", "x").code == Exit.REFUSED
    done = cli.json("erase", ID, "--order", "DPA 7/2026", "--reason", "unfounded")
    assert (done["versions"], done["given to"]) == (1, [])
    for command in (("receipt", ID, "-o", tmp_path / "r"), ("evidence", ID, "-o", tmp_path / "e")):
        said = cli(*command)
        assert said.code == Exit.NOT_FOUND
        assert "erased under order DPA 7/2026 on" in said.err
    again = cli("erase", ID, "--order", "DPA 8/2026", "--reason", "x")
    assert again.code == Exit.NOT_FOUND
    assert "erased under order DPA 7/2026 on" in again.err
    assert cli("show", ID).code == Exit.NOT_FOUND
    assert cli.json("search", "sign")["items"] == []
    assert cli("ledger", "audit").code == Exit.DONE
