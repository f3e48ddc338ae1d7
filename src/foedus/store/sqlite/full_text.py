"""Full-text search: how text is cut into words, and plain words made a query.

A query is plain words: each becomes a quoted phrase, so that no operator of the search language can
come from outside. Han characters are indexed one by one, since Chinese text has no spaces: a word
of several is found as a phrase of neighbours.

The index of SQLite 3.40 keeps the words of an erased row inside its segments until they are next
merged, though no search finds them. What is erased here are drafts, so drafts have an index of
their own, and :func:`erase` has it merged at once: that costs by the number of drafts only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from foedus.node.ports import ItemState
from foedus.store.sqlite.session import Parameters, Session, json_list

__all__ = ["erase", "erase_any", "index", "match_all", "move", "text_table"]

MAX_QUERY_WORDS = 32
"""Words read of a query; the rest is ignored."""

_HAN = re.compile("([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af])")
_HAS_WORD = re.compile(r"[^\W_]")

_INSERT = "INSERT INTO item_text (rowid, title, text) VALUES (?, ?, ?)"
_INSERT_DRAFT = "INSERT INTO draft_text (rowid, title, text) VALUES (?, ?, ?)"
_READ = {
    "item_text": "SELECT t.rowid, t.title, t.text FROM json_each(?) w"
    " CROSS JOIN item_text t ON t.rowid = w.value",
    "draft_text": "SELECT t.rowid, t.title, t.text FROM json_each(?) w"
    " CROSS JOIN draft_text t ON t.rowid = w.value",
}
_DELETE = {
    "item_text": "DELETE FROM item_text WHERE rowid = ?",
    "draft_text": "DELETE FROM draft_text WHERE rowid = ?",
}


def _spaced(text: str) -> str:
    return text if text.isascii() else _HAN.sub(r" \1 ", text)


def match_all(text: str) -> str | None:
    """Return the query that all plain words occur, or None if the text holds no word."""
    words = text.replace("\0", " ").split(maxsplit=MAX_QUERY_WORDS)[:MAX_QUERY_WORDS]
    phrases = [_spaced(word).replace('"', '""') for word in words if _HAS_WORD.search(word)]
    return " AND ".join(f'"{phrase}"' for phrase in phrases) or None


def text_table(state: ItemState) -> str:
    """Return the name of the index in which rows of a state stand."""
    return "draft_text" if state is ItemState.DRAFT else "item_text"


def index(session: Session, texts: Sequence[tuple[ItemState, int, str, str]]) -> None:
    """Index rows of (state, added instant in microseconds, title, further text)."""
    by_table: dict[str, list[Parameters]] = {"draft_text": [], "item_text": []}
    for state, added, title, text in texts:
        by_table[text_table(state)].append((added, _spaced(title), _spaced(text)))
    session.run_many(_INSERT_DRAFT, by_table["draft_text"])
    session.run_many(_INSERT, by_table["item_text"])


def move(session: Session, moves: Sequence[tuple[str, int, int]], state: ItemState) -> None:
    """Give indexed rows a new added instant and the index of a new state.

    Args:
        session: A writing transaction.
        moves: (state before, added before, added now).
        state: The state they all have now.
    """
    by_table: dict[str, list[tuple[int, int]]] = {"draft_text": [], "item_text": []}
    for before, old, new in moves:
        by_table[text_table(ItemState(before))].append((old, new))
    texts: list[tuple[ItemState, int, str, str]] = []
    for table, pairs in by_table.items():
        news = dict(pairs)
        rows = session.rows(_READ[table], (json_list(news),))
        texts += [(state, news[old], title, text) for old, title, text in rows]
        session.run_many(_DELETE[table], [(old,) for old in news])
    index(session, texts)


def erase(session: Session, added: Sequence[tuple[int]]) -> None:
    """Take drafts out of their index and out of its file."""
    session.run_many(_DELETE["draft_text"], added)
    session.run("INSERT INTO draft_text (draft_text) VALUES ('optimize')")


def erase_any(session: Session, added: Sequence[int]) -> None:
    """Take rows of whatever state out of both indexes and out of the file.

    The whole index is merged, at a cost by all that is indexed: for what is erased by order.
    """
    for statement in _DELETE.values():
        session.run_many(statement, [(each,) for each in added])
    session.run("INSERT INTO draft_text (draft_text) VALUES ('optimize')")
    session.run("INSERT INTO item_text (item_text) VALUES ('optimize')")
