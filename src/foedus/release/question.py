"""The question: may this leave, from whom to whom, under which article, for what, when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foedus.model.identifiers import ArticleId, MemberId, TreatyId

__all__ = ["DISCLOSE", "QUERY", "SCREEN", "Question"]

DISCLOSE = "disclose"
"""Give an item to another member."""

SCREEN = "screen"
"""Place an item in a list against which payments, goods or messages are compared."""

QUERY = "query"
"""Ask another member whether it holds an item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, asked of one treaty and one article.

    Attributes:
        treaty: The treaty relied on.
        article: The article relied on; None asks which article serves best and is answered only by
            :func:`foedus.release.decide.propose`.
        sender: Who would release.
        recipient: Who would receive.
        purpose: What for, one of the treaty's purposes.
        at: When; aware.
        action: ``disclose``, ``screen`` or ``query``.
    """

    treaty: TreatyId
    article: ArticleId | None
    sender: MemberId
    recipient: MemberId
    purpose: str
    at: datetime
    action: str = DISCLOSE
