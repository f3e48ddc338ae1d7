"""Leading one data directory: a lock file that the system takes from a process that ends."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

from foedus.store.errors import StoreLockedError
from foedus.store.locks import exclusive, is_held

__all__ = ["FileLead"]


class FileLead:
    """Implements :class:`foedus.node.lead.Lead` for the processes of one data directory.

    A process that is stopped and not ended keeps the lead: nobody can take a lock from it, and what
    it signs when it goes on is behind nothing.
    """

    def __init__(self, path: Path) -> None:
        """Lead by a lock file, which is made if absent and never removed."""
        self._path = path
        self._lock = threading.Lock()
        self._holding: ExitStack | None = None

    @property
    def held(self) -> bool:
        """Whether this process leads now."""
        return self._holding is not None

    @property
    def unsure(self) -> bool:
        """Never: all its processes share one guard."""
        return False

    def learnt(self) -> None:
        """Do nothing: what is known here is known to all."""

    def take(self) -> bool:
        """Take the lock if it is free."""
        with self._lock:
            if self._holding is not None:
                return True
            holding = ExitStack()
            try:
                holding.enter_context(exclusive(self._path, wait=False))
            except StoreLockedError:
                return False
            self._holding = holding
            return True

    def keep(self) -> bool:
        """Go on: a lock is not lost."""
        return self.held

    def leave(self) -> None:
        """Let the lock go."""
        with self._lock:
            holding, self._holding = self._holding, None
        if holding is not None:
            holding.close()

    def elsewhere(self) -> bool:
        """Whether another process holds the lock."""
        with self._lock:
            return self._holding is None and is_held(self._path)
