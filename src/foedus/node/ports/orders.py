"""Orders: what was ordered of whom, and how far each holder has come."""

from __future__ import annotations

from typing import Protocol

__all__ = ["OrderStore"]


class OrderStore(Protocol):
    """Orders: what was ordered of whom, and how far each holder has come."""
