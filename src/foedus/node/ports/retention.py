"""Review and expiry dates of what is held, and what was purged by them."""

from __future__ import annotations

from typing import Protocol

__all__ = ["RetentionStore"]


class RetentionStore(Protocol):
    """Review and expiry dates of what is held, and what was purged by them."""
