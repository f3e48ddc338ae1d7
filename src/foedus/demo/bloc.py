"""The six nodes together: made, served, asked at once, ended."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from foedus.demo.errors import DirectoryError, PortError
from foedus.demo.members import FIRST, MEMBERS, OTHERS
from foedus.demo.node_process import HOST, NodeProcess

__all__ = ["Bloc", "at_once", "choose_ports", "make_bloc"]

AT_ONCE: Final = 4
"""Commands run at the same time."""

_LAST_PORT: Final = 65_535

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bloc:
    """The nodes in the order of their members, and the directory all their files are in."""

    folder: Path
    nodes: tuple[NodeProcess, ...]

    def __getitem__(self, code: str) -> NodeProcess:
        """Return the node of a member."""
        return next(node for node in self.nodes if node.member.code == code)

    @property
    def first(self) -> NodeProcess:
        """The node of the member that gives."""
        return self[FIRST.code]

    @property
    def others(self) -> tuple[NodeProcess, ...]:
        """The nodes of the members that receive."""
        return tuple(self[member.code] for member in OTHERS)

    def each(
        self, work: Callable[[NodeProcess], _Result], nodes: Sequence[NodeProcess] | None = None
    ) -> dict[str, _Result]:
        """Do the same at each node (all if none are named), several at a time.

        Returns:
            Member code → result, in the order of the nodes.

        Raises:
            DemoError: The first that any of them raised; those under way are finished first.
        """
        wanted = self.nodes if nodes is None else nodes
        results = at_once(work, wanted)
        return {node.member.code: result for node, result in zip(wanted, results, strict=True)}

    def check_alive(self) -> None:
        """Raise NodeEndedError if the server of a node that was started is not running."""
        for node in self.nodes:
            node.check_alive()

    def end(self) -> None:
        """End all servers in order; whoever is interrupted meanwhile kills them."""
        try:
            for node in self.nodes:
                node.end()
            for node in self.nodes:
                node.await_end()
        finally:
            for node in self.nodes:
                node.kill()


def at_once(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Do the same with each of several things, some at a time; results in the order of the things.

    Raises:
        DemoError: The first that any of them raised; those under way are finished first.
    """
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(work, items))


def make_bloc(folder: Path, ports: Sequence[int]) -> Bloc:
    """Lay out the directories of a bloc; nothing runs yet.

    Args:
        folder: An empty or absent directory.
        ports: One for each member.

    Raises:
        DirectoryError: The directory is not empty or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DirectoryError(
                f"{folder} is not empty; the demo keeps its data in an empty directory"
            )
        for name in ("letters", "logs", "receipts"):
            (folder / name).mkdir()
    except OSError as error:
        raise DirectoryError(f"{folder} cannot be used: {error.strerror}") from error
    return Bloc(
        folder=folder,
        nodes=tuple(
            NodeProcess(
                member=member,
                data=folder / member.code,
                port=port,
                letter=folder / "letters" / f"{member.code}.letter",
                log=folder / "logs" / f"{member.code}.log",
            )
            for member, port in zip(MEMBERS, ports, strict=True)
        ),
    )


def choose_ports(base: int | None) -> list[int]:
    """Return a port for each member: six from ``base`` on, or six that are free.

    Raises:
        PortError: One of the six is taken, or beyond the last there is.
    """
    count = len(MEMBERS)
    if base is not None and base + count - 1 > _LAST_PORT:
        raise PortError(f"there are no {count} ports from {base} on; choose a lower --port")
    wanted = [0] * count if base is None else list(range(base, base + count))
    ports = []
    with ExitStack() as held:  # all at once, so that no free port is chosen twice
        for port in wanted:
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise PortError(
                    f"port {port} is taken ({error.strerror}); choose six others with --port, or "
                    "leave it out to have free ones found"
                ) from error
            ports.append(int(probe.getsockname()[1]))
    return ports
