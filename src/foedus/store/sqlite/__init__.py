"""The store in one SQLite file: what a small node needs, with nothing to administer.

Write-ahead logging lets readers go on while the one writer works; ``synchronous=FULL`` makes a
commit durable before it returns. :class:`~foedus.store.sqlite.database.SQLiteDatabase` opens the
file, brings it to the newest shape and hands out transactions; one module per concern holds the SQL
of that concern and nothing else in Foedus holds any.
"""

from __future__ import annotations

from foedus.store.sqlite.database import SQLiteDatabase

__all__ = ["SQLiteDatabase"]
