"""Consents asked for, who passed what on to whom, feedback and deconfliction."""

from __future__ import annotations

from typing import Protocol

__all__ = ["OnwardStore"]


class OnwardStore(Protocol):
    """Consents asked for, who passed what on to whom, feedback and deconfliction."""
