"""A bloc of real nodes: separate data directories, the real command line, real HTTP between them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

START_TRIES = 200


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class NodeProcess:
    """One member's node: its data directory, and its server when it runs."""

    member: str
    data: Path
    port: int
    advertised: int
    server: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        """Run one command of the command line and return its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "foedus", "--data", str(self.data), "--json", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if expect is not None:
            assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stderr}"
        result: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        result["exit"] = done.returncode
        result["stderr"] = done.stderr
        return result

    def popen(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one command and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "foedus", "--data", str(self.data), "--json", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def serve(self) -> None:
        """Start the server and wait until it answers."""
        assert self.server is None
        self.server = self.popen("serve")
        for _ in range(START_TRIES):
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=5).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
            assert self.server.poll() is None, f"the server of {self.member} ended"
        pytest.fail(f"the server of {self.member} does not answer")

    def stop(self) -> None:
        """End the server as an administrator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self.server is not None:
            self.server.send_signal(number)
            self.server.wait(30)
            self.server = None


@dataclass
class Bloc:
    """Members introduced to each other."""

    folder: Path
    nodes: dict[str, NodeProcess] = field(default_factory=dict)

    def __getitem__(self, member: str) -> NodeProcess:
        return self.nodes[member]

    def add(self, member: str, *, advertised: int | None = None) -> NodeProcess:
        port = free_port()
        node = NodeProcess(
            member=member,
            data=self.folder / member,
            port=port,
            advertised=advertised or port,
        )
        node.run(
            "init",
            "--member", member,
            "--name", f"Member {member}",
            "--address", f"http://127.0.0.1:{node.advertised}",
            "--port", str(port),
            "--exercise",
            "--pull-interval", "0",
        )  # fmt: skip
        self.nodes[member] = node
        return node

    def introduce_all(self) -> None:
        for node in self.nodes.values():
            letter = self.folder / f"{node.member}.letter"
            fingerprint = node.run("introduce", "-o", str(letter))["fingerprint"]
            for other in self.nodes.values():
                if other is not node:
                    other.run("peers", "add", str(letter), "--fingerprint", fingerprint)

    def serve_all(self) -> None:
        for node in self.nodes.values():
            node.serve()

    def stop_all(self) -> None:
        for node in self.nodes.values():
            node.kill()

    def pull_all(self, *, times: int = 1) -> None:
        for _ in range(times):
            for node in self.nodes.values():
                node.run("pull")

    def conclude(self, reservations: dict[str, Sequence[str]] | None = None) -> str:
        """Draft, adopt, sign and ratify the sample treaty; every node knows it afterwards."""
        first = next(iter(self.nodes.values()))
        text = self.folder / "treaty.md"
        treaty: str = first.run("treaty", "draft", "--depositary", first.member, "-o", str(text))[
            "treaty"
        ]
        first.run("treaty", "adopt", str(text))
        self.pull_all()
        for node in self.nodes.values():
            node.run("treaty", "sign")
            reserved = (reservations or {}).get(node.member, ())
            node.run("treaty", "ratify", *(part for r in reserved for part in ("--reserve", r)))
        self.pull_all()
        return treaty


@pytest.fixture
def bloc(tmp_path: Path) -> Iterator[Bloc]:
    """An empty bloc; whatever still runs at the end is killed."""
    made = Bloc(folder=tmp_path)
    yield made
    made.stop_all()


@pytest.fixture(scope="module")
def make_bloc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Bloc]]:
    """Make blocs that live as long as the test module."""
    made: list[Bloc] = []

    def build() -> Bloc:
        made.append(Bloc(folder=tmp_path_factory.mktemp("bloc")))
        return made[-1]

    yield build
    for each in made:
        each.stop_all()


assert os.name == "posix"
