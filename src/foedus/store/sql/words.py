"""How text is cut for the full-text index: what every engine agrees on before its own words.

A query is plain words: each becomes a phrase, so that no operator of a search language can come
from outside. Han characters are indexed one by one, since Chinese text has no spaces: a word of
several is found as a phrase of neighbours.
"""

from __future__ import annotations

import re

__all__ = ["phrases", "spaced"]

MAX_QUERY_WORDS = 32
"""Words read of a query; the rest is ignored."""

_HAN = re.compile("([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af])")
_HAS_WORD = re.compile(r"[^\W_]")


def spaced(text: str) -> str:
    """Return text with each Han character apart."""
    return text if text.isascii() else _HAN.sub(r" \1 ", text)


def phrases(text: str) -> list[str]:
    """Return the phrases of a query, all of which must occur; none if the text holds no word."""
    words = text.replace("\0", " ").split(maxsplit=MAX_QUERY_WORDS)[:MAX_QUERY_WORDS]
    return [spaced(word) for word in words if _HAS_WORD.search(word)]
