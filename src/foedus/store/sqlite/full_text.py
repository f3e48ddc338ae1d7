"""Full-text search in SQLite's own index (FTS5).

The index of SQLite 3.40 keeps the words of an erased row inside its segments until they are next
merged, though no search finds them. Drafts are thrown away often, so drafts have an index of their
own, and ``erase_drafts`` has it merged at once: that costs by the number of drafts only. What is
erased by order leaves a mark, and both are merged when the database forgets: that costs by all that
is indexed, once for however much was erased.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foedus.store.sql.session import Parameters, Session
from foedus.store.sql.words import phrases, spaced

__all__ = ["FullText", "merge"]

_TABLES = {False: "item_text", True: "draft_text"}
_INSERT = {
    False: "INSERT INTO item_text (rowid, title, text) VALUES (?, ?, ?)",
    True: "INSERT INTO draft_text (rowid, title, text) VALUES (?, ?, ?)",
}
_READ = {
    False: "SELECT t.rowid, t.title, t.text FROM integers(?) w"
    " CROSS JOIN item_text t ON t.rowid = w.value",
    True: "SELECT t.rowid, t.title, t.text FROM integers(?) w"
    " CROSS JOIN draft_text t ON t.rowid = w.value",
}
_DELETE = {
    False: "DELETE FROM item_text WHERE rowid = ?",
    True: "DELETE FROM draft_text WHERE rowid = ?",
}
_MERGE = {
    "item_text": "INSERT INTO item_text (item_text) VALUES ('optimize')",
    "draft_text": "INSERT INTO draft_text (draft_text) VALUES ('optimize')",
}


class FullText:
    """Implements :class:`foedus.store.sql.session.WordIndex` on two FTS5 tables."""

    __slots__ = ()

    def index(self, session: Session, texts: Sequence[tuple[bool, int, str, str]]) -> None:
        """Index rows of (whether a draft, added instant in microseconds, title, further text)."""
        by_table: dict[bool, list[Parameters]] = {True: [], False: []}
        for draft, added, title, text in texts:
            by_table[draft].append((added, spaced(title), spaced(text)))
        for draft, rows in by_table.items():
            session.run_many(_INSERT[draft], rows)

    def move(
        self, session: Session, moves: Sequence[tuple[bool, int, int]], *, draft: bool
    ) -> None:
        """Give indexed rows, (draft before, added before, added now), a new instant and place."""
        by_table: dict[bool, dict[int, int]] = {True: {}, False: {}}
        for before, old, new in moves:
            by_table[before][old] = new
        texts: list[tuple[bool, int, str, str]] = []
        for before, news in by_table.items():
            rows = session.rows(_READ[before], (list(news),))
            texts += [(draft, news[old], title, text) for old, title, text in rows]
            session.run_many(_DELETE[before], [(old,) for old in news])
        self.index(session, texts)

    def erase_drafts(self, session: Session, added: Sequence[int]) -> None:
        """Take drafts out of their index and out of its file."""
        session.run_many(_DELETE[True], [(each,) for each in added])
        session.run("INSERT INTO draft_text (draft_text) VALUES ('optimize')")

    def erase(self, session: Session, added: Sequence[int]) -> None:
        """Take rows of whatever state out of both indexes; what lingers goes with :func:`merge`."""
        for delete in _DELETE.values():
            session.run_many(delete, [(each,) for each in added])
        session.run("UPDATE counter SET value = 1 WHERE name = 'words_linger'")

    def query(self, text: str) -> Mapping[str, object] | None:
        """Return the parameters of a query for all plain words, or None without a word."""
        # Quoted, a phrase has no operators.
        quoted = ['"' + phrase.replace('"', '""') + '"' for phrase in phrases(text)]
        return {"words": " AND ".join(quoted)} if quoted else None

    def matching(self, *, draft: bool) -> tuple[str, str, str]:
        """Return table, condition and instant with which a statement finds rows."""
        table = _TABLES[draft]
        return f"{table} t", f"t.{table} MATCH :words", "t.rowid"


def merge(session: Session) -> None:
    """Merge both indexes, where words of erased rows linger in them."""
    if session.number("SELECT value FROM counter WHERE name = 'words_linger'"):
        for table in _TABLES.values():
            session.run(_MERGE[table])
        session.run("UPDATE counter SET value = 0 WHERE name = 'words_linger'")
