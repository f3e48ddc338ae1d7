"""How people of this node sign on: secrets as hashes, second factors, sessions."""

from __future__ import annotations

from typing import Protocol

__all__ = ["AccountStore"]


class AccountStore(Protocol):
    """How people of this node sign on: secrets as hashes, second factors, sessions."""
