"""What tools read, counted in memory until it is written (:mod:`foedus.node.readings`, rule 3)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime

from foedus.errors import FoedusError
from foedus.node.ports import Database
from foedus.node.ports.readings import ToolReading

__all__ = ["ReadingTally"]


@dataclass(kw_only=True, eq=False, slots=True)
class ReadingTally:
    """Counts what tools read until it is written (rule 3). Safe for several threads."""

    _counts: dict[tuple[datetime, str, str, str, str], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _minute: datetime | None = None

    def note(self, reading: ToolReading) -> bool:
        """Count a reading; says whether a minute has passed, so that somebody should write.

        Args:
            reading: Its ``minute`` may be any instant; what it falls in is counted.
        """
        minute = _minute(reading.minute)
        key = (minute, reading.user, reading.token, reading.what, reading.purpose)
        with self._lock:
            over = self._minute is not None and minute > self._minute and bool(self._counts)
            self._minute = minute
            self._counts[key] = self._counts.get(key, 0) + reading.count
        return over

    def take(self, *, before: datetime | None = None) -> list[ToolReading]:
        """Take out what was counted in minutes that ended by an instant; all without one."""
        with self._lock:
            keys = [each for each in self._counts if before is None or each[0] < _minute(before)]
            return [
                ToolReading(
                    minute=key[0],
                    user=key[1],
                    token=key[2],
                    what=key[3],
                    purpose=key[4],
                    count=self._counts.pop(key),
                )
                for key in sorted(keys)
            ]

    def flush(self, database: Database, *, before: datetime | None = None) -> int:
        """Write what was counted; returns how many rows. What cannot be written is kept.

        Raises:
            FoedusError: The store failed.
        """
        taken = self.take(before=before)
        if not taken:
            return 0
        try:
            with database.write() as tx:
                tx.readings.add_tools(taken)
        except FoedusError:
            for each in taken:
                self.note(each)
            raise
        return len(taken)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
