"""Until when items are kept, and when they are looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.ports import ItemState
from foedus.node.ports.retention import (
    Dated,
    EndCause,
    RetainedBatch,
    RetentionFigures,
    TermsDates,
    Undated,
)
from foedus.store.sql.session import Row, Session

__all__ = ["StoredRetention"]

_NEVER: Final = 2**62
_HERE: Final = frozenset(
    {
        ItemState.HELD.value,
        ItemState.RESTRICTED.value,
        ItemState.QUARANTINED.value,
        ItemState.AWAITING.value,
    }
)
_STOOD: Final = ["accepted", "known", "held-for-law"]
"""Outcomes with which an item of a batch stood here; see :mod:`foedus.node.accept`."""

_OPENING: Final = "disclosure"
_SELECT: Final = (
    "SELECT r.handle, r.review, r.expiry, r.retain, r.ordered, r.why, r.kept, r.ends, i.state"
    " FROM retention r JOIN item i ON i.handle = r.handle"
)
_ORDERED: Final = (
    "UPDATE retention SET ordered = coalesce((SELECT min(d.at) FROM retention_day d"
    " WHERE d.handle = retention.handle), 4611686018427387904),"
    " why = coalesce((SELECT d.why FROM retention_day d WHERE d.handle = retention.handle"
    " ORDER BY d.at, d.why LIMIT 1), '')"
    " WHERE handle IN (SELECT value FROM integers(?) w)"
)
_ENDS: Final = (
    "UPDATE retention SET ends = CASE WHEN kept <> '' THEN 4611686018427387904"
    " WHEN expiry <= retain AND expiry <= ordered THEN expiry"
    " WHEN retain <= ordered THEN retain ELSE ordered END"
    " WHERE handle IN (SELECT value FROM integers(?) w)"
)


class StoredRetention:
    """Implements :class:`foedus.node.ports.retention.RetentionStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def set_end(self, handles: Sequence[int], at: datetime | None, why: str) -> None:
        """Let items end by a day because an order or duty says so; None takes its day away."""
        wanted = list(handles)
        if at is None:
            self._session.run(
                "DELETE FROM retention_day WHERE why = ?"
                " AND handle IN (SELECT value FROM integers(?) w)",
                (why, wanted),
            )
        else:
            self._session.run_many(
                "INSERT INTO retention_day (handle, why, at) VALUES (?, ?, ?)"
                " ON CONFLICT (handle, why) DO UPDATE SET at = excluded.at",
                [(handle, why, to_micros(at)) for handle in wanted],
            )
            self._session.run_many(
                "INSERT INTO retention (handle, why) VALUES (?, ?) ON CONFLICT (handle) DO NOTHING",
                [(handle, "") for handle in wanted],
            )
        self._session.run(_ORDERED, (wanted,))
        self._session.run(_ENDS, (wanted,))

    def undated(self, *, limit: int) -> Sequence[Undated]:
        """Return what entered a state since the last dated row, in order of ``added``."""
        rows = self._session.rows(
            "SELECT i.handle, t.terms_id, i.added, i.state FROM item i"
            " LEFT JOIN terms t ON t.terms = i.terms"
            " WHERE i.added > (SELECT value FROM counter WHERE name = 'retention_added')"
            " ORDER BY i.added LIMIT ?",
            (limit,),
        )
        return [
            Undated(
                handle=handle,
                terms_id=None if terms is None else ObjectId(terms),
                added=from_micros(added),
                kept_here=state in _HERE,
            )
            for handle, terms, added, state in rows
        ]

    def put_dates(self, dates: Sequence[TermsDates], *, upto: datetime | None) -> None:
        """Keep what terms say, and that everything up to an ``added`` instant is dated."""
        dated = [each for each in dates if each.review is not None or each.expiry is not None]
        bare = [each.handle for each in dates if each.review is None and each.expiry is None]
        self._session.run_many(
            "INSERT INTO retention (handle, review, expiry) VALUES (?, ?, ?)"
            " ON CONFLICT (handle) DO UPDATE SET review = excluded.review,"
            " expiry = excluded.expiry",
            [(each.handle, _stored(each.review), _stored(each.expiry)) for each in dated],
        )
        if bare:
            self._session.run(
                "UPDATE retention SET review = ?, expiry = ?"
                " WHERE handle IN (SELECT value FROM integers(?) w)",
                (_NEVER, _NEVER, bare),
            )
        if dates:
            self._session.run(_ENDS, ([each.handle for each in dates],))
        if upto is not None:
            self._session.run(
                "UPDATE counter SET value = ? WHERE name = 'retention_added'", (to_micros(upto),)
            )

    def retained(self, *, limit: int) -> Sequence[RetainedBatch]:
        """Return batches with a limit of keeping that were taken since the last one dated."""
        duties = self._session.rows(
            "SELECT d.number, d.member, l.in_lane, d.lane_count, d.at, d.due FROM duty d"
            " JOIN in_lane l ON l.sender = d.member AND l.name = d.lane"
            " WHERE d.kind = 'retain' AND +d.side = 'received'"
            " AND d.number > (SELECT value FROM counter WHERE name = 'retention_duty')"
            " ORDER BY d.number LIMIT ?",
            (limit,),
        )
        return [
            RetainedBatch(
                duty=number,
                member=MemberId(member),
                released=from_micros(at),
                due=from_micros(due),
                handles=self._batch(in_lane, last),
            )
            for number, member, in_lane, last, at, due in duties
        ]

    def put_retained(self, batches: Sequence[RetainedBatch]) -> None:
        """Keep limits of batches; of two for one item that of the newer release stands."""
        for batch in batches:
            self._session.run_many(
                "INSERT INTO retention (handle, retain, released) VALUES (?, ?, ?)"
                " ON CONFLICT (handle) DO UPDATE SET"
                " retain = CASE WHEN excluded.released >= retention.released"
                " THEN excluded.retain ELSE retention.retain END,"
                " released = CASE WHEN excluded.released >= retention.released"
                " THEN excluded.released ELSE retention.released END",
                [
                    (handle, min(to_micros(batch.due), _NEVER), to_micros(batch.released))
                    for handle in batch.handles
                ],
            )
            self._session.run(_ENDS, (list(batch.handles),))
            self._session.run(
                "UPDATE counter SET value = ? WHERE name = 'retention_duty'", (batch.duty,)
            )

    def due(self, at: datetime, *, limit: int) -> Sequence[Dated]:
        """Return what ended by an instant, the earliest first; rows of purged items included."""
        return self.ending(at, after=None, limit=limit)

    def ending(
        self, until: datetime, *, after: tuple[datetime, int] | None, limit: int
    ) -> Sequence[Dated]:
        """Return what ends by an instant, by (end, handle), later than ``after``."""
        return self._span("ends", until, after, limit)

    def reviewing(
        self, until: datetime, *, after: tuple[datetime, int] | None, limit: int
    ) -> Sequence[Dated]:
        """Return whose review comes by an instant, by (review, handle), later than ``after``."""
        return self._span("review", until, after, limit)

    def kept(self, *, after: int, limit: int) -> Sequence[Dated]:
        """Return what is kept past its end on a reserved ground, by handle."""
        rows = self._session.rows(
            _SELECT + " WHERE r.kept <> '' AND r.handle > ? ORDER BY r.handle LIMIT ?",
            (after, limit),
        )
        return [_dated(row) for row in rows]

    def of(self, handles: Sequence[int]) -> Sequence[Dated]:
        """Return the dates of items that have any, by handle."""
        rows = self._session.rows(
            _SELECT + " WHERE r.handle IN (SELECT value FROM integers(?) w) ORDER BY r.handle",  # noqa: S608  # all of ours
            (list(handles),),
        )
        return [_dated(row) for row in rows]

    def keep(self, handles: Sequence[int], ground: str) -> None:
        """Note that items are kept past their end; "" for the ground lets them end again."""
        wanted = list(handles)
        self._session.run(
            "UPDATE retention SET kept = ? WHERE handle IN (SELECT value FROM integers(?) w)",
            (ground, wanted),
        )
        self._session.run(_ENDS, (wanted,))

    def drop(self, handles: Sequence[int]) -> None:
        """Forget the dates of items that are no more."""
        for table in ("retention_day", "retention"):
            self._session.run(
                f"DELETE FROM {table} WHERE handle IN (SELECT value FROM integers(?) w)",  # noqa: S608  # both of ours
                (list(handles),),
            )

    def ended_duties(self, at: datetime, *, limit: int) -> Sequence[tuple[int, MemberId]]:
        """Return duties of retention past their day that are not done: (number, member)."""
        rows = self._session.rows(
            "SELECT d.number, d.member FROM duty d WHERE d.done IS NULL AND d.due <= ?"
            " AND d.kind = 'retain' AND +d.side = 'received'"
            " AND d.number <= (SELECT value FROM counter WHERE name = 'retention_duty')"
            " ORDER BY d.due, d.number LIMIT ?",
            (to_micros(at), limit),
        )
        return [(number, MemberId(member)) for number, member in rows]

    def figures(self, at: datetime, *, until: datetime, most: int) -> RetentionFigures:
        """Return how many items are due, end or are reviewed by an instant, counted to ``most``."""
        now, then = to_micros(at), to_micros(until)
        due, _ = self._count("ends", 0, now, most)
        ending, first_end = self._count("ends", now, then, most)
        reviews, first_review = self._count("review", 0, then, most)
        kept = self._session.number(
            "SELECT count(*) FROM (SELECT handle FROM retention WHERE kept <> '' LIMIT ?) k",
            (most,),
        )
        return RetentionFigures(
            due=due,
            ending=ending,
            reviews=reviews,
            kept=kept,
            first_end=first_end,
            first_review=first_review,
        )

    def _count(self, column: str, after: int, until: int, most: int) -> tuple[int, datetime | None]:
        row = self._session.row(
            f"SELECT count(*), min(at) FROM (SELECT r.{column} AS at FROM retention r"  # noqa: S608  # a closed choice
            f" JOIN item i ON i.handle = r.handle WHERE r.{column} > ? AND r.{column} <= ?"
            f" AND i.state <> 'discarded' ORDER BY r.{column} LIMIT ?) k",
            (after, until, most),
        )
        count, first = (0, None) if row is None else row
        return count, None if first is None else from_micros(first)

    def _span(
        self, column: str, until: datetime, after: tuple[datetime, int] | None, limit: int
    ) -> list[Dated]:
        at, handle = (0, -1) if after is None else (to_micros(after[0]), after[1])
        rows = self._session.rows(
            _SELECT + f" WHERE r.{column} <= ? AND (r.{column}, r.handle) > (?, ?)"
            f" ORDER BY r.{column}, r.handle LIMIT ?",
            (min(to_micros(until), _NEVER - 1), at, handle, limit),
        )
        return [_dated(row) for row in rows]

    def _batch(self, in_lane: int, last: int) -> tuple[int, ...]:
        """Return the items that stood here of the batch whose last row has a position."""
        opened = self._session.number(
            "SELECT position FROM in_row WHERE in_lane = ? AND position <= ? AND code = ?"
            " ORDER BY position DESC LIMIT 1",
            (in_lane, last, _OPENING),
        )
        rows = self._session.rows(
            "SELECT DISTINCT r.handle FROM in_row r JOIN item i ON i.handle = r.handle"
            " WHERE r.in_lane = ? AND r.position > ? AND r.position <= ?"
            " AND r.code IN (SELECT value FROM texts(?) w) ORDER BY r.handle",
            (in_lane, opened, last, _STOOD),
        )
        return tuple(handle for (handle,) in rows)


def _stored(at: datetime | None) -> int:
    return _NEVER if at is None else min(to_micros(at), _NEVER)


def _read(stored: int) -> datetime | None:
    return None if stored >= _NEVER else from_micros(stored)


def _dated(row: Row) -> Dated:
    handle, review, expiry, retain, ordered, why, kept, ends, state = row
    earliest = min(expiry, retain, ordered)
    causes = {expiry: EndCause.EXPIRY, retain: EndCause.RETAIN, ordered: EndCause.ORDERED}
    cause = None
    if earliest < _NEVER:
        cause = EndCause.EXPIRY if earliest == expiry else causes[earliest]
    return Dated(
        handle=handle,
        review=_read(review),
        expiry=_read(expiry),
        retain=_read(retain),
        ordered=_read(ordered),
        why=why,
        kept=kept,
        ends=_read(ends),
        cause=cause,
        state=ItemState(state),
    )
