"""A node that keeps no copies of other members' logs: the answer where none was wired."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.errors import TileAbsentError, TileError
from foedus.node.ports.mirrors import Mirror

__all__ = ["NoMirrors"]


class NoMirrors:
    """Implements :class:`foedus.node.ports.mirrors.Mirrors` by keeping nothing."""

    def of(self, origin: str) -> Mirror:  # noqa: ARG002  as the port has it
        """Return a copy that is always empty."""
        return _Nothing()

    @contextmanager
    def updating(self, origin: str) -> Iterator[bool]:  # noqa: ARG002  as the port has it
        """Never give the right to write."""
        yield False


class _Nothing:
    def read(self, path: str) -> bytes:
        raise TileAbsentError(f"{path} is absent")

    def write(self, path: str, data: bytes) -> None:  # noqa: ARG002  as the port has it
        raise TileError(f"{path} is not kept")

    def flush(self) -> None:
        """Nothing waits."""

    def reached(self) -> Checkpoint | None:
        return None

    def reach(self, state: Checkpoint) -> None:  # noqa: ARG002  as the port has it
        raise TileError("nothing is kept")

    def drop_partials(self, size: int, *, since: int = 0) -> int:  # noqa: ARG002  as the port
        return 0
