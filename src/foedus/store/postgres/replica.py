"""A streaming replica, read where it is there and left alone for a while where it is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from foedus.model.identifiers import MemberId
from foedus.store.errors import StoreError
from foedus.store.postgres.database import BEGIN_READ, PostgresReader, roll_back
from foedus.store.postgres.session import PostgresSession
from foedus.store.sql.transaction import StoredTransaction

__all__ = ["Replica"]

AWAY_S: Final = 5.0
"""How long a replica that failed is left alone, in seconds."""

_PATIENCE: Final[dict[str, str | int | None]] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 2000,
    "options": "-c statement_timeout=2000",
}


class Replica(PostgresReader):
    """Reads a replica; whatever is wrong with it, the reader is told to ask the primary."""

    def __init__(
        self, url: str, *, member: MemberId, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            url: Where it is; it may hold a password and is never told.
            member: The member the data belongs to.
            clock: Seconds that never go back.
        """
        with suppress(psycopg.Error):  # what is malformed is told as one that is away
            asked = set(conninfo_to_dict(url))
            more = {name: value for name, value in _PATIENCE.items() if name not in asked}
            url = make_conninfo(url, **more)
        super().__init__(url, member=member)
        self._clock = clock
        self._away_until = 0.0

    @contextmanager
    def peek(self) -> Iterator[StoredTransaction | None]:
        """Open a consistent snapshot; gives None while the replica is away.

        It counts as away for a while once anything asked of it has failed.
        """
        connection = None
        if self._clock() >= self._away_until:
            try:
                connection = self._begun(BEGIN_READ)
            except StoreError:
                self._missed()
        if connection is None:
            yield None
            return
        session = PostgresSession(connection, self._words)
        try:
            yield StoredTransaction(session, self._member)
        finally:
            session.close()
            if connection.info.transaction_status != TransactionStatus.INTRANS:
                self._missed()
            roll_back(connection)
            self._pool.give_back(connection)

    def _missed(self) -> None:
        self._away_until = self._clock() + AWAY_S
        self._pool.drop()
