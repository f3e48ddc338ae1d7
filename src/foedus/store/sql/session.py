"""The session a statement runs in, and how a statement is written so that both engines run it.

A statement's text is constant, so that it is prepared once; it is plain SQL which SQLite and
PostgreSQL agree on, with these marks, which each engine's session rewrites once and remembers:

1. **Parameters** are ``?`` in order, ``?1`` by number (all or none of a statement), or ``:name``
   with a mapping. Values are int, str, bytes, bool (stored as 0 or 1) or None.
2. **Lists**: ``integers(?) w`` and ``texts(?) w`` are tables with the columns ``value`` and ``key``
   (its place, from 0); the parameter is a plain Python ``list``. An alias must follow. A list is
   one parameter however long it is: ``WHERE i.handle IN (SELECT value FROM integers(?) w)``, or
   ``FROM integers(?) w CROSS JOIN item i ON i.handle = w.value ORDER BY w.key``.
3. ``a CROSS JOIN b ON …`` says that ``a`` drives: SQLite then asks ``b`` once per row of ``a``;
   PostgreSQL plans by its own figures. An ``ON`` must follow. ``+i.type = ?`` keeps SQLite from an
   index on that column (PostgreSQL never sees the sign); ``joined(handle)`` is one text of numbers
   with commas between.
4. **Ids**: ``session.insert("INSERT INTO … RETURNING number", …)`` returns the id given. A column
   that numbers itself is ``INTEGER PRIMARY KEY`` in SQLite's migration and ``bigint PRIMARY KEY
   DEFAULT next_number('table', 'column')`` in PostgreSQL's: the highest plus one in both.
5. **Upserts** are ``INSERT … ON CONFLICT (key) DO UPDATE SET a = excluded.a``; a column that stands
   already is named with its table (``peer.checkpoint``), for PostgreSQL finds it ambiguous bare.
6. **Many rows**: ``run_many`` with one row of values each. It is one statement to PostgreSQL too
   when it is a plain ``INSERT INTO t (a, b) VALUES (?, ?)``, with ``ON CONFLICT`` or without.
7. Words: ``"user"`` is quoted (bare, PostgreSQL takes it for its own function); ``coalesce`` not
   ``ifnull``; ``CASE`` not ``iif`` nor ``max(a, b)``; ``substr`` of bytes with ``CAST(… AS
   integer)`` places; bytes are bound, not written ``x''``; ``||`` with text only; ``length`` as in
   either; no ``rowid``, ``PRAGMA``, ``OR IGNORE``, ``total``, ``group_concat``.
8. **Types** of columns: ``INTEGER`` and ``bigint``, ``TEXT`` and ``text`` (PostgreSQL's sorts by
   code point: the migration creates them with ``COLLATE "C"``), ``BLOB`` and ``bytea``. No text
   holds the character NUL, which PostgreSQL cannot keep: such text is bytes.

Order of positions: every writing transaction is alone (see ``Database.write``), so that whoever
takes ``max(position) + 1`` or an ``added`` instant in one commits in that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from foedus.store.sql.words import Shelf

__all__ = ["Parameters", "Row", "Session", "json_list"]

Row: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]

_encode = msgspec.json.Encoder().encode


def json_list(values: Iterable[object]) -> str:
    """Return a JSON array as text, for a column that holds one."""
    return _encode(list(values)).decode()


class Session(Protocol):
    """Runs statements while its transaction is open.

    Rows are fetched whole, so that every error arises inside the call, as a ``StoreError``.
    """

    @property
    def words(self) -> WordIndex:
        """The full-text index."""
        ...

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows of a query."""
        ...

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row of a query, or None."""
        ...

    def number(self, sql: str, parameters: Parameters = ()) -> int:
        """Return the one whole number a query yields; 0 when it yields none."""
        ...

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement that changes rows; returns how many it changed."""
        ...

    def insert(self, sql: str, parameters: Parameters = ()) -> int:
        """Run an INSERT that ends in RETURNING and return the id it gives."""
        ...

    def run_many(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run a statement once per row of parameters; returns how many rows changed in all."""
        ...

    def defer_names(self) -> None:
        """Check only at the commit that rows name what is stored, until this transaction ends."""
        ...

    def records_with(self, part: bytes) -> list[tuple[int, bytes]]:
        """Return position and record of every log entry whose record holds these bytes."""
        ...


class WordIndex(Protocol):
    """The words of titles and texts, by the ``added`` instant of their item.

    Drafts stand apart from the rest, so that erasing one costs by the number of drafts only; and
    what is neither draft nor visible stands apart from both, so that no search meets its words.
    """

    def index(self, session: Session, texts: Sequence[tuple[Shelf, int, str, str]]) -> None:
        """Index rows of (shelf, added instant in microseconds, title, further text)."""
        ...

    def move(
        self, session: Session, moves: Sequence[tuple[Shelf, int, int]], *, shelf: Shelf
    ) -> None:
        """Give indexed rows, (shelf before, added before, added now), a new instant and shelf."""
        ...

    def erase_drafts(self, session: Session, added: Sequence[int]) -> None:
        """Take drafts out of their index and out of its file."""
        ...

    def erase(self, session: Session, added: Sequence[int]) -> None:
        """Take rows of whatever state out of the index; what lingers goes with ``forget``."""
        ...

    def query(self, text: str) -> Mapping[str, object] | None:
        """Return the parameters of a query for all plain words, or None without a word."""
        ...

    def matching(self, shelf: Shelf) -> tuple[str, str, str]:
        """Return how a statement with a query's parameters finds rows.

        Args:
            shelf: Among what.

        Returns:
            A table with its alias ``t``; its condition; the expression of the added instant.
        """
        ...
