"""Tombstones, and what is kept against an order on a reserved ground."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.node.ports.erasure import NewTombstone, ReservedRow
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.session import Session

__all__ = [
    "any_tombstone",
    "lift_tombstones",
    "release_items",
    "reserve_items",
    "reserved_items",
    "set_tombstones",
    "tombstones",
]


def any_tombstone(session: Session) -> bool:
    """Return whether anything is kept out at all."""
    return session.row("SELECT 1 FROM tombstone LIMIT 1") is not None


def tombstones(session: Session, marks: Sequence[bytes]) -> frozenset[bytes]:
    """Return which of these stand."""
    # They are kept as hex: bytes cannot travel in a list.
    rows = session.rows(
        "SELECT t.mark FROM texts(?) w CROSS JOIN tombstone t ON t.mark = w.value",
        (list({mark.hex() for mark in marks}),),
    )
    return frozenset(bytes.fromhex(mark) for (mark,) in rows)


def set_tombstones(
    session: Session, stones: Sequence[NewTombstone], *, erasure: int | None
) -> None:
    """Set tombstones; the first of a mark stands, unless it may be lifted and this one may not."""
    kinds: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for each in stones:
        kinds[each.kind][each.mark.hex()] = each.item or 0
    for kind, marks in kinds.items():
        # Item and mark travel in one text each, so that all are set by one statement.
        session.run(
            "INSERT INTO tombstone (mark, kind, item, erasure)"
            " SELECT substr(w.value, 20), :kind,"
            " nullif(CAST(substr(w.value, 1, 19) AS bigint), 0), :erasure"
            " FROM texts(:marks) w WHERE true"
            " ON CONFLICT (mark) DO UPDATE SET kind = excluded.kind, item = excluded.item,"
            " erasure = excluded.erasure WHERE tombstone.kind = 'narrow'",  # which may be lifted
            {
                "kind": kind,
                "erasure": erasure,
                "marks": [f"{item:019d}{mark}" for mark, item in sorted(marks.items())],
            },
        )


def lift_tombstones(session: Session, marks: Collection[bytes], *, kind: str) -> int:
    """Take away the tombstones of this kind of the items of these marks; returns how many."""
    return session.run_many(
        "DELETE FROM tombstone WHERE kind = ?1 AND (mark = ?2 OR item IN"
        " (SELECT t.item FROM tombstone t WHERE t.mark = ?2 AND t.kind = ?1))",
        [(kind, mark.hex()) for mark in marks],
    )


def reserve_items(session: Session, rows: Sequence[ReservedRow]) -> None:
    """Keep items on a ground; the newest word on one stands."""
    session.run_many(
        'INSERT INTO reserved_item (item, ground, reason, "user", at, until)'
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (item) DO UPDATE SET ground = excluded.ground,"
        ' reason = excluded.reason, "user" = excluded."user", at = excluded.at,'
        " until = excluded.until",
        [
            (row.item, row.ground, row.reason, row.user, to_micros(row.at), micros(row.until))
            for row in rows
        ],
    )


def reserved_items(
    session: Session, handles: Sequence[int], *, at: datetime
) -> Mapping[int, ReservedRow]:
    """Return which of these items are kept at an instant, and on what ground."""
    rows = session.rows(
        'SELECT r.item, r.ground, r.reason, r."user", r.at, r.until FROM integers(?) w'
        " CROSS JOIN reserved_item r ON r.item = w.value WHERE r.until IS NULL OR r.until > ?",
        (list(handles), to_micros(at)),
    )
    return {
        item: ReservedRow(
            item=item,
            ground=ground,
            reason=reason,
            user=user,
            at=from_micros(since),
            until=instant(until),
        )
        for item, ground, reason, user, since, until in rows
    }


def release_items(session: Session, handles: Sequence[int]) -> int:
    """End the grounds of items; returns how many had one."""
    return session.run(
        "DELETE FROM reserved_item WHERE item IN (SELECT value FROM integers(?) w)",
        (list(handles),),
    )
