"""Challenges of persons against what is held on them."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ChallengeStore"]


class ChallengeStore(Protocol):
    """Challenges of persons against what is held on them."""
