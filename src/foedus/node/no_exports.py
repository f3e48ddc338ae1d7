"""A node without a folder for exports: the answer where none was wired."""

from __future__ import annotations

from foedus.node.errors import RefusedError

__all__ = ["NoExports"]


class NoExports:
    """Implements :class:`foedus.node.ports.exports.ExportFolder` by keeping nothing."""

    def write(self, name: str, data: bytes) -> None:  # noqa: ARG002  as the port has it
        """Keep nothing, and say so.

        Raises:
            RefusedError: Always.
        """
        raise RefusedError("this node has no folder for exports")

    def delete(self, name: str) -> None:
        """Nothing is there."""

    def names(self) -> frozenset[str]:
        """Return nothing."""
        return frozenset()
