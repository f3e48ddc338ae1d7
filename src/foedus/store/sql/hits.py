"""Hits and what people made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foedus.clock import from_micros, to_micros
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import HitRow, HitState, NewHit
from foedus.store.errors import StoreMissingError
from foedus.store.sql.session import Row, Session

__all__ = ["StoredHits", "show_hits"]

_SELECT = (
    "SELECT number, arrived, held, kind, value, how, frequency, at, state, answered_by, reason"
    # What is restricted is shown to nobody, nor that it is like something else.
    " FROM hit WHERE hidden = 0"
)
_COUNTS = "SELECT state, count(*) FROM hit WHERE hidden = 0 GROUP BY state"
_OF_STATES = " AND number > ? AND state IN (SELECT value FROM texts(?) w) ORDER BY number LIMIT ?"


def show_hits(session: Session, handles: Sequence[int]) -> None:
    """Make the hits of items agree with whether both items of each are shown now."""
    asked = (list(handles),)
    # Two statements, each by an index of its own.
    for end, other in (("arrived", "held"), ("held", "arrived")):
        session.run(
            f"UPDATE hit SET hidden = CASE WHEN {end} IN"  # noqa: S608  one of two columns of ours
            f" (SELECT i.handle FROM integers(?1) w CROSS JOIN item i ON i.handle = w.value"
            "  AND i.state = 'restricted')"
            f" OR EXISTS (SELECT 1 FROM item o WHERE o.handle = hit.{other}"
            "  AND o.state = 'restricted') THEN 1 ELSE 0 END"
            f" WHERE {end} IN (SELECT value FROM integers(?1) w)",
            asked,
        )


class StoredHits:
    """Implements :class:`foedus.node.ports.HitStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, hits: Sequence[NewHit]) -> int:
        """Store hits not there yet (arrived, held, selector); returns how many were new.

        Raises:
            StoreMissingError: One of the two items is not stored.
        """
        return self._session.run_many(
            "INSERT INTO hit (arrived, held, kind, value, how, frequency, at, state, answered_by,"
            " reason) VALUES (?, ?, ?, ?, ?, ?, ?, 'open', '', '')"
            " ON CONFLICT (arrived, held, kind, value) DO NOTHING",
            [
                (
                    hit.arrived,
                    hit.held,
                    hit.selector.kind.value,
                    hit.selector.value,
                    hit.how,
                    hit.frequency,
                    to_micros(hit.at),
                )
                for hit in hits
            ],
        )

    def page(self, *, states: frozenset[HitState], after: int, limit: int) -> Sequence[HitRow]:
        """Return hits by number, greater than ``after``; no states means all."""
        rows = self._session.rows(
            _SELECT + _OF_STATES,
            (after, sorted(states or HitState), limit),
        )
        return [_hit(row) for row in rows]

    def get(self, number: int) -> HitRow | None:
        """Return one hit."""
        row = self._session.row(_SELECT + " AND number = ?", (number,))
        return None if row is None else _hit(row)

    def set_state(self, number: int, state: HitState, *, by: str, reason: str) -> None:
        """Record a person's answer.

        Raises:
            StoreMissingError: There is no such hit.
        """
        changed = self._session.run(
            "UPDATE hit SET state = ?, answered_by = ?, reason = ? WHERE number = ?",
            (state.value, by, reason, number),
        )
        if changed == 0:
            raise StoreMissingError(f"there is no hit {number}")

    def counts(self) -> Mapping[HitState, int]:
        """Return hits per state."""
        rows = self._session.rows(_COUNTS)
        return {HitState(state): count for state, count in rows}


def _hit(row: Row) -> HitRow:
    hit = NewHit(
        arrived=row[1],
        held=row[2],
        selector=Selector(SelectorKind(row[3]), row[4]),
        how=row[5],
        frequency=row[6],
        at=from_micros(row[7]),
    )
    return HitRow(number=row[0], hit=hit, state=HitState(row[8]), by=row[9], reason=row[10])
