"""The folder of exports that lie under this node's control."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ExportFolder"]


class ExportFolder(Protocol):
    """Files by their names; a name is one this node gave, never a path from outside."""

    def write(self, name: str, data: bytes) -> None:
        """Keep a file, durably, readable by its owner only; an older one of that name is replaced.

        Raises:
            FoedusError: It is not known to be stored.
        """
        ...

    def delete(self, name: str) -> None:
        """Take a file away, durably; one that is not there is gone already.

        Raises:
            FoedusError: It may still be there.
        """
        ...

    def names(self) -> frozenset[str]:
        """Return the names of the exports that lie there.

        Raises:
            FoedusError: The folder cannot be read.
        """
        ...
