"""One set of statements for every engine: what is stored of each concern, and how it is asked.

One module per concern holds the SQL of that concern against the :class:`~foedus.store.sql.session
.Session` of an engine; :mod:`foedus.store.sql.session` says how such a statement is written so that
SQLite and PostgreSQL both run it. What differs between them, each engine does behind its session.
"""

from __future__ import annotations

from foedus.store.sql.session import Session
from foedus.store.sql.transaction import StoredTransaction

__all__ = ["Session", "StoredTransaction"]
