"""Writing many log entries at once.

Binding five values a row would cost more than storing them. So entries, salts and records travel
joined, each in one parameter, and are cut by their place within one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foedus.ledger.commitment import SALT_BYTES
from foedus.ledger.tree import HASH_BYTES
from foedus.node.ports.law import NewEntry
from foedus.store.errors import StoreBrokenError
from foedus.store.sql.session import Session

__all__ = ["append_rows"]

_LENGTH_BITS: Final = 20
"""A record's place is its start, shifted by so much, and its length."""

_BARE: Final = (
    "INSERT INTO ledger_entry (position, entry, at) WITH RECURSIVE n (i) AS"
    " (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)"
    " SELECT :first + i, substr(:entries, CAST(1 + 32 * i AS integer), 32), :at FROM n"
)
_WHOLE: Final = (
    "INSERT INTO ledger_entry (position, entry, at, salt, record)"
    " SELECT :first + w.key, substr(:entries, CAST(1 + 32 * w.key AS integer), 32), :at,"
    " substr(:salts, CAST(1 + 32 * w.key AS integer), 32),"
    " substr(:records, CAST(1 + (w.value >> 20) AS integer),"
    " CAST(w.value & 1048575 AS integer)) FROM integers(:places) w"
)
_ANY: Final = "INSERT INTO ledger_entry (position, entry, at, salt, record) VALUES (?, ?, ?, ?, ?)"


def append_rows(session: Session, entries: Sequence[NewEntry], *, first: int, at: int) -> None:
    """Write entries from a position on.

    Args:
        session: A writing transaction.
        entries: In order.
        first: Position of the first.
        at: Instant of all, in microseconds.

    Raises:
        StoreBrokenError: An entry is not 32 bytes long.
    """
    if not entries:
        return
    if any(len(each.entry) != HASH_BYTES for each in entries):
        raise StoreBrokenError(f"a log entry has {HASH_BYTES} bytes")
    joined = b"".join([each.entry for each in entries])
    salts = [each.salt for each in entries if each.salt is not None]
    records = [each.record for each in entries if each.record is not None]
    given = {"first": first, "entries": joined, "at": at}
    if not salts and not records:
        session.run(_BARE, {**given, "count": len(entries)})
    elif len(entries) == len(salts) == len(records) and _regular(salts, records):
        places, start = [], 0
        for record in records:
            places.append(start << _LENGTH_BITS | len(record))
            start += len(record)
        parts = {"salts": b"".join(salts), "records": b"".join(records)}
        session.run(_WHOLE, {**given, **parts, "places": list(places)})
    else:
        session.run_many(
            _ANY,
            [
                (position, each.entry, at, each.salt, each.record)
                for position, each in enumerate(entries, start=first)
            ],
        )


def _regular(salts: Sequence[bytes], records: Sequence[bytes]) -> bool:
    return all(len(salt) == SALT_BYTES for salt in salts) and all(
        0 < len(record) < 1 << _LENGTH_BITS for record in records
    )
