"""The lease of the leading process, and the head it may have signed last, as rows.

Every statement compares by the database's clock: machines need not agree on theirs. Each call is a
transaction of its own on a connection of its own, so that it never waits for the writer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.errors import HeadMovedError
from foedus.node.errors import LeadLostError
from foedus.node.ports.lease import LeaseRow, SharedHead
from foedus.store.postgres.side import SideConnection

__all__ = ["PostgresLeases", "PostgresNonces"]

_TIDY_EVERY: Final = 512
_LOST: Final = "another process leads this node now: nothing was signed"


class PostgresLeases:
    """Implements :class:`foedus.node.ports.lease.LeaseStore`."""

    def __init__(self, side: SideConnection) -> None:
        """Keep them over a connection of their own."""
        self._side = side

    def close(self) -> None:
        """Close the connection."""
        self._side.close()

    def row(self) -> LeaseRow | None:
        """Return the lease."""
        found = self._side.run(
            lambda connection: connection.execute(
                "SELECT holder, place, fence, expires > clock_timestamp() FROM lease"
            ).fetchone()
        )
        return None if found is None else _row(*found)

    def take(self, holder: str, *, for_s: float) -> LeaseRow | None:
        """Take it if nobody holds it."""
        found = self._side.run(
            lambda connection: connection.execute(
                "INSERT INTO lease (holder, place, fence, expires)"
                " VALUES (%s, '', 1, clock_timestamp() + %s)"
                " ON CONFLICT (only_row) DO UPDATE SET holder = excluded.holder,"
                " fence = lease.fence + 1, expires = excluded.expires"
                " WHERE lease.expires <= clock_timestamp()"
                " RETURNING holder, place, fence, true",
                (holder, timedelta(seconds=for_s)),
            ).fetchone()
        )
        return None if found is None else _row(*found)

    def settle(self, holder: str, fence: int, place: str) -> None:
        """Name the holder's place."""

        def settled(connection: psycopg.Connection[Any]) -> None:
            _refuse_lost(connection, holder, fence)
            connection.execute("UPDATE lease SET place = %s", (place,))

        self._side.run(settled, together=True)

    def renew(self, holder: str, fence: int, *, for_s: float) -> bool:
        """Hold it for longer."""
        return self._side.run(
            lambda connection: (
                connection.execute(
                    "UPDATE lease SET expires = clock_timestamp() + %s"
                    " WHERE holder = %s AND fence = %s AND expires > clock_timestamp()",
                    (timedelta(seconds=for_s), holder, fence),
                ).rowcount
                == 1
            )
        )

    def release(self, holder: str, fence: int) -> None:
        """Let it go."""
        self._side.run(
            lambda connection: connection.execute(
                "UPDATE lease SET expires = clock_timestamp() WHERE holder = %s AND fence = %s",
                (holder, fence),
            )
        )

    def head(self, origin: str) -> SharedHead | None:
        """Return the shared head."""
        found = self._side.run(
            lambda connection: connection.execute(
                "SELECT size, root, note FROM shared_head WHERE origin = %s", (origin,)
            ).fetchone()
        )
        if found is None:
            return None
        size, root, note = found
        return SharedHead(head=Checkpoint(origin, size, bytes(root)), note=bytes(note))

    def advance(self, old: Checkpoint | None, new: Checkpoint, *, holder: str, fence: int) -> None:
        """Move the shared head under the fence."""

        def moved(connection: psycopg.Connection[Any]) -> None:
            _refuse_lost(connection, holder, fence)
            found = connection.execute(
                "SELECT size, root FROM shared_head WHERE origin = %s FOR UPDATE", (new.origin,)
            ).fetchone()
            if found is not None:
                size, root = found[0], bytes(found[1])
                # Behind what the guard knows it may be: a database put back in time.
                ahead = old is None or old.origin != new.origin or size > old.size
                if ahead or (old is not None and size == old.size and root != old.root):
                    raise HeadMovedError("another process moved the head")
            connection.execute(
                "INSERT INTO shared_head (origin, size, root, fence) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root,"
                " fence = excluded.fence",
                (new.origin, new.size, new.root, fence),
            )

        self._side.run(moved, together=True)

    def show(self, head: Checkpoint, note: bytes, *, holder: str, fence: int) -> None:
        """Keep the note of a head, unless a newer one is kept."""

        def shown(connection: psycopg.Connection[Any]) -> None:
            _refuse_lost(connection, holder, fence)
            connection.execute(
                "UPDATE shared_head SET note = %s, note_size = %s"
                " WHERE origin = %s AND note_size <= %s AND size >= %s",
                (note, head.size, head.origin, head.size, head.size),
            )

        self._side.run(shown, together=True)


def _refuse_lost(connection: psycopg.Connection[Any], holder: str, fence: int) -> None:
    """Hold the lease's row until the commit, so that nobody takes it in between."""
    held = connection.execute(
        "SELECT 1 FROM lease WHERE holder = %s AND fence = %s AND expires > clock_timestamp()"
        " FOR UPDATE",
        (holder, fence),
    ).fetchone()
    if held is None:
        raise LeadLostError(_LOST)


def _row(holder: str, place: str, fence: int, live: bool) -> LeaseRow:  # noqa: FBT001  a column
    return LeaseRow(holder=holder, place=place, fence=fence, live=live)


class PostgresNonces:
    """Nonces of signed requests, remembered by the processes of all machines."""

    def __init__(self, side: SideConnection, *, kept: timedelta) -> None:
        """Prepare.

        Args:
            side: A connection whose commits need not be durable.
            kept: How long a nonce is remembered at least.
        """
        self._side = side
        self._kept = kept
        self._count = 0

    def admit(self, key_id: str, nonce: str, now: datetime) -> bool:
        """Remember a nonce of a key; False if any process saw it within the window.

        Raises:
            StoreError: It cannot be remembered, so nothing may be let in by it.
        """
        self._count += 1
        tidy = self._count % _TIDY_EVERY == 0

        def admitted(connection: psycopg.Connection[Any]) -> bool:
            if tidy:
                connection.execute("DELETE FROM nonce WHERE seen < %s", (now - self._kept,))
            done = connection.execute(
                "INSERT INTO nonce (key_id, nonce, seen) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (key_id, nonce, now),
            )
            return done.rowcount == 1

        return self._side.run(admitted)

    def close(self) -> None:
        """Close the connection; safe to repeat."""
        self._side.close()
