from __future__ import annotations

import socket
from pathlib import Path

import pytest

from foedus.demo.bloc import choose_ports, make_bloc
from foedus.demo.errors import DirectoryError, PortError
from foedus.demo.members import MEMBERS

PORTS = list(range(20_000, 20_006))


def test_six_different_free_ports_are_found() -> None:
    assert len(set(choose_ports(None))) == len(MEMBERS)


def test_a_taken_port_is_named_with_what_helps() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        base = min(port, 65_530)
        with pytest.raises(PortError, match=f"port {port} is taken.*--port"):
            choose_ports(base)


def test_six_ports_beyond_the_last_are_refused() -> None:
    with pytest.raises(PortError, match="no 6 ports from 65533"):
        choose_ports(65_533)


def test_each_node_has_its_own_directory_port_and_letter(tmp_path: Path) -> None:
    bloc = make_bloc(tmp_path / "new", PORTS)
    assert [node.member for node in bloc.nodes] == list(MEMBERS)
    assert [node.port for node in bloc.nodes] == PORTS
    assert len({node.data for node in bloc.nodes} | {node.letter for node in bloc.nodes}) == 12
    assert bloc.first.address == "https://127.0.0.1:20000"


def test_a_directory_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(DirectoryError, match="not empty"):
        make_bloc(tmp_path, PORTS)
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DirectoryError, match="cannot be used"):
        make_bloc(tmp_path / "file" / "below", PORTS)


def test_work_is_done_at_each_node_and_kept_in_their_order(tmp_path: Path) -> None:
    bloc = make_bloc(tmp_path / "new", PORTS)
    assert bloc.each(lambda node: node.port) == dict(
        zip((member.code for member in MEMBERS), PORTS, strict=True)
    )
    assert list(bloc.each(lambda node: node.port, bloc.others)) == ["XB", "XC", "XD", "XE", "XF"]


def test_ending_a_bloc_that_never_started_does_nothing(tmp_path: Path) -> None:
    bloc = make_bloc(tmp_path / "new", PORTS)
    bloc.check_alive()
    bloc.end()
    bloc.end()
