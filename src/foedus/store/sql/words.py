"""How text is cut for the full-text index: what every engine agrees on before its own words.

A query is plain words: each becomes a phrase, so that no operator of a search language can come
from outside. Han characters are indexed one by one, since Chinese text has no spaces: a word of
several is found as a phrase of neighbours.

Where the index is not SQLite's, cut and folding are still taken from SQLite's own tokenizer, a
character at a time, so that engines cannot differ: no case, no diacritics, whatever the script.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from enum import StrEnum
from typing import Final

from foedus.node.ports import ItemState

__all__ = ["Shelf", "folded", "phrases", "shelf_of", "spaced"]


class Shelf(StrEnum):
    """The tables of the index: no search on one of them meets a word of another."""

    SHOWN = "item_text"
    """What is visible."""
    DRAFTS = "draft_text"
    """Drafts, few enough to be merged whenever one is thrown away."""
    APART = "apart_text"
    """What is restricted, set aside, made for one recipient, or a document of the protocol."""


def shelf_of(state: str) -> Shelf:
    """Return where the words of items in a state stand."""
    match state:
        case ItemState.HELD:
            return Shelf.SHOWN
        case ItemState.DRAFT:
            return Shelf.DRAFTS
        case _:
            return Shelf.APART


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


_MOST_KNOWN: Final = 65_536


class _Folds(dict[int, str]):
    """What becomes of each character: its folded form, a space, or nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = threading.Lock()
        self._index: sqlite3.Connection | None = None

    def __missing__(self, code: int) -> str:
        with self._turn:
            if len(self) > _MOST_KNOWN:
                self.clear()
            self[code] = found = self._asked(code)
        return found

    def _asked(self, code: int) -> str:
        """Ask the tokenizer what it makes of a character within a word."""
        if code == 0:
            return " "
        if self._index is None:
            self._index = sqlite3.connect(":memory:", check_same_thread=False)
            self._index.executescript(
                "CREATE VIRTUAL TABLE t USING fts5 (x, tokenize = 'unicode61 remove_diacritics 2');"
                "CREATE VIRTUAL TABLE v USING fts5vocab (t, 'instance');"
            )
        self._index.execute("INSERT INTO t (x) VALUES (?)", (f"a{chr(code)}b",))
        found = self._index.execute("SELECT term FROM v ORDER BY offset").fetchall()
        self._index.execute("DELETE FROM t")
        return " " if len(found) != 1 else str(found[0][0])[1:-1]


_FOLDS: Final = _Folds()


def folded(text: str) -> str:
    """Return the words of a text, folded, each between two single spaces; "" for none."""
    words = spaced(text).translate(_FOLDS).split()
    return f" {' '.join(words)} " if words else ""
