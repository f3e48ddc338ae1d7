"""Requests for information, asked and received, and their clocks."""

from __future__ import annotations

from typing import Protocol

__all__ = ["RequestStore"]


class RequestStore(Protocol):
    """Requests for information, asked and received, and their clocks."""
