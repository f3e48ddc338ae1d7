"""What failed attempts to sign on cost: a delay that grows, and never more than a quarter hour.

1. The first :data:`FREE` failures cost nothing. Each further one doubles the delay until the next
   attempt is looked at, from :data:`FIRST_DELAY` to :data:`LONGEST_DELAY`.
2. An attempt within the delay is not looked at, is not counted, and does not lengthen it.
3. Failures are forgotten :data:`FORGOTTEN_AFTER` the last one.
4. Each attempt is counted before it is looked at and taken back if it was right, so that many at
   once gain nothing.

Nobody is locked out for ever: a device on which a user signed on before is counted by itself (its
token comes with the attempt), so that strangers who keep a name delayed do not delay its owner; and
an administrator may forget the failures.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

__all__ = ["FIRST_DELAY", "FORGOTTEN_AFTER", "FREE", "LONGEST_DELAY", "Failures", "failed_once"]

FREE: Final = 5
FIRST_DELAY: Final = timedelta(seconds=30)
LONGEST_DELAY: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(hours=24)
_DOUBLINGS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Failed attempts of one user or device.

    Attributes:
        count: How many.
        last: When the last one was.
    """

    count: int
    last: datetime

    @property
    def until(self) -> datetime:
        """From when on the next attempt is looked at."""
        if self.count < FREE:
            return self.last
        doublings = min(self.count - FREE, _DOUBLINGS)
        delay: timedelta = min(FIRST_DELAY * int(2**doublings), LONGEST_DELAY)
        return self.last + delay

    def wait_s(self, at: datetime) -> int:
        """Return the whole seconds to wait before the next attempt is looked at; 0 for none.

        A clock that was put back never makes it longer than the delay itself.
        """
        left = min(self.until - at, self.until - self.last)
        return max(0, -int(-left.total_seconds() // 1))


def failed_once(before: Failures | None, at: datetime) -> Failures:
    """Return the failures with one more."""
    forgotten = before is None or at - before.last >= FORGOTTEN_AFTER
    return Failures(count=1 if forgotten or before is None else before.count + 1, last=at)
