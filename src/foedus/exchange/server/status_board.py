"""Statuses of posts, kept for a day in the memory of one process.

Every post is done before it is answered, and its answer is the whole status. The board lets a tool
ask again; after a restart, or at another process, it is told that there is no such status, and may
safely post again, since an exact duplicate is a success.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from foedus.exchange.errors import NoSuchResourceError

__all__ = ["MAX_STATUSES", "MAX_STATUS_BYTES", "STATUS_HOURS", "StatusBoard"]

STATUS_HOURS: Final = 24
"""How long a status is kept, in hours."""

MAX_STATUSES: Final = 10_000
"""Most statuses kept; the oldest gives way."""

MAX_STATUS_BYTES: Final = 64 * 1024 * 1024
"""Most bytes of statuses kept; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class _Kept:
    owner: str
    at: datetime
    body: bytes = field(repr=False)


class StatusBoard:
    """Keeps statuses by id for their owners; safe for several threads."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    def keep(self, identifier: str, owner: str, body: bytes, *, at: datetime) -> None:
        """Keep the status of a post."""
        with self._lock:
            self._kept[identifier] = _Kept(owner, at, body)
            self._bytes += len(body)
            while self._kept and self._overfull(at):
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped.body)

    def get(self, identifier: str, owner: str, *, now: datetime) -> bytes:
        """Return the status its owner asks for.

        Raises:
            NoSuchResourceError: There is none, or it is another's.
        """
        with self._lock:
            kept = self._kept.get(identifier)
        if kept is None or kept.owner != owner or kept.at < now - timedelta(hours=STATUS_HOURS):
            raise NoSuchResourceError("no such status")
        return kept.body

    def _overfull(self, now: datetime) -> bool:
        oldest = next(iter(self._kept.values()))
        return (
            len(self._kept) > MAX_STATUSES
            or self._bytes > MAX_STATUS_BYTES
            or oldest.at < now - timedelta(hours=STATUS_HOURS)
        )
