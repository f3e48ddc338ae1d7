"""Full-text search whose answers are those of SQLite's index.

A row keeps its words, cut and folded, in order between spaces, and the hashes of them in an array
under a GIN index. A query is answered by the hashes; then each of its phrases must stand in title
or text. Cut and folding are SQLite's own (:func:`foedus.store.sql.words.folded`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from foedus.store.sql.session import Parameters, Session
from foedus.store.sql.words import folded, phrases

__all__ = ["Words", "hashes"]

_TABLES: Final = {False: "item_text", True: "draft_text"}
_INSERT: Final = {
    False: "INSERT INTO item_text (added, title, text, words) VALUES (?, ?, ?, ?)",
    True: "INSERT INTO draft_text (added, title, text, words) VALUES (?, ?, ?, ?)",
}
_MOVE: Final = (
    "INSERT INTO {to} (added, title, text, words) SELECT n.value, t.title, t.text, t.words"
    " FROM integers(?) o JOIN integers(?) n ON n.key = o.key JOIN {of} t ON t.added = o.value"
)
_DELETE: Final = "DELETE FROM {of} WHERE added IN (SELECT value FROM integers(?) w)"


def _hash(word: str) -> int:
    digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def hashes(*texts: str) -> list[int]:
    """Return the hashes of the words of folded texts."""
    return sorted({_hash(word) for text in texts for word in text.split()})


class Words:
    """Implements :class:`foedus.store.sql.session.WordIndex`."""

    __slots__ = ()

    def index(self, session: Session, texts: Sequence[tuple[bool, int, str, str]]) -> None:
        """Index rows of (whether a draft, added instant in microseconds, title, further text)."""
        by_table: dict[bool, list[Parameters]] = {True: [], False: []}
        for draft, added, title, text in texts:
            row = (folded(title), folded(text))
            by_table[draft].append((added, *row, hashes(*row)))
        for draft, rows in by_table.items():
            session.run_many(_INSERT[draft], rows)

    def move(
        self, session: Session, moves: Sequence[tuple[bool, int, int]], *, draft: bool
    ) -> None:
        """Give indexed rows, (draft before, added before, added now), a new instant and place."""
        by_table: dict[bool, dict[int, int]] = {True: {}, False: {}}
        for before, old, new in moves:
            by_table[before][old] = new
        for before, news in by_table.items():
            if news:
                tables = {"of": _TABLES[before], "to": _TABLES[draft]}
                session.run(_MOVE.format(**tables), (list(news), list(news.values())))
                session.run(_DELETE.format(**tables), (list(news),))

    def erase_drafts(self, session: Session, added: Sequence[int]) -> None:
        """Take drafts out of their index; what lingers goes with ``forget``."""
        session.run(_DELETE.format(of=_TABLES[True]), (list(added),))

    def erase(self, session: Session, added: Sequence[int]) -> None:
        """Take rows of whatever state out of the index; what lingers goes with ``forget``."""
        self.erase_drafts(session, added)
        session.run(_DELETE.format(of=_TABLES[False]), (list(added),))

    def query(self, text: str) -> Mapping[str, object] | None:
        """Return the parameters of a query for all plain words, or None without a word."""
        wanted = [folded(phrase) for phrase in phrases(text)]
        if not wanted or not all(wanted):
            return None
        return {"words": hashes(*wanted), "phrases": wanted}

    def matching(self, *, draft: bool) -> tuple[str, str, str]:
        """Return table, condition and instant with which a statement finds rows."""
        return (
            f"{_TABLES[draft]} t",
            "t.words @> ARRAY(SELECT value FROM integers(:words) w)"
            " AND NOT EXISTS (SELECT 1 FROM texts(:phrases) p WHERE"
            " strpos(t.title, p.value) = 0 AND strpos(t.text, p.value) = 0)",
            "t.added",
        )
