from __future__ import annotations

from pathlib import Path

import pytest

from foedus.demo.errors import CommandFailedError, NodeEndedError
from foedus.demo.members import FIRST
from foedus.demo.node_process import NodeProcess, run_foedus


@pytest.fixture
def node(tmp_path: Path) -> NodeProcess:
    """A node whose data directory is not there."""
    return NodeProcess(
        member=FIRST,
        data=tmp_path / "XA",
        port=20_000,
        letter=tmp_path / "letter",
        log=tmp_path / "log",
    )


def test_a_command_that_fails_is_named_with_its_code_and_words(node: NodeProcess) -> None:
    with pytest.raises(CommandFailedError, match=r"figures` ended with 1:\n.*not a node's data"):
        node.run("figures")


def test_an_exit_code_may_be_accepted(node: NodeProcess) -> None:
    answer = node.run("figures", accept=(0, 1))
    assert answer.exit == 1
    assert not answer.document
    assert "foedus init" in answer.words


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(CommandFailedError, match="something else than JSON"):
        run_foedus(["--version"])


def test_a_server_that_ends_is_told_of_with_its_last_words(node: NodeProcess) -> None:
    node.start()
    with pytest.raises(NodeEndedError, match=r"(?s)node of XA ended by itself.*not a node's data"):
        node.await_ready()
    node.end()
    node.await_end()
    node.check_alive()
