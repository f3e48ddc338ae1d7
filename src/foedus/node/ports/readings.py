"""Who read personal data, when and for what purpose; what was exported."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ReadingStore"]


class ReadingStore(Protocol):
    """Who read personal data, when and for what purpose; what was exported."""
