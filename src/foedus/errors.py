"""The one base class of every error Foedus raises on purpose.

Each folder derives one base from it and specific errors from that. ``code`` is stable and may be
matched on; the message is for people and nothing parses it. A denial is a value
(:class:`foedus.release.Decision`), never an exception.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = ["FoedusError"]


class FoedusError(Exception):
    """Base of all errors raised on purpose.

    Attributes:
        code: Stable dotted name, the folder first, for example ``"ledger.inclusion"``.
    """

    code: ClassVar[str] = "foedus"
