"""Full-text search: how text is cut into words, and plain words made a query.

A query is plain words: each becomes a quoted phrase, so that no operator of the search language can
come from outside. Han characters are indexed one by one, since Chinese text has no spaces: a word
of several is found as a phrase of neighbours.

The index of SQLite 3.40 keeps the words of an erased row inside its segments until they are next
merged; they are no longer found. :func:`erase` therefore asks for the merge at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from foedus.store.sqlite.session import Session

__all__ = ["erase", "index", "match_all", "move"]

MAX_QUERY_WORDS = 32
"""Words read of a query; the rest is ignored."""

_HAN = re.compile("([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af])")
_HAS_WORD = re.compile(r"[^\W_]")


def _spaced(text: str) -> str:
    return text if text.isascii() else _HAN.sub(r" \1 ", text)


def match_all(text: str) -> str | None:
    """Return the query that all plain words occur, or None if the text holds no word."""
    words = text.replace("\0", " ").split(maxsplit=MAX_QUERY_WORDS)[:MAX_QUERY_WORDS]
    phrases = [_spaced(word).replace('"', '""') for word in words if _HAS_WORD.search(word)]
    return " AND ".join(f'"{phrase}"' for phrase in phrases) or None


def index(session: Session, texts: Iterable[tuple[int, str, str]]) -> None:
    """Index rows of (added instant in microseconds, title, further text)."""
    session.run_many(
        "INSERT INTO item_text (rowid, title, text) VALUES (?, ?, ?)",
        [(added, _spaced(title), _spaced(text)) for added, title, text in texts],
    )


def move(session: Session, moves: Sequence[tuple[int, int]]) -> None:
    """Give indexed rows a new added instant: pairs of (new, old)."""
    session.run_many("UPDATE item_text SET rowid = ? WHERE rowid = ?", moves)


def erase(session: Session, added: Sequence[tuple[int]]) -> None:
    """Take rows out of the index and out of its file."""
    session.run_many("DELETE FROM item_text WHERE rowid = ?", added)
    session.run("INSERT INTO item_text (item_text) VALUES ('optimize')")
