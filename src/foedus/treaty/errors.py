"""Errors of the treaty folder: one base, specific errors beside the code that raises them."""

from __future__ import annotations

from typing import ClassVar

from foedus.errors import FoedusError

__all__ = ["TreatyError"]


class TreatyError(FoedusError):
    """Base of every error about treaties, instruments and letters of credence."""

    code: ClassVar[str] = "treaty"
