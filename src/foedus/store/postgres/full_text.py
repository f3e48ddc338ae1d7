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
from foedus.store.sql.words import Shelf, folded, phrases

__all__ = ["Words", "hashes"]

_INSERT: Final = {
    # Names of ours only.
    shelf: f"INSERT INTO {shelf} (added, title, text, words) VALUES (?, ?, ?, ?)"  # noqa: S608
    for shelf in Shelf
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

    def index(self, session: Session, texts: Sequence[tuple[Shelf, int, str, str]]) -> None:
        """Index rows of (shelf, added instant in microseconds, title, further text)."""
        by_shelf: dict[Shelf, list[Parameters]] = {}
        for shelf, added, title, text in texts:
            row = (folded(title), folded(text))
            by_shelf.setdefault(shelf, []).append((added, *row, hashes(*row)))
        for shelf, rows in by_shelf.items():
            session.run_many(_INSERT[shelf], rows)

    def move(
        self, session: Session, moves: Sequence[tuple[Shelf, int, int]], *, shelf: Shelf
    ) -> None:
        """Give indexed rows, (shelf before, added before, added now), a new instant and shelf."""
        by_shelf: dict[Shelf, dict[int, int]] = {}
        for before, old, new in moves:
            by_shelf.setdefault(before, {})[old] = new
        for before, news in by_shelf.items():
            tables = {"of": before.value, "to": shelf.value}
            session.run(_MOVE.format(**tables), (list(news), list(news.values())))
            session.run(_DELETE.format(**tables), (list(news),))

    def erase_drafts(self, session: Session, added: Sequence[int]) -> None:
        """Take drafts out of their index; what lingers goes with ``forget``."""
        session.run(_DELETE.format(of=Shelf.DRAFTS.value), (list(added),))

    def erase(self, session: Session, added: Sequence[int]) -> None:
        """Take rows of whatever state out of the index; what lingers goes with ``forget``."""
        for shelf in Shelf:
            session.run(_DELETE.format(of=shelf.value), (list(added),))

    def query(self, text: str) -> Mapping[str, object] | None:
        """Return the parameters of a query for all plain words, or None without a word."""
        wanted = [folded(phrase) for phrase in phrases(text)]
        if not wanted or not all(wanted):
            return None
        return {"words": hashes(*wanted), "phrases": wanted}

    def matching(self, shelf: Shelf) -> tuple[str, str, str]:
        """Return table, condition and instant with which a statement finds rows."""
        return (
            f"{shelf} t",
            "t.words @> ARRAY(SELECT value FROM integers(:words) w)"
            " AND NOT EXISTS (SELECT 1 FROM texts(:phrases) p WHERE"
            " strpos(t.title, p.value) = 0 AND strpos(t.text, p.value) = 0)",
            "t.added",
        )
