"""The store in one PostgreSQL database (15 or newer): for a member that outgrew one file.

Several processes, also on several machines, share it. It runs the statements of
:mod:`foedus.store.sql`; here stand connections, transactions, migrations, errors and the index of
words. Only this folder knows ``psycopg``, which is installed with the extra ``postgres``.
"""

from __future__ import annotations

from foedus.store.postgres.database import PostgresDatabase, PostgresReader, holds_store
from foedus.store.postgres.replica import Replica

__all__ = ["PostgresDatabase", "PostgresReader", "Replica", "holds_store"]
