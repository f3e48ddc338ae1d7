"""Local numbers: one sequence per UTC year, without gaps, given inside the transaction."""

from __future__ import annotations

from foedus.store.sql.session import Session

__all__ = ["NumberSequence"]


class NumberSequence:
    """The sequence of one year while a transaction takes from it.

    Args:
        session: The writing transaction.
        year: UTC year.
    """

    def __init__(self, session: Session, year: int) -> None:
        self._session = session
        self.year = year
        self._stored = self._last = session.number(
            "SELECT last FROM number_sequence WHERE year = ?", (year,)
        )

    def take(self) -> int:
        """Return the next number."""
        self._last += 1
        return self._last

    def save(self) -> None:
        """Keep how far the sequence was taken; the transaction commits it with the rows."""
        if self._last != self._stored:
            self._session.run(
                "INSERT INTO number_sequence (year, last) VALUES (?, ?)"
                " ON CONFLICT (year) DO UPDATE SET last = excluded.last",
                (self.year, self._last),
            )
            self._stored = self._last
