"""What a node keeps, and the one place that knows how.

The promises are in :mod:`foedus.node.ports`; this folder keeps them. Today there is one
implementation, :class:`SQLiteDatabase`, one file in the data directory. The published log and the
guard of its head are files beside it (:mod:`foedus.store.ledger_files`), because a guard must not
be restored together with the database it guards.
"""

from __future__ import annotations

from foedus.store.errors import StoreError
from foedus.store.ledger_files import GuardFile, TileDirectory
from foedus.store.sqlite.database import SQLiteDatabase

__all__ = ["GuardFile", "SQLiteDatabase", "StoreError", "TileDirectory"]
