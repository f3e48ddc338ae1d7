"""Full-text search in SQLite's own index (FTS5).

The index of SQLite 3.40 keeps the words of an erased row inside its segments until they are next
merged, though no search finds them. Drafts are thrown away often, so drafts have an index of their
own, and ``erase_drafts`` has it merged at once: that costs by the number of drafts only. What is
erased by order leaves a mark, and all are merged when the database forgets: that costs by all that
is indexed, once for however much was erased.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foedus.store.sql.session import Parameters, Session
from foedus.store.sql.words import Shelf, phrases, spaced

__all__ = ["FullText", "merge"]

_INSERT = {
    # Names of ours only.
    shelf: f"INSERT INTO {shelf} (rowid, title, text) VALUES (?, ?, ?)"  # noqa: S608
    for shelf in Shelf
}
_READ = {
    shelf: "SELECT t.rowid, t.title, t.text FROM integers(?) w"  # noqa: S608
    f" CROSS JOIN {shelf} t ON t.rowid = w.value"
    for shelf in Shelf
}
_DELETE = {shelf: f"DELETE FROM {shelf} WHERE rowid = ?" for shelf in Shelf}  # noqa: S608
_MERGE = {shelf: f"INSERT INTO {shelf} ({shelf}) VALUES ('optimize')" for shelf in Shelf}  # noqa: S608


class FullText:
    """Implements :class:`foedus.store.sql.session.WordIndex` on FTS5 tables, one a shelf."""

    __slots__ = ()

    def index(self, session: Session, texts: Sequence[tuple[Shelf, int, str, str]]) -> None:
        """Index rows of (shelf, added instant in microseconds, title, further text)."""
        by_shelf: dict[Shelf, list[Parameters]] = {}
        for shelf, added, title, text in texts:
            by_shelf.setdefault(shelf, []).append((added, spaced(title), spaced(text)))
        for shelf, rows in by_shelf.items():
            session.run_many(_INSERT[shelf], rows)

    def move(
        self, session: Session, moves: Sequence[tuple[Shelf, int, int]], *, shelf: Shelf
    ) -> None:
        """Give indexed rows, (shelf before, added before, added now), a new instant and shelf."""
        by_shelf: dict[Shelf, dict[int, int]] = {}
        for before, old, new in moves:
            by_shelf.setdefault(before, {})[old] = new
        texts: list[tuple[Shelf, int, str, str]] = []
        for before, news in by_shelf.items():
            rows = session.rows(_READ[before], (list(news),))
            texts += [(shelf, news[old], title, text) for old, title, text in rows]
            session.run_many(_DELETE[before], [(old,) for old in news])
        self.index(session, texts)

    def erase_drafts(self, session: Session, added: Sequence[int]) -> None:
        """Take drafts out of their index and out of its file."""
        session.run_many(_DELETE[Shelf.DRAFTS], [(each,) for each in added])
        session.run(_MERGE[Shelf.DRAFTS])

    def erase(self, session: Session, added: Sequence[int]) -> None:
        """Take rows of whatever state out of the index; what lingers goes with :func:`merge`."""
        for delete in _DELETE.values():
            session.run_many(delete, [(each,) for each in added])
        session.run("UPDATE counter SET value = 1 WHERE name = 'words_linger'")

    def query(self, text: str) -> Mapping[str, object] | None:
        """Return the parameters of a query for all plain words, or None without a word."""
        # Quoted, a phrase has no operators.
        quoted = ['"' + phrase.replace('"', '""') + '"' for phrase in phrases(text)]
        return {"words": " AND ".join(quoted)} if quoted else None

    def matching(self, shelf: Shelf) -> tuple[str, str, str]:
        """Return table, condition and instant with which a statement finds rows."""
        return f"{shelf} t", f"t.{shelf} MATCH :words", "t.rowid"


def merge(session: Session) -> None:
    """Merge the whole index, where words of erased rows linger in it."""
    if session.number("SELECT value FROM counter WHERE name = 'words_linger'"):
        for statement in _MERGE.values():
            session.run(statement)
        session.run("UPDATE counter SET value = 0 WHERE name = 'words_linger'")
